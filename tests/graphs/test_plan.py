"""Plans of a chat model: references point back, repetitions are dropped and what pointed to them is renumbered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from passel.graphs.plan import Plan, PlannedQuestion, _as_state


def made(*questions: str) -> Plan:
    return Plan(sub_questions=[PlannedQuestion(question=question) for question in questions])


def test_repetitions_are_dropped_and_references_follow() -> None:
    subs = _as_state(made("Who built it?", "who built it", "Who taught #1?", "Where was #3 born, and #2?"))
    assert [(sub["id"], sub["question"], sub["depends_on"]) for sub in subs] == [
        (1, "Who built it?", []),
        (2, "Who taught #1?", [1]),
        (3, "Where was #2 born, and #1?", [1, 2]),
    ]


def test_one_sub_question_is_no_plan() -> None:
    assert _as_state(made("Who built it?", "Who built it?")) == []
    assert _as_state(made()) == []


@pytest.mark.parametrize("questions", [("Who is #1?",), ("Where is #2?", "Who is it?"), ("Who?", "Where is #0?")])
def test_a_reference_that_does_not_point_back_is_refused(questions: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="not an earlier sub-question"):
        made(*questions)


@given(st.lists(st.tuples(st.sampled_from(["Who is it?", "Where is it?", "When?", "How old is"]), st.integers(0, 4)), max_size=5))
def test_every_plan_that_is_accepted_becomes_a_dag(rows: list[tuple[str, int]]) -> None:
    subs = _as_state(made(*(f"{text} #{n}" if 0 < n <= place else text for place, (text, n) in enumerate(rows))))
    for sub in subs:
        assert all(1 <= other < sub["id"] for other in sub["depends_on"])
    assert [sub["id"] for sub in subs] == list(range(1, len(subs) + 1))
