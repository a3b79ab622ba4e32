"""The examples of docs/agents.md, run as they stand; the chat model is scripted."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"


def example(name: str) -> Any:
    spec = spec_from_file_location(f"passel_example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Scripted(GenericFakeChatModel):
    """Says what it is told to, tool calls included."""

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self


def test_a_langchain_agent_calls_the_tool_and_gets_citations() -> None:
    call = {"name": "ask_documents", "args": {"question": "Who built the Tarn Light?"}, "id": "1"}
    model = Scripted(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("Mirel Ostane built it in 1840.")]))
    said, *sources = example("tool_in_an_agent").main(model)
    assert said == "Mirel Ostane built it in 1840."
    assert sources == ["Tarn Light: “The Tarn Light is a lighthouse that Mirel Ostane built in 1840.”"]


async def test_a_parent_graph_embeds_the_state_machine_and_streams_its_events() -> None:
    happened, report = await example("subgraph_in_a_graph").main()
    assert happened[:2] == ["planned", "searched"]
    assert happened[-1] == "sentence"
    assert "selected" in happened
    assert report.startswith("Tarn Light: Mirel Ostane")


def test_the_selector_behind_a_retriever() -> None:
    chosen = example("select_after_search").main("Who built the Tarn Light?")
    assert chosen[0].metadata["title"] == "Tarn Light"
    assert len(chosen) < 3


def test_every_example_is_tested_and_told_of() -> None:
    told = (EXAMPLES.parent / "agents.md").read_text()
    here = Path(__file__).read_text()
    for file in EXAMPLES.glob("*.py"):
        assert f'"{file.stem}"' in here
        assert f"examples/{file.name}" in told
