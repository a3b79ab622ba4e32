"""Passel: agentic RAG that chooses which passages the generator sees, in what order, and how many.

`from passel import Agent` is the whole public entry; the floors below it are documented in docs/architecture.md.
Nothing heavy is imported until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .agent.agent import Agent
    from .agent.settings import Settings
    from .graphs.answer import Answer, Citation
    from .graphs.decision import Decision
    from .graphs.events import Waiting
    from .tools.budget import Budget
    from .tools.corpus import Corpus

__version__ = "0.1.0"
__all__ = ["Agent", "Answer", "Budget", "Citation", "Corpus", "Decision", "Settings", "Waiting", "__version__"]

_HOMES = {
    "Agent": "agent.agent",
    "Answer": "graphs.answer",
    "Budget": "tools.budget",
    "Citation": "graphs.answer",
    "Corpus": "tools.corpus",
    "Decision": "graphs.decision",
    "Settings": "agent.settings",
    "Waiting": "graphs.events",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
