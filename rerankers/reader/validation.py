"""How well a pair model ranks and reads, on questions that it was not trained on. Chooses checkpoints; figures to report: `passel eval`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from ...tools.answers import f1
from ...tools.pair import PairModel, PairReading
from .examples import LabelledPassage, ReadingExample

LISTED = 20
"""Passages of an example that are read: the gold ones, and the hardest others."""


@dataclass(frozen=True, slots=True)
class Read:
    """An example's listed passages with what the model says of each."""

    example: ReadingExample
    passages: tuple[LabelledPassage, ...]
    readings: tuple[PairReading, ...]


def validate(model: PairModel, examples: Mapping[str, Sequence[ReadingExample]], *, ranking_only: bool = False) -> dict[str, float]:
    """For each data set: R-precision of the relevance, answer F1 from the gold passages and from all, attribute F1; "score" is their mean.

    Empty where there is nothing to measure on. `ranking_only`: R-precision alone.
    """
    figures: dict[str, float] = {}
    for name, of_set in examples.items():
        read = read_listed(model, of_set)
        for figure, values in (
            ("rprec", [value for one in read if (value := r_precision(one)) is not None]),
            ("gold_f1", [value for one in read if (value := answer_f1(one, gold_only=True)) is not None]),
            ("f1", [value for one in read if (value := answer_f1(one)) is not None]),
            ("each_f1", [value for one in read for value in each_f1(one)]),
            ("none", [value for one in read if (value := none_right(one)) is not None]),
        ):
            if values and (figure == "rprec" or not ranking_only):
                figures[f"{name} {figure}"] = fmean(values)
    return {"score": fmean(figures.values()), **figures} if figures else {}


def read_listed(model: PairModel, examples: Sequence[ReadingExample]) -> list[Read]:
    kept = [(example, example.passages[:LISTED]) for example in examples]
    readings = iter(model.read_pairs([(example.question, passage.reading) for example, passages in kept for passage in passages]))
    return [Read(example, passages, tuple(next(readings) for _ in passages)) for example, passages in kept]


def r_precision(one: Read) -> float | None:
    """Share of gold among the first |gold| by relevance. None where that tells nothing."""
    gold = sum(passage.gold for passage in one.passages)
    if not 0 < gold < len(one.passages):
        return None
    order = sorted(range(len(one.passages)), key=lambda i: -one.readings[i].relevance)
    return sum(one.passages[i].gold for i in order[:gold]) / gold


def answer_f1(one: Read, *, gold_only: bool = False) -> float | None:
    """Of the best span of the list, always answering."""
    answers = [answer for passage in one.passages for answer in passage.answers]
    if one.example.reads != "list" or not answers:
        return None
    spans = [
        (span.score + (0.0 if gold_only else min(0.0, reading.relevance)), passage.reading.text[span.start : span.end])
        for passage, reading in zip(one.passages, one.readings, strict=True)
        if passage.gold or not gold_only
        for span in reading.spans[:1]
    ]
    return f1(max(spans)[1], answers).f1 if spans else 0.0


def each_f1(one: Read) -> list[float]:
    if one.example.reads != "each":
        return []
    return [
        f1(passage.reading.text[reading.spans[0].start : reading.spans[0].end], passage.answers).f1 if reading.spans else 0.0
        for passage, reading in zip(one.passages, one.readings, strict=True)
        if passage.answers
    ]


def none_right(one: Read) -> float | None:
    """Where no passage holds an answer, whether none is claimed."""
    if one.example.reads != "list" or any(passage.answers for passage in one.passages):
        return None
    return float(all(not reading.spans or reading.spans[0].score < 0 for reading in one.readings))
