"""resolve: answers the sub-questions that others wait for, so that "#1" can be filled in. Free when nothing waits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from langgraph.runtime import Runtime

from ..rerankers.chains import read_chains
from ..tools import chat
from ..tools.candidate import Candidate, query_key
from ..tools.names import mentions, name_key
from .answer import SubQuestion
from .context import RagContext, spent_on, with_passages
from .events import Resolved
from .prompts import RESOLVE, UNKNOWN, numbered
from .state import RagState, RagUpdate, SubQuestionState, ready, same_query

_PASSAGES = 5
"""Read for one sub-question: its own best candidates."""


async def resolve(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads `sub_questions`, `queries` and `candidates`; writes the answers into `sub_questions`, adds to `spent`."""
    subs, context = state["sub_questions"], runtime.context
    asked = {same_query(query["query"]) for query in state["queries"]}
    needed = {other for sub in subs for other in sub["depends_on"]}
    waited_for = [sub for sub in ready(subs) if sub["id"] in needed and not sub["answer"] and same_query(sub["question"]) in asked]
    if not waited_for:
        return {}
    candidates = await asyncio.to_thread(with_passages, state["candidates"], context.corpus, state.get("filters"))
    calls = context.calls_left(state["spent"]) if context.model is not None and not context.exhausted(state["spent"]) else 0
    results = await asyncio.gather(*(_answer(sub, candidates, state, context, by_model=n < calls) for n, sub in enumerate(waited_for)))
    answers = {sub["id"]: answer for sub, (answer, _) in zip(waited_for, results, strict=True) if answer}
    for sub in waited_for:
        shown = {**sub, "answer": answers.get(sub["id"])}
        runtime.stream_writer(Resolved(sub_question=SubQuestion.model_validate(shown)))
    return {
        "sub_questions": [{**sub, "answer": answers.get(sub["id"], sub["answer"])} for sub in subs],
        "spent": spent_on(reply for _, replies in results for reply in replies),
    }


async def _answer(
    sub: SubQuestionState, candidates: list[Candidate], state: RagState, context: RagContext, *, by_model: bool
) -> tuple[str | None, list[chat.Reply]]:
    own = _best_for(sub["question"], candidates)
    if not own:
        return None, []
    filters = state.get("filters")
    if context.model is None or not by_model:
        return await asyncio.to_thread(best_name, sub["question"], own, context, filters), []
    prompt = numbered([(c.passage.title, c.passage.text) for c in own if c.passage], sub["question"])
    reply = await chat.ask(context.model, RESOLVE, prompt, timeout=context.time_left())
    answer = reply.text.strip().split("\n")[0].strip(" .\"'")
    usable = reply.error is None and answer and UNKNOWN not in answer and len(answer) <= 200
    return (answer if usable else await asyncio.to_thread(best_name, sub["question"], own, context, filters)), [reply]


def _best_for(question: str, candidates: list[Candidate]) -> list[Candidate]:
    """What was found for the sub-question itself, best first."""
    key = query_key(question)
    own = [(min(ranks), c) for c in candidates if (ranks := [hit.rank for hit in c.hits if hit.query == key])]
    return [c for _, c in sorted(own, key=lambda pair: pair[0])[:_PASSAGES]]


def best_name(question: str, candidates: list[Candidate], context: RagContext, filters: Mapping[str, Any] | None) -> str | None:
    """The name that the best sentence brings up: one the corpus knows if there is one, else the first that the question does not hold."""
    chains = read_chains(context.corpus.encoder, question, candidates)
    if not chains:
        return None
    best = chains[0].last.text
    asked = name_key(question)
    found = [(key, best[start:end]) for key, start, end in mentions(best) if key not in asked]
    known = {key for key, _, kind in context.corpus.named([key for key, _ in found], filters) if kind != "heading"}
    longest = sorted((pair for pair in found if pair[0] in known), key=lambda pair: -len(pair[0])) or found
    return longest[0][1] if longest else None
