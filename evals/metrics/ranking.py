"""Ranking: how early the relevant passages stand in an order. One question at a time; the mean over questions is the caller's.

`gains` are the grades of the ranked passages, best rank first, 0 (or below) for what is not relevant; `ideal` are the grades of all that is
relevant to the question, in any order, what the search missed among them. A question without anything relevant is not scored: ValueError.

Source: as trec_eval computes them (nDCG after Järvelin & Kekäläinen, TOIS 2002: linear gain, log2 discount). trec_eval first orders
passages by score and id; here the order is taken as it comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log2


def recall(gains: Sequence[float], ideal: Sequence[float], k: int) -> float:
    """Share of the relevant passages that stand among the first k."""
    relevant = _relevant(gains, ideal)
    return sum(gain > 0 for gain in gains[:k]) / len(relevant)


def all_gold(gains: Sequence[float], ideal: Sequence[float], k: int) -> float:
    """1.0 where every relevant passage stands among the first k, else 0.0."""
    return float(recall(gains, ideal, k) == 1.0)


def ndcg(gains: Sequence[float], ideal: Sequence[float], k: int) -> float:
    """Discounted gain of the first k over that of the best possible first k, in [0, 1]."""
    relevant = _relevant(gains, ideal)
    return _discounted(gains[:k]) / _discounted(sorted(relevant, reverse=True)[:k])


def _relevant(gains: Iterable[float], ideal: Iterable[float]) -> list[float]:
    """The positive ones of `ideal`, checked: a ranking that holds a relevant passage twice, or one that `ideal` lacks, would score above 1."""
    relevant = [gain for gain in ideal if gain > 0]
    if not relevant:
        raise ValueError("nothing is relevant: the question cannot be scored")
    if Counter(gain for gain in gains if gain > 0) - Counter(relevant):
        raise ValueError("the ranking holds relevant passages that the ideal does not: twice the same, or labels that differ")
    return relevant


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, 1) if gain > 0)
