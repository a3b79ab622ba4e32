"""Which questions want a yes or a no, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.polar import is_polar


@pytest.mark.parametrize(
    ("question", "polar"),
    [
        ("Was the Tarn Light built in 1840?", True),
        ("And did she build it?", True),
        ("Isn't Sedge a village?", True),
        ("“Does Acme ship to Mexico?”", True),
        ("should it be painted", True),
        ("May visitors climb the tower?", True),
        ("Am I allowed to row at night?", True),
        ("may I row at night", True),
        ("May 1871, opening of the hall", False),
        ("May 1871?", False),
        ("May sales of the Lumen plant", False),
        ("AM frequency of Radio Sedge", False),
        ("Is it red or blue?", False),
        ("Do you know the year it was built?", False),
        ("Can you tell me its height?", False),
        ("Will Ferrell played in the film directed by whom?", False),
        ("Is there anybody who knows when it opened?", False),
        ("Isle of Arn", False),
        ("Who built the Tarn Light?", False),
        ("", False),
    ],
)
def test_what_wants_a_yes_or_a_no(question: str, polar: bool) -> None:
    assert is_polar(question) is polar


@given(st.text())
def test_any_text_is_one_or_none(text: str) -> None:
    assert is_polar(text) in (True, False)
