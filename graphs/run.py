"""Running the compiled graph: from a question to a stream of events that ends in one `Answered`, whatever happens; or in a `Waiting`, where the
caller wants a person to be asked."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, Interrupt, StreamMode

from ..rerankers.selection import EMPTY, Selection
from ..tools.document import clean
from ..tools.errors import told
from ..tools.passage import Passage
from ..tools.trace_id import TRACE_ID
from .answer import Answer, CandidatePassage, Outcome, Query, SelectedPassage, SubQuestion, Usage, Verdict
from .citing import disagreements, numbered_citations, standing
from .context import RagContext, with_passages
from .decision import Decision, Step
from .events import Answered, Event, Waiting
from .plan import check_plan
from .state import MOST_TURNS, RagInput, RagState, turn

log = logging.getLogger("passel")
_STEPS, _STEPS_OF_A_LOOK = 16, 5
"""More than a run within its budget can take: LangGraph's recursion limit backs the budget up."""
Graph = CompiledStateGraph[RagState, RagContext, RagInput, RagState]


async def run(
    graph: Graph,
    context: RagContext,
    question: RagInput,
    *,
    config: RunnableConfig | None = None,
    resume: bool = False,
    decision: Decision | None = None,
    evidence_only: bool = False,
) -> AsyncIterator[Event]:
    """Events as they happen, the last one `Answered`, or `Waiting`. A fault of a node is logged and ends in the outcome "failed"; its text is
    in the log alone.

    `resume` continues the unfinished run of `config`'s thread instead of starting anew; `decision` one that waits for it. `evidence_only` ends it
    where generate would begin: the answer then holds the evidence and no text, and its outcome is "partial".
    """
    began = time.perf_counter()
    TRACE_ID.set(question.get("trace_id", ""))
    state: dict[str, Any] = dict(question)
    going_on: Command[Any] | None = Command(resume=decision.model_dump()) if decision is not None else None
    given = going_on if resume or decision is not None else question
    stale = given is question  # the first state that a thread shows still holds the last question's answer
    failure: str | None = None
    waits: tuple[Interrupt, ...] = ()
    options: RunnableConfig = {**(config or {}), "recursion_limit": _STEPS + _STEPS_OF_A_LOOK * context.budget.looks}  # ours, not a host graph's
    try:
        stop = ["generate"] if evidence_only else None
        modes: list[StreamMode] = ["custom", "values"]
        async for mode, chunk in graph.astream(given, options, context=context, stream_mode=modes, interrupt_before=stop):
            if mode == "values":
                state = dict(question) if stale else {**cast(dict[str, Any], chunk), **question}
                stale = False
                waits = state.pop("__interrupt__", ())
            else:
                yield cast(Event, chunk)
    except Exception as error:
        log.exception("the run %s failed", question.get("trace_id", ""))
        failure = told(error, question.get("trace_id", ""))
    latency_ms = (time.perf_counter() - began) * 1000
    if evidence_only and failure is None and not state.get("outcome"):
        confidence = (state.get("verdict") or {}).get("confidence", 0.0)
        state["outcome"] = {"outcome": "partial", "text": "", "sentences": [], "confidence": confidence, "error": None}
    last: Event
    try:
        if waits and failure is None:
            last = await asyncio.to_thread(to_waiting, state, context, waits[0])
        else:
            verdict = Verdict.model_validate(state["verdict"]) if state.get("verdict") else None
            last = Answered(answer=await asyncio.to_thread(to_answer, state, context, latency_ms, failure), verdict=verdict)
    except Exception as error:  # the corpus itself is out of reach
        log.exception("the run %s could not be put into words", question.get("trace_id", ""))
        known: dict[str, Any] = {"id": question.get("id"), "question": question["question"], "trace_id": question.get("trace_id", "")}
        last = Answered(answer=Answer(**known, outcome="failed", answer="", latency_ms=latency_ms, error=failure or told(error, known["trace_id"])))
    if isinstance(last, Answered):
        answer = last.answer
        figures = {"outcome": answer.outcome, "latency_ms": round(latency_ms), "selected": len(answer.selected), **answer.usage.model_dump()}
        log.info("a run ended", extra=figures)
    yield last


def new_question(
    question: str,
    *,
    history: list[tuple[str, str]] | None = None,
    filters: Mapping[str, Any] | None = None,
    id: str | None = None,
    approve: Collection[Step] = (),
    plan: Sequence[str] | None = None,
) -> RagInput:
    """The graph's input for one question, broken characters replaced. Filters may be any mappings; the state holds plain ones.

    plan: the caller's own sub-questions; raises UsageError where they are none (`check_plan`).
    """
    return {
        "question": clean(question),
        "history": None if history is None else [turn(clean(asked), clean(answered)) for asked, answered in history[-MOST_TURNS:]],
        "filters": None if filters is None else json.loads(json.dumps(filters, default=dict)),
        "id": id,
        "trace_id": uuid.uuid4().hex,
        "approve": sorted(approve),
        "given_plan": None if plan is None else check_plan(plan),
    }


def to_answer(state: Mapping[str, Any], context: RagContext, latency_ms: float, failure: str | None = None) -> Answer:
    """The published form of a run's final state, texts and titles fetched from the corpus."""
    error = failure or "the run ended without an outcome"
    outcome = state.get("outcome") or {"outcome": "failed", "text": "", "sentences": [], "confidence": 0.0, "error": error}
    selection = Selection.from_state(state["selection"]) if state.get("selection") else EMPTY
    candidates = with_passages(state.get("candidates", []), context.corpus, state.get("filters"))
    place = {id: n for n, id in enumerate(selection.ranked)}
    candidates.sort(key=lambda c: place.get(c.passage_id, len(place)))
    passages = {c.passage_id: c.passage for c in candidates if c.passage is not None}
    chosen, known = [passages[id] for id in selection.ids if id in passages], selection.known
    there = {passage.id: len(passage.text) for passage in chosen}
    sentences = [left for sentence in outcome["sentences"] if (left := standing(sentence, there)) is not None]
    subs = state.get("sub_questions", [])
    citations, texts = numbered_citations(sentences, chosen, subs)
    kind: Outcome = "failed" if failure else outcome["outcome"]
    if len(sentences) < len(outcome["sentences"]):  # their passages were deleted meanwhile
        kind = "partial" if sentences else "failed"
        failure = failure or ("" if sentences else "the passages that the answer rests on were deleted meanwhile")
    return Answer(
        id=state.get("id"),
        question=state["question"],
        outcome=kind,
        answer=" ".join(texts) or ("" if outcome["sentences"] else outcome["text"]),
        citations=citations,
        disagreement=disagreements(sentences, chosen, subs),
        selected=_selected(selection, passages),
        candidates=[
            CandidatePassage(
                passage_id=c.passage_id,
                title=c.passage.title,
                text=c.passage.text,
                channels=list(c.channels),
                score=c.score,
                relevance=known.get(c.passage_id),
            )
            for c in candidates
            if c.passage is not None
        ],
        stop_reason=selection.stop_reason,
        sub_questions=[SubQuestion.model_validate(sub) for sub in state.get("sub_questions", [])],
        queries=[Query.model_validate(query) for query in state.get("queries", [])],
        missing=outcome.get("missing", []),
        confidence=outcome["confidence"],
        answerable=(state.get("verdict") or {}).get("answerable", 0.0),
        usage=_usage(state.get("spent", {}), selection),
        latency_ms=latency_ms,
        trace_id=state.get("trace_id", ""),
        error=failure or outcome["error"] or None,
    )


def to_waiting(state: Mapping[str, Any], context: RagContext, waits: Interrupt) -> Waiting:
    """The published form of a run that waits for a person (see approve.py for what it left)."""
    selection = Selection.from_state(state["selection"]) if state.get("selection") else EMPTY
    passages = {passage.id: passage for passage in context.corpus.get(selection.ids, state.get("filters"))}
    return Waiting(
        id=waits.id,
        step=waits.value["step"],
        question=state["standalone"],
        verdict=Verdict.model_validate(state["verdict"]),
        selected=_selected(selection, passages),
        queries=[Query.model_validate(query) for query in state["queries"]],
        usage=_usage(state["spent"], selection),
        trace_id=state.get("trace_id", ""),
    )


def _selected(selection: Selection, passages: Mapping[str, Passage]) -> list[SelectedPassage]:
    """Those that are still there."""
    return [
        SelectedPassage(passage_id=id, title=passages[id].title, text=passages[id].text, relevance=p)
        for id, p in zip(selection.ids, selection.relevance, strict=True)
        if id in passages
    ]


def _usage(spent: Mapping[str, float], selection: Selection) -> Usage:
    return Usage(
        calls=int(spent.get("calls", 0)),
        tokens_in=int(spent.get("tokens_in", 0)),
        tokens_out=int(spent.get("tokens_out", 0)),
        evidence_tokens=selection.tokens,
        searches=int(spent.get("searches", 0)),
        pairs=int(spent.get("pairs", 0)),
        seconds=spent.get("seconds", 0.0),
    )
