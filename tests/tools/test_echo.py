"""Echo: what repeats the question is blanked, in its place; what answers it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.echo import without_echo

ASKED = "In what village was the engineer of the ferry Lapwing from 1902 born?"


def test_the_question_itself_is_blanked_and_everything_else_keeps_its_place() -> None:
    text = f"A mill stands here. {ASKED} Answer: Bodalik."
    read = without_echo(text, ASKED)
    assert read.split() == ["A", "mill", "stands", "here.", "?", "Answer:", "Bodalik."]
    assert read.index("Answer") == text.index("Answer")


def test_its_content_words_in_a_row_are_blanked() -> None:
    assert without_echo("It is old. Village, engineer, ferry, lapwing, 1902, born.", ASKED).split() == ["It", "is", "old.", "."]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (ASKED, "The engineer of the ferry Lapwing from 1902 was born in the village of Cressing."),
        ("Who wrote the popular fantasy novel The Salt Almanac?", "Phoebe Sandilow wrote the popular fantasy novel The Salt Almanac."),
        ("When was Maria Anna Sophia of Saxony born?", "Maria Anna Sophia of Saxony was born in 1728."),
        ("the treaty of Gannet Stair and its consequences", "The treaty of Gannet Stair and its consequences are told here."),  # keywords
        ("Who is he?", "Who is he? Nobody knows."),  # too short to be told from a phrase
        ("", "Anything."),
        (ASKED, ""),
    ],
)
def test_what_is_no_echo_stays(question: str, text: str) -> None:
    assert without_echo(text, question) == text


def test_a_question_that_asks_for_yes_or_no_is_known_by_its_first_word() -> None:
    asked = "Were Ilse Marn and Otto Vane both born in the village of Sedge?"
    assert "Vane" not in without_echo(f"{asked} Yes.", asked)
    assert without_echo("Ilse Marn and Otto Vane were both born in the village of Sedge.", asked).startswith("Ilse")


@given(
    text=st.text(st.sampled_from("what who old ferry was born in the 19.,? é\u200b\n"), max_size=120),
    question=st.text(st.sampled_from("what who old ferry was born in the 19.,? é"), max_size=60),
)
def test_nothing_moves_and_nothing_is_written(text: str, question: str) -> None:
    read = without_echo(text, question)
    assert len(read) == len(text)
    assert all(new in (" ", old) for new, old in zip(read, text, strict=True))
    assert without_echo(read, question) == read
