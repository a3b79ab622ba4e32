"""Calibration: what makes a run's two probabilities, `answerable` and `confidence`, and what may be promised of the second. One JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..tools.errors import PasselError, UsageError
from .calibrator import Calibrator
from .risk import Reference

CALIBRATION = "calibration.json"
"""Its file in a folder of weights."""


@dataclass(frozen=True, slots=True)
class Calibration:
    answerable: Calibrator
    """P(the evidence suffices)"""
    confidence: Calibrator
    """P(the answer is right)"""
    reference: Reference
    """Of questions on which the second was tried."""
    model: str | None = None
    """The chat model whose answers these were; None: the embedded generator's."""
    weights: str | None = None
    """`digest` of the weights that selected (`default.py`), without a calibration; None: not known."""

    def least_confidence(self, risk: float | None, abstentions: float | None, model: str | None) -> float:
        """To answer at, 0 without a wish. model: the chat model that answers. Raises UsageError where the wish cannot be promised."""
        if (risk is not None or abstentions is not None) and model != self.model:
            mine, theirs = (name or "the embedded generator" for name in (self.model, model))
            of_it = f" --model {model}" if model else ""
            raise UsageError(f"this calibration is of {mine}, and promises nothing of {theirs}", f"Make one: passel train calibrator …{of_it}.")
        return self.reference.least(risk, abstentions)

    def save(self, file: Path) -> None:
        kept: dict[str, Any] = {
            "answerable": self.answerable.to_json(),
            "confidence": self.confidence.to_json(),
            "model": self.model,
            "weights": self.weights,
            "reference": [[round(told, 4), int(right)] for told, right in zip(self.reference.confidence, self.reference.right, strict=True)],
        }
        part = file.with_suffix(".part")  # a kill must not leave half a file
        part.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        part.replace(file)

    @classmethod
    def load(cls, file: Path) -> Calibration:
        """Raises PasselError where the file is not what `save` wrote."""
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            reference = Reference(tuple(float(told) for told, _ in kept["reference"]), tuple(bool(right) for _, right in kept["reference"]))
            model, weights = (None if kept.get(name) is None else str(kept[name]) for name in ("model", "weights"))
            return cls(Calibrator.from_json(kept["answerable"]), Calibrator.from_json(kept["confidence"]), reference, model, weights)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise PasselError(f"{file} holds no calibration: {error!r}", "Make it again: passel train calibrator.") from error
