"""Encoder: texts to unit vectors, and texts to tokens, with the embedded MiniLM or any Hugging Face encoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray


class Encoder:
    """Sentence embeddings; made by `Encoder.load`. Threads may share one."""

    name: str
    """"all-MiniLM-L6-v2", or what was given to `load`."""
    max_tokens: int
    """Longer texts are truncated for `encode`; counts special tokens (256 for MiniLM)."""

    @classmethod
    def load(cls, name: str | None = None, *, device: str | None = None, cache: Path | Literal[False] | None = None) -> Encoder:
        """The embedded MiniLM (None), or a Hugging Face encoder by hub name or local folder.

        Cheap: weights are read at the first `encode`. device: "cpu", "cuda", "cuda:1" …; None = CUDA when there is one.
        cache: file of the vector cache; None = one under `passel_home()/cache`, False = no cache.
        Raises PasselError where the weights are missing, wrong or out of reach.
        """
        raise NotImplementedError

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what makes the vectors: a corpus built with another digest cannot be searched with this encoder."""
        raise NotImplementedError

    @property
    def dimension(self) -> int:
        """Length of a vector (384 for MiniLM)."""
        raise NotImplementedError

    def encode(self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None) -> NDArray[np.float32]:
        """Unit vectors float32 [len(texts), dimension], in the order of the texts. Any string is legal, "" too.

        progress: called with the number of texts just done, until they add up to len(texts).
        """
        raise NotImplementedError

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text without special tokens, untruncated. Does not load the weights (nor torch)."""
        raise NotImplementedError

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """(start, end) in characters of `text` for each token, untruncated, without special tokens. Does not load the weights."""
        raise NotImplementedError
