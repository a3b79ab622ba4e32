"""Alarms: the ways in which a policy that is trained by reward collapses, noticed while they begin.

Ordinary users' runs of search agents collapse with the stock scripts (Search-R1 issues 186 and 188); each of these figures would have told so early.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

MOST_EMPTY = 0.5
"""Share of empty selections where evidence is there: "nothing" is never wrong by much."""
MOST_KL = 4.0
"""From the imitation policy, in nats a list."""
LEAST_ENTROPY = 0.05
"""Of what it was at the start: a policy that is sure of everything no longer learns."""
LONGER, SHORTER = 2.5, 0.3
"""Of the mean length at the start: everything everywhere, or hardly anything."""
FEWER = 0.5
"""Of what "several" was at the start: one lucky passage. The mean length need not tell: a start of two passages would end at half its length, and a
policy may well learn to leave out that much."""


@dataclass(frozen=True, slots=True)
class Watch:
    """The figures at the start, against which later ones are held."""

    length: float
    entropy: float
    several: float = 0.0

    @classmethod
    def begin(cls, figures: Mapping[str, float]) -> Watch | None:
        """None where a step is no start: no list's samples earned different rewards, so no entropy was measured, or a figure is no number."""
        if not figures["varied"] or not all(map(math.isfinite, figures.values())):
            return None
        return cls(figures["length"], figures["entropy"])


def alarm(watch: Watch | None, figures: Mapping[str, float]) -> str | None:
    """What is wrong with these figures, in a word; None where nothing is.

    They are a step's (`length`, `entropy`, `kl`, `empty`, `varied`), or those of greedy selections, with `several`: of the lists with two pieces of
    evidence or more, the share from which two passages or more are selected. Where no passage is labelled, nobody knows that one.
    """
    if any(value != value for value in figures.values()):
        return "not a number"
    if figures["empty"] > MOST_EMPTY:
        return "empty lists"
    if figures["kl"] > MOST_KL:
        return "far from imitation"
    if watch is None:
        return None
    if figures["length"] > LONGER * max(1.0, watch.length):
        return "long lists"
    if figures["length"] < SHORTER * watch.length:
        return "short lists"
    if figures.get("several", math.inf) < FEWER * watch.several:
        return "single passages"
    if figures["entropy"] < LEAST_ENTROPY * watch.entropy and figures["varied"] > 0:
        return "no entropy"
    return None
