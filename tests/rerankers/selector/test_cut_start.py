"""The cut rules from which training on answers alone begins: what each keeps, and which is taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from passel.rerankers.selector.cut_start import CutRule, answer_f1, best_rule, imitating
from passel.rerankers.selector.examples import ListExample
from passel.rerankers.selector.grpo import Unanswered
from passel.tools.reader import ReadAs

Read = Callable[..., ListExample]


@pytest.fixture
def read(example: Any, made_up: Any) -> Read:
    """`read([0.9, 0.2, …], …)`: candidates with these probabilities of being evidence, of 10 tokens each."""

    def make(chances: Sequence[float], *, tokens: Sequence[int] | None = None, **options: Any) -> ListExample:
        made = example(made_up(len(chances), tokens=tokens or [10] * len(chances)), **options)
        passages = []
        for chance, passage in zip(chances, made.read.passages, strict=True):
            said = ReadAs(math.log(chance / (1 - chance)), 0.0, passage.named.spans)
            passages.append(replace(passage, named=said, bare=replace(said, relevance=-said.relevance)))
        return replace(made, read=replace(made.read, passages=tuple(passages)))

    return make


def says_stone(example: ListExample, chosen: tuple[int, ...]) -> str | None:
    """A generator that finds "stone" wherever candidate 3 was chosen, and says which was last elsewhere."""
    return "stone" if 3 in chosen else f"stone of {chosen[-1]}"


# What a rule keeps


def test_the_first_k_by_relevance(read: Read) -> None:
    one = read([0.3, 0.9, 0.1, 0.6])
    assert [CutRule(k=k).keep(one, 100) for k in (1, 2, 3, 8)] == [[1], [1, 3], [1, 3, 0], [1, 3, 0, 2]]


def test_all_above_a_probability_and_the_first_in_any_case(read: Read) -> None:
    one = read([0.3, 0.9, 0.1, 0.6])
    assert CutRule(least=0.5).keep(one, 100) == [1, 3]
    assert CutRule(least=0.05).keep(one, 100) == [1, 3, 0, 2]
    assert CutRule(least=0.95).keep(one, 100) == [1]
    assert CutRule(least=0.02).keep(read([0.9] * 12), 1000) == list(range(8))  # and never more than eight


def test_as_far_as_the_budget_lasts(read: Read) -> None:
    one = read([0.9, 0.8, 0.7, 0.6], tokens=[10, 10, 50, 1])
    assert [CutRule(k=4).keep(one, budget) for budget in (9, 10, 20, 69, 70, 71)] == [[], [0], [0, 1], [0, 1], [0, 1, 2], [0, 1, 2, 3]]
    assert CutRule(least=0.02).keep(one, 20) == [0, 1]


def test_equals_keep_the_order_of_the_search(read: Read) -> None:
    assert CutRule(k=3).keep(read([0.5, 0.7, 0.5, 0.5]), 100) == [1, 0, 2]


def test_of_no_candidates_none_is_kept(read: Read) -> None:
    assert CutRule(k=2).keep(read([]), 100) == CutRule(least=0.5).keep(read([]), 100) == []


def test_a_rule_says_what_it_is() -> None:
    assert [str(CutRule(k=2)), str(CutRule(least=0.05))] == ["fixed k = 2", "relevance ≥ 0.05"]


# Which rule


def test_the_rule_with_the_best_answers(read: Read) -> None:
    val = [read([0.9, 0.8, 0.7, 0.6, 0.55], answers=("stone",)), read([0.1, 0.3, 0.05, 0.2], answers=("stone",))]
    rule, score = best_rule(val, 100, says_stone)
    assert (rule, score) == (CutRule(least=0.2), 1.0)  # four of the first list and two of the second; k = 4 would keep eight in all
    assert best_rule(val[1:], 100, says_stone)[0] == CutRule(k=2)


def test_of_equals_the_one_that_keeps_fewer_passages(read: Read) -> None:
    """Either all eight are kept by number, or those above 0.5: three and five."""

    def right(example: ListExample, chosen: tuple[int, ...]) -> str | None:
        return "stone" if set(example.gold) <= set(chosen) else None

    few = read([0.9, 0.8, 0.7, *[0.01] * 5], gold=[0, 1, 2], answers=("stone",))
    many = read([0.9, 0.8, 0.7, 0.6, 0.55, 0.54, 0.53, 0.52, 0.01], gold=list(range(8)), answers=("stone",))
    rule, score = best_rule([few, many], 1000, right)
    assert score == 1.0
    assert rule == CutRule(least=0.5)


def test_where_no_answer_is_right_one_passage_is_kept(read: Read) -> None:
    assert best_rule([read([0.9, 0.8], answers=("granite",))], 100, lambda *_: None) == (CutRule(k=1), 0.0)


def test_answer_f1_by_hand_and_nothing_chosen_earns_nothing(read: Read) -> None:
    asked = []

    def generate(example: ListExample, chosen: tuple[int, ...]) -> str | None:
        asked.append(chosen)
        return says_stone(example, chosen)

    one = read([0.5] * 4, answers=("stone",))
    assert answer_f1([one] * 4, [[3], [0], [], [1, 3]], generate) == pytest.approx((1 + 1 / 2 + 0 + 1) / 4)
    assert asked == [(3,), (0,), (1, 3)]


def test_where_the_generator_fails_nothing_is_right_or_wrong(read: Read) -> None:
    def fails(example: ListExample, chosen: tuple[int, ...]) -> str | None:
        if 3 not in chosen:
            raise Unanswered
        return "stone"

    one = read([0.5] * 4, answers=("stone",))
    assert answer_f1([one] * 3, [[3], [0], [1, 3]], fails) == 1.0
    assert answer_f1([one], [[0]], fails) == 0.0


def test_without_a_generator_the_reader_answers(read: Read) -> None:
    """The reader's span of the last passage is the surest: "stone 3"."""
    one = read([0.9, 0.8, 0.7, 0.6], answers=("stone 3",))
    assert best_rule([one], 100) == (CutRule(k=4), 1.0)


# What is imitated


def test_what_the_rule_keeps_becomes_the_evidence_in_its_order(read: Read) -> None:
    one = read([0.3, 0.9, 0.1, 0.6], gold=[2], gold_in_all=3, answers=("stone",), weight=2.0, group="g")
    (made,) = imitating([one], CutRule(k=2), 100)
    assert (made.gold, made.gold_in_all, made.ordered) == ((1, 3), 2, True)
    assert replace(made, gold=one.gold, gold_in_all=3, ordered=False) == one
    assert imitating([one], CutRule(k=2), 5)[0].gold_in_all == 0
