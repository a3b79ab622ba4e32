"""verify: each quote must stand in its passage. Sentences without one are removed; what is left becomes the outcome.

What a chat model wrote was held against its passages before it was sent (`support.py`), as a stream cannot unsay: what was refused there makes the
answer a part, and where nothing is left judge may look once for the gap. How sure a chat model was of its own words, where it tells, is one more
signal of both probabilities.
"""

from __future__ import annotations

from typing import Any

from langgraph.runtime import Runtime

from .citing import standing
from .context import RagContext, selected_passages
from .signals import WRITTEN
from .state import Draft, RagState, RagUpdate, last, turn


def verify(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads `draft` and `verdict`; writes the outcome and the verdict's probabilities where sentences are left, else leaves it to judge (once) or to
    abstain."""
    draft, context = state["draft"], runtime.context
    assert draft is not None, "generate runs before verify"
    passages = selected_passages(state["selection"], context.corpus, state.get("filters"))
    lengths = {passage.id: len(passage.text) for passage in passages}
    kept = [left for sentence in draft["sentences"] if (left := standing(sentence, lengths)) is not None]
    checked = {**draft, "sentences": kept}
    update: RagUpdate = {"draft": checked, "verified": state["verified"] + 1}
    if kept:
        still_open = [sub["question"] for sub in last(state["sub_questions"]) if sub["id"] in draft.get("open", ())]
        whole = len(kept) == len(draft["sentences"]) and not draft["refused"] and draft["failure"] is None and not still_open
        text = " ".join(sentence["text"] for sentence in kept)
        update["verdict"] = verdict = _told_again(state["verdict"], draft, context)
        update["outcome"] = {
            "outcome": "answered" if whole else "partial",
            "text": text,
            "sentences": kept,
            "confidence": (verdict or {}).get("confidence", 0.0),
            "error": draft["failure"],
            "missing": still_open,
        }
        update["turns"] = [turn(state["standalone"], text, state.get("filters"))]
    return update


def _told_again(verdict: dict[str, Any] | None, draft: Draft, context: RagContext) -> dict[str, Any] | None:
    """The verdict with what was written among its signals."""
    if verdict is None or "logprob" not in draft:
        return verdict
    told = {**verdict["signals"], WRITTEN: draft["logprob"]}
    return {**verdict, "signals": told, "answerable": context.calibration.answerable(told), "confidence": context.calibration.confidence(told)}
