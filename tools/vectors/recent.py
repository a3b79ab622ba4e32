"""What was written since an index was published: searched exactly, in memory."""

from __future__ import annotations

import threading

import numpy as np

from ..store import Reading, Rows
from .chroma import Found, Vector


class Recent:
    """The rows written since a view's seq, in memory, searched exactly. Loads only what came since it was last asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._base = self._upto = -1
        self._rows: Rows = ([], [], np.empty((0, 0), np.float32))

    def rows(self, reading: Reading, base: int) -> Rows:
        """At least the rows of `reading` with a seq above `base`; rows written again since then, or deleted, may still be among them."""
        seq = reading.seq
        with self._lock:
            if base != self._base:
                self._rows, self._base, self._upto = ([], [], np.empty((0, 0), np.float32)), base, base
            if seq > self._upto:
                ids, seqs, matrix = reading.vectors_after(self._upto)
                if ids:
                    old_ids, old_seqs, old = self._rows
                    self._rows = (old_ids + ids, old_seqs + seqs, np.concatenate([old, matrix]) if old_ids else matrix)
                self._upto = seq
            return self._rows


def nearest_rows(rows: Rows, vector: Vector, n: int) -> Found:
    """Exact search: the n rows of highest cosine, best first; ties by id."""
    ids, seqs, matrix = rows
    if not ids:
        return []
    scores = matrix @ vector
    best = np.argpartition(-scores, n - 1)[:n] if n < len(ids) else np.arange(len(ids))
    return sorted(((ids[i], float(scores[i]), seqs[i]) for i in best), key=lambda found: (-found[1], found[0]))
