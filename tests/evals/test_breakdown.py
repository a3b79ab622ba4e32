"""Breakdowns by hand: which parts there are, what is in them, and what is not applicable."""

from __future__ import annotations

import pytest

from passel.evals.breakdown import breakdowns, parts
from passel.evals.question import DataPassage, Question
from passel.evals.result import Estimate


def question(n: int, type: str = "", gold: int | None = 2, answerable: bool | None = True, dataset: str = "d") -> Question:
    passages = tuple(DataPassage(f"T{i}", f"x{n}", None if gold is None else i < gold) for i in range(3))
    return Question(f"q{n}", "?", ("a",), answerable, type, passages, dataset=dataset)


ASKED = (question(0, "bridge"), question(1, "comparison"), question(2, "bridge", 1), question(3, "bridge", 1), question(4, "", None))
VALUES = ({"f1": 1.0}, {"f1": 0.5, "em": 1.0}, {"f1": 0.0}, {"f1": 0.5}, {"f1": 0.25})


def test_the_parts() -> None:
    assert dict(parts(ASKED)) == {
        "type": {"bridge": [0, 2, 3], "comparison": [1]},  # a question without a type is in none
        "number of gold passages": {"1": [2, 3], "2": [0, 1]},
    }
    mixed = (question(0, answerable=False, gold=0), question(1, dataset="e"), question(2, answerable=None))
    assert dict(parts(mixed)) == {
        "data set": {"d": [0, 2], "e": [1]},
        "number of gold passages": {"0": [0], "2": [1, 2]},
        "evidence": {"not there": [0], "there": [1]},
    }


def test_a_kind_that_divides_nothing_is_not_shown() -> None:
    assert dict(parts(ASKED[:1])) == {}
    assert dict(parts(())) == {}
    assert breakdowns(ASKED[:1], VALUES[:1], {"f1": "F1"}) == []
    assert breakdowns((), (), {"f1": "F1"}) == []


def test_the_figures_are_means_of_the_part() -> None:
    by_type, by_gold = breakdowns(ASKED, VALUES, {"f1": "F1", "em": "EM"})
    assert (by_type.title, by_type.columns) == ("By type", ("questions", "F1", "EM"))
    bridge, comparison = by_type.rows
    assert (bridge.label, bridge.cells[0], comparison.label, comparison.cells[0]) == ("bridge", 3, "comparison", 1)
    assert isinstance(bridge.cells[1], Estimate)
    assert bridge.cells[1].value == pytest.approx(0.5)
    assert bridge.cells[1].low < 0.5 < bridge.cells[1].high
    assert bridge.cells[2] is None  # known of no question in it
    assert comparison.cells[1:] == (Estimate(0.5, 0.5, 0.5), Estimate(1.0, 1.0, 1.0))
    assert by_gold.title == "By number of gold passages"
    assert [(row.label, row.cells[0], row.cells[1].value) for row in by_gold.rows if isinstance(row.cells[1], Estimate)] == [
        ("1", 2, pytest.approx(0.25)),
        ("2", 2, pytest.approx(0.75)),
    ]
