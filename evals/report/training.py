"""How a training went, as a page: every column of the CSV files that a trainer wrote, drawn over its steps."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..result import Curve, Result, Series
from .html import page

_FILES = {
    "imitation.csv": ("imitation", "epoch"),
    "grpo.csv": ("GRPO", "step"),
    "curves.csv": ("losses", "step"),
    "val.csv": ("on val", "epoch"),
}
"""Name of the stage, and the column that counts its steps."""
_SEPARATE = {"examples", "norm", "val tokens", "val length", "length", "entropy", "kl", "seconds", "loss"}
"""On a scale of their own: each gets its own picture, all others share one."""


def write_page(folder: Path, experiment: str, settings: Mapping[str, Any], notes: Sequence[str] = ()) -> Path:
    """training.html in `folder`, from the CSV files there. notes: what the curves do not tell."""
    result = Result(experiment, {name: value for name, value in settings.items() if value is not None and value is not False}, notes=[*notes])
    for name, (stage, x) in _FILES.items():
        if (folder / name).is_file():
            result.curves += _curves(stage, x, _rows(folder / name))
    file = folder / "training.html"
    file.write_text(page(result, []), encoding="utf-8")
    return file


def _rows(file: Path) -> list[dict[str, float]]:
    with file.open(newline="", encoding="utf-8") as opened:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(opened)]


def _curves(stage: str, x: str, rows: Sequence[Mapping[str, float]]) -> list[Curve]:
    names = list(dict.fromkeys(name for row in rows for name in row if name != x))
    together = [name for name in names if name not in _SEPARATE]
    alone = [name for name in names if name in _SEPARATE]
    groups = [(f"{stage}: reward and its terms" if stage == "GRPO" else stage, together), *((f"{stage}: {name}", [name]) for name in alone)]
    return [Curve(title, x, "", tuple(_series(name, x, rows) for name in group)) for title, group in groups if group]


def _series(name: str, x: str, rows: Sequence[Mapping[str, float]]) -> Series:
    return Series(name, tuple((row.get(x, float(n)), row[name]) for n, row in enumerate(rows) if name in row))
