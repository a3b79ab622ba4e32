"""One experiment a file: `predict` answers one question without seeing a label, `summarize` makes a Result of all lines and labels."""

from __future__ import annotations

from collections.abc import Sequence

from ..predictions import Line
from ..result import Curve, Result, Series
from ..setup import Setup


def add_unreadable(result: Result, setup: Setup) -> None:
    """Says how many passages of the data could not be stored."""
    if setup.unreadable:
        result.counts["blank passages"] = setup.unreadable
        result.notes.append("Blank passages cannot be stored: they are no candidates, and count as missed where they are gold.")


def add_latency(result: Result, lines: Sequence[Line]) -> None:
    """p50 and p95 of what did not fail, and their distribution."""
    import numpy as np

    times = [line["latency_ms"] for line in lines if line["outcome"] != "failed" and line["latency_ms"] > 0]
    if not times:
        return
    result.latency = {f"p{q}": round(float(np.percentile(times, q)), 1) for q in (50, 95)}
    counts, edges = np.histogram(times, bins=min(24, max(4, len(times) // 8)))
    points = tuple((float(edges[n] + edges[n + 1]) / 2, float(count)) for n, count in enumerate(counts))
    result.curves.append(Curve("How long a question takes", "milliseconds", "questions", (Series("ours", points, ours=True, kind="bars"),)))
