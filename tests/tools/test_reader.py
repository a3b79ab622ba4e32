"""The extractive reader: only chosen passages speak, a named reading only beside its namer, and comparisons are compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.tools.pair import SPANS, AnswerSpan
from passel.tools.reader import RELEVANCE, Found, ReadAs, ReadPassage, find_answer, ways


def read(text: str, *answers: tuple[str, float], relevance: float = 1.0, yes: float = 0.0) -> ReadAs:
    """Each answer's first place in the text."""
    spans = [AnswerSpan(start := text.index(answer), start + len(answer), score) for answer, score in answers]
    return ReadAs(relevance, yes, tuple(sorted(spans, key=lambda span: -span.score)))


def passage(
    title: str,
    text: str,
    *answers: tuple[str, float],
    named: Sequence[tuple[str, float]] | None = None,
    namer: int | None = None,
    relevance: float = 1.0,
    yes: float = 0.0,
) -> ReadPassage:
    bare = read(text, *answers, relevance=relevance, yes=yes)
    return ReadPassage(title, text, bare, bare if named is None else read(text, *named, relevance=relevance, yes=yes), namer)


def answered(question: str, passages: Sequence[ReadPassage], chosen: Sequence[int]) -> str | None:
    found = find_answer(question, passages, chosen)
    return found.text if found else None


def says_a_word(one: ReadPassage, span: AnswerSpan) -> bool:
    return any(map(str.isalnum, one.text[span.start : span.end]))


HALL = passage("Harbour Hall", "It was designed by Ilse Marn in Arn.", ("Ilse Marn", 5.0), ("Arn", 1.0))
GEESE = passage("Fen goose", "Odo Tressin keeps geese.", ("Odo Tressin", 2.0))
WHO = "Who designed the Harbour Hall?"


# The best span


def test_the_best_span_of_the_chosen_passages() -> None:
    passages = [GEESE, HALL]
    assert find_answer(WHO, passages, [0, 1]) == Found("Ilse Marn", 5.0, (1,), ((19, 28),))
    assert find_answer(WHO, passages, [1, 0]) == Found("Ilse Marn", 5.0, (1,), ((19, 28),))
    assert find_answer(WHO, passages, [0]) == Found("Odo Tressin", 2.0, (0,), ((0, 11),))


def test_nothing_where_nothing_is() -> None:
    empty = passage("Blank", "")
    assert find_answer(WHO, [], []) is None
    assert find_answer(WHO, [HALL, empty], []) is None
    assert find_answer(WHO, [HALL, empty], [1]) is None
    assert find_answer("Which is older, Harbour Hall or Blank?", [HALL, empty], [1]) is None


def test_an_unlikely_answer_is_one_all_the_same() -> None:
    assert find_answer(WHO, [passage("A", "Nobody.", ("Nobody", -30.0))], [0]) == Found("Nobody", -30.0, (0,), ((0, 6),))


@pytest.mark.parametrize(("relevance", "score"), [(3.0, 5.0), (0.0, 5.0), (-2.0, 5.0 - 2 * RELEVANCE), (-10.0, 5.0 - 10 * RELEVANCE)])
def test_a_passage_that_is_hardly_evidence_weighs_less(relevance: float, score: float) -> None:
    found = find_answer(WHO, [passage("A", "Ilse Marn", ("Ilse Marn", 5.0), relevance=relevance)], [0])
    assert found is not None
    assert found.score == pytest.approx(score)


def test_so_a_likelier_passage_may_win() -> None:
    sure = passage("A", "Ilse Marn", ("Ilse Marn", 5.0), relevance=-8.0)
    assert answered(WHO, [sure, GEESE], [0, 1]) == "Odo Tressin"


# With the sentence that names it


def test_a_named_reading_counts_only_beside_its_namer() -> None:
    town = passage("Ilse Marn", "Born in Sedge, died in Arn.", ("Arn", 1.0), named=[("Sedge", 9.0)], namer=0)
    assert answered("Where was the designer born?", [HALL, town], [0, 1]) == "Sedge"
    assert answered("Where was the designer born?", [HALL, town], [1]) == "Arn"
    assert answered("Where was the designer born?", [HALL, town, GEESE], [2, 1]) == "Odo Tressin"
    assert list(ways([HALL, town], 1, [0, 1])) == [town.named, town.bare]
    assert list(ways([HALL, town], 1, [1])) == [town.bare]
    assert list(ways([HALL, town], 0, [0, 1])) == [HALL.bare]


def test_its_bare_reading_may_be_the_better_one() -> None:
    town = passage("Ilse Marn", "Born in Sedge, died in Arn.", ("Arn", 8.0), named=[("Sedge", 2.0)], namer=0)
    assert answered("Where was she born?", [GEESE, town], [0, 1]) == "Arn"


# Comparisons of more than two

BRIDGES = [
    passage("Candle Bridge", "The Candle Bridge is 140 metres long.", ("140 metres", 5.0)),
    passage("Heron Bridge", "The Heron Bridge is 163 metres long.", ("163 metres", 5.0)),
    passage("Threebit Bridge", "The Threebit Bridge is 214 metres long.", ("214 metres", 5.0)),
]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which is longer, the Candle Bridge, the Threebit Bridge or the Heron Bridge?", "Threebit Bridge"),
        ("Which is longest: Candle Bridge, Heron Bridge or Threebit Bridge?", "Threebit Bridge"),
        ("Which is the longest, the Threebit Bridge, the Heron Bridge, or the Candle Bridge?", "Threebit Bridge"),
        ("Of the Candle Bridge, the Threebit Bridge and the Heron Bridge, which is shortest?", "Candle Bridge"),
        ("Which is longer, the Candle Bridge or the Heron Bridge?", "Heron Bridge"),
    ],
)
def test_each_of_several_options_is_compared(question: str, answer: str) -> None:
    for order in permutations(range(3)):
        assert answered(question, [BRIDGES[n] for n in order], range(3)) == answer


def test_of_several_those_that_are_there_are_compared_and_it_is_no_more_than_a_guess() -> None:
    question = "Which is longer, the Candle Bridge, the Threebit Bridge or the Heron Bridge?"
    found = find_answer(question, [*BRIDGES, GEESE], [1, 2, 3])
    assert found is not None
    assert (found.text, found.places) == ("Threebit Bridge", (2, 1))
    assert found.score == pytest.approx(-math.log(2))
    alone = find_answer(question, BRIDGES, [1])
    assert alone is not None
    assert (alone.text, alone.score) == ("Heron Bridge", 0.0)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Which is older, Ann Lee, the CEO of Acme, or Bob Ray?", "Ann Lee"),
        ("Who was born later, Ann Lee, the Mayor of Riga, or Bob Ray, the Earl of Arn?", "Bob Ray"),
        ("Were Ann Lee, the CEO of Acme, and Bob Ray born in the same year?", "no"),
    ],
)
def test_what_only_describes_an_option_is_none(question: str, answer: str) -> None:
    people = [
        passage("Ann Lee", "Ann Lee was born in 1902.", ("1902", 5.0)),
        passage("Bob Ray", "Bob Ray was born in 1911.", ("1911", 5.0)),
        passage("Riga", "Riga was founded in 1201.", ("1201", 5.0)),
        passage("Acme", "Acme was founded in 1890.", ("1890", 5.0)),
    ]
    for chosen in ([0, 1], [0, 1, 2, 3]):
        assert answered(question, people, chosen) == answer


def test_places_with_their_states_are_two() -> None:
    cities = [
        passage("Paris", "Paris in Texas has 24,000 inhabitants.", ("24,000", 5.0)),
        passage("Rome, Georgia", "It has 36,000 inhabitants.", ("36,000", 5.0)),
        passage("Texas", "Texas has 30,000,000 inhabitants.", ("30,000,000", 4.0)),
    ]
    assert answered("Which is larger, Paris, Texas or Rome, Georgia?", cities, range(3)) == "Rome, Georgia"


def test_a_comma_may_stand_inside_a_name() -> None:
    films = [
        passage("Home, James", "Home, James is a film of 1928.", ("1928", 5.0)),
        passage("The Sill", "The Sill is a film of 1947.", ("1947", 5.0)),
        passage("James", "James is a name.", ("a name", 0.0)),
    ]
    assert answered("Which film came out first, Home, James or The Sill?", films, range(3)) == "Home, James"


def test_many_options_end() -> None:
    names = [f"{letter}{letter.lower()}st Bridge" for letter in "ABCDEFGH"]
    bridges = [
        passage(name, f"Its length is {n} metres, or {n} feet, or {n} miles.", *((f"{n} {unit}", 1.0) for unit in ("metres", "feet", "miles")))
        for n, name in enumerate(names, 11)
    ]
    listed = ", the ".join(names[:-1])
    assert answered(f"Which is longest, the {listed} or the {names[-1]}?", bridges, range(len(names))) == names[-1]


# Comparisons

MIRROR = passage("The Salt Mirror", "The Salt Mirror is a film of 1931 by Orla Venn.", ("1931", 4.0), ("Orla Venn", 1.0), relevance=2.0)
FERRY = passage("The Glass Ferry", "The Glass Ferry is a film of 1947 by Emmet Dorrance.", ("1947", 6.0), ("Emmet Dorrance", 2.0), relevance=3.0)
VENN = passage("Orla Venn", "Orla Venn (born 1902) was a Peruvian director.", ("Peruvian", 3.0), ("1902", 2.0), namer=0)
DORRANCE = passage("Emmet Dorrance", "Emmet Dorrance (born 1899) was a Peruvian director.", ("Peruvian", 5.0), ("1899", 1.0), namer=1)
FILMS = [MIRROR, FERRY, VENN, DORRANCE]


def words_of(found: Found) -> list[str]:
    return [FILMS[place].text[slice(*span)] for place, span in zip(found.places, found.spans, strict=True)]


FIRST = "Which film came out first, The Salt Mirror or The Glass Ferry?"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (FIRST, "The Salt Mirror"),
        ("Which film came out first, The Glass Ferry or The Salt Mirror?", "The Salt Mirror"),
        ("Which film was released more recently, The Salt Mirror or The Glass Ferry?", "The Glass Ferry"),
        ("Was The Salt Mirror released before The Glass Ferry?", "yes"),
        ("Was The Glass Ferry released before The Salt Mirror?", "no"),
    ],
)
@pytest.mark.parametrize("chosen", [[0, 1], [1, 0]])
def test_two_dates_are_compared(question: str, answer: str, chosen: list[int]) -> None:
    found = find_answer(question, FILMS, chosen)
    assert found is not None
    assert found.text == answer
    assert found.score == 4.0  # the worst of the two
    assert dict(zip(found.places, words_of(found), strict=True)) == {0: "1931", 1: "1947"}


def test_the_attribute_may_stand_in_the_passages_that_the_options_lead_to() -> None:
    """Where the reader takes the directors' dates for what is asked, not the films'."""
    question = "Which film has the director who was born first, The Salt Mirror or The Glass Ferry?"
    films = [fainter(film) for film in FILMS[:2]]
    found = find_answer(question, [*films, *FILMS[2:]], [0, 1, 2, 3])
    assert found is not None
    assert found.text == "The Glass Ferry"
    assert found.places == (2, 3)
    assert words_of(found) == ["1902", "1899"]
    assert found.score == 1.0
    assert answered(question, films, [0, 1]) == "The Salt Mirror"  # all that is there: the films' own dates
    assert answered(FIRST, FILMS, [0, 1, 2, 3]) == "The Salt Mirror"  # and here they are what is asked


def fainter(passage: ReadPassage) -> ReadPassage:
    def of(way: ReadAs) -> ReadAs:
        return replace(way, spans=tuple(replace(span, score=span.score - 9.0) for span in way.spans))

    return replace(passage, bare=of(passage.bare), named=of(passage.named))


def test_whether_it_is_the_same() -> None:
    same = "Are the directors of The Salt Mirror and The Glass Ferry from the same country?"
    assert answered(same, FILMS, [0, 1, 2, 3]) == "yes"
    chilean = replace(DORRANCE, text=DORRANCE.text.replace("Peruvian", "Chilean "))
    other = replace(chilean, bare=read(chilean.text, ("Chilean", 5.0)), named=read(chilean.text, ("Chilean", 5.0)))
    assert answered(same, [*FILMS[:3], other], [0, 1, 2, 3]) == "no"


@pytest.mark.parametrize(
    ("question", "ann", "bob", "answer"),
    [
        ("Which lake is larger, Lake Ann or Lake Bob?", "1.5 km²", "900,000 m²", "Lake Ann"),
        ("Which bell is heavier, Ann or Bob?", "12 tonnes", "900 kg", "Ann"),
        ("Which company has the higher revenue, Ann or Bob?", "$3.5bn", "$900m", "Ann"),
        ("Is Ann faster than Bob?", "20 knots", "30 km/h", "yes"),
        ("Which voyage lasted longer, Ann or Bob?", "30 days", "2 years", "Bob"),
    ],
)
def test_quantities_are_compared_in_one_unit(question: str, ann: str, bob: str, answer: str) -> None:
    passages = [passage("Ann", f"Ann: {ann}.", (ann, 4.0)), passage("Bob", f"Bob: {bob}.", (bob, 5.0))]
    found = find_answer(question, passages, [0, 1])
    assert found is not None
    assert (found.text, found.score, found.places) == (answer, 4.0, (0, 1))


def test_a_date_is_found_behind_spans_that_are_none() -> None:
    mirror = passage("The Salt Mirror", "By Orla Venn, in Arn, of 1931.", ("Orla Venn", 9.0), ("Arn", 8.0), ("1931", 1.0))
    assert answered(FIRST, [mirror, FERRY], [0, 1]) == "The Salt Mirror"


def test_only_the_first_spans_are_tried() -> None:
    deep = passage("The Salt Mirror", "a b c d of 1931.", *((letter, 9.0 - n) for n, letter in enumerate("abcd")), ("1931", 1.0))
    found = find_answer(FIRST, [deep, FERRY], [0, 1])
    assert found is not None
    assert found.spans == ((0, 1),)  # no two dates: the option whose passage speaks most surely
    assert found.text == "The Salt Mirror"


def test_where_the_values_tell_nothing_the_surer_option_wins() -> None:
    mirror, ferry = (passage(one.title, one.text, ("film", score)) for one, score in ((MIRROR, 2.0), (FERRY, 3.0)))
    found = find_answer(FIRST, [mirror, ferry], [0, 1])
    assert found is not None
    assert (found.text, found.places, found.score) == ("The Glass Ferry", (1,), 0.0), "and no more likely than the other"


def test_with_one_option_alone_that_option_is_as_likely_as_the_other() -> None:
    found = find_answer(FIRST, FILMS, [1])
    assert found is not None
    assert found.text == "The Glass Ferry"
    assert found.score <= 0.0  # never a sure answer
    assert answered(FIRST, [MIRROR, passage("The Glass Ferry", "A film.")], [0, 1]) == "The Salt Mirror"


@pytest.mark.parametrize("chosen", [[0, 1], [1, 0]])
def test_passages_that_are_titled_otherwise_stand_for_the_option_that_their_text_names(chosen: list[int]) -> None:
    told = {"$40": "The Pro plan costs $40 a month.", "$10": "The Basic plan costs $10 a month."}
    prices = [passage("Pricing", text, (price, 5.0)) for price, text in told.items()]
    for question in ("Which plan has the lower price, Basic or Pro?", "Which plan is cheaper, Pro or Basic?"):
        found = find_answer(question, prices, chosen)
        assert found is not None
        assert found.text == "Basic"
        assert sorted(found.places) == [0, 1]


def test_a_passage_that_is_titled_after_one_option_never_stands_for_another() -> None:
    bridge = passage("Heron Bridge", "It opened in 1900; Tarn Light was painted in 1990.", ("1900", 5.0))
    beacon = passage("Ostane's Beacon", "The beacon was opened in 1850.", ("1850", 5.0))
    assert answered("Which opened first, Heron Bridge or Tarn Light?", [bridge, beacon], [0, 1]) == "Tarn Light"


@pytest.mark.parametrize("chosen", [[0, 1], [1, 0]])
@pytest.mark.parametrize("known", [0, 1])
def test_where_one_is_titled_after_an_option_the_other_stands_for_the_other(chosen: list[int], known: int) -> None:
    passages = [MIRROR, FERRY]
    passages[1 - known] = replace(passages[1 - known], title="Something else")
    assert answered(FIRST, passages, chosen) == "The Salt Mirror"


def test_a_title_s_disambiguation_does_not_matter() -> None:
    passages = [replace(FERRY, title="The Glass Ferry (film)"), replace(MIRROR, title="The Salt Mirror (1931 film)")]
    assert answered(FIRST, passages, [0, 1]) == "The Salt Mirror"


BOTH = "Were Orla Venn and Emmet Dorrance both Peruvian?"


@pytest.mark.parametrize(("yes", "answer"), [((3.0, 2.0), "yes"), ((3.0, -0.1), "no"), ((-3.0, 4.0), "no"), ((0.0, 9.0), "no")])
def test_yes_where_every_chosen_passage_says_yes(yes: tuple[float, float], answer: str) -> None:
    passages = [passage("Orla Venn", "…", relevance=-2.0, yes=yes[0]), passage("Emmet Dorrance", "…", relevance=-1.0, yes=yes[1])]
    assert find_answer(BOTH, passages, [0, 1]) == Found(answer, -2.0, (0, 1), ((0, 1), (0, 1)))


def test_what_is_cited_for_yes_or_no_is_the_likeliest_span_of_the_reading_that_speaks() -> None:
    venn = passage("Orla Venn", "A Peruvian, born in Arn.", ("Arn", 2.0), ("Peruvian", 5.0), yes=3.0)
    bare, named = read("In Arn. Peruvian.", ("Arn", 9.0), yes=1.0), read("In Arn. Peruvian.", ("Peruvian", 0.5), yes=2.0)
    dorrance = ReadPassage("Emmet Dorrance", "In Arn. Peruvian.", bare, named, 0)
    found = find_answer(BOTH, [venn, dorrance], [0, 1])
    assert found is not None
    assert (found.text, found.spans) == ("yes", ((2, 10), (8, 16)))


def test_a_passage_says_yes_by_its_named_reading_only_beside_its_namer() -> None:
    namer = passage("Orla Venn", "…", yes=5.0)
    named = ReadPassage("Emmet Dorrance", "…", ReadAs(1.0, -1.0, ()), ReadAs(1.0, 1.0, ()), 0)
    assert answered(BOTH, [namer, named], [0, 1]) == "yes"
    assert answered(BOTH, [namer, named], [1]) == "no"
    assert answered(BOTH, [namer, named], []) is None


# Whatever was read

words = st.sampled_from(["1931", "9 June 1947", "Peruvian", "Chilean", "film", "yes", "Orla Venn", "3.5 million"])


@st.composite
def read_passages(draw: st.DrawFn, most: int = 6) -> list[ReadPassage]:
    count = draw(st.integers(0, most))
    made = []
    for place in range(count):
        text = " ".join(draw(st.lists(words, min_size=1, max_size=4)))
        ways_to_read = []
        for _ in range(2):
            starts = draw(st.lists(st.integers(0, len(text) - 1), max_size=SPANS, unique=True))
            scores = sorted(draw(st.lists(st.floats(-20, 20), min_size=len(starts), max_size=len(starts))), reverse=True)
            spans = tuple(AnswerSpan(start, draw(st.integers(start + 1, len(text))), score) for start, score in zip(starts, scores, strict=True))
            ways_to_read.append(ReadAs(draw(st.floats(-9, 9)), draw(st.floats(-9, 9)), spans))
        title = draw(st.sampled_from(["The Salt Mirror", "The Glass Ferry", "Orla Venn", "Emmet Dorrance", "", "Arn"]))
        namer = draw(st.sampled_from([None, *range(place), *range(place + 1, count)]))
        made.append(ReadPassage(title, text, ways_to_read[0], ways_to_read[1] if namer is not None else ways_to_read[0], namer))
    return made


questions = st.sampled_from(
    [
        WHO,
        FIRST,
        BOTH,
        "",
        "Was The Salt Mirror released before The Glass Ferry?",
        "Are the directors of The Salt Mirror and The Glass Ferry from the same country?",
        "Do both movies have the same director?",
        "Which is located along a river, The Salt Mirror or The Glass Ferry?",
    ]
)


@settings(max_examples=300, deadline=None)
@given(data=st.data(), question=questions, passages=read_passages())
def test_an_answer_follows_from_what_is_chosen_and_from_nothing_else(data: st.DataObject, question: str, passages: list[ReadPassage]) -> None:
    chosen = data.draw(st.lists(st.integers(0, len(passages) - 1), unique=True)) if passages else []
    found = find_answer(question, passages, chosen)
    if found is None:
        assert not any(says_a_word(passages[place], span) for place in chosen for way in ways(passages, place, chosen) for span in way.spans)
    else:
        assert set(found.places) <= set(chosen)
        assert found.places
        assert len(found.places) == len(found.spans)
        for place, (start, end) in zip(found.places, found.spans, strict=True):
            assert 0 <= start < end <= len(passages[place].text)
        compared = question not in (WHO, "") and found.text in ("yes", "no", "The Salt Mirror", "The Glass Ferry")
        assert compared or found.text == passages[found.places[0]].text[slice(*found.spans[0])]
    loud = ReadPassage("The Salt Mirror", "1800", *(2 * [ReadAs(99.0, 99.0, (AnswerSpan(0, 4, 99.0),))]))
    others = [one if place in chosen else loud for place, one in enumerate(passages)]
    assert find_answer(question, others, chosen) == found
    alone = [replace(one, named=loud.named) if one.namer not in chosen else one for one in passages]
    assert find_answer(question, alone, chosen) == found


@settings(max_examples=150, deadline=None)
@given(data=st.data(), passages=read_passages(), question=st.sampled_from([WHO, "", "Do both movies have the same director?"]))
def test_where_no_option_is_named_the_order_of_what_is_chosen_says_nothing(
    data: st.DataObject, passages: list[ReadPassage], question: str
) -> None:
    found = find_answer(question, passages, range(len(passages)))
    assert find_answer(question, passages, data.draw(st.permutations(range(len(passages))))) == found


@settings(max_examples=150, deadline=None)
@given(passages=read_passages(), question=st.sampled_from([WHO, ""]))
def test_one_more_passage_makes_the_best_span_no_worse(passages: list[ReadPassage], question: str) -> None:
    scores = []
    for count in range(len(passages) + 1):
        found = find_answer(question, passages, range(count))
        scores.append(found.score if found else -1000.0)
    assert scores == sorted(scores)
    everything = range(len(passages))
    said = [
        span.score + RELEVANCE * min(0.0, way.relevance)
        for place in everything
        for way in ways(passages, place, everything)
        for span in way.spans
        if says_a_word(passages[place], span)
    ]
    assert scores[-1] == pytest.approx(max(said, default=-1000.0))


def test_no_answer_is_made_of_punctuation() -> None:
    record = passage("staff", '{ "name": "Mina Sato" }', ("{", 5.0), ("Mina Sato", 1.0))
    assert answered("What is her name?", [record], [0]) == "Mina Sato"
    assert find_answer("What is her name?", [passage("staff", "{ }", ("{ }", 5.0))], [0]) is None
