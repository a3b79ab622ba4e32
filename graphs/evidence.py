"""What the selected passages hold, without a chat model: the answer that the extractive reader finds in them, and whether they cover the question.

The pair model has read most of these pairs when the selector asked; they are remembered, so answering costs next to no forward pass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp
from typing import Any

from ..tools.candidate import Candidate
from ..tools.comparison import comparison
from ..tools.pair import PairModel
from ..tools.pair_text import namer_of
from ..tools.proper_names import proper_names
from ..tools.read_passages import read_passages
from ..tools.reader import Found, ReadPassage, find_answer
from ..tools.sentences import sentences
from ..tools.words import content_words, covered, holds
from .state import DraftSentence, Quote


@dataclass(frozen=True)
class Read:
    """Passages as the pair model read them for one question, in the selection's order."""

    question: str
    candidates: Sequence[Candidate]
    passages: Sequence[ReadPassage]

    @cached_property
    def found(self) -> Found | None:
        return find_answer(self.question, self.passages, range(len(self.passages)))


def read_selected(reader: PairModel, question: str, candidates: Sequence[Candidate], selection: Mapping[str, Any] | None) -> Read:
    """The selected passages, read for `question`. `candidates` with their passages, in any order."""
    place = {id: n for n, id in enumerate(selection["ids"])} if selection else {}
    chosen = sorted((c for c in candidates if c.passage_id in place), key=lambda c: place[c.passage_id])
    return Read(question, chosen, read_passages(reader, question, chosen))


def extract(whole: Read, parts: Sequence[tuple[int, Read]]) -> list[DraftSentence]:
    """The extractive answer: of the question as a whole, or of its last sub-questions (id, reading) where it asks for several things.

    A comparison is one thing. Of a single last sub-question and the whole, the one that is answered more surely is said.
    """
    answered = [(number, read, found) for number, read in parts if (found := read.found) is not None and found.score > 0]
    if comparison(whole.question) is None and len(answered) > 1:
        return [_drafted(read, found, number, end=".") for number, read, found in answered]
    said = [(None, whole, whole.found), *(answered if len(parts) == 1 else ())]
    likeliest = max(said, key=lambda one: one[2].score if one[2] else float("-inf"))
    number, read, best = likeliest
    return [_drafted(read, best, number)] if best is not None else []


def _drafted(read: Read, found: Found, sub_question: int | None, end: str = "") -> DraftSentence:
    """The answer, with the sentences in which it stands and before each those that lead to its passage."""
    quotes: dict[tuple[str, int, int], None] = {}
    for place, span in zip(found.places, found.spans, strict=True):
        quotes |= dict.fromkeys(_led_by(read, place))
        quotes[(read.candidates[place].passage_id, *_sentence(read.passages[place].text, *span))] = None
    made: list[Quote] = [{"passage_id": id, "start": start, "end": stop, "sub_question": sub_question} for id, start, stop in quotes]
    return {"text": " ".join(found.text.split()) + end, "quotes": made}


def _led_by(read: Read, place: int) -> list[tuple[str, int, int]]:
    """The naming sentences through which the passage is reached, first hop first; none where it speaks for itself."""
    steps: list[tuple[str, int, int]] = []
    known = {candidate.passage_id for candidate in read.candidates}
    met = {place}
    while read.passages[place].named.relevance > read.passages[place].bare.relevance:
        hit, namer = namer_of(read.candidates[place], known), read.passages[place].namer
        if hit is None or hit.via is None or hit.naming is None or namer is None or namer in met:
            break
        steps.insert(0, (hit.via, *hit.naming))
        place = namer
        met.add(place)
    return steps


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentences that hold `text[start:end]`."""
    holding = [span for span in sentences(text) if span[0] < end and span[1] > start]
    return (holding[0][0], holding[-1][1]) if holding else (start, end)


@dataclass(frozen=True, slots=True)
class Evidence:
    answerable: float
    """P(the evidence suffices), in [0, 1]."""
    missing: list[str]
    """Names and words of the question that the evidence does not hold."""
    missing_names: list[str]


def weigh(read: Read, relevance: Sequence[float]) -> Evidence:
    """How likely the selected passages hold the answer, and which names and words of the question they lack. `relevance`: of each of them."""
    there = list({word for passage in read.passages for word in content_words(f"{passage.title}. {passage.text}")})
    names = proper_names(_CARRIED.sub("", read.question))
    lacking = [name for name in names if covered(content_words(name), there) < 1.0]
    in_names = {word for name in names for word in content_words(name)}
    words = [word for word in content_words(read.question) if word not in in_names and not holds(there, word)]
    found = read.found
    if found is None:
        return Evidence(0.0, lacking or words, lacking)
    in_names_found = covered(list(in_names), there) if in_names else 1.0
    score = min(10.0, max(-10.0, found.score))
    odds = _BIAS + _SCORE * score + _RELEVANCE * max(relevance, default=0.0) + _NAMES * in_names_found
    return Evidence(1.0 / (1.0 + exp(-odds)), [*lacking, *words], lacking)


_CARRIED = re.compile(r" \([^()]*\)$")
"""What condense adds to a question that points back: names for the search, which no answer has to hold."""
_BIAS, _SCORE, _RELEVANCE, _NAMES = -4.48, 0.13, 1.42, 3.24
"""Logistic regression; see docs/systems.md for what it was fitted on."""
