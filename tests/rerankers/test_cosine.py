from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.rerankers.cosine import rank_cosine
from passel.tools.candidate import Candidate, Hit
from passel.tools.encoder import Encoder
from passel.tools.passage import Passage


def candidate(id: str, text: str, title: str = "") -> Candidate:
    return Candidate(id, (Hit("lexical", "q", 0, 1.0),), Passage(id, id, text, title))


def test_the_passage_that_means_the_same_comes_first() -> None:
    given_ = [candidate("a", "The port has a fish market."), candidate("b", "It was built in 1790 and grinds buckwheat.", title="The mill of Sedge")]
    ranking = rank_cosine(Encoder.load(), "When was the mill built?", given_)
    assert [each.passage_id for each in ranking.candidates] == ["b", "a"]
    assert ranking.calls == 0


def test_scores_are_the_cosine_moved_into_the_unit_interval() -> None:
    encoder = Encoder.load()
    ranking = rank_cosine(encoder, "mill", [candidate("a", "mill"), candidate("b", "harbour")])
    cosine = float(encoder.encode(["harbour"])[0] @ encoder.encode(["mill"])[0])
    assert ranking.scores == (pytest.approx(1.0, abs=1e-3), pytest.approx((1 + cosine) / 2, abs=1e-3))


class _Random:
    """Vectors by chance: unit length, any direction."""

    def encode(self, texts: list[str], *, remember: bool = True) -> Any:
        vectors = np.stack([np.random.default_rng(abs(hash(text))).normal(size=4) for text in texts]).astype(np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(texts=st.lists(st.none() | st.text(max_size=5), max_size=8))
def test_always_a_permutation_with_scores_in_the_unit_interval(texts: list[str | None]) -> None:
    given_ = [Candidate(str(n), ()) if text is None else candidate(str(n), text) for n, text in enumerate(texts)]
    encoder: Any = _Random()
    ranking = rank_cosine(encoder, "question", given_)
    assert sorted(each.passage_id for each in ranking.candidates) == sorted(each.passage_id for each in given_)
    assert all(0 <= score <= 1 for score in ranking.scores)
    assert list(ranking.scores) == sorted(ranking.scores, reverse=True)
    assert all(score == 0 for each, score in zip(ranking.candidates, ranking.scores, strict=True) if each.passage is None)
