"""What `langgraph.json` names: the state machine for LangGraph Studio, with the corpus and the chat model that the settings say.

    langgraph dev            a tool of its own: pip install "langgraph-cli[inmem]"
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from .agent import Agent


class StudioState(TypedDict, total=False):
    question: str
    answer: dict[str, Any]
    """As docs/answer.schema.json has it."""


@cache
def _parent() -> CompiledStateGraph[StudioState, None, StudioState, StudioState]:
    parent = StateGraph(StudioState)
    parent.add_node("passel", Agent.from_settings().as_subgraph())
    parent.add_edge(START, "passel")
    parent.add_edge("passel", END)
    return parent.compile()


async def graph() -> CompiledStateGraph[StudioState, None, StudioState, StudioState]:
    """Question in, answer out; the nodes of the state machine stand inside the one node `passel`. Raises as `Agent.from_settings`.

    The server calls it for every run, and gets the same one each time. It refuses what blocks its event loop, as opening a corpus does.
    """
    return await asyncio.to_thread(_parent)
