"""Cut rules: what they keep on lists worked out by hand, and that they never keep what is not there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.rerankers import cuts

SCORES = [0.9, 0.85, 0.8, 0.3, 0.28, 0.1]
TOKENS = [100, 50, 80, 200, 10, 10]


@pytest.mark.parametrize(
    ("cut", "keep"),
    [
        (cuts.fixed(4), 4),
        (cuts.fixed(40), 6),
        (cuts.threshold(0.29), 4),
        (cuts.threshold(0.95), 0),
        (cuts.gap(), 3),
        (cuts.gap(least=4), 5),
        (cuts.knee(), 3),
        (cuts.token_budget(230), 3),
        (cuts.token_budget(229), 2),
        (cuts.token_budget(99), 0),
        (cuts.all_of(cuts.fixed(5), cuts.threshold(0.5)), 3),
    ],
)
def test_keeps_what_was_worked_out_by_hand(cut: cuts.Cut, keep: int) -> None:
    assert cut(SCORES, TOKENS)[0] == keep


@pytest.mark.parametrize("scores", [[0.9, 0.89, 0.88, 0.1], [0.9, 0.6, 0.3], [0.5, 0.5, 0.5]])
def test_a_curve_that_bends_nowhere_or_outwards_has_no_knee(scores: list[float]) -> None:
    assert cuts.knee()(scores, [1] * len(scores)) == (len(scores), "no knee")


def test_the_strictest_rule_gives_the_reason() -> None:
    keep, reason = cuts.all_of(cuts.fixed(5), cuts.threshold(0.5))(SCORES, TOKENS)
    assert (keep, reason) == (3, "score below 0.5")
    assert cuts.all_of(cuts.fixed(9))(SCORES, TOKENS) == (6, "end of the candidates")


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5000)), max_size=40), st.integers(1, 20), st.floats(0, 1), st.integers(1, 4000))
def test_any_list_is_cut_within_its_bounds(ranked: list[tuple[float, int]], k: int, least: float, limit: int) -> None:
    ranked.sort(key=lambda pair: -pair[0])
    scores, tokens = [score for score, _ in ranked], [n for _, n in ranked]
    for cut in (cuts.fixed(k), cuts.threshold(least), cuts.gap(), cuts.knee(), cuts.token_budget(limit)):
        keep, reason = cut(scores, tokens)
        assert 0 <= keep <= len(ranked)
        assert reason
    assert sum(tokens[: cuts.token_budget(limit)(scores, tokens)[0]]) <= limit
    assert all(score >= least for score in scores[: cuts.threshold(least)(scores, tokens)[0]])
