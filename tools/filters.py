"""Filters: which passages a search may see, in Chroma's `where` form, and the same filter as SQL.

{"tenant": "a"} · {"year": {"$gte": 1990}} · {"tenant": {"$in": ["a", "b"]}} · {"$and": [...]} · {"$or": [...]};
several keys at one level mean "and". "source" is reserved: it is the passage's source id, never metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .passage import Scalar

Filter = Mapping[str, Any]


def to_chroma(filters: Filter) -> dict[str, Any]:
    """The filter with one operator a level, as Chroma's `where` asks for. Raises UsageError for a filter that is none."""
    raise NotImplementedError


def to_sql(filters: Filter) -> tuple[str, list[Scalar]]:
    """A boolean expression over `p.source` and the JSON column `p.metadata`, and its parameters. Raises UsageError."""
    raise NotImplementedError
