"""What the selected passages hold, without a chat model: the answer that the extractive reader finds in them, and whether they cover the question.

The pair model has read most of these pairs when the selector asked; they are remembered, so answering costs next to no forward pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..tools.candidate import Candidate
from ..tools.pair import PairModel
from ..tools.passage import Passage
from ..tools.proper_names import proper_names
from ..tools.read_passages import read_passages
from ..tools.reader import Found, ReadPassage, find_answer
from ..tools.words import content_words, covered, holds
from .condense import CARRIED
from .state import SubQuestionState, last, ready


@dataclass(frozen=True)
class Read:
    """Passages as the pair model read them for one question, in the selection's order."""

    question: str
    candidates: Sequence[Candidate]
    passages: Sequence[ReadPassage]

    @cached_property
    def found(self) -> Found | None:
        return find_answer(self.question, self.passages, range(len(self.passages)))

    @cached_property
    def words(self) -> list[str]:
        """The content words of all passages and their titles, each once."""
        return list({word for passage in self.passages for word in _words(passage)})


def read_selected(reader: PairModel, question: str, candidates: Sequence[Candidate], selection: Mapping[str, Any] | None) -> Read:
    """The selected passages, read for `question`. `candidates` with their passages, in any order."""
    place = {id: n for n, id in enumerate(selection["ids"])} if selection else {}
    chosen = sorted((c for c in candidates if c.passage_id in place), key=lambda c: place[c.passage_id])
    return Read(question, chosen, read_passages(reader, question, chosen, exact=True))


def read_parts(
    reader: PairModel, sub_questions: Sequence[SubQuestionState], candidates: Sequence[Candidate], selection: Mapping[str, Any] | None
) -> dict[int, Read | None]:
    """By id, what is read for each of the last sub-questions; None where what one depends on was not found."""
    askable = {sub["id"] for sub in ready(sub_questions)}
    return {
        sub["id"]: read_selected(reader, sub["question"], candidates, selection) if sub["id"] in askable else None for sub in last(sub_questions)
    }


@dataclass(frozen=True, slots=True)
class Missing:
    """What of the question the evidence does not hold."""

    names: list[str]
    words: list[str]
    """Those of no name."""


def missing(read: Read) -> Missing:
    question = CARRIED.sub("", read.question)
    names = proper_names(question)
    lacking = [name for name in names if covered(content_words(name), read.words) < 1.0]
    in_names = {word for name in names for word in content_words(name)}
    return Missing(lacking, [word for word in content_words(question) if word not in in_names and not holds(read.words, word)])


def nowhere(missing: Missing, candidates: Sequence[Candidate]) -> list[str]:
    """Those names that no candidate holds, not even one that was not selected; else such words. What a person is told is missing."""
    held = [_words(one.passage) for one in candidates if one.passage is not None]
    names = [name for name in missing.names if not any(covered(content_words(name), words) >= 1.0 for words in held)]
    there = list({word for words in held for word in words})
    return names or [word for word in missing.words if not holds(there, word)]


def _words(passage: Passage | ReadPassage) -> list[str]:
    return content_words(f"{passage.title}. {passage.text}")
