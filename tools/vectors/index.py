"""Index: what a corpus asks of its vectors, wherever they lie."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from .chroma import Report, View


class Index(Protocol):
    """`Versions` in the corpus's own folder, or a `Server`."""

    def view(self) -> AbstractContextManager[View | None]:
        """The newest state of the index, for the length of the block; None where there is none."""
        ...

    def discard(self, view: View) -> None:
        """Do not come back with this view: it failed."""
        ...

    def publish(self, report: Report | None = None) -> int:
        """Bring the index in step with the store; returns how many passages it holds. The caller holds the corpus's file lock."""
        ...

    def close(self) -> None: ...
