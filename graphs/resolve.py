"""resolve: answers the sub-questions that others wait for, so that "#1" can be filled in. Free when nothing waits."""

from __future__ import annotations

import asyncio

from langgraph.runtime import Runtime

from ..tools import chat
from ..tools.candidate import Candidate, query_key
from ..tools.read_passages import read_passages
from ..tools.reader import find_answer
from .answer import SubQuestion
from .context import RagContext, spent_on, usable
from .events import Resolved
from .prompts import RESOLVE, UNKNOWN, defused, numbered
from .state import RagState, RagUpdate, needed, ready, same_query

_PASSAGES = 5
"""Read for one sub-question: its own best candidates."""
LEAST = -2.0
"""Log-odds of an answer that is still worth a search: a wrong one costs a look, none at all the question."""


async def resolve(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads `sub_questions`, `queries`, `candidates` and what a person `dropped`; writes the answers into `sub_questions`, adds to `spent`."""
    subs, context = state["sub_questions"], runtime.context
    asked = {same_query(query["query"]): query["query"] for query in state["queries"]}
    wanted = needed(subs)
    waited_for = [sub for sub in ready(subs) if sub["id"] in wanted and not sub["answer"] and same_query(sub["question"]) in asked]
    if not waited_for:
        return {}
    candidates = await asyncio.to_thread(usable, state, context.corpus)
    calls = context.calls_left(state["spent"]) if context.model is not None and not context.exhausted(state["spent"]) else 0
    results = await asyncio.gather(*(
            _answer(sub["question"], _best_for(asked[same_query(sub["question"])], candidates), context, by_model=n < calls)
            for n, sub in enumerate(waited_for)
        ))
    answers = {sub["id"]: answer for sub, (answer, _) in zip(waited_for, results, strict=True) if answer}
    for sub in waited_for:
        shown = {**sub, "answer": answers.get(sub["id"])}
        runtime.stream_writer(Resolved(sub_question=SubQuestion.model_validate(shown)))
    return {
        "sub_questions": [{**sub, "answer": answers.get(sub["id"], sub["answer"])} for sub in subs],
        "spent": spent_on(reply for _, replies in results for reply in replies),
    }


async def _answer(question: str, own: list[Candidate], context: RagContext, *, by_model: bool) -> tuple[str | None, list[chat.Reply]]:
    """`own`: what was found for it. The question may hold what was read from a passage."""
    if not own:
        return None, []
    if context.model is None or not by_model:
        return await asyncio.to_thread(read_answer, question, own, context), []
    prompt = numbered([(c.passage.title, c.passage.text) for c in own if c.passage], defused(question))
    reply = await chat.ask(context.model, RESOLVE, prompt, timeout=context.time_left())
    answer = next(iter(reply.whole_lines()), "").strip(" .\"'")
    usable = reply.error is None and answer and UNKNOWN not in answer and len(answer) <= 200
    return (answer if usable else await asyncio.to_thread(read_answer, question, own, context)), [reply]


def _best_for(query: str, candidates: list[Candidate]) -> list[Candidate]:
    """What was found for the query, best first."""
    key = query_key(query)
    own = [(min(ranks), c) for c in candidates if (ranks := [hit.rank for hit in c.hits if hit.query == key])]
    return [c for _, c in sorted(own, key=lambda pair: pair[0])[:_PASSAGES]]


def read_answer(question: str, candidates: list[Candidate], context: RagContext) -> str | None:
    """What the extractive reader finds; None where all of it is unlikely to be an answer."""
    passages = read_passages(context.reader, question, candidates)
    found = find_answer(question, passages, range(len(passages)))
    return " ".join(found.text.split()) if found is not None and found.score > LEAST else None
