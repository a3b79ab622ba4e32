"""Versions among the candidates: those that disagree stand side by side, one of those that do not is enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.rerankers.default import default_selector, pair_model
from passel.rerankers.selection import Selection
from passel.rerankers.versions import with_versions
from passel.tools.candidate import Candidate, Hit
from passel.tools.given import given_candidates
from passel.tools.passage import Passage

HALL = "The Harbour Hall in Arn was designed by Ilse Marn and opened in 1871. Its tower is 41 metres high. Otto Vane built its clock."
TEXTS = {
    "hall": HALL,
    "other": HALL.replace("Ilse Marn", "Joss Harl"),
    "third": HALL.replace("Ilse Marn", "Ane Voss"),
    "short": HALL.partition(" Otto")[0],
    "without": HALL.replace(" and opened in 1871", ""),
    "same": HALL,
    "till": "The Till is a river. It rises at Ketter and runs past the mill of Sedge to the sea.",
}
WHO = "Who designed the Harbour Hall in Arn?"


def candidate(id: str) -> Candidate:
    title = "Till" if id == "till" else "Harbour Hall"
    return Candidate(id, (Hit("dense", "q", 0, 0.5),), Passage(id, f"{id}.md", TEXTS[id], title))


def count(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def settled(chosen: list[str], there: list[str], budget: int = 2_000, question: str = WHO, most: int | None = None) -> Selection:
    selection = Selection(tuple(chosen), (0.9,) * len(chosen), "stop", sum(count([TEXTS[id] for id in chosen])), most=most)
    return with_versions(selection, question, list(map(candidate, there)), pair_model(), count, token_budget=budget)


def test_a_version_that_says_something_else_stands_beside_the_chosen_one() -> None:
    assert settled(["till", "hall"], ["hall", "till", "other"]).ids == ("till", "hall", "other")
    assert settled(["other"], ["hall", "till", "other"]).ids == ("other", "hall")


def test_only_within_the_budget() -> None:
    tight = sum(len(TEXTS[id].split()) for id in ("hall", "other")) - 1
    assert settled(["hall"], ["hall", "other"], tight).ids == ("hall",)
    assert settled(["hall"], ["hall", "other"], tight + 1).ids == ("hall", "other")


@pytest.mark.parametrize(("most", "added", "said"), [(1, 0, ""), (2, 1, "; 1 other version added"), (None, 2, "; 2 other versions added")])
def test_only_as_many_passages_as_may_be_selected_and_it_is_said(most: int | None, added: int, said: str) -> None:
    after = settled(["hall"], ["hall", "other", "third"], most=most)
    assert (len(after.ids), after.ids[0], after.stop_reason) == (1 + added, "hall", f"stop{said}")


def test_the_selectors_own_limit_counts(encoder: Any) -> None:
    both = given_candidates(encoder, WHO, [("Harbour Hall", TEXTS["hall"]), ("Harbour Hall", TEXTS["other"])])
    for most in (1, 2):
        selection = default_selector(encoder, most=most).select(WHO, both, token_budget=2_000)
        assert len(with_versions(selection, WHO, both, pair_model(), count, token_budget=2_000).ids) == most


def test_of_copies_one_is_kept_the_longer() -> None:
    assert settled(["hall", "same"], ["hall", "same", "till"]).ids in (("hall",), ("same",))
    assert settled(["short", "hall"], ["hall", "short"]).ids == ("hall",)
    assert settled(["hall", "short"], ["hall", "short"]).ids == ("hall",)


def test_a_copy_that_holds_no_answer_gives_its_place_to_the_one_that_does() -> None:
    assert settled(["without", "till"], ["hall", "without", "till"], question="In which year was the Harbour Hall opened?").ids == ("hall", "till")
    assert settled(["hall"], ["hall", "without"]).ids == ("hall",), "never the other way round"


def test_nothing_changes_where_there_are_no_versions() -> None:
    selection = Selection(("till", "hall"), (0.9, 0.8), "stop", 40)
    given_back = with_versions(selection, WHO, [candidate("hall"), candidate("till")], pair_model(), lambda texts: [9] * len(texts), token_budget=10)
    assert given_back is selection


ids = st.lists(st.sampled_from(["hall", "other", "same", "till"]), unique=True)


@settings(max_examples=40, deadline=None)
@given(there=ids.filter(bool), data=st.data(), budget=st.integers(0, 120))
def test_what_comes_out_is_a_selection_of_the_candidates(there: list[str], data: st.DataObject, budget: int) -> None:
    chosen = data.draw(st.lists(st.sampled_from(there), unique=True))
    after = settled(chosen, there, budget)
    assert set(after.ids) <= set(there)
    assert len(after.relevance) == len(after.ids)
    assert after.tokens <= max(budget, sum(len(TEXTS[id].split()) for id in chosen))
    assert bool(after.ids) == bool(chosen)
