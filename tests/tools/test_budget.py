"""Budgets: limits are positive, spending adds up, running out is said by name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.budget import Budget, add_spent

spent = st.dictionaries(st.sampled_from(["calls", "tokens_in", "looks"]), st.integers(0, 1000))


@given(spent, spent, spent)
def test_spending_adds_up_in_any_order(a: dict[str, float], b: dict[str, float], c: dict[str, float]) -> None:
    assert add_spent(add_spent(a, b), c) == add_spent(a, add_spent(c, b))
    assert sum(add_spent(a, b).values()) == sum(a.values()) + sum(b.values())


def test_the_limit_that_is_reached_is_named() -> None:
    budget = Budget(calls=2, tokens=100, seconds=5)
    assert budget.exhausted({"calls": 1, "tokens_in": 50}, 1) is None
    assert budget.exhausted({"calls": 2}, 1) == "calls"
    assert budget.exhausted({"tokens_in": 60, "tokens_out": 40}, 1) == "tokens"
    assert budget.exhausted({}, 5.0) == "seconds"
    assert budget.tokens_left({"tokens_in": 60, "tokens_out": 50}) == -10


@pytest.mark.parametrize("wrong", [{"calls": 0}, {"seconds": -1}, {"looks": -1}, {"seconds": float("nan")}])
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Budget(**wrong)  # type: ignore[arg-type]
    assert Budget(looks=0).looks == 0
