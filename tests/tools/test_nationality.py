"""Countries: every wording of one meets in one name, and names alike never mix."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.nationality import _TABLE, countries

LINES = [line.partition(":") for line in _TABLE.strip().splitlines()]
WORDINGS = [(country, wording.strip()) for country, _, others in LINES for wording in (country, *others.split(",")) if wording.strip()]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("American", {"United States"}),
        ("the United States", {"United States"}),
        ("U.S.", {"United States"}),
        ("U.S.A", {"United States"}),
        ("the US", {"United States"}),
        ("Americans", {"United States"}),
        ("told us", set()),
        ("Atlanta, Georgia, U.S.", {"United States"}),
        ("Georgian", {"Georgia"}),
        ("English", {"United Kingdom"}),
        ("Scottish", {"United Kingdom"}),
        ("UK", {"United Kingdom"}),
        ("West German", {"Germany"}),
        ("the Kingdom of Italy", {"Italy"}),
        ("Soviet", {"Soviet Union"}),
        ("SFR Yugoslavia", {"Yugoslavia"}),
        ("Austro-Hungarian", {"Austria-Hungary"}),
        ("Polish–Lithuanian Commonwealth", {"Polish-Lithuanian Commonwealth"}),
        ("Iranian–American", {"Iran", "United States"}),
        ("Côte d’Ivoire", {"Ivory Coast"}),
        ("an American English-language film", {"United States"}),
        ("Latin American", set()),
        ("Albuquerque, New Mexico", {"United States"}),
        ("Sydney, New South Wales", {"Australia"}),
        ("New Guinea", set()),
        ("Congolese", {"Democratic Republic of the Congo", "Republic of the Congo"}),
        ("Kerman Province", set()),
        ("", set()),
    ],
)
def test_countries(text: str, named: set[str]) -> None:
    assert countries(text) == named


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Austrian", "Australian"),
        ("Austria", "Austria-Hungary"),
        ("Nigerien", "Nigerian"),
        ("Niger", "Nigeria"),
        ("Iranian", "Iraqi"),
        ("Dominica", "Dominican"),
        ("Guinea", "Papua New Guinea"),
        ("Guinea-Bissau", "Guinea"),
        ("South Sudan", "Sudan"),
        ("North Korean", "South Korean"),
        ("Republic of China", "People's Republic of China"),
        ("Hong Kong", "China"),
        ("Slovak", "Slovene"),
        ("Northern Ireland", "Republic of Ireland"),
        ("Czech", "Czechoslovak"),
        ("Russian", "Soviet"),
        ("Jersey", "New Jersey"),
        ("Mexico", "New Mexico"),
        ("Indian", "West Indian"),
        ("Virginia", "U.S. Virgin Islands"),
    ],
)
def test_names_alike_do_not_mix(one: str, other: str) -> None:
    assert not countries(one) & countries(other)
    assert countries(one)


def test_every_wording_of_the_table_names_its_country_and_no_other() -> None:
    for country, wording in WORDINGS:
        assert country in countries(f"He was a {wording}-born painter.")
        assert countries(wording) == {country} or wording in ("Congo", "Congolese")


@given(st.text() | st.lists(st.sampled_from([wording for _, wording in WORDINGS])).map(" ".join))
def test_any_text_gives_countries_of_the_table(text: str) -> None:
    assert countries(text) <= {country for country, _, _ in LINES}
    assert countries(text) == countries(f"  {text}\n")
