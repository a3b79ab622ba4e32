"""Alarms: the ways in which a policy that is trained by reward collapses, noticed while they begin.

Ordinary users' runs of search agents collapse with the stock scripts (Search-R1 issues 186 and 188); each of these figures would have told so early.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_EMPTY = 0.5
"""Share of empty selections where evidence is there: "nothing" is never wrong by much."""
MOST_KL = 4.0
"""From the imitation policy, in nats a list."""
LEAST_ENTROPY = 0.05
"""Of what it was at the start: a policy that is sure of everything no longer learns."""
LONGER, SHORTER = 2.5, 0.3
"""Of the mean length at the start: everything everywhere, or one lucky passage."""


@dataclass(frozen=True, slots=True)
class Watch:
    """The figures at the start, against which later ones are held."""

    length: float
    entropy: float

    @classmethod
    def begin(cls, figures: Mapping[str, float]) -> Watch:
        return cls(figures["length"], figures["entropy"])


def alarm(watch: Watch, figures: Mapping[str, float]) -> str | None:
    """What is wrong with a step's figures (`length`, `entropy`, `kl`, `empty`), in a word; None where nothing is."""
    if any(value != value for value in figures.values()):
        return "not a number"
    if figures["empty"] > MOST_EMPTY:
        return "empty lists"
    if figures["kl"] > MOST_KL:
        return "far from imitation"
    if figures["length"] > LONGER * max(1.0, watch.length):
        return "long lists"
    if figures["length"] < SHORTER * watch.length:
        return "short lists"
    if figures["entropy"] < LEAST_ENTROPY * watch.entropy and figures["varied"] > 0:
        return "no entropy"
    return None
