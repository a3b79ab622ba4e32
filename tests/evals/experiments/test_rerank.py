"""rerank: figures against hand-computed ones, scikit-learn and trec_eval's published ones; every judged query counts, whatever failed."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.evals.datasets.trec import RankedText, Request, read_qrels, read_requests
from passel.evals.experiments.rerank import candidates_of, measure, ranker, run
from passel.evals.result import Result
from passel.graphs.answer import Answer
from passel.rerankers.default import WEIGHTS
from passel.rerankers.ranking import Ranking
from passel.tools.candidate import Candidate
from passel.tools.encoder import Encoder
from passel.tools.errors import UsageError
from passel.tools.pair import PAIR, PairNetwork

DATA = Path(__file__).parents[4] / "shared" / "data" / "trec_dl"


def request(qid: str, *docids: str) -> Request:
    return Request(qid, f"query {qid}", tuple(RankedText(docid, "", f"text of {docid}", 10.0 - n) for n, docid in enumerate(docids)))


REQUESTS = (request("1", "a", "b", "c", "d"), request("2", "e", "f"))
QRELS = {"1": {"b": 3, "d": 1, "z": 2, "a": 0}, "2": {"e": 1}}


def reversed_(question: str, candidates: Sequence[Candidate]) -> Ranking:
    return Ranking(tuple(reversed(candidates)), tuple(1 - n / 10 for n in range(len(candidates))), calls=1)


def go(rank: Any = None, requests: Sequence[Request] = REQUESTS, qrels: Any = QRELS, **options: Any) -> tuple[Result, list[dict[str, Any]]]:
    name = "none" if rank is None else "mine"
    return run(requests, qrels, rank=rank, name=name, count_tokens=lambda texts: [len(text.split()) for text in texts], **options)


def test_hand_computed() -> None:
    got = {metric: values["1"] for metric, values in measure({"1": ["a", "b", "c", "d"]}, {"1": QRELS["1"]}).items()}
    gain, ideal = 3 / math.log2(3) + 1 / math.log2(5), 3 + 2 / math.log2(3) + 1 / math.log2(4)
    assert got["nDCG@1"] == 0
    assert got["nDCG@5"] == pytest.approx(gain / ideal)
    assert got["MRR"] == 1 / 2
    assert got["MAP"] == pytest.approx((1 / 2 + 2 / 4) / 3)  # three relevant, one never found
    assert got["recall@10"] == pytest.approx(2 / 3)
    strict = {metric: values["1"] for metric, values in measure({"1": ["a", "b", "c", "d"]}, {"1": QRELS["1"]}, min_rel=2).items()}
    assert (strict["MAP"], strict["recall@10"], strict["nDCG@5"]) == (pytest.approx(1 / 4), 1 / 2, got["nDCG@5"])


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_against_scikit_learn(seed: int) -> None:
    from sklearn.metrics import average_precision_score, ndcg_score

    rng = random.Random(seed)
    documents = [f"d{n}" for n in range(12)]
    order = rng.sample(documents, 12)
    relevances = {docid: rng.randint(0, 3) for docid in documents} | {"d0": 2}
    ours = {metric: values["q"] for metric, values in measure({"q": order}, {"q": relevances}).items()}
    truth, scores = [relevances[docid] for docid in order], [float(12 - n) for n in range(12)]
    for k in (1, 5, 10):
        assert ours[f"nDCG@{k}"] == pytest.approx(ndcg_score([truth], [scores], k=k))
    assert ours["MAP"] == pytest.approx(average_precision_score([relevance > 0 for relevance in truth], scores))


def test_none_is_the_first_stage_itself() -> None:
    result, lines = go()
    assert result.metrics["MRR"].value == pytest.approx((1 / 2 + 1) / 2)
    assert [row.label for row in result.tables[0].rows] == ["first stage"]
    assert result.tables[0].rows[0].ours
    assert [passage["passage_id"] for passage in lines[0]["candidates"]] == ["a", "b", "c", "d"]
    assert result.latency == {}


def test_a_reranker_stands_beside_the_first_stage_with_their_difference() -> None:
    result, lines = go(reversed_)
    first, ours, difference = result.tables[0].rows
    assert (first.label, ours.label, difference.label) == ("first stage", "mine", "difference")
    at = result.tables[0].columns.index("MRR")
    assert difference.cells[at].value == pytest.approx(ours.cells[at].value - first.cells[at].value)
    assert result.metrics["MRR"].value == ours.cells[at].value == pytest.approx((1 + 1 / 2) / 2)
    assert lines[0]["usage"]["calls"] == 1


def test_a_line_is_in_the_published_form() -> None:
    line = go(reversed_, dataset="trec")[1][0]
    answer = Answer.model_validate(line)
    assert (answer.id, answer.question, answer.outcome) == ("1", "query 1", "answered")
    assert [(passage.passage_id, passage.text, passage.channels, passage.score) for passage in answer.candidates][:2] == [
        ("d", "text of d", ["first-stage"], 7.0),
        ("c", "text of c", ["first-stage"], 8.0),
    ]
    assert (line["dataset"], line["variant"], line["gold_answerable"]) == ("trec", "selector", None)
    assert line["scores"] == [1.0, 0.9, 0.8, 0.7]
    assert line["tokens"] == [3, 3, 3, 3]


def test_equal_scores_are_no_ties() -> None:
    def flat(question: str, candidates: Sequence[Candidate]) -> Ranking:
        return Ranking(tuple(candidates), (0.5,) * len(candidates))

    assert go(flat)[0].metrics == go()[0].metrics


def test_judged_queries_without_a_request_count_as_zero() -> None:
    result, _ = go(qrels=QRELS | {"3": {"x": 1}})
    assert result.counts["missing"] == 1
    assert result.counts["scored"] == 3
    assert result.metrics["MRR"].value == pytest.approx((1 / 2 + 1 + 0) / 3)


def test_requests_without_judgements_are_ranked_and_not_scored() -> None:
    result, lines = go(requests=(*REQUESTS, request("9", "a")))
    assert result.counts["unlabelled"] == 1
    assert len(lines) == 3
    assert result.metrics == go()[0].metrics


def test_a_limit_leaves_the_other_queries_out_of_everything() -> None:
    result, lines = go(limit=1, qrels=QRELS | {"3": {"x": 1}})
    assert [line["id"] for line in lines] == ["1"]
    assert result.counts | {"left out": 1, "missing": 1, "scored": 2} == result.counts


def test_failures_and_malformed_outputs_count_as_zero_and_are_counted() -> None:
    def raises(question: str, candidates: Sequence[Candidate]) -> Ranking:
        if question == "query 1":
            raise RuntimeError("no\nmemory")
        return reversed_(question, candidates)

    result, lines = go(raises)
    assert (result.counts["failed"], result.counts["malformed"]) == (1, 0)
    assert (lines[0]["outcome"], lines[0]["error"]) == ("failed", "RuntimeError: no memory")
    assert result.metrics["MRR"].value == pytest.approx((0 + 1 / 2) / 2)
    assert result.counts["scored"] == 2

    def short(question: str, candidates: Sequence[Candidate]) -> Ranking:
        return Ranking(tuple(candidates[:1]), (1.0,))

    def fallen(question: str, candidates: Sequence[Candidate]) -> Ranking:
        return Ranking(tuple(candidates), tuple(0.0 for _ in candidates), fallback=True)

    for rank in (short, fallen):
        result, lines = go(rank)
        assert (result.counts["failed"], result.counts["malformed"]) == (0, 2)
        assert result.metrics["MRR"].value == 0
        assert {line["outcome"] for line in lines} == {"failed"}


def _unmeasured(line: dict[str, Any]) -> dict[str, Any]:
    """As it was predicted, before the judgements were looked at."""
    return {key: value for key, value in line.items() if key not in ("measured", "first")}


def test_resumed_it_asks_only_what_is_missing_and_gives_the_same_figures() -> None:
    asked: list[str] = []
    written: list[dict[str, Any]] = []
    told: list[tuple[int, int]] = []

    def rank(question: str, candidates: Sequence[Candidate]) -> Ranking:
        asked.append(question)
        return reversed_(question, candidates)

    whole, lines = go(rank, write=written.append)
    assert written == [_unmeasured(line) for line in lines]
    asked.clear()
    resumed, again = go(rank, done={"1": lines[0]}, write=written.append, progress=lambda done, total: told.append((done, total)))
    assert asked == ["query 2"]
    assert resumed.metrics == whole.metrics
    assert resumed.counts == whole.counts
    assert [line["candidates"] for line in again] == [line["candidates"] for line in lines]
    assert told == [(2, 2)]


def test_no_label_reaches_the_reranker() -> None:
    """The same lines whatever the judgements say."""
    other = {qid: {docid: 3 - relevance for docid, relevance in judged.items()} for qid, judged in QRELS.items()}
    ours, theirs = go(reversed_)[1], go(reversed_, qrels=other)[1]
    assert [_unmeasured(line) | {"latency_ms": 0} for line in ours] == [_unmeasured(line) | {"latency_ms": 0} for line in theirs]


def test_qrels_of_another_collection_are_said() -> None:
    with pytest.raises(UsageError, match="no query of these is judged"):
        go(qrels={"other": {"a": 1}})


def test_a_request_without_passages_is_no_failure() -> None:
    result, lines = go(requests=(Request("1", "query 1", ()), REQUESTS[1]))
    assert result.counts["failed"] == 0
    assert result.metrics["MRR"].value == pytest.approx(1 / 2)
    assert lines[0]["candidates"] == []


def test_rerankers_by_name(tmp_path: Path) -> None:
    encoder = Encoder.load()
    assert ranker("none", encoder, WEIGHTS) is None
    hits = (RankedText("a", "Arn", "Arn is a port.", 2.0), RankedText("b", "Sedge", "The mill grinds buckwheat.", 1.0))
    wanted = Request("1", "What grinds the mill?", hits)
    for name in ("cosine", "pointwise"):
        rank = ranker(name, encoder, WEIGHTS)
        assert rank is not None
        ranking = rank(wanted.query, candidates_of(wanted))
        assert sorted(candidate.passage_id for candidate in ranking.candidates) == ["a", "b"]
        assert all(0 <= score <= 1 for score in ranking.scores)
    with pytest.raises(UsageError, match="no reranker is called 'best'"):
        ranker("best", encoder, WEIGHTS)
    PairNetwork.untrained().save(tmp_path / PAIR)
    other = ranker("pointwise", encoder, tmp_path)
    assert other is not None
    assert other(wanted.query, candidates_of(wanted)).scores != ranking.scores, "the weights that were named"


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/trec_dl")
@pytest.mark.parametrize(("first_stage", "published"), [("BM25", 0.506), ("SPLADE", 0.731), ("TASB", 0.721)])
def test_the_published_figures(first_stage: str, published: float) -> None:
    result, _ = go(requests=read_requests(DATA / f"{first_stage}_dl19.json"), qrels=read_qrels(DATA / "qrels.dl19-passage.txt"), min_rel=2)
    assert result.metrics["nDCG@10"].value == pytest.approx(published, abs=0.001)
    assert result.counts["scored"] == 43
