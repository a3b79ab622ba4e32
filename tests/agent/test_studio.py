"""What LangGraph Studio's server makes of `langgraph.json`: it calls the factory in its event loop, and refuses what blocks that."""

from __future__ import annotations

import json
import threading
from importlib import import_module
from pathlib import Path

import pytest

from passel.agent import studio

ROOT = Path(__file__).parents[2]


async def test_the_graph_is_opened_beside_the_event_loop_and_answers(tarn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, _, name = json.loads((ROOT / "langgraph.json").read_text())["graphs"]["passel"].partition(":")
    assert getattr(import_module(module), name) is studio.graph
    monkeypatch.setenv("PASSEL_CORPUS", str(tarn))
    threads: list[threading.Thread] = []
    opened = studio.Agent.from_settings
    monkeypatch.setattr(studio.Agent, "from_settings", lambda: (threads.append(threading.current_thread()), opened())[1])
    studio._parent.cache_clear()
    graph = await studio.graph()
    assert threads
    assert threading.main_thread() not in threads
    assert await studio.graph() is graph
    assert "passel:select" in graph.get_graph(xray=True).nodes
    found = await graph.ainvoke({"question": "Who built the Tarn Light?"})
    assert "Mirel Ostane" in found["answer"]["answer"]
    studio._parent.cache_clear()
