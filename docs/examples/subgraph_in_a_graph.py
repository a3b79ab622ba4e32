"""A LangGraph graph of one's own that has Passel do the research, and shows what happens inside: `python subgraph_in_a_graph.py`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from passel import Agent, Answer

DOCUMENTS = [
    {"title": "Tarn Light", "text": "The Tarn Light is a lighthouse that Mirel Ostane built in 1840. It stands 39 metres high."},
    {"title": "Mirel Ostane", "text": "Mirel Ostane was an engineer, born in Brackwater in 1811. She died in 1879."},
]


class Report(TypedDict, total=False):
    topic: str
    finding: str
    sources: list[str]
    text: str


def asks(state: Report) -> str:
    return f"Who built the {state['topic']}?"


def gives(answer: Answer) -> dict[str, Any]:
    return {"finding": answer.answer, "sources": [citation.quote for citation in answer.citations]}


def write(state: Report) -> Report:
    return {"text": f"{state['topic']}: {state['finding']}"}


async def main() -> tuple[list[str], str]:
    """What happened inside, by the events' types, and the report."""
    with Agent.from_documents(DOCUMENTS) as passel:
        parent = StateGraph(Report)
        parent.add_node("research", passel.as_subgraph(asks, gives))
        parent.add_node("write", write)
        parent.add_edge(START, "research")
        parent.add_edge("research", "write")
        parent.add_edge("write", END)
        happened, report = [], ""
        stream: AsyncIterator[Any] = parent.compile().astream({"topic": "Tarn Light"}, stream_mode=["custom", "values"])
        async for mode, chunk in stream:
            if mode == "custom":
                happened.append(chunk.type)
            else:
                report = chunk.get("text", "")
    return happened, report


if __name__ == "__main__":
    print(*asyncio.run(main()), sep="\n")
