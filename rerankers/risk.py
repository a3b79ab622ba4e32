"""Risk control: which confidence to ask for, so that wrong answers, or abstentions, stay below a wished share.

On a reference set, questions with the confidence that was told of each and whether the answer was right, the threshold is chosen as if the next
question were one more of them, and its answer wrong. What is promised is the mean over questions like those of the reference set, not a bound for
each.

Source: "Conformal Risk Control" (Angelopoulos et al., ICLR 2024), theorem 1, for the loss [answered] · ([wrong] − wish), whose mean must not
exceed 0. That loss does not fall with the threshold, which the theorem wants, so choosing the threshold slips by about one more wrong answer: it is
counted too, and with it the promise holds where it was simulated (the test). "Prompt Risk Control" (arXiv 2311.13628) pays for a guarantee with high
probability instead, which leaves next to nothing to answer with a few hundred references. The abstentions' loss falls: there the theorem holds.
Where a share is wished, the confidence alone decides (`graphs/judge.py`); where nothing is selected, or a chat model declines, no threshold helps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor

from ..tools.errors import UsageError

_MORE_WRONG = 2
"""The next question's answer, and the slip of choosing."""
_LEAST_ANSWERED = 10
"""References above the threshold: fewer say nothing."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One for each question and kind of evidence that was left to it (`evals/calibrating.py`), all data sets as they come: what is promised is
    promised of such a mixture.
    """

    confidence: tuple[float, ...]
    """As it was told of a question that the calibrator was not fitted on; 0 where nothing was selected, or a chat model declined: nothing could be
    answered.
    """
    right: tuple[bool, ...]

    def __post_init__(self) -> None:
        if len(self.confidence) != len(self.right):
            raise ValueError("a reference holds one confidence and one truth for each question")

    def least(self, risk: float | None, abstentions: float | None) -> float:
        """The least confidence to answer at, 0 without a wish and above it with one. Raises UsageError where a wish cannot be promised."""
        for name, wish in (("risk", risk), ("abstentions", abstentions)):
            if wish is not None and not 0 < wish < 1:
                raise UsageError(f"{name} is {wish:g}", "It is a share between 0 and 1: 0.1 for at most 10%.")
        if risk is not None and abstentions is not None:
            raise UsageError("few wrong answers and few abstentions cannot both be promised", "Set one of risk and abstentions.")
        if risk is not None:
            return self.at_most_wrong(risk)
        return self.at_most_abstained(abstentions) if abstentions is not None else 0.0

    def at_most_wrong(self, wish: float) -> float:
        """The least confidence to answer at, so that at most this share of the answers is wrong.

        Raises UsageError where that cannot be promised, with the smallest share that can.
        """
        bounds = self._bounds()
        fitting = [confidence for confidence, bound in bounds if bound <= wish]
        if not fitting:
            smallest = min((bound for _, bound in bounds), default=1.0)
            raise UsageError(
                f"at most {100 * wish:g}% wrong answers cannot be promised: of {len(self.right)} questions of reference {sum(self.right)} were right",
                f"The smallest share that can be promised is {_promised(smallest)}.",
            )
        return min(fitting)

    def at_most_abstained(self, wish: float) -> float:
        """The least confidence to answer at, so that at most this share of the questions is abstained on.

        Raises UsageError where that cannot be promised, with the smallest share that can.
        """
        below, without = floor(wish * (len(self.confidence) + 1) + 1e-9), self.confidence.count(0.0)
        if below <= without:
            of = f"of {len(self.confidence)} questions of reference {without} had nothing to answer from"
            raise UsageError(
                f"at most {100 * wish:g}% abstentions cannot be promised: {of}",
                f"The smallest share that can be promised is {_promised((without + 1) / (len(self.confidence) + 1))}.",
            )
        return (*sorted(self.confidence), 1.0)[below - 1]

    def _bounds(self) -> list[tuple[float, float]]:
        """(threshold, share of wrong answers that may be expected above it), by falling threshold; equal confidences are one."""
        order: Sequence[int] = sorted((n for n, told in enumerate(self.confidence) if told > 0), key=lambda n: -self.confidence[n])
        bounds: list[tuple[float, float]] = []
        wrong = 0
        for answered, n in enumerate(order, 1):
            wrong += not self.right[n]
            last = answered == len(order) or self.confidence[order[answered]] < self.confidence[n]
            if last and answered >= _LEAST_ANSWERED:
                bounds.append((self.confidence[n], (wrong + _MORE_WRONG) / (answered + 1)))
        return bounds


def _promised(share: float) -> str:
    """Rounded up: what is told can be wished for.

    >>> _promised(0.14706)
    '14.8%'
    """
    return f"{ceil(1000 * share) / 10:.1f}%"
