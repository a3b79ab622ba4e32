"""What the calibrators learn from: runs on questions with their evidence, and on the same ones where all of it, or one passage, was taken away.

The runs are predictions like those of `passel eval`: a line of signals for each question. Labels meet them here.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..graphs.signals import WRITTEN
from ..rerankers.calibration import Calibration
from ..rerankers.calibrator import FOLDS, Calibrator, out_of_fold
from ..rerankers.risk import Reference
from .datasets import load
from .first_stage import Setting
from .labels import told_values, would_answer
from .predictions import Line
from .question import Question

Kind = Literal["as it is", "none", "part"]
"""Of the evidence that is left to a question."""
SHARES: Mapping[Kind, float] = {"as it is": 0.5, "none": 0.35, "part": 0.15}
"""How much each kind counts in a data set, whatever the number of its questions."""


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    group: str
    """The data set, all its files together."""
    id: str
    kind: Kind
    signals: Mapping[str, float]
    there: bool
    """The evidence,"""
    right: bool
    """and the answer that was given, or that would have been given."""
    answers: bool
    """Whether anything would be said, however sure."""

    @property
    def fold(self) -> int:
        """The same for all rows of a question."""
        return hashlib.sha256(f"calibration {self.id}".encode("utf-8", "surrogatepass")).digest()[0] % FOLDS


def calibration_parts(data: str, corpus: Path | None) -> list[tuple[Setting, Kind, Literal["all", "one"] | None]]:
    """(setting, kind, what is dropped) of each run over a data set; an indexed corpus is asked as it is. Raises UsageError."""
    if corpus is not None:
        return [("corpus", "as it is", None)]
    if load(data).has_distractors:
        return [("distractor", "as it is", None), ("distractor", "none", "all"), ("distractor", "part", "one")]
    return [("pool", "as it is", None), ("pool", "none", "all")]  # single passages: one is all


def calibration_rows(questions: Sequence[Question], lines: Sequence[Line], kind: Kind) -> list[CalibrationRow]:
    """Of questions whose answers are known, or that have none; a run that failed tells nothing."""
    rows = []
    for question, line in zip(questions, lines, strict=True):
        there = kind == "as it is" and question.answerable is not False
        if line["outcome"] == "failed" or not line["signals"] or not (question.answers or not there):
            continue
        right = told_values(question, line)[0] == 1.0
        rows.append(CalibrationRow(question.dataset.partition("/")[0], question.id, kind, line["signals"], there, right, would_answer(line)))
    return rows


def calibrate(rows: Sequence[CalibrationRow], fallback: Calibrator | None = None, *, model: str | None = None) -> tuple[Calibration, list[float]]:
    """The calibration, and for each row what `answerable` would be without it.

    fallback: used where all evidence is there, as with a user's own questions. model: the chat model that answered, if any. The reference of risk
    control are the questions as they are and those without any evidence, each as told by calibrators that did not see it, to judge: it decides
    before a word is written, and a stream cannot unsay. Raises ValueError where (nearly) every answer is right, or every one wrong.
    """
    signals, folds, counts = [row.signals for row in rows], [row.fold for row in rows], _counts(rows)
    there, right = [row.there for row in rows], [row.right for row in rows]
    _both_kinds(right, folds, "answers that are right", "that are wrong")
    if fallback is None or len(set(there)) == 2:
        _both_kinds(there, folds, "questions whose evidence is there", "whose evidence is not there")
    confidence = Calibrator.fit(signals, right, counts)
    if fallback is not None and len(set(there)) < 2:
        answerable, unseen = fallback, [fallback(one) for one in signals]
    else:
        answerable, unseen = Calibrator.fit(signals, there, counts), out_of_fold(signals, there, folds, counts)
    told = out_of_fold(signals, right, folds, counts, leaving_out={WRITTEN})
    kept = [n for n, row in enumerate(rows) if row.kind != "part"]
    reference = Reference(tuple(told[n] if rows[n].answers else 0.0 for n in kept), tuple(right[n] for n in kept))
    return Calibration(answerable, confidence, reference, model), unseen


def _both_kinds(truth: Sequence[bool], folds: Sequence[int], these: str, those: str) -> None:
    """Raises ValueError where some fold's calibrator would learn from one kind alone."""
    if any(len({kind for kind, of in zip(truth, folds, strict=True) if of != fold}) < 2 for fold in {*folds, -1}):
        seen = sum(truth)
        raise ValueError(f"it takes several {these} and several {those}, and {seen:,} and {len(truth) - seen:,} were seen")


def _counts(rows: Sequence[CalibrationRow]) -> list[float]:
    """Every data set as much as any other, every kind in it its share; 1 on average."""
    sizes = Counter((row.group, row.kind) for row in rows)
    shares = {group: sum(SHARES[kind] for other, kind in sizes if other == group) for group, _ in sizes}
    return [len(rows) / len(shares) * SHARES[row.kind] / shares[row.group] / sizes[row.group, row.kind] for row in rows]
