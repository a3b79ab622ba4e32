"""Calibration rows: what a run tells meets its labels, and the shares of data sets and kinds are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from passel.evals.calibrating import SHARES, CalibrationRow, Kind, calibrate, calibration_parts, calibration_rows
from passel.evals.question import Question
from passel.rerankers.calibrator import FOLDS, Calibrator

ASKED = Question("q", "Who?", answers=("Ilse Marn",), dataset="set/dev")


def line(outcome: str = "answered", answer: str = "Ilse Marn [1]", found: str = "Ilse Marn", **signals: float) -> dict[str, Any]:
    return {"outcome": outcome, "answer": answer, "found": found, "signals": signals or {"one": 1.0}, "selected": [{}], "usage": {"calls": 0}}


@pytest.mark.parametrize(
    ("kind", "given", "there", "right"),
    [
        ("as it is", line(), True, True),
        ("as it is", line(answer="Otto Vane [1]"), True, False),
        ("as it is", line("abstained", "I don't know: …"), True, True),  # the answer that was not given
        ("as it is", line("abstained", "I don't know: …", ""), True, False),
        ("none", line(answer="Otto Vane [1]"), False, False),
        ("part", line(), False, True),
    ],
)
def test_truth_of_a_row(kind: Kind, given: dict[str, Any], there: bool, right: bool) -> None:
    assert calibration_rows([ASKED], [given], kind) == [CalibrationRow("set", "q", kind, {"one": 1.0}, there, right, True)]


def test_what_tells_nothing_is_left_out() -> None:
    unlabelled = Question("q", "Who?")
    assert calibration_rows([unlabelled], [line()], "as it is") == []
    assert calibration_rows([ASKED, ASKED], [line("failed"), {**line(), "signals": {}}], "as it is") == []
    without_answer = Question("q", "Who?", answerable=False)
    assert [row.there for row in calibration_rows([without_answer], [line()], "as it is")] == [False]


def _rows(count: int, group: str = "set") -> list[CalibrationRow]:
    random = Random(group)
    rows = []
    for n in range(count):
        kind: Kind = ("as it is", "none", "part")[n % 3]
        there = kind == "as it is"
        rows.append(CalibrationRow(group, f"{group} {n}", kind, {"one": random.gauss(2 * there, 1)}, there, there and random.random() < 0.7, True))
    return rows


def test_the_reference_holds_whole_and_empty_evidence_as_told_by_others() -> None:
    rows = _rows(90)
    made, unseen = calibrate(rows)
    assert len(made.reference.right) == 60
    assert len(unseen) == 90
    assert made.answerable({"one": 2.0}) > 0.6 > 0.4 > made.answerable({"one": -1.0})
    assert unseen != [made.answerable(row.signals) for row in rows]


def test_where_nothing_was_selected_nothing_can_be_answered() -> None:
    rows = [replace(row, answers=row.kind != "none") for row in _rows(90)]
    made, _ = calibrate(rows, model="openai:some")
    assert made.reference.confidence.count(0.0) == 30
    assert made.model == "openai:some"


def test_what_is_known_once_an_answer_was_written_is_learned_from_and_promises_nothing() -> None:
    """judge decides without it, so the reference of risk control must be told without it."""
    made, _ = calibrate([replace(row, signals={"written": -0.1 if row.right else -2.0}) for row in _rows(90)])
    assert made.confidence({"written": -0.1}) > 0.8 > 0.2 > made.confidence({"written": -2.0})
    assert len(set(made.reference.confidence)) <= FOLDS


def test_a_large_set_counts_no_more_than_a_small_one() -> None:
    """One where the signal says the truth, one where it says the opposite: as many of either, nothing is left."""
    other = [CalibrationRow("odd", row.id, row.kind, {"one": 2 - row.signals["one"]}, row.there, row.right, True) for row in _rows(600, "set")]
    made, _ = calibrate([*_rows(60), *other])
    small, _ = calibrate([*_rows(60), *other[:60]])
    assert made.answerable.weights["one"].of == pytest.approx(small.answerable.weights["one"].of, abs=0.35)
    assert sum(SHARES.values()) == pytest.approx(1.0)


def test_questions_that_all_have_their_evidence_keep_the_given_calibrator() -> None:
    known = Calibrator(0.3, {})
    whole = [row for row in _rows(90) if row.kind == "as it is"]
    made, unseen = calibrate(whole, known)
    assert made.answerable is known
    assert set(unseen) == {known({})}
    with pytest.raises(ValueError, match=f"evidence is there and several whose evidence is not there, and {len(whole)} and 0 were seen"):
        calibrate(whole)
    wrong = [row for row in _rows(90) if not row.right]
    for seen in (0, 1):  # of one, the fold that holds it learns nothing
        rows = wrong + [row for row in whole if row.right][:seen]
        with pytest.raises(ValueError, match=f"answers that are right and several that are wrong, and {seen} and {len(wrong)} were seen"):
            calibrate(rows, known)


def test_parts(invented: Any, tmp_path: Path) -> None:
    assert [part[1] for part in calibration_parts(str(invented.dev), None)] == ["as it is", "none", "part"]
    assert calibration_parts(str(invented.dev), tmp_path) == [("corpus", "as it is", None)]
