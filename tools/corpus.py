"""Corpus: the documents that questions are asked of. One folder, one writer, any number of readers.

`corpus.sqlite3` is the whole truth (`store/`): what a transaction has committed is in the corpus, nothing else is. Chroma (`vectors/`) is an
index derived from it. A reader asks the newest published index plus an exact search over what was written since, so that it always sees the last
committed batch and is never blocked by the writer.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from .errors import CorpusMismatch, PasselError, UsageError
from .filters import Filter, to_chroma, to_sql
from .home import CORPUS_FILE, passel_home
from .indexing import MAX_TOKENS, IndexReport, Progress, Run
from .lock import unfinished, write_lock
from .passage import Passage
from .store import FORMAT, Reading, Rows, Store
from .vectors import Found, Index, IndexFailed, Recent, Server, Versions, View, nearest_rows

if TYPE_CHECKING:
    from .document import Document
    from .encoder import Encoder

__all__ = ["Corpus", "CorpusInfo", "IndexReport", "Progress"]

_LEFT = {"versions", "write.lock", "writer.json"}
"""What a corpus that was deleted while somebody wrote may leave behind."""
SPLITTER = json.dumps({"max_tokens": MAX_TOKENS})
EXACT = 5_000
"""A filter that lets no more passages through is searched exactly: a graph search loses its way among passages that it must not return."""


@dataclass(frozen=True, slots=True)
class CorpusInfo:
    """What `passel corpus info` prints."""

    name: str
    path: str
    documents: int
    passages: int
    chroma: int
    """Passages in the newest published index; differs from `passages` while a writing run is under way."""
    lexical: int
    seq: int
    """Raised by each committed batch."""
    version: int
    """The `seq` of the newest published index, 0 where there is none."""
    encoder: str
    dimension: int
    bytes: int
    unfinished: str
    """See `Corpus.unfinished`."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Corpus:
    """See the module. Safe to share between threads; every call sees one consistent state.

    Made by `Corpus.open`. Close it, or use it as a context manager.
    """

    def __init__(self, store: Store, *, encoder: Encoder | None, server: str | None) -> None:
        self._store = store
        with store.reading() as reading:
            self._manifest = reading.manifest
        self.path = store.path.parent
        self.name = self.path.name
        self.dimension = int(self._manifest["dimension"])
        self._encoder = encoder
        self._loading = threading.Lock()
        self._index: Index = Server(store, server) if server else Versions(store, self.dimension)
        self._recent = Recent()
        self._selecting = threading.Lock()
        self._filtered: OrderedDict[tuple[int, str], Rows | None] = OrderedDict()
        self._check(encoder)

    @classmethod
    def open(cls, path: Path | str, *, encoder: Encoder | None = None, create: bool = False, server: str | None = None) -> Corpus:
        """Open the corpus in the folder `path`; with `create`, make it when it is absent.

        `encoder`: by default the one that the corpus was made with, loaded at first need. `server`: "http://host:port" of a Chroma server that
        holds the vectors in place of the folder's own index.

        Raises UsageError where there is no corpus, CorpusMismatch where it was made with another encoder, splitter or format.
        """
        file = Path(os.path.abspath(os.path.expanduser(path))) / CORPUS_FILE
        if Store.exists(file):
            return cls(Store(file), encoder=encoder, server=server)
        if not create:
            raise _absent(file.parent)
        if encoder is None:
            from .encoder import Encoder

            encoder = Encoder.load()
        made = {"encoder": encoder.name, "digest": encoder.digest, "dimension": str(encoder.dimension), "splitter": SPLITTER}
        return cls(Store.create(file, {"id": uuid.uuid4().hex[:12], **made}), encoder=encoder, server=server)

    def _check(self, encoder: Encoder | None) -> None:
        made = self._manifest
        if made["format"] != str(FORMAT):
            raise self._mismatch(f"has format {made['format']}, and this version of Passel reads format {FORMAT}")
        if made["splitter"] != SPLITTER:
            raise self._mismatch(f"was split with {made['splitter']}, and this version of Passel splits with {SPLITTER}")
        if encoder is not None and encoder.digest != made["digest"]:
            raise self._mismatch(f"was made with the encoder {made['encoder']}, which is not this {encoder.name}")

    def _mismatch(self, what: str) -> CorpusMismatch:
        called = _called(self.path)
        hint = f"Make it anew: passel corpus delete {called}, then passel index PATH --corpus {called}."
        return CorpusMismatch(f"corpus {self.name!r} {what}", hint)

    @property
    def encoder(self) -> Encoder:
        """The encoder of this corpus's vectors: questions must be encoded with it."""
        with self._loading:
            if self._encoder is None:
                from .encoder import Encoder

                embedded, name = Encoder.load(), self._manifest["encoder"]
                encoder = embedded if name == embedded.name else Encoder.load(name)
                self._check(encoder)
                self._encoder = encoder
            return self._encoder

    @property
    def id(self) -> str:
        """Given when it was made, kept wherever its folder lies; only a copy of the folder has it too."""
        return self._manifest["id"]

    @property
    def seq(self) -> int:
        """The number of the last committed batch: a cache that hangs on the corpus's content is stale when it has risen."""
        with self._store.reading() as reading:
            return reading.seq

    @property
    def replaced(self) -> bool:
        """Whether it was deleted, or made anew, while it was open: then nothing of it can be read any more, and it has to be opened again."""
        return self._store.replaced

    # ---- writing, under the file lock ----

    def index(self, paths: Path | str | Sequence[Path | str], *, wait: float = 0, progress: Callable[[Progress], None] | None = None) -> IndexReport:
        """Bring the corpus in step with files, folders and .jsonl files; remove what vanished under them.

        Unchanged documents cost a hash; an interrupted run goes on when run again. What is refused now but was indexed before keeps its old content.
        `wait`: seconds to wait for another writer (math.inf: as long as it takes). Raises CorpusBusy.
        """
        with self._writing(wait, progress) as run:
            chosen = [paths] if isinstance(paths, Path | str) else paths
            run.index([Path(os.path.abspath(os.path.expanduser(path))) for path in chosen])
            return run.finish()

    def add(
        self,
        documents: Iterable[Document],
        *,
        split: bool = True,
        briefly: bool = False,
        wait: float = 0,
        progress: Callable[[Progress], None] | None = None,
    ) -> IndexReport:
        """Add documents held in memory; one whose source is known already replaces it, but for a file's, which is refused. `split=False`: each
        document is one passage.

        `briefly`: for a corpus that is deleted after a question or two. No index is published (what is new is searched exactly), and the vector
        cache learns nothing.
        """
        with self._writing(wait, progress, briefly=briefly) as run:
            run.add(documents, split=split)
            return run.finish()

    def delete(self, source: str, *, wait: float = 0) -> int:
        """Remove a document; returns how many passages went (0: there is none of that name)."""
        with self._writing(wait, None) as run:
            removed = run.delete(source)
            run.finish()
            return removed

    @contextmanager
    def _writing(self, wait: float, progress: Callable[[Progress], None] | None, *, briefly: bool = False) -> Iterator[Run]:
        with write_lock(self.path, wait=wait):
            yield Run(self._store, self._index, lambda: self.encoder, progress, briefly=briefly)

    # ---- reading ----

    def info(self) -> CorpusInfo:
        with self._index.view() as view, self._store.reading() as reading:
            return CorpusInfo(
                name=self.name,
                path=str(self.path),
                documents=reading.count_documents(),
                passages=reading.count(),
                chroma=view.count() if view else 0,
                lexical=reading.count_lexical(),
                seq=reading.seq,
                version=view.seq if view else 0,
                encoder=self._manifest["encoder"],
                dimension=self.dimension,
                bytes=_size(self.path),
                unfinished=self.unfinished,
            )

    @property
    def unfinished(self) -> str:
        """Why it may not hold all it should: who writes to it now, or was cut off; "" where the last work on it was done to its end."""
        return unfinished(self.path)

    def sources(self) -> list[str]:
        """Source ids of all documents, sorted."""
        with self._store.reading() as reading:
            return reading.sources()

    def titles(self) -> set[str]:
        """Of all documents, as their passages have them."""
        with self._store.reading() as reading:
            return reading.titles()

    def has_field(self, name: str) -> bool:
        """Whether any passage has this metadata field, so that it can be filtered by."""
        with self._store.reading() as reading:
            return reading.has_field(name)

    def get(self, ids: Sequence[str], filters: Filter | None = None) -> list[Passage]:
        """In the order of `ids`; those that are missing or filtered out are left out."""
        with self._store.reading() as reading:
            return reading.passages(ids, filters)

    def document(self, source: str) -> str | None:
        """The converted text that the spans of the document's passages point into; None where there is no such document."""
        with self._store.reading() as reading:
            return reading.text(source)

    def dense(self, query_vector: NDArray[np.float32], n: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        """The n passages nearest to `query_vector` [dimension]: (id, cosine), best first."""
        vector = self._unit(query_vector)
        for _ in range(5):
            with self._index.view() as view, self._store.reading() as reading:  # in this order: the state is never older than the index
                try:
                    return self._dense(view, reading, vector, n, filters)
                except IndexFailed as error:
                    failure = error
                    if view is not None:
                        self._index.discard(view)
        raise PasselError(f"the vector index of corpus {self.name!r} failed: {failure}", "The next passel index on it makes it anew.") from failure

    def _dense(self, view: View | None, reading: Reading, vector: NDArray[np.float32], n: int, filters: Filter | None) -> list[tuple[str, float]]:
        if n < 1:
            return []
        rows = self._selected(reading, filters) if filters else None
        if rows is None:
            recent = self._recent.rows(reading, view.seq if view else 0)
            found = dict(_valid(lambda k: nearest_rows(recent, vector, k), len(recent[0]), n, reading, filters))
            size = reading.count()
            if view:
                found |= _valid(lambda k: view.nearest(vector, k, None), min(size, 100 * n) if filters else size, n, reading, filters)
                if filters and len(found) < n:  # what passes lies far away: slower, but it looks at nothing else
                    where = to_chroma(filters)
                    with suppress(IndexFailed):  # a filter too long for Chroma says nothing against the index; all are searched below then
                        found |= _valid(lambda k: view.nearest(vector, k, where), size, n, reading, filters)
            if len(found) >= min(n, size):
                return sorted(found.items(), key=lambda one: (-one[1], one[0]))[:n]
            rows = reading.vectors_where(filters)  # a graph may lose its way among what was deleted
            assert rows is not None
        return [(id_, score) for id_, score, _ in nearest_rows(rows, vector, n)]

    def _selected(self, reading: Reading, filters: Filter) -> Rows | None:
        """The vectors that pass a filter, None where these are more than EXACT; kept for a while, since one question searches several times."""
        key = (reading.seq, repr(to_sql(filters)))
        with self._selecting:
            if key not in self._filtered:
                self._filtered[key] = reading.vectors_where(filters, limit=EXACT)
                while len(self._filtered) > 4:
                    self._filtered.popitem(last=False)
            return self._filtered[key]

    def lexical(self, query: str, n: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        """The n best passages by BM25 over title, headings and text: (id, score), best (highest) first. Any text is a legal query."""
        with self._store.reading() as reading:
            return reading.lexical(query, n, filters) if n > 0 else []

    def named(self, names: Sequence[str], filters: Filter | None = None) -> list[tuple[str, str, str]]:
        """Passages that carry one of the normalised `names` (names.py): (name, passage id, kind "title" | "alias" | "heading").

        Every passage of a document carries its title and aliases, and each the headings above it. By name, and in the documents' order.
        """
        with self._store.reading() as reading:
            return reading.named(names, filters)

    def mentioning(self, phrases: Sequence[str], n: int, filters: Filter | None = None) -> list[tuple[str, str]]:
        """Passages whose title, headings or text hold one of the `phrases` word for word: (phrase, passage id), at most n a phrase, unranked."""
        with self._store.reading() as reading:
            return reading.mentioning(phrases, n, filters) if n > 0 else []

    def similarity(self, query_vector: NDArray[np.float32], ids: Sequence[str]) -> dict[str, float]:
        """Cosine between `query_vector` [dimension] and the stored vectors of `ids`; missing ids are left out."""
        vector = self._unit(query_vector)
        with self._store.reading() as reading:
            found, _, matrix = reading.vectors(ids)
        return dict(zip(found, (matrix @ vector).tolist(), strict=True)) if found else {}

    def _unit(self, vector: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = np.asarray(vector, np.float32).reshape(-1)
        if flat.shape != (self.dimension,) or not np.isfinite(flat).all():
            raise ValueError(f"a query vector must be {self.dimension} finite numbers, not {np.shape(vector)}")
        norm = float(np.linalg.norm(flat))
        return flat / norm if norm else flat

    def close(self) -> None:
        self._store.close()  # first: behind it no view of the index is opened
        self._index.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _valid(nearest: Callable[[int], Found], size: int, n: int, reading: Reading, filters: Filter | None) -> list[tuple[str, float]]:
    """The first n of an index's answers that are in this state of the corpus, pass the filter and have not been written again since."""
    asked = n
    while True:
        found = nearest(min(asked, size)) if size else []
        live = reading.live((id_ for id_, _, _ in found), filters)
        valid = [(id_, score) for id_, score, seq in found if live.get(id_, seq + 1) <= seq]
        if len(valid) >= n or len(found) < asked or asked >= size:
            return valid[:n]
        asked *= 4


def _size(folder: Path) -> int:
    """Bytes of the files in it; a writer may remove some meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.stat(os.path.join(parent, name)).st_size
    return total


def _absent(path: Path) -> UsageError:
    if path.is_dir() and {inside.name for inside in path.iterdir()} - _LEFT:
        return UsageError(f"{path} is a folder of something else than a corpus", f"Index its documents first: passel index {path} --corpus NAME")
    others = sorted(file.parent.name for file in path.parent.glob(f"*/{CORPUS_FILE}")) if path.parent.is_dir() else []
    existing = f" (there is {', '.join(others)})" if others else ""
    called = _called(path)
    make = "passel demo" if called == "demo" else f"passel index PATH --corpus {called}"
    return UsageError(f"there is no corpus {path.name!r}{existing}", f"Make it: {make}.")


def _called(path: Path) -> str:
    """As `--corpus` takes it: by its mere name another corpus may be called."""
    return path.name if path.parent == passel_home() / "corpora" else str(path)
