"""Ranking: an order of all candidates. Nothing is dropped here, and nothing is made up: always a permutation of the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..tools.candidate import Candidate


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidates, best first, with one score each (higher is better, comparable only within this ranking)."""

    candidates: tuple[Candidate, ...]
    scores: tuple[float, ...]
    calls: int = 0
    """Model calls it took."""
    repaired: int = 0
    """Outputs of a model that were malformed and could be mended."""
    fallback: bool = False
    """The input order was kept because the ranker's output could not be used."""

    def __post_init__(self) -> None:
        if len(self.candidates) != len(self.scores):
            raise ValueError(f"{len(self.candidates)} candidates but {len(self.scores)} scores")
        if len({candidate.passage_id for candidate in self.candidates}) != len(self.candidates):
            raise ValueError("a ranking names each candidate once")

    @classmethod
    def by_score(cls, candidates: Sequence[Candidate], scores: Sequence[float]) -> Ranking:
        """Orders by score, equal scores in input order."""
        order = sorted(range(len(candidates)), key=lambda i: -scores[i])
        return cls(tuple(candidates[i] for i in order), tuple(scores[i] for i in order))
