"""Bootstrap intervals: that they are the right width, the same twice, defined for every input, and small in memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.evals.metrics.bootstrap import difference, interval, interval_of
from passel.evals.metrics.calibration import auroc
from passel.evals.result import Estimate


def test_equal_values_and_a_single_one_give_no_width() -> None:
    assert interval([0.1] * 7) == Estimate(0.1, 0.1, 0.1)
    assert interval([3.0]) == Estimate(3.0, 3.0, 3.0)
    assert difference([1.0, 0.5], [0.5, 0.0]) == Estimate(0.5, 0.5, 0.5)
    assert interval_of(lambda x: float(x.mean()), [2.0]) == Estimate(2.0, 2.0, 2.0)


def test_the_interval_of_a_mean_is_that_of_theory() -> None:
    values = np.random.default_rng(1).normal(10, 3, 1_000)
    found = interval(values)
    half = 1.96 * values.std() / 1_000**0.5
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.02)


def test_two_values_by_hand() -> None:
    # 0, 1/2, 1 with chances 1/4, 1/2, 1/4: the 2.5% and 97.5% points are the ends
    assert interval([0.0, 1.0]) == Estimate(0.5, 0.0, 1.0)


def test_the_same_twice() -> None:
    values = np.random.default_rng(2).random(200)
    labels = np.arange(200) % 2
    assert interval(values) == interval(values)
    assert interval_of(auroc, values, labels) == interval_of(auroc, values, labels)


def test_a_difference_is_paired() -> None:
    theirs = np.random.default_rng(3).random(300)
    ours = theirs + 0.01 + 0.001 * np.random.default_rng(4).random(300)
    found = difference(ours, theirs)
    assert 0.0104 < found.low < found.value < found.high < 0.0106  # far narrower than either mean's own interval
    assert difference(theirs, ours).value == pytest.approx(-found.value)
    with pytest.raises(ValueError, match="not the same questions"):
        difference([1.0], [1.0, 2.0])


def test_values_of_one_question_stay_together() -> None:
    scores = np.arange(50.0)
    found = interval_of(lambda a, b: float(np.corrcoef(a, b)[0, 1]), scores, 3 * scores)
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))


def test_agrees_with_the_interval_of_the_mean() -> None:
    values = np.random.default_rng(5).random(400)
    general, plain = interval_of(lambda x: float(x.mean()), values), interval(values)
    assert (general.value, general.low, general.high) == pytest.approx((plain.value, plain.low, plain.high), abs=0.005)


def test_a_resample_without_a_value_is_drawn_again() -> None:
    # One positive of six: a third of all resamples have none, and AUROC needs both classes.
    found = interval_of(auroc, [0.9, 0.5, 0.95, 0.1, 0.2, 0.3], [1, 0, 0, 0, 0, 0])
    assert found.value == 0.8
    assert 0.0 <= found.low <= 0.8 <= found.high <= 1.0
    calls = []

    def often_nan(values: np.ndarray) -> float:
        calls.append(1)
        return float("nan") if values[0] > 2 else float(values.mean())

    assert np.isfinite(interval_of(often_nan, [1.0, 2.0, 3.0]).low)
    assert len(calls) > 1_300


def test_what_is_not_defined_is_refused() -> None:
    with pytest.raises(ValueError, match="both classes"):
        interval_of(auroc, [0.1, 0.2], [1, 1])
    with pytest.raises(ValueError, match="at least one"):
        interval([])
    with pytest.raises(ValueError, match="at least one"):
        interval_of(auroc, [], [])
    with pytest.raises(ValueError, match="as many values"):
        interval_of(auroc, [0.1, 0.2], [1])
    with pytest.raises(ValueError, match="finite"):
        interval([0.1, float("nan")])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_any_values_give_a_finite_interval_within_their_bounds(values: list[float]) -> None:
    found = interval(values)
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack


def test_memory_does_not_grow_with_the_number_of_resamples() -> None:
    values = np.random.default_rng(6).random(3_000)
    interval(values[:10])
    tracemalloc.start()
    try:
        interval(values)
        assert tracemalloc.get_traced_memory()[1] < 40e6  # all at once: 10,000 × 3,000 × 8 = 240 MB
    finally:
        tracemalloc.stop()
