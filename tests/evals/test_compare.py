"""Comparison by hand: differences are paired by question, in all and for parts of them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from passel.evals.compare import compare_with
from passel.evals.labels import Values
from passel.evals.predictions import Line
from passel.evals.question import Question
from passel.evals.result import Estimate, Table

TYPES = ("bridge", "bridge", "comparison", "comparison", "bridge")
ASKED = tuple(Question(f"q{n}", "?", type=type, dataset="d") for n, type in enumerate(TYPES))
COLUMNS = {"f1": "F1", "tokens": "tokens"}


def lines(f1s: list[float | None], tokens: int = 10) -> list[Line]:
    return [{"dataset": "d", "id": f"q{n}", "f1": f1, "tokens": float(tokens + n)} for n, f1 in enumerate(f1s)]


def values_of(question: Question, line: Line) -> Values | None:
    return None if line["f1"] is None else {"f1": line["f1"], "tokens": line["tokens"]}


def compared(ours: list[float | None], **variants: list[Line]) -> list[Table]:
    return compare_with(ASKED, lines(ours), variants, values_of, "f1", COLUMNS)


def test_hand_computed() -> None:
    ours, theirs = [1.0, 0.5, 0.0, 1.0, 0.5], [0.5, 0.5, 0.5, 0.0, 0.0]
    whole, by_type = compared([*ours], fixed=lines([*theirs], tokens=7), gap=lines([*ours]))
    assert whole.columns == ("its F1", "F1", "tokens")
    fixed, gap = whole.rows
    assert [row.label for row in whole.rows] == ["fixed", "gap"]
    assert [cell.value for cell in fixed.cells if isinstance(cell, Estimate)] == [pytest.approx(0.3), pytest.approx(0.3), pytest.approx(3.0)]
    assert fixed.cells[2] == Estimate(3.0, 3.0, 3.0)
    assert gap.cells[1:] == (Estimate(0.0, 0.0, 0.0),) * 2  # the same on every question: no interval, though both figures have one
    assert isinstance(gap.cells[0], Estimate)
    assert gap.cells[0].low < gap.cells[0].high
    assert by_type.columns == ("fixed", "gap")
    assert [(row.label, row.cells[0].value) for row in by_type.rows if isinstance(row.cells[0], Estimate)] == [
        ("bridge (3)", pytest.approx((0.5 + 0 + 0.5) / 3)),
        ("comparison (2)", pytest.approx((-0.5 + 1) / 2)),
    ]


def test_the_interval_is_that_of_the_paired_differences() -> None:
    """Against all 5**5 resamples there are; their means are a tenth apart."""
    ours, theirs = np.array([1.0, 0.5, 0.0, 1.0, 0.5]), np.array([0.5, 0.5, 0.5, 0.0, 0.0])
    means = sorted(np.mean(drawn) for drawn in product(ours - theirs, repeat=5))
    (whole, _) = compared([*ours.tolist()], fixed=lines([*theirs.tolist()]))
    found = whole.rows[0].cells[1]
    assert isinstance(found, Estimate)
    assert (found.low, found.high) == (pytest.approx(np.quantile(means, 0.025), abs=0.11), pytest.approx(np.quantile(means, 0.975), abs=0.11))


def test_a_variants_lines_are_found_by_question_whatever_their_order() -> None:
    ours = [1.0, 0.5, 0.0, 1.0, 0.5]
    assert compared([*ours], fixed=lines([*ours])[::-1]) == compared([*ours], fixed=lines([*ours]))


def test_questions_that_are_not_scored_are_in_no_pair() -> None:
    (whole, by_type) = compared([1.0, None, 0.0, None, 0.5], fixed=lines([0.5, 9.0, 0.5, 9.0, 0.0]))
    assert whole.rows[0].cells[1] == compared([1.0, None, 0.0, None, 0.5], fixed=lines([0.5, None, 0.5, None, 0.0]))[0].rows[0].cells[1]
    assert [row.label for row in by_type.rows] == ["bridge (2)", "comparison (1)"]


def test_without_variants_or_scores_there_is_no_table() -> None:
    assert compared([1.0, 0.5, 0.0, 1.0, 0.5]) == []
    assert compared([None] * 5, fixed=lines([0.5] * 5)) == []
