"""Small talk: what asks nothing, and what does though it greets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.small_talk import is_small_talk


@pytest.mark.parametrize(
    "text",
    ["hi", "Hello!", "  thanks!! ", "Thank you very much.", "ok, thanks", "How are you today?", "Good morning", "bye :)", "What’s up?", "", "'?"],
)
def test_it_asks_nothing(text: str) -> None:
    assert is_small_talk(text)


@pytest.mark.parametrize(
    "text", ["Hello, who built it?", "How deep is it?", "Hi-Fi", "Who wrote Hello?", "Test results", "yes or no: red?", "好", "§ 5?", "Thanksgiving"]
)
def test_it_is_asked_about(text: str) -> None:
    assert not is_small_talk(text)


@given(st.text(max_size=60))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert is_small_talk(text) in (True, False)
    assert not is_small_talk(f"{text} lighthouse")
