"""link: adds the passages that the question or the first hits *name*. This finds the second hop without a chat model."""

from __future__ import annotations

from langgraph.runtime import Runtime

from ..tools.search import link as link_named
from .context import RagContext, with_passages
from .events import Linked
from .state import RagState, RagUpdate


def link(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads `standalone` and `candidates`; adds to `candidates`."""
    corpus, filters = runtime.context.corpus, state.get("filters")
    found = with_passages(state["candidates"], corpus, filters)
    known = {candidate.passage_id for candidate in found}
    linked = link_named(corpus, state["standalone"], found, filters=filters)
    new = corpus.get([candidate.passage_id for candidate in linked if candidate.passage_id not in known], filters)
    runtime.stream_writer(Linked(names=list(dict.fromkeys(passage.title or passage.source for passage in new))))
    return {"candidates": [candidate.to_state() for candidate in linked]}
