"""Passages that a caller brings become candidates as a search would have found them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from passel.tools.given import given_candidates
from passel.tools.home import passel_home

PASSAGES = [
    ("Geese", "Geese are kept on the western meadows."),
    ("Mirel Ostane", "Mirel Ostane was an engineer, born in Brackwater in 1811."),
    ("", " \n"),
    ("Tarn Light", "The Tarn Light is a lighthouse that Mirel Ostane built in 1840."),
    ("Geese", "Geese are kept on the western meadows."),
    ("Odd", "A NUL \0 and half a pair \ud800 are no text."),
]


def cached() -> list[tuple[Path, int]]:
    return sorted((file, file.stat().st_size) for file in (passel_home() / "cache").rglob("*") if file.is_file())


def test_every_passage_with_text_is_a_candidate_with_its_ranks_and_links(encoder: Any) -> None:
    before = cached()
    found = given_candidates(encoder, "Where was the builder of the Tarn Light born?", PASSAGES)
    places = {int(candidate.passage.source): candidate for candidate in found if candidate.passage is not None}
    assert sorted(places) == [0, 1, 3, 4, 5]
    assert found[0] is places[3]
    assert {"dense", "lexical"} <= set(places[3].channels)
    linked = [hit for hit in places[1].hits if hit.channel == "linked"]
    assert [hit.via for hit in linked] == [places[3].passage_id], "the passage that names it"
    assert cached() == before, "a caller's passages are kept nowhere"


def test_nothing_given(encoder: Any) -> None:
    assert given_candidates(encoder, "Who?", []) == []
    assert given_candidates(encoder, "Who?", [("a title", "")]) == []
