"""What a selection is worth, by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.rerankers.selector.rewards import ANSWERS_ONLY, Reward, answer, evidence, order, saving


@pytest.mark.parametrize(
    ("chosen", "gold", "in_all", "expected"),
    [
        ([], [], 0, 0.0),
        ([], [1, 2], 2, 0.0),
        ([3], [], 0, 0.0),
        ([1, 2], [2, 1], 2, 1.0),
        ([1], [1, 2], 2, 2 / 3),
        ([1, 2, 3, 4], [1, 2], 2, 2 / 3),
        ([5, 6], [1, 2], 2, 0.0),
        ([1], [1], 3, 1 / 2),  # search did not find the other two
        ([1, 7], [1], 2, 1 / 2),
    ],
)
def test_evidence(chosen: list[int], gold: list[int], in_all: int, expected: float) -> None:
    assert evidence(chosen, gold, in_all) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("chosen", "gold", "ordered", "expected"),
    [
        ([], [1, 2], True, 0.0),
        ([8, 9], [1, 2], True, 0.0),  # no evidence
        ([1], [], False, 0.0),
        ([1], [1, 2], True, 1.0),  # no pair to be wrong
        ([1, 2], [1, 2], True, 1.0),
        ([2, 1], [1, 2], True, 0.0),
        ([2, 1], [1, 2], False, 1.0),  # neither comes before the other
        ([1, 9], [1, 2], True, 1.0),
        ([9, 1], [1, 2], False, 0.0),
        ([1, 9, 2], [1, 2], True, 2 / 3),
        ([1, 9, 2], [1, 2], False, 1 / 2),
        ([3, 2, 1, 8, 9], [1, 2, 3], True, 6 / 9),
        ([8, 9, 1], [1], False, 0.0),
    ],
)
def test_order(chosen: list[int], gold: list[int], ordered: bool, expected: float) -> None:
    assert order(chosen, gold, ordered=ordered) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("tokens", "baseline", "worth", "expected"),
    [
        (0, 100, 1.0, 1.0),
        (0, 100, 0.0, 0.0),
        (100, 100, 1.0, 0.5),
        (100, 100, 0.5, 0.25),
        (200, 100, 1.0, 0.0),
        (900, 100, 1.0, 0.0),
        (50, 100, 1.0, 0.75),
    ],
)
def test_saving(tokens: int, baseline: int, worth: float, expected: float) -> None:
    assert saving(tokens, baseline, worth) == pytest.approx(expected)


def test_saving_against_a_baseline_of_no_tokens() -> None:
    assert saving(0, 0, 1.0) == 1.0
    assert saving(1, 0, 1.0) == 0.5
    assert saving(2, 0, 1.0) == 0.0


def test_answer() -> None:
    assert answer(None, ["Sedge"]) == 0.0
    assert answer("", ["Sedge"]) == 0.0
    assert answer("the village of Sedge", ["Arn", "Sedge"]) == pytest.approx(0.5)
    assert answer("Sedge.", ["Arn", "sedge"]) == 1.0
    assert answer("Sedge", []) == 0.0
    assert answer("yes", ["yes it is"]) == 0.0


def test_weights_add_up_to_one_and_are_applied_each_to_its_term() -> None:
    for reward in (Reward(), ANSWERS_ONLY):
        assert reward.total(dict.fromkeys(("answer", "evidence", "order", "saving"), 1.0)) == pytest.approx(1.0)
    terms = {"answer": 1.0, "evidence": 0.5, "order": 0.25, "saving": 0.125}
    assert Reward().total(terms) == pytest.approx(0.3 + 0.25 + 0.025 + 0.0125)
    assert ANSWERS_ONLY.total(terms) == pytest.approx(0.9 + 0.0125)
    assert ANSWERS_ONLY.total({**terms, "evidence": 0.0, "order": 0.0}) == ANSWERS_ONLY.total(terms)


places = st.lists(st.integers(0, 12), unique=True, max_size=8)


@given(chosen=places, gold=places, more=st.integers(0, 3), ordered=st.booleans())
def test_evidence_and_order_lie_in_the_unit_interval_and_are_full_only_where_deserved(
    chosen: list[int], gold: list[int], more: int, ordered: bool
) -> None:
    found = evidence(chosen, gold, len(gold) + more)
    assert 0.0 <= found <= 1.0
    assert (found == 1.0) == (bool(gold) and set(chosen) == set(gold) and not more)
    assert 0.0 <= order(chosen, gold, ordered=ordered) <= 1.0
    if set(chosen) & set(gold):
        right = [*(place for place in gold if place in chosen), *(place for place in chosen if place not in gold)]
        assert order(right, gold, ordered=ordered) == 1.0


@given(tokens=st.integers(0, 10**6), baseline=st.integers(0, 10**6), worth=st.floats(0, 1))
def test_a_saving_lies_between_nothing_and_its_worth(tokens: int, baseline: int, worth: float) -> None:
    assert 0.0 <= saving(tokens, baseline, worth) <= worth
    assert saving(tokens + 1, baseline, worth) <= saving(tokens, baseline, worth)


@given(text=st.none() | st.text(), answers=st.lists(st.text(max_size=9), max_size=3))
def test_any_answer_is_worth_between_nothing_and_one(text: str | None, answers: list[str]) -> None:
    assert 0.0 <= answer(text, answers) <= 1.0


@given(terms=st.fixed_dictionaries({name: st.floats(0, 1) for name in ("answer", "evidence", "order", "saving")}))
def test_a_reward_lies_in_the_unit_interval(terms: dict[str, float]) -> None:
    for reward in (Reward(), ANSWERS_ONLY):
        assert 0.0 <= reward.total(terms) <= 1.0 + 1e-9
