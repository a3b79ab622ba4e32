"""Limits: what a caller of the server may ask for, and how often. Each server process counts for itself, in its one event loop."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar

_REMEMBERED = 10_000
"""Callers; whoever asked least recently is forgotten, and then starts with a full bucket."""


@dataclass(frozen=True, slots=True)
class Limits:
    """All must be positive. Set as `PASSEL_LIMITS__<NAME>`."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}  # a misspelt limit in the settings is an error

    requests_per_minute: int = 240
    """Of one key, or of one address where no key is set; as many may come at once."""
    at_once: int = 8
    """POST requests that the server works on at the same time, whoever sent them; the others only look something up."""
    seconds: float = 150.0
    """Of one POST request, from its first byte to its answer's last; then its work is cancelled."""
    upload_seconds: float = 1_800.0
    """Of one upload, indexing included."""
    body_bytes: int = 4_000_000
    upload_bytes: int = 100_000_000
    files: int = 1_000
    """In one upload."""
    document_bytes: int = 20_000_000
    """Of one uploaded file,"""
    unpacked_bytes: int = 100_000_000
    """of what it unpacks to, where it is an archive as Office files are,"""
    document_characters: int = 5_000_000
    """and of the text that a document in it converts to."""
    reading_seconds: float = 120.0
    """Processor time that reading one uploaded file may take,"""
    reading_bytes: int = 4_000_000_000
    """and the memory."""
    read_bytes: int = 500_000_000
    """Of all that the files of one upload convert to, as JSON."""
    passages: int = 1_000
    """In one request to rerank."""
    corpora: int = 100
    """That have a name; no more are made over HTTP."""

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self)):
            if not getattr(self, name) > 0:
                raise ValueError(f"limits: {name} must be more than 0, not {getattr(self, name)}")


class Rate:
    """A token bucket a caller: `a_minute` requests at once, refilled evenly over a minute."""

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size, self._a_second, self._clock = float(a_minute), a_minute / 60, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """Takes one request out of the caller's bucket. Gives 0, or the seconds until there is one to take."""
        now = self._clock()
        left, at = self._buckets.pop(caller, (self._size, now))
        left = min(self._size, left + (now - at) * self._a_second)
        self._buckets[caller] = (left - 1 if left >= 1 else left, now)
        while len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / self._a_second
