"""rerank: does a reranker bring a first stage's relevant passages up? nDCG, MAP, MRR and recall through ir-measures, beside the first stage itself.

Every judged query counts. One without a request, one whose ranking failed and one whose output was malformed score 0 and have their own count:
leaving them out is how toolkits report a better figure for a worse ranker. A query without judgements is ranked, and not scored.

The order is what is measured: equal scores are no ties, since trec_eval would break them by document id. So ir-measures is given the places.

Source: Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques" (TOIS 2002), linear gains as in trec_eval; Craswell et al.,
"Overview of the TREC 2019 Deep Learning track" (2020), section 3: relevance 2 and 3 are relevant for MAP, MRR and recall (`min_rel=2` there).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from ...graphs.answer import Answer, CandidatePassage, Usage
from ...rerankers.cosine import rank_cosine
from ...rerankers.default import pair_model
from ...rerankers.pointwise import rank_pointwise
from ...rerankers.ranking import Ranking
from ...tools.candidate import Candidate, Hit
from ...tools.encoder import Encoder
from ...tools.errors import UsageError
from ...tools.passage import Passage
from ..datasets.trec import Qrels, Request
from ..metrics.bootstrap import difference, interval
from ..predictions import Line, failed_line, line_of
from ..question import DataPassage, Question, distinct
from ..result import Curve, Result, Row, Series, Table

log = logging.getLogger("passel")

Rank = Callable[[str, Sequence[Candidate]], Ranking]
Scores = Mapping[str, Mapping[str, float]]
"""Metric -> query id -> value."""
Columns = Mapping[str, Sequence[float]]
"""Metric -> a value for each query."""

RERANKERS = ("cosine", "pointwise")
FIRST_STAGE = "first-stage"
DEPTHS = (1, 5, 10, 20)
_COLUMNS = ("nDCG@10", "nDCG@5", "nDCG@20", "MAP", "MRR", "recall@10", "recall@100")
_MALFORMED = "malformed: "


def ranker(name: str, encoder: Encoder, weights: Path, device: str | None = None) -> Rank | None:
    """The reranker of that name; None for "none", the first stage's own order. weights: folder of the pair model. Raises UsageError."""
    if name == "none":
        return None
    if name not in RERANKERS:
        raise UsageError(f"no reranker is called {name!r}", f"There are none, {', '.join(RERANKERS)}.")
    return partial(rank_cosine, encoder) if name == "cosine" else partial(rank_pointwise, pair_model(weights, device))


def run(
    requests: Sequence[Request],
    qrels: Qrels,
    *,
    rank: Rank | None,
    name: str,
    count_tokens: Callable[[Sequence[str]], Sequence[int]],
    dataset: str = "",
    min_rel: int = 1,
    limit: int | None = None,
    jobs: int = 1,
    settings: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
    done: Mapping[str, Line] | None = None,
    write: Callable[[Line], None] | None = None,
) -> tuple[Result, list[Line]]:
    """Ranks every request that `done` (by query id) does not hold, gives each line to `write`, and measures all of them.

    rank, name: the reranker, None for the first stage's own order. min_rel: the least relevance that counts as relevant for all but nDCG.
    jobs: requests at once, in threads. limit: the first n requests; the other queries of the file then count nowhere.
    settings: what else the figures depend on, for the Result. Raises UsageError where no query is judged.
    """
    asked = requests[:limit]
    left_out = {request.qid for request in requests[len(asked) :]}
    judged = {qid: relevances for qid, relevances in qrels.items() if qid not in left_out}
    if not any(request.qid in judged for request in asked):
        raise UsageError("no query of these is judged", "Look at --qrels: are they of the same collection?")
    lines = dict(done or {})
    open_ = [request for request in asked if request.qid not in lines or lines[request.qid]["outcome"] == "failed"]
    with ThreadPoolExecutor(jobs) as pool:
        for n, line in enumerate(pool.map(lambda request: _predict(request, rank, dataset, count_tokens), open_), len(asked) - len(open_) + 1):
            lines[line["id"]] = line
            if write is not None:
                write(line)
            if progress is not None:
                progress(n, len(asked))
    kept = [lines[request.qid] for request in asked]
    orders = {line["id"]: [passage["passage_id"] for passage in line["candidates"]] for line in kept if line["outcome"] != "failed"}
    ours = measure(orders, judged, min_rel=min_rel)
    first = measure({request.qid: [hit.docid for hit in request.hits] for request in asked}, judged, min_rel=min_rel)
    measured = [{**line, "measured": _of(ours, line["id"]), "first": _of(first, line["id"])} for line in kept]
    given = {"reranker": name, "min_rel": min_rel, **({"limit": limit} if limit else {}), **(settings or {})}
    missing = len(judged.keys() - {request.qid for request in asked})
    result = summarize(measured, given, missing=missing)
    if left_out:
        result.counts["left out"] = len(left_out)
    return result, measured


def _of(scores: Scores, qid: str) -> dict[str, float]:
    """All metrics of one query; none where it is not judged."""
    return {metric: values[qid] for metric, values in scores.items() if qid in values}


# ---- one request ----


def candidates_of(request: Request) -> list[Candidate]:
    """What a reranker sees. The hits are called lexical, whatever first stage found them."""
    return [
        Candidate(
            hit.docid,
            (Hit("lexical", request.query, place, hit.score),),
            Passage(hit.docid, hit.docid, hit.text, hit.title),
        )
        for place, hit in enumerate(request.hits)
    ]


def _predict(request: Request, rank: Rank | None, dataset: str, count_tokens: Callable[[Sequence[str]], Sequence[int]]) -> Line:
    question = Question(request.qid, request.query, dataset=dataset)
    given = candidates_of(request)
    began = time.perf_counter()
    try:
        ranking = rank(request.query, given) if rank is not None else Ranking(tuple(given), _falling(len(given)))
    except Exception as error:
        log.exception("query %s failed", request.qid)
        return failed_line(question, " ".join(f"{type(error).__name__}: {error}".split()))
    latency_ms = (time.perf_counter() - began) * 1000 if rank is not None else 0.0
    if ranking.fallback:
        return failed_line(question, f"{_MALFORMED}the reranker's output could not be used")
    if sorted(candidate.passage_id for candidate in ranking.candidates) != sorted(candidate.passage_id for candidate in given):
        return failed_line(question, f"{_MALFORMED}not a permutation of the candidates")
    hits = {hit.docid: hit for hit in request.hits}
    listed = [
        CandidatePassage(passage_id=hit.docid, title=hit.title, text=hit.text, channels=[FIRST_STAGE], score=hit.score)
        for hit in (hits[candidate.passage_id] for candidate in ranking.candidates)
    ]
    usage = Usage(calls=ranking.calls, pairs=len(listed) if rank is not None else 0)
    answer = Answer(
        id=request.qid, question=request.query, outcome="answered", answer="", candidates=listed, usage=usage, latency_ms=latency_ms
    )
    tokens = count_tokens([passage.text for passage in listed])
    scores = [round(min(1.0, max(0.0, score)), 6) for score in ranking.scores]
    return line_of(answer, question, scores=scores, tokens=list(tokens), gold_answerable=None, repaired=ranking.repaired)


def _falling(n: int) -> tuple[float, ...]:
    """Scores for an order that has none: from 1 downwards."""
    return tuple(1 - place / n for place in range(n))


# ---- measuring ----


def question_of(line: Line, qrels: Qrels, min_rel: int) -> Question:
    """A line's query with the judgements of its candidates, as a page shows it. Unjudged documents of a judged query are not relevant."""
    judged = qrels.get(str(line["id"]))
    passages = tuple(
        DataPassage(c["title"], c["text"], None if judged is None else judged.get(c["passage_id"], 0) >= min_rel) for c in line["candidates"]
    )
    return Question(str(line["id"]), line["question"], passages=distinct(passages), dataset=line["dataset"])


def measure(orders: Mapping[str, Sequence[str]], qrels: Qrels, *, min_rel: int = 1) -> dict[str, dict[str, float]]:
    """Of ranked document ids a query (best first): each metric for every judged query, 0 where there is no order.

    `min_rel` is the least relevance that is relevant for MAP, MRR and recall; nDCG has the graded gains.
    """
    import ir_measures
    from ir_measures import AP, RR, R, nDCG

    names: dict[Any, str] = {nDCG @ k: f"nDCG@{k}" for k in DEPTHS}
    names |= {AP(rel=min_rel): "MAP", RR(rel=min_rel): "MRR"}
    names |= {R(rel=min_rel) @ k: f"recall@{k}" for k in (10, 100)}
    values = {name: dict.fromkeys(qrels, 0.0) for name in names.values()}
    ranked = {qid: order for qid, order in orders.items() if order and qid in qrels}
    if not ranked:
        return values
    run = {qid: {docid: float(len(order) - place) for place, docid in enumerate(order)} for qid, order in ranked.items()}
    for found in ir_measures.iter_calc(list(names), {qid: qrels[qid] for qid in ranked}, run):
        values[names[found.measure]][found.query_id] = float(found.value)
    return values


def summarize(lines: Sequence[Line], settings: Mapping[str, Any], *, missing: int) -> Result:
    """Of lines with their metrics (`measured`, and `first` of the first stage). missing: judged queries without a line; they score 0."""
    judged = [line for line in lines if line["measured"]]
    ours, first = _columns([line["measured"] for line in judged], missing), _columns([line["first"] for line in judged], missing)
    failures = [str(line["error"] or "") for line in lines if line["outcome"] == "failed"]
    malformed = sum(error.startswith(_MALFORMED) for error in failures)
    result = Result("rerank", settings)
    result.counts = {
        "questions": len(lines),
        "scored": len(judged) + missing,
        "failed": len(failures) - malformed,
        "malformed": malformed,
        "missing": missing,
        "unlabelled": len(lines) - len(judged),
        "repaired": sum(line.get("repaired", 0) for line in lines),
    }
    name, min_rel = str(settings["reranker"]), int(settings["min_rel"])
    reranked = name != "none"
    result.metrics = {metric: interval(values) for metric, values in ours.items()}
    result.tables.append(_table(first, ours if reranked else None, name, min_rel))
    result.curves.append(_curve(first, ours if reranked else None, name))
    result.headline = {metric: result.metrics[metric] for metric in ("nDCG@10", "MAP", "MRR", "recall@100")}
    if reranked:
        result.headline |= {"first stage's nDCG@10": interval(first["nDCG@10"]), "difference": difference(ours["nDCG@10"], first["nDCG@10"])}
    return result


def _columns(values: Sequence[Mapping[str, float]], missing: int) -> dict[str, list[float]]:
    return {metric: [*(one[metric] for one in values), *[0.0] * missing] for metric in values[0]}


def _table(first: Columns, ours: Columns | None, name: str, min_rel: int) -> Table:
    def row(label: str, scores: Columns, *, ours: bool) -> Row:
        return Row(label, tuple(interval(scores[metric]) for metric in _COLUMNS), ours=ours)

    rows = [row("first stage", first, ours=ours is None)]
    if ours is not None:
        gains = tuple(difference(ours[metric], first[metric]) for metric in _COLUMNS)
        rows += [row(name, ours, ours=True), Row("difference", gains)]
    relevant = f"Relevant for MAP, MRR and recall is a judgement of {min_rel} or more" + (
        " (TREC Deep Learning asks for 2: --min-rel 2)." if min_rel == 1 else "."
    )
    paired = "" if ours is None else " Differences are paired by query."
    return Table("Ranking", _COLUMNS, tuple(rows), note=f"{relevant} Every judged query counts; nDCG has graded gains.{paired}")


def _curve(first: Columns, ours: Columns | None, name: str) -> Curve:
    def series(label: str, scores: Columns, *, ours: bool) -> Series:
        means = tuple((float(k), sum(values) / len(values)) for k in DEPTHS for values in [scores[f"nDCG@{k}"]])
        return Series(label, means, ours=ours)

    drawn = [series("first stage", first, ours=ours is None), *([series(name, ours, ours=True)] if ours is not None else [])]
    return Curve("nDCG by depth", "k", "nDCG@k", tuple(drawn))
