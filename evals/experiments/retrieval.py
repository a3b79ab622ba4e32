"""retrieval: does the evidence reach the candidates? Each channel, their fusion, and the fusion with linking, at most 50 passages each.

all gold@k is the share of questions with every gold passage among the first k: what a multi-hop question needs, and what recall averages away.
Linking is always beside reciprocal rank fusion alone at the same number of candidates: adding passages must pay for itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ...tools.candidate import Candidate, fuse
from ...tools.search import FOUND, LINKED, dense, lexical, link, search
from ..breakdown import breakdowns
from ..first_stage import scope
from ..labels import Values, first_of_each, gold_keys, key_in
from ..metrics.bootstrap import difference, interval
from ..metrics.ranking import all_gold, ndcg, recall
from ..predictions import Line, ranked_line
from ..question import Question
from ..result import Curve, Result, Row, Series, Table
from ..run import Predict
from ..setup import Setup

MOST = FOUND + LINKED
DEPTHS = (1, 2, 5, 10, 20, 30, 50)
_COLUMNS = ("recall@10", "all_gold@5", "all_gold@10", "all_gold@20", "all_gold@30", "all_gold@50", "nDCG@10")
_NAMES = {"dense": "dense", "lexical": "lexical", "fused": "dense + lexical, fused (RRF)", "": "with linking (ours)"}


def predictor(setup: Setup) -> Predict:
    """A line has the linked candidates, and beside them, in `lists`, what the channels found alone."""

    def predict(question: Question) -> Line:
        corpus, filters, asked = setup.corpus(question), scope(question, setup.setting), question.question
        began = time.perf_counter()
        found = search(corpus, asked, filters=filters)
        linked = fuse([found, link(corpus, asked, found, filters=filters)])[:MOST]
        latency_ms = (time.perf_counter() - began) * 1000
        deeper = {
            "dense": search(corpus, asked, n=MOST, channels=[dense], filters=filters),
            "lexical": search(corpus, asked, n=MOST, channels=[lexical], filters=filters),
            "fused": search(corpus, asked, n=MOST, filters=filters),
        }
        tokens = setup.encoder.count_tokens([c.passage.text for c in linked if c.passage])
        line = ranked_line(question, linked, _falling(linked), tokens, latency_ms=latency_ms)
        return {**line, "lists": {name: _keys(question, found) for name, found in deeper.items()}}

    return predict


def _falling(candidates: Sequence[Candidate]) -> list[float]:
    """The fused scores, made to lie in [0, 1]."""
    return [candidate.score / candidates[0].score for candidate in candidates]


def _keys(question: Question, found: Sequence[Candidate]) -> list[str]:
    return [key_in(question, {"title": c.passage.title, "text": c.passage.text}) for c in found if c.passage]


def values(question: Question, keys: Sequence[str]) -> Values | None:
    """Of one ranked list; None where the gold is unknown or there is none."""
    gold = gold_keys(question)
    if not gold:
        return None
    gains = [float(flag) for flag in first_of_each(keys, gold)]
    ideal = [1.0] * len(gold)
    at = {f"{name}@{k}": measure(gains, ideal, k) for k in DEPTHS for name, measure in (("recall", recall), ("all_gold", all_gold))}
    return {**at, "nDCG@10": ndcg(gains, ideal, 10), "candidates": float(len(keys))}


def summarize(setup: Setup, lines: Sequence[Line]) -> Result:
    result = Result("retrieval", setup.settings)
    scored = [(question, line) for question, line in zip(setup.questions, lines, strict=True) if gold_keys(question)]
    result.counts = {
        "questions": len(lines),
        "scored": len(scored),
        "unlabelled": sum(gold_keys(question) is None for question in setup.questions),
        "without evidence": sum(gold_keys(question) == frozenset() for question in setup.questions),
        "failed": sum(line["outcome"] == "failed" for line in lines),
    }
    if not scored:
        result.notes.append("No question has known evidence: nothing is scored.")
        return result
    questions = [question for question, _ in scored]
    by_list: dict[str, list[Values]] = {name: [] for name in (*_NAMES, "as many")}
    for question, line in scored:
        linked = [key_in(question, passage) for passage in line["candidates"]]
        lists: Mapping[str, list[str]] = {**{name: [] for name in _NAMES}, **line.get("lists", {}), "": linked}
        for name, keys in {**lists, "as many": lists["fused"][: len(linked)]}.items():
            measured = values(question, keys)
            assert measured is not None
            by_list[name].append(measured)
    ours = by_list[""]
    names = dict.fromkeys([f"all_gold@{MOST}", "all_gold@30", "all_gold@10", "recall@10", "nDCG@10", *ours[0]])  # the telling ones first
    result.metrics = {name: interval([one[name] for one in ours]) for name in names}
    rows = [
        Row(label, tuple(interval([one[name] for one in by_list[key]]) for name in _COLUMNS), ours=not key) for key, label in _NAMES.items()
    ]
    result.tables.append(Table("Is the evidence among the first candidates?", tuple(_heading(name) for name in _COLUMNS), tuple(rows)))
    compared = {
        f"RRF alone, first {FOUND}": [one[f"all_gold@{FOUND}"] for one in by_list["fused"]],
        "RRF alone, as many candidates": [one[f"all_gold@{MOST}"] for one in by_list["as many"]],
    }
    result.headline = {
        f"all gold ≤ {MOST}, linked": result.metrics[f"all_gold@{MOST}"],
        "RRF alone, as many": interval(compared["RRF alone, as many candidates"]),
        f"RRF alone, {FOUND}": interval(compared[f"RRF alone, first {FOUND}"]),
        "all gold@10": result.metrics["all_gold@10"],
        "recall@10": result.metrics["recall@10"],
    }
    everything = [one[f"all_gold@{MOST}"] for one in ours]
    result.tables.append(
        Table(
            f"All gold among at most {MOST} candidates: linking against RRF alone",
            ("linking", "RRF alone", "difference"),
            tuple(Row(label, (interval(everything), interval(theirs), difference(everything, theirs))) for label, theirs in compared.items()),
            note="Differences are paired by question, with bootstrap 95% intervals.",
        )
    )
    shown = {name: _heading(name) for name in ("all_gold@10", "all_gold@30", "all_gold@50", "recall@10", "nDCG@10")}
    result.tables += breakdowns(questions, ours, shown)
    result.curves.append(
        Curve(
            "How many candidates until all the evidence is there",
            "candidates, at most",
            "share of questions with all gold among them",
            tuple(
                Series(label, tuple((float(k), interval([one[f"all_gold@{k}"] for one in by_list[key]]).value) for k in DEPTHS), ours=not key)
                for key, label in _NAMES.items()
            ),
        )
    )
    return result


def _heading(name: str) -> str:
    return name.replace("all_gold", "all gold")
