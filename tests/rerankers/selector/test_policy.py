"""The policy is a probability distribution over ordered subsets, exactly; what is decoded comes from it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.rerankers.selector import policy
from passel.rerankers.selector.features import ListInput
from passel.rerankers.selector.network import Encoded, ListNetwork, Lists
from passel.rerankers.selector.policy import MOST, Picks, beam, decode, log_prob, own_order, step_log_probs, until_stop

PLENTY = 10**6


def encode(network: ListNetwork, *inputs: ListInput) -> Encoded:
    return network.encode(Lists.of(inputs))


def by_hand(
    network: ListNetwork, encoded: Encoded, places: Sequence[int], budget: int, *, most: int = MOST
) -> tuple[float, list[float]]:
    """log P of a list, one choice after the other from bare logits; and the probabilities of what could have followed it, STOP last."""
    n = encoded.there.shape[1]
    tokens = encoded.tokens[0].tolist()
    total, probabilities = 0.0, []
    for step in range(len(places) + 1):
        before = list(places[:step])
        left = budget - sum(tokens[place] for place in before)
        chosen = torch.tensor([[float(place in before) for place in range(n)]]).view(1, n)
        open_ = torch.tensor([[place not in before and tokens[place] <= left for place in range(n)]], dtype=torch.bool).view(1, n)
        logits = network.logits(encoded, chosen, torch.tensor([before[-1] if before else -1]), open_)[0].tolist()
        powers = [math.exp(logit) for logit in logits]
        probabilities = [power / sum(powers) for power in powers]
        if step == most:
            break
        probability = probabilities[places[step] if step < len(places) else n]
        total += math.log(probability) if probability else -math.inf
    return total, probabilities


def all_probabilities(network: ListNetwork, encoded: Encoded, lists: list[list[int]], budget: int) -> dict[tuple[int, ...], float]:
    rows = torch.zeros(len(lists), dtype=torch.long)
    values = log_prob(network, encoded[rows], Picks.of(lists), torch.full((len(lists),), budget))
    return {tuple(one): math.exp(value) for one, value in zip(lists, values.tolist(), strict=True)}


@pytest.mark.parametrize("n", range(5))
@pytest.mark.parametrize("budget", [PLENTY, 25, 0])
@pytest.mark.parametrize("bias", [0.0, 1.5, -3.0])
def test_all_lists_together_have_probability_one(network: Any, made_up: Any, ordered_subsets: Any, n: int, budget: int, bias: float) -> None:
    net = network(n, stop=bias)
    encoded = encode(net, made_up(n, seed=n, tokens=[10, 20, 5, 30][:n]))
    found = all_probabilities(net, encoded, ordered_subsets(n), budget)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-5)
    tokens = [10, 20, 5, 30]
    for places, probability in found.items():
        assert (probability > 0) == (sum(tokens[place] for place in places) <= budget)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_list_of_the_most_picks_pays_for_no_stop(network: Any, made_up: Any, ordered_subsets: Any, monkeypatch: Any, most: int) -> None:
    monkeypatch.setattr(policy, "MOST", most)
    net = network(7)
    encoded = encode(net, made_up(4, seed=3))
    found = all_probabilities(net, encoded, ordered_subsets(4, most), PLENTY)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-5)
    assert beam(net, encoded, PLENTY, width=100) == list(max(found, key=lambda places: found[places]))


def test_twelve_of_fourteen(network: Any, made_up: Any) -> None:
    net = network(1, stop=-40.0)
    encoded = encode(net, made_up(14, seed=1))
    budgets = torch.tensor([PLENTY])
    picks = decode(net, encoded, budgets, sample=True, generator=torch.Generator().manual_seed(0))
    (places,) = picks.tolist()
    assert len(places) == len(set(places)) == MOST
    steps = step_log_probs(net, encoded, picks, budgets)
    assert steps.shape == (1, MOST + 1, 15)
    value = float(log_prob(net, encoded, picks, budgets))
    assert value == pytest.approx(by_hand(net, encoded, places, PLENTY)[0], abs=1e-4)
    assert value > -40  # STOP would have cost more
    shorter = float(log_prob(net, encoded, Picks.of([places[:-1]]), budgets))
    assert shorter < -25  # here it does: two other candidates were left
    assert own_order(net, encoded, budgets)[0].counts.tolist() == [MOST]
    assert len(beam(net, encoded, PLENTY, width=2)) == MOST


@settings(max_examples=40, deadline=None)
@given(n=st.integers(0, 9), seed=st.integers(0, 50), budget=st.integers(0, 250), bias=st.sampled_from([0.0, -2.0, 1.0]))
def test_the_probability_of_a_list_is_the_product_of_its_choices(network: Any, made_up: Any, n: int, seed: int, budget: int, bias: float) -> None:
    net = network(seed, stop=bias)
    encoded = encode(net, made_up(n, seed))
    budgets = torch.tensor([budget])
    picks = decode(net, encoded, budgets, sample=True, generator=torch.Generator().manual_seed(seed))
    (places,) = picks.tolist()
    assert len(set(places)) == len(places)
    assert sum(encoded.tokens[0, places].tolist()) <= budget
    expected, last = by_hand(net, encoded, places, budget)
    assert float(log_prob(net, encoded, picks, budgets)) == pytest.approx(expected, abs=1e-4)
    steps = step_log_probs(net, encoded, picks, budgets)
    assert steps[0, len(places)].exp().tolist() == pytest.approx(last, abs=1e-5)
    assert steps[0].exp().sum(1).tolist() == pytest.approx([1.0] * (len(places) + 1), abs=1e-5)


@pytest.mark.parametrize(("budget", "bias"), [(PLENTY, 0.0), (30, -0.5)])
def test_lists_are_sampled_as_often_as_they_are_likely(network: Any, made_up: Any, ordered_subsets: Any, budget: int, bias: float) -> None:
    net = network(4, stop=bias)
    encoded = encode(net, made_up(3, seed=2, tokens=[10, 20, 15]))
    count = 6000
    expected = all_probabilities(net, encoded, ordered_subsets(3), budget)
    rows = torch.zeros(count, dtype=torch.long)
    generator = torch.Generator().manual_seed(1)
    picks = decode(net, encoded[rows], torch.full((count,), budget), sample=True, generator=generator)
    seen = Counter(tuple(places) for places in picks.tolist())
    assert all(expected[places] > 0 for places in seen)
    cells = [places for places, probability in expected.items() if probability * count >= 5]
    assert len(cells) >= 6
    statistic = sum((seen[places] - expected[places] * count) ** 2 / (expected[places] * count) for places in cells)
    assert statistic < len(cells) + 6 * math.sqrt(2 * len(cells))


def test_sampling_is_the_generator_s_alone(network: Any, made_up: Any) -> None:
    net = network(4)
    encoded = encode(net, *(made_up(6, seed) for seed in range(5)))
    budgets = torch.full((5,), PLENTY)
    torch.manual_seed(0)
    one = decode(net, encoded, budgets, sample=True, generator=torch.Generator().manual_seed(8))
    torch.manual_seed(1)
    other = decode(net, encoded, budgets, sample=True, generator=torch.Generator().manual_seed(8))
    assert one.tolist() == other.tolist()


@settings(max_examples=40, deadline=None)
@given(n=st.integers(0, 15), seed=st.integers(0, 50), budget=st.integers(0, 400), bias=st.sampled_from([0.0, -2.0, -9.0, 3.0]))
def test_greedy_takes_the_likeliest_choice_each_time_and_going_on_continues_it(
    network: Any, made_up: Any, n: int, seed: int, budget: int, bias: float
) -> None:
    net = network(seed, stop=bias)
    encoded = encode(net, made_up(n, seed))
    budgets = torch.tensor([budget])
    (places,) = decode(net, encoded, budgets).tolist()
    for step, place in enumerate([*places, n]):
        if step < MOST:
            _, choices = by_hand(net, encoded, places[:step], budget)
            stop = choices[n] >= sum(choices[:n])  # else going on is likelier, and of the candidates the likeliest is picked
            assert place == n if stop else choices[place] == max(choices[:n])
    picks, steps = own_order(net, encoded, budgets)
    (further,) = picks.tolist()
    assert until_stop(picks, steps).tolist() == [places]
    assert further[: len(places)] == places
    torch.testing.assert_close(steps, step_log_probs(net, encoded, picks, budgets)[:, :MOST], atol=1e-5, rtol=1e-5)
    assert len(set(further)) == len(further)
    left = budget - sum(encoded.tokens[0, further].tolist())
    assert left >= 0
    if len(further) < MOST:  # it ends where nothing more may be picked
        assert all(encoded.tokens[0, place] > left for place in set(range(n)) - set(further))


def test_going_on_passes_stop_and_takes_the_best_of_the_candidates(network: Any, made_up: Any) -> None:
    net = network(2, stop=40.0)
    encoded = encode(net, made_up(5, seed=9))
    budgets = torch.tensor([PLENTY])
    assert decode(net, encoded, budgets).tolist() == [[]]
    (further,) = own_order(net, encoded, budgets)[0].tolist()
    assert sorted(further) == list(range(5))
    for step, place in enumerate(further):
        _, choices = by_hand(net, encoded, further[:step], PLENTY)
        assert choices[place] == max(choices[:-1])


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("budget", "bias"), [(PLENTY, 0.0), (45, 0.0), (PLENTY, -3.0)])
def test_a_wide_beam_finds_the_likeliest_list(network: Any, made_up: Any, ordered_subsets: Any, seed: int, budget: int, bias: float) -> None:
    net = network(seed, stop=bias)
    encoded = encode(net, made_up(4, seed, tokens=[10, 20, 15, 30]))
    found = all_probabilities(net, encoded, ordered_subsets(4), budget)
    assert tuple(beam(net, encoded, budget, width=100)) == max(found, key=lambda places: found[places])


def test_a_beam_of_one_is_at_least_as_likely_as_stopping_at_once(network: Any, made_up: Any) -> None:
    better = 0
    for seed in range(20):
        net = network(seed)
        encoded = encode(net, made_up(8, seed))
        budgets = torch.tensor([PLENTY])

        def likely(places: list[int]) -> float:
            return float(log_prob(net, encoded, Picks.of([places]), budgets))  # noqa: B023

        narrow, wide = likely(beam(net, encoded, PLENTY, width=1)), likely(beam(net, encoded, PLENTY, width=8))
        assert narrow >= likely([]) - 1e-5
        better += wide > likely(decode(net, encoded, budgets).tolist()[0]) + 1e-6
    assert better > 0  # a beam is worth its name: somewhere it finds what greedy picks do not


def test_padding_changes_nothing(network: Any, made_up: Any) -> None:
    net = network(6)
    inputs = [made_up(n, seed=n) for n in (0, 1, 3, 7, 16)]
    budgets = torch.tensor([90, 90, 90, 90, 90])
    together = encode(net, *inputs)
    picks = decode(net, together, budgets)
    further, before = own_order(net, together, budgets)
    assert until_stop(further, before).tolist() == picks.tolist()
    values = log_prob(net, together, further, budgets)
    steps = step_log_probs(net, together, further, budgets)
    for i, one in enumerate(inputs):
        alone, n = encode(net, one), len(one.tokens)
        assert decode(net, alone, budgets[:1]).tolist()[0] == picks.tolist()[i]
        own = own_order(net, alone, budgets[:1])[0]
        assert own.tolist()[0] == further.tolist()[i]
        assert float(log_prob(net, alone, own, budgets[:1])) == pytest.approx(float(values[i]), abs=1e-4)
        torch.testing.assert_close(together.relevance[i, :n], alone.relevance[0], atol=1e-5, rtol=1e-5)
        state, lone = policy.State(together, budgets), policy.State(alone, budgets[:1])
        logits = net.logits(together, state.chosen, state.last, state.open)[i]
        torch.testing.assert_close(
            torch.cat([logits[:n], logits[-1:]]), net.logits(alone, lone.chosen, lone.last, lone.open)[0], atol=1e-5, rtol=1e-5
        )
        assert bool((logits[n:-1] == -torch.inf).all())
        assert bool((steps[i, int(further.counts[i]) + 1 :] == 0).all())  # after STOP


def test_picks_as_lists_and_back() -> None:
    lists = [[], [3], [4, 0, 2], list(range(MOST))]
    picks = Picks.of(lists)
    assert picks.tolist() == lists
    assert picks.counts.tolist() == [0, 1, 3, MOST]
    assert picks.places.shape == (4, MOST)
    assert picks.places[1, 1:].eq(-1).all()


def test_a_gradient_reaches_every_weight_and_is_finite(made_up: Callable[..., ListInput]) -> None:
    torch.manual_seed(0)
    net = ListNetwork().eval()
    with torch.no_grad():
        net.named_by_chosen.fill_(0.5)
    encoded = encode(net, made_up(6, seed=1), made_up(0), made_up(2, seed=2))
    budgets = torch.tensor([60, 60, 10])
    picks = own_order(net, encoded, budgets)[0]
    (log_prob(net, encoded, picks, budgets).sum() + encoded.relevance[0].sum()).backward()
    without = [name for name, weight in net.named_parameters() if weight.grad is None or not weight.grad.abs().sum() > 0]
    assert without == []
    assert all(bool(torch.isfinite(weight.grad).all()) for weight in net.parameters() if weight.grad is not None)
