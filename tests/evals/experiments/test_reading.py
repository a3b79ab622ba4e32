"""reading: the extractive reader alone, its figures by hand, and silence where silence is right."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from passel.evals.experiments import reading
from passel.evals.experiments.reading import NO_ANSWER as AT
from passel.evals.predictions import Line, Predictions, failed_line
from passel.evals.question import Question
from passel.evals.report.views import html_page
from passel.evals.result import Result
from passel.evals.run import predict_all
from passel.evals.setup import Setup, prepare
from passel.rerankers.default import pair_model
from passel.tools.answers import exact_match, f1

pytestmark = pytest.mark.usefixtures("quick")

ROWS = [
    ("mill", "The mill at Brackwater was built by Odo Tressin in 1799.", "When was the mill at Brackwater built?", "1799"),
    ("ferry", "The ferry to Cressing was designed by Lambert Crode.", "Who designed the ferry to Cressing?", "Lambert Crode"),
    ("light", "The Tarn Light stands on the rock of Orme. Mirel Ostane built it.", "Who built the Tarn Light?", "Mirel Ostane"),
    ("goose", "A goose eats grass and sleeps on the water.", "Who painted the ceiling of the Harbour Hall?", ""),
    ("barn", "The barn was painted red in 1802.", "Which river flows through the town of Velby?", ""),
]


def written(folder: Path) -> Path:
    rows = [{"id": id, "title": id, "context": text, "question": asked, "answers": [answer] if answer else []} for id, text, asked, answer in ROWS]
    file = folder / "squad.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def ask(setup: Setup) -> list[Line]:
    with Predictions(None, "") as kept:
        return predict_all(setup.questions, reading.predictor(setup, pair_model()), kept)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Setup, list[Line]]:
    with prepare([str(written(tmp_path_factory.mktemp("reading")))], setting="distractor", described={"experiment": "reading"}) as setup:
        return setup, ask(setup)


def test_the_page_says_what_the_figures_say(run: tuple[Setup, list[Line]]) -> None:
    setup, lines = run
    question, unanswerable = setup.questions[0], setup.questions[3]
    lines = [line(question, question.answers[0], AT + 1), line(unanswerable, "grass", AT - 1), line(unanswerable, "grass", AT + 1)]
    assert [reading.right(one, said) for one, said in zip((question, unanswerable, unanswerable), lines, strict=True)] == [
        {"f1": 1.0, "em": 1.0}, {"f1": 1.0, "em": 1.0}, {"f1": 0.0, "em": 0.0},
    ]  # fmt: skip
    page = html_page(reading.summarize(setup, run[1]), setup.questions, run[1])
    assert '"scores":[1,1]' in page.replace(" ", "")
    assert "support_f1" not in page


def line(question: Question, answer: str, score: float) -> Line:
    return {**failed_line(question, ""), "outcome": "answered", "error": None, "answer": answer, "score": score}


def summarized(setup: Setup, questions: Sequence[Question], lines: Sequence[Line]) -> Result:
    result = reading.summarize(replace(setup, questions=tuple(questions)), lines)
    json.dumps(result.to_json(), allow_nan=False)
    return result


# Predictions


def test_answers_are_found_and_silence_is_kept(run: tuple[Setup, list[Line]]) -> None:
    _, lines = run
    assert [each["answer"] for each in lines[:3]] == ["1799", "Lambert Crode", "Mirel Ostane"]
    assert all(each["score"] > AT for each in lines[:3])
    assert all(each["score"] < AT for each in lines[3:])
    assert all(each["answer"] for each in lines)  # something is always said; whether it counts, its score says


def test_a_line_holds_all_passages_and_none_is_selected(run: tuple[Setup, list[Line]], invented: Any, in_published_form: Any) -> None:
    for each in run[1]:
        in_published_form(each)
        assert (each["outcome"], each["selected"]) == ("answered", [])
        assert [passage["title"] for passage in each["candidates"]] == [each["id"]]
        assert 0 < each["confidence"] < 1
        assert each["latency_ms"] > 0
    with prepare([str(invented.dev)], setting="distractor", limit=2) as setup:
        for question, each in zip(setup.questions, ask(setup), strict=True):
            assert {(p["title"], p["text"]) for p in each["candidates"]} == {(p.title, p.text) for p in question.passages}
            assert len(each["scores"]) == len(each["tokens"]) == len(each["candidates"])
            assert each["tokens"] == setup.encoder.count_tokens([p["text"] for p in each["candidates"]])


@pytest.mark.parametrize("labels", ["unlabelled", "permuted"])
def test_no_label_changes_a_prediction(invented: Any, predicted: Any, labels: str) -> None:
    found = []
    for file in (invented.dev, getattr(invented, labels)):
        with prepare([str(file)], setting="distractor", limit=4) as setup:
            found.append([{**predicted(each), "score": each["score"]} for each in ask(setup)])
    for ours, theirs in zip(*found, strict=True):
        assert {**ours, "dataset": ""} == {**theirs, "dataset": ""}


# Figures


def test_the_figures_of_the_run_by_hand(run: tuple[Setup, list[Line]]) -> None:
    setup, lines = run
    result = reading.summarize(setup, lines)
    assert result.counts == {"questions": 5, "scored": 5, "failed": 0, "unanswerable": 2}
    always = [(f1(each["answer"], [row[3]]).f1, exact_match(each["answer"], [row[3]])) for each, row in zip(lines[:3], ROWS, strict=False)]
    assert result.metrics["F1, answerable"].value == pytest.approx(sum(fit for fit, _ in always) / 3)
    assert result.metrics["EM, answerable"].value == pytest.approx(sum(em for _, em in always) / 3)
    assert result.metrics["F1"].value == pytest.approx((sum(fit for fit, _ in always) + 2) / 5)
    assert result.settings["threshold"] == AT
    assert result.experiment == "reading"


QUESTIONS = (
    Question("a", "?", ("the salt mill",), True, dataset="d"),
    Question("b", "?", ("noon",), True, dataset="d"),
    Question("c", "?", (), False, dataset="d"),
    Question("d", "?", (), False, dataset="d"),
    Question("e", "?", dataset="d"),
)
"""The last one's labels are unknown."""


def test_an_answer_below_the_threshold_counts_as_none(run: tuple[Setup, list[Line]]) -> None:
    said = [("salt mill of old", AT + 3.0), ("noon", AT - 1.0), ("granite", AT + 2.0), ("granite", AT - 2.0), ("granite", AT + 9.0)]
    result = summarized(run[0], QUESTIONS, [line(question, *one) for question, one in zip(QUESTIONS, said, strict=True)])
    partly = f1("salt mill of old", ["the salt mill"]).f1
    assert 0 < partly < 1
    assert result.counts == {"questions": 5, "scored": 4, "failed": 0, "unanswerable": 2}
    assert {name: estimate.value for name, estimate in result.metrics.items()} == {
        "F1, answerable": pytest.approx((partly + 1) / 2),
        "EM, answerable": 0.5,
        "F1": pytest.approx((partly + 0 + 0 + 1) / 4),
        "EM": 0.25,
    }
    points = dict(result.curves[0].series[0].points)
    assert points[-12.0] == pytest.approx((partly + 1) / 4)  # everything is answered
    assert points[AT - 1.5] == pytest.approx((partly + 1 + 0 + 1) / 4)
    assert points[12.0] == pytest.approx(2 / 4)  # nothing is
    assert max(points.values()) == points[AT - 1.5]
    assert f"{AT - 1.5:g} would be best" in result.notes[0]


def test_by_data_set_and_by_whether_the_evidence_is_there(run: tuple[Setup, list[Line]]) -> None:
    said = [("the salt mill", AT + 3.0), ("noon", AT - 1.0), ("granite", AT + 2.0), ("granite", AT - 2.0), ("granite", AT + 9.0)]
    questions = [replace(question, dataset=name) for question, name in zip(QUESTIONS, ("x", "y", "x", "y", "x"), strict=True)]
    result = summarized(run[0], questions, [line(question, *one) for question, one in zip(questions, said, strict=True)])
    tables = {table.title: {row.label: row.cells for row in table.rows} for table in result.tables}
    assert {label: cells[0] for label, cells in tables["By data set"].items()} == {"x": 2, "y": 2}
    none = {label: cells[-1].value for label, cells in tables["By evidence"].items()}  # type: ignore[union-attr]
    assert none == {"there": 0.5, "not there": 0.5}


def test_a_failure_is_wrong_whatever_the_truth(run: tuple[Setup, list[Line]]) -> None:
    """It said nothing, but not because it knew that there is no answer."""
    lines = [failed_line(question, "RuntimeError: no") for question in QUESTIONS[:4]]
    result = summarized(run[0], QUESTIONS[:4], lines)
    assert result.counts["failed"] == 4
    assert {estimate.value for estimate in result.metrics.values()} == {0.0}
    assert set(dict(result.curves[0].series[0].points).values()) == {0.0}


def test_nothing_said_is_no_answer(run: tuple[Setup, list[Line]]) -> None:
    """Of a blank passage the reader finds no word."""
    result = summarized(run[0], QUESTIONS[1:3], [line(question, "", -100.0) for question in QUESTIONS[1:3]])
    assert (result.metrics["F1, answerable"].value, result.metrics["F1"].value) == (0.0, 0.5)


def test_without_labels_nothing_is_scored(run: tuple[Setup, list[Line]]) -> None:
    result = summarized(run[0], QUESTIONS[4:], [line(QUESTIONS[4], "granite", 1.0)])
    assert result.metrics == {}
    assert result.counts["scored"] == 0
    assert result.notes == ["No question has a known answer: nothing is scored."]


def test_where_all_questions_are_unanswerable_only_the_second_figure_is_given(run: tuple[Setup, list[Line]]) -> None:
    result = summarized(run[0], QUESTIONS[2:4], [line(question, "granite", -1.0) for question in QUESTIONS[2:4]])
    assert set(result.metrics) == {"F1", "EM"}
    assert result.metrics["F1"].value == 1.0
