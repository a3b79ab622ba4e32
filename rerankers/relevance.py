"""relevance: P(a candidate is evidence), from what the channels said of it. The stand-in until the learned selector.

A logistic regression over four figures every candidate has; the weights were fitted as docs/systems.md says.
"""

from __future__ import annotations

from math import exp

from ..tools.candidate import Candidate

_BIAS, _COSINE, _RANK, _LEXICAL, _LINKED = -4.0, 6.0, 1.0, 1.0, 1.0


def relevance(candidate: Candidate, rank: int) -> float:
    """In (0, 1). `rank` is the candidate's place in the fused order, 0 the best."""
    cosine = max((hit.score for hit in candidate.hits if hit.channel != "lexical"), default=0.0)
    lexical = max((1.0 / (1 + hit.rank) for hit in candidate.hits if hit.channel == "lexical"), default=0.0)
    linked = float("linked" in candidate.channels)
    return 1.0 / (1.0 + exp(-(_BIAS + _COSINE * cosine + _RANK / (1 + rank) + _LEXICAL * lexical + _LINKED * linked)))
