"""Reading examples: what the pair model learns from, and which passages of an example it reads this time.

A list of passages teaches two things at once: which of them are evidence, and where in them the answer stands. What an answer is hangs on the
question: one span of the whole list ("Who designed the Harbour Hall?"), or a span in each passage that a comparison then compares ("Which is older, A
or B?": a date in each), or no span at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

from ...tools.pair_text import Reading, Window, windows
from ...tools.sentences import sentences

FORMAT = 3
"""Raised by hand when a reading example of the same question, or what is drawn of it, would be another: a training is not gone on with then."""
LISTED = 8
"""Passages of a list that are read at a time: the gold ones, and others drawn anew each epoch."""
LISTED_OF_ONE = 3
"""The same where the question has one gold passage at most: single-hop questions need less company."""
_HARD = 6
"""A negative's chance to be drawn falls with its rank r as 1 / (_HARD + r)."""
_WITHOUT_NAMING = 0.2
"""Share of passages that are read without the sentence that leads to them though it is known: at answering it may be unselected."""
_WITHOUT_ANSWER = 0.12
"""Share of lists from which the passages with the answer are left out: then "no answer" is right."""
_STRIPPED = 0.3
"""Share of lists that hold a passage with the answer once more, without the sentences that state it: about what is asked, and "no answer" is right.
In half of them it stands in the place of the passage itself."""


@dataclass(frozen=True, slots=True)
class LabelledPassage:
    reading: Reading
    gold: bool
    answers: tuple[str, ...] = ()
    """Wordings to be found in it; (): nothing is to be found."""
    ranked: bool = True
    """Whether `gold` is known, and teaches relevance and order; else it teaches spans alone."""


@dataclass(frozen=True, slots=True)
class ReadingExample:
    id: str
    question: str
    passages: tuple[LabelledPassage, ...]
    """The gold ones, then the others, hardest first."""
    reads: Literal["list", "each", "nothing"]
    """One answer in the list; one in each passage that has `answers`; or no label for spans."""
    yes: bool | None = None
    """For a question that asks whether all of its gold passages fulfil something: whether they do."""


@dataclass(frozen=True, slots=True)
class Target:
    """One window to be read, and what is to be found there."""

    window: Window
    gold: bool | None
    """None: not known."""
    starts: tuple[int, ...]
    """Tokens of the window at which an answer begins,"""
    ends: tuple[int, ...]
    """and those at which one ends, inclusive."""
    labelled: bool
    """Whether the lack of `starts` means "no answer here"; else nothing is known."""


@dataclass(frozen=True, slots=True)
class TargetList:
    example: ReadingExample
    targets: tuple[Target, ...]

    @property
    def tokens(self) -> int:
        return sum(len(target.window.tokens) for target in self.targets)


def draw(examples: Sequence[ReadingExample], random: Random) -> list[TargetList]:
    """What to read of each example this time."""
    drawn = [_drawn(example, random) for example in examples]
    pairs = [(example.question, passage.reading) for example, passages in zip(examples, drawn, strict=True) for passage in passages]
    of_pairs = iter(windows(pairs))
    return [
        TargetList(example, tuple(_target(example, passage, next(of_pairs), random) for passage in passages))
        for example, passages in zip(examples, drawn, strict=True)
    ]


def _drawn(example: ReadingExample, random: Random) -> list[LabelledPassage]:
    gold = [passage for passage in example.passages if passage.gold]
    others = [passage for passage in example.passages if not passage.gold]
    stripped: list[LabelledPassage] = []
    chance, one_answer = random.random(), example.reads == "list"
    if one_answer and chance < _STRIPPED:
        stripped = [copy for passage in gold if passage.answers and (copy := without_answer(passage))]
    if one_answer and ((stripped and chance < _STRIPPED / 2) or (len(gold) > 1 and chance > 1 - _WITHOUT_ANSWER)):
        gold = [passage for passage in gold if not passage.answers]
    size = LISTED if len([passage for passage in example.passages if passage.gold]) > 1 else LISTED_OF_ONE
    keys = sorted(range(len(others)), key=lambda rank: random.random() ** (_HARD + rank), reverse=True)  # weighted, without replacement
    passages = [*gold, *stripped, *(others[rank] for rank in keys[: max(0, size - len(gold) - len(stripped))])]
    return [
        replace(passage, reading=replace(passage.reading, naming="")) if passage.reading.naming and random.random() < _WITHOUT_NAMING else passage
        for passage in passages
    ]


def without_answer(passage: LabelledPassage) -> LabelledPassage | None:
    """The passage without the sentences in which an answer stands. None where that leaves nothing, or title or naming sentence tell it as well.

    What is left may still be on the way to an answer, or not: as evidence it has no label.
    """
    title, text, naming = passage.reading.title, passage.reading.text, passage.reading.naming
    found = occurrences(text, passage.answers)
    left = [text[start:end] for start, end in sentences(text) if not any(a < end and b > start for a, b in found)]
    if not left or occurrences(f"{title}\n{naming}", passage.answers):
        return None
    return LabelledPassage(Reading(title, " ".join(left), naming), gold=False, ranked=False)


def _target(example: ReadingExample, passage: LabelledPassage, of_passage: Sequence[Window], random: Random) -> Target:
    found = [(window, *answer_tokens(window, passage)) for window in of_passage]
    holding = [each for each in found if each[1]]
    window, starts, ends = random.choice(holding or found)
    if example.reads == "nothing" or (passage.answers and not starts):
        labelled = False
    else:
        labelled = example.reads == "list" or bool(starts)
    return Target(window, passage.gold if passage.ranked else None, starts, ends, labelled)


def answer_tokens(window: Window, passage: LabelledPassage) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """First and last tokens (places in the window) of every stretch of the text that is one of the answers."""
    starts, ends = [], []
    for start, end in occurrences(passage.reading.text, passage.answers):
        inside = [i for i, (a, b) in enumerate(window.offsets) if a < end and b > start]
        if inside and window.offsets[inside[0]][0] <= start and window.offsets[inside[-1]][1] >= end:
            starts.append(window.text + inside[0])
            ends.append(window.text + inside[-1])
    return tuple(starts), tuple(ends)


def occurrences(text: str, answers: Sequence[str]) -> list[tuple[int, int]]:
    """Where an answer stands in the text as whole words, whatever its case and spacing."""
    spans: set[tuple[int, int]] = set()
    for answer in answers:
        words = answer.split()
        if words:
            pattern = r"\s+".join(map(re.escape, words))
            spans.update(match.span() for match in re.finditer(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE))
    return sorted(spans)
