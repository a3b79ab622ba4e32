"""Candidates: fusion unites hits, the state's form gives them back."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from passel.tools.candidate import Candidate, Hit, fuse

hits = st.builds(
    Hit,
    st.sampled_from(["dense", "lexical", "linked"]),
    st.sampled_from(["one", "two"]),
    st.integers(0, 99),
    st.floats(-1, 50),
    st.none() | st.just("via"),
    st.none() | st.tuples(st.integers(0, 9), st.integers(10, 20)),
)
lists = st.lists(st.lists(st.builds(lambda n, hit: Candidate(f"p{n}", (hit,)), st.integers(0, 8), hits), max_size=12), max_size=4)


def test_reciprocal_rank_fusion_by_hand() -> None:
    dense = [Candidate("a", (Hit("dense", "q", 0, 0.9),)), Candidate("b", (Hit("dense", "q", 1, 0.8),))]
    lexical = [Candidate("b", (Hit("lexical", "q", 0, 7.0),))]
    first, second = fuse([dense, lexical])
    assert (first.passage_id, second.passage_id) == ("b", "a")
    assert math.isclose(first.score, 1 / 62 + 1 / 61)
    assert first.channels == ("dense", "lexical")


@given(lists)
def test_fusing_is_orderly(found: list[list[Candidate]]) -> None:
    fused = fuse(found)
    assert fuse(found[::-1]) == fused == fuse([fused])  # the order of lists is nothing; fusing twice changes nothing
    assert {c.passage_id for c in fused} == {c.passage_id for one in found for c in one}
    assert [c.score for c in fused] == sorted((c.score for c in fused), reverse=True)
    for candidate in fused:
        keys = [(hit.channel, hit.query) for hit in candidate.hits]
        assert len(keys) == len(set(keys))
        assert Candidate.from_state(candidate.to_state()) == candidate
