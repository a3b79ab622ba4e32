"""Ranking and Selection hold their invariants, whatever the candidates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.rerankers import cuts
from passel.rerankers.cut_selector import CutSelector, Ranker
from passel.rerankers.ranking import Ranking
from passel.rerankers.selection import Selection
from passel.tools.candidate import Candidate, Hit
from passel.tools.passage import Passage

hits = st.builds(Hit, st.sampled_from(["dense", "lexical", "linked"]), st.sampled_from(["a", "b"]), st.integers(0, 50), st.floats(-1, 30))


def candidate(number: int, found: list[Hit], text: str = "some words") -> Candidate:
    return Candidate(f"p{number}", tuple(found), Passage(f"p{number}", "s", text))


lists = st.lists(st.tuples(st.lists(hits, min_size=1, max_size=4), st.text(max_size=60)), max_size=60).map(
    lambda rows: [candidate(n, *row) for n, row in enumerate(rows)]
)


def words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


@given(lists, st.integers(0, 30), st.integers(1, 20))
def test_a_selection_is_a_prefix_of_the_ranking_within_the_budget(by_score: Ranker, found: list[Candidate], budget: int, k: int) -> None:
    selection = CutSelector(by_score, words, cuts.fixed(k)).select("q", found, token_budget=budget)
    assert sorted(selection.ranked) == sorted(c.passage_id for c in found)
    assert selection.ids == selection.ranked[: len(selection.ids)]
    assert len(selection.ids) <= k
    assert selection.tokens <= budget
    assert list(selection.relevance) == sorted(selection.relevance, reverse=True)
    assert Selection.from_state(selection.to_state()) == selection


@given(lists)
def test_a_ranking_by_score_is_a_permutation_and_keeps_equals_in_order(by_score: Ranker, found: list[Candidate]) -> None:
    ranking = by_score("q", found)
    assert sorted(c.passage_id for c in ranking.candidates) == sorted(c.passage_id for c in found)
    placed = [(-score, found.index(candidate)) for candidate, score in zip(ranking.candidates, ranking.scores, strict=True)]
    assert placed == sorted(placed)


def test_what_cannot_be_is_refused(by_score: Ranker) -> None:
    with pytest.raises(ValueError, match="once"):
        Selection(("a", "a"), (0.1, 0.2), "x", 1)
    with pytest.raises(ValueError, match="probability"):
        Selection(("a",), (1.2,), "x", 1)
    with pytest.raises(ValueError, match="once"):
        Ranking((candidate(1, []), candidate(1, [])), (1.0, 0.5))
    with pytest.raises(ValueError, match="with their passages"):
        CutSelector(by_score, words).select("q", [Candidate("a", (Hit("dense", "q", 0, 1.0),))], token_budget=9)
