"""Calibrates a trained pair model: afterwards its relevance is the log-odds of being evidence in a list like those given, not of some training mix.

Two models that agree on what they see then say the same number, which the list policy needs: it learns from two half models and works on a third.

Source: Platt, "Probabilistic Outputs for Support Vector Machines" (1999): a slope and an offset, here put into the head itself.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch

from ...tools.pair import PairModel, PairNetwork
from .examples import ReadingExample
from .validation import read_listed


def calibrate(network: PairNetwork, examples: Sequence[ReadingExample]) -> tuple[float, float]:
    """Changes the relevance head in place; returns (slope, offset), (1, 0) where the examples hold no evidence or nothing else.

    examples: of questions that the network was not trained on. Each counts as much as any other, however many passages it has.
    """
    from sklearn.linear_model import LogisticRegression

    read = read_listed(PairModel(copy.deepcopy(network)), examples)
    gold = np.array([passage.gold for one in read for passage in one.passages], bool)
    if gold.all() or not gold.any():
        return 1.0, 0.0
    logits = np.array([[reading.relevance] for one in read for reading in one.readings])
    weights = np.array([1 / len(one.passages) for one in read for _ in one.passages])
    fitted = LogisticRegression(C=1e6).fit(logits, gold, weights)
    slope, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    if slope <= 0:  # evidence is not above the rest: nothing to calibrate
        return 1.0, 0.0
    with torch.no_grad():
        network.relevance.weight.mul_(slope)
        network.relevance.bias.mul_(slope).add_(offset)
    return slope, offset
