"""judge: answer, look again for a named reason, or abstain. Here by simple rules on the evidence and the coverage of the sub-questions."""

from __future__ import annotations

from langgraph.runtime import Runtime

from .answer import Query, Verdict
from .context import RagContext, with_passages
from .events import Judged
from .evidence import read_selected, weigh
from .state import RagState, RagUpdate, ready, same_query

ENOUGH = 0.3
"""Least `answerable` to answer from: of `val` questions whose evidence was there 0 to 8% fell below it, of MuSiQue's 15 to 27%."""
ENOUGH_FOR_A_CHAT_MODEL = 0.15
"""A chat model reads the passages itself and can decline, so it is asked more readily."""


def judge(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads the selection, the plan and what was asked; writes `verdict`; a look is counted in `spent` and clears `draft`."""
    verdict = _decide(state, runtime.context)
    runtime.stream_writer(Judged(verdict=verdict))
    looks = verdict.kind == "look"
    # what was written before belongs to the old evidence: after a look generate may try again
    return {"verdict": verdict.model_dump(), "spent": {"looks": int(looks)}, **({"draft": None} if looks else {})}


def _decide(state: RagState, context: RagContext) -> Verdict:
    corpus, spent, filters = context.corpus, state["spent"], state.get("filters")
    asked = {same_query(query["query"]) for query in state["queries"]}
    if context.seconds() >= context.budget.seconds:
        return Verdict(kind="abstain", why="out of budget: seconds", out_of_budget=True)
    if not state["candidates"]:
        why = "no passage matches the filters" if filters else "the corpus holds no passage"
        return Verdict(kind="abstain", why=why)
    may_look = spent.get("looks", 0) < context.budget.looks

    waiting = [sub for sub in ready(state["sub_questions"]) if not sub["answer"] and same_query(sub["question"]) not in asked]
    if waiting and may_look:
        queries = [Query(query=sub["question"], reason="next_hop", sub_question=sub["id"]) for sub in waiting]
        return Verdict(kind="look", why="a sub-question became ready", queries=queries)

    selection = state["selection"]
    read = read_selected(context.reader, state["standalone"], with_passages(state["candidates"], corpus, filters), selection)
    evidence = weigh(read, selection["relevance"] if selection else ())
    declined = state["draft"] is not None and (state["draft"]["declined"] or not state["draft"]["sentences"])
    enough = ENOUGH if context.model is None else ENOUGH_FOR_A_CHAT_MODEL
    if evidence.answerable >= enough and not declined:
        why = "the evidence speaks of what is asked"
        return Verdict(kind="answer", why=why, answerable=evidence.answerable, missing=evidence.missing_names)
    gaps = [Query(query=gap, reason="gap") for gap in evidence.missing_names if same_query(gap) not in asked]
    if gaps and may_look:
        why = "the evidence does not speak of what the question names"
        return Verdict(kind="look", why=why, queries=gaps[:2], missing=evidence.missing, answerable=evidence.answerable)
    if not read.passages:
        reason = selection["stop_reason"] if selection else "no candidates"
        why = "none of the passages found seems to help" if reason.startswith("stop") else f"nothing was selected: {reason}"
        return Verdict(kind="abstain", why=why, missing=evidence.missing)
    why = "no sentence of the evidence could be cited for an answer" if declined else "the evidence does not cover the question"
    return Verdict(kind="abstain", why=why, missing=evidence.missing, answerable=evidence.answerable)
