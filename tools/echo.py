"""Echo: stretches of a text that repeat the question. They make a passage look like evidence and say nothing: who stuffs a page with the words that
people ask for writes them, and so does who plants an instruction for a question that he knows.

Two forms are known. One holds the interrogative and most of the question, word by word: "In what village was the engineer born". The other is its
content words alone, in its order: "village, engineer, born". A sentence that answers a question may share most of its words; it has no
interrogative, and keeps the small words. A paraphrase of the question is not noticed.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

from .words import STOP_WORDS, fold

_WORD = re.compile(r"\w+")
_INTERROGATIVES = frozenset("who whom whose which what when where why how".split())
_OPENERS = frozenset("is are was were do does did has have had can could will would".split())
"""A question without an interrogative begins with one of these; anything else is a title or a few keywords, which a text may well repeat."""
_MOST = 0.7
"""Share of the question's words that an echo holds at a stretch, the interrogative among them;"""
_NEARLY_ALL = 0.9
"""and of its content words, where the small words between them are left out: at least"""
_LEFT_OUT = 3
"""of them, or the stretch is a phrase."""
_LEAST = 5
"""Words of a question that can be told from a phrase."""
_MOST_ECHOES = 8


def without_echo(text: str, question: str) -> str:
    """The text, as long as before, with every echo of the question put into blanks: what stands elsewhere keeps its place.

    >>> without_echo("Who built the old ferry Lapwing? It is a mill.", "Who built the old ferry Lapwing?")
    '                               ? It is a mill.'
    """
    asked = _words(question)
    key = next((n for n, word in enumerate(asked) if word in _INTERROGATIVES), 0 if asked[:1] and asked[0] in _OPENERS else None)
    if key is None or len(asked) < _LEAST:
        return text
    for _ in range(_MOST_ECHOES):
        echo = _echo(text, asked, key)
        if echo is None:
            break
        text = text[: echo[0]] + " " * (echo[1] - echo[0]) + text[echo[1] :]
    return text


def _echo(text: str, asked: tuple[str, ...], key: int) -> tuple[int, int] | None:
    """Characters of the longest echo; None where there is none. `key`: which of the words makes the question one."""
    found = list(_WORD.finditer(text))
    said = [fold(match[0]) for match in found]
    content = [n for n, word in enumerate(asked) if word not in STOP_WORDS and word not in asked[:n]]  # in a list each stands once
    if len({asked[n] for n in content}.intersection(said)) < _MOST * len(content) - 1:
        return None  # cheap, and the usual case
    start, at, size = _longest(asked, tuple(said))
    if size >= _MOST * len(asked) and start <= key < start + size:
        return found[at].start(), found[at + size - 1].end()
    places = [n for n, word in enumerate(said) if word not in STOP_WORDS]
    start, at, size = _longest(tuple(asked[n] for n in content), tuple(said[n] for n in places))
    if size >= max(_LEAST - 1, _NEARLY_ALL * len(content)):
        left_out = (content[start + size - 1] - content[start]) - (places[at + size - 1] - places[at])
        if left_out >= _LEFT_OUT:
            return found[places[at]].start(), found[places[at + size - 1]].end()
    return None


def _longest(asked: tuple[str, ...], said: tuple[str, ...]) -> tuple[int, int, int]:
    """Where the longest common stretch begins in both, and its words."""
    match = SequenceMatcher(None, asked, said, autojunk=False).find_longest_match()
    return match.a, match.b, match.size


@lru_cache(maxsize=256)
def _words(question: str) -> tuple[str, ...]:
    return tuple(map(fold, _WORD.findall(question)))
