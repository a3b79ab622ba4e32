"""How checkpoints are measured, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from passel.rerankers.selector import measure as measure_module
from passel.rerankers.selector.measure import best_fixed_k, measure, select_all, shifted, summarize, support_f1, tune_stop
from passel.rerankers.selector.network import Lists
from passel.rerankers.selector.policy import decode, own_order


def test_support_f1(example: Any, made_up: Any) -> None:
    given = made_up(5)
    assert support_f1(example(given, [1, 2]), [2, 3]) == pytest.approx(1 / 2)
    assert support_f1(example(given, [1], gold_in_all=2), [1]) == pytest.approx(2 / 3)
    assert support_f1(example(given, [1, 2]), []) == 0.0
    assert support_f1(example(given, []), []) == 1.0
    assert support_f1(example(given, []), [0]) == 0.0
    assert support_f1(example(given, [], gold_in_all=2), []) == 0.0  # search found nothing: empty is not praised


def test_the_score_is_the_mean_of_the_lists_by_weight(example: Any, made_up: Any) -> None:
    given = made_up(3)
    examples = [example(given, [0], group="b"), example(given, [], group="a"), example(given, [1], group="b"), example(given, [2], group="b")]
    examples[0] = replace(examples[0], weight=3.0)
    figures = summarize(examples, [[0], [1], [0], [0, 1, 2]])
    assert figures == {"score": pytest.approx((3 * 1 + 0 + 0 + 0.5) / 6), "a": 0.0, "b": pytest.approx((1 + 0 + 0.5) / 3)}


def test_the_best_fixed_k(example: Any, made_up: Any) -> None:
    given = made_up(4)
    examples = [example(given, [0, 1], group="a"), example(given, [2], group="a"), example(given, [3, 0], gold_in_all=3, group="b")]
    orders = [[0, 1, 2, 3], [2, 1, 0, 3], [3, 1, 0, 2]]
    scores = {
        1: (2 / 3 + 1 + 2 / 4) / 3,
        2: (1 + 2 / 3 + 2 / 5) / 3,
        3: (4 / 5 + 2 / 4 + 4 / 6) / 3,
        4: (4 / 6 + 2 / 5 + 4 / 7) / 3,
    }
    assert max(scores, key=lambda k: scores[k]) == 1
    assert best_fixed_k(examples, orders) == (1, pytest.approx(scores[1]))
    assert best_fixed_k(examples[2:], orders[2:]) == (3, pytest.approx(2 / 3))
    assert best_fixed_k(examples[2:], orders[2:], most=2) == (1, pytest.approx(1 / 2))
    assert best_fixed_k(examples[:1], orders[:1]) == (2, 1.0)
    assert best_fixed_k(examples[:1], [[3, 2, 1, 0]]) == (4, pytest.approx(2 / 3))  # of more than there are, the least k


def test_where_nothing_helps_no_k_is_right(example: Any, made_up: Any) -> None:
    assert best_fixed_k([example(made_up(4), [])], [[0, 1, 2, 3]]) == (1, 0.0)


def test_selections_come_in_the_order_of_the_examples_whatever_their_length(
    network: Any, example: Any, made_up: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure_module, "BATCH", 2)
    net = network(1, stop=-1.0).train()
    examples = [example(made_up(n, seed=n), id=str(n)) for n in (7, 0, 15, 3, 11)]
    found = select_all(net, examples, budget=100)
    further = select_all(net, examples, budget=100, go_on=True)
    net.eval()
    for one, chosen, order in zip(examples, found, further, strict=True):
        encoded = net.encode(Lists.of([one.read.input]))
        assert decode(net, encoded, torch.tensor([100])).tolist() == [chosen]
        assert own_order(net, encoded, torch.tensor([100]))[0].tolist() == [order]
        assert order[: len(chosen)] == chosen[: len(order)]
        assert sum(one.read.input.tokens[order]) <= 100
    assert len({len(chosen) for chosen in found}) > 1
    assert select_all(net, [], budget=100) == []


def test_a_bias_on_stop_shortens(network: Any, example: Any, made_up: Any) -> None:
    examples = [example(made_up(8, seed=seed), [1], group="g") for seed in range(6)]
    never, some, ever = (network(1, stop=stop) for stop in (-30.0, 0.0, 30.0))
    lengths = [sum(map(len, select_all(net, examples, budget=10**6))) for net in (never, some, ever)]
    assert lengths[0] == 48
    assert lengths[0] >= lengths[1] >= lengths[2] == 0
    assert measure(ever, examples, budget=10**6) == {"score": 0.0, "g": 0.0}
    assert measure(never, examples, budget=10**6)["score"] == pytest.approx(2 / 9)


# Tuning of STOP


@pytest.mark.parametrize("bias", ["stop_bias", "empty_bias"])
def test_shifted_is_a_copy_in_which_one_bias_alone_is_moved(network: Any, bias: str) -> None:
    net = network(1)
    before = {name: weight.clone() for name, weight in net.state_dict().items()}
    moved = shifted(net, bias, -0.75)
    for name, weight in moved.state_dict().items():
        assert torch.equal(weight, before[name] - 0.75 if name == bias else before[name]), name
    assert all(torch.equal(weight, before[name]) for name, weight in net.state_dict().items())


def test_the_bias_of_choosing_nothing_changes_whether_and_not_how_many(network: Any, example: Any, made_up: Any) -> None:
    net, examples = network(1), [example(made_up(8, seed=seed)) for seed in range(12)]
    never, ever = (select_all(shifted(net, "empty_bias", shift), examples, budget=10**6) for shift in (-50.0, 50.0))
    assert all(never)
    assert not any(ever)
    for before, after in zip(select_all(net, examples, budget=10**6), never, strict=True):
        assert before in ([], after)


def test_both_biases_are_moved_to_where_the_score_is_best(network: Any) -> None:
    net = network(1)
    stop, empty = float(net.stop_bias), float(net.empty_bias)
    tuned, moved = tune_stop(net, lambda one: -abs(float(one.stop_bias) - stop - 0.6) - abs(float(one.empty_bias) - empty + 1.9))
    assert moved == {"stop_bias": 0.5, "empty_bias": -2.0}
    assert float(tuned.stop_bias) == pytest.approx(stop + 0.5)
    assert float(tuned.empty_bias) == pytest.approx(empty - 2.0)
    assert (float(net.stop_bias), float(net.empty_bias)) == (stop, empty)


def test_when_to_stop_is_tuned_after_whether_to_choose_nothing(network: Any) -> None:
    """What is best for the second hangs on what the first was moved to."""
    net = network(1)
    stop, empty = float(net.stop_bias), float(net.empty_bias)
    _, moved = tune_stop(net, lambda one: float(one.empty_bias) - empty - abs(float(one.empty_bias) - empty - 1 + float(one.stop_bias) - stop))
    assert moved["stop_bias"] == 1 - moved["empty_bias"]


@pytest.mark.parametrize(("least", "greatest", "shift"), [(-3.0, 3.0, 0.0), (0.3, 3.0, 0.5), (-3.0, -1.2, -1.5)])
def test_of_equal_scores_the_nearest_shift_is_taken(network: Any, least: float, greatest: float, shift: float) -> None:
    net = network(1)
    at = float(net.stop_bias)
    assert tune_stop(net, lambda moved: float(least < float(moved.stop_bias) - at < greatest))[1] == {"stop_bias": shift, "empty_bias": 0.0}
