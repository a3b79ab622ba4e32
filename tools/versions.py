"""Versions: two texts that are one text but for a few words, and what stands in the one where the other says something else.

Compared word by word, without case and punctuation, by difflib's matching blocks (Ratcliff and Metzener, "Pattern Matching: The Gestalt Approach",
Dr. Dobb's Journal 1988). A change of values (names, numbers) is what two versions of a document disagree about; one without it says nothing new.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from .answers import normalised
from .words import content_words

ALIKE = 0.8
"""Least share of the shorter text's words that the longer one holds, in order."""
_LEAST_WORDS, _MOST_WORDS = 8, 2_000
"""Shorter texts are alike by accident; longer ones are no passages, and comparing them takes seconds."""
_MOST_CHANGED = 10
"""Words of one value; a longer stretch that differs is another sentence."""
_WORD = re.compile(r"\w+")
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Versions:
    """How two texts that are versions of each other differ. Spans are characters."""

    values: tuple[tuple[Span, Span], ...]
    """Stretches of the one and of the other that stand for each other, each with a name or a number."""
    richer: bool
    """Whether the one has more content words that the other lacks than the other way round;"""
    poorer: bool
    """or fewer."""
    _one: tuple[Span, ...]
    _other: tuple[Span, ...]
    _blocks: tuple[tuple[str, int, int, int, int], ...]

    def counterpart(self, start: int, end: int) -> Span | None:
        """What stands in the other text for `one[start:end]`; None where nothing does."""
        words = [n for n, (a, b) in enumerate(self._one) if a < end and b > start]
        if not words:
            return None
        first, last = self._place(words[0], first=True), self._place(words[-1], first=False)
        return (self._other[first][0], self._other[last][1]) if first <= last else None

    def _place(self, word: int, *, first: bool) -> int:
        """The other text's word for this one; of a stretch that differs its first or last."""
        tag, i, _, j, after = next(block for block in self._blocks if block[1] <= word < block[2])
        return j + word - i if tag == "equal" else j if first else after - 1


def versions(one: str, other: str) -> Versions | None:
    """None where the texts are no versions of each other."""
    (a, words), (b, others) = _words(one), _words(other)
    shorter = min(len(a), len(b))
    if shorter < _LEAST_WORDS or max(len(a), len(b)) > _MOST_WORDS:
        return None
    if (Counter(a) & Counter(b)).total() < ALIKE * shorter:  # cheap, and most pairs end here
        return None
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    if sum(block.size for block in matcher.get_matching_blocks()) < ALIKE * shorter:
        return None
    blocks = tuple(matcher.get_opcodes())
    values = []
    for tag, i, h, j, k in blocks:
        if tag == "replace" and max(h - i, k - j) <= _MOST_CHANGED:
            spans = (words[i][0], words[h - 1][1]), (others[j][0], others[k - 1][1])
            if is_value(one[slice(*spans[0])]) and is_value(other[slice(*spans[1])]):
                values.append(spans)
    mine, theirs = set(content_words(one)), set(content_words(other))
    more, fewer = len(mine - theirs), len(theirs - mine)
    return Versions(tuple(values), more > fewer, more < fewer, words, others, blocks)


@lru_cache(maxsize=1024)
def _words(text: str) -> tuple[tuple[str, ...], tuple[Span, ...]]:
    """The words, folded, and where they stand. A passage is held against many others."""
    found = list(_WORD.finditer(text))
    return tuple(word[0].casefold() for word in found), tuple(word.span() for word in found)


def is_value(text: str) -> bool:
    """Whether the text holds a name or a number, as far as a capital or a digit tells."""
    return any(character.isdigit() or character.isupper() for character in text)


def same_subject(title: str, other: str, differ: list[tuple[str, str]]) -> bool:
    """Whether two versions speak of one thing: they are titled alike, or the titles differ by the one value by which the texts do.

    Reports of the same form on two years or two villages are versions by their words, but not of one thing: they differ in more than the title.

    >>> same_subject("Belmont Stakes 2000", "Belmont Stakes 1999", [("2000", "1999"), ("Commendable", "Lemon Drop Kid")])
    False
    """
    if normalised(title) == normalised(other):
        return True
    if len({(normalised(one), normalised(another)) for one, another in differ}) != 1:
        return False
    ((one, another),) = {(normalised(one), normalised(another)) for one, another in differ}
    return bool(one) and f" {normalised(title)} ".replace(f" {one} ", f" {another} ").strip() == normalised(other)
