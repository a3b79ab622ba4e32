"""condense without a chat model: a follow-up carries over the names that were last spoken of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.graphs.condense import carry_over
from passel.graphs.state import Turn

LIGHT: list[Turn] = [{"question": "Who built the Tarn Light?", "answer": "Mirel Ostane built it in 1840. [1]"}]


@pytest.mark.parametrize(
    ("question", "standalone"),
    [
        ("When was she born?", "When was she born? (Mirel Ostane; Tarn Light)"),
        ("And what about her brother?", "And what about her brother? (Mirel Ostane; Tarn Light)"),
        ("how tall is it", "how tall is it? (Mirel Ostane; Tarn Light)"),
        ("When was Otto Vane born?", "When was Otto Vane born?"),
        ("Did she know Otto Vane?", "Did she know Otto Vane? (Mirel Ostane; Tarn Light)"),
        ("Did she paint the Tarn Light?", "Did she paint the Tarn Light? (Mirel Ostane)"),
        ("What about the Karse Light?", "Who built the Karse Light?"),
        ("And the Karse Light?", "Who built the Karse Light?"),
        ("What about The Karse Lights?", "Who built the Karse Lights?"),
        ("What about the Karse Light then?", "Who built the Karse Light?"),
        ("What about the Karse Light, please?", "Who built the Karse Light?"),
        ("What about Otto Vane.", "Who built the Otto Vane?"),
        ("And in 1871?", "And in 1871? (who built the Tarn Light)"),
        ("And who built the Karse Light?", "And who built the Karse Light?"),
        ("and where is Sedge?", "and where is Sedge?"),
        ("What about the mother of Ilse Marn?", "What about the mother of Ilse Marn?"),
        ("Were Ilse Marn and Otto Vane both born in Arn?", "Were Ilse Marn and Otto Vane both born in Arn?"),
    ],
)
def test_what_is_carried(question: str, standalone: str) -> None:
    assert carry_over(question, LIGHT) == standalone


@pytest.mark.parametrize(
    ("last", "question", "standalone"),
    [
        ("When did the Oslo office open?", "What about the Bergen office?", "When did the Bergen office open?"),
        ("When did the Oslo office open?", "What about the Bergen harbour?", "What about the Bergen harbour?"),
        ("How many lamps did the Lumen plant make in 2022?", "And in 2023?", "How many lamps did the Lumen plant make in 2023?"),
        ("How many lamps did the Lumen plant make in 2022?", "What about 2023?", "How many lamps did the Lumen plant make in 2023?"),
        ("Was it older in 1871 or in 1872?", "And in 1873?", "And in 1873? (was it older in 1871 or in 1872)"),
        ("What did the A1500 cost in 1500?", "And in 1501?", "What did the A1500 cost in 1501?"),
        ("how many of the 1500 lamps broke?", "And in 2023?", "And in 2023? (how many of the 1500 lamps broke)"),
        ("How many days (paid) do crews get?", "And the apprentices?", "And the apprentices? (how many days paid do crews get)"),
        ("And the apprentices? (how many days do crews get)", "What about cooks?", "What about cooks? (how many days do crews get)"),
        ("When was she born? (Ilse Marn)", "And buried?", "And buried? (when was she born? Ilse Marn)"),
        ("How many days do crews get?", "And is it paid?", "And is it paid?"),
    ],
)
def test_the_last_question_of_something_else(last: str, question: str, standalone: str) -> None:
    assert carry_over(question, [{"question": last, "answer": "7"}]) == standalone


def test_an_earlier_turn_serves_where_the_last_one_names_nothing() -> None:
    turns: list[Turn] = [*LIGHT, {"question": "when was she born?", "answer": "in 1811"}]
    assert carry_over("Where did she die?", turns) == "Where did she die? (Mirel Ostane; Tarn Light)"


def test_the_last_question_is_carried_before_an_earlier_name() -> None:
    turns: list[Turn] = [*LIGHT, {"question": "How many days of leave do keepers get?", "answer": "25"}]
    assert carry_over("And part-time keepers?", turns) == "And part-time keepers? (how many days of leave do keepers get)"


def test_the_question_that_a_row_of_follow_ups_began_with_is_carried() -> None:
    asked = ["How many days of leave do crews get in Arn?", "And the apprentices?", "Thanks!"]
    turns: list[Turn] = [{"question": question, "answer": "25"} for question in asked]
    for count in (1, 2, 3):
        assert carry_over("And cooks?", turns[:count]) == "And cooks? (how many days of leave do crews get in Arn)"
    assert carry_over("And cooks?", turns[2:]) == "And cooks?"


def test_what_an_abstention_searched_for_was_not_spoken_of() -> None:
    said = "I don't know: the evidence does not cover the question. I searched for “Who built the Karse Light?”; “Otto Vane built”."
    turns: list[Turn] = [{"question": "Who built the Karse Light?", "answer": said}]
    assert carry_over("When was it built?", turns) == "When was it built? (Karse Light)"


@pytest.mark.parametrize("options", [{}, {"model": "scripted"}])
async def test_small_talk_carries_nothing(ask: Any, fake_chat: Any, options: dict[str, Any]) -> None:
    model = fake_chat.of("Thanks for Ilse Marn of the Harbour Hall") if options else None
    history = [("Who designed the Harbour Hall?", "Ilse Marn. [1]")]
    answer = (await ask("Thanks!", history=history, model=model))[-1].answer
    assert answer.outcome == "abstained"
    assert "asks nothing" in answer.answer
    assert not answer.usage.calls


turns = st.lists(st.fixed_dictionaries({"question": st.text(max_size=60), "answer": st.text(max_size=60)}), min_size=1, max_size=4)


@given(st.text(max_size=80), turns)
def test_the_question_is_never_lost(question: str, history: list[Turn]) -> None:
    assert carry_over(question, history).startswith(question.rstrip(" ?"))
