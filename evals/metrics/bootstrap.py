"""Bootstrap: 95% intervals by drawing the questions again, percentile method (Efron & Tibshirani 1993, chapter 13), through scipy.

The seed is fixed: the same figures give the same interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..result import Estimate

LEVEL = 0.95
MEAN_RESAMPLES = 10_000
RESAMPLES = 1_000
"""For statistics that are computed one resample at a time."""
_SEED = 0
_DRAWN_AT_ONCE = 500_000
"""Numbers held at a time while means are drawn: a few megabytes, whatever the number of questions."""
_MOST_DRAWS = 1_000
"""Of one resample, until the statistic is defined on it."""

Numbers = Sequence[float] | npt.NDArray[Any]


def interval(values: Numbers) -> Estimate:
    """The mean over questions. Equal values, and a single one, give an interval of no width. Raises ValueError without any."""
    from scipy.stats import bootstrap

    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or not len(data):
        raise ValueError("a mean needs at least one value")
    if not np.isfinite(data).all():
        raise ValueError("a mean needs finite values")
    if data.min() == data.max():
        return Estimate(*[float(data[0])] * 3)
    found = bootstrap(
        (data,),
        np.mean,
        n_resamples=MEAN_RESAMPLES,
        batch=max(1, _DRAWN_AT_ONCE // len(data)),
        vectorized=True,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    )
    return _estimate(float(data.mean()), found)


def difference(ours: Numbers, theirs: Numbers) -> Estimate:
    """The mean of ours − theirs, paired: both on the same questions in the same order. Raises ValueError where their number differs."""
    mine, other = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if mine.shape != other.shape:
        raise ValueError(f"not the same questions: {mine.shape} and {other.shape}")
    return interval(mine - other)


def interval_of(statistic: Callable[..., float], *arrays: Numbers) -> Estimate:
    """Any statistic of arrays that hold one value a question (AUROC of scores and labels); questions are drawn, their values stay together.

    A resample on which the statistic is not defined (raises ValueError, or is not finite) is drawn again: the interval is
    conditional on its being defined. Raises ValueError where it is not defined on the data, or on hardly any resample.
    """
    from scipy.stats import bootstrap

    data = [np.asarray(array) for array in arrays]
    n = len(data[0]) if data else 0
    if not n or any(array.shape[:1] != (n,) for array in data):
        raise ValueError("as many values for each question, and at least one question")
    value = float(statistic(*data))
    if n == 1:
        return Estimate(value, value, value)
    again = np.random.default_rng(_SEED + 1)

    def defined(drawn: npt.NDArray[np.intp]) -> float:
        for _ in range(_MOST_DRAWS):
            try:
                result = float(statistic(*(array[drawn] for array in data)))
            except ValueError:
                result = np.nan
            if np.isfinite(result):
                return result
            drawn = again.integers(0, n, n)
        raise ValueError("the statistic is defined on hardly any resample")

    found = bootstrap(
        (np.arange(n),),
        defined,
        n_resamples=RESAMPLES,
        batch=max(1, _DRAWN_AT_ONCE // n),
        vectorized=False,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(_SEED),
    )
    return _estimate(value, found)


def _estimate(value: float, found: Any) -> Estimate:
    return Estimate(value, float(found.confidence_interval.low), float(found.confidence_interval.high))
