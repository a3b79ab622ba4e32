"""generate: what a chat model streams becomes whole sentences, however it was cut."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.graphs.generate import _sentences
from passel.tools.chat import Reply


async def sentences_of(pieces: Sequence[str], error: str | None = None, *, at_limit: bool = False) -> list[str]:
    async def stream() -> AsyncIterator[str | Reply]:
        for piece in pieces:
            yield piece
        yield Reply("".join(pieces), 0, 0, 0.0, error, at_limit=at_limit)

    return [said async for said in _sentences(stream()) if isinstance(said, str)]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Ilse Marn built it. [1] It stands in Sedge. [2]", ["Ilse Marn built it.[1]", "It stands in Sedge.[2]"]),
        ("Ilse Marn built it [1]. It stands in Sedge [2].", ["Ilse Marn built it [1].", "It stands in Sedge [2]."]),
        ("Ilse Marn built it.[1][3] It stands in Sedge.[2]", ["Ilse Marn built it.[1][3]", "It stands in Sedge.[2]"]),
        ("“She built it.” [1] [3] Did she? [2, 4]", ["“She built it.”[1][3]", "Did she?[2][4]"]),
        ("Ilse Marn built it. [1, 2] It stands in Sedge. [2]", ["Ilse Marn built it.[1][2]", "It stands in Sedge.[2]"]),
        ("", []),
    ],
)
async def test_a_citation_belongs_to_the_sentence_before_it(written: str, expected: list[str]) -> None:
    assert await sentences_of([written]) == expected
    assert await sentences_of(list(written)) == expected, "letter by letter"


@pytest.mark.parametrize(
    ("written", "whole"),
    [
        ("Ilse Marn built it. [1] She painted ships and", ["Ilse Marn built it.[1]"]),
        ("Ilse Marn built it. [1]", ["Ilse Marn built it.[1]"]),
        ("Ilse Marn built it [1]. Ilse Marn", ["Ilse Marn built it [1]."]),
        ("Ilse", []),
        ("Ilse Marn built it. [1] It cost 12.5", ["Ilse Marn built it.[1]"]),
        ("Ilse Marn built it. [1] It cost 12.", ["Ilse Marn built it.[1]"]),
        ("Ilse Marn built it. [1] It cost 12. [2]", ["Ilse Marn built it.[1]", "It cost 12.[2]"]),
        ("Ilse Marn built it. [1", ["Ilse Marn built it."]),
    ],
)
async def test_what_broke_off_is_no_sentence(written: str, whole: list[str]) -> None:
    assert await sentences_of(list(written), "the connection was lost") == whole
    assert await sentences_of(list(written), at_limit=True) == whole


@given(st.data())
async def test_however_it_is_cut(data: st.DataObject) -> None:
    written = "Ilse Marn built it. [1] It stands in St. Arn [2]. Who else? [3]\nNobody! [1] [2] She was born in 1832."
    cuts = sorted(data.draw(st.sets(st.integers(1, len(written) - 1), max_size=12)))
    pieces = [written[start:end] for start, end in zip([0, *cuts], [*cuts, len(written)], strict=True)]
    assert await sentences_of(pieces) == await sentences_of([written])
