"""Where training from answers alone begins, for those who have questions and answers and no labelled passages: the best cut rule, to be imitated.

The rule cuts the order by the pair model's relevance, after k passages or below a probability, whichever gives the best answers on `val`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from . import rewards
from .examples import ListExample
from .grpo import Generate, Unanswered, extracted

_KS = (1, 2, 3, 4, 5, 6, 8)
_THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)


@dataclass(frozen=True, slots=True)
class CutRule:
    k: int | None = None
    least: float | None = None
    """Probability of being evidence; the first passage is always kept."""

    def __str__(self) -> str:
        return f"fixed k = {self.k}" if self.k is not None else f"relevance ≥ {self.least:g}"

    def keep(self, example: ListExample, budget: int) -> list[int]:
        """Places, best first, as far as the budget of evidence tokens lasts."""
        logits = np.array([passage.named.relevance for passage in example.read.passages])
        order = [int(place) for place in np.argsort(-logits, kind="stable")]
        if self.k is not None:
            order = order[: self.k]
        else:
            order = [place for n, place in enumerate(order[:8]) if not n or 1 / (1 + np.exp(-logits[place])) >= (self.least or 0.0)]
        spent = np.cumsum([example.read.input.tokens[place] for place in order])
        return order[: int((spent <= budget).sum())]


def best_rule(val: Sequence[ListExample], budget: int, generate: Generate = extracted) -> tuple[CutRule, float]:
    """The rule with the best mean answer F1 on `val`, of equals the one with fewer passages, and that F1."""
    found = []
    for rule in _rules():
        kept = [rule.keep(one, budget) for one in val]
        found.append((answer_f1(val, kept, generate), -sum(map(len, kept)), rule))
    score, _, rule = max(found, key=lambda one: one[:2])
    return rule, score


def answer_f1(examples: Sequence[ListExample], chosen: Sequence[Sequence[int]], generate: Generate = extracted) -> float:
    """Mean over the examples of the generator's answer F1 on what was chosen; over those on which it does not fail."""
    values = []
    for one, places in zip(examples, chosen, strict=True):
        with suppress(Unanswered):
            values.append(rewards.answer(generate(one, tuple(places)) if places else None, one.answers))
    return fmean(values) if values else 0.0


def imitating(examples: Sequence[ListExample], rule: CutRule, budget: int) -> list[ListExample]:
    """Examples whose "evidence" is what the rule keeps, in its order: for `imitate`."""
    kept = [rule.keep(one, budget) for one in examples]
    return [replace(one, gold=tuple(places), gold_in_all=len(places), ordered=True) for one, places in zip(examples, kept, strict=True)]


def _rules() -> Iterator[CutRule]:
    yield from (CutRule(k=k) for k in _KS)
    yield from (CutRule(least=least) for least in reversed(_THRESHOLDS))
