"""What a run takes over from the one that called it: callbacks, tags and metadata (so LangSmith and other tracers see one tree), and nothing else.

Within a LangGraph node the configuration of the host's graph stands in a context variable, its checkpointer included. A run of ours that took that
over would be a part of the host's graph, write to its checkpoints, and do so in another event loop than the checkpointer belongs to.
"""

from __future__ import annotations

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, var_child_runnable_config

SILENT = "nostream"
"""LangGraph's tag for model calls whose raw tokens are not to be shown: a sentence is sent once it is checked, as an event."""


def inherited(config: RunnableConfig | None) -> RunnableConfig:
    """Of `config` and of the caller's own run what a run of ours keeps. Also clears the context variable: call it in the run's own task."""
    whole = ensure_config(config)
    var_child_runnable_config.set(None)
    named = (config or {}).get("run_name") or "passel"
    kept = RunnableConfig(run_name=named, tags=[*(whole.get("tags") or []), SILENT], metadata=dict(whole.get("metadata") or {}))
    if whole.get("callbacks") is not None:
        kept["callbacks"] = whole["callbacks"]
    return kept
