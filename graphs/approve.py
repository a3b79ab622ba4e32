"""approve: waits for a person before a look or an answer, where the caller asked for that; otherwise it never runs.

The run ends in a `Waiting` event and lies in the thread's checkpoint; any process can go on with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from langgraph.runtime import Runtime
from langgraph.types import interrupt

from ..rerankers.selection import Selection
from ..tools.errors import UsageError
from .answer import Query, Verdict
from .context import RagContext
from .decision import Decision, Step
from .events import Decided, Waiting
from .state import RagState, RagUpdate, same_query


def approve(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads `verdict` and `selection`; writes `verdict`: as it was, with a person's queries, or "abstain". After an edit of the selection it
    writes `selection` and `dropped`, and no verdict: judge gives another, on the evidence that is left.
    """
    verdict = state["verdict"]
    assert verdict is not None, "judge writes a verdict"
    # the node begins anew when it goes on: nothing that has an effect may stand before this
    said = interrupt(_request(verdict["kind"], runtime.context))
    decision = Decision.model_validate(said)
    runtime.stream_writer(Decided(step=verdict["kind"], decision=decision))
    if decision.kind == "refuse":
        return {"verdict": _refused(Verdict.model_validate(verdict), decision).model_dump()}
    if decision.queries:
        return {"verdict": {**verdict, "queries": [query.model_dump() for query in _edited(Verdict.model_validate(verdict), decision)]}}
    if decision.drop:
        left = _without(decision.drop, state["selection"], runtime.context)
        return {"selection": left, "dropped": [*state.get("dropped", ()), *decision.drop], "verdict": None, "draft": None}
    return {}


def _request(step: Step, context: RagContext) -> dict[str, Any]:
    """What is kept with the checkpoint: a run that goes on keeps to its own budget, and the time that a person took is not counted."""
    return {"step": step, "seconds": context.seconds(), "budget": asdict(context.budget)}


def _refused(verdict: Verdict, decision: Decision) -> Verdict:
    what = {"look": "to look again", "answer": "to answer"}[verdict.kind]
    why = f"a person refused {what}" + (f" ({' '.join(decision.why.split())})" if decision.why.strip() else "")
    return verdict.model_copy(update={"kind": "abstain", "why": why, "queries": []})


def _edited(verdict: Verdict, decision: Decision) -> list[Query]:
    """A query that judge asked for as well keeps its reason."""
    known = {same_query(query.query): query for query in verdict.queries}
    return [known.get(same_query(text), Query(query=text, reason="person")) for text in decision.queries]


def _without(drop: list[str], state: Mapping[str, Any] | None, context: RagContext) -> dict[str, Any]:
    """The selection without some of its passages; they do not stand in its order either, so that signals do not count them."""
    selection = Selection.from_state(state or {})
    kept = [(id, p) for id, p in zip(selection.ids, selection.relevance, strict=True) if id not in drop]
    texts = [passage.text for passage in context.corpus.get([id for id, _ in kept])]
    return replace(
        selection,
        ids=tuple(id for id, _ in kept),
        relevance=tuple(p for _, p in kept),
        tokens=sum(context.corpus.encoder.count_tokens(texts)),
        stop_reason=f"{selection.stop_reason}; a person left out {len(selection.ids) - len(kept)}",
        ranked=tuple(id for id in selection.ranked if id not in drop),
        scores=tuple(score for id, score in zip(selection.ranked, selection.scores, strict=False) if id not in drop),
        judged=tuple(p for id, p in zip(selection.ranked, selection.judged, strict=False) if id not in drop),
    ).to_state()


def check(decision: Decision, waiting: Waiting) -> None:
    """Raises UsageError where the decision does not fit what waits. The run then waits on."""
    if decision.waiting is not None and decision.waiting != waiting.id:
        raise UsageError("the decision is about something that no longer waits", "Look at what waits now, and decide about that.")
    if decision.kind != "edit":
        return
    if waiting.step == "look":
        if not decision.queries:
            raise UsageError("a look is edited by its queries", "Name other queries, or refuse it.")
        asked = {same_query(query.query) for query in waiting.queries}
        if again := [text for text in decision.queries if same_query(text) in asked]:
            raise UsageError(f"“{again[0]}” was asked before, and a query is never asked twice", "Ask for something else.")
        return
    selected = {passage.passage_id for passage in waiting.selected}
    if not decision.drop:
        raise UsageError("an answer is edited by the passages that it shall not use", "Name some of them, or refuse it.")
    if unknown := [id for id in decision.drop if id not in selected]:
        raise UsageError(f"the passage {unknown[0]!r} is not selected, so it cannot be left out")
    if selected <= set(decision.drop):
        raise UsageError("without these passages none is left to answer from", "Refuse the answer instead.")
