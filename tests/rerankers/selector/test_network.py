"""The network reads a set: the order in which candidates are given says nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.rerankers.selector.features import ListInput
from passel.rerankers.selector.network import Encoded, ListNetwork, Lists
from passel.rerankers.selector.policy import State, own_order


def permuted(one: ListInput, order: list[int]) -> ListInput:
    """Candidate order[i] of `one` stands at place i."""
    both = np.ix_(order, order)
    return ListInput(one.vectors[order], one.features[order], one.names[both], one.tokens[order], one.siblings[both])


def logits_after(net: ListNetwork, encoded: Encoded, picked: list[int], budget: int) -> torch.Tensor:
    state = State(encoded, torch.tensor([budget]))
    for place in picked:
        state.pick(torch.tensor([place]))
    return net.logits(encoded, state.chosen, state.last, state.open)[0]


@settings(max_examples=40, deadline=None)
@given(data=st.data(), n=st.integers(0, 12), seed=st.integers(0, 1000), budget=st.integers(0, 300))
def test_permuted_candidates_permute_what_is_said_of_them(network: Any, made_up: Any, data: st.DataObject, n: int, seed: int, budget: int) -> None:
    net, one = network(seed), made_up(n, seed)
    order = data.draw(st.permutations(range(n)))
    picked = data.draw(st.lists(st.sampled_from(range(n)), unique=True, max_size=3)) if n else []
    here, there = net.encode(Lists.of([one])), net.encode(Lists.of([permuted(one, order)]))
    torch.testing.assert_close(there.relevance[0], here.relevance[0, order], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(there.question, here.question, atol=1e-4, rtol=1e-4)
    before = logits_after(net, here, picked, budget)
    after = logits_after(net, there, [order.index(place) for place in picked], budget)
    torch.testing.assert_close(after, before[[*order, n]], atol=1e-4, rtol=1e-4)


def test_what_the_network_is_given_it_reads(network: Any, made_up: Any) -> None:
    """Else every test of what may not matter would pass."""
    net, one = network(3), made_up(6, seed=3)
    here = logits_after(net, net.encode(Lists.of([one])), [2], 10**6)
    names = one.names.copy()
    names[2, 4] = not names[2, 4]
    features = one.features.copy()
    features[4, 0] += 1
    vectors = one.vectors.copy()
    vectors[4] = 3 * vectors[0]
    siblings = one.siblings.copy()
    siblings[2, 4] = siblings[4, 2] = not siblings[2, 4]
    for other in (
        replace(one, names=names),
        replace(one, features=features),
        replace(one, vectors=vectors),
        replace(one, siblings=siblings),
    ):
        there = logits_after(net, net.encode(Lists.of([other])), [2], 10**6)
        assert float((there - here)[[0, 1, 3, 4, 5]].abs().max()) > 1e-4
    assert float((logits_after(net, net.encode(Lists.of([one])), [3], 10**6) - here)[[0, 1, 4, 5]].abs().max()) > 1e-4


def test_who_names_whom_has_a_direction(network: Any, made_up: Any) -> None:
    net, one = network(3), made_up(5, seed=3)
    turned = replace(one, names=one.names.T.copy())
    assert (one.names != one.names.T).any()
    here, there = (net.encode(Lists.of([each])).relevance for each in (one, turned))
    assert float((here - there).abs().max()) > 1e-4


@pytest.mark.parametrize(("of", "parameter"), [("names", "named_by_chosen"), ("siblings", "beside_chosen")])
def test_what_a_pick_names_or_has_beside_it_gets_the_bonus(network: Any, made_up: Any, of: str, parameter: str) -> None:
    nobody = np.zeros((4, 4), np.bool_)
    related = nobody.copy()
    related[0, 2] = True
    one = replace(made_up(4, seed=1), **{"names": nobody, "siblings": nobody, of: related})
    encoded = network(5).encode(Lists.of([one]))
    net = network(5)
    with_bonus = logits_after(net, encoded, [0], 10**6)
    bonus = float(getattr(net, parameter))
    with torch.no_grad():
        getattr(net, parameter).zero_()
    without = logits_after(net, encoded, [0], 10**6)
    assert (with_bonus - without)[[1, 2, 3, 4]].tolist() == pytest.approx([0.0, bonus, 0.0, 0.0], abs=1e-5)
    assert abs(bonus) > 1e-3
    assert with_bonus[0] == -torch.inf


def test_without_biases_names_say_nothing(network: Any, made_up: Any) -> None:
    one = made_up(7, seed=2)
    nobody = replace(one, names=np.zeros_like(one.names), siblings=np.zeros_like(one.siblings))
    assert one.names.any()
    assert one.siblings.any()
    for biases in (False, True):
        net = network(2, biases=biases)
        here, there = net.encode(Lists.of([one])), net.encode(Lists.of([nobody]))
        same = [
            torch.allclose(here.relevance, there.relevance, atol=1e-6),
            torch.allclose(logits_after(net, here, [0, 3], 10**6), logits_after(net, there, [0, 3], 10**6), atol=1e-6),
        ]
        assert same == ([True, True] if not biases else [False, False])


@pytest.mark.parametrize("n", [0, 1, 200])
def test_any_number_of_candidates(network: Any, made_up: Any, n: int) -> None:
    net = network(1)
    encoded = net.encode(Lists.of([made_up(n, seed=n)]))
    assert encoded.relevance.shape == (1, n)
    assert encoded.keys.shape[1] == n + 1
    logits = logits_after(net, encoded, [], 10**6)
    assert logits.shape == (n + 1,)
    assert bool(torch.isfinite(logits).all())
    (places,) = own_order(net, encoded, torch.tensor([10**6]))[0].tolist()
    assert len(places) == min(n, 12)


def test_no_list_at_all(network: Any) -> None:
    encoded = network(1).encode(Lists.of([]))
    assert encoded.relevance.shape == (0, 0)


def test_stop_is_always_possible_and_a_chosen_or_closed_candidate_never(network: Any, made_up: Any) -> None:
    net = network(1)
    encoded = net.encode(Lists.of([made_up(3, tokens=[10, 50, 20])]))
    assert torch.isfinite(logits_after(net, encoded, [], 30)).tolist() == [True, False, True, True]
    assert torch.isfinite(logits_after(net, encoded, [0], 30)).tolist() == [False, False, True, True]
    assert torch.isfinite(logits_after(net, encoded, [0, 2], 30)).tolist() == [False, False, False, True]


def test_rows_of_what_is_encoded(network: Any, made_up: Any) -> None:
    encoded = network(1).encode(Lists.of([made_up(2, seed=1), made_up(4, seed=2)]))
    rows = encoded[torch.tensor([1, 1, 0])]
    assert rows.there.sum(1).tolist() == [4, 4, 2]
    torch.testing.assert_close(rows.keys[2], encoded.keys[0])
    torch.testing.assert_close(rows.names[0], encoded.names[1])
