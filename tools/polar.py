"""Polar questions: those that want a yes or a no. English only, by their first word."""

from __future__ import annotations

import re

POLAR_HEAD = re.compile(r"(?:is|are|was|were|do|does|did|have|has|had|can|could|will)\s+", re.IGNORECASE)
INTERROGATIVE = re.compile(r"\b(?:who|whom|whose|which|what|where|when|why|how)\b", re.IGNORECASE)
_FIRST = re.compile(
    r"(?:(?:and|but|so)\s+)?(?:(?:is|are|was|were|do|does|did|have|has|had|can|could|will|would|shall|should|might|must)(?:n['’]t)?"
    r"|am(?=\s+i\b)|may(?=\s+(?:i|we|he|she|it|they|one|any|an?|the|my|our)\b|\s+\D.*\?$))\s+(?!you\b)", re.IGNORECASE,
)
"""Not "Can you tell me its height": what is asked there is another question. Nor "May sales"."""
_CHOICE = re.compile(r"\bor\b", re.IGNORECASE)


def is_polar(question: str) -> bool:
    """Whether it asks for a yes or a no, and for nothing else: neither for one of two ("Is it red or blue?") nor in a clause of its own.

    >>> is_polar("Was the Tarn Light built in 1840?"), is_polar("Does anybody know who built the Tarn Light?")
    (True, False)
    """
    text = question.strip(" \"'“”‘’")
    return bool(_FIRST.match(text)) and not _CHOICE.search(text) and not INTERROGATIVE.search(text)
