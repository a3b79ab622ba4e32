"""Versions: the same text but for a few words, and what stands for what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.versions import same_subject, versions

HALL = "The Harbour Hall in Arn was designed by Ilse Marn and opened in 1871. Its tower is 41 metres high. Otto Vane built its clock."


def values(one: str, other: str) -> list[tuple[str, str]]:
    found = versions(one, other)
    assert found is not None
    return [(one[slice(*mine)], other[slice(*theirs)]) for mine, theirs in found.values]


def test_a_changed_name_and_a_changed_number_are_values() -> None:
    other = HALL.replace("Ilse Marn", "Joss Harl").replace("41", "39")
    assert values(HALL, other) == [("Ilse Marn", "Joss Harl"), ("41", "39")]
    assert values(other, HALL) == [("Joss Harl", "Ilse Marn"), ("39", "41")]


def test_other_words_and_left_out_sentences_are_none() -> None:
    assert values(HALL, HALL) == []
    assert values(HALL, HALL.replace("designed", "planned").replace("opened", "finished").upper()) == []
    found = versions(HALL, HALL.partition(" Otto")[0])
    assert found is not None
    assert found.values == ()
    assert (found.richer, found.poorer) == (True, False)
    same = versions(HALL, HALL.replace("and opened", "as well as opened in the course of time"))
    assert same is not None
    assert not same.richer


def test_the_counterpart_of_a_longer_stretch() -> None:
    other = HALL.replace("Ilse Marn", "Brother Joss of Harl")
    found = versions(HALL, other)
    assert found is not None
    start = HALL.index("designed by")
    place = found.counterpart(start, start + len("designed by Ilse Marn"))
    assert place is not None
    assert other[slice(*place)] == "designed by Brother Joss of Harl"
    clock = HALL.index("Otto")
    cut = versions(HALL, HALL.partition(" Otto")[0])
    assert cut is not None
    assert cut.counterpart(clock, clock + 4) is None, "nothing stands there"


def test_different_texts_short_ones_and_endless_ones_are_no_versions() -> None:
    assert versions(HALL, "Sedge is a village on the river Till. It has 212 inhabitants and a mill that grinds buckwheat.") is None
    assert versions("Born in Arn.", "Born in Sedge.") is None
    assert versions("salt " * 3_000, "salt " * 3_000) is None


@pytest.mark.parametrize(
    ("title", "other", "differ", "same"),
    [
        ("Harbour Hall", "harbour hall", [("1871", "1872"), ("41", "39")], True),
        ("Ilse Marn", "Joss Harl", [("Ilse Marn", "Joss Harl")], True),  # the name is what is disputed
        ("Sedge", "Ketter", [("Sedge", "Ketter"), ("212", "31")], False),  # two villages
        ("Report 1999", "Report 2000", [("1999", "2000"), ("Vane", "Marn")], False),
        ("Report 1999", "Report 2000", [], False),
        ("", "", [], True),
    ],
)
def test_versions_are_of_one_subject(title: str, other: str, differ: list[tuple[str, str]], same: bool) -> None:
    assert same_subject(title, other, differ) is same


words = st.lists(st.sampled_from("The hall in Arn opened 1871 1902 tower Marn by was old a".split()), max_size=24).map(" ".join)


@given(one=words, other=words)
def test_spans_stand_in_their_texts_and_both_ways_agree(one: str, other: str) -> None:
    found = versions(one, other)
    if found is None:
        return
    for mine, theirs in found.values:
        assert 0 <= mine[0] < mine[1] <= len(one)
        assert 0 <= theirs[0] < theirs[1] <= len(other)
        assert found.counterpart(*mine) == theirs
    for start in range(0, len(one), 3):
        place = found.counterpart(start, start + 5)
        assert place is None or 0 <= place[0] < place[1] <= len(other)
    assert not versions(one, one).values  # type: ignore[union-attr]
