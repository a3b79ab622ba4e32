"""Proper names of a text: its capitalised and quoted phrases, whole, as a reader would list them."""

from __future__ import annotations

import re

from .names import mentions
from .words import STOP_WORDS

_JOINED = re.compile(r",?\s+(?:or|and)\s+(?:to\s+|the\s+|in\s+|of\s+)?", re.IGNORECASE)
COMMA = re.compile(r",\s+(?:the\s+)?", re.IGNORECASE)
"""May part a list, "A, B or C", or stand inside a name, "Paris, Texas";"""
COMMA_THE = re.compile(r",\s+the\s+", re.IGNORECASE)
"""before an article it seldom stands inside one."""
_ENDS_A_SENTENCE = ".?!"


def proper_names(text: str) -> list[str]:
    """The longest phrases, in order, none inside another, without an article; "A and B" counts as two, "A, B or C" as three, "Paris, Texas" as one.

    A word that opens a sentence is not taken for a name by its capital alone.

    >>> proper_names("Was the founder of the Tarn Light older than Ilse Marn?")
    ['Tarn Light', 'Ilse Marn']
    """
    names: list[str] = []
    covered = 0
    for _, start, end in mentions(text):  # by place, the longest of a place first
        if start < covered:
            continue
        words = text[start:end].split()
        opens = not text[:start].strip() or text[:start].rstrip()[-1] in _ENDS_A_SENTENCE
        goes_on = 0 < start == covered
        covered = end
        if goes_on or (opens and len(words) == 1):  # in scripts without spaces another begins with each character
            continue
        while words and words[0].casefold() in STOP_WORDS and (opens or words[0].islower()):
            words.pop(0)
        parts = _JOINED.split(" ".join(words))
        comma = COMMA if len(parts) > 1 and "," not in parts[-1] else COMMA_THE
        names += [name for part in parts for name in comma.split(part) if name]
    return list(dict.fromkeys(names))
