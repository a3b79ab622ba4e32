"""The state of a run: ids, numbers and short texts, never a passage's text, so that a checkpoint stays small.

Keys without a reducer are written by one node a step. `turns` outlives a question; condense resets all others.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, NotRequired, TypedDict

from langgraph.types import Overwrite

from ..tools.budget import Spent, add_spent
from ..tools.candidate import Candidate, fuse

MOST_CANDIDATES = 120
"""Kept over all rounds, the best by fused score: bounds the checkpoint."""
MOST_TURNS = 12
MOST_TURN_CHARACTERS = 1_500
"""Of a question and of an answer that a thread remembers."""


DONT_KNOW = "I don't know: "
"""How an abstention begins, in a turn as in an answer."""


class Turn(TypedDict):
    """`filters`: what the question was bound to; another question sees only turns with the same."""

    question: str
    answer: str
    filters: NotRequired[dict[str, Any] | None]


class SubQuestionState(TypedDict):
    """One of `Answer.sub_questions`; `question` keeps its "#n"."""

    id: int
    question: str
    depends_on: list[int]
    answer: str | None


class QueryState(TypedDict):
    query: str
    reason: str
    sub_question: int | None


class Quote(TypedDict):
    """A stretch of a passage's text: `passage.text[start:end]`."""

    passage_id: str
    start: int
    end: int
    sub_question: int | None


class DraftSentence(TypedDict):
    text: str
    quotes: list[Quote]
    claims: NotRequired[list[DraftSentence]]
    """What each side says, where the sentence tells of a disagreement; `quotes` are those of all sides."""


class Draft(TypedDict):
    """What generate wrote; no sentence where it found no answer in the evidence."""

    sentences: list[DraftSentence]
    refused: int
    """Sentences that no passage supports; they were never sent."""
    failure: str | None
    open: NotRequired[list[int]]
    """Sub-questions to which nothing is said, where the question asks for several things."""
    logprob: NotRequired[float]
    """`Reply.logprob` of what was written, where the chat model gives it."""


class Outcome(TypedDict):
    """What the run ended in; `to_answer` makes the published form of it."""

    outcome: str
    text: str
    sentences: list[DraftSentence]
    confidence: float
    error: str | None
    missing: NotRequired[list[str]]
    """What of the question nothing is said of, in words."""


def unite_candidates(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    united = fuse([[Candidate.from_state(state) for state in states] for states in (old, new)])
    return [candidate.to_state() for candidate in united[:MOST_CANDIDATES]]


def ask_once(old: list[QueryState], new: list[QueryState]) -> list[QueryState]:
    """Queries in the order in which they were asked; one asked before is not listed again."""
    asked = {same_query(query["query"]) for query in old}
    return old + [query for query in new if same_query(query["query"]) not in asked]


def same_query(text: str) -> str:
    """Two queries that agree in this are the same query."""
    return " ".join(text.casefold().split()).rstrip("?.! ")


def add_turns(old: list[Turn], new: list[Turn]) -> list[Turn]:
    return (old + new)[-MOST_TURNS:]


def turn(question: str, answer: str, filters: dict[str, Any] | None = None) -> Turn:
    return {"question": question[:MOST_TURN_CHARACTERS], "answer": answer[:MOST_TURN_CHARACTERS], "filters": filters}


class RagInput(TypedDict, total=False):
    """What a caller puts in; `history` is the caller's own memory and then the only one used."""

    question: str
    history: list[Turn] | None
    filters: dict[str, Any] | None
    id: str | None
    trace_id: str
    approve: list[str]
    """Kinds of verdicts before which the run waits for a person."""
    given_plan: list[str] | None
    """The caller's own sub-questions, checked (`check_plan`); [] leaves the question whole. None: plan makes them."""
    seq: int
    """`Corpus.seq` when it was asked on a thread: the run knows nothing of what was written since."""


class RagState(RagInput, total=False):
    turns: Annotated[list[Turn], add_turns]
    standalone: str
    sub_questions: list[SubQuestionState]
    queries: Annotated[list[QueryState], ask_once]
    candidates: Annotated[list[dict[str, Any]], unite_candidates]
    selection: dict[str, Any] | None
    dropped: list[str]
    """Passages that a person left out."""
    verdict: dict[str, Any] | None
    known: list[str]
    """Passages that were there when judge looked last."""
    draft: Draft | None
    outcome: Outcome | None
    verified: int
    spent: Annotated[Spent, add_spent]


RagUpdate = dict[str, Any]
"""A node's return: some keys of RagState."""

FRESH: RagUpdate = {
    "sub_questions": [],
    "queries": Overwrite([]),
    "candidates": Overwrite([]),
    "selection": None,
    "dropped": [],
    "verdict": None,
    "known": [],
    "draft": None,
    "outcome": None,
    "verified": 0,
    "spent": Overwrite({}),
}
"""Resets what belongs to one question: reducers would otherwise carry the last one's candidates into this one."""


class SearchTask(TypedDict):
    """What a `Send` gives the node search: it sees this instead of the state."""

    query: QueryState
    filters: dict[str, Any] | None


_REFERENCE = re.compile(r"#(\d{1,4})(?!\d)")


def ready(sub_questions: Sequence[SubQuestionState]) -> list[SubQuestionState]:
    """Sub-questions whose dependencies are all answered, with "#n" filled in."""
    answers = {sub["id"]: sub["answer"] for sub in sub_questions}
    return [sub for sub in _filled(sub_questions) if all(answers.get(other) for other in sub["depends_on"])]


def last(sub_questions: Sequence[SubQuestionState]) -> list[SubQuestionState]:
    """Those that no other waits for, ready or not: what they ask is what the question asks."""
    waited_for = needed(sub_questions)
    return [sub for sub in _filled(sub_questions) if sub["id"] not in waited_for]


def needed(sub_questions: Sequence[SubQuestionState]) -> set[int]:
    """Ids of those that others wait for."""
    return {other for sub in sub_questions for other in sub["depends_on"]}


def _filled(sub_questions: Sequence[SubQuestionState]) -> list[SubQuestionState]:
    """With the answers that are known in the place of "#n"."""
    answers = {sub["id"]: sub["answer"] for sub in sub_questions}
    return [{**sub, "question": _REFERENCE.sub(lambda found: answers.get(int(found[1])) or found[0], sub["question"])} for sub in sub_questions]
