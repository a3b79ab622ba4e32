"""Plans: references point back. A chat model's repetitions are dropped and what pointed to them is renumbered; a caller's plan is taken as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from passel.graphs.plan import Plan, PlannedQuestion, _as_given, _as_state, check_plan
from passel.tools.errors import UsageError


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


def test_a_reference_may_be_written_with_zeros() -> None:
    assert _as_state(made("Who built it?", "Who taught #01?"))[1]["question"] == "Who taught #1?"
    assert _as_given(["Who built it?", "Who taught #01?"])[1] == {"id": 2, "question": "Who taught #1?", "depends_on": [1], "answer": None}


# A caller's own plan


def test_a_callers_plan_keeps_its_numbers() -> None:
    """Also where it repeats itself: whoever made it knows its sub-questions by their places."""
    given = check_plan(("  Who built it? ", "Who built it?", "Where was #2 born, and #1?"))
    assert [(sub["id"], sub["question"], sub["depends_on"]) for sub in _as_given(given)] == [
        (1, "Who built it?", []),
        (2, "Who built it?", []),
        (3, "Where was #2 born, and #1?", [1, 2]),
    ]
    assert [sub["question"] for sub in _as_given(check_plan(["Who built it?"]))] == ["Who built it?"]
    assert check_plan([]) == []


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("Who built it?", "not a list of texts"),
        (["Who built it?", 2], "not a list of texts"),
        (["Who built #1?"], "sub-question 1 uses #1, which is not an earlier sub-question"),
        (["Who built it?", "Where is #3?", "When?"], "sub-question 2 uses #3"),
        (["Who built it?", " ? "], "sub-question 2: String should have at least 3 characters"),
        (["Who built it?", "x" * 401], "sub-question 2: String should have at most 400 characters"),
        ([f"Who is person {n}?" for n in range(6)], "at most 5 items"),
    ],
)
def test_a_callers_plan_that_cannot_be_followed_is_one_clear_line(plan: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said) as raised:
        check_plan(plan)
    assert "\n" not in str(raised.value)
    assert "#1" in raised.value.hint


@given(st.lists(st.text(max_size=20) | st.sampled_from(["Who is #1?", "Where is #2 of #1?", "#0", "#٣ and #03"]), max_size=6))
def test_any_plan_is_refused_or_becomes_a_dag(plan: list[str]) -> None:
    try:
        subs = _as_given(check_plan(plan))
    except UsageError:
        return
    assert [sub["id"] for sub in subs] == list(range(1, len(plan) + 1))
    for sub in subs:
        assert all(1 <= other < sub["id"] and f"#{other}" in sub["question"] for other in sub["depends_on"])
