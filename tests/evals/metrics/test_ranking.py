"""Ranking metrics: worked out by hand, and against ir-measures (trec_eval) on random rankings."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import log2

import pytest

from passel.evals.metrics.ranking import all_gold, ndcg, recall

GAINS = [0, 2, 0, 1, 0]
IDEAL = [1, 2, 3]
"""One relevant passage, of grade 3, was not found."""


def test_worked_out_by_hand() -> None:
    assert [recall(GAINS, IDEAL, k) for k in (1, 2, 4, 9)] == pytest.approx([0, 1 / 3, 2 / 3, 2 / 3])
    assert [all_gold(GAINS, IDEAL, k) for k in (1, 4, 9)] == [0, 0, 0]
    assert [all_gold(GAINS, [1, 2], k) for k in (3, 4, 9)] == [0, 1, 1]
    best = 3 + 2 / log2(3) + 1 / 2
    assert ndcg(GAINS, IDEAL, 5) == pytest.approx((2 / log2(3) + 1 / log2(5)) / best)
    assert ndcg(GAINS, IDEAL, 1) == 0
    assert ndcg([3, 2, 1], IDEAL, 2) == pytest.approx(1.0)
    assert ndcg([2], IDEAL, 1) == pytest.approx(2 / 3)


def test_nothing_found_scores_zero() -> None:
    for gains in ([], [0, 0]):
        assert recall(gains, [1], 5) == ndcg(gains, [1], 5) == 0


@pytest.mark.parametrize("metric", [lambda g, i: recall(g, i, 3), lambda g, i: ndcg(g, i, 3)])
def test_refuses_what_cannot_be_scored(metric: Callable[[list[float], list[float]], float]) -> None:
    with pytest.raises(ValueError, match="nothing is relevant"):
        metric([0, 0], [])
    with pytest.raises(ValueError, match="nothing is relevant"):
        metric([0, 0], [0, -1])
    with pytest.raises(ValueError, match="the ideal does not"):
        metric([1, 1], [1])


def test_agrees_with_trec_eval_on_random_rankings() -> None:
    import ir_measures
    from ir_measures import R, nDCG

    choose = random.Random(5)
    for _ in range(150):
        pool = [f"d{n}" for n in range(choose.randint(1, 15))]
        grades = {d: choose.choice([-1, 0, 0, 1, 2, 3]) for d in pool}
        grades["d0"] = max(1, grades["d0"])
        order = choose.sample(pool, choose.randint(1, len(pool)))
        run = {d: float(len(order) - n) for n, d in enumerate(order)}
        gains, ideal = [float(grades[d]) for d in order], [float(grade) for grade in grades.values()]
        k = choose.randint(1, 12)
        theirs = ir_measures.calc_aggregate([nDCG @ k, R @ k], {"q": grades}, {"q": run})
        assert ndcg(gains, ideal, k) == pytest.approx(theirs[nDCG @ k])
        assert recall(gains, ideal, k) == pytest.approx(theirs[R @ k])
        assert all_gold(gains, ideal, k) == float(theirs[R @ k] == 1)
