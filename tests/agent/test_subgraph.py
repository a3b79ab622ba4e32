"""Agent.as_subgraph: the state machine inside other people's graphs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

from passel.agent.agent import Agent
from passel.graphs.answer import Answer
from passel.tools.corpus import Corpus
from passel.tools.errors import UsageError

BUILT = "Who built the Tarn Light?"


class Plain(TypedDict, total=False):
    question: str
    answer: dict[str, Any]


class Own(TypedDict, total=False):
    topic: str
    sources: list[str]
    verdict: str


def parent_of(agent: Agent, schema: Any, **mapping: Any) -> StateGraph[Any]:
    parent: StateGraph[Any] = StateGraph(schema)
    parent.add_node("research", agent.as_subgraph(**mapping))
    parent.add_edge(START, "research")
    parent.add_edge("research", END)
    return parent


OWN = {
    "asks": lambda state: {"question": f"Who built the {state['topic']}?", "filters": {"source": "light"}},
    "gives": lambda answer: {"sources": [citation.source for citation in answer.citations], "verdict": answer.outcome},
}


async def test_sync_and_async_parents_get_the_same(agent: Agent) -> None:
    parent = parent_of(agent, Plain).compile()
    awaited = Answer.model_validate((await parent.ainvoke({"question": BUILT}))["answer"])
    called = Answer.model_validate((await asyncio.to_thread(parent.invoke, {"question": BUILT}))["answer"])
    asked = await agent.aask(BUILT)
    for answer in (awaited, called):
        assert (answer.answer, answer.citations, answer.selected, answer.candidates) == (asked.answer, asked.citations, asked.selected, [])


async def test_a_parents_own_state_is_mapped(agent: Agent) -> None:
    parent = parent_of(agent, Own, **OWN).compile()
    result = await parent.ainvoke({"topic": "Tarn Light"})
    assert result == {"topic": "Tarn Light", "sources": ["light"], "verdict": "answered"}
    assert parent.invoke({"topic": "Tarn Light"}) == result


async def test_a_hosts_recursion_limit_is_its_own(agent: Agent) -> None:
    parent = parent_of(agent, Plain).compile()
    answer = Answer.model_validate((await parent.ainvoke({"question": BUILT}, {"recursion_limit": 4}))["answer"])
    assert (answer.outcome, answer.error) == ("answered", None)


@pytest.mark.parametrize("subgraphs", [False, True])
async def test_events_stand_in_the_parents_stream_once(agent: Agent, subgraphs: bool) -> None:
    parent = parent_of(agent, Own, **OWN).compile()
    seen = [chunk async for chunk in parent.astream({"topic": "Tarn Light"}, stream_mode="custom", subgraphs=subgraphs)]
    types = [(chunk[1] if subgraphs else chunk).type for chunk in seen]
    assert (types[0], types[-1]) == ("planned", "sentence")
    assert types.count("planned") == types.count("judged") == 1
    sync = [chunk.type for chunk in parent.stream({"topic": "Tarn Light"}, stream_mode="custom")]
    assert sync == types


async def test_the_nodes_inside_are_seen_by_whoever_asks_for_subgraphs(agent: Agent) -> None:
    parent = parent_of(agent, Own, **OWN).compile()
    assert {"research:select", "research:judge"} <= set(parent.get_graph(xray=True).nodes)
    updates = [update async for namespace, update in parent.astream({"topic": "Tarn Light"}, stream_mode="updates", subgraphs=True) if namespace]
    assert "select" in {name for update in updates for name in update}


async def test_a_killed_run_goes_on_in_the_middle(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent's checkpointer holds the state machine's own steps: what was searched is not searched again."""
    searches = 0
    lexical = Corpus.lexical

    def counted(self: Corpus, *args: Any) -> Any:
        nonlocal searches
        searches += 1
        return lexical(self, *args)

    class Killed(BaseException):
        pass

    class Dying:
        def __init__(self) -> None:
            self.alive = False

        def select(self, *args: Any, **options: Any) -> Any:
            if not self.alive:
                raise Killed
            return selector.select(*args, **options)

    monkeypatch.setattr(Corpus, "lexical", counted)
    selector, agent.selector = agent.selector, Dying()
    saver = InMemorySaver()
    parent = parent_of(agent, Own, **OWN).compile(checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "t"}}
    with pytest.raises(Killed):
        await parent.ainvoke({"topic": "Tarn Light"}, config, durability="sync")
    before = searches
    assert before > 0
    agent.selector.alive = True
    result = await parent.ainvoke(None, config, durability="sync")
    assert result["verdict"] == "answered"
    assert searches == before
    size = max(len(blob) for _, blob in saver.blobs.values())
    assert size < 100_000, "ids and numbers, no passages"


def test_a_sync_parent_may_have_a_checkpointer_that_knows_no_async(agent: Agent, tmp_path: Path) -> None:
    with SqliteSaver.from_conn_string(str(tmp_path / "parent.sqlite3")) as saver:
        parent = parent_of(agent, Own, **OWN).compile(checkpointer=saver)
        assert parent.invoke({"topic": "Tarn Light"}, {"configurable": {"thread_id": "t"}})["verdict"] == "answered"


async def test_a_second_question_on_the_parents_thread_starts_afresh(agent: Agent) -> None:
    parent = parent_of(agent, Plain).compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "t"}}
    await parent.ainvoke({"question": BUILT}, config)
    second = (await parent.ainvoke({"question": "How many people live in Brackwater?"}, config))["answer"]
    assert "4,100" in second["answer"]
    assert {query["query"] for query in second["queries"]} == {"How many people live in Brackwater?"}


async def test_a_bad_question_is_the_callers_mistake(agent: Agent) -> None:
    with pytest.raises(UsageError, match="empty"):
        await parent_of(agent, Plain).compile().ainvoke({"question": " "})
