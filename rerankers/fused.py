"""The order in which the search left the candidates: reciprocal rank fusion alone. The baseline that costs nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ..tools.candidate import Candidate
from .ranking import Ranking


def rank_fused(question: str, candidates: Sequence[Candidate]) -> Ranking:  # noqa: ARG001
    """By fused score, ties by passage id. The score of a rank is how often a passage there was evidence (see docs/systems.md)."""
    ordered = tuple(sorted(candidates, key=lambda c: (-c.score, c.passage_id)))
    return Ranking(ordered, tuple(_FIRST * _FALLS**rank for rank in range(len(ordered))))


_FIRST, _FALLS = 0.76, 0.63
