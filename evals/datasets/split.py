"""val: the tenth of every file that makes choices (k, thresholds, checkpoints, calibration), by hash of the question's id.

One rule for all sets and all programs, so that no question ever trains in one place and chooses in another.
"""

from __future__ import annotations

import hashlib


def is_val(id: str) -> bool:
    """Whether the question with this id belongs to val; the rest of its file is train."""
    return int(hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest(), 16) % 10 == 0


def fold_of(id: str) -> int:
    """0 or 1, for cross-fitting: what is trained on one fold reads the other."""
    return int(hashlib.sha256(f"fold {id}".encode("utf-8", "surrogatepass")).hexdigest(), 16) % 2
