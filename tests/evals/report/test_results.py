"""Kept runs: what is computed from them is what the run itself found, and no text of a data set is in them."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from passel.evals.datasets.trec import RankedText, Request
from passel.evals.experiments import rerank, retrieval
from passel.evals.predictions import Predictions
from passel.evals.report import readme
from passel.evals.report.results import SUFFIX, keep, load
from passel.evals.result import Result
from passel.evals.run import predict_all
from passel.evals.setup import prepare
from passel.rerankers.ranking import Ranking
from passel.tools.candidate import Candidate
from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.errors import UsageError

pytestmark = pytest.mark.usefixtures("quick")

MADE = {"command": "passel eval …", "date": "2026-01-31", "commit": "abc1234"}
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "retrieval": ("retrieval", {"setting": "pool"}),
    "retrieval, distractor": ("retrieval", {}),
    "selection": ("selection", {"setting": "pool", "drop": "all", "rate": 0.5}),
    "selection, one gold dropped": ("selection", {"drop": "one", "rate": 0.5}),
    "qa": ("qa", {"limit": 16}),
    "qa, gold dropped": ("qa", {"drop": "all", "rate": 0.5, "limit": 14}),
    "abstain": ("abstain", {"drop": "one", "rate": 0.5}),
    "one question": ("qa", {"limit": 1}),
}


def told(result: Result) -> Result:
    """As a command line adds it."""
    return replace(result, settings={**result.settings, **MADE})


def again(path: Path) -> Result:
    (result,) = readme.results(path.parent)
    return result


def same(result: Result, found: Result) -> None:
    assert found.experiment == result.experiment
    assert found.metrics == result.metrics
    assert found.headline == result.headline


def text_of(path: Path) -> str:
    return lzma.decompress(path.read_bytes()).decode()


def is_without(text: str, strings: set[str]) -> None:
    for string in strings:
        assert json.dumps(string)[1:-1] not in text
        assert json.dumps(string, ensure_ascii=False)[1:-1] not in text


@pytest.mark.parametrize("name", RUNS)
def test_what_was_kept_gives_the_same_figures(invented: Any, measure: Callable[..., Any], tmp_path: Path, name: str) -> None:
    experiment, options = RUNS[name]
    run = measure(experiment, invented.dev, **options)
    result = told(run.result)
    path = keep(result, run.setup.questions, run.lines, tmp_path / "new folder")
    same(result, again(path))
    assert path.name.endswith(SUFFIX)
    assert path.name.startswith(f"{experiment}-invented_dev-")


def test_failures_and_unknown_labels_are_kept_too(invented: Any, measure: Callable[..., Any], tmp_path: Path) -> None:
    failing = frozenset(row["id"] for row in invented.rows[2:4])
    blind = json.loads(invented.unlabelled.read_text().splitlines()[0])
    mixed = invented.write("mixed", [*invented.rows[1:8], blind])
    for n, (experiment, file, options) in enumerate(
        [
            ("retrieval", invented.dev, {"limit": 8, "failing": failing}),
            ("qa", invented.dev, {"limit": 6, "failing": failing}),
            ("retrieval", mixed, {}),
            ("selection", mixed, {"compare": "fixed:2"}),
            ("selection", mixed, {"drop": "all", "rate": 0.5}),
            ("selection", invented.unlabelled, {"compare": "fixed"}),
        ]
    ):
        run = measure(experiment, file, **options)
        result = told(run.result)
        found = again(keep(result, run.setup.questions, run.lines, tmp_path / str(n)))
        same(result, found)
        assert found.counts == result.counts


def test_no_text_of_the_data_is_kept(invented: Any, measure: Callable[..., Any], tmp_path: Path) -> None:
    rows = invented.rows
    passages = {passage[part] for row in rows for passage in row["passages"] for part in ("title", "text")}
    asked = {row["question"] for row in rows} | {answer for row in rows for answer in row["answers"]} - {"yes", "no"}
    for experiment, options in RUNS.values():
        run = measure(experiment, invented.dev, **options)
        path = keep(told(run.result), run.setup.questions, run.lines, tmp_path)
        answers = {line["answer"] for line in run.lines} | {citation["quote"] for line in run.lines for citation in line["citations"]}
        is_without(text_of(path), passages | asked | answers - {""})
        assert '"yes"' not in text_of(path)
        assert len(path.read_bytes()) < 20_000


def test_evidence_known_by_title_is_kept_without_the_titles(invented: Any, tmp_path: Path) -> None:
    passages = {(p["title"], p["text"]): None for row in invented.rows for p in row["passages"]}
    with Corpus.open(tmp_path / "films", create=True) as corpus:
        corpus.add([Document.from_text(text, source=f"d{n}", title=title) for n, (title, text) in enumerate(passages)], split=False)
    titles = [sorted({p["title"] for p in row["passages"] if p["is_supporting"]}) for row in invented.rows]
    rows = [{"id": row["id"], "question": row["question"], "gold_titles": gold} for row, gold in zip(invented.rows, titles, strict=True)]
    with prepare([str(invented.write("by-title", rows))], setting="corpus", corpus=tmp_path / "films", limit=10) as setup:
        lines = predict_all(setup.questions, retrieval.predictor(setup), Predictions(None, ""))
        result = told(retrieval.summarize(setup, lines))
    path = keep(result, setup.questions, lines, tmp_path / "kept")
    same(result, again(path))
    is_without(text_of(path), {title for gold in titles for title in gold})


# ---- rerank ----

REQUESTS = tuple(
    Request(qid, f"Which quay is number {qid}?", tuple(RankedText(f"{qid}-{n}", f"Quay {n}", f"The quay {n} of {qid}.", 9.0 - n) for n in range(5)))
    for qid in ("1", "2", "3", "4")
)
QRELS = {"1": {"1-3": 3, "1-0": 1}, "2": {"2-4": 2, "2-9": 1}, "3": {"3-1": 1}, "7": {"x": 1}}
"""Query 4 has no judgements, query 7 no request."""


def reranked(query: str, candidates: Sequence[Candidate]) -> Ranking:
    if "2" in query:
        raise RuntimeError("The quay 3 of 2. cannot be read")
    if "3" in query:
        return Ranking(tuple(candidates[:1]), (1.0,))
    return Ranking(tuple(reversed(candidates)), tuple(1 - n / 10 for n in range(len(candidates))), repaired=1)


@pytest.fixture
def run_of_rerank() -> Any:
    def run(rank: Any) -> tuple[Result, list[Any], list[Any]]:
        settings = {"data": [{"name": "quays/BM25", "sha256": "0"}], "setting": "reranking", **MADE}
        result, lines = rerank.run(
            REQUESTS, QRELS, rank=rank, name="mine" if rank else "none", count_tokens=lambda texts: [3] * len(texts), settings=settings
        )
        return result, [rerank.question_of(line, QRELS, 1) for line in lines], lines

    return run


@pytest.mark.parametrize("rank", [None, reranked])
def test_a_rerank_gives_the_same_figures(run_of_rerank: Any, tmp_path: Path, rank: Any) -> None:
    result, questions, lines = run_of_rerank(rank)
    path = keep(result, questions, lines, tmp_path)
    found = again(path)
    same(result, found)
    assert found.tables == result.tables
    assert (found.counts["missing"], found.counts["scored"], found.counts["unlabelled"]) == (1, 4, 1)
    is_without(text_of(path), {part for request in REQUESTS for part in (request.query, *(hit.text for hit in request.hits))} | {"Quay"})


def test_a_rerank_keeps_what_was_malformed(run_of_rerank: Any, tmp_path: Path) -> None:
    result, questions, lines = run_of_rerank(reranked)
    assert (result.counts["malformed"], result.counts["failed"], result.counts["repaired"]) == (1, 1, 2)
    assert again(keep(result, questions, lines, tmp_path)).counts == result.counts


# ---- files ----


def test_a_second_run_of_the_same_replaces_the_first(invented: Any, measure: Callable[..., Any], tmp_path: Path) -> None:
    paths = []
    for experiment, options in (RUNS["qa"], RUNS["qa, gold dropped"], RUNS["qa"]):
        run = measure(experiment, invented.dev, **options)
        paths.append(keep(told(run.result), run.setup.questions, run.lines, tmp_path))
    assert paths[0] == paths[2] != paths[1]
    assert set(tmp_path.iterdir()) == set(paths)
    assert paths[0].read_bytes() == keep(told(run.result), run.setup.questions, run.lines, tmp_path / "other").read_bytes()


def test_another_model_corpus_or_split_is_kept_beside_it(invented: Any, measure: Callable[..., Any], tmp_path: Path) -> None:
    run = measure("qa", invented.dev)
    others: tuple[dict[str, Any], ...] = (
        {}, {"model": "openai:x"}, {"split": "val"}, {"corpus": {"name": "isles"}}, {"model": "openai:y"}, {"own weights": "mine"}, {"risk": 0.2},
        {"command": "passel eval qa --limit 3"}, {"passages": 3}, {"budget": {"seconds": 1.0}}, {"min_rel": 2}, {"evidence_tokens": 100},
    )  # fmt: skip
    for other in others:
        result = told(run.result)
        keep(replace(result, settings={**result.settings, **other}), run.setup.questions, run.lines, tmp_path)
    assert len(list(tmp_path.iterdir())) == len(others)


@pytest.mark.parametrize(
    "content", [b"", b"no xz", lzma.compress(b""), lzma.compress(b"no json\n"), lzma.compress(b"{}\n"), lzma.compress(b"[]\n"), None]
)
def test_what_is_no_kept_run_is_said(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / f"notes{SUFFIX}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="is no kept run"):
        load(path)
