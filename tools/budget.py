"""Budget: what a run may spend. Limits live in the run's context; the state holds what was `spent`.

Running out is an outcome, not an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

Spent = dict[str, float]
"""What was spent under each name of `Budget`'s fields (and other counters that nobody limits), added up by `add_spent`."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run; every one must be positive (`looks` may be 0)."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # a misspelt limit in the settings is an error

    calls: int = 16
    """Calls of the chat model."""
    tokens: int = 60_000
    """Tokens sent to and received from the chat model."""
    seconds: float = 120.0
    """Wall clock of the run."""
    looks: int = 3
    """Searches after the first round (hops and gaps)."""
    evidence_tokens: int = 2_000
    """Size of one selection, counted with the embedded encoder's tokenizer."""

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            value = getattr(self, name)
            if value < 0 or (value == 0 and name != "looks") or value != value:
                raise ValueError(f"budget: {name} must be {'0 or more' if name == 'looks' else 'more than 0'}, not {value}")

    def tokens_left(self, spent: Mapping[str, float]) -> float:
        """0 or less once they are used up."""
        return self.tokens - spent.get("tokens_in", 0) - spent.get("tokens_out", 0)

    def exhausted(self, spent: Mapping[str, float], seconds: float) -> str | None:
        """The first limit that leaves no room for another model call, or None."""
        if spent.get("calls", 0) >= self.calls:
            return "calls"
        if self.tokens_left(spent) <= 0:
            return "tokens"
        if seconds >= self.seconds:
            return "seconds"
        return None


def add_spent(one: Spent, other: Mapping[str, float]) -> Spent:
    """The state's reducer: adds name by name."""
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
