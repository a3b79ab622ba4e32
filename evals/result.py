"""Result: what an experiment found, in a form that every report draws: named figures, tables, curves, counts and notes.

An experiment fills it and knows nothing of terminals or pages; a report draws it and knows nothing of experiments.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95% interval (bootstrap). Raises ValueError for what is no finite number: no NaN anywhere."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.value, self.low, self.high))):
            raise ValueError(f"not a finite figure: {self}")


Cell = Estimate | float | int | str | None
"""None is shown as an empty place: not applicable."""


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    cells: tuple[Cell, ...]
    """One for each column of its table."""
    ours: bool = False
    """What the table is about: drawn so that it is found at once."""
    best: bool = False
    """The best of its family (the marked fixed k)."""


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    columns: tuple[str, ...]
    """Names of the cells; the label's column has none."""
    rows: tuple[Row, ...]
    note: str = ""
    """One line below it: what a reader must know to read it rightly."""


@dataclass(frozen=True, slots=True)
class Series:
    name: str
    points: tuple[tuple[float, float], ...]
    labels: tuple[str, ...] = ()
    """For each point what a tooltip says; () for none."""
    ours: bool = False
    kind: Literal["line", "points", "bars"] = "line"


@dataclass(frozen=True, slots=True)
class Curve:
    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    note: str = ""


@dataclass(slots=True)
class Result:
    experiment: str
    settings: Mapping[str, Any]
    """All that the figures depend on: data (name, sha256, questions), setting, seed, limit, variants, versions."""
    metrics: dict[str, Estimate] = field(default_factory=dict)
    """Of the run itself (ours), by name."""
    tables: list[Table] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """questions, scored, failed, malformed, missing, unlabelled, left_out …"""
    latency: dict[str, float] = field(default_factory=dict)
    """Milliseconds, p50 and p95: the one thing that is not the same twice."""
    notes: list[str] = field(default_factory=list)
    headline: dict[str, Cell] = field(default_factory=dict)
    """What README's table says of it, by column."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
