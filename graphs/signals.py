"""Signals: what a run knows about its own evidence and answer, as a few numbers by name. The calibrators make probabilities of them.

From the selection (how likely nothing helps, how sure of each passage, what was left out), the question's names and words in the evidence, the plan's
coverage, and the reader (how much surer than "no answer", how far ahead of another answer, whether what is said is of the kind that is asked for).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import log
from typing import Any

from ..tools.answers import normalised
from ..tools.comparison import comparison
from ..tools.proper_names import proper_names
from ..tools.reader import Found, ways
from ..tools.words import content_words, covered
from .evidence import Read
from .state import SubQuestionState

_FURTHEST = 10.0
"""Log-odds beyond which nothing is surer."""
_WHEN = re.compile(r"\b(?:when|what (?:year|date|day|month|century|decade)|which year|how (?:many|much|old|long|far|tall|high))\b", re.IGNORECASE)
_WHO = re.compile(r"\b(?:who|whose|whom|where|(?:what|which) (?:person|city|country|town|state|company|place|nationality))\b", re.IGNORECASE)


def signals(read: Read, selection: Mapping[str, Any] | None, subs: Sequence[SubQuestionState] = ()) -> dict[str, float]:
    """`selection` as in the state. Each signal is finite; those of an answer are there only where the passages hold a word."""
    chosen = selection or {"ids": (), "relevance": (), "ranked": (), "scores": (), "nothing": 1.0}
    relevance = list(chosen["relevance"])
    told = {"nothing": _log_odds(chosen["nothing"])}
    picked = set(chosen["ids"])
    left = [score for id, score in zip(chosen["ranked"], chosen["scores"], strict=False) if id not in picked]
    waiting = [sub for sub in subs if any(sub["id"] in other["depends_on"] for other in subs)]
    told |= {
        "selected": float(len(relevance)),
        "none selected": float(not relevance),
        "highest": _log_odds(max(relevance, default=0.0)),
        "lowest": _log_odds(min(relevance, default=0.0)),
        "second": _log_odds(sorted(relevance)[-2] if len(relevance) > 1 else 0.0),
        "expected": sum(relevance),
        "left out": _log_odds(max(left, default=0.0)),
        "unanswered parts": float(sum(not sub["answer"] for sub in waiting)),
        "compares": float(comparison(read.question) is not None),
    }
    there = list({word for passage in read.passages for word in content_words(f"{passage.title}. {passage.text}")})
    names = [word for name in proper_names(read.question) for word in content_words(name)]
    told |= {
        "names": covered(names, there) if names else 1.0,
        "names asked": float(min(4, len(proper_names(read.question)))),
        "words": covered(content_words(read.question), there),
        "question words": float(min(40, len(read.question.split()))),
    }
    found = read.found
    if found is not None:
        told |= _of_answer(read, found, relevance)
    return told


def _of_answer(read: Read, found: Found, relevance: Sequence[float]) -> dict[str, float]:
    said = normalised(found.text)
    others = [
        span.score + 0.5 * min(0.0, way.relevance)
        for place in range(len(read.passages))
        for way in ways(read.passages, place, range(len(read.passages)))
        for span in way.spans
        if (text := normalised(read.passages[place].text[span.start : span.end])) and text not in said and said not in text
    ]
    asked = normalised(read.question)
    return {
        "answer": _within(found.score),
        "ahead": _within(found.score - max(others, default=-_FURTHEST)),
        "answer's passage": _log_odds(min((relevance[place] for place in found.places), default=0.0)),
        "named": float(any(read.passages[place].named.relevance > read.passages[place].bare.relevance for place in found.places)),
        "in question": float(bool(said) and said in asked),
        "answer words": float(min(12, len(said.split()))),
        "odd number": float(bool(_WHEN.search(read.question)) and not any(map(str.isdigit, found.text))),
        "odd name": float(bool(_WHO.search(read.question)) and not any(map(str.isupper, found.text))),
    }


def _log_odds(chance: float) -> float:
    """Within ±7, so that a chance of 0 or 1 stays finite."""
    held = min(0.999, max(0.001, chance))
    return log(held / (1.0 - held))


def _within(score: float) -> float:
    return min(_FURTHEST, max(-_FURTHEST, score))
