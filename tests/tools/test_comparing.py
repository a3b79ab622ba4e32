"""What two attributes answer to a comparison; where they say nothing, no answer."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.comparing import compare, value_at
from passel.tools.comparison import Asks, Comparison, Reads, comparison

VALUE_WORDS = """
    c. 9 June 1956 , 44 BC the 1920s 19th century – 50 2012-02-30 3.5 million twenty-five ft km and American Iranian yes no
    m² per $ 10¹² tons pounds 12 years to"""
values = st.text(max_size=60) | st.lists(st.sampled_from(VALUE_WORDS.split()), max_size=8).map(" ".join)
dates = st.tuples(st.integers(1, 2100), st.integers(1, 12), st.integers(1, 28))
MONTHS = "January February March April May June July August September October November December".split()


def asked(asks: Asks, reads: Reads, *, yes_no: bool = False, predicate: str = "") -> Comparison:
    return Comparison(("A", "B"), asks, yes_no, reads, predicate)


@pytest.mark.parametrize(
    ("asks", "reads", "one", "other", "answer"),
    [
        ("least", "start", "June 9, 1956", "26 October 1993", "A"),
        ("most", "start", "June 9, 1956", "26 October 1993", "B"),
        ("least", "start", "1956-06-09", "9 June 1955", "B"),
        ("least", "start", "1956", "9 June 1956", None),
        ("least", "start", "June 1956", "9 July 1956", "A"),
        ("least", "start", "June 1956", "9 June 1956", None),
        ("least", "start", "c. 1540", "1541", "A"),
        ("least", "start", "44 BC", "43 BC", "A"),
        ("least", "start", "44 BC", "AD 12", "A"),
        ("least", "start", "the 1920s", "1931", "A"),
        ("least", "start", "the 1920s", "1925", None),
        ("least", "start", "19th century", "1920", "A"),
        ("least", "start", "5th century BC", "399 BC", "A"),
        ("least", "start", "9\u00a0June\u00a01956", "1955", "B"),
        ("least", "start", "(1900 – 1950)", "(1910 – 1940)", "A"),
        ("least", "end", "(1900 – 1950)", "(1910 – 1940)", "B"),
        ("least", "end", "1900–50", "1951", "A"),
        ("least", "start", "unknown", "1910", None),
        ("most", "span", "(28 August 1749 – 22 March 1832)", "1900–1950", "A"),
        ("most", "span", "(1900 – 1950)", "born 1910", None),
        ("most", "span", "aged 85", "(1900 – 1950)", "A"),
        ("most", "number", "1,234", "twelve", "A"),
        ("most", "number", "$2 billion", "3.5 million", "A"),
        ("least", "number", "716 ft (218 m)", "300 m", "A"),
        ("most", "number", "two hundred and five", "204", "A"),
        ("most", "number", "12", "12", None),
        ("most", "number", "director, actor and writer", "director and actor", "A"),
        ("most", "number", "", "12", None),
    ],
)
def test_the_least_or_the_most_wins(asks: Asks, reads: Reads, one: str, other: str, answer: str | None) -> None:
    assert compare(asked(asks, reads), [one, other]) == answer
    first = {"A": "yes", "B": "no", None: None}[answer]
    assert compare(asked(asks, reads, yes_no=True), [one, other]) == first


@pytest.mark.parametrize(
    ("reads", "one", "other", "answer"),
    [
        ("country", "American", "the U.S.", "yes"),
        ("country", "Austrian", "Australian", "no"),
        ("country", "English", "United Kingdom", "yes"),
        ("country", "Canadian-American", "American", "yes"),
        ("country", "Ruritanian", "American", None),
        ("country", "Ruritania", "ruritania", "yes"),
        ("place", "Lima", "Lima, Peru", "yes"),
        ("place", "Lyon, France", "Paris, France", "no"),
        ("text", "actor and director", "director", "yes"),
        ("text", "Steven Spielberg", "spielberg, steven", "no"),
        ("year", "9 June 1956", "3 May 1956", "yes"),
        ("start", "9 June 1956", "June 1956", "yes"),
        ("start", "9 June 1956", "3 May 1956", "no"),
        ("number", "twelve", "12 acts", "yes"),
        ("number", "some", "12 acts", None),
    ],
)
def test_the_same(reads: Reads, one: str, other: str, answer: str | None) -> None:
    assert compare(asked("same", reads, yes_no=True), [one, other]) == answer


@pytest.mark.parametrize(
    ("predicate", "one", "other", "both", "which"),
    [
        ("American", "U.S.", "an American writer", "yes", None),
        ("American", "U.S.", "British", "no", "A"),
        ("American film directors", "American film director", "film director", None, None),
        ("film directors", "a film director", "painter", "no", "A"),
        ("produced before 2000", "1990", "1980", None, None),
        ("alive", "no", "yes", "no", "B"),
    ],
)
def test_a_predicate(predicate: str, one: str, other: str, both: str | None, which: str | None) -> None:
    assert compare(asked("all", "text", yes_no=True, predicate=predicate), [one, other]) == both
    assert compare(asked("which", "text", predicate=predicate), [one, other]) == which


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        ("1.5 km²", "900,000 m²", "A"),
        ("1.5\u00a0km²", "900,000\u00a0m²", "A"),
        ("1.5 square kilometres", "900 hectares", "B"),
        ("1.5 sq mi", "900 acres", "A"),
        ("1.2 km³", "900 million m³", "A"),
        ("12 tonnes", "900 kg", "A"),
        ("It weighs 3 lb 2 oz", "1.5 kg", "B"),
        ("$3.5bn", "$900m", "A"),
        ("$3.5bn", "900 million dollars", "A"),
        ("€900m", "3.5 billion euros", "B"),
        ("$10–12 million", "$900k", "A"),
        ("20 knots", "30 km/h", "A"),
        ("60 miles per hour", "30 m/s", "B"),
        ("30 days", "2 years", "B"),
        ("90 minutes", "1 hour and 20 minutes", "A"),
        ("450 people per km²", "1,100 people per square mile", "A"),
        ("10–12 km", "9 km", "A"),
        ("10–12 km", "11 km", None),
        ("5 ft 11 in", "5 ft 9 in", "A"),
        ("3 ft", "1 yd", None),
        ("£3m ($4m)", "$5m", "B"),
        ("£3m", "$5m", None),
        ("12 km", "900 kg", None),
        ("2 m", "900 m²", None),
        ("12 acts", "3 hours", None),
        ("20 °C", "50 °F", None),
        ("12 tons", "11 tonnes", None),
        ("12 tons", "13 tons", "B"),
        ("5 pounds", "£7", "B"),
        ("5 years", "7", "B"),
        ("2 km", "900", None),
        ("12 acts", "15 scenes", "B"),
        ("the 1920s", "the 1930s", "B"),
        ("3 in 1956", "2 in 2012", "A"),
    ],
)
def test_the_larger_quantity_wins_whatever_its_unit_and_unlike_ones_say_nothing(one: str, other: str, answer: str | None) -> None:
    assert compare(asked("most", "number"), [one, other]) == answer
    assert compare(asked("least", "number"), [one, other]) == {"A": "B", "B": "A", None: None}[answer]


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        ("30 days", "2 years", "B"),
        ("2.5 years", "2 years", None),  # two years are said until there are three
        ("25,000 years", "24,000 years", "A"),
        ("twelve years", "(1900 – 1950)", "B"),
        ("18 months", "1900–1910", "B"),
        ("120 to 150 minutes", "1 day", "B"),
        ("90 minutes", "1 hour", "A"),
        ("12 km", "2 years", None),
    ],
)
def test_spans_of_time_in_any_unit(one: str, other: str, answer: str | None) -> None:
    assert compare(asked("most", "span"), [one, other]) == answer


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        ("3 ft", "1 yd", "yes"),
        ("1.1 km", "1,100 m", "yes"),
        ("2 km²", "2 km", None),
        ("$5m", "€5m", None),
        ("1 km", "1 mi", "no"),
        ("85 years", "85", "yes"),
    ],
)
def test_the_same_quantity_in_other_units(one: str, other: str, answer: str | None) -> None:
    assert compare(asked("same", "number", yes_no=True), [one, other]) == answer


def test_the_answer_is_the_option_as_the_question_writes_it() -> None:
    found = comparison("Which film has the director died first, The Prairie King or Confessions Of An Opium Eater?")
    assert found is not None
    assert compare(found, ["June 9, 1956", "October 26, 1993"]) == "The Prairie King"
    assert compare(found, ["June 9, 1956"]) is None


@given(st.sampled_from(get_args(Asks)), st.sampled_from(get_args(Reads)), st.booleans(), values, values)
def test_any_values_give_an_answer_or_none_and_their_order_does_not_matter(asks: Asks, reads: Reads, yes_no: bool, one: str, other: str) -> None:
    yes_no = asks in ("same", "all") or (yes_no and asks != "which")
    there = compare(Comparison(("A", "B"), asks, yes_no, reads, "American film"), [one, other])
    back = compare(Comparison(("B", "A"), asks, yes_no, reads, "American film"), [other, one])
    assert there in ((None, "yes", "no") if yes_no else (None, "A", "B"))
    if asks in ("least", "most") and yes_no:
        assert {there, back} in ({None}, {"yes", "no"})
    else:
        assert there == back


@given(dates, dates)
def test_every_way_to_write_a_date_gives_the_same_winner(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    def written(date: tuple[int, int, int]) -> list[str]:
        year, month, day = date
        name = MONTHS[month - 1]
        return [f"{day} {name} {year:04}", f"{name} {day}, {year:04}", f"born {day}th of {name[:3]}. {year:04}", f"{year:04}-{month:02}-{day:02}"]

    expected = None if one == other else "A" if one < other else "B"
    assert {compare(asked("least", "start"), [a, b]) for a in written(one) for b in written(other)} == {expected}


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_the_larger_number_wins(one: int, other: int) -> None:
    expected = None if one == other else "A" if one > other else "B"
    assert compare(asked("most", "number"), [f"{one:,} people", str(other)]) == expected


LIFE = "Hrishikesh Mukherjee( 30 September 1922 – 27 August 2006) was an Indian film director."


@pytest.mark.parametrize(
    ("question", "text", "found", "value"),
    [
        ("Who died later, Ida Farrow or Otto Vane?", LIFE, "30 September 1922", "30 September 1922 – 27 August 2006"),
        ("Who was born first, Ida Farrow or Otto Vane?", LIFE, "27 August 2006", "30 September 1922 – 27 August 2006"),
        ("Who lived longer, Ida Farrow or Otto Vane?", LIFE, "1922", "30 September 1922 – 27 August 2006"),
        ("Who died later, Ida Farrow or Otto Vane?", LIFE, "Indian", "Indian"),
        ("Who died later, Ida Farrow or Otto Vane?", "He was born in 1922, and died in 2006.", "1922", "1922"),
        ("Which town has more people, Arn or Bel?", "It had 1900 - 2000 people.", "1900", "1900"),
    ],
)
def test_of_one_end_of_a_range_of_dates_the_range_is_read(question: str, text: str, found: str, value: str) -> None:
    asked = comparison(question)
    assert asked is not None
    assert value_at(asked, text, text.index(found), text.index(found) + len(found)) == value
