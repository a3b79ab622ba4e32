"""The splitter: spans are exact, nothing of the text is lost, passages fit, headings become paths."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.document import Document
from passel.tools.encoder import Encoder
from passel.tools.passage import Passage
from passel.tools.sentences import sentences
from passel.tools.splitter import _PRICE, _pack, _Unit, split, whole
from passel.tools.structure import Block, structure


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def cut(text: str, *, title: str = "", source: str = "a.md", max_tokens: int = 40, pages: tuple[int, ...] = ()) -> list[Passage]:
    return split(Document(source, text, title, {"year": 1990}, "", "", pages), words, max_tokens=max_tokens)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(cache=False)


GUIDE = """# The Guide

Opening words of the guide.

## Boats

Boats are rowed. They are tarred in spring.

### Oars

- Oars are made of ash.
- A pair lasts ten years.

## Harbours

| Harbour | Depth |
|---|---|
| Arn | 9 metres |
| Bel | 4 metres |
"""


def test_headings_become_paths_and_no_passages_of_their_own() -> None:
    passages = cut(GUIDE, title="The Guide")
    assert [passage.headings for passage in passages] == [(), ("Boats",), ("Boats", "Oars"), ("Harbours",)]
    assert passages[1].text == "Boats are rowed. They are tarred in spring."
    assert passages[2].text == "- Oars are made of ash.\n- A pair lasts ten years."
    assert "| Bel | 4 metres |" in passages[3].text
    assert all(passage.metadata == {"year": 1990} and passage.title == "The Guide" for passage in passages)


def test_a_heading_with_nothing_under_it_is_text() -> None:
    passages = cut("# Sights\n\n## Tower\n\n## Well\n\n---\n\n## Mill\n\nIt turns.\n", title="Sights")
    assert [(passage.headings, passage.text) for passage in passages] == [((), "## Tower\n\n## Well\n\n---"), (("Mill",), "It turns.")]
    assert [passage.text for passage in cut("# Only a title\n", title="Only a title")] == ["# Only a title"]
    assert [passage.text for passage in cut("----\n")] == ["----"]


def test_small_paragraphs_are_merged_and_long_ones_cut_at_sentences() -> None:
    merged = cut("One two three.\n\nFour five six.\n\nSeven eight nine.", max_tokens=40)
    assert len(merged) == 1
    text = " ".join(f"Sentence number {n} has exactly seven words." for n in range(40))
    passages = cut(text, max_tokens=40)
    assert len(passages) > 5
    for passage in passages:
        assert passage.text.startswith("Sentence")
        assert passage.text.endswith("words.")
        assert len(passage.text.split()) <= 40


def test_short_sentences_are_whole_even_where_there_is_little_room() -> None:
    assert [passage.text for passage in cut("Aa bb cc. " * 4, max_tokens=3)] == ["Aa bb cc."] * 4


def test_paragraphs_stay_whole_where_they_can_and_sections_apart() -> None:
    paragraphs = ["Alpha " + "word " * n + "end." for n in (28, 8, 28)]
    assert [passage.text for passage in cut("\n\n".join(paragraphs), max_tokens=40)] in (
        ["\n\n".join(paragraphs[:2]), paragraphs[2]],
        [paragraphs[0], "\n\n".join(paragraphs[1:])],
    )
    assert len(cut("## One\n\nA.\n\n## Two\n\nB.")) == 2


def test_rows_of_a_table_and_lines_of_code_stay_whole() -> None:
    rows = [f"| harbour {n} | {n} metres deep at low water |" for n in range(30)]
    table = "| name | depth |\n|---|---|\n" + "\n".join(rows)
    for passage in cut(table, max_tokens=60):
        assert all(line in table.split("\n") for line in passage.text.split("\n"))
    code = "# the boat\n\n" + "\n".join(f"line_{n} = row(n, and, then, tar)" for n in range(30))
    assert all(not passage.headings for passage in cut(code, source="boat.py"))
    lines = [line for passage in cut(code, source="boat.py") for line in passage.text.splitlines() if line]
    assert lines == [line for line in code.splitlines() if line]


def test_an_overlong_sentence_is_cut_all_the_same() -> None:
    passages = cut("word " * 500, max_tokens=40)
    assert all(len(passage.text.split()) <= 40 for passage in passages)
    assert sum(len(passage.text.split()) for passage in passages) == 500
    named = cut("The keepers were " + ", ".join(f"Tam Rudd the {n}th" for n in range(60)) + ".", max_tokens=40)
    assert all(passage.text.endswith((",", ".")) for passage in named)
    unbroken = cut("x" * 100_000, max_tokens=40)
    assert "".join(passage.text for passage in unbroken) == "x" * 100_000
    assert len(cut("a" + " " * 100_000 + "b")) == 2


def test_no_passage_is_larger_than_what_the_encoder_sees(encoder: Encoder) -> None:
    long = "Edda Quill, the keeper's daughter, rowed to Lapwing in 1911; it rained. " * 60
    heading = "A very long heading that goes on and on " * 4
    text = f"# A guide\n\n{long}\n\n## {heading}\n\n{long}\n\n## Data\n\n{'ﬁsh日本語🙂' * 400}\n\n{'zx9q' * 300}"
    document = Document("a.md", text, "A guide to the boats and harbours of the isles " * 6)
    passages = split(document, encoder.count_tokens)
    assert max(encoder.count_tokens([passage.text for passage in passages])) <= 200
    assert max(encoder.count_tokens([passage.embedded_text for passage in passages])) <= encoder.max_tokens - 2
    assert max(len(passage.text) for passage in passages) < 3_000
    crowded = split(Document("b.md", long, "title " * 250), encoder.count_tokens)
    assert 32 <= max(encoder.count_tokens([passage.text for passage in crowded])) <= 64


def test_token_counting_is_batched_and_linear() -> None:
    calls: list[int] = []

    def counting(texts: Sequence[str]) -> list[int]:
        calls.append(sum(map(len, texts)))
        return words(texts)

    text = "".join(f"## Part {n}\n\nSome words. {'run on ' * 200}\n\n{'x' * 3000}\n\n" for n in range(20))
    split(Document("a.md", text), counting)
    assert len(calls) <= 3
    assert sum(calls) <= 2 * len(text)


@pytest.mark.parametrize("piece", ["# a\n", "# a\n\nb\n\n", "ab\n\n", "```\n", "-", "1\n", "| a |\n", "== a ", "- a\n\n"])
@pytest.mark.timeout(30)
def test_nothing_takes_more_than_linear_time(piece: str) -> None:
    """Some of these take minutes where headings are looked for again and again, or a pattern backtracks."""
    passages = cut(piece * (60_000 // len(piece)) + "\nend")
    assert "end" in passages[-1].text


def test_text_inserted_elsewhere_leaves_the_ids_of_a_section() -> None:
    before = {passage.id for passage in cut(GUIDE)}
    after = {passage.id for passage in cut(GUIDE.replace("Opening words", "Many more opening words, and then some,"))}
    assert len(before & after) == len(before) - 1


def test_pages_are_known() -> None:
    text = "A page about boats. " * 10 + "Another page about oars. " * 10
    passages = cut(text, pages=(0, 200))
    assert {passage.page for passage in passages} == {1, 2}
    assert all((passage.page == 2) == (passage.start >= 200) for passage in passages)
    assert cut("Text.")[0].page is None


def test_whole_leaves_a_record_as_it_is() -> None:
    text = "  Untrimmed " + "long " * 1000
    (passage,) = whole(Document("a", text))
    assert (passage.text, passage.start, passage.end) == (text, 0, len(text))
    assert whole(Document("a", " ")) == []


@given(st.lists(st.tuples(st.integers(1, 25), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=8), st.integers(10, 30))
def test_the_cuts_are_the_cheapest_ones(row: list[tuple[int, float]], room: int) -> None:
    units = [_Unit(10 * i, 10 * i + 9, cut, tokens) for i, (tokens, cut) in enumerate(row)]

    def price(ranges: Sequence[tuple[int, int]]) -> float:
        total = 0.0
        for first, last in ranges:
            tokens = sum(unit.tokens for unit in units[first:last])
            if tokens > room and last - first > 1:
                return float("inf")
            total += _PRICE + units[first].cut + max(0.0, (room - tokens) / room) ** 2
        return total

    if sum(unit.tokens for unit in units) <= room:
        assert _pack(units, room) == [(0, len(units))]
        return
    n = len(units)
    ways = (list(zip((0, *cuts), (*cuts, n), strict=True)) for size in range(n) for cuts in combinations(range(1, n), size))
    assert price(_pack(units, room)) == pytest.approx(min(map(price, ways)))


marks = st.sampled_from(["# Head\n\n", "## Sub head\n", "\n\n", "- item one\n", "| a | b |\n", "```\ncode\n```\n", "\f", "\r\n", "---\n"])
prose = st.sampled_from(["A sentence here. ", "Dr. X came! ", "word ", "。日本語"])
texts = st.lists(marks | prose | st.text(max_size=12), max_size=30).map("".join)


@given(texts, st.integers(1, 30), st.sampled_from(["", "Head"]), st.sampled_from(["a.md", "a.py"]))
def test_spans_are_exact_disjoint_and_nothing_is_lost(text: str, max_tokens: int, title: str, source: str) -> None:
    passages = cut(text, max_tokens=max_tokens, title=title, source=source)
    covered = [False] * len(text)
    end = 0
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert passage.start >= end
        assert passage.text == passage.text.strip() != ""
        end = passage.end
        covered[passage.start : passage.end] = [True] * len(passage.text)
    assert len({passage.id for passage in passages}) == len(passages)
    assert bool(passages) == bool(text.strip())
    said = {heading for passage in passages for heading in passage.headings} | {title}
    for part in structure(text, source):
        if isinstance(part, Block):
            assert all(covered[at] for at in range(part.start, part.end) if text[at].isalnum())
        else:
            assert part.text in said or all(covered[at] for at in range(part.start, part.end) if text[at].isalnum())


@given(st.text(alphabet="abc .,!?\n日。", max_size=300), st.integers(3, 30))
def test_every_letter_is_in_a_passage_and_sentences_that_fit_are_whole(text: str, max_tokens: int) -> None:
    passages = cut(text, max_tokens=max_tokens)
    said = "".join("".join(passage.text.split()) for passage in passages)
    assert [char for char in said if char not in ".,!?"] == [char for char in "".join(text.split()) if char not in ".,!?"]
    ends = {passage.end for passage in passages}
    for start, end in sentences(text):
        fits = len(text[start:end].split()) <= max_tokens and end - start <= 12 * max_tokens
        assert not fits or ends.isdisjoint(range(start + 1, end))
