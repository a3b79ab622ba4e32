"""Each alarm tells of its own collapse, and none of a healthy step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from passel.rerankers.selector import grpo as grpo_module
from passel.rerankers.selector.alarms import LEAST_ENTROPY, LONGER, MOST_EMPTY, MOST_KL, SHORTER, Watch, alarm
from passel.rerankers.selector.examples import ListExample
from passel.rerankers.selector.grpo import GrpoConfig, grpo
from passel.rerankers.selector.measure import select_all
from passel.rerankers.selector.network import ListNetwork

START = {"length": 2.0, "entropy": 1.0, "kl": 0.0, "empty": 0.05, "varied": 0.8, "reward": 0.6}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, None),
        ({"reward": math.nan}, "not a number"),
        ({"kl": math.nan}, "not a number"),
        ({"empty": 0.51}, "empty lists"),
        ({"kl": 4.1}, "far from imitation"),
        ({"length": 5.1}, "long lists"),
        ({"length": 0.59}, "short lists"),
        ({"entropy": 0.049}, "no entropy"),
        ({"entropy": 0.0, "varied": 0.0, "kl": 0.0}, None),  # nothing to learn from in this step: nothing was measured
        ({"empty": MOST_EMPTY, "kl": MOST_KL}, None),
        ({"length": 2.0 * LONGER}, None),
        ({"length": 2.0 * SHORTER}, None),
        ({"entropy": LEAST_ENTROPY}, None),
        ({"reward": -5.0}, None),
    ],
)
def test_each_alarm(changed: dict[str, float], told: str | None) -> None:
    assert alarm(Watch.begin(START), {**START, **changed}) == told


def test_a_policy_that_begins_with_hardly_a_pick_may_grow() -> None:
    begun = {**START, "length": 0.2}
    watch = Watch.begin(begun)
    assert alarm(watch, {**begun, "length": LONGER}) is None
    assert alarm(watch, {**begun, "length": LONGER + 0.01}) == "long lists"
    assert alarm(watch, {**begun, "length": 0.05}) == "short lists"


def pays_for_nothing(example: ListExample, chosen: Any) -> float:
    return float(not chosen)


def pays_for_everything(example: ListExample, chosen: Any) -> float:
    return len(chosen) / len(example.read.passages)


def shape(network: ListNetwork, examples: list[ListExample]) -> tuple[float, float]:
    """Of the lists with evidence: the share of empty selections, and the mean length."""
    chosen = [picked for one, picked in zip(examples, select_all(network, examples, budget=2000), strict=True) if one.gold]
    return sum(not picked for picked in chosen) / len(chosen), sum(map(len, chosen)) / len(chosen)


@pytest.mark.parametrize("every", [1, 6])
@pytest.mark.parametrize(("pays", "told"), [(pays_for_nothing, "empty lists"), (pays_for_everything, "long lists")])
def test_a_reward_that_pays_for_collapse(
    half_learned: ListNetwork, toy: Any, monkeypatch: pytest.MonkeyPatch, pays: Callable[..., float], told: str, every: int
) -> None:
    def terms(self: Any, example: ListExample, chosen: Any, baseline_tokens: int) -> dict[str, float]:
        return {"empty": pays(example, chosen)}

    monkeypatch.setattr(grpo_module.Rewards, "terms", terms)
    train, val = toy(30, seed=5), toy(24, seed=2)
    before = shape(half_learned, val)
    assert before[0] < 0.1
    assert before[1] < 1.5
    heard: set[str] = set()
    config = GrpoConfig(steps=12, lists=12, samples=8, learning_rate=3e-4, every=every)
    kept, curve = grpo(half_learned, train, val, config, progress=lambda step, steps, figures: heard.update(figures))
    assert any("alarm" in row for row in curve)
    assert told in heard
    empty, length = shape(kept, val)
    assert empty <= 0.5
    assert 0.5 <= length <= 2.5


def test_without_alarms_the_same_rewards_do_collapse_the_policy(half_learned: ListNetwork, toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the tests above would show nothing."""
    monkeypatch.setattr(grpo_module, "alarm", lambda watch, figures: None)
    for pays, collapsed in ((pays_for_nothing, lambda empty, length: empty > 0.9), (pays_for_everything, lambda empty, length: length > 3)):
        monkeypatch.setattr(grpo_module.Rewards, "terms", lambda self, example, chosen, tokens, pays=pays: {"empty": pays(example, chosen)})
        lost, _ = grpo(half_learned, toy(30, seed=5), toy(24, seed=2), GrpoConfig(steps=12, lists=12, samples=8, learning_rate=3e-4, every=6))
        assert collapsed(*shape(lost, toy(24, seed=2)))
