"""Sentences: where people see them end, and never a character lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.sentences import sentences


def texts(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    "expected",
    [
        ["One.", "Two!", "Three?"],
        ["Dr. Ilse Marn met Mr. Vane.", "They talked."],
        ["J. R. R. Tolkien wrote it.", "It sold well."],
        ["It cost 3.50 crowns.", "No. 5 was cheaper.", "“No.”", "He would not."],
        ["He said “Go.”", "Nobody went."],
        ['"Why?" he asked.', '"Because."', "She left (by boat.)", "So did I."],
        ["She lived in the U.S. until 1950.", "Then she left the U.S. Army.", "It was in the U.S.", "The end."],
        ["Teutberga( died 11 November 875) was a queen.", "She was a daughter of Boso of St. Maurice's Abbey."],
        ["See fig. 3 and pp. 4, vol. 2, c. 1902.", "In 1911 it was lit.", "The boat left at 5 p.m.", "It was late."],
        ["He took vitamin C.", "The doctor, Ann Bell, M.D., agreed.", "Plan B.", "He slept."],
        ["It was dug in 1702.[1]", "It closed.[12][a]", "Now it is a park."],
        ["Silence...", "And then… nothing.", "Wait?!", "Yes!"],
        ["Jack Lane Jr. was born at sea.", "Lane & Co. Ltd. built boats, e.g. Heron, i.e. the ferry."],
    ],
)
def test_english(expected: list[str]) -> None:
    assert texts(" ".join(expected)) == expected


def test_lists_headings_and_tables_keep_their_lines() -> None:
    lines = ["# Head", "Text.", "- one", "- two, 1. of it", "1. first", "2) second"]
    assert texts("\n".join(lines)) == lines
    assert texts("The depths:\n| a | b |\n|---|---|\n| 1 | 2 |\nAfter it.") == ["The depths:", "| a | b |", "|---|---|", "| 1 | 2 |", "After it."]
    assert texts("") == texts(" \n ") == []


def test_a_wrapped_sentence_goes_on_and_a_short_line_does_not() -> None:
    wrapped = "The lamp was lit by Edda Quill, who lived on\nMole Island, and it was Edda who in the end\nput it out. She\nleft."
    assert texts(wrapped) == [wrapped.removesuffix(" She\nleft."), "She\nleft."]
    assert texts(wrapped.replace("\n", "\r\n")) == [sentence.replace("\n", "\r\n") for sentence in texts(wrapped)]
    assert texts("Early life\nShe was born on Mole Island and went to school at Lapwing.")[0] == "Early life"
    assert texts("a paragraph of one long line " * 8 + "\nAnother one") == [("a paragraph of one long line " * 8).strip(), "Another one"]


def test_other_scripts() -> None:
    assert texts("これは一つ。「これは二つ！」終わり") == ["これは一つ。", "「これは二つ！」", "終わり"]
    assert texts("यह एक है। यह दो है।") == ["यह एक है।", "यह दो है।"]


@given(st.text(alphabet=st.characters() | st.sampled_from(". \n\r!?\"'A1|-#"), max_size=200))
def test_spans_are_ordered_trimmed_and_hold_every_character(text: str) -> None:
    end = 0
    for start, stop in sentences(text):
        assert end <= start < stop
        assert not text[end:start].strip()
        assert text[start:stop] == text[start:stop].strip()
        end = stop
    assert not text[end:].strip()


@pytest.mark.parametrize("piece", [".", " ", ".'", "a\rb\n", ".\n(", "A. ", " \n", "\r\n\t", "(", "[1]", "。", "a", "|\n"])
@pytest.mark.timeout(20)
def test_nothing_takes_more_than_linear_time(piece: str) -> None:
    """Some of these take minutes where a pattern backtracks."""
    text = "a." + piece * (100_000 // len(piece)) + "end"
    assert text[slice(*sentences(text)[-1])].endswith("end")
