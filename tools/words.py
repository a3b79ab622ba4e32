"""Content words of a text, and how much of one text's words another holds. For cheap checks; no stemmer, any alphabet."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"\w+")
STOP_WORDS = frozenset(
    (
        "a an the and or but nor if of in on at by to from for with without into onto over under about as than then that this these those there here "
        "it its is are was were be been being am do does did done has have had having will would shall should can could may might must not no yes "
        "who whom whose what which when where why how he she they them his her hers their theirs him we us our you your i my me mine "
        "also both either each any some such same so very just only more most other another between during after before because while s t d ll re ve"
    ).split()
)


def fold(text: str) -> str:
    """Lower case without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def content_words(text: str) -> list[str]:
    """In order, each once, folded, stop words left out; if there is nothing else, the stop words."""
    words = list(dict.fromkeys(_WORD.findall(fold(text))))
    return [word for word in words if word not in STOP_WORDS] or words


def same_word(one: str, other: str) -> bool:
    """Equal, or alike but for an ending: paint, painted, painter, paintings. Numbers must be equal."""
    if one == other:
        return True
    if min(len(one), len(other)) < 4 or one.isdigit() or other.isdigit():
        return False
    shared = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return shared >= 4 and shared >= 0.6 * max(len(one), len(other))


def covered(words: Sequence[str], there: Iterable[str]) -> float:
    """Share of `words` that `there` holds, in [0, 1]."""
    if not words:
        return 0.0
    return sum(1 for word in words if holds(there, word)) / len(words)


def holds(there: Iterable[str], word: str) -> bool:
    return any(same_word(word, other) for other in there)
