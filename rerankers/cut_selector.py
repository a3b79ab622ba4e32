"""CutSelector: a ranker's order, cut by a rule. Any ranker with any rule; what the learned selector has to beat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..tools.candidate import Candidate
from . import cuts
from .ranking import Ranking
from .selection import EMPTY, Selection

Ranker = Callable[[str, Sequence[Candidate]], Ranking]
"""(question, candidates with their passages) to an order whose scores are probabilities of being evidence."""


@dataclass(frozen=True, slots=True)
class CutSelector:
    """`cut` and the token budget both hold: the stricter one decides."""

    rank: Ranker
    count_tokens: Callable[[Sequence[str]], list[int]]
    cut: cuts.Cut = field(default=cuts.fixed(8))

    def select(self, question: str, candidates: Sequence[Candidate], *, token_budget: int) -> Selection:
        """Raises ValueError where a candidate comes without its passage."""
        if any(candidate.passage is None for candidate in candidates):
            raise ValueError("a selector needs candidates with their passages")
        if not candidates:
            return EMPTY
        ranking = self.rank(question, candidates)
        ids = tuple(candidate.passage_id for candidate in ranking.candidates)
        tokens = self.count_tokens([candidate.passage.text for candidate in ranking.candidates if candidate.passage])
        keep, reason = cuts.all_of(self.cut, cuts.token_budget(token_budget))(ranking.scores, tokens)
        scores, spent = ranking.scores, sum(tokens[:keep])
        return Selection(ids[:keep], scores[:keep], reason, spent, ranked=ids, scores=scores, fallback=ranking.fallback)
