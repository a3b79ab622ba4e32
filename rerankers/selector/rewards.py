"""What a selection is worth: plain functions, each in [0, 1], added up by `Reward`.

Where evidence is among the candidates: the answer that the generator gives from it, evidence F1, order, and evidence recall times token saving. Where
none is: 1 for the empty selection, else 0. DynamicRAG (arXiv 2505.07233) adds EM, BERTScore, ROUGE-L, a length penalty and a judge's points; of its
terms the answer's and the length's are here, the length's for each selection of its own. The baseline in the denominator is REARANK's (arXiv
2505.20046), with one global fixed k in the place of the initial order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

from ...tools.answers import f1
from .examples import ListExample


def evidence(chosen: Sequence[int], gold: Sequence[int], gold_in_all: int) -> float:
    """F1 of the chosen places; evidence that search did not find counts as missed."""
    hits = len(set(chosen) & set(gold))
    return 2 * hits / (len(chosen) + gold_in_all) if hits else 0.0


def order(chosen: Sequence[int], gold: Sequence[int], *, ordered: bool) -> float:
    """Share of the chosen pairs that stand the right way round: evidence before the rest, and hops in their order where that is known.

    0 without evidence, 1 where there is no pair to be wrong.
    """
    if not set(chosen) & set(gold):
        return 0.0
    rank = {place: n if ordered else 0 for n, place in enumerate(gold)}
    pairs = [(rank.get(a, len(gold)), rank.get(b, len(gold))) for a, b in combinations(chosen, 2)]
    told = [first < second for first, second in pairs if first != second]
    return sum(told) / len(told) if told else 1.0


def saving(chosen_tokens: int, baseline_tokens: int, worth: float) -> float:
    """`worth` times how much shorter the evidence is than the fixed-k baseline's: worth / 2 at equal length, 0 at twice that or more.

    `worth` in [0, 1] is evidence recall, or the answer's F1 where no passage is labelled: a saving is worth nothing without evidence.
    """
    return worth * max(0.0, 1.0 - chosen_tokens / (2 * max(1, baseline_tokens)))


def answer(text: str | None, answers: Sequence[str]) -> float:
    """Token F1 of what the generator says, best alias; 0 where it says nothing."""
    return f1(text, answers).f1 if text else 0.0


@dataclass(frozen=True, slots=True)
class Reward:
    """Weights of the terms; they add up to 1."""

    answer: float = 0.3
    evidence: float = 0.5
    order: float = 0.1
    saving: float = 0.1

    def total(self, terms: dict[str, float]) -> float:
        return self.answer * terms["answer"] + self.evidence * terms["evidence"] + self.order * terms["order"] + self.saving * terms["saving"]


def terms(
    example: ListExample, chosen: Sequence[int], baseline_tokens: int, say: Callable[[Sequence[int]], str | None], *, answers_only: bool
) -> dict[str, float]:
    """Of a selection, by name; "empty" alone where no evidence is among the candidates. `say`: what the generator answers from these passages.

    answers_only: no label of a passage is looked at.
    """
    if not example.gold and not answers_only:
        return {"empty": float(not chosen)}
    answered = answer(say(chosen), example.answers)
    recall = answered if answers_only else len(set(chosen) & set(example.gold)) / len(example.gold)
    return {
        "answer": answered,
        "evidence": 0.0 if answers_only else evidence(chosen, example.gold, example.gold_in_all),
        "order": 0.0 if answers_only else order(chosen, example.gold, ordered=example.ordered),
        "saving": saving(int(example.read.input.tokens[list(chosen)].sum()), baseline_tokens, recall),
    }


ANSWERS_ONLY = Reward(answer=0.9, evidence=0.0, order=0.0, saving=0.1)
"""For questions with answers and no labelled passages."""
