"""How checkpoints are measured, by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from passel.rerankers.selector import measure as measure_module
from passel.rerankers.selector.measure import best_fixed_k, measure, select_all, summarize, support_f1
from passel.rerankers.selector.network import Lists
from passel.rerankers.selector.policy import decode


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
    net = network(1).train()
    examples = [example(made_up(n, seed=n), id=str(n)) for n in (7, 0, 15, 3, 11)]
    found = select_all(net, examples, budget=100, bias=-1.0)
    further = select_all(net, examples, budget=100, go_on=True)
    net.eval()
    for one, chosen, order in zip(examples, found, further, strict=True):
        encoded = net.encode(Lists.of([one.read.input]))
        assert decode(net, encoded, torch.tensor([100]), bias=-1.0).tolist() == [chosen]
        assert decode(net, encoded, torch.tensor([100]), go_on=True).tolist() == [order]
        assert order[: len(chosen)] == chosen[: len(order)]
        assert sum(one.read.input.tokens[order]) <= 100
    assert len({len(chosen) for chosen in found}) > 1
    assert select_all(net, [], budget=100) == []


def test_a_bias_on_stop_shortens(network: Any, example: Any, made_up: Any) -> None:
    net, examples = network(1), [example(made_up(8, seed=seed), [1], group="g") for seed in range(6)]
    lengths = [sum(map(len, select_all(net, examples, budget=10**6, bias=bias))) for bias in (-30.0, 0.0, 30.0)]
    assert lengths[0] == 48
    assert lengths[0] >= lengths[1] >= lengths[2] == 0
    assert measure(net, examples, budget=10**6, bias=30.0) == {"score": 0.0, "g": 0.0}
    assert measure(net, examples, budget=10**6, bias=-30.0)["score"] == pytest.approx(2 / 9)
