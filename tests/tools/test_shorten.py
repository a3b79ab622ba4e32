from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.shorten import shorten


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("one  two\nthree", "one two three"),
        ("one two three four", "one two three …"),
        ("one two threefour", "one two …"),
        ("onetwothreefour", "onetwothreefo …"),
        ("", ""),
    ],
)
def test_is_cut_after_a_word(text: str, short: str) -> None:
    assert shorten(text, 13) == short


@given(st.text(), st.integers(1, 40))
def test_is_a_beginning_of_the_line(text: str, most: int) -> None:
    line = " ".join(text.split())
    short = shorten(text, most)
    assert short == line or (line.startswith(short.removesuffix(" …")) and len(short) <= most + 2)
