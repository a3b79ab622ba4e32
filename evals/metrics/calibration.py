"""Calibration: whether a probability says how often it is right, and whether it knows which questions to leave alone.

All take one number a question. Equal confidences are one block everywhere (half a win, or the mean over all orders within the block), so no
figure depends on the order of the questions. ValueError where a figure is not defined: never NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Numbers = Sequence[float] | npt.NDArray[np.float64]
_Floats = npt.NDArray[np.float64]

BINS = 10
"""Of the expected calibration error."""
ABSTENTION_RATES = tuple(n / 10 for n in range(10))
"""At which `nauc` reads its curves: 0 to 0.9, as MTEB does (the paper's release stops at 0.8)."""


def auroc(scores: Numbers, labels: Sequence[bool] | Numbers) -> float:
    """P(a positive scores above a negative), ties one half: the Mann–Whitney form of the area under the ROC curve.

    Raises ValueError where there is but one class.
    """
    marks, values = _paired(scores, labels)
    if not np.isin(values, (0.0, 1.0)).all():
        raise ValueError("labels are 0 or 1")
    positives = values.sum()
    negatives = len(values) - positives
    if not positives or not negatives:
        raise ValueError("AUROC needs both classes")
    sizes, wins = _blocks(marks, values)
    losses = sizes - wins
    below = np.cumsum(losses) - losses
    return float((wins * (below + losses / 2)).sum() / (positives * negatives))


def ece(chances: Numbers, labels: Sequence[bool] | Numbers) -> float:
    """Expected calibration error: mean over questions of |mean chance − share right| of their bin, in [0, 1].

    Ten bins of equal width, (0, 0.1] … (0.9, 1] with 0 in the first; empty bins weigh nothing. `labels` are 0 or 1, or any score in [0, 1].
    Source: "On Calibration of Modern Neural Networks" (Guo et al., ICML 2017), section 2. Raises ValueError outside [0, 1].
    """
    told, right = _paired(chances, labels)
    if min(told.min(), right.min()) < 0 or max(told.max(), right.max()) > 1:
        raise ValueError("chances and labels lie in [0, 1]")
    bins = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], told)
    return float(np.abs(np.bincount(bins, told - right, minlength=BINS)).sum() / len(told))


def risk_coverage(confidences: Numbers, losses: Numbers) -> tuple[tuple[float, float], ...]:
    """(coverage, risk) when answering only the most confident questions: coverage in (0, 1], risk their mean loss; by rising coverage.

    One point for each distinct confidence: a threshold takes all questions of one confidence or none.
    """
    sure, lost = _paired(confidences, losses)
    sizes, totals = _blocks(-sure, lost)
    answered = np.cumsum(sizes)
    return tuple(zip((answered / len(sure)).tolist(), (np.cumsum(totals) / answered).tolist(), strict=True))


def aurc(confidences: Numbers, losses: Numbers) -> float:
    """Area under the risk–coverage curve: mean over n = 1 … N of the mean loss of the n most confident questions. Lower is better.

    Source: "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers" (Geifman et al., ICLR 2019), section 3.
    """
    sure, lost = _paired(confidences, losses)
    return float(_kept_means(-sure, lost).mean())


def nauc(confidences: Numbers, metric: Numbers) -> float:
    """Normalised area under the metric–abstention curve: 0 as good as abstaining at random, 1 as good as knowing the metric; may be negative.

    The curve: mean metric of the questions that are kept when round(r · N) of N, the least confident, are left out (at least one is kept), at
    each r of `ABSTENTION_RATES`; its area by the trapezoidal rule. The oracle leaves out the lowest metric first, chance keeps the mean at every r;
    the figure is (ours − chance's) / (oracle's − chance's). Source: "Towards Trustworthy Reranking" (Gisserot-Boukhlef et al., TMLR 2024,
    arXiv 2402.12997). Raises ValueError where the metric is the same for all: no abstention could change its mean.
    """
    sure, good = _paired(confidences, metric)
    n = len(sure)
    kept = [n - min(round(rate * n), n - 1) for rate in ABSTENTION_RATES]
    areas = [float(np.trapezoid(_kept_means(-by, good)[np.array(kept) - 1], ABSTENTION_RATES)) for by in (sure, good)]
    chance = float(good.mean()) * (ABSTENTION_RATES[-1] - ABSTENTION_RATES[0])
    if good.min() == good.max() or areas[1] <= chance:
        raise ValueError("nAUC needs questions that differ in the metric")
    return (areas[0] - chance) / (areas[1] - chance)


def _paired(scores: Numbers, labels: Sequence[bool] | Numbers) -> tuple[_Floats, _Floats]:
    first, second = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape or not len(first):
        raise ValueError(f"one score and one label for each of at least one question, not {first.shape} and {second.shape}")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("scores and labels must be finite numbers")
    return first, second


def _blocks(keys: _Floats, values: _Floats) -> tuple[_Floats, _Floats]:
    """Of each block of equal keys, by rising key: how many there are, and the sum of their values."""
    _, block, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    return sizes.astype(np.float64), np.asarray(np.bincount(block, values), dtype=np.float64)


def _kept_means(keys: _Floats, values: _Floats) -> _Floats:
    """[N]: at n - 1 the mean value of the n first by rising key, expected over all orders of equal keys."""
    sizes, totals = _blocks(keys, values)
    expected = np.repeat(totals / sizes, sizes.astype(np.intp))
    return np.asarray(np.cumsum(expected) / np.arange(1, len(values) + 1))
