"""search: the candidates of one query, dense and lexical, fused. Runs once for each ready query, side by side."""

from __future__ import annotations

from langgraph.runtime import Runtime

from ..tools.search import search as search_corpus
from .answer import Query
from .context import RagContext
from .events import Searched
from .state import RagUpdate, SearchTask


def search(task: SearchTask, runtime: Runtime[RagContext]) -> RagUpdate:
    """Sees the `Send`'s payload instead of the state; adds to `candidates`, `queries` and `spent`."""
    query = task["query"]
    found = search_corpus(runtime.context.corpus, query["query"], n=runtime.context.found, filters=task["filters"])
    runtime.stream_writer(Searched(query=Query.model_validate(query), found=len(found)))
    return {"candidates": [candidate.to_state() for candidate in found], "queries": [query], "spent": {"searches": 1}}
