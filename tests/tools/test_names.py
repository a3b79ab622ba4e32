"""Names: what documents are called and what texts name meet in one normal form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.names import MAX_MENTIONS, MAX_WORDS, document_names, is_name, mentions, name_key

texts = st.text(max_size=200) | st.text(st.sampled_from("Ab é'’.,-()\"“”`&_#+\n1½东京ガｶﾞไทहि̃ıßﬁﷺ"), max_size=60)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Étienne de Crécy", "etienne de crecy"),
        ("  J. K.\nRowling ", "jk rowling"),
        ("J.K. Rowling", "jk rowling"),
        ("U.S. Route 1", "us route 1"),
        ("AC/DC", "ac dc"),
        ("Simon & Garfunkel", "simon and garfunkel"),
        ("O’Brien's", "obriens"),
        ("Jean-Luc Łukasz Ørsted", "jean luc lukasz orsted"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("read_file", "read file"),
        ("C++", "c++"),
        ("C#", "c#"),
        ("東京 タワー", "東京タワー"),
        ("हिन्दी", "हिन्दी"),
        ("?!…", ""),
    ],
)
def test_name_key(text: str, key: str) -> None:
    assert name_key(text) == key


@given(texts)
def test_the_normal_form_is_its_own_normal_form(text: str) -> None:
    key = name_key(text)
    assert name_key(key) == key
    assert key == key.strip()
    assert "  " not in key


@given(texts, st.booleans())
def test_every_mention_is_what_stands_at_its_place(text: str, every_ngram: bool) -> None:
    found = mentions(text, every_ngram=every_ngram)
    for key, start, end in found:
        assert 0 <= start < end <= len(text)
        assert name_key(text[start:end]) == key
        assert is_name(key)
    assert found == sorted(found, key=lambda mention: (mention[1], -mention[2]))
    assert len({(start, end) for _, start, end in found}) == len(found)


@given(texts, st.lists(texts, max_size=3), texts)
def test_any_document_has_names_that_can_be_looked_up(title: str, headings: list[str], text: str) -> None:
    names = document_names(title, headings, text)
    assert all(is_name(key) and name_key(key) == key and kind in ("title", "alias", "heading") for key, kind in names)
    assert len(dict(names)) == len(names)


def named(text: str) -> set[str]:
    return {key for key, _, _ in mentions(text)}


def test_a_text_names_capitalised_phrases_and_their_parts() -> None:
    found = named("In 1963 the director Mario Bava's film was shown with the Dr. Strangelove and the Bomb Squad in Rome. He was glad.")
    assert {"mario bava", "bava", "dr strangelove and the bomb squad", "the bomb squad", "rome"} <= found
    assert not found & {"director", "film", "he", "in", "rome he", "in 1963", "and the bomb squad", "film was"}


def test_a_name_never_ends_in_the_middle_of_a_word_with_an_apostrophe() -> None:
    assert "o" not in named("Ask O'Brien today.")
    assert "obrien" in named("Ask O'Brien today.")
    assert "obrien" in named("Ask O'Brien's wife today.")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('they sang "the girl who knew" twice', "the girl who knew"),
        ("they sang “the girl who knew” twice", "the girl who knew"),
        ("they sang ``the girl who knew'' twice", "the girl who knew"),
        ("the guild (once the lamp men) met", "once the lamp men"),
        ("call `open file` now", "open file"),
        ("then read_file is called", "read file"),
        ("then readFile is called", "readfile"),
        ("then os.path is called", "os path"),
        ("he lived in Paris, Texas for years", "paris texas"),
        ("the University of the West Indies opened", "university of the west indies"),
        ("he won the 2010 World Cup there", "2010 world cup"),
        ("она жила в Нижнем Новгороде тогда", "нижнем новгороде"),
        ("在东京塔附近", "东京塔"),
        ("في مدينة القاهرة الكبرى", "مدينة القاهرة"),
    ],
)
def test_what_else_is_taken_for_a_name(text: str, name: str) -> None:
    assert name in named(text)


def test_questions_are_read_in_lower_case_too() -> None:
    found = {key for key, _, _ in mentions("who founded the tarn light and when?", every_ngram=True)}
    assert {"tarn light", "the tarn light", "tarn"} <= found
    assert not found & {"who", "the", "and when"}  # no content word


def test_the_parts_of_a_phrase_follow_the_whole_at_each_place() -> None:
    assert [key for key, _, _ in mentions("Sergio Grieco Trio")] == ["sergio grieco trio", "sergio grieco", "sergio", "grieco trio", "grieco", "trio"]


def test_a_long_text_costs_no_more_than_a_page() -> None:
    assert len(mentions("東京タワーは日本の" * 50_000)) == MAX_MENTIONS
    assert len(mentions("Ada Bryn Cole " * 50_000)) <= MAX_MENTIONS
    assert all(key.count(" ") < MAX_WORDS for key, _, _ in mentions("Ada Bryn Cole " * 50))


def names(title: str, text: str = "", headings: tuple[str, ...] = ()) -> dict[str, str]:
    return dict(document_names(title, headings, text))


def test_titles_are_known_without_their_parenthesis_and_place() -> None:
    assert names("Karse (ship)") == {"karse ship": "title", "karse": "alias"}
    assert names("Humboldt, Kansas") == {"humboldt kansas": "title", "humboldt": "alias"}
    assert names("Installing, upgrading and removing") == {"installing upgrading and removing": "title"}


@pytest.mark.parametrize(
    ("title", "sentence", "alias"),
    [
        ("Karse", "The Karse (also known as the Blue Lady) was a ship.", "blue lady"),
        ("Karse", 'Karse, formerly called "Queen of Ems", was a ship.', "queen of ems"),
        ("Karse", "Karse or rather Old Karse, nicknamed Grey Betty or the Widow, was a ship.", "grey betty"),
        ("Bo Dell", "Bo Dell (born Robert Allen Dellinger; May 24, 1941) sings.", "robert allen dellinger"),
        ("Ada Orr", "Ada Orr, née Ada Lamb, was a pilot.", "ada lamb"),
        ("Karl Theo Dray", "Karl Theo Dray, commonly known as Karl Th. Dray, filmed.", "karl th dray"),
        ("World Tide Office", "The World Tide Office (WTO) counts tides.", "wto"),
        ("Extensible Markup", "Extensible Markup (XM, 1998) is a format.", "xm"),
    ],
)
def test_the_first_sentence_tells_other_names(title: str, sentence: str, alias: str) -> None:
    assert names(title, sentence).get(alias) == "alias"


@pytest.mark.parametrize(
    "sentence",
    [
        "Bo Dell (born March 9, 1963) is an Austrian-born Argentine singer.",  # a birthday, a country
        "Bo Dell is a footballer of the Vasty Football League (VFL).",  # another thing's abbreviation
        "Bo Dell is a singer. His song is also known as the Blue Lady.",  # another sentence
    ],
)
def test_what_the_first_sentence_does_not_tell(sentence: str) -> None:
    assert names("Bo Dell", sentence) == {"bo dell": "title"}


def test_headings_are_names_unless_every_document_has_them() -> None:
    found = names("Karse", headings=("2.1 Boiler room", "History", "See also", "3 References", "2008 refit"))
    assert found == {"karse": "title", "2 1 boiler room": "heading", "boiler room": "heading", "2008 refit": "heading"}


@pytest.mark.parametrize("title", ["", "The", "1984", "A", "?"])
def test_what_is_no_name(title: str) -> None:
    assert names(title) == {}
