"""Cosine: each passage by the cosine of its vector and the question's, from the embedded bi-encoder. The plainest learned reranker.

Source: Reimers and Gurevych, "Sentence-BERT" (EMNLP 2019), sections 1 and 3: independent vectors, compared by cosine.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..tools.candidate import Candidate
from ..tools.encoder import Encoder
from .ranking import Ranking


def rank_cosine(encoder: Encoder, question: str, candidates: Sequence[Candidate]) -> Ranking:
    """Scores are (1 + cosine) / 2, in [0, 1]: an order, no probability. A candidate without its passage scores 0; equal scores keep their order."""
    texts = [candidate.passage.embedded_text for candidate in candidates if candidate.passage is not None]
    cosines = iter(encoder.encode(texts) @ encoder.encode([question], remember=False)[0] if texts else ())
    scores = [0.0 if candidate.passage is None else min(1.0, max(0.0, (1.0 + float(next(cosines))) / 2.0)) for candidate in candidates]
    return Ranking.by_score(candidates, scores)
