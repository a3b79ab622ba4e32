"""Agent.as_tool: LangChain's own suites, and what another agent gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langchain_tests.integration_tests import ToolsIntegrationTests
from langchain_tests.unit_tests import ToolsUnitTests
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph

from passel.agent.agent import Agent
from passel.graphs.answer import Answer
from passel.tools.budget import Budget

BUILT = "Who built the Tarn Light?"


class _OfTheAgent:
    """What both suites want to know. The tool is made of an agent, by no constructor."""

    @pytest.fixture
    def tool(self, agent: Agent) -> BaseTool:
        return agent.as_tool()

    @property
    def tool_constructor(self) -> Any:
        return lambda **_: object()

    @property
    def tool_invoke_params_example(self) -> dict[str, Any]:
        return {"question": BUILT}


class TestStandardUnit(_OfTheAgent, ToolsUnitTests):
    pass


class TestStandardIntegration(_OfTheAgent, ToolsIntegrationTests):
    pass


def call(question: str, id: str = "1") -> Any:
    return {"name": "ask_documents", "args": {"question": question}, "id": id, "type": "tool_call"}


async def test_text_with_sources_and_the_answer_as_artifact(agent: Agent) -> None:
    for message in (agent.as_tool().invoke(call(BUILT)), await agent.as_tool().ainvoke(call(BUILT))):
        assert isinstance(message, ToolMessage)
        assert "Mirel Ostane" in str(message.content)
        assert "Sources:\n[1] Tarn Light" in str(message.content)
        answer = Answer.model_validate(message.artifact)
        assert (answer.outcome, answer.citations[0].source, answer.candidates) == ("answered", "light", [])
        assert type(message.artifact) is dict, "a checkpoint keeps it as it is"


def test_an_abstention_is_no_error(agent: Agent) -> None:
    message = agent.as_tool().invoke(call("Who wrote the opera Zanzibel?"))
    assert message.status == "success"
    assert message.artifact["outcome"] == "abstained"
    assert "I don't know" in message.content


def test_a_question_that_cannot_be_asked_is_told_to_the_model(agent: Agent) -> None:
    message = agent.as_tool().invoke(call("  "))
    assert message.status == "error"
    assert "the question is empty" in message.content


def test_the_hosts_filters_and_budget_bind(agent: Agent) -> None:
    town = agent.as_tool(name="ask_of_brackwater", description="Of Brackwater alone.", filters={"source": "brackwater"})
    assert (town.name, town.description, list(town.args)) == ("ask_of_brackwater", "Of Brackwater alone.", ["question"])
    asked = {**call("Who built the Tarn Light?"), "name": "ask_of_brackwater"}
    assert not any("Tarn Light" in passage["text"] for passage in town.invoke(asked).artifact["selected"])
    few = agent.as_tool(budget=Budget(evidence_tokens=5)).invoke(call("How many people live in Brackwater?"))
    assert few.artifact["usage"]["evidence_tokens"] <= 5


class Scripted(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self


async def test_inside_a_host_with_a_checkpointer_the_run_stays_its_own(agent: Agent) -> None:
    """A host graph's configuration, its checkpointer included, reaches its tools by a context variable: a thread of ours must not land there."""
    script = [AIMessage("", tool_calls=[call(BUILT, "1"), call("How high is the Tarn Light?", "2")]), AIMessage("Done.")]
    saver = InMemorySaver()
    host = create_agent(Scripted(messages=iter(script)), tools=[agent.as_tool()], checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "host"}}
    result = await host.ainvoke({"messages": [("user", "Tell me.")]}, config)
    told = {message.tool_call_id: message for message in result["messages"] if isinstance(message, ToolMessage)}
    assert "Mirel Ostane" in told["1"].content
    assert "39" in told["2"].content
    namespaces = {kept.config["configurable"]["checkpoint_ns"] for kept in saver.list(None)}
    assert namespaces == {""}, "nothing of ours is among the host's checkpoints"
    restored = (await host.aget_state(config)).values["messages"]
    assert [message.artifact for message in restored if isinstance(message, ToolMessage)] == [told["1"].artifact, told["2"].artifact]


def test_a_thread_of_ours_is_kept_within_a_host(agent: Agent) -> None:
    @tool
    def remember(question: str) -> str:
        """Asks within a conversation."""
        return agent.ask(question, thread="mine").answer

    script = [AIMessage("", tool_calls=[{"name": "remember", "args": {"question": BUILT}, "id": "1"}]), AIMessage("Done.")]
    host = create_agent(Scripted(messages=iter(script)), tools=[remember], checkpointer=InMemorySaver())
    host.invoke({"messages": [("user", "Tell me.")]}, {"configurable": {"thread_id": "host"}})
    assert [question for question, _ in agent.turns("mine")] == [BUILT]


def test_evidence_alone_within_a_host(agent: Agent) -> None:
    """It ends by LangGraph's interrupt, which would go up into the host if the run were a part of the host's graph."""

    @tool
    def evidence(question: str) -> str:
        """Finds passages."""
        return agent.ask(question, evidence_only=True).outcome

    script = [AIMessage("", tool_calls=[{"name": "evidence", "args": {"question": BUILT}, "id": "1"}]), AIMessage("Done.")]
    host = create_agent(Scripted(messages=iter(script)), tools=[evidence], checkpointer=InMemorySaver())
    result = host.invoke({"messages": [("user", "Tell me.")]}, {"configurable": {"thread_id": "host"}})
    assert [message.content for message in result["messages"] if isinstance(message, ToolMessage)] == ["partial"]


async def test_unchecked_tokens_stay_out_of_the_hosts_stream(tarn: Path, fake_chat: Any) -> None:
    """The chat model inside writes sentences that are not checked yet, and plans as JSON: neither is for the host's users."""
    with Agent.from_corpus(tarn, model=fake_chat.of("Nobody built the Tarn Light. Mirel Ostane built the Tarn Light in 1840 [1].")) as agent:
        script = [AIMessage("", tool_calls=[call(BUILT)]), AIMessage("Done.")]
        host = create_agent(Scripted(messages=iter(script), disable_streaming=True), tools=[agent.as_tool()])
        streamed = [message async for message, _ in host.astream({"messages": [("user", "Tell me.")]}, stream_mode="messages")]
        parent: StateGraph[Any] = StateGraph(dict)
        parent.add_node("research", agent.as_subgraph())
        parent.add_edge(START, "research")
        inside = [chunk async for chunk in parent.compile().astream({"question": BUILT}, stream_mode="messages", subgraphs=True)]
    assert "".join(str(message.content) for message in streamed if isinstance(message, AIMessage)) == "Done."
    assert inside == []


def test_callbacks_see_one_tree_from_tool_to_chat_model(tarn: Path, fake_chat: Any) -> None:
    """What LangSmith makes its trace of."""
    from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

    seen = RunCollectorCallbackHandler()
    with Agent.from_corpus(tarn, model=fake_chat.of("Mirel Ostane built the Tarn Light in 1840 [1].")) as agent:
        agent.as_tool().invoke(call(BUILT), {"callbacks": [seen], "tags": ["mine"], "metadata": {"tenant": "a"}})
    (root,) = seen.traced_runs
    runs = list(_tree(root))
    assert root.name == "ask_documents"
    assert {"condense", "plan", "search", "link", "select", "generate", "verify"} <= {run.name for run in runs}
    chats = [run for run in runs if run.run_type in ("llm", "chat_model")]
    assert len(chats) >= 1
    assert all("mine" in run.tags and run.metadata["tenant"] == "a" for run in chats)


def test_callbacks_may_be_given_to_ask(agent: Agent) -> None:
    from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

    seen = RunCollectorCallbackHandler()
    agent.ask(BUILT, config={"callbacks": [seen], "run_name": "passel"})
    assert [run.name for run in seen.traced_runs] == ["passel"]


def _tree(run: Any) -> Any:
    yield run
    for child in run.child_runs:
        yield from _tree(child)
