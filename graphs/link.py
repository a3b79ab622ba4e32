"""link: adds the passages that the question or the first hits *name*. This finds the next hop without a chat model.

Twice: first from what was searched, then from what the pair model takes for evidence among all of these, so that a chain of three hops is followed as
well. The selector asks for the same readings next, so they cost nothing more.
"""

from __future__ import annotations

from langgraph.runtime import Runtime

from ..rerankers.pointwise import rank_pointwise
from ..tools.candidate import fuse
from ..tools.search import link as link_named
from .context import RagContext, usable
from .events import Linked
from .state import RagState, RagUpdate

_SECOND = 10
"""Passages that the second step adds."""


def link(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads `standalone`, `candidates` and what a person `dropped`; adds to `candidates`."""
    corpus, question = runtime.context.corpus, state["standalone"]
    filters, dropped = state.get("filters"), state.get("dropped", ())
    found = usable(state, corpus)
    if not found:
        runtime.stream_writer(Linked(names=[]))
        return {}
    first = link_named(corpus, question, found, filters=filters, without=dropped)
    both = fuse([found, first])
    likeliest = rank_pointwise(runtime.context.reader, question, both).candidates
    second = link_named(corpus, question, likeliest, n=_SECOND, filters=filters, without=dropped)
    known = {candidate.passage_id for candidate in found}
    new = [c.passage for c in fuse([first, second]) if c.passage_id not in known and c.passage is not None]
    runtime.stream_writer(Linked(names=list(dict.fromkeys(passage.title or passage.source for passage in new))))
    return {"candidates": [candidate.to_state() for candidate in (*first, *second)]}
