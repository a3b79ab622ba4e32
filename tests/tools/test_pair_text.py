"""A pair as the model sees it: laid out as told, the whole text in windows that overlap, whatever the text."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from passel.tools.candidate import Candidate, Hit
from passel.tools.pair_text import MOST_WINDOWS, OVERLAP, WINDOW, Reading, Window, namer_of, readings_of, windows
from passel.tools.passage import Passage
from passel.tools.weights import minilm_folder

CLS, SEP = 101, 102
SCRIPTS = "Der Hafen von Arn. Порт и рынок. 港には市場がある。 각 값 ميناء كبير 🚢 नाव उस पार जाती है ท่าเรือ\u200b \u0000 e\u0301 ﬁ \ud800 [SEP] [CLS] "
ODD = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)  # surrogates and controls too
LONG = (SCRIPTS * 20, "word " * 900, "word " * 4000, "가각" * 400, "x" * 5000, "\u0301" * 90)
texts = st.one_of(ODD, st.sampled_from(["", " ", "\n", SCRIPTS, *LONG]))
readings = st.builds(Reading, texts, texts, texts)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    made = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    made.no_truncation()
    made.no_padding()
    made.encode_special_tokens = True
    return made


def only(question: str, reading: Reading) -> Window:
    ((window,),) = windows([(question, reading)])
    return window


def written(tokenizer: Tokenizer, tokens: list[int]) -> str:
    return str(tokenizer.decode(tokens, skip_special_tokens=False))


@pytest.mark.parametrize(
    ("title", "naming", "first", "second"),
    [
        ("Ilse Marn", "Ilse Marn built it.", "[CLS] who built it? [SEP] ilse marn built it. [SEP]", "ilse marn. born in arn. [SEP]"),
        ("Ilse Marn", "", "[CLS] who built it? [SEP]", "ilse marn. born in arn. [SEP]"),
        ("", "Ilse Marn built it.", "[CLS] who built it? [SEP] ilse marn built it. [SEP]", "born in arn. [SEP]"),
        ("", "", "[CLS] who built it? [SEP]", "born in arn. [SEP]"),
    ],
)
def test_how_a_pair_is_written(tokenizer: Tokenizer, title: str, naming: str, first: str, second: str) -> None:
    reading = Reading(title, "Born in Arn.", naming)
    window = only("Who built it?", reading)
    assert written(tokenizer, window.tokens[: window.second]) == first
    assert written(tokenizer, window.tokens[window.second :]) == second
    assert window.segments == [0] * window.second + [1] * (len(window.tokens) - window.second)
    assert [reading.text[a:b] for a, b in window.offsets] == ["Born", "in", "Ar", "n", "."]
    assert written(tokenizer, window.tokens[window.text : window.text + len(window.offsets)]) == "born in arn."


def test_a_long_question_naming_or_title_leaves_room_for_the_text() -> None:
    long = "salt " * 500
    window = only(long, Reading(long, "Born in Arn.", long))
    assert window.second == 1 + 64 + 1 + 64 + 1
    assert window.text == window.second + 24 + 1
    assert len(window.offsets) == 5


@settings(max_examples=80, deadline=None)
@given(question=texts, reading=readings)
def test_every_token_of_any_text_is_covered(tokenizer: Tokenizer, question: str, reading: Reading) -> None:
    """Up to MOST_WINDOWS."""
    (of_pair,) = windows([(question, reading)])
    whole = tokenizer.encode(re.sub("[\ud800-\udfff]", "\ufffd", reading.text), add_special_tokens=False)
    assert 1 <= len(of_pair) <= MOST_WINDOWS
    place = 0  # of the window's first token in the text
    for n, window in enumerate(of_pair):
        count = len(window.offsets)
        assert len(window.tokens) == window.text + count + 1 <= WINDOW
        assert window.offsets == whole.offsets[place : place + count]
        assert window.tokens[window.text : -1] == whole.ids[place : place + count]
        assert window.tokens[: window.text] == of_pair[0].tokens[: window.text]
        assert window.tokens[0] == CLS
        assert CLS not in window.tokens[1:]
        assert window.tokens[-1] == SEP
        assert window.tokens.count(SEP) == 1 + window.tokens[: window.second].count(SEP)
        assert len(window.segments) == len(window.tokens)
        if n + 1 < len(of_pair):
            assert len(window.tokens) == WINDOW
            place += count - OVERLAP
        else:
            assert place + count == len(whole.ids) or n + 1 == MOST_WINDOWS
        assert all(0 <= start < end <= len(reading.text) for start, end in window.offsets)


def test_a_long_text_is_read_to_its_end_and_a_longer_one_is_not(tokenizer: Tokenizer) -> None:
    room = WINDOW - 4  # [CLS] q [SEP] … [SEP]
    most = MOST_WINDOWS * (room - OVERLAP) + OVERLAP
    two = 2 * room - OVERLAP
    for count, expected in ((room, 1), (room + 1, 2), (two, 2), (two + 1, 3), (most, MOST_WINDOWS), (most + 1, MOST_WINDOWS), (9999, MOST_WINDOWS)):
        text = " ".join(["stone"] * (count - 1) + ["end"])
        (of_pair,) = windows([("q", Reading("", text))])
        assert len(of_pair) == expected
        assert (text[slice(*of_pair[-1].offsets[-1])] == "end") == (count <= most)
        for one, other in pairwise(of_pair):
            assert one.offsets[-OVERLAP:] == other.offsets[:OVERLAP]
            assert one.offsets[-OVERLAP - 1] < other.offsets[0]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(texts, readings), max_size=4))
def test_a_pair_s_company_does_not_matter(pairs: list[tuple[str, Reading]]) -> None:
    assert windows(pairs) == [windows([pair])[0] for pair in pairs]


def test_offsets_are_those_of_the_text_as_it_is() -> None:
    """Characters that vanish or are replaced on the way shift nothing."""
    text = "\ud800 A\u0300rn\u200b lies\x00 at \U0001f6a2 the \udfff Till, 港 각"
    pieces = [text[a:b].casefold() for a, b in only("q", Reading("", text)).offsets]
    assert [piece for piece in pieces if piece.isascii()][-5:] == ["lies", "at", "the", "till", ","]
    assert pieces.count("港") == 1
    assert pieces.count("각") > 1  # a syllable is several tokens, all in its place


def test_the_name_of_a_special_token_is_text_like_any_other() -> None:
    reading = Reading("[CLS]", "A [SEP] parts what [MASK] hides.", "[PAD] [UNK]")
    window = only("What is [SEP]?", reading)
    assert [token for token in window.tokens if token < 104] == [CLS, SEP, SEP, SEP]
    assert [reading.text[a:b] for a, b in window.offsets if a < 7] == ["A", "[", "SEP", "]"]


def candidate(id: str, text: str, *hits: Hit, title: str = "", headings: tuple[str, ...] = ()) -> Candidate:
    return Candidate(id, hits, Passage(id, "source", text, title, headings))


def linked(via: str | None, naming: tuple[int, int] | None, query: str = "q") -> Hit:
    return Hit("linked", query, 0, 0.5, via, naming)


HALL = candidate("hall", "It stands in Arn. Ilse Marn designed it.", Hit("dense", "q", 0, 0.9), title="Harbour Hall")
UNTITLED = candidate("note", "Ilse Marn was here.", Hit("dense", "q", 1, 0.8))


def test_a_candidate_is_read_with_the_sentence_that_names_it() -> None:
    marn = candidate("marn", "She was born in Sedge.", linked("hall", (18, 40)), title="Ilse Marn", headings=("Life", "Youth"))
    assert readings_of([HALL, marn]) == [
        Reading("Harbour Hall", "It stands in Arn. Ilse Marn designed it."),
        Reading("Ilse Marn - Life - Youth", "She was born in Sedge.", "Harbour Hall: Ilse Marn designed it."),
    ]
    assert namer_of(marn, {"hall"}) == marn.hits[0]


def test_a_namer_without_a_title_gives_its_sentence_alone() -> None:
    marn = candidate("marn", "She was born.", linked("note", (0, 19)), title="Ilse Marn")
    assert readings_of([UNTITLED, marn])[1].naming == "Ilse Marn was here."


@pytest.mark.parametrize("hit", [linked(None, None), linked("hall", None), linked("gone", (0, 5)), Hit("dense", "q", 0, 0.5)])
def test_without_a_sentence_or_without_its_passage_there_is_no_naming(hit: Hit) -> None:
    marn = candidate("marn", "She was born.", hit)
    assert [reading.naming for reading in readings_of([HALL, marn])] == ["", ""]
    assert namer_of(marn, {"hall"}) is None


def test_the_first_hit_whose_namer_is_known_counts() -> None:
    marn = candidate("marn", "She was born.", linked("gone", (0, 5), "a"), linked("note", (0, 9), "b"), linked("hall", (18, 40), "c"))
    assert readings_of([marn, HALL, UNTITLED])[0].naming == "Ilse Marn"
    assert readings_of([marn, HALL])[0].naming == "Harbour Hall: Ilse Marn designed it."


def test_candidates_without_a_passage_are_left_out() -> None:
    marn = candidate("marn", "She was born.", linked("bare", (0, 5)))
    assert readings_of([Candidate("bare", ()), marn]) == [Reading("", "She was born.")]
    assert readings_of([]) == []
    assert windows([]) == []
