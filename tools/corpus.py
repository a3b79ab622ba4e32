"""Corpus: the documents that questions are asked of. One folder, one writer, any number of readers.

`corpus.sqlite3` is the whole truth (`store.py`): what a transaction has committed is in the corpus, nothing else is.
Chroma (`vectors.py`) is an index derived from it. A reader asks the newest published index plus an exact search over
what was written since, so that it always sees the last committed batch and is never blocked by the writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from .filters import Filter
from .passage import Passage

if TYPE_CHECKING:
    from .encoder import Encoder
    from .loaders import Document, Refusal


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a writing run. `done` and `total` count documents while reading, passages while publishing."""

    phase: Literal["reading", "publishing"]
    done: int
    total: int
    """0 where it is not known beforehand."""
    source: str
    """The document worked on last; "" while publishing."""
    passages: int
    """Passages in the corpus now."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What a writing run did (documents), and what the corpus holds after it (passages)."""

    added: int
    unchanged: int
    updated: int
    removed: int
    refused: tuple[Refusal, ...]
    passages: int
    chroma: int
    lexical: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: `added, unchanged, updated, removed, refused[{path, reason}], passages, chroma, lexical, seconds`."""
        return {**asdict(self), "refused": [asdict(refusal) for refusal in self.refused]}


@dataclass(frozen=True, slots=True)
class CorpusInfo:
    """What `passel corpus info` prints."""

    name: str
    path: str
    documents: int
    passages: int
    chroma: int
    """Passages in the newest published index; fewer or more than `passages` while a writing run is under way."""
    lexical: int
    seq: int
    """Raised by each committed batch."""
    version: int
    """The `seq` of the newest published index, 0 where there is none."""
    encoder: str
    dimension: int
    bytes: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Corpus:
    """See the module. Safe to share between threads; every call sees one consistent state.

    Open with `Corpus.open`. Close it, or use it as a context manager.
    """

    name: str
    path: Path

    @classmethod
    def open(cls, path: Path | str, *, encoder: Encoder | None = None, create: bool = False, server: str | None = None) -> Corpus:
        """Open the corpus in the folder `path`; with `create`, make it when it is absent.

        `encoder`: by default the one that the corpus was made with, loaded at first need. `server`: "http://host:port" of a Chroma server
        that holds the vectors in place of the folder's own index.

        Raises UsageError where there is no corpus, CorpusMismatch where it was made with another encoder, splitter or format.
        """
        raise NotImplementedError

    @property
    def encoder(self) -> Encoder:
        """The encoder of this corpus's vectors: questions must be encoded with it."""
        raise NotImplementedError

    @property
    def seq(self) -> int:
        """The number of the last committed batch: a cache that hangs on the corpus's content is stale when it has risen."""
        raise NotImplementedError

    # ---- writing, under the file lock ----

    def index(self, paths: Sequence[Path | str], *, wait: float = 0, progress: Callable[[Progress], None] | None = None) -> IndexReport:
        """Bring the corpus in step with files, folders and .jsonl files; remove what vanished under them.

        Unchanged documents cost a hash; an interrupted run continues when run again. `wait`: seconds to wait for another writer (math.inf: as
        long as it takes). Raises CorpusBusy.
        """
        raise NotImplementedError

    def add(
        self, documents: Iterable[Document], *, split: bool = True, wait: float = 0, progress: Callable[[Progress], None] | None = None
    ) -> IndexReport:
        """Add documents held in memory; one whose source is known already replaces it. `split=False`: each document is one passage."""
        raise NotImplementedError

    def delete(self, source: str, *, wait: float = 0) -> int:
        """Remove a document; returns how many passages went (0: there was none of that name)."""
        raise NotImplementedError

    # ---- reading ----

    def info(self) -> CorpusInfo:
        raise NotImplementedError

    def sources(self) -> list[str]:
        """Source ids of all documents, sorted."""
        raise NotImplementedError

    def get(self, ids: Sequence[str], filters: Filter | None = None) -> list[Passage]:
        """In the order of `ids`; those that are missing or filtered out are left out."""
        raise NotImplementedError

    def document(self, source: str) -> str | None:
        """The converted text that the spans of the document's passages point into; None where there is no such document."""
        raise NotImplementedError

    def dense(self, query_vector: NDArray[np.float32], n: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        """The n passages nearest to `query_vector` [dimension]: (id, cosine), best first."""
        raise NotImplementedError

    def lexical(self, query: str, n: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        """The n best passages by BM25 over title, headings and text: (id, score), best (highest) first. Any text is a legal query."""
        raise NotImplementedError

    def named(self, names: Sequence[str], filters: Filter | None = None) -> list[tuple[str, str, str]]:
        """Passages that carry one of the normalised `names` (see names.py): (name, passage id, kind "title" | "alias" | "heading")."""
        raise NotImplementedError

    def similarity(self, query_vector: NDArray[np.float32], ids: Sequence[str]) -> dict[str, float]:
        """Cosine between `query_vector` [dimension] and the stored vectors of `ids`; missing ids are left out."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
