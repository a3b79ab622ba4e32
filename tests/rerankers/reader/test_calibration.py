"""Calibration: afterwards relevance is a log-odds that holds on the lists given, and the order of passages is as before."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from passel.rerankers.reader.calibration import calibrate
from passel.rerankers.reader.examples import ReadingExample
from passel.rerankers.reader.validation import read_listed
from passel.tools.pair import PairModel, PairNetwork


@pytest.fixture
def network(untrained: PairNetwork) -> PairNetwork:
    """Its relevance is no log-odds: 40 times too wide, and 3 too high."""
    made = copy.deepcopy(untrained).eval()
    with torch.no_grad():
        made.relevance.weight.mul_(40.0)
        made.relevance.bias.add_(3.0)
    return made


@pytest.fixture
def examples(hall: Callable[..., ReadingExample]) -> list[ReadingExample]:
    """A third is gold; in every fifth the gold passage is another, so that no slope is steep enough to be sure."""
    made = []
    for n in range(20):
        one = hall(n)
        if n % 5 == 0:
            first, second, *rest = one.passages
            one = replace(one, passages=(replace(first, gold=False), replace(second, gold=True), *rest))
        made.append(one)
    return made


def relevances(network: PairNetwork, examples: list[ReadingExample]) -> list[float]:
    return [reading.relevance for one in read_listed(PairModel(copy.deepcopy(network)), examples) for reading in one.readings]


def test_the_probabilities_add_up_to_the_gold_there_is(network: PairNetwork, examples: list[ReadingExample]) -> None:
    """What a logistic regression with an offset always reaches on what it was fitted to, and what the network was far from."""
    gold = len(examples)

    def expected() -> float:
        return sum(1 / (1 + math.exp(-relevance)) for relevance in relevances(network, examples))

    before = expected()
    slope, offset = calibrate(network, examples)
    assert slope != 1.0
    assert offset != 0.0
    assert abs(before - gold) > 5
    assert expected() == pytest.approx(gold, abs=0.05)


def test_relevance_is_what_it_was_times_slope_plus_offset(network: PairNetwork, examples: list[ReadingExample]) -> None:
    before = relevances(network, examples)
    slope, offset = calibrate(network, examples)
    assert slope > 0
    assert relevances(network, examples) == pytest.approx([slope * relevance + offset for relevance in before], rel=0.01, abs=0.02)  # bf16


def test_a_second_time_changes_nothing(network: PairNetwork, examples: list[ReadingExample]) -> None:
    calibrate(network, examples)
    assert calibrate(network, examples) == pytest.approx((1.0, 0.0), abs=0.02)


@pytest.mark.parametrize("gold", [True, False])
def test_nothing_to_tell_apart_changes_nothing(gold: bool, network: PairNetwork, examples: list[ReadingExample]) -> None:
    alike = [replace(one, passages=tuple(replace(passage, gold=gold) for passage in one.passages)) for one in examples]
    before = copy.deepcopy(network.relevance.state_dict())
    assert calibrate(network, alike) == (1.0, 0.0)
    assert calibrate(network, []) == (1.0, 0.0)
    assert all(torch.equal(before[name], weight) for name, weight in network.relevance.state_dict().items())


def test_a_model_that_ranks_evidence_last_is_left_as_it_is(network: PairNetwork, examples: list[ReadingExample]) -> None:
    calibrate(network, examples)
    with torch.no_grad():
        network.relevance.weight.neg_()
        network.relevance.bias.neg_()
    assert calibrate(network, examples) == (1.0, 0.0)
