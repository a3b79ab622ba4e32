"""Signals: what a run knows about its own evidence and answer, as a few numbers by name. The calibrators make probabilities of them.

From the selection (how likely nothing helps, the best of all candidates, the least of the chosen, what was left out), the question's names in the
evidence, and the reader (how much surer than "no answer", how far ahead of another answer, and where it stands). More of them, such as the length of
the question and whether what is said is of the kind that is asked for, told less on `val` than they cost.

A chat model adds one when it has answered (`WRITTEN`), where it gives its tokens' log-probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from statistics import pstdev
from typing import Any

from ..tools.answers import normalised
from ..tools.comparison import comparison
from ..tools.proper_names import proper_names
from ..tools.reader import Found, scored_spans
from ..tools.words import content_words, covered
from .evidence import Read

WRITTEN = "written"
"""Mean log-probability of the tokens of a chat model's answer: known after judge, to verify alone."""
_FURTHEST = 10.0
"""Log-odds beyond which nothing is surer."""
_MOST_EXPECTED = 5.0


def signals(read: Read, selection: Mapping[str, Any] | None) -> dict[str, float]:
    """`selection` as in the state. Each signal is finite; those of an answer are there only where the passages hold a word."""
    chosen = selection or {"ids": (), "relevance": (), "ranked": (), "scores": (), "nothing": 1.0}
    relevance, picked = list(chosen["relevance"]), set(chosen["ids"])
    left = [score for id, score in zip(chosen["ranked"], chosen["scores"], strict=False) if id not in picked]
    first, second, third = [*sorted([*relevance, *left], reverse=True), 0.0, 0.0, 0.0][:3]
    names = [word for name in proper_names(read.question) for word in content_words(name)]
    told = {
        "nothing": _log_odds(chosen["nothing"]),
        "none selected": float(not relevance),
        "highest": _log_odds(first),
        "second": _log_odds(second),
        "third": _log_odds(third),
        "lowest": _log_odds(min(relevance, default=first)),
        "left out": _log_odds(max(left, default=0.0)),
        "expected": min(_MOST_EXPECTED, sum(relevance) + sum(left)),
        "spread": pstdev(chosen["scores"]) if chosen["scores"] else 0.0,
        "compares": float(comparison(read.question) is not None),
        "names": covered(names, read.words) if names else 1.0,
    }
    return told | (_of_answer(read, read.found, relevance) if read.found is not None else {})


def _of_answer(read: Read, found: Found, relevance: Sequence[float]) -> dict[str, float]:
    said = normalised(found.text)
    others = [
        score
        for place in range(len(read.passages))
        for score, span in scored_spans(read.passages, place, range(len(read.passages)), most=None)
        if (text := normalised(read.passages[place].text[span.start : span.end])) and text not in said and said not in text
    ]
    return {
        "answer": _within(found.score),
        "ahead": _within(found.score - max(others, default=-_FURTHEST)),
        "answer's passage": _log_odds(min((relevance[place] for place in found.places), default=0.0)),
        "named": float(any(read.passages[place].named.relevance > read.passages[place].bare.relevance for place in found.places)),
    }


def _log_odds(chance: float) -> float:
    """Within ±7, so that a chance of 0 or 1 stays finite."""
    held = min(0.999, max(0.001, chance))
    return log(held / (1.0 - held))


def _within(score: float) -> float:
    return min(_FURTHEST, max(-_FURTHEST, score))
