"""Cut rules: how many of a ranked list to keep.

A rule sees the scores (best first, each in [0, 1]) and the token counts of a ranked list and says how many to keep and why.
`all_of` joins rules: the strictest one decides and gives the reason. Every rule composes with every reranker.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

Cut = Callable[[Sequence[float], Sequence[int]], tuple[int, str]]


_STRAIGHT = 1e-9
"""Below the chord by no more than rounding: the curve bends nowhere, or the other way."""


def fixed(k: int) -> Cut:
    """The first k."""

    def cut(scores: Sequence[float], tokens: Sequence[int]) -> tuple[int, str]:  # noqa: ARG001
        return min(k, len(scores)), f"fixed k = {k}"

    return cut


def threshold(least: float) -> Cut:
    """Up to the first score below `least`."""

    def cut(scores: Sequence[float], tokens: Sequence[int]) -> tuple[int, str]:  # noqa: ARG001
        keep = next((i for i, score in enumerate(scores) if score < least), len(scores))
        return keep, f"score below {least:g}"

    return cut


def gap(least: int = 1) -> Cut:
    """Before the largest fall between neighbours, keeping at least `least`."""

    def cut(scores: Sequence[float], tokens: Sequence[int]) -> tuple[int, str]:  # noqa: ARG001
        falls = [scores[i - 1] - scores[i] for i in range(least, len(scores))]
        if not falls or max(falls) <= 0:
            return len(scores), "no gap"
        return least + falls.index(max(falls)), "largest score gap"

    return cut


def knee(least: int = 1) -> Cut:
    """Where the score curve bends most: the point farthest below the chord from first to last score.

    Source: Satopää et al., "Finding a 'Kneedle' in a Haystack" (ICDCSW 2011), for a falling convex curve, without smoothing.
    """

    def cut(scores: Sequence[float], tokens: Sequence[int]) -> tuple[int, str]:  # noqa: ARG001
        n = len(scores)
        if n <= max(least, 2) or scores[0] <= scores[-1]:
            return n, "no knee"
        height = scores[0] - scores[-1]
        below = [1 - i / (n - 1) - (scores[i] - scores[-1]) / height for i in range(n)]
        if max(below) < _STRAIGHT:
            return n, "no knee"
        return max(least, below.index(max(below))), "knee of the scores"

    return cut


def token_budget(limit: int) -> Cut:
    """As many as fit: stops before the first passage that would exceed `limit` tokens."""

    def cut(scores: Sequence[float], tokens: Sequence[int]) -> tuple[int, str]:  # noqa: ARG001
        keep = next((i for i, total in enumerate(accumulate(tokens)) if total > limit), len(tokens))
        return keep, f"evidence budget of {limit} tokens"

    return cut


def all_of(*cuts: Cut) -> Cut:
    """The strictest of the rules, with its reason."""

    def cut(scores: Sequence[float], tokens: Sequence[int]) -> tuple[int, str]:
        keep, reason = min((rule(scores, tokens) for rule in cuts), key=lambda kept: kept[0])
        return (keep, reason) if keep < len(scores) else (keep, "end of the candidates")

    return cut
