"""judge: answer, look again for a named reason, or abstain: by two calibrated probabilities.

A question that asks for several things is judged part by part: the evidence suffices where it does for each, and one part that can be answered is an
answer in part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from math import ceil, floor
from typing import Any

from langgraph.runtime import Runtime

from ..tools import chat
from ..tools.candidate import Candidate
from ..tools.comparison import comparison
from ..tools.corpus import Corpus
from ..tools.filters import fields
from ..tools.small_talk import is_small_talk
from .answer import Query, Verdict
from .context import RagContext, selected_passages, spent_on, usable
from .drafting import why_nothing
from .events import Judged
from .evidence import Read, missing, nowhere, read_parts, read_selected
from .gaps import MOST_GAPS, gaps
from .prompts import LOOK, numbered
from .signals import signals
from .state import RagState, RagUpdate, last, ready, same_query

ENOUGH = 0.3
"""Least `answerable` to answer from."""
ENOUGH_FOR_A_CHAT_MODEL = 0.15
"""A chat model reads the passages itself and can decline, so it is asked more readily."""
_LOOKED_AT = 3
"""Candidates from which a look starts where nothing is selected."""
MOST_QUERY_CHARACTERS = 200
"""Of a query that a chat model wrote."""


async def judge(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads the selection, the plan and what was asked; writes `verdict`; a look is counted in `spent`, clears `draft` and writes what is `known`."""
    context = runtime.context
    verdict = await asyncio.to_thread(_decide, state, context)
    looks = verdict.kind == "look"
    replies: list[chat.Reply] = []
    if looks and verdict.queries[0].reason == "gap" and context.model is not None and not context.exhausted(state["spent"]):
        written, replies = await _rewritten(verdict, state, context)
        verdict = verdict.model_copy(update={"queries": written or verdict.queries})
    runtime.stream_writer(Judged(verdict=verdict))
    # what was written before belongs to the old evidence: after a look generate may try again
    anew = {"draft": None, "known": [candidate["id"] for candidate in state["candidates"]]} if looks else {}
    return {"verdict": verdict.model_dump(), "spent": {**spent_on(replies), "looks": int(looks)}, **anew}


def _decide(state: RagState, context: RagContext) -> Verdict:
    corpus, spent, filters = context.corpus, state["spent"], state.get("filters")
    asked = {same_query(query["query"]) for query in state["queries"]}
    if context.seconds() >= context.budget.seconds:
        return Verdict(kind="abstain", why="out of budget: seconds", out_of_budget=True)
    if not state["candidates"]:
        return Verdict(kind="abstain", why=_why_no_candidate(corpus, filters))
    if is_small_talk(state["standalone"]):
        return Verdict(kind="abstain", why="this asks nothing that a document could answer")
    may_look = spent.get("looks", 0) < context.budget.looks

    waiting = [sub for sub in ready(state["sub_questions"]) if not sub["answer"] and same_query(sub["question"]) not in asked]
    if waiting and may_look:
        queries = [Query(query=sub["question"], reason="next_hop", sub_question=sub["id"]) for sub in waiting]
        return Verdict(kind="look", why="a sub-question became ready", queries=queries)

    selection, calibration = state["selection"], context.calibration
    candidates = usable(state, corpus)
    read = read_selected(context.reader, state["standalone"], candidates, selection)
    in_parts = context.model is None and _asks_for_several(state)
    parts = read_parts(context.reader, state["sub_questions"], candidates, selection) if in_parts else {}
    told = signals(read, selection)
    # what a part depends on may not be found: then the whole speaks for it
    of_parts = {id: signals(part, selection) if part else told for id, part in parts.items()} or {0: told}
    chances = {id: calibration.answerable(of_part) for id, of_part in of_parts.items()}
    least = ENOUGH if context.model is None else ENOUGH_FOR_A_CHAT_MODEL
    clear = [id for id in of_parts if chances[id] >= least] or list(of_parts)
    said = [id for id, part in parts.items() if part and part.found is not None and part.found.score > 0]  # as extract does
    lacking = missing(read)
    absent = nowhere(lacking, candidates) if lacking.names else []  # it goes through the words of every candidate
    known = Verdict(
        kind="abstain",
        why="",
        missing=[name for name in absent if name in lacking.names],
        answerable=min(chances.values()),  # the evidence suffices where it does for every part
        confidence=min(calibration.confidence(of_parts[id]) for id in said or clear),
        signals=told,
        found=" ".join(read.found.text.split()) if read.found else "",
    )
    empty = state["draft"] if state["draft"] is not None and not state["draft"]["sentences"] else None
    # a wished share is kept by the confidence alone; else one part that can be answered is an answer in part
    enough = known.confidence >= context.least_confidence if context.least_confidence else max(chances.values()) >= least
    answers = bool(read.passages) and enough and empty is None
    if may_look and not _in_vain(state, candidates):
        unclear = {id: part for id, part in parts.items() if part and id not in clear}
        wanted: list[Query] = []
        if not answers:
            wanted = gaps(read if read.passages else read_selected(context.reader, state["standalone"], candidates, _best(selection)), lacking)
        elif unclear:
            wanted = [query.model_copy(update={"sub_question": id}) for id, part in unclear.items() for query in gaps(part, missing(part))]
        queries = [query for query in wanted if same_query(query.query) not in asked][:MOST_GAPS]
        if queries:
            return known.model_copy(update={"kind": "look", "why": "the evidence does not speak of all that is asked", "queries": queries})
    if answers:
        return known.model_copy(update={"kind": "answer", "why": "the evidence speaks of what is asked"})
    why = why_nothing(empty) if empty is not None else _why(known, read, selection, context)
    return known.model_copy(update={"why": why, "missing": absent or nowhere(lacking, candidates)})


def _asks_for_several(state: RagState) -> bool:
    """Which a comparison does not. A chat model sees to the parts of its plan itself."""
    return len(last(state["sub_questions"])) > 1 and comparison(state["standalone"]) is None


def _best(selection: Mapping[str, Any] | None) -> dict[str, Any]:
    """As if the first of the ranking were selected."""
    return {"ids": (selection or {}).get("ranked", ())[:_LOOKED_AT]}


def _in_vain(state: RagState, candidates: Sequence[Candidate]) -> bool:
    """Whether the last look brought no passage that was not known: another would not either."""
    before, known = state["verdict"], set(state.get("known", ()))
    return before is not None and before["kind"] == "look" and known.issuperset(candidate.passage_id for candidate in candidates)


def _why_no_candidate(corpus: Corpus, filters: Mapping[str, Any] | None) -> str:
    if not filters:
        return "the corpus holds no passage"
    unknown = [name for name in fields(filters) if not corpus.has_field(name)]
    return f"no passage has a metadata field {unknown[0]!r} to filter by" if unknown else "no passage matches the filters"


def _why(known: Verdict, read: Read, selection: Mapping[str, Any] | None, context: RagContext) -> str:
    if not read.passages:
        reason = selection["stop_reason"] if selection else "no candidates"
        return "none of the passages found seems to help" if reason.startswith("stop") else f"nothing was selected: {reason}"
    if context.least_confidence:
        confidence, least = floor(100 * known.confidence) / 100, ceil(100 * context.least_confidence) / 100
        told = f"an answer would be right with probability {confidence:.2f}, and {least:.2f} is asked for"
        return f"{told} (`passel train calibrator` makes both fit your own texts)"
    return "the evidence does not cover the question"


async def _rewritten(verdict: Verdict, state: RagState, context: RagContext) -> tuple[list[Query], list[chat.Reply]]:
    """The queries of a look in a chat model's words, where it writes any that were not asked before."""
    assert context.model is not None
    selection = state["selection"] if state["selection"] and state["selection"]["ids"] else _best(state["selection"])
    passages = await asyncio.to_thread(selected_passages, selection, context.corpus, state.get("filters"))
    lacking = f"\nNot found yet: {', '.join(verdict.missing)}" if verdict.missing else ""
    prompt = numbered([(passage.title, passage.text) for passage in passages], state["standalone"] + lacking)
    reply = await chat.ask(context.model, LOOK, prompt, timeout=context.time_left())
    lines = [line.strip(" -*•\"'") for line in reply.whole_lines()] if reply.error is None else []
    asked = {same_query(query["query"]) for query in state["queries"]}
    fresh = {same_query(line): line for line in lines if line and len(line) <= MOST_QUERY_CHARACTERS and same_query(line) not in asked}
    return [Query(query=line, reason="gap") for line in list(fresh.values())[:MOST_GAPS]], [reply]
