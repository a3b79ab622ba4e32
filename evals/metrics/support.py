"""Support: how well the selected passages are the evidence. By passage, title and text, never by title.

Source: HotpotQA's supporting-fact and joint metrics (Yang et al., EMNLP 2018, section 5.1; hotpot_evaluate_v1.py).
Deviations: over passages instead of sentences; nothing selected where there is no evidence is right (there it scores 0).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ...tools.answers import Overlap


@dataclass(frozen=True, slots=True)
class Match:
    """Each in [0, 1]."""

    precision: float
    recall: float
    f1: float
    em: float
    """1.0 where exactly the evidence was selected."""


def support(selected: Collection[str], gold: frozenset[str]) -> Match:
    """Both by `DataPassage.source`. Gold that was no candidate counts as missed.

    Nothing selected: all 1 where there is no gold, else all 0. Something selected where there is no gold: all 0.
    """
    chosen = frozenset(selected)
    return of_counts(len(chosen & gold), len(chosen), len(gold))


def of_counts(right: int, chosen: int, gold: int) -> Match:
    """`support`, of `chosen` different passages of which `right` are among the `gold` ones."""
    if not chosen and not gold:
        return Match(1.0, 1.0, 1.0, 1.0)
    return Match(
        precision=right / chosen if chosen else 0.0,
        recall=right / gold if gold else 0.0,
        f1=f1_of_counts(right, chosen, gold),
        em=float(right == chosen == gold),
    )


def f1_of_counts(right: int, chosen: int, gold: int) -> float:
    """The F1 of `of_counts` alone."""
    return 2 * right / (chosen + gold) if chosen + gold else 1.0


def joint(answer: Overlap, answer_em: float, passages: Match) -> Match:
    """Passage-joint: HotpotQA's joint formula, precision and recall of answer and support multiplied, with support over passages.

    Not the leaderboard's joint F1, whose support is sentences.
    """
    precision, recall = answer.precision * passages.precision, answer.recall * passages.recall
    both = precision + recall
    return Match(precision, recall, 2 * precision * recall / both if both else 0.0, answer_em * passages.em)
