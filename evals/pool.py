"""The pool of a data set as a corpus: each passage whole, made once, kept under `passel_home()/evals/pools` and shared by processes."""

from __future__ import annotations

import hashlib
import math
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from ..tools.corpus import Corpus, Progress
from ..tools.document import Document, string_fault, text_fault
from ..tools.encoder import Encoder
from ..tools.home import passel_home
from .question import DataPassage

MOST_KEPT = 30
"""Pools on disk; of more, the least recently used go (their vectors stay in the encoder's cache),"""
_IN_USE = 24 * 3600.0
"""but none that was opened within so many seconds: another process may be searching it."""


def open_pool(passages: Sequence[DataPassage], *, encoder: Encoder | None = None, progress: Callable[[Progress], None] | None = None) -> Corpus:
    """The corpus that holds these passages and nothing else; made at the first call, finished at the next when it was interrupted.

    Each passage's `source` is `DataPassage.source`. What cannot be stored (blank texts) is left out: it is evidence of nothing.
    """
    encoder = encoder or Encoder.load()
    sources = sorted({passage.source for passage in passages})
    key = hashlib.sha256("\n".join([encoder.digest, *sources]).encode()).hexdigest()[:24]
    folder = passel_home() / "evals" / "pools" / key
    corpus = Corpus.open(folder, encoder=encoder, create=True)
    complete = folder / "complete"
    if not complete.exists():
        corpus.add(_documents(passages), split=False, wait=math.inf, progress=progress)
        complete.write_text(time.strftime("%Y-%m-%d %H:%M:%S"))
    complete.touch()
    _prune(folder)
    return corpus


def readable(passage: DataPassage) -> bool:
    """Whether it can be stored: no blank text, no characters that are none. What cannot be stored can be no candidate."""
    return not (text_fault(passage.text) or string_fault(passage.title))


def _documents(passages: Sequence[DataPassage]) -> list[Document]:
    return [Document.from_text(passage.text, source=passage.source, title=passage.title) for passage in passages if readable(passage)]


def _prune(keep: Path) -> None:
    """A pool's last use is the time of its stamp; of one that was never finished, of its folder."""

    def used(pool: Path) -> float:
        with suppress(FileNotFoundError):
            return (pool / "complete").stat().st_mtime
        with suppress(FileNotFoundError):
            return pool.stat().st_mtime
        return math.inf  # another process has just removed it

    pools = sorted((pool for pool in keep.parent.iterdir() if pool.is_dir()), key=used, reverse=True)
    for pool in pools[MOST_KEPT:]:
        if pool != keep and time.time() - used(pool) > _IN_USE:
            shutil.rmtree(pool, ignore_errors=True)
