"""abstain: ends a run without an answer, and says what was looked for and what was missing."""

from __future__ import annotations

from langgraph.runtime import Runtime

from ..tools.shorten import shorten
from .context import RagContext
from .drafting import why_nothing
from .state import DONT_KNOW, RagState, RagUpdate, turn

_LONGEST = 120
"""Characters of a query that are repeated; whole ones are in the answer's `queries`."""
_MOST_MISSING = 8


def abstain(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:  # noqa: ARG001
    """Reads `verdict`, `draft` and `queries`; writes `outcome`."""
    verdict, draft = state["verdict"] or {}, state["draft"]
    failure = draft["failure"] if draft is not None else None
    tried = "; ".join(f"“{shorten(query['query'], _LONGEST)}”" for query in state["queries"]) or "nothing"
    lacking = [shorten(name, _LONGEST) for name in verdict.get("missing") or ()]
    missing = f" Not found: {', '.join(lacking[:_MOST_MISSING])}{' …' if len(lacking) > _MOST_MISSING else ''}." if lacking else ""
    if verdict.get("out_of_budget") or (failure or "").startswith("out of budget"):
        limit = (failure or verdict["why"]).removeprefix("out of budget: ")
        outcome, text, error = "out_of_budget", f"No answer within the budget ({limit}). I searched for {tried}.", None
    elif failure:
        outcome, text, error = "failed", "", failure
    else:
        # judge would have answered: then it is the draft that came to nothing
        why = why_nothing(draft) if draft is not None and verdict.get("kind") == "answer" else verdict.get("why", "nothing was found")
        outcome, text, error = "abstained", f"{DONT_KNOW}{why}.{missing} I searched for {tried}.", None
    turns = [turn(state["standalone"], text, state.get("filters"))] if outcome == "abstained" else []
    confidence = verdict.get("confidence", 0.0)  # of the answer that was not given
    ended = {"outcome": outcome, "text": text, "sentences": [], "confidence": confidence, "error": error, "missing": lacking}
    return {"outcome": ended, "turns": turns}
