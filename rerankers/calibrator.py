"""Calibrator: from a run's signals, a few numbers by name, to a probability that keeps its word.

Logistic regression over standardised signals: Platt's calibration of one score, with several. Fitted on questions that neither the reader nor the
selector was trained on. Plain numbers, so that an answer needs no scikit-learn.

Source: Platt, "Probabilistic Outputs for Support Vector Machines" (1999); signals of a ranked list as inputs of the confidence as in "Towards
Trustworthy Reranking" (TMLR 2024, arXiv 2402.12997), section 3.2, which fits a ridge regression on a reference set.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np

Signals = Mapping[str, float]
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Weight:
    """Of one signal: `of * (signal - centre) / scale` of the log-odds."""

    centre: float
    scale: float
    of: float


@dataclass(frozen=True, slots=True)
class Calibrator:
    bias: float
    """Log-odds where every signal is at its centre."""
    weights: Mapping[str, Weight]

    def __call__(self, signals: Signals) -> float:
        """In [0, 1]. A signal that is missing counts as at its centre."""
        odds = self.bias
        for name, weight in self.weights.items():
            odds += weight.of * (signals.get(name, weight.centre) - weight.centre) / weight.scale
        return 1.0 / (1.0 + exp(-min(30.0, max(-30.0, odds))))

    def to_json(self) -> dict[str, Any]:
        return {"bias": self.bias, "weights": {name: [weight.centre, weight.scale, weight.of] for name, weight in self.weights.items()}}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Calibrator:
        """Raises KeyError, TypeError or ValueError where `kept` is something else."""
        return cls(float(kept["bias"]), {str(name): Weight(*map(float, three)) for name, three in kept["weights"].items()})

    @classmethod
    def fit(cls, rows: Sequence[Signals], truth: Sequence[bool], counts: Sequence[float] | None = None, *, strength: float = 0.3) -> Calibrator:
        """counts: how much each row counts. strength: inverse of the L2 penalty, by 5-fold cross-validation on `val`.

        Raises ValueError where all of `truth` is alike.
        """
        from sklearn.linear_model import LogisticRegression

        if len(set(truth)) < 2:
            raise ValueError("a calibrator needs both kinds")
        names = list(dict.fromkeys(name for row in rows for name in row))
        values = np.array([[row.get(name, np.nan) for name in names] for row in rows])
        centre = np.nanmean(values, 0)
        scale = np.nanstd(values, 0)
        scale[scale < 1e-9] = 1.0
        fitted = LogisticRegression(C=strength, max_iter=2000).fit(np.nan_to_num((values - centre) / scale), np.array(truth, bool), counts)
        weights = {
            name: Weight(*(round(float(value), 5) for value in three)) for name, *three in zip(names, centre, scale, fitted.coef_[0], strict=True)
        }
        return cls(round(float(fitted.intercept_[0]), 5), weights)


def out_of_fold(
    rows: Sequence[Signals],
    truth: Sequence[bool],
    folds: Sequence[int],
    counts: Sequence[float] | None = None,
    *,
    strength: float = 0.3,
    leaving_out: Collection[str] = (),
) -> list[float]:
    """For each row what a calibrator says that was fitted on the other folds: what may be promised of new questions.

    folds: of each row, the same for all rows of one question. leaving_out: signals that are learned from, but not known where it is asked. Raises
    ValueError where a fold leaves but one kind.
    """
    chances = [0.0] * len(rows)
    for fold in set(folds):
        rest = [n for n, of in enumerate(folds) if of != fold]
        fitted = Calibrator.fit([rows[n] for n in rest], [truth[n] for n in rest], counts and [counts[n] for n in rest], strength=strength)
        for n, of in enumerate(folds):
            if of == fold:
                chances[n] = fitted({name: value for name, value in rows[n].items() if name not in leaving_out})
    return chances
