"""qa: the compiled graph over invented questions, and its figures against a recomputation from the lines and the file alone."""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import Callable, Iterable
from statistics import mean
from typing import Any

import pytest

from passel.evals.experiments.qa import predictor
from passel.evals.predictions import Line
from passel.evals.setup import prepare
from passel.rerankers.default import default_selector
from passel.tools.budget import Budget

ASKED = {"distractor": 16, "pool": 8}
"""So many questions of each setting: the graph takes its time."""

pytestmark = pytest.mark.usefixtures("quick")


def pairs(passages: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(passage["title"], passage["text"]) for passage in passages]


def gold_of(row: dict[str, Any]) -> set[tuple[str, str]]:
    return set(pairs(passage for passage in row["passages"] if passage["is_supporting"]))


def normal(text: str) -> str:
    """As SQuAD's script has it."""
    bare = "".join(c for c in text.lower() if c not in string.punctuation)
    return " ".join(word for word in bare.split() if word not in ("a", "an", "the"))


def overlap(said: str, wanted: str) -> tuple[float, float, float]:
    """(F1, precision, recall) of two normal forms, with HotpotQA's rule for yes and no."""
    if said != wanted and {said, wanted} & {"yes", "no"}:
        return 0.0, 0.0, 0.0
    same = sum((Counter(said.split()) & Counter(wanted.split())).values())
    if not same:
        return 0.0, 0.0, 0.0
    precision, recall = same / len(said.split()), same / len(wanted.split())
    return 2 * precision * recall / (precision + recall), precision, recall


def scores(line: Line, row: dict[str, Any]) -> dict[str, float]:
    gold, chosen = gold_of(row), set(pairs(line["selected"]))
    right = len(gold & chosen)
    said = normal(re.sub(r"\s*\[\d+\]", "", line["answer"])) if line["outcome"] in ("answered", "partial") else ""
    f1, precision, recall = max(overlap(said, normal(answer)) for answer in row["answers"])
    em = float(said in [normal(answer) for answer in row["answers"]])
    joint_precision, joint_recall = precision * right / max(1, len(chosen)), recall * right / len(gold)
    both = joint_precision + joint_recall
    return {
        "em": em,
        "f1": f1,
        "contains": float(any(f" {normal(answer)} " in f" {said} " for answer in row["answers"])),
        "support_f1": 2 * right / (len(chosen) + len(gold)),
        "support_recall": right / len(gold),
        "passage_joint_f1": 2 * joint_precision * joint_recall / both if both else 0.0,
        "tokens": float(line["usage"]["evidence_tokens"]),
        "passages": float(len(chosen)),
    }


@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_the_figures_by_hand(invented: Any, measure: Callable[..., Any], setting: str) -> None:
    run = measure("qa", invented.dev, setting, limit=ASKED[setting])
    rows = invented.rows[: ASKED[setting]]
    found = [scores(line, row) for line, row in zip(run.lines, rows, strict=True)]
    assert mean(one["contains"] for one in found) > 0.5  # the graph does answer
    for name in found[0]:
        assert run.result.metrics[name].value == pytest.approx(mean(one[name] for one in found)), name
    outcomes = Counter(line["outcome"] for line in run.lines)
    assert run.result.counts == {
        "questions": len(rows),
        "scored": len(rows),
        "unlabelled": 0,
        "malformed": 0,
        **{outcome.replace("_", " "): outcomes[outcome] for outcome in ("answered", "partial", "abstained", "out_of_budget", "failed")},
    }
    costs = next(table for table in run.result.tables if table.title == "What a question costs, on average")
    for column in costs.columns:
        told = costs.rows[0].cells[costs.columns.index(column)].value
        assert told == pytest.approx(mean(line["usage"][column.replace(" ", "_")] for line in run.lines))
    by_type = next(table for table in run.result.tables if table.title == "By type")
    bridge = [one["f1"] for one, row in zip(found, rows, strict=True) if row["type"] == "bridge"]
    assert by_type.rows[0].cells[by_type.columns.index("F1")].value == pytest.approx(mean(bridge))
    json.dumps(run.result.to_json(), allow_nan=False)


@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_lines_are_in_the_published_form_and_passages_unchanged(
    invented: Any, measure: Callable[..., Any], in_published_form: Any, setting: str
) -> None:
    everything = {pair for row in invented.rows for pair in pairs(row["passages"])}
    for line, row in zip(measure("qa", invented.dev, setting, limit=ASKED[setting]).lines, invented.rows, strict=False):
        in_published_form(line)
        listed = pairs(line["candidates"])
        assert (line["id"], line["question"], line["variant"]) == (row["id"], row["question"], "selector")
        assert len(set(listed)) == len(listed) == len(line["scores"]) == len(line["tokens"])
        assert set(listed) == set(pairs(row["passages"])) if setting == "distractor" else set(listed) <= everything
        assert set(pairs(line["selected"])) <= set(listed)
        assert line["scores"] == sorted(line["scores"], reverse=True)
        assert line["usage"]["evidence_tokens"] == sum(
            n for n, pair in zip(line["tokens"], listed, strict=True) if pair in pairs(line["selected"])
        )
        first = line["first_stage"]
        assert first["length"] > 0
        assert all(scores == sorted(scores, reverse=True) for name, scores in first.items() if name != "length")


@pytest.mark.parametrize("labels", ["unlabelled", "permuted"])
@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_no_label_changes_a_prediction(invented: Any, measure: Callable[..., Any], predicted: Any, setting: str, labels: str) -> None:
    ours, theirs = (measure("qa", file, setting, limit=ASKED[setting]).lines for file in (invented.dev, getattr(invented, labels)))
    assert list(map(predicted, ours)) == list(map(predicted, theirs))


def test_unlabelled_questions_are_asked_and_not_scored(invented: Any, measure: Callable[..., Any]) -> None:
    none = measure("qa", invented.unlabelled, limit=ASKED["distractor"])
    assert (none.result.counts["questions"], none.result.counts["scored"]) == (16, 0)
    assert none.result.metrics == {}
    assert len(none.result.notes) == 2  # neither the answers nor the selection
    json.dumps(none.result.to_json(), allow_nan=False)
    blind = json.loads(invented.unlabelled.read_text().splitlines()[0])
    rows = invented.rows[1:5]
    mixed = measure("qa", invented.write("mixed4", [*rows, blind]))
    assert (mixed.result.counts["questions"], mixed.result.counts["scored"]) == (5, 4)
    assert mixed.result.metrics["f1"].value == pytest.approx(mean(scores(line, row)["f1"] for line, row in zip(mixed.lines, rows, strict=False)))


def test_a_failing_question_counts_as_wrong(invented: Any, measure: Callable[..., Any], in_published_form: Any) -> None:
    rows = invented.rows[:6]
    failing = frozenset(row["id"] for row in rows[2:4])
    run = measure("qa", invented.dev, limit=6, failing=failing)
    assert (run.result.counts["questions"], run.result.counts["scored"], run.result.counts["failed"]) == (6, 6, 2)
    found = [scores(line, row) for line, row in zip(run.lines, rows, strict=True) if row["id"] not in failing]
    for name in found[0]:
        assert run.result.metrics[name].value == pytest.approx(sum(one[name] for one in found) / 6)
    for line in run.lines:
        in_published_form(line)
    every = measure("qa", invented.dev, limit=6, failing=frozenset(row["id"] for row in rows))
    assert {estimate.value for estimate in every.result.metrics.values()} == {0.0}
    json.dumps(every.result.to_json(), allow_nan=False)


@pytest.mark.parametrize(("setting", "which"), [("distractor", "all"), ("pool", "one")])
def test_dropped_gold_never_comes_back(invented: Any, measure: Callable[..., Any], setting: str, which: str) -> None:
    """Not by a look for what is missing either."""
    run = measure("qa", invented.dev, setting, drop=which, rate=0.5, limit=14)
    rows = {row["id"]: row for row in invented.rows}
    assert {line["gold_answerable"] for line in run.lines} == {True, False}
    right = []
    for question, line in zip(run.setup.questions, run.lines, strict=True):
        gold = gold_of(rows[line["id"]])
        gone = gold - {(p.title, p.text) for p in question.passages if p.gold}
        assert len(gone) == (0 if line["gold_answerable"] else len(gold) if which == "all" else 1)
        assert not gone.intersection(pairs(line["candidates"]))
        assert not gone.intersection(pairs(line["selected"]))
        assert not {text for _, text in gone} & {citation["quote"] for citation in line["citations"]}
        right.append(scores(line, rows[line["id"]])["f1"] if line["gold_answerable"] else float(line["outcome"] == "abstained"))
    assert run.result.metrics["f1"].value == pytest.approx(mean(right))
    assert run.result.counts["questions"] + run.result.counts["left out"] == 14
    evidence = next(table for table in run.result.tables if table.title == "By evidence")
    assert [row.label for row in evidence.rows] == ["not there", "there"]


def test_variants_are_asked_anew_with_our_order_cut(invented: Any, measure: Callable[..., Any]) -> None:
    run = measure("qa", invented.dev, limit=5, compare="fixed:2,tokens")
    assert list(run.variants) == ["fixed:2", "tokens", "tokens at our tokens"]
    rows = invented.rows[:5]
    ours = [scores(line, row) for line, row in zip(run.lines, rows, strict=True)]
    for name, lines in run.variants.items():
        assert [(line["id"], line["variant"]) for line in lines] == [(row["id"], name) for row in rows]
        assert [set(pairs(line["candidates"])) for line in lines] == [set(pairs(line["candidates"])) for line in run.lines]
    shorter = list(zip(run.variants["fixed:2"], run.lines, strict=True))
    assert all(len(line["selected"]) == 2 for line, _ in shorter)
    alike = [(line, ours) for line, ours in shorter if line["queries"] == ours["queries"]]  # with less evidence it may look for more
    assert alike
    assert all(line["selected"] == ours["selected"][:2] for line, ours in alike)
    spent = [sum(line["usage"]["evidence_tokens"] for line in lines) for lines in (run.variants["tokens at our tokens"], run.lines)]
    assert 0 <= spent[1] - spent[0] <= 0.1 * spent[1]
    table = next(table for table in run.result.tables if table.title == "Ours against each variant")
    theirs = [scores(line, row) for line, row in zip(run.variants["fixed:2"], rows, strict=True)]
    for heading, name in (("F1", "f1"), ("support F1", "support_f1"), ("tokens", "tokens"), ("passage-joint F1", "passage_joint_f1")):
        difference = table.rows[0].cells[table.columns.index(heading)]
        assert difference.value == pytest.approx(mean(a[name] - b[name] for a, b in zip(ours, theirs, strict=True)))


def test_a_line_holds_how_sure_a_chat_model_was_of_its_words(invented: Any, fake_chat: Any) -> None:
    """What `passel train calibrator --model` learns its weight from."""

    def answer(messages: list[Any]) -> str:
        gold = next(passage for passage in invented.rows[0]["passages"] if passage["is_supporting"])
        return '{"sub_questions": []}' if "sub-questions" in str(messages[0].text) else gold["text"]

    with prepare([str(invented.dev)], setting="distractor", limit=1) as setup:
        selector = default_selector(setup.encoder)
        models = [fake_chat.of(answer, logprob=logprob) for logprob in (None, -0.5)]
        lines = [predictor(setup, lambda _: selector, Budget(), model)(setup.questions[0].blind()) for model in models]
    assert [line["outcome"] in ("answered", "partial") for line in lines] == [True, True]
    assert lines[1]["signals"] == {**lines[0]["signals"], "written": -0.5}


def test_one_question_alone(invented: Any, measure: Callable[..., Any]) -> None:
    run = measure("qa", invented.dev, limit=1)
    assert all(estimate.low == estimate.value == estimate.high for estimate in run.result.metrics.values())
    json.dumps(run.result.to_json(), allow_nan=False)


def test_several_questions_at_once_are_the_same(invented: Any, measure: Callable[..., Any], predicted: Any) -> None:
    one, four = measure("qa", invented.dev, limit=ASKED["distractor"]), measure("qa", invented.dev, limit=8, jobs=4)
    assert list(map(predicted, one.lines[:8])) == list(map(predicted, four.lines))
