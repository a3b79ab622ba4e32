"""Proper names of a text: its capitalised and quoted phrases, whole, as a reader would list them."""

from __future__ import annotations

import re

from .names import mentions
from .words import STOP_WORDS

_JOINED = re.compile(r"\s+(?:or|and)\s+(?:to\s+|the\s+|in\s+|of\s+)?", re.IGNORECASE)
_ENDS_A_SENTENCE = ".?!"


def proper_names(text: str) -> list[str]:
    """The longest phrases, in order, none inside another, without an article; "A and B" counts as two.

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
        if opens and len(words) == 1:
            continue
        covered = end
        while words and words[0].casefold() in STOP_WORDS and (opens or words[0].islower()):
            words.pop(0)
        names += [part for part in _JOINED.split(" ".join(words)) if part]
    return list(dict.fromkeys(names))
