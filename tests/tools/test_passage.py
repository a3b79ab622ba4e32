"""Passages: spans fit their texts, ids survive insertions elsewhere in the document."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.passage import Passage, passage_ids


@given(st.lists(st.text(max_size=8), max_size=12), st.text(max_size=8), st.integers(0, 12))
def test_ids_are_unique_and_an_insertion_leaves_the_others_alone(texts: list[str], inserted: str, place: int) -> None:
    ids = list(passage_ids("s", texts))
    assert len(set(ids)) == len(ids)
    more = list(passage_ids("s", [*texts[:place], inserted, *texts[place:]]))
    assert set(ids) < set(more)
    assert set(ids).isdisjoint(passage_ids("other", texts))


def test_a_span_must_fit() -> None:
    assert Passage("a", "s", "four", start=10).end == 14
    with pytest.raises(ValueError, match="span"):
        Passage("a", "s", "four", start=10, end=12)


def test_the_encoder_sees_title_and_headings() -> None:
    assert Passage("a", "s", "Text.", title="T", headings=("H", "I")).embedded_text == "T - H - I. Text."
    assert Passage("a", "s", "Text.").embedded_text == "Text."
