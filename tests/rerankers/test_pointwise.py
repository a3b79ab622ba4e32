"""Pointwise: an order by what the pair model says, of all candidates, whatever they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.rerankers.default import pair_model
from passel.rerankers.pointwise import rank_pointwise
from passel.tools.candidate import Candidate, Hit
from passel.tools.pair import PairReading
from passel.tools.pair_text import Reading
from passel.tools.passage import Passage


def candidate(id: str, text: str, title: str = "", *hits: Hit) -> Candidate:
    return Candidate(id, hits or (Hit("lexical", "q", 0, 1.0),), Passage(id, id, text, title))


def test_evidence_comes_first_and_a_named_passage_is_read_with_what_names_it() -> None:
    naming = "The Harbour Hall was designed by Ilse Marn."
    hall = candidate("hall", f"{naming} It opened in 1902.", "Harbour Hall")
    geese = candidate("geese", "Geese eat grass, and fly far.", "Goose")
    text = "She was born in Sedge, the daughter of a miller."
    alone = candidate("marn", text, "Ilse Marn")
    linked = candidate("marn", text, "Ilse Marn", Hit("linked", "q", 0, 1.0, "hall", (0, len(naming))))
    question = "Where was the architect of the Harbour Hall born?"
    scores = []
    for marn in (alone, linked):
        ranking = rank_pointwise(pair_model(device="cpu"), question, [geese, marn, hall])
        assert ranking.candidates[-1] is geese
        scores.append(ranking.scores[ranking.candidates.index(marn)])
    assert scores[1] > scores[0]


class _Random:
    def __init__(self, relevance: list[float]) -> None:
        self._relevance = iter(relevance)

    def read(self, question: str, readings: list[Reading]) -> list[PairReading]:
        return [PairReading(np.zeros(4, np.float32), next(self._relevance), 0.0, ()) for _ in readings]


@given(relevance=st.lists(st.none() | st.floats(-1e6, 1e6), max_size=8))
def test_always_a_permutation_with_probabilities_as_scores(relevance: list[float | None]) -> None:
    given_ = [Candidate(str(n), ()) if value is None else candidate(str(n), "text") for n, value in enumerate(relevance)]
    model: Any = _Random([value for value in relevance if value is not None])
    ranking = rank_pointwise(model, "question", given_)
    assert sorted(each.passage_id for each in ranking.candidates) == sorted(each.passage_id for each in given_)
    assert all(0 <= score <= 1 for score in ranking.scores)
    assert list(ranking.scores) == sorted(ranking.scores, reverse=True)
    for each, score in zip(ranking.candidates, ranking.scores, strict=True):
        value = relevance[int(each.passage_id)]
        assert score == (0 if value is None else pytest.approx(1 / (1 + np.exp(-np.clip(value, -700, 700))), abs=1e-9))
