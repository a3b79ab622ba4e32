"""Dates in a text: each an interval of days, in its order; ranges, and spans from the first to the last."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.dates import DAYS, dates, is_date, span, whole_range

WORDS = "c. 9 June 1956 , 44 BC AD the 1920s 19th century – - / 50 2012-02-30 31 aged 85 years May ſep ١٩٥٦ ( )".split()
texts = st.text(max_size=60) | st.lists(st.sampled_from(WORDS), max_size=10).map(" ".join)


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("1956", [(1956, 1956)]),
        ("the 1920s", [(1920, 1929)]),
        ("19th century", [(1801, 1900)]),
        ("5th century BC", [(-499, -400)]),
        ("44 BC", [(-43, -43)]),  # there was no year 0, so 1 BC is counted as 0
        ("1900–50", [(1900, 1900), (1950, 1950)]),
        ("born 9 June 1956, died 2012-02-30", [(1956, 1956), (2012, 2012)]),
        ("twelve of 31 in May", []),
        ("version 1.1956", []),
    ],
)
def test_dates_in_their_order(text: str, years: list[tuple[int, int]]) -> None:
    assert [(low // DAYS, high // DAYS) for low, high in dates(text)] == years


@pytest.mark.parametrize(
    ("text", "alone"),
    [("9 June 1956", True), ("the early 19th century", True), ("1956", True), ("June", False), ("1956 film", False)],
)
def test_a_date_and_hardly_more(text: str, alone: bool) -> None:
    assert is_date(text) == alone


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("(1900 – 1950)", (49, 50)),
        ("28 August 1749 – 28 August 1832", (83, 83)),
        ("aged 85", (85, 85)),
        ("it lasted 2 years", (2, 2)),
        ("in 1956", None),
    ],
)
def test_spans(text: str, years: tuple[int, int] | None) -> None:
    found = span(text)
    assert (found and (found[0] // DAYS, found[1] // DAYS)) == years


@given(texts)
def test_any_text_gives_intervals(text: str) -> None:
    for low, high in dates(text):
        assert low <= high
    found = span(text)
    assert found is None or 0 <= found[0] <= found[1]


@given(texts, st.integers(0, 60), st.integers(0, 60))
def test_a_place_only_grows(text: str, one: int, other: int) -> None:
    start, end = sorted((min(one, len(text)), min(other, len(text))))
    low, high = whole_range(text, start, end)
    assert low <= start <= end <= high <= len(text)
