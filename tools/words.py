"""Content words of a text, and how much of one text's words another holds. For cheap checks; no stemmer, any alphabet."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"\w+")
_STOP = """
    a an the and or but nor if then than as at by for from in into of off on onto out over per to up via with within without about after against
    along among around before behind below between beyond down during near since through toward towards under until upon i me my mine we us our
    ours you your yours he him his she her hers it its they them their theirs one who whom whose which what when where why how that this these
    those there here is am are was were be been being do does did done has have had having can could may might must shall should will would not
    no yes so too very also only just both either neither each every any some all most more less many much few other others another such same
    own s t d ll re ve m because while"""
STOP_WORDS = frozenset(_STOP.split())
"""English function words: never a name by themselves, not searched for where others remain, no content of a sentence."""


def fold(text: str) -> str:
    """Lower case without accents."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def content_words(text: str) -> list[str]:
    """In order, each once, folded, stop words left out; if there is nothing else, the stop words."""
    words = list(dict.fromkeys(_WORD.findall(fold(text))))
    return [word for word in words if word not in STOP_WORDS] or words


def same_word(one: str, other: str) -> bool:
    """Equal, or alike but for an ending: paint, painted, painter, paintings. Numbers must be equal."""
    if one == other:
        return True
    if one[:4] != other[:4] or min(len(one), len(other)) < 4 or one.isdigit() or other.isdigit():  # the cheap test first: most pairs differ at once
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
