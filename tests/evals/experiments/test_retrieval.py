"""retrieval: the figures against a recomputation from the lines and the file alone, and no label anywhere in a prediction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from math import log2
from statistics import mean
from typing import Any

import pytest

from passel.evals.experiments import retrieval
from passel.evals.experiments.retrieval import DEPTHS, MOST
from passel.evals.predictions import Line, Predictions
from passel.evals.result import Estimate, Result
from passel.evals.run import predict_all
from passel.evals.setup import prepare
from passel.tools.corpus import Corpus
from passel.tools.document import Document

pytestmark = pytest.mark.usefixtures("quick")

LABELLED = {"fused": "dense + lexical, fused (RRF)", "dense": "dense", "lexical": "lexical", "": "with linking (ours)"}


def gold_of(row: dict[str, Any]) -> set[tuple[str, str]]:
    return {(passage["title"], passage["text"]) for passage in row["passages"] if passage["is_supporting"]}


def key(passage: tuple[str, str]) -> str:
    return hashlib.sha256("\x1f".join(passage).encode()).hexdigest()[:24]


def figures(ranked: Sequence[Any], gold: set[Any]) -> dict[str, float]:
    """Of one list, by the definitions."""
    ranks = [rank for rank, passage in enumerate(ranked, 1) if passage in gold]
    found = {f"all_gold@{k}": float(sum(rank <= k for rank in ranks) == len(gold)) for k in DEPTHS}
    found |= {f"recall@{k}": sum(rank <= k for rank in ranks) / len(gold) for k in DEPTHS}
    ideal = sum(1 / log2(1 + rank) for rank in range(1, len(gold) + 1))
    return found | {"nDCG@10": sum(1 / log2(1 + rank) for rank in ranks if rank <= 10) / ideal, "candidates": float(len(ranked))}


@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_the_figures_by_hand(invented: Any, measure: Callable[..., Any], setting: str) -> None:
    run = measure("retrieval", invented.dev, setting=setting)
    ours = [
        figures([(c["title"], c["text"]) for c in line["candidates"]], gold_of(row)) for line, row in zip(run.lines, invented.rows, strict=True)
    ]
    assert set(run.result.metrics) == set(ours[0])
    for name, estimate in run.result.metrics.items():
        assert estimate.value == pytest.approx(mean(one[name] for one in ours)), name
        assert estimate.low <= estimate.value <= estimate.high
    assert run.result.counts == {"questions": 24, "scored": 24, "unlabelled": 0, "without evidence": 0, "failed": 0}
    channels = {row.label: dict(zip(run.result.tables[0].columns, row.cells, strict=True)) for row in run.result.tables[0].rows}
    for name in ("dense", "lexical", "fused"):
        theirs = [
            figures(line["lists"][name], {key(passage) for passage in gold_of(row)}) for line, row in zip(run.lines, invented.rows, strict=True)
        ]
        for figure, heading in (("recall@10", "recall@10"), ("all_gold@5", "all gold@5"), ("nDCG@10", "nDCG@10"), ("all_gold@50", "all gold@50")):
            assert channels[LABELLED[name]][heading].value == pytest.approx(mean(one[figure] for one in theirs)), (name, figure)
    assert channels[LABELLED[""]]["all gold@10"] == run.result.metrics["all_gold@10"]


def test_linking_stands_beside_rrf_at_the_same_number_of_candidates(invented: Any, measure: Callable[..., Any]) -> None:
    run = measure("retrieval", invented.dev, setting="pool")
    as_many = [
        figures(line["lists"]["fused"][: len(line["candidates"])], {key(passage) for passage in gold_of(row)})[f"all_gold@{MOST}"]
        for line, row in zip(run.lines, invented.rows, strict=True)
    ]
    table = run.result.tables[1]
    (row,) = [row for row in table.rows if "as many" in row.label]
    linked, alone, difference = row.cells
    assert linked == run.result.metrics[f"all_gold@{MOST}"]
    assert alone.value == pytest.approx(mean(as_many))
    assert difference.value == pytest.approx(linked.value - alone.value)
    assert run.result.headline["RRF alone, as many"] == alone
    json.dumps(run.result.to_json(), allow_nan=False)


@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_lines_are_in_the_published_form_and_passages_unchanged(
    invented: Any, measure: Callable[..., Any], in_published_form: Any, setting: str
) -> None:
    everything = {(p["title"], p["text"]) for row in invented.rows for p in row["passages"]}
    for line, row in zip(measure("retrieval", invented.dev, setting=setting).lines, invented.rows, strict=True):
        in_published_form(line)
        assert (line["id"], line["question"]) == (row["id"], row["question"])
        listed = {(c["title"], c["text"]) for c in line["candidates"]}
        assert len(listed) == len(line["candidates"]) == len(line["scores"]) == len(line["tokens"]) <= MOST
        own = {(p["title"], p["text"]) for p in row["passages"]}
        assert listed == own if setting == "distractor" else listed <= everything
        assert all(1 >= better >= worse > 0 for better, worse in zip(line["scores"], line["scores"][1:], strict=False))


@pytest.mark.parametrize("labels", ["unlabelled", "permuted"])
@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_no_label_changes_a_prediction(invented: Any, measure: Callable[..., Any], predicted: Any, setting: str, labels: str) -> None:
    ours, theirs = (measure("retrieval", file, setting=setting).lines for file in (invented.dev, getattr(invented, labels)))
    assert list(map(predicted, ours)) == list(map(predicted, theirs))


def test_unlabelled_questions_are_asked_counted_and_not_scored(invented: Any, measure: Callable[..., Any]) -> None:
    run = measure("retrieval", invented.unlabelled, setting="pool")
    assert run.result.counts == {"questions": 24, "scored": 0, "unlabelled": 24, "without evidence": 0, "failed": 0}
    assert (run.result.metrics, run.result.tables) == ({}, [])
    assert run.result.notes
    blind = json.loads(invented.unlabelled.read_text().splitlines()[0])
    rows = invented.rows[1:8]
    mixed = measure("retrieval", invented.write("mixed", [*rows, blind]))
    assert mixed.result.counts == {"questions": 8, "scored": 7, "unlabelled": 1, "without evidence": 0, "failed": 0}
    scored = [figures([(c["title"], c["text"]) for c in line["candidates"]], gold_of(row)) for line, row in zip(mixed.lines, rows, strict=False)]
    assert mixed.result.metrics["nDCG@10"].value == pytest.approx(mean(one["nDCG@10"] for one in scored))


def test_a_failure_counts_as_nothing_found(invented: Any, measure: Callable[..., Any]) -> None:
    rows = invented.rows[:8]
    failing = frozenset(row["id"] for row in rows[2:4])
    run = measure("retrieval", invented.dev, limit=8, failing=failing)
    assert run.result.counts == {"questions": 8, "scored": 8, "unlabelled": 0, "without evidence": 0, "failed": 2}
    assert [line["id"] for line in run.lines] == [row["id"] for row in rows]
    pairs = [(line, row) for line, row in zip(run.lines, rows, strict=True) if row["id"] not in failing]
    found = [figures([(c["title"], c["text"]) for c in line["candidates"]], gold_of(row)) for line, row in pairs]
    assert run.result.metrics["recall@10"].value == pytest.approx(sum(one["recall@10"] for one in found) / 8)
    every = measure("retrieval", invented.dev, limit=8, failing=frozenset(row["id"] for row in rows))
    assert {estimate.value for estimate in every.result.metrics.values()} == {0.0}
    json.dumps(every.result.to_json(), allow_nan=False)


def test_one_question_alone(invented: Any, measure: Callable[..., Any]) -> None:
    run = measure("retrieval", invented.dev, limit=1)
    assert run.result.metrics["all_gold@50"] == Estimate(1.0, 1.0, 1.0)
    json.dumps(run.result.to_json(), allow_nan=False)


def test_several_questions_at_once_are_the_same(invented: Any, measure: Callable[..., Any], predicted: Any) -> None:
    one, four = (measure("retrieval", invented.dev, limit=8, **jobs) for jobs in ({}, {"jobs": 4}))
    assert list(map(predicted, one.lines)) == list(map(predicted, four.lines))
    assert one.result.to_json() == four.result.to_json()


# ---- over a corpus, the evidence known by title ----


@pytest.fixture(scope="module")
def over_corpus(invented: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, dict[str, list[str]]], tuple[list[Line], Result]]:
    folder = tmp_path_factory.mktemp("corpus") / "films"
    passages = {(p["title"], p["text"]): None for row in invented.rows for p in row["passages"]}
    with Corpus.open(folder, create=True) as corpus:
        corpus.add([Document.from_text(text, source=f"d{n}", title=title) for n, (title, text) in enumerate(passages)], split=False)

    def run(name: str, titles: dict[str, list[str]]) -> tuple[list[Line], Result]:
        rows = [{"id": row["id"], "question": row["question"], "gold_titles": titles.get(row["id"])} for row in invented.rows]
        with prepare([str(invented.write(name, rows))], setting="corpus", corpus=folder) as setup, Predictions(None, "") as kept:
            lines = predict_all(setup.questions, retrieval.predictor(setup), kept)
            return lines, retrieval.summarize(setup, lines)

    return run


def test_evidence_known_by_title_alone(invented: Any, over_corpus: Any, predicted: Any) -> None:
    titles = {row["id"]: sorted({title for title, _ in gold_of(row)}) for row in invented.rows}
    lines, result = over_corpus("open", titles)

    def by_title(line: Line) -> list[str]:
        """The first passage of a title stands for it; another one is a candidate that is no evidence."""
        titles = [passage["title"] for passage in line["candidates"]]
        return [title if title not in titles[:n] else "" for n, title in enumerate(titles)]

    ours = [figures(by_title(line), set(titles[line["id"]])) for line in lines]
    assert any(len({c["title"] for c in line["candidates"]}) < len(line["candidates"]) for line in lines)  # some title is there twice
    for name, estimate in result.metrics.items():
        assert estimate.value == pytest.approx(mean(one[name] for one in ours)), name
    others = {id: titles[other] for id, other in zip(titles, reversed(titles), strict=True)}
    for name, labels in (("other-titles", others), ("no-titles", {})):
        theirs, _ = over_corpus(name, labels)
        assert list(map(predicted, lines)) == list(map(predicted, theirs))


# ---- over the corpus of an open set ----


@pytest.mark.parametrize("namesakes", [False, True])
def test_an_open_set_by_hand_and_blind(invented: Any, measure: Callable[..., Any], predicted: Any, namesakes: bool) -> None:
    def run(name: str, titles: list[list[str] | None]) -> Any:
        return measure("retrieval", invented.open_set(f"{name}-{namesakes}", titles, namesakes=namesakes), "pool", limit=10)

    ours = run("open", invented.gold_titles)
    assert ours.result.counts == {"questions": 10, "scored": 10, "unlabelled": 0, "without evidence": 0, "failed": 0}
    found = []
    for line, titles in zip(ours.lines, invented.gold_titles, strict=False):
        listed = [passage["title"] for passage in line["candidates"]]
        found.append(figures([title if title not in listed[:n] else "" for n, title in enumerate(listed)], set(titles)))
    for name, estimate in ours.result.metrics.items():
        assert estimate.value == pytest.approx(mean(one[name] for one in found)), name
    for name, titles in (("permuted", invented.gold_titles[::-1]), ("unlabelled", [None] * len(invented.rows))):
        assert list(map(predicted, ours.lines)) == list(map(predicted, run(name, titles).lines))


def test_evidence_that_the_corpus_lacks_is_missed(invented: Any, measure: Callable[..., Any]) -> None:
    titles = [[*gold, "The Lost Reel"] for gold in invented.gold_titles]
    for namesakes in (False, True):
        run = measure("retrieval", invented.open_set(f"lacking-{namesakes}", titles, namesakes=namesakes), "pool", limit=3)
        assert run.result.counts["scored"] == 3
        assert run.result.metrics["all_gold@50"].value == 0.0
        assert 0.0 < run.result.metrics["recall@50"].value < 1.0
