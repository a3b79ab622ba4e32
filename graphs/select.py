"""select: which passages the generator will see, in what order, and how many."""

from __future__ import annotations

from langgraph.runtime import Runtime

from ..rerankers.versions import with_versions
from .answer import SelectedPassage
from .context import RagContext, usable
from .events import Selected
from .state import RagState, RagUpdate


def select(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Runs the selector over all rounds' candidates, for the original question, under the evidence budget.

    Reads `standalone`, `candidates` and what a person `dropped`; writes `selection`, adds to `spent`.
    """
    context = runtime.context
    candidates = usable(state, context.corpus)
    chosen = context.selector.select(state["standalone"], candidates, token_budget=context.budget.evidence_tokens)
    count, most = context.corpus.encoder.count_tokens, context.budget.evidence_tokens
    selection = with_versions(chosen, state["standalone"], candidates, context.reader, count, token_budget=most)
    passages = {c.passage_id: c.passage for c in candidates if c.passage is not None}
    shown = [
        SelectedPassage(passage_id=id, title=passages[id].title, text=passages[id].text, relevance=p)
        for id, p in zip(selection.ids, selection.relevance, strict=True)
    ]
    runtime.stream_writer(Selected(selected=shown, candidates=len(candidates), stop_reason=selection.stop_reason, tokens=selection.tokens))
    return {"selection": selection.to_state(), "spent": {"pairs": len(candidates)}}
