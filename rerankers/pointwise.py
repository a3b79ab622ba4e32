"""Pointwise: each passage by itself, by what the pair model says of question and passage read together.

Source: Nogueira and Cho, "Passage Re-ranking with BERT" (arXiv 1901.04085). A linked passage is read with the sentence that names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import tanh

from ..tools.candidate import Candidate
from ..tools.pair import PairModel
from ..tools.pair_text import readings_of
from .ranking import Ranking


def rank_pointwise(model: PairModel, question: str, candidates: Sequence[Candidate]) -> Ranking:
    """Scores are P(it is evidence), in [0, 1]. A candidate without its passage scores 0; equal scores keep their order."""
    read = iter(model.read(question, readings_of(candidates)))
    scores = [0.0 if candidate.passage is None else (1 + tanh(next(read).relevance / 2)) / 2 for candidate in candidates]
    return Ranking.by_score(candidates, scores)
