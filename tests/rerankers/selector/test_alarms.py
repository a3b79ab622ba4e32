"""Each alarm tells of its own collapse, and none of a healthy step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from passel.rerankers.selector import grpo as grpo_module
from passel.rerankers.selector.alarms import FEWER, LEAST_ENTROPY, LONGER, MOST_EMPTY, MOST_KL, SHORTER, Watch, alarm
from passel.rerankers.selector.examples import ListExample
from passel.rerankers.selector.grpo import GrpoConfig, grpo
from passel.rerankers.selector.imitation import ImitationConfig, imitate
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


def test_one_lucky_passage() -> None:
    """Half of a start of two passages is no short list; where two are needed and one is selected, it is told."""
    watch = Watch(length=2.0, entropy=0.0, several=0.9)
    greedy = {"length": 1.0, "entropy": 0.0, "kl": 0.0, "empty": 0.0, "varied": 0.0}
    assert alarm(watch, greedy) is None
    assert alarm(watch, {**greedy, "several": 0.9 * FEWER - 0.01}) == "single passages"
    assert alarm(watch, {**greedy, "several": 0.9 * FEWER}) is None
    assert alarm(Watch(2.0, 0.0), {**greedy, "several": 0.0}) is None  # nor did the start


@pytest.mark.parametrize("changed", [{"varied": 0.0, "entropy": 0.0}, {"entropy": math.nan}, {"kl": math.inf}])
def test_the_watch_begins_where_there_is_something_to_see(
    half_learned: ListNetwork, toy: Any, monkeypatch: pytest.MonkeyPatch, changed: dict[str, float]
) -> None:
    assert Watch.begin({**START, **changed}) is None
    steps = iter([{**START, **changed}, START, {**START, "entropy": 0.01}])
    monkeypatch.setattr(grpo_module, "_step", lambda *_: dict(next(steps)))
    heard: list[set[str]] = []
    grpo(half_learned, toy(6), toy(6, seed=2), GrpoConfig(steps=3, every=9), progress=lambda step, of, figures: heard.append(set(figures)))
    assert heard[-1] == {"alarm", "no entropy"}


def test_before_the_watch_has_begun_what_needs_no_start_is_told() -> None:
    assert alarm(None, {**START, "empty": 0.51}) == "empty lists"
    assert alarm(None, {**START, "kl": 4.1}) == "far from imitation"
    assert alarm(None, {**START, "kl": math.nan}) == "not a number"
    assert alarm(None, {**START, "length": 9.0, "entropy": 0.0}) is None


def pays_for_nothing(example: ListExample, chosen: Any) -> float:
    return float(not chosen)


def pays_for_everything(example: ListExample, chosen: Any) -> float:
    return len(chosen) / len(example.read.passages)


def pays_for_one(example: ListExample, chosen: Any) -> float:
    return float(len(chosen) == 1)


def two_each(toy: Any, count: int, seed: int) -> list[ListExample]:
    """Lists with two pieces of evidence."""
    return [one for one in toy(2 * count, seed=seed, empty_every=0) if len(one.gold) == 2]


@pytest.fixture(scope="module")
def picks_two(toy: Any) -> ListNetwork:
    """A policy that picks both pieces of evidence, and is not sure of it."""
    begun, _ = imitate(two_each(toy, 96, 1), two_each(toy, 24, 2), ImitationConfig(epochs=2, lists=16, learning_rate=5e-4, seed=3))
    return begun


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


@pytest.mark.parametrize("every", [1, 6])
def test_a_reward_that_pays_for_one_lucky_passage(picks_two: ListNetwork, toy: Any, monkeypatch: pytest.MonkeyPatch, every: int) -> None:
    monkeypatch.setattr(grpo_module.Rewards, "terms", lambda self, example, chosen, tokens: {"empty": pays_for_one(example, chosen)})
    train, val = two_each(toy, 30, 5), two_each(toy, 24, 2)
    assert shape(picks_two, val) == (0.0, 2.0)
    heard: set[str] = set()
    config = GrpoConfig(steps=12, lists=12, samples=8, learning_rate=3e-4, sharpness=1.0, every=every)
    kept, curve = grpo(picks_two, train, val, config, progress=lambda step, steps, figures: heard.update(figures))
    assert "single passages" in heard
    assert [row["val several"] for row in curve if "alarm" not in row] == [1.0]  # of the start alone
    assert shape(kept, val) == (0.0, 2.0)


def test_without_alarms_the_same_rewards_do_collapse_the_policy(
    half_learned: ListNetwork, picks_two: ListNetwork, toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the tests above would show nothing."""
    monkeypatch.setattr(grpo_module, "alarm", lambda watch, figures: None)
    for pays, collapsed in ((pays_for_nothing, lambda empty, length: empty > 0.9), (pays_for_everything, lambda empty, length: length > 3)):
        monkeypatch.setattr(grpo_module.Rewards, "terms", lambda self, example, chosen, tokens, pays=pays: {"empty": pays(example, chosen)})
        lost, _ = grpo(half_learned, toy(30, seed=5), toy(24, seed=2), GrpoConfig(steps=12, lists=12, samples=8, learning_rate=3e-4, every=6))
        assert collapsed(*shape(lost, toy(24, seed=2)))
    monkeypatch.setattr(grpo_module.Rewards, "terms", lambda self, example, chosen, tokens: {"empty": pays_for_one(example, chosen)})
    config = GrpoConfig(steps=12, lists=12, samples=8, learning_rate=3e-4, sharpness=1.0, every=6)
    lost, _ = grpo(picks_two, two_each(toy, 30, 5), two_each(toy, 24, 2), config)
    assert shape(lost, two_each(toy, 24, 2)) == (0.0, 1.0)
