"""selection: the figures against a recomputation from the lines and the file alone; baselines, variants, dropped gold, failures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from statistics import mean
from typing import Any

import pytest

from passel.evals.experiments import selection
from passel.evals.result import Estimate, Row, Table
from passel.tools.encoder import Encoder

pytestmark = pytest.mark.usefixtures("quick")

RULES = "fixed,threshold,gap,knee,tokens,oracle,oracle_set,fixed:2"
COMPARED = {"distractor": None, "pool": RULES}


def pairs(passages: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(passage["title"], passage["text"]) for passage in passages]


def gold_of(row: dict[str, Any]) -> set[tuple[str, str]]:
    return set(pairs(passage for passage in row["passages"] if passage["is_supporting"]))


def scores(chosen: list[tuple[str, str]], gold: set[tuple[str, str]]) -> dict[str, float]:
    """By the definitions."""
    if not chosen and not gold:
        return {"support_precision": 1.0, "support_recall": 1.0, "support_f1": 1.0, "support_em": 1.0, "all_gold": 1.0}
    right = len(gold.intersection(chosen))
    precision, recall = right / len(chosen) if chosen else 0.0, right / len(gold) if gold else 0.0
    return {
        "support_precision": precision,
        "support_recall": recall,
        "support_f1": 2 * precision * recall / (precision + recall) if right else 0.0,
        "support_em": float(set(chosen) == gold),
        "all_gold": float(recall == 1.0),
    }


def row_of(table: Table, label: str) -> Row:
    (row,) = [row for row in table.rows if row.label.startswith(label)]
    return row


def value(row: Row, table: Table, column: str) -> float:
    cell = row.cells[table.columns.index(column)]
    assert isinstance(cell, Estimate)
    return cell.value


@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_the_figures_by_hand(invented: Any, measure: Callable[..., Any], setting: str) -> None:
    run = measure("selection", invented.dev, setting=setting, compare=COMPARED[setting])
    found = [scores(pairs(line["selected"]), gold_of(row)) for line, row in zip(run.lines, invented.rows, strict=True)]
    for name in found[0]:
        assert run.result.metrics[name].value == pytest.approx(mean(one[name] for one in found)), name
    encoder = Encoder.load()
    tokens = [sum(encoder.count_tokens([passage["text"] for passage in line["selected"]])) for line in run.lines]
    assert run.result.metrics["tokens"].value == pytest.approx(mean(tokens))
    assert run.result.metrics["passages"].value == pytest.approx(mean(len(line["selected"]) for line in run.lines))
    there = [gold_of(row).intersection(pairs(line["candidates"])) for line, row in zip(run.lines, invented.rows, strict=True)]
    in_all = [len(found) / len(gold_of(row)) for found, row in zip(there, invented.rows, strict=True)]
    assert run.result.metrics["gold_in_candidates"].value == pytest.approx(mean(in_all))
    assert run.result.counts == {"questions": 24, "scored": 24, "unlabelled": 0, "failed": 0, "malformed": 0, "empty": 0}
    json.dumps(run.result.to_json(), allow_nan=False)


def test_every_baseline_is_in_the_table(invented: Any, measure: Callable[..., Any]) -> None:
    run = measure("selection", invented.dev, setting="pool", compare=RULES)
    table = run.result.tables[0]
    assert table.rows[0].ours
    swept = {}
    for k in range(1, 11):
        kept = [scores(pairs(line["candidates"])[:k], gold_of(row)) for line, row in zip(run.lines, invented.rows, strict=True)]
        swept[k] = mean(one["support_f1"] for one in kept)
        row = next(row for row in table.rows if row.label == f"fixed k = {k}")
        assert value(row, table, "support F1") == pytest.approx(swept[k])
        assert value(row, table, "tokens") == pytest.approx(mean(sum(line["tokens"][:k]) for line in run.lines))
    (best,) = [row for row in table.rows if row.best]
    assert value(best, table, "support F1") == pytest.approx(max(swept.values()))
    prefixes = [
        max(scores(pairs(line["candidates"])[:k], gold_of(row))["support_f1"] for k in range(len(line["candidates"]) + 1))
        for line, row in zip(run.lines, invented.rows, strict=True)
    ]
    assert value(row_of(table, "oracle k"), table, "support F1") == pytest.approx(mean(prefixes))
    assert value(row_of(table, "oracle set"), table, "support F1") == pytest.approx(1.0)  # all gold was found
    for label in ("threshold", "score gap", "knee", "token budget"):
        assert 0 < value(row_of(table, label), table, "support F1") <= mean(prefixes) + 1e-9
    assert run.result.headline["best fixed k"].value == pytest.approx(max(swept.values()))
    assert run.result.headline["oracle k"].value == pytest.approx(mean(prefixes))


def test_breakdowns_by_type_and_gold_count(invented: Any, measure: Callable[..., Any]) -> None:
    run = measure("selection", invented.dev, "pool", compare=RULES)
    tables = {table.title: table for table in run.result.tables}
    by_gold = tables["By number of gold passages"]
    assert [(row.label, row.cells[0]) for row in by_gold.rows] == [("2", 16), ("3", 4), ("4", 4)]
    assert [(row.label, row.cells[0]) for row in tables["By type"].rows] == [
        ("bridge", 12),
        ("bridge comparison", 4),
        ("comparison", 4),
        ("compositional", 4),
    ]
    of_three = [(line, row) for line, row in zip(run.lines, invented.rows, strict=True) if len(gold_of(row)) == 3]
    recalls = [scores(pairs(line["selected"]), gold_of(row))["support_recall"] for line, row in of_three]
    assert value(by_gold.rows[1], by_gold, "recall") == pytest.approx(mean(recalls))


def test_variants_are_the_same_questions_and_their_differences_are_paired(invented: Any, measure: Callable[..., Any], in_published_form: Any) -> None:
    run = measure("selection", invented.dev, setting="pool", compare=RULES)
    assert set(run.variants) == {*RULES.split(","), "fixed at our tokens", "threshold at our tokens", "tokens at our tokens"}
    table = next(table for table in run.result.tables if table.title == "Ours against each variant")
    ours = [scores(pairs(line["selected"]), gold_of(row)) for line, row in zip(run.lines, invented.rows, strict=True)]
    for name, lines in run.variants.items():
        assert [line["id"] for line in lines] == [row["id"] for row in invented.rows]
        in_published_form(lines[0])
        theirs = [scores(pairs(line["selected"]), gold_of(row)) for line, row in zip(lines, invented.rows, strict=True)]
        row = next(row for row in table.rows if row.label == name)
        assert row.cells[0].value == pytest.approx(mean(one["support_f1"] for one in theirs))
        assert value(row, table, "support F1") == pytest.approx(mean(a["support_f1"] - b["support_f1"] for a, b in zip(ours, theirs, strict=True)))
    for name in ("fixed at our tokens", "threshold at our tokens", "tokens at our tokens"):
        row = next(row for row in table.rows if row.label == name)
        assert abs(value(row, table, "tokens")) <= max(max(line["tokens"]) for line in run.lines)
    assert [line["variant"] for line in run.lines] == ["selector"] * 24  # ours is ours, with or without others
    assert run.result.metrics == selection.summarize(run.setup, run.lines)[0].metrics


@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_lines_are_in_the_published_form_and_passages_unchanged(
    invented: Any, measure: Callable[..., Any], in_published_form: Any, setting: str
) -> None:
    run = measure("selection", invented.dev, setting=setting, compare=COMPARED[setting])
    everything = {pair for row in invented.rows for pair in pairs(row["passages"])}
    for line, row in zip(run.lines, invented.rows, strict=True):
        in_published_form(line)
        listed, chosen = pairs(line["candidates"]), pairs(line["selected"])
        assert len(set(listed)) == len(listed) == len(line["scores"]) == len(line["tokens"])
        assert set(listed) == set(pairs(row["passages"])) if setting == "distractor" else set(listed) <= everything
        assert set(chosen) <= set(listed)
        assert line["scores"] == sorted(line["scores"], reverse=True)
        assert all(0 <= score <= 1 for score in line["scores"])
        assert line["usage"]["evidence_tokens"] == sum(n for n, pair in zip(line["tokens"], listed, strict=True) if pair in chosen)
    assert {(line["dataset"], line["variant"], line["gold_answerable"]) for line in run.lines} == {("invented/dev", "selector", True)}


@pytest.mark.parametrize("labels", ["unlabelled", "permuted"])
@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_no_label_changes_a_prediction(invented: Any, measure: Callable[..., Any], predicted: Any, setting: str, labels: str) -> None:
    """Whatever it is compared with: baselines may look at labels, ours may not."""
    ours = measure("selection", invented.dev, setting=setting, compare=COMPARED[setting]).lines
    theirs = measure("selection", getattr(invented, labels), setting=setting, compare="fixed").lines
    assert list(map(predicted, ours)) == list(map(predicted, theirs))


def test_unlabelled_questions_are_asked_and_not_scored(invented: Any, measure: Callable[..., Any]) -> None:
    blind = json.loads(invented.unlabelled.read_text().splitlines()[0])
    rows = invented.rows[1:8]
    mixed = measure("selection", invented.write("mixed", [*rows, blind]), compare="fixed:2")
    assert mixed.result.counts == {"questions": 8, "scored": 7, "unlabelled": 1, "failed": 0, "malformed": 0, "empty": 0}
    assert len(mixed.variants["fixed:2"]) == 8
    found = [scores(pairs(line["selected"]), gold_of(row)) for line, row in zip(mixed.lines, rows, strict=False)]
    assert mixed.result.metrics["support_f1"].value == pytest.approx(mean(one["support_f1"] for one in found))
    none = measure("selection", invented.unlabelled, compare="fixed")
    assert none.result.counts == {"questions": 24, "scored": 0, "unlabelled": 24, "failed": 0, "malformed": 0, "empty": 0}
    assert (none.result.metrics, none.result.tables) == ({}, [])
    assert none.result.notes
    json.dumps(none.result.to_json(), allow_nan=False)


def test_a_failing_question_counts_as_wrong(invented: Any, measure: Callable[..., Any], in_published_form: Any) -> None:
    rows = invented.rows[:8]
    failing = frozenset(row["id"] for row in rows[2:4])
    run = measure("selection", invented.dev, limit=8, compare="fixed:2", failing=failing)
    assert run.result.counts == {"questions": 8, "scored": 8, "unlabelled": 0, "failed": 2, "malformed": 0, "empty": 0}
    found = [scores(pairs(line["selected"]), gold_of(row)) for line, row in zip(run.lines, rows, strict=True) if row["id"] not in failing]
    for name in ("support_f1", "support_recall", "all_gold"):
        assert run.result.metrics[name].value == pytest.approx(sum(one[name] for one in found) / 8)
    for line in (line for line in (*run.lines, *run.variants["fixed:2"]) if line["id"] in failing):
        assert (line["outcome"], line["selected"], line["error"]) == ("failed", [], "RuntimeError: the anchor slipped")
        in_published_form(line)
    every = measure("selection", invented.dev, limit=8, compare="fixed,gap,oracle", failing=frozenset(row["id"] for row in rows))
    assert {estimate.value for estimate in every.result.metrics.values()} == {0.0}
    json.dumps(every.result.to_json(), allow_nan=False)


@pytest.mark.parametrize("setting", ["distractor", "pool"])
@pytest.mark.parametrize("which", ["all", "one"])
def test_dropped_gold_never_comes_back(invented: Any, measure: Callable[..., Any], setting: str, which: str) -> None:
    run = measure("selection", invented.dev, setting=setting, drop=which, rate=0.5)
    rows = {row["id"]: row for row in invented.rows}
    assert {line["gold_answerable"] for line in run.lines} == {True, False}
    assert run.result.counts["questions"] + run.result.counts["left out"] == 24
    for question, line in zip(run.setup.questions, run.lines, strict=True):
        gold = gold_of(rows[line["id"]])
        left = {(p.title, p.text) for p in question.passages if p.gold}
        listed = set(pairs(line["candidates"]))
        if line["gold_answerable"]:
            assert left == gold
        else:
            assert len(gold - left) == (len(gold) if which == "all" else 1)
            assert not listed & (gold - left)
        if setting == "distractor":
            assert len(listed) == len(set(pairs(rows[line["id"]]["passages"])))  # the list is as long as it was
    found = [
        scores(pairs(line["selected"]), {(p.title, p.text) for p in question.passages if p.gold})
        for question, line in zip(run.setup.questions, run.lines, strict=True)
    ]
    assert run.result.metrics["support_f1"].value == pytest.approx(mean(one["support_f1"] for one in found))
    json.dumps(run.result.to_json(), allow_nan=False)


def test_one_question_alone(invented: Any, measure: Callable[..., Any]) -> None:
    run = measure("selection", invented.dev, limit=1, compare="fixed,threshold,gap,knee,tokens,oracle,oracle_set")
    assert all(estimate.low == estimate.value == estimate.high for estimate in run.result.metrics.values())
    json.dumps(run.result.to_json(), allow_nan=False)


def test_the_same_figures_twice_and_in_threads(invented: Any, measure: Callable[..., Any], predicted: Any) -> None:
    one, four = (measure("selection", invented.dev, limit=8, compare="fixed,threshold", **jobs) for jobs in ({}, {"jobs": 4}))
    assert list(map(predicted, one.lines)) == list(map(predicted, four.lines))
    assert one.result.to_json() == four.result.to_json()
