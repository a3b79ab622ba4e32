"""The selector that needs no training: candidates ordered by how likely each is evidence, cut by a rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..tools.candidate import Candidate
from . import cuts
from .ranking import Ranking
from .relevance import relevance
from .selection import EMPTY, Selection


def rank_fused(candidates: Sequence[Candidate]) -> Ranking:
    """Orders by `relevance`, which reads the fused rank beside the channels' own scores."""
    ordered = sorted(candidates, key=lambda c: (-c.score, c.passage_id))
    return Ranking.by_score(ordered, [relevance(candidate, rank) for rank, candidate in enumerate(ordered)])


@dataclass(frozen=True, slots=True)
class FusedSelector:
    """`rank_fused`, cut by `cut` and by the token budget, whichever is stricter."""

    count_tokens: Callable[[Sequence[str]], list[int]]
    cut: cuts.Cut = field(default=cuts.fixed(6))

    def select(self, question: str, candidates: Sequence[Candidate], *, token_budget: int) -> Selection:  # noqa: ARG002
        """Raises ValueError where a candidate comes without its passage."""
        ranking = rank_fused(candidates)
        if not ranking.candidates:
            return EMPTY
        if any(candidate.passage is None for candidate in ranking.candidates):
            raise ValueError("a selector needs candidates with their passages")
        tokens = self.count_tokens([candidate.passage.text for candidate in ranking.candidates if candidate.passage])
        keep, reason = cuts.all_of(self.cut, cuts.token_budget(token_budget))(ranking.scores, tokens)
        ids = tuple(candidate.passage_id for candidate in ranking.candidates)
        return Selection(ids[:keep], ranking.scores[:keep], reason, sum(tokens[:keep]), ranked=ids)
