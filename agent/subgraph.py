"""The state machine as a node of another graph, whose state is its own: one function makes the question of it, another its update of the answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda
from langchain_core.runnables.config import ensure_config, merge_configs
from langgraph.config import get_stream_writer

from ..graphs.answer import Answer
from ..graphs.events import Answered, Event
from ..graphs.rag import build_graph
from ..graphs.run import Graph, run
from ..graphs.state import RagInput
from .agent import Agent
from .asked import checked_input
from .inherited import SILENT
from .spans import recorded

Asks = Callable[[Any], str | Mapping[str, Any]]
"""Of the parent's state: the question, or a mapping of `question` and perhaps `history`, `filters` and `id`, as `Agent.ask` takes them."""
Gives = Callable[[Answer], dict[str, Any]]
"""Of the answer: the parent's update."""


class Subgraph(RunnableLambda[Any, dict[str, Any]]):
    """A node. Awaited, it runs the state machine as a subgraph of the parent: in its event loop, with its callbacks and its checkpointer, so that a
    run that was killed goes on where it was. Called synchronously it is one step of the parent, since some of its own are asynchronous.

    Either way its events stand in the parent's stream, mode "custom". Every run ends in an answer; see its `outcome`.
    """

    def __init__(self, agent: Agent, asks: Asks, gives: Gives) -> None:
        graph: Graph = build_graph().compile()

        def alone(state: Any) -> dict[str, Any]:
            write = get_stream_writer()
            for event in agent.stream(**_asked(asks(state))):
                if isinstance(event, Answered):
                    return gives(event.answer)
                write(event)
            raise RuntimeError("a run ended without an Answered event")

        def begin(asked: RagInput, config: RunnableConfig) -> AsyncIterator[Event]:
            return run(graph, agent.context(), asked, config=config)

        async def within(state: Any) -> dict[str, Any]:
            write = get_stream_writer()
            config = merge_configs(ensure_config(), RunnableConfig(tags=[SILENT]))
            async with aclosing(recorded(agent.corpus.name, checked_input(**_asked(asks(state))), config, begin)) as events:
                async for event in events:
                    if isinstance(event, Answered):
                        return gives(event.answer)
                    write(event)
            raise RuntimeError("a run ended without an Answered event")

        super().__init__(alone, within, name="passel")
        self._graph = graph

    @property
    def deps(self) -> list[Runnable[Any, Any]]:
        """Where LangGraph looks for a node's subgraph, to draw it and to read its state."""
        return [self._graph]


def question_of(state: Any) -> str:
    """The parent's key `question`."""
    return str(state["question"] if isinstance(state, Mapping) else state.question)


def answer_to(answer: Answer) -> dict[str, Any]:
    """The parent's key `answer`: the published form, without the candidates that were not chosen, since it is kept in every checkpoint."""
    return {"answer": answer.model_copy(update={"candidates": []}).model_dump(mode="json")}


def _asked(given: str | Mapping[str, Any]) -> dict[str, Any]:
    return {"question": given} if isinstance(given, str) else dict(given)
