"""disagreement: where the evidence answers the question in two ways, both are shown instead of one being taken.

Two passages of different documents disagree where they are versions of one text and differ in a value that may be the answer (`tools/versions.py`),
or where the reader finds a different answer in each, surely, and both speak of the same thing. Not where one answer holds the other, where one
passage knows both (a list), where the question compares, or where it names what is in the one alone: the form letters of two branches, the price
lists of two years.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations

from ..tools.answers import contains_answer, normalised
from ..tools.comparison import comparison
from ..tools.polar import is_polar
from ..tools.proper_names import proper_names
from ..tools.reader import Found, ReadPassage, scored_spans
from ..tools.sentences import sentences
from ..tools.versions import Span, Versions, same_subject, versions
from ..tools.words import content_words, covered
from .evidence import Read

SURE = 2.0
"""Least log-odds of either answer, where the passages are no versions of each other,"""
SAME_THING = 0.6
"""and the least share of the words around the one that stand around the other, where the titles differ. Both chosen on `val`."""
_YEAR = re.compile(r"\b(?:1\d{3}|20\d{2})\b")
"""A smaller number may be that of a version or a clause."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one passage says. `place`: of the passage; `span`: characters of its text."""

    place: int
    span: Span


@dataclass(frozen=True, slots=True)
class Disagreement:
    sides: tuple[Side, Side]
    of_answer: bool
    """Whether it is about the answer that the reader found, and not about something else that it took into account."""


def disagreement_in(read: Read) -> Disagreement | None:
    """What the passages disagree about, first what the likelier answer is about. None where they do not."""
    found = read.found
    if found is None or len(found.places) != 1 or comparison(read.question) is not None:
        return None
    of_versions = max(_versions(read, found), key=lambda one: one[0], default=None)
    if of_versions is not None:
        return of_versions[1]
    return _rival(read, found)


def _versions(read: Read, found: Found) -> Iterator[tuple[tuple[bool, float], Disagreement]]:
    """Each with whether it is about the answer, and how likely an answer it is about."""
    answering = read.passages[found.places[0]]
    speaking = [
        place
        for place, passage in enumerate(read.passages)
        if (differing := versions(answering.text, passage.text)) is None or not _asks_of_one(read.question, answering, passage, differing)
    ]
    for place, other in permutations(speaking, 2):
        if _source(read, place) == _source(read, other):
            continue
        one, another = read.passages[place], read.passages[other]
        differing = versions(one.text, another.text)
        if differing is None or not differing.values:
            continue
        if not same_subject(one.title, another.title, _values(one, another, differing)) or _asks_of_one(read.question, one, another, differing):
            continue
        for mine, _ in differing.values:
            for score, span in _spans(read, place):
                if span[0] < mine[1] and mine[0] < span[1]:
                    whole = min(span[0], mine[0]), max(span[1], mine[1])
                    theirs = differing.counterpart(*whole)
                    if theirs is not None and _differ(one.text[slice(*whole)], another.text[slice(*theirs)]):
                        of_answer = place in found.places and any(start < whole[1] and whole[0] < end for start, end in found.spans)
                        yield (of_answer, score), Disagreement((Side(place, whole), Side(other, theirs)), of_answer)


def _rival(read: Read, found: Found) -> Disagreement | None:
    """The surest other answer from another document, where it is sure and speaks of the same thing."""
    place, span = found.places[0], found.spans[0]
    if found.score <= SURE:
        return None
    rivals = []
    for other, passage in enumerate(read.passages):
        best = max(_spans(read, other, most=1), default=None)
        if best is None or best[0] <= SURE or _source(read, other) == _source(read, place):
            continue
        theirs = passage.text[slice(*best[1])]
        if not _differ(found.text, theirs) or any(map(str.isdigit, found.text)) != any(map(str.isdigit, theirs)):
            continue
        if contains_answer(passage.text, [found.text]) or contains_answer(read.passages[place].text, [theirs]):
            continue
        if _same_thing(read.question, read.passages[place], span, passage, best[1]):
            rivals.append((best[0], Disagreement((Side(place, span), Side(other, best[1])), True)))
    return max(rivals, key=lambda one: one[0])[1] if rivals else None


def _spans(read: Read, place: int, *, most: int | None = None) -> Iterator[tuple[float, Span]]:
    for score, span in scored_spans(read.passages, place, range(len(read.passages)), most=most):
        yield score, (span.start, span.end)


def _differ(one: str, other: str) -> bool:
    """Not the same, and not a part of it: "Ilse Marn" and "Marn", "3 May 1874" and "1874" agree."""
    mine, theirs = set(normalised(one).split()), set(normalised(other).split())
    return bool(mine) and bool(theirs) and not mine <= theirs and not theirs <= mine


def _values(one: ReadPassage, other: ReadPassage, differing: Versions) -> list[tuple[str, str]]:
    return [(one.text[slice(*mine)], other.text[slice(*theirs)]) for mine, theirs in differing.values]


def _asks_of_one(question: str, one: ReadPassage, other: ReadPassage, differing: Versions) -> bool:
    """Whether two versions differ in what the question names. One that wants a yes or a no may name the very value that they dispute."""
    if is_polar(question):
        return False
    return _named_in(one, question) != _named_in(other, question) or any(
        _tells(value) and contains_answer(question, [value]) for pair in _values(one, other, differing) for value in pair
    )


def _tells(value: str) -> bool:
    return bool(_YEAR.fullmatch(value) if value.isdigit() else content_words(value))


def _same_thing(question: str, one: ReadPassage, span: Span, other: ReadPassage, theirs: Span) -> bool:
    """With the names of the question that the one has, and titled alike or with much the same words around what they say."""
    titled_alike = bool(normalised(one.title)) and normalised(one.title) == normalised(other.title)
    if not _named_in(one, question) <= _named_in(other, question):
        return titled_alike and is_polar(question)
    around, about = _around(one.text, span), _around(other.text, theirs)
    return titled_alike or (len(around) > 2 and covered(around, about) >= SAME_THING)


def _named_in(passage: ReadPassage, question: str) -> set[str]:
    """The question's names and years that the passage has."""
    text = f"{passage.title}\n{passage.text}"
    return {name for name in [*proper_names(question), *_YEAR.findall(question)] if contains_answer(text, [name])}


def _around(text: str, span: Span) -> list[str]:
    """The content words of the sentences in which the span stands, without its own."""
    holding = [one for one in sentences(text) if one[0] < span[1] and one[1] > span[0]]
    start, end = (holding[0][0], holding[-1][1]) if holding else span
    own = content_words(text[slice(*span)])
    return [word for word in content_words(text[start:end]) if word not in own]


def _source(read: Read, place: int) -> str:
    passage = read.candidates[place].passage
    return passage.source if passage is not None else ""
