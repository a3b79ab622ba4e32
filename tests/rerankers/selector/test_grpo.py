"""GRPO: its parts by hand, and that it learns what is rewarded and nothing from what is not."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest
import torch

from passel.rerankers.selector import grpo as grpo_module
from passel.rerankers.selector import policy
from passel.rerankers.selector.examples import ListExample
from passel.rerankers.selector.grpo import GrpoConfig, Rewards, Unanswered, exact_kl, extracted, grpo, leave_one_out, mean_entropy
from passel.rerankers.selector.measure import select_all
from passel.rerankers.selector.network import ListNetwork, Lists
from passel.rerankers.selector.policy import Picks, decode, step_log_probs, taken
from passel.rerankers.selector.rewards import ANSWERS_ONLY, Reward
from passel.tools.errors import PasselError
from passel.tools.pair import AnswerSpan
from passel.tools.reader import ReadAs

PLENTY = 10**6


# Advantage, divergence, entropy


def test_leave_one_out_by_hand() -> None:
    reward = torch.tensor([[1.0, 0.0, 0.5], [2.0, 2.0, 2.0], [0.0, 0.0, 3.0]])
    found = leave_one_out(reward, torch.ones(3, 3, dtype=torch.bool))
    expected = [[1 - 0.25, 0 - 0.75, 0.5 - 0.5], [0, 0, 0], [-1.5, -1.5, 3.0]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_what_is_not_known_is_neither_left_out_nor_in() -> None:
    reward, known = torch.tensor([[1.0, 9.0, 0.5], [2.0, 9.0, 9.0], [9.0, 9.0, 9.0]]), torch.tensor([[1, 0, 1], [1, 0, 0], [0, 0, 0]]).bool()
    torch.testing.assert_close(leave_one_out(reward, known), torch.tensor([[0.5, 0.0, -0.5], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]))


def both(network: Any, made_up: Any, lists: list[list[int]], budget: int) -> tuple[torch.Tensor, torch.Tensor, Picks]:
    """The log-probabilities of two policies at every step of the lists."""
    given, picks = Lists.of([made_up(3, seed=2, tokens=[10, 20, 15])]), Picks.of(lists)
    rows, budgets = torch.zeros(len(lists), dtype=torch.long), torch.full((len(lists),), budget)
    one, other = (step_log_probs(net, net.encode(given)[rows], picks, budgets) for net in (network(1), network(8, stop=1.0)))
    return one, other, picks


@pytest.mark.parametrize(("budget", "most"), [(PLENTY, 12), (30, 12), (PLENTY, 1), (PLENTY, 2)])
def test_divergence_and_entropy_are_those_of_the_enumerated_lists(
    network: Any, made_up: Any, ordered_subsets: Any, monkeypatch: pytest.MonkeyPatch, budget: int, most: int
) -> None:
    """By the chain rule: the steps' divergence, averaged over the policy's lists, is that of the lists. The same holds of entropy."""
    monkeypatch.setattr(policy, "MOST", most)
    one, other, picks = both(network, made_up, ordered_subsets(3, most), budget)
    log_p, log_q = taken(one, picks).sum(1), taken(other, picks).sum(1)
    divergence = entropy = expected = expected_entropy = 0.0
    for i, places in enumerate(picks.tolist()):
        p = math.exp(log_p[i])
        if not p:
            continue
        own = Picks(picks.places[i : i + 1], picks.counts[i : i + 1])
        divergence += p * float(exact_kl(one[i : i + 1], other[i : i + 1], own))
        entropy += p * float(mean_entropy(one[i : i + 1], own)) * min(most, len(places) + 1)
        expected += p * float(log_p[i] - log_q[i])
        expected_entropy -= p * float(log_p[i])
    assert expected > 0.01
    assert divergence == pytest.approx(expected, abs=1e-4)
    assert entropy == pytest.approx(expected_entropy, abs=1e-4)


def test_divergence_from_itself_is_nothing_and_from_others_never_less(network: Any, made_up: Any, ordered_subsets: Any) -> None:
    one, other, picks = both(network, made_up, ordered_subsets(3), 30)
    assert float(exact_kl(one, one, picks)) == 0.0
    for i in range(len(picks.counts)):
        assert float(exact_kl(one[i : i + 1], other[i : i + 1], Picks(picks.places[i : i + 1], picks.counts[i : i + 1]))) >= -1e-6
    assert float(exact_kl(one, other, picks)) > 0.01


def test_one_step_by_hand() -> None:
    one, other = torch.tensor([[[0.5, 0.5, 0.0]]]).log(), torch.tensor([[[0.25, 0.75, 0.0]]]).log()
    stopped = Picks.of([[]])
    assert float(exact_kl(one, other, stopped)) == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert float(mean_entropy(one, stopped)) == pytest.approx(math.log(2))


def test_impossible_choices_give_no_gradient_that_is_no_number(network: Any, made_up: Any) -> None:
    net = network(1).requires_grad_(True)
    given, picks = Lists.of([made_up(3, seed=2, tokens=[10, 20, 15])]), Picks.of([[1, 0]])
    steps = step_log_probs(net, net.encode(given), picks, torch.tensor([30]))
    assert not bool(torch.isfinite(steps).all())
    (exact_kl(steps, steps.detach() * 1.1, picks) + mean_entropy(steps, picks)).backward()
    assert all(bool(torch.isfinite(weight.grad).all()) for weight in net.parameters() if weight.grad is not None)
    assert sum(float(weight.grad.abs().sum()) for weight in net.parameters() if weight.grad is not None) > 0


# Rewards


class Generator:
    """Says what it was asked for; remembers how often."""

    def __init__(self, says: str | None = "stone") -> None:
        self.says, self.asked = says, []

    def __call__(self, example: ListExample, chosen: tuple[int, ...]) -> str | None:
        self.asked.append((example.id, chosen))
        return self.says


def test_a_generator_is_asked_once_for_the_same_passages_in_the_same_order(example: Any, made_up: Any) -> None:
    says = Generator()
    earned = Rewards(GrpoConfig(), says)
    one, other = (example(made_up(4, seed=1), [0, 1], id=id, answers=("stone",)) for id in ("a", "b"))
    for chosen in ((0, 1), [0, 1], (1, 0), (0, 1), (), (2,)):
        earned.terms(one, chosen, 10)
    earned.terms(other, (0, 1), 10)
    assert says.asked == [("a", (0, 1)), ("a", (1, 0)), ("a", (2,)), ("b", (0, 1))]


def test_one_that_does_not_know_is_not_asked_again(example: Any, made_up: Any) -> None:
    says = Generator(None)
    earned = Rewards(GrpoConfig(), says)
    one = example(made_up(4, seed=1), [0, 1], answers=("stone",))
    assert [earned.terms(one, (0, 1), 10)["answer"] for _ in range(3)] == [0.0, 0.0, 0.0]
    assert len(says.asked) == 1


def test_one_that_fails_is_asked_once_more_and_has_not_said_anything_wrong(example: Any, made_up: Any) -> None:
    asked: list[tuple[int, ...]] = []

    def fails(example: ListExample, chosen: tuple[int, ...]) -> str | None:
        asked.append(chosen)
        if chosen == (2,) or len(asked) == 1:
            raise Unanswered
        return "stone"

    earned = Rewards(GrpoConfig(), fails)
    one = example(made_up(4, seed=1), [0, 1], answers=("stone",))
    found = [earned.of(one, chosen, [0, 1, 2, 3]) for chosen in ([1], [1], [2], [2], [2], [])]
    assert asked == [(0, 1), (0, 1), (1,), (2,), (2,)]  # the baseline's first
    assert found[0] is None
    assert found[1] is not None
    assert found[1][1]["answer"] == 1.0
    assert found[2:5] == [None] * 3
    assert found[5] is not None  # nothing is asked of nothing


def test_the_same_id_in_two_groups_is_two_questions(example: Any, made_up: Any) -> None:
    says = Generator()
    earned = Rewards(GrpoConfig(), says)
    for group in ("distractor", "pool"):
        earned.terms(example(made_up(4, seed=1), [0], answers=("stone",), group=group), (0,), 10)
    assert len(says.asked) == 2


def test_the_extractive_generator_is_asked_once_for_the_same_set(example: Any, made_up: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def find(question: str, passages: Any, chosen: Any) -> None:
        asked.append(tuple(chosen))

    monkeypatch.setattr(grpo_module, "find_answer", find)
    earned = Rewards(GrpoConfig(), extracted)
    one = example(made_up(4, seed=1), [0, 1], answers=("stone 1",))
    for chosen in ((1, 0), (0, 1), (2, 0, 1), (1, 2, 0), (0,)):
        earned.terms(one, chosen, 10)
    assert asked == [(0, 1), (0, 1, 2), (0,)]


def test_the_extractive_generator_reads_the_chosen_passages_only(example: Any, made_up: Any) -> None:
    one = example(made_up(4, seed=1))
    assert extracted(one, (0, 2)) == "stone 2"
    assert extracted(one, (2, 0)) == "stone 2"
    assert extracted(one, (0, 1)) == "stone 1"
    silent = replace(one.read.passages[1], bare=ReadAs(0.0, 0.0, ()), named=ReadAs(0.0, 0.0, (AnswerSpan(0, 5, 9.0),)), namer=0)
    named = replace(one, read=replace(one.read, passages=(one.read.passages[0], silent, *one.read.passages[2:])))
    assert extracted(named, (1,)) is None
    assert extracted(named, (0, 1)) == "stone"


def test_terms_and_reward_by_hand(example: Any, made_up: Any) -> None:
    given = made_up(5, seed=1, tokens=[10, 20, 30, 40, 50])
    one = example(given, [3, 1], gold_in_all=3, ordered=True, answers=("stone 3",))
    config = GrpoConfig(fixed_k=2)
    earned = Rewards(config)
    order = [0, 3, 1, 2, 4]
    assert earned.baseline(one, order)[0] == 50  # places 0 and 3
    base = 0.3 * 1 + 0.5 * (2 / 5) + 0.1 * 0 + 0.1 * (0.5 * 0.5)
    assert earned.baseline(one, order)[1] == pytest.approx(base)
    value, terms = earned.of(one, [1, 3], order)
    assert terms == {"answer": 1.0, "evidence": pytest.approx(4 / 5), "order": 0.0, "saving": pytest.approx(1 - 60 / 100)}
    total = 0.3 + 0.5 * 0.8 + 0.1 * 0 + 0.1 * 0.4
    assert earned.total(terms) == pytest.approx(total)
    assert value == pytest.approx(total / (1 - base))
    assert earned.terms(one, [3, 1], 50)["order"] == 1.0
    assert earned.terms(one, [], 50) == {"answer": 0.0, "evidence": 0.0, "order": 0.0, "saving": 0.0}


def test_where_no_evidence_is_only_the_empty_selection_earns(example: Any, made_up: Any) -> None:
    says = Generator("stone")
    earned = Rewards(GrpoConfig(), says)
    one = example(made_up(3, seed=1), [], answers=("stone",))
    assert earned.of(one, [], [0, 1, 2]) == (1.0, {"empty": 1.0})
    assert earned.of(one, [0], [0, 1, 2]) == (0.0, {"empty": 0.0})
    assert says.asked == []


def test_a_list_on_which_the_baseline_is_nearly_perfect_does_not_outweigh_all_others(example: Any, made_up: Any) -> None:
    one = example(made_up(3, seed=1, tokens=[1, 1, 1]), [1, 2], answers=("stone 2",))
    earned = Rewards(GrpoConfig())
    assert earned.baseline(one, [1, 2, 0])[1] == pytest.approx(0.95)
    assert earned.of(one, [1, 2], [1, 2, 0])[0] == pytest.approx(0.95 / 0.25)


def test_the_baseline_is_of_the_order_that_is_given(example: Any, made_up: Any) -> None:
    one = example(made_up(3, seed=1, tokens=[1, 10, 100]), [1], answers=("stone 1",))
    earned = Rewards(GrpoConfig(fixed_k=1))
    assert earned.baseline(one, [1, 0, 2])[0] == 10
    assert earned.baseline(one, [2, 0, 1])[0] == 100


def test_answers_only_uses_no_label_of_a_passage(example: Any, made_up: Any) -> None:
    given = made_up(5, seed=1, tokens=[10, 20, 30, 40, 50])
    config = GrpoConfig(reward=ANSWERS_ONLY, answers_only=True)
    labelled = [
        example(given, gold, gold_in_all=in_all, ordered=ordered, answers=("stone 3",))
        for gold, in_all, ordered in (([3, 1], 2, True), ([0], 4, False), ([], 0, False))
    ]
    for chosen in ([3], [1, 2], [], [4, 3], [2, 3, 0]):
        found = [Rewards(config).of(one, chosen, [2, 3, 0, 1, 4]) for one in labelled]
        assert found[0] == found[1] == found[2]
    value, terms = Rewards(config).of(labelled[0], [3], [2, 3, 0, 1, 4])
    assert terms == {"answer": 1.0, "evidence": 0.0, "order": 0.0, "saving": pytest.approx(1 - 40 / 140)}
    assert value == pytest.approx((0.9 + 0.1 * (1 - 40 / 140)) / 0.25)  # the baseline earns 0.9 + 0.05
    lost = Rewards(config).of(labelled[0], [4, 3], [2, 3, 0, 1, 4])[1]
    assert lost["answer"] == pytest.approx(0.5)  # "stone 4" is half right
    assert lost["saving"] == pytest.approx(0.5 * (1 - 90 / 140))


# Training


def same(one: ListNetwork, other: ListNetwork) -> bool:
    return all(torch.equal(weight, other.state_dict()[name]) for name, weight in one.state_dict().items())


def quick(**changed: Any) -> GrpoConfig:
    return GrpoConfig(**{"steps": 10, "lists": 12, "samples": 8, "learning_rate": 3e-4, "every": 5, **changed})


def test_a_reward_that_is_the_same_for_every_selection_teaches_nothing(half_learned: ListNetwork, toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rewards, "terms", lambda *_: {"empty": 0.5})
    stepped = []
    step = torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self, *args: stepped.append(step(self, *args)))
    kept, curve = grpo(half_learned, toy(12, seed=5), toy(6, seed=2), quick(steps=4, every=1))
    assert same(kept, half_learned)
    assert stepped == []
    assert [row["varied"] for row in curve[1:]] == [0.0] * 4
    assert len({row["val length"] for row in curve[1:] if "val length" in row}) == 1


def test_only_lists_whose_samples_earn_differently_are_learned_from(half_learned: ListNetwork, toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where half of the lists pay the same for everything, those never reach the loss."""
    train = toy(8, seed=5)
    flat = {one.id for one in train[:4]}
    seen: list[int] = []
    steps_of = grpo_module.step_log_probs

    def counted(network: Any, encoded: Any, picks: Picks, budgets: Any, **options: Any) -> Any:
        seen.append(len(picks.counts))
        return steps_of(network, encoded, picks, budgets, **options)

    monkeypatch.setattr(grpo_module, "step_log_probs", counted)
    monkeypatch.setattr(Rewards, "terms", lambda self, one, chosen, tokens: {"empty": 0.5 if one.id in flat else float(0 in chosen)})
    _, curve = grpo(half_learned, train, toy(6, seed=2), quick(steps=3, every=1))
    rows = [row["varied"] for row in curve[1:]]
    assert all(0 < varied < 1 for varied in rows)
    assert seen == [round(varied * 12) * 8 for varied in rows for _ in range(3)]  # the reference's, and two updates


def test_it_learns_what_is_rewarded(half_learned: ListNetwork, toy: Any) -> None:
    before = copy.deepcopy(half_learned.state_dict())
    val = toy(24, seed=2)
    kept, curve = grpo(half_learned, toy(30, seed=5), val, quick())
    assert curve[0]["step"] == 0
    assert curve[0]["val reward"] < 0.88
    best = max(row["val reward"] for row in curve if "val reward" in row)
    assert best > curve[0]["val reward"] + 0.05
    assert all(torch.equal(weight, before[name]) for name, weight in half_learned.state_dict().items())
    assert not kept.training
    earned = Rewards(quick())
    orders = select_all(half_learned, val, budget=2000, go_on=True)
    chosen = select_all(kept, val, budget=2000)
    reward = np.mean([earned.total(earned.of(*each)[1]) for each in zip(val, chosen, orders, strict=True)])
    assert reward == pytest.approx(best)  # what is returned is the best that was measured


def test_it_learns_from_answers_alone(half_learned: ListNetwork, toy: Any) -> None:
    def unlabelled(examples: Sequence[ListExample]) -> list[ListExample]:
        return [replace(one, gold=(), gold_in_all=0) for one in examples if one.gold]

    config = quick(steps=15, reward=ANSWERS_ONLY, answers_only=True, fixed_k=1)
    _, curve = grpo(half_learned, unlabelled(toy(30, seed=5)), unlabelled(toy(24, seed=2)), config)
    rewards = [row["val reward"] for row in curve if "val reward" in row]
    assert max(rewards) > rewards[0] + 0.03
    assert all(row["val evidence"] == row["val order"] == 0.0 for row in curve if "val reward" in row)


def test_a_generator_of_one_s_own_decides_what_is_learned(half_learned: ListNetwork, toy: Any) -> None:
    """One that only finds the answer where the passage that holds it comes last."""

    def last(example: ListExample, chosen: tuple[int, ...]) -> str | None:
        return example.answers[0] if example.answers and chosen[-1] == example.gold[-1] else None

    config = quick(reward=Reward(answer=1.0, evidence=0.0, order=0.0, saving=0.0))
    _, curve = grpo(half_learned, toy(30, seed=5), toy(24, seed=2), config, generate=last)
    answers = [row["val answer"] for row in curve if "val answer" in row]
    assert max(answers) > answers[0] + 0.05


def test_answers_that_do_not_come_teach_nothing(half_learned: ListNetwork, toy: Any) -> None:
    """Whatever was selected, the generator fails by chance, or is right: only an empty selection has no answer."""
    chance = Random(1)

    def fails(example: ListExample, chosen: tuple[int, ...]) -> str | None:
        if chance.random() < 0.5:
            raise Unanswered
        return example.answers[0]

    config = quick(steps=2, every=1, reward=ANSWERS_ONLY, answers_only=True)
    train = [replace(one, gold=(), gold_in_all=0) for one in toy(30, seed=5) if one.gold]
    _, curve = grpo(half_learned, train, train[:8], config, generate=fails)
    assert all(0 < row["failed"] < 1 for row in curve[1:])
    assert all(row["term answer"] > 1 - row["failed"] for row in curve[1:]), curve
    assert all(row["val answer"] == 1.0 for row in curve if not row["val nothing"]), curve

    def always(example: ListExample, chosen: tuple[int, ...]) -> str | None:
        raise Unanswered

    with pytest.raises(PasselError, match="failed on every question of val"):
        grpo(half_learned, train, train[:8], config, generate=always)
    labelled, bare = [one for one in toy(30, seed=5) if one.gold], toy(6, seed=2, empty_every=1)  # where nothing is there, nothing is asked
    kept, curve = grpo(half_learned, labelled, bare, quick(steps=2, every=1), generate=always)
    assert [row["failed"] for row in curve[1:]] == [1.0, 1.0]
    assert same(kept, half_learned)


def test_the_same_seed_gives_the_same_network(half_learned: ListNetwork, toy: Any) -> None:
    train, val = toy(12, seed=5), toy(12, seed=2)
    one, first = grpo(half_learned, train, val, quick(steps=3, every=1))
    torch.rand(7)
    other, second = grpo(half_learned, train, val, quick(steps=3, every=1))
    assert first == second
    assert same(one, other)
    assert grpo(half_learned, train, val, quick(steps=3, every=1, seed=1))[1] != first


def test_a_policy_that_was_loaded_and_is_frozen_can_be_trained(half_learned: ListNetwork, toy: Any) -> None:
    frozen = copy.deepcopy(half_learned).requires_grad_(False)
    _, curve = grpo(frozen, toy(12, seed=5), toy(6, seed=2), quick(steps=2, every=1))
    assert curve[-1]["kl"] > 0


def test_lists_of_no_candidates_are_borne(half_learned: ListNetwork, toy: Any, example: Any, made_up: Any) -> None:
    bare = [example(made_up(0), id=f"bare {number}") for number in range(3)]
    kept, curve = grpo(half_learned, [*toy(6, seed=5), *bare], [*toy(6, seed=2), *bare], quick(steps=2, every=1))
    assert all(math.isfinite(value) for row in curve for value in row.values())
    assert select_all(kept, bare, budget=2000) == [[], [], []]


def test_a_gradient_that_is_no_number_raises_an_alarm_and_training_goes_on(
    half_learned: ListNetwork, toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def broken(steps: torch.Tensor, *others: Any) -> torch.Tensor:
        calls.append(1)
        return exact_kl(steps, *others) * (math.inf if len(calls) == 4 else 1.0)

    monkeypatch.setattr(grpo_module, "exact_kl", broken)
    heard: list[Any] = []
    kept, curve = grpo(
        half_learned, toy(12, seed=5), toy(12, seed=2), quick(steps=4, every=1), progress=lambda step, steps, figures: heard.append((step, figures))
    )
    assert (2, {"alarm": 1.0, "not a number": 1.0}) in heard
    assert [row["step"] for row in curve if "alarm" in row] == [2.0]
    assert all(math.isfinite(row["val reward"]) for row in curve if "val reward" in row)
    assert curve[-1]["step"] == 4
    assert all(bool(torch.isfinite(weight).all()) for weight in kept.parameters())


def test_after_an_alarm_it_goes_on_from_the_best_with_half_the_learning_rate(
    half_learned: ListNetwork, toy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, begun = [], []
    step = grpo_module._step

    def watched(network: ListNetwork, reference: ListNetwork, optimizer: Any, *others: Any) -> dict[str, float]:
        rates.append(optimizer.param_groups[0]["lr"])
        begun.append(same(network, reference))
        return step(network, reference, optimizer, *others)

    answers = iter([None, "long lists", None, "long lists", None])
    monkeypatch.setattr(grpo_module, "_step", watched)
    monkeypatch.setattr(grpo_module, "alarm", lambda watch, figures: next(answers, None))
    grpo(half_learned, toy(12, seed=5), toy(12, seed=2), quick(steps=5, every=100, learning_rate=8e-5))
    assert rates == pytest.approx([8e-5, 8e-5, 4e-5, 4e-5, 2e-5])
    assert begun == [True, False, True, False, True]


def test_an_absurd_learning_rate_does_no_harm(half_learned: ListNetwork, toy: Any) -> None:
    kept, curve = grpo(half_learned, toy(12, seed=5), toy(12, seed=2), quick(steps=6, learning_rate=1.0))
    assert min(row["val reward"] for row in curve if "val reward" in row) < curve[0]["val reward"] - 0.1
    assert same(kept, half_learned)


def test_what_earned_more_than_the_others_becomes_likelier(half_learned: ListNetwork, toy: Any) -> None:
    """One step on one list."""
    (one,) = [each for each in toy(3, seed=9) if len(each.gold) == 1][:1]
    network, earned = copy.deepcopy(half_learned).eval().requires_grad_(), Rewards(quick())
    orders = {(one.group, one.id): select_all(half_learned, [one], budget=2000, go_on=True)[0]}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    reference = copy.deepcopy(network)
    figures = grpo_module._step(network, reference, optimizer, [one] * 4, earned, orders, quick(kl=0.0), torch.Generator().manual_seed(0))
    assert figures["varied"] > 0
    given, budgets = Lists.of([one.read.input]), torch.tensor([2000])
    right = Picks.of([list(one.gold)])

    def likely(net: ListNetwork) -> float:
        with torch.no_grad():
            return float(policy.log_prob(net, net.encode(given), right, budgets))

    assert likely(network) > likely(half_learned)
    assert decode(network, network.encode(given), budgets).tolist() == [list(one.gold)]
