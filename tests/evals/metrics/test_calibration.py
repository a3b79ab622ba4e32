"""Calibration metrics: worked out by hand, against scikit-learn, and that the order of questions never matters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.evals.metrics.calibration import ABSTENTION_RATES, aurc, auroc, ece, nauc, risk_coverage

QUESTIONS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 1.0]), st.booleans()), min_size=1, max_size=30)


def test_auroc_by_hand() -> None:
    assert auroc([0.9, 0.8, 0.3], [True, False, False]) == 1.0
    assert auroc([0.9, 0.8, 0.3], [False, False, True]) == 0.0
    assert auroc([0.9, 0.4, 0.4, 0.1], [True, True, False, False]) == pytest.approx((1 + 1 + 0.5 + 1) / 4)
    assert auroc([0.5] * 4, [True, False, True, False]) == 0.5


def test_ece_by_hand() -> None:
    # (0.1, 0.2]: two of mean 0.15, half right; (0.8, 0.9]: two of mean 0.9, both right; 0 and 0.1 share the first bin
    assert ece([0.1 + 0.05, 0.15, 0.9, 0.9], [0, 1, 1, 1]) == pytest.approx(0.5 * 0.35 + 0.5 * 0.1)
    assert ece([0.0, 0.1], [False, False]) == pytest.approx(0.05)
    assert ece([1.0, 1.0], [True, True]) == 0.0
    assert ece([1.0], [0.25]) == 0.75  # graded


def test_risk_coverage_by_hand() -> None:
    sure, lost = [0.9, 0.5, 0.5, 0.1], [0.0, 1.0, 0.0, 1.0]
    assert risk_coverage(sure, lost) == ((0.25, 0.0), (0.75, pytest.approx(1 / 3)), (1.0, 0.5))
    assert aurc(sure, lost) == pytest.approx((0 + 0.5 / 2 + 1 / 3 + 0.5) / 4)
    assert aurc([0.3] * 3, [1.0, 0.0, 0.5]) == pytest.approx(0.5)


def test_nauc_by_hand() -> None:
    # Ten questions: at rate n/10 the n least confident go. Ours leaves out right, right, wrong …; one wrong in ten.
    metric = [1.0] * 10
    metric[2] = 0.0
    rising = [n / 10 for n in range(10)]
    ours = [0.9, 8 / 9, 7 / 8, 1, 1, 1, 1, 1, 1, 1]
    best = [0.9, *[1.0] * 9]
    expected = (np.trapezoid(ours, dx=0.1) - 0.9 * 0.9) / (np.trapezoid(best, dx=0.1) - 0.9 * 0.9)
    assert nauc(rising, metric) == pytest.approx(expected)


def test_nauc_is_one_for_the_oracle_zero_for_no_idea_negative_for_worse() -> None:
    metric = np.random.default_rng(0).random(40)
    assert nauc(metric, metric) == pytest.approx(1.0)
    assert nauc(np.zeros(40), metric) == pytest.approx(0.0)
    assert nauc(-metric, metric) < 0


@pytest.mark.parametrize("seed", range(20))
def test_agree_with_scikit_learn(seed: int) -> None:
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import auc, roc_auc_score

    draw = np.random.default_rng(seed)
    n = int(draw.integers(5, 200))
    chances = draw.random(n).round(int(draw.integers(1, 4)))
    labels = (draw.random(n) < chances).astype(float)
    labels[:2] = 0, 1
    assert auroc(chances, labels) == pytest.approx(roc_auc_score(labels, chances))

    right, told = calibration_curve(labels, chances, n_bins=10, strategy="uniform")
    weights = np.unique(np.searchsorted(np.linspace(0, 1, 11)[1:-1], chances), return_counts=True)[1] / n
    assert ece(chances, labels) == pytest.approx((weights * np.abs(right - told)).sum())

    # nAUC as the paper and MTEB compute it, where no two questions are equally confident
    sure, metric = draw.permutation(n).astype(float), draw.random(n)

    def area(by: np.ndarray) -> float:
        order = np.argsort(by)
        return float(auc(ABSTENTION_RATES, [metric[order[min(round(rate * n), n - 1) :]].mean() for rate in ABSTENTION_RATES]))

    chance = metric.mean() * 0.9
    assert nauc(sure, metric) == pytest.approx((area(sure) - chance) / (area(metric) - chance))


def test_ties_are_the_mean_over_all_their_orders() -> None:
    sure, lost = [0.9, 0.5, 0.5, 0.5, 0.1], [1.0, 0.0, 1.0, 0.25, 0.0]
    orders = [(0, *middle, 4) for middle in permutations((1, 2, 3))]
    broken = [0.9, 0.8, 0.7, 0.6, 0.1]
    expected = np.mean([aurc(broken, [lost[i] for i in order]) for order in orders])
    assert aurc(sure, lost) == pytest.approx(expected)
    expected = np.mean([nauc(broken, [lost[i] for i in order]) for order in orders])
    assert nauc(sure, lost) == pytest.approx(expected)


@given(QUESTIONS.flatmap(lambda questions: st.tuples(st.just(questions), st.permutations(questions))))
def test_the_order_of_questions_does_not_matter(both: tuple[list[tuple[float, bool]], list[tuple[float, bool]]]) -> None:
    questions, mixed = both
    for metric in (auroc, ece, aurc, nauc):
        results = []
        for order in (questions, mixed):
            try:
                results.append(metric([sure for sure, _ in order], [float(right) for _, right in order]))
            except ValueError:
                results.append(None)
        assert results[0] == pytest.approx(results[1]) if results[0] is not None else results[1] is None
    first, second = (risk_coverage([s for s, _ in order], [float(r) for _, r in order]) for order in (questions, mixed))
    assert np.array(first) == pytest.approx(np.array(second))
    assert first[-1] == (1.0, pytest.approx(np.mean([right for _, right in questions])))


@pytest.mark.parametrize(
    ("metric", "scores", "labels"),
    [
        (auroc, [0.1, 0.2], [1, 1]),
        (auroc, [0.1, 0.2], [0, 0]),
        (auroc, [0.1, 0.2], [0, 0.5]),
        (auroc, [0.1, float("nan")], [0, 1]),
        (ece, [], []),
        (ece, [1.5], [1]),
        (ece, [0.5], [2]),
        (aurc, [0.1], [0.1, 0.2]),
        (risk_coverage, [0.1], [float("nan")]),
        (nauc, [0.1, 0.2], [0.5, 0.5]),
        (nauc, [0.1], [0.5]),
    ],
)
def test_refuses_what_is_not_defined(metric: Callable[[list[float], list[float]], float], scores: list[float], labels: list[float]) -> None:
    with pytest.raises(ValueError):
        metric(scores, labels)
