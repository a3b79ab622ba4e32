"""The wiring of the state machine. Reads like the picture in docs/architecture.md, which is drawn from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from .abstain import abstain
from .approve import approve
from .condense import condense
from .context import RagContext
from .generate import generate
from .judge import judge
from .link import link
from .plan import plan
from .resolve import resolve
from .search import search
from .select import select
from .state import QueryState, RagInput, RagState, SearchTask, ready, same_query
from .verify import verify


def build_graph() -> StateGraph[RagState, RagContext, RagInput, RagState]:
    graph = StateGraph(RagState, context_schema=RagContext, input_schema=RagInput)
    nodes: tuple[Callable[..., Any], ...] = (condense, plan, search, link, select, resolve, judge, approve, generate, verify, abstain)
    for node in nodes:
        graph.add_node(node.__name__, node)

    graph.add_edge(START, "condense")
    graph.add_edge("condense", "plan")
    graph.add_conditional_edges("plan", each_ready_query, ["search", "judge"])  # a Send each; nothing ready → judge
    graph.add_edge("search", "link")
    graph.add_edge("link", "select")
    graph.add_edge("select", "resolve")
    graph.add_edge("resolve", "judge")
    graph.add_conditional_edges("judge", by_verdict, ["search", "approve", "generate", "abstain"])  # look → a Send for each query
    graph.add_conditional_edges("approve", by_decision, ["search", "judge", "generate", "abstain"])
    graph.add_edge("generate", "verify")
    graph.add_conditional_edges("verify", by_support, ["judge", "abstain", END])
    graph.add_edge("abstain", END)
    return graph


def each_ready_query(state: RagState) -> list[Send] | Literal["judge"]:
    """The whole question, and every sub-question that waits for no other."""
    whole: QueryState = {"query": state["standalone"], "reason": "question", "sub_question": None}
    parts: list[QueryState] = [
        {"query": sub["question"], "reason": "sub_question", "sub_question": sub["id"]} for sub in ready(state["sub_questions"])
    ]
    return _sends(state, [whole, *parts]) or "judge"


def by_verdict(state: RagState) -> list[Send] | Literal["approve", "judge", "generate", "abstain"]:
    """To a person first, where the caller wants to be asked."""
    verdict = state["verdict"]
    assert verdict is not None, "judge writes a verdict"
    return "approve" if verdict["kind"] in state.get("approve", ()) else by_decision(state)


def by_decision(state: RagState) -> list[Send] | Literal["judge", "generate", "abstain"]:
    """No verdict: a person changed what it rested on."""
    verdict = state["verdict"]
    if verdict is None:
        return "judge"
    if verdict["kind"] == "look":
        return _sends(state, verdict["queries"]) or "abstain"
    return "generate" if verdict["kind"] == "answer" else "abstain"


def by_support(state: RagState) -> Literal["judge", "abstain", "__end__"]:
    """An outcome ends the run; a gap goes back to judge the first time; a failure or a second gap ends in abstain."""
    if state["outcome"] is not None:
        return "__end__"
    draft = state["draft"]
    failed = draft is not None and draft["failure"] is not None
    return "judge" if state["verified"] == 1 and not failed else "abstain"


def _sends(state: RagState, queries: list[QueryState]) -> list[Send]:
    """One search for each query that was never asked before."""
    asked = {same_query(query["query"]) for query in state["queries"]}
    sends: list[Send] = []
    for query in queries:
        if query["query"].strip() and same_query(query["query"]) not in asked:
            asked.add(same_query(query["query"]))
            task: SearchTask = {"query": query, "filters": state.get("filters")}
            sends.append(Send("search", task))
    return sends
