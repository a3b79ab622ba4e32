"""The thoughts that some servers leave in a reasoning model's answer: neither its text nor its probability is of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Thoughts:
    """Takes a leading <think>…</think> out of a stream: some servers leave a reasoning model's thoughts in its answer."""

    _OPEN, _CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self.past = False
        """Whether what was fed last belongs to the answer."""

    def feed(self, piece: str) -> str:
        if self.past:
            return piece
        self._held += piece
        start = self._held.lstrip()
        if start.startswith(self._OPEN):
            rest = start.partition(self._CLOSE)[2].lstrip()
            return self._let_go(rest) if rest else ""
        return "" if self._OPEN.startswith(start) else self._let_go(self._held)

    def end(self) -> str:
        """What was held back and turned out to be no thought."""
        return "" if self.past or self._held.lstrip().startswith(self._OPEN) else self._let_go(self._held)

    def _let_go(self, text: str) -> str:
        self.past, self._held = True, ""
        return text


def without_thoughts(pieces: Sequence[str]) -> str:
    thoughts = Thoughts()
    return "".join([*map(thoughts.feed, pieces), thoughts.end()])


def mean_logprob(given: Any) -> float | None:
    """Of the tokens of an answer, as OpenAI has them ({"content": [{"token": …, "logprob": …}, …]}) or listed alone; None where one is malformed.

    >>> mean_logprob({"content": [{"token": "Sed", "logprob": -0.5}, {"token": "ge", "logprob": -0.1}]})
    -0.3
    """
    tokens = given.get("content") if isinstance(given, Mapping) else given
    thoughts, known = Thoughts(), []
    for token in tokens if isinstance(tokens, list) else []:
        chance = token.get("logprob") if isinstance(token, Mapping) else None
        if not isinstance(chance, int | float) or isinstance(chance, bool) or not chance <= 0:  # NaN is not
            return None
        thoughts.feed(str(token.get("token", "")))
        if thoughts.past:
            known.append(float(max(_LEAST_LOGPROB, chance)))
    return sum(known) / len(known) if known else None


_LEAST_LOGPROB = -20.0
"""OpenAI writes -9999 for "very unlikely", which would drown all other tokens."""
