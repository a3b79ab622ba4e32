"""Running: every question once, faults as lines, labels out of reach."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from passel.evals.predictions import Predictions, failed_line
from passel.evals.question import DataPassage, Question
from passel.evals.run import predict_all

QUESTIONS = [
    Question(
        f"q{n}", f"Question {n}?", ("an answer",), True, "bridge", (DataPassage("T", "x", True), DataPassage("U", "y", False)), ("T",), dataset="d"
    )
    for n in range(12)
]


def _answered(question: Question) -> dict:
    return {**failed_line(question, ""), "outcome": "answered"}


@pytest.mark.parametrize("jobs", [1, 4])
def test_lines_come_in_the_order_of_the_questions_and_a_fault_is_a_line(jobs: int, tmp_path: Path) -> None:
    def predict(question: Question) -> dict:
        if question.id == "q3":
            raise RuntimeError("the server\nis down")
        return _answered(question)

    told: list[tuple[int, int]] = []
    with Predictions(tmp_path / "p.jsonl", "run") as predictions:
        lines = predict_all(QUESTIONS, predict, predictions, jobs=jobs, progress=lambda *step: told.append(step))
    assert [line["id"] for line in lines] == [question.id for question in QUESTIONS]
    assert (lines[3]["outcome"], lines[3]["error"]) == ("failed", "RuntimeError: the server is down")
    assert told[0] == (0, 12)
    assert told[-1] == (12, 12)
    assert len((tmp_path / "p.jsonl").read_text().splitlines()) == 12


def test_no_label_reaches_a_prediction() -> None:
    seen: list[Question] = []

    def predict(question: Question) -> dict:
        seen.append(question)
        return _answered(question)

    with Predictions(None, "run") as predictions:
        lines = predict_all(QUESTIONS, predict, predictions)
    for question in seen:
        assert (question.answers, question.answerable, question.type, question.gold_titles, question.gold) == ((), None, "", (), None)
    assert lines[0]["gold_answerable"] is True  # written beside the prediction, not by it


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    asked: list[str] = []
    stop = threading.Event()

    def predict(question: Question) -> dict:
        if len(asked) == 5 and not stop.is_set():
            stop.set()
            raise KeyboardInterrupt
        asked.append(question.id)
        return _answered(question)

    with Predictions(tmp_path / "p.jsonl", "run") as predictions, pytest.raises(KeyboardInterrupt):
        predict_all(QUESTIONS, predict, predictions)
    with Predictions(tmp_path / "p.jsonl", "run") as predictions:
        assert len(predictions.lines) == 5
        assert len(predict_all(QUESTIONS, predict, predictions)) == 12
    assert sorted(asked) == sorted(question.id for question in QUESTIONS)


def test_variants_are_kept_apart(tmp_path: Path) -> None:
    with Predictions(tmp_path / "p.jsonl", "run") as predictions:
        predict_all(QUESTIONS, _answered, predictions)
        other = predict_all(QUESTIONS, _answered, predictions, variant="fixed")
    assert {line["variant"] for line in other} == {"fixed"}
    assert len((tmp_path / "p.jsonl").read_text().splitlines()) == 24
