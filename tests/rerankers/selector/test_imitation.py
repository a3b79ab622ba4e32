"""Imitation: the loss by hand, and that it learns which, in what order and how many."""

from __future__ import annotations

import copy
import math
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest
import torch

from passel.rerankers.selector import imitation as imitation_module
from passel.rerankers.selector import policy
from passel.rerankers.selector.imitation import ImitationConfig, batches, imitate, imitation_loss
from passel.rerankers.selector.measure import measure, select_all
from passel.rerankers.selector.network import ListNetwork, Lists
from passel.rerankers.selector.policy import Picks, step_log_probs

QUICK = ImitationConfig(epochs=8, lists=16, learning_rate=1e-3, seed=3)


def test_it_learns_which_and_how_many_and_when_none(toy: Any) -> None:
    """Lists with one piece of evidence, with two and with none."""
    val = toy(48, seed=2)
    network, curve = imitate(toy(120, seed=1), val, replace(QUICK, learning_rate=5e-4))
    assert {len(one.gold) for one in val} == {0, 1, 2}
    figures = measure(network, val, budget=2000)
    assert curve[0]["with"] < 0.9
    assert figures["with"] >= 0.9
    assert figures["without"] >= 0.9
    assert [row["epoch"] for row in curve] == list(range(1, 9))
    assert curve[-1]["loss"] < curve[0]["loss"] / 4
    assert not network.training


@pytest.mark.parametrize("last_first", [False, True])
def test_ordered_evidence_is_picked_hop_by_hop(toy: Any, last_first: bool) -> None:
    def examples(count: int, seed: int) -> list[Any]:
        return [replace(one, gold=one.gold[::-1]) if last_first else one for one in toy(count, seed=seed, ordered=True)]

    val = examples(36, 2)
    network, _ = imitate(examples(150, 1), val, QUICK)
    chosen = select_all(network, val, budget=2000)
    right = [picked == list(one.gold) for one, picked in zip(val, chosen, strict=True) if len(one.gold) == 2]
    assert len(right) >= 10
    assert sum(right) / len(right) >= 0.9


def test_the_best_epoch_is_returned_of_equals_the_last(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.2, 0.9, 0.5, 0.9])
    weights = []

    def scored(network: ListNetwork, examples: Any, *, budget: int) -> dict[str, float]:
        weights.append({name: weight.clone() for name, weight in network.state_dict().items()})
        return {"score": next(scores)}

    monkeypatch.setattr(imitation_module, "measure", scored)
    told: list[tuple[int, int]] = []
    network, curve = imitate(
        toy(16, seed=1), toy(4, seed=2), replace(QUICK, epochs=4), progress=lambda epoch, epochs, figures: told.append((epoch, epochs))
    )
    assert [row["score"] for row in curve] == [0.2, 0.9, 0.5, 0.9]
    best = network.state_dict()
    assert [all(torch.equal(one[name], best[name]) for name in best) for one in weights] == [False, False, False, True]
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(("scores", "kept"), [((0.9, 0.2, 0.5), 0), ((0.5, 0.2, 0.5), 2), ((0.1, 0.3, 0.2), 1)])
def test_what_it_goes_on_from_is_one_to_choose_as_it_was(
    toy: Any, half_learned: ListNetwork, monkeypatch: pytest.MonkeyPatch, scores: tuple[float, ...], kept: int
) -> None:
    start = copy.deepcopy(half_learned)
    start.sharpness.fill_(2.5)
    told = iter(scores)
    weights = []

    def scored(network: ListNetwork, examples: Any, *, budget: int) -> dict[str, float]:
        weights.append({name: weight.clone() for name, weight in network.state_dict().items()})
        return {"score": next(told)}

    monkeypatch.setattr(imitation_module, "measure", scored)
    network, curve = imitate(toy(16, seed=1), toy(4, seed=2), replace(QUICK, epochs=2), start=start)
    assert [(row["epoch"], row["score"]) for row in curve] == list(enumerate(scores))
    best = network.state_dict()
    assert [all(torch.equal(one[name], best[name]) for name in best) for one in weights] == [n == kept for n in range(3)]
    assert all(torch.equal(weight, start.state_dict()[name]) for name, weight in weights[0].items())


@pytest.mark.parametrize("epochs", [1, 2, 3, 9, 10, 19])
def test_a_training_of_few_steps(toy: Any, epochs: int) -> None:
    network, curve = imitate(toy(6, seed=1), toy(6, seed=2), ImitationConfig(epochs=epochs, lists=48))
    assert len(curve) == epochs
    assert all(bool(torch.isfinite(weight).all()) for weight in network.parameters())


def test_the_same_seed_gives_the_same_network(toy: Any) -> None:
    def train(seed: int) -> list[dict[str, float]]:
        return imitate(toy(20, seed=1), toy(6, seed=2), replace(QUICK, epochs=2, seed=seed))[1]

    first = train(0)
    torch.rand(9)
    assert train(0) == first
    assert train(1) != first


@pytest.mark.parametrize("biases", [False, True])
def test_naming_may_be_left_out(toy: Any, biases: bool) -> None:
    network, _ = imitate(toy(6, seed=1), toy(3, seed=2), replace(QUICK, epochs=1, biases=biases))
    assert network.with_biases == biases


# The loss


def chances(net: ListNetwork, given: Any, places: list[int], budget: int) -> torch.Tensor:
    """Log-probabilities [steps, n + 1] of the choices along a list."""
    return step_log_probs(net, net.encode(Lists.of([given])), Picks.of([places]), torch.tensor([budget]))[0]


def only_pointer(budget: int = 2000) -> ImitationConfig:
    return ImitationConfig(relevance=0.0, budget=budget)


def test_evidence_in_hop_order_then_stop(network: Any, made_up: Any, example: Any) -> None:
    net, given = network(1), made_up(5, seed=4)
    for gold in ([3, 1], [1, 3]):
        steps = chances(net, given, gold, 2000)
        expected = -(steps[0, gold[0]] + steps[1, gold[1]] + steps[2, 5])
        loss = imitation_loss(net, [example(given, gold, ordered=True)], only_pointer())
        assert float(loss) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_without_an_order_any_evidence_that_is_left_is_right(network: Any, made_up: Any, example: Any, seed: int) -> None:
    """The next pick is the policy's own favourite among the evidence."""
    net, given, gold = network(seed), made_up(6, seed=seed), [4, 0, 3]
    places: list[int] = []
    expected = 0.0
    for _ in gold:
        left = [place for place in gold if place not in places]
        last = chances(net, given, places, 2000)[-1]
        expected -= math.log(sum(math.exp(last[place]) for place in left))
        places.append(max(left, key=lambda place: float(last[place])))
    expected -= float(chances(net, given, places, 2000)[-1, 6])
    for order in (gold, gold[::-1]):
        assert float(imitation_loss(net, [example(given, order)], only_pointer())) == pytest.approx(expected, abs=1e-4)


def test_without_evidence_stop_at_once(network: Any, made_up: Any, example: Any) -> None:
    net, given = network(1), made_up(4, seed=4)
    loss = imitation_loss(net, [example(given, [])], only_pointer())
    assert float(loss) == pytest.approx(-float(chances(net, given, [], 2000)[0, 4]), abs=1e-5)


def test_evidence_that_does_not_fit_is_passed_over(network: Any, made_up: Any, example: Any) -> None:
    net, given = network(1), made_up(4, seed=4, tokens=[10, 40, 10, 10])
    steps = chances(net, given, [0, 2], 35)
    expected = -(steps[0, 0] + steps[1, 2] + steps[2, 4])
    loss = imitation_loss(net, [example(given, [0, 1, 2], ordered=True)], only_pointer(35))
    assert float(loss) == pytest.approx(float(expected), abs=1e-4)


def test_a_list_of_the_most_picks_needs_no_stop(network: Any, made_up: Any, example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "MOST", 2)
    monkeypatch.setattr(imitation_module, "MOST", 2)
    net, given = network(1), made_up(4, seed=4)
    steps = chances(net, given, [2, 0], 2000)
    loss = imitation_loss(net, [example(given, [2, 0, 3], ordered=True)], only_pointer())
    assert float(loss) == pytest.approx(-float(steps[0, 2] + steps[1, 0]), abs=1e-4)


def test_relevance_is_learned_of_the_candidates_that_are_there(network: Any, made_up: Any, example: Any) -> None:
    net, given = network(1), made_up(3, seed=4)
    logits = net.encode(Lists.of([given])).relevance[0].tolist()
    entropies = [math.log1p(math.exp(-logit if place == 1 else logit)) for place, logit in enumerate(logits)]
    one, longer = example(given, [1]), example(made_up(7, seed=5), [])

    def of_relevance(batch: list[Any]) -> float:
        with_it, without = (float(imitation_loss(net, batch, ImitationConfig(relevance=weight))) for weight in (0.5, 0.0))
        return with_it - without

    assert of_relevance([one]) == pytest.approx(0.5 * 4 * sum(entropies) / 3, abs=1e-4)
    assert of_relevance([one, longer]) == pytest.approx((of_relevance([one]) + of_relevance([longer])) / 2, abs=1e-4)


def test_lists_count_by_their_weight_and_not_by_the_company_they_keep(network: Any, made_up: Any, example: Any) -> None:
    net = network(1)
    batch = [example(made_up(n, seed=n), gold, weight=weight) for n, gold, weight in ((3, [1], 1.0), (6, [5, 2], 3.0), (0, [], 0.5), (4, [], 2.0))]
    alone = [float(imitation_loss(net, [one], ImitationConfig())) for one in batch]
    unweighted = [loss / one.weight for one, loss in zip(batch, alone, strict=True)]
    assert unweighted == pytest.approx([float(imitation_loss(net, [replace(one, weight=1.0)], ImitationConfig())) for one in batch], abs=1e-4)
    expected = sum(alone) / 4
    assert float(imitation_loss(net, batch, ImitationConfig())) == pytest.approx(expected, abs=1e-4)
    assert float(imitation_loss(net, batch, ImitationConfig(), mean_weight=2.0)) == pytest.approx(expected / 2, abs=1e-4)


def test_the_mean_weight_is_that_of_all_lists(toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(
        imitation_module, "imitation_loss", lambda *of, mean_weight: (given.append(mean_weight), imitation_loss(*of, mean_weight=mean_weight))[1]
    )
    train = [replace(one, weight=weight) for one, weight in zip(toy(6, seed=1), (0.1, 0.1, 0.1, 2.0, 2.0, 2.0), strict=True)]
    imitate(train, toy(3, seed=2), replace(QUICK, lists=3, epochs=1))
    assert given == pytest.approx([1.05, 1.05])


def test_every_gradient_is_a_number(network: Any, made_up: Any, example: Any) -> None:
    net = network(1).requires_grad_(True)
    batch = [example(made_up(n, seed=n), gold) for n, gold in ((3, [1]), (6, [5, 2]), (0, []), (20, list(range(14))))]
    imitation_loss(net, batch, ImitationConfig(budget=90)).backward()
    gradients = [weight.grad for weight in net.parameters() if weight.grad is not None]
    assert len(gradients) == len(list(net.parameters()))
    assert all(bool(torch.isfinite(gradient).all()) for gradient in gradients)


def test_batches_hold_every_example_once_and_lists_of_like_length_together(made_up: Any, example: Any) -> None:
    examples = [example(made_up(n), id=f"{n} {number}") for n in (1, 30, 60) for number in range(8)]
    found = list(batches(examples, 8, Random(1)))
    assert Counter(one.id for batch in found for one in batch) == Counter(one.id for one in examples)
    assert [len({len(one.read.passages) for one in batch}) for batch in found] == [1, 1, 1]
    assert [one.id for batch in batches(examples, 5, Random(1)) for one in batch] != [
        one.id for batch in batches(examples, 5, Random(2)) for one in batch
    ]
    assert sorted(len(batch) for batch in batches(examples, 5, Random(1))) == [4, 5, 5, 5, 5]
