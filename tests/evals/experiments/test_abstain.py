"""abstain: its figures against scikit-learn and loops by hand, and a fitted classifier that finds what is there and nothing in noise."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

import pytest

from passel.evals.experiments import abstain
from passel.evals.labels import told_values
from passel.evals.predictions import Line, failed_line
from passel.evals.question import Question
from passel.evals.result import Estimate, Result, Table

pytestmark = pytest.mark.usefixtures("quick")

EVIDENCE, ANSWER = "Is the evidence there?", "Is the answer right?"
FITTED = "length and first-stage scores, fitted here"


@pytest.fixture
def run(invented: Any, measure: Callable[..., Any]) -> Any:
    """One gold passage of half the questions is gone: some of these are noticed."""
    return measure("abstain", invented.dev, drop="one", rate=0.5)


def table(result: Result, title: str) -> Table:
    return next(table for table in result.tables if table.title == title)


def bin_of(chance: float) -> int:
    """(0, 0.1] … (0.9, 1], 0 in the first."""
    return next(n for n in range(10) if chance <= (n + 1) / 10)


def calibration_error(chances: Sequence[float], right: Sequence[float]) -> float:
    bins: dict[int, list[tuple[float, float]]] = {}
    for chance, label in zip(chances, right, strict=True):
        bins.setdefault(bin_of(chance), []).append((chance, label))
    return sum(len(inside) / len(chances) * abs(mean(c for c, _ in inside) - mean(r for _, r in inside)) for inside in bins.values())


def mean_risk(chances: Sequence[float], losses: Sequence[float]) -> float:
    """Mean over n of the mean loss of the n most confident; questions of one confidence share their losses."""
    shared = {chance: mean(loss for c, loss in zip(chances, losses, strict=True) if c == chance) for chance in chances}
    order = sorted(chances, reverse=True)
    return mean(mean(shared[chance] for chance in order[:n]) for n in range(1, len(order) + 1))


def test_the_figures_by_hand_and_by_scikit_learn(run: Any) -> None:
    from sklearn.metrics import roc_auc_score

    truth = [float(line["gold_answerable"]) for line in run.lines]
    chances = [line["answerable"] for line in run.lines]
    metrics = run.result.metrics
    assert 0 < sum(truth) < len(truth)
    assert metrics["auroc"].value == pytest.approx(roc_auc_score(truth, chances))
    assert metrics["ece"].value == pytest.approx(calibration_error(chances, truth))
    sure = [line["confidence"] for line in run.lines]
    said = [told_values(question, line) for question, line in zip(run.setup.questions, run.lines, strict=True)]
    assert metrics["confidence_ece"].value == pytest.approx(calibration_error(sure, [em for em, _ in said]))
    assert metrics["aurc"].value == pytest.approx(mean_risk(sure, [1 - em for em, _ in said]))
    assert metrics["aurc_f1"].value == pytest.approx(mean_risk(sure, [1 - f1 for _, f1 in said]))
    (curve,) = [curve for curve in run.result.curves if curve.title.startswith("What goes wrong")]
    (ours,) = [series for series in curve.series if series.ours]
    assert ours.points[-1] == (1.0, pytest.approx(mean(1 - f1 for _, f1 in said)))
    assert len(ours.points) == len(set(sure))
    risks = table(run.result, curve.title)
    assert [row.label for row in risks.rows] == [series.name for series in curve.series]
    (row,) = [row for row in risks.rows if row.ours]
    assert row.cells[-1] == f"{mean(1 - f1 for _, f1 in said):.3f}"
    half = next(risk for coverage, risk in ours.points if coverage >= 0.5)
    assert row.cells[risks.columns.index("50%")] == f"{half:.3f}"
    assert run.result.experiment == "abstain"
    json.dumps(run.result.to_json(), allow_nan=False)


def test_what_costs_nothing_stands_beside_ours(run: Any) -> None:
    from sklearn.metrics import roc_auc_score

    rows = {row.label: row.cells for row in table(run.result, EVIDENCE).rows}
    assert list(rows) == ["answerable (ours)", "highest score", "spread of the scores", "gap behind the first", FITTED]
    truth = [float(line["gold_answerable"]) for line in run.lines]
    assert rows["highest score"][0].value == pytest.approx(roc_auc_score(truth, [max(line["scores"]) for line in run.lines]))
    gaps = [line["scores"][0] - line["scores"][1] for line in run.lines]
    assert rows["gap behind the first"][0].value == pytest.approx(roc_auc_score(truth, gaps))
    for label, cells in rows.items():
        if label != "answerable (ours)":
            assert cells[2].value == pytest.approx(run.result.metrics["auroc"].value - cells[0].value)
    assert run.result.headline["AUROC of length and scores"] == rows[FITTED][0]
    assert "confidence (ours)" in [row.label for row in table(run.result, ANSWER).rows]


def test_counts(run: Any) -> None:
    counts = run.result.counts
    assert counts["evidence there"] == sum(line["gold_answerable"] for line in run.lines)
    assert counts["evidence there"] + counts["evidence not there"] == counts["questions"] == len(run.lines)
    assert counts["questions"] + counts["left out"] + counts["unlabelled"] == 24


def test_lines_are_in_the_published_form_and_hold_no_dropped_gold(invented: Any, run: Any, in_published_form: Any) -> None:
    rows = {row["id"]: row for row in invented.rows}
    for question, line in zip(run.setup.questions, run.lines, strict=True):
        in_published_form(line)
        own = {(passage.title, passage.text) for passage in question.passages}
        listed = [(c["title"], c["text"]) for c in line["candidates"]]
        assert set(listed) == own
        gold = {(p["title"], p["text"]) for p in rows[line["id"]]["passages"] if p["is_supporting"]}
        assert len(gold - own) == (0 if line["gold_answerable"] else 1)
        before = {(p["title"], p["text"]) for p in rows[line["id"]]["passages"]}
        assert len(own) == len(before)


@pytest.mark.parametrize("labels", ["unlabelled", "permuted"])
def test_no_label_changes_a_prediction(invented: Any, measure: Callable[..., Any], predicted: Any, labels: str) -> None:
    ours, theirs = (measure("abstain", file, limit=6) for file in (invented.dev, getattr(invented, labels)))
    assert list(map(predicted, ours.lines)) == list(map(predicted, theirs.lines))
    chances = [(line["answerable"], line["confidence"]) for line in ours.lines]
    assert chances == [(line["answerable"], line["confidence"]) for line in theirs.lines]


def test_all_of_one_kind_is_said_and_no_failure(invented: Any, measure: Callable[..., Any]) -> None:
    run = measure("abstain", invented.dev, limit=6)
    assert "auroc" not in run.result.metrics
    assert any("AUROC" in note for note in run.result.notes)
    assert "aurc" in run.result.metrics
    json.dumps(run.result.to_json(), allow_nan=False)
    none = measure("abstain", invented.unlabelled, limit=6)
    assert none.result.metrics == {}
    assert none.result.counts["evidence there"] == none.result.counts["evidence not there"] == 0
    json.dumps(none.result.to_json(), allow_nan=False)


# ---- over lines of our own making ----


def made(n: int, there: bool | None, scores: Sequence[float], *, answerable: float = 0.5, confidence: float = 0.5) -> tuple[Question, Line]:
    question = Question(f"q{n}", "?", () if there is None else ("Cressing",), there, dataset="d")
    candidates = [{"passage_id": str(i), "title": str(i), "text": "x", "channels": ["dense"], "score": s} for i, s in enumerate(scores)]
    line = {**failed_line(question, ""), "error": None, "outcome": "answered", "answer": "Cressing", "candidates": candidates, "scores": [*scores]}
    return question, {**line, "tokens": [1] * len(scores), "answerable": answerable, "confidence": confidence, "first_stage": {"dense": [*scores]}}


def summarized(run: Any, pairs: Sequence[tuple[Question, Line]]) -> Result:
    setup = replace(run.setup, questions=tuple(question for question, _ in pairs), settings={"data": []})
    result = abstain.summarize(setup, [line for _, line in pairs])
    json.dumps(result.to_json(), allow_nan=False)
    return result


def fitted(result: Result) -> Estimate | None:
    cell = next(row for row in table(result, EVIDENCE).rows if row.label == FITTED).cells[0]
    assert cell is None or isinstance(cell, Estimate)
    return cell


def test_the_fitted_classifier_is_at_chance_on_noise(run: Any) -> None:
    found = []
    for seed in range(4):
        rng = random.Random(seed)
        noise = [sorted((rng.random() for _ in range(rng.randint(5, 12))), reverse=True) for _ in range(200)]
        estimate = fitted(summarized(run, [made(n, rng.random() < 0.5, scores) for n, scores in enumerate(noise)]))
        assert estimate is not None
        found.append(estimate.value)
    assert found == pytest.approx([0.5] * 4, abs=0.12)  # three standard errors of 200 questions
    assert mean(found) == pytest.approx(0.5, abs=0.06)


def test_the_fitted_classifier_finds_what_length_or_scores_tell(run: Any) -> None:
    rng = random.Random(0)
    flags = [n % 2 == 0 for n in range(80)]
    lengths = fitted(summarized(run, [made(n, there, [0.5] * (9 if there else 10)) for n, there in enumerate(flags)]))
    levels = fitted(summarized(run, [made(n, there, [0.6 + there * 0.1 + rng.random() * 0.1] * 6) for n, there in enumerate(flags)]))
    assert lengths is not None
    assert levels is not None
    assert lengths.value == 1.0
    assert levels.value > 0.98


def test_where_everything_is_the_same_nothing_is_known(run: Any) -> None:
    result = summarized(run, [made(n, n % 2 == 0, [0.5, 0.5]) for n in range(12)])
    assert result.metrics["auroc"] == Estimate(0.5, 0.5, 0.5)
    assert "nauc" not in result.metrics  # every answer is right: no order of them is better than another


def test_the_fitted_classifier_is_at_chance_where_everything_is_the_same(run: Any) -> None:
    rng = random.Random(0)
    found = fitted(summarized(run, [made(n, rng.random() < 0.5, [0.5, 0.5]) for n in range(200)]))
    assert found is not None
    assert found.value == pytest.approx(0.5, abs=0.02)


def test_few_questions(run: Any) -> None:
    for flags in ([True, False], [True, True, False], [False]):
        result = summarized(run, [made(n, there, [0.9, 0.1], answerable=0.8 if there else 0.2) for n, there in enumerate(flags)])
        assert result.metrics.get("auroc") == (Estimate(1.0, 1.0, 1.0) if len(set(flags)) == 2 else None)
        if len(set(flags)) == 2:
            assert fitted(result) is None  # too few of a kind to be fitted


def test_unknown_answerability_is_in_no_figure_of_it(run: Any) -> None:
    known = [made(n, n % 2 == 0, [0.9, n / 20], answerable=n / 20) for n in range(10)]
    unknown = [made(n, None, [0.9, 0.1], answerable=1.0) for n in range(10, 15)]
    one, other = summarized(run, known), summarized(run, [*known, *unknown])
    assert one.metrics["auroc"] == other.metrics["auroc"]
    assert one.metrics["aurc"] == other.metrics["aurc"]
    assert (other.counts["questions"], other.counts["evidence there"], other.counts["evidence not there"]) == (15, 5, 5)


def test_a_failure_is_wrong_whatever_the_truth(run: Any) -> None:
    """Its `answerable` is 0: that must not pass for knowing that the evidence is not there."""
    sure = [made(n, n % 2 == 0, [0.9, 0.1], answerable=0.9 if n % 2 == 0 else 0.1) for n in range(20)]
    assert summarized(run, sure).metrics["auroc"].value == 1.0
    for which in (0, 1):  # where the evidence is there, and where it is not
        failing = [(question, failed_line(question, "no")) if n % 4 == which else (question, line) for n, (question, line) in enumerate(sure)]
        result = summarized(run, failing)
        assert result.counts["failed"] == 5
        assert result.metrics["auroc"].value < 1.0
        assert result.metrics["ece"].value > summarized(run, sure).metrics["ece"].value
    every = summarized(run, [(question, failed_line(question, "no")) for question, _ in sure])
    assert (every.metrics["auroc"].value, every.metrics["ece"].value, every.metrics["aurc"].value) == (0.0, 1.0, 1.0)
