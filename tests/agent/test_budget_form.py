"""BudgetForm: a caller can tighten a budget and never loosen it."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from passel.agent.budget_form import BudgetForm
from passel.tools.budget import Budget


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "calls": st.integers(1, 100),
            "tokens": st.integers(1, 10**6),
            "seconds": st.floats(0.1, 1e6) | st.just(float("inf")),
            "looks": st.integers(0, 10),
            "evidence_tokens": st.integers(1, 10**5),
        },
    )
)
def test_the_tighter_limit_holds(asked: dict[str, float]) -> None:
    own = asdict(Budget())
    assert asdict(BudgetForm.model_validate(asked).within(Budget())) == {name: min(limit, asked.get(name, limit)) for name, limit in own.items()}


def test_it_knows_every_limit_and_no_other() -> None:
    assert set(BudgetForm.model_fields) == set(asdict(Budget()))
    for wrong in ({"second": 5}, {"calls": 0}, {"seconds": float("nan")}, {"looks": -1}):
        with pytest.raises(ValidationError):
            BudgetForm.model_validate(wrong)
