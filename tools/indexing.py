"""Indexing: one writing run over a corpus. Documents come in, are split and encoded, and are committed a batch at a time.

Idempotent by content: a document whose hash is known costs nothing, one that changed keeps the passages that did not. What a batch has committed
stays when the run is interrupted, and the next run goes on from there.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .document import Document, Refusal, Unchanged, canonical, digest, string_fault
from .loaders import RECORDS, count_paths, load_paths
from .passage import Passage
from .splitter import split as split_document
from .splitter import whole
from .store import Reading, Store
from .vectors import Index

if TYPE_CHECKING:
    from .encoder import Encoder

MAX_TOKENS = 200
"""Of a passage. Recorded in the manifest: a corpus is split in one way."""
BATCH = 256
"""Passages that are encoded and committed together (a document is never divided)."""
BATCH_CHARACTERS = 4_000_000
"""Of the documents in one batch."""
FORGOTTEN = 20_000
"""Deletions that are remembered, for the index that has yet to follow, before they are forgotten."""
_STAYS = "; as it was indexed before, it stays"
"""Behind why a document was refused. Delete the file, or mend it, and index again."""
PUBLISH_EVERY = 10_000
"""Passages after which a long run publishes the vector index: readers search newer ones exactly, which grows slow."""


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
        return {**asdict(self), "refused": [{"path": refusal.path, "reason": refusal.reason} for refusal in self.refused]}


@dataclass(slots=True)
class _Batch:
    """Documents that are split, and wait to be encoded and committed."""

    documents: list[tuple[Document, list[Passage]]] = field(default_factory=list)
    fresh: list[Passage] = field(default_factory=list)
    """The passages among them that need a vector."""
    moved: list[tuple[str, str]] = field(default_factory=list)
    """(source, new origin) of documents that are the same, in a file that was moved."""
    removed: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return (
            len(self.fresh) >= BATCH
            or max(len(self.documents), len(self.moved), len(self.removed)) >= BATCH
            or sum(len(document.text) for document, _ in self.documents) >= BATCH_CHARACTERS
        )


class Run:
    """One run, under the corpus's write lock: `index` or `add`, then `finish`."""

    def __init__(
        self, store: Store, index: Index, encoder: Callable[[], Encoder], progress: Callable[[Progress], None] | None, *, briefly: bool = False
    ) -> None:
        self._store, self._index, self._encoder, self._progress, self._briefly = store, index, encoder, progress, briefly
        self._began = time.perf_counter()
        self._batch = _Batch()
        self._done = self._total = self._told = self._unpublished = 0
        self._added = self._unchanged = self._updated = self._removed = 0
        self._refused: list[Refusal] = []
        self._claimed: dict[str, str] = {}  # source -> origin of everything seen in this run
        self._files: dict[str, str] = {}  # origin -> source, where a file is one document

    # ---- files ----

    def index(self, paths: Sequence[Path]) -> None:
        """Bring the corpus in step with absolute paths. A path that is gone is refused, unless it was indexed before: then it is emptied."""
        with self._store.reading() as reading:
            gone = {path for path in paths if not os.path.lexists(path) and any(True for form in _forms(path) for _ in reading.under(form))}
        present = [path for path in paths if path not in gone]
        self._total = count_paths(present)
        for path in present:  # one at a time: two folders may hold files of the same relative path
            for item in load_paths([path], known=partial(self._is_known, path)):
                self._take_item(path, item)
        self._commit()
        for source in sorted(set(self._vanished(paths))):
            self._batch.removed.append(source)
            if self._batch.full:
                self._commit()
        self._commit()

    def _take_item(self, root: Path, item: Document | Unchanged | Refusal) -> None:
        self._done += 1
        if isinstance(item, Refusal):
            self._refused.append(item)
            return self._tell(item.path)
        source = self._place(root, item.source, item.origin, item.sha256)
        if source is None:
            other = self._owner(item.source) or "a document that was given in memory"
            self._refused.append(Refusal(item.origin, f"its name {item.source!r} is taken by {other}", item.origin, item.source))
            return self._tell(item.source)
        if self._claimed.get(source) == item.origin:  # the paths overlap
            return self._tell(source)
        owner = self._owner(source)
        self._claimed[source] = item.origin
        if not _is_records(item.origin):
            self._files[item.origin] = source
        if isinstance(item, Document):
            self.take(replace(item, source=source))
        else:
            self._unchanged += 1
            if owner != item.origin:
                self._batch.moved.append((source, item.origin))
        return self._tell(source)

    def _is_known(self, root: Path, source: str, origin: str, sha256: str) -> bool:
        place = self._place(root, source, origin, sha256)
        with self._store.reading() as reading:
            stamp = reading.stamp(place) if place is not None else None
        return stamp is not None and stamp[1] == sha256

    def _owner(self, source: str) -> str | None:
        """The origin of the document that has this name; None where there is none."""
        if source in self._claimed:
            return self._claimed[source]
        with self._store.reading() as reading:
            stamp = reading.stamp(source)
        return stamp[0] if stamp else None

    def _place(self, root: Path, source: str, origin: str, sha256: str) -> str | None:
        """The source id under which a loaded document is kept; None where its name is taken.

        A file that was indexed before keeps its id. A new one whose relative path is another file's gets the folder's name before it; the id of a
        record in a jsonl file is its own affair.
        """
        is_record = _is_records(origin)
        if origin in self._files:
            return self._files[origin]
        with self._store.reading() as reading:
            if not is_record and (known := reading.sources_from(origin, limit=1)):
                return known[0]
            stamp = reading.stamp(source)
        if self._owner(source) in (None, origin):
            return source
        gone = stamp is not None and source not in self._claimed and stamp[0] and not os.path.exists(stamp[0])
        if gone and stamp is not None and (is_record or stamp[1] == sha256):
            return source  # the same file, moved; a record keeps its id wherever it lies now
        prefixed = f"{root.name if root.is_dir() else root.parent.name}/{source}"
        return prefixed if not is_record and self._owner(prefixed) in (None, origin) else None

    def _vanished(self, paths: Sequence[Path]) -> Iterator[str]:
        """Documents that came from under the paths and are there no more. What is only refused now keeps its old content."""
        refused_sources = {refusal.source for refusal in self._refused}
        unclear = {refusal.origin for refusal in self._refused if _is_unclear(refusal)}
        folders = {refusal.origin for refusal in self._refused if not refusal.source}  # and what lies in them
        with self._store.reading() as reading:
            for root in (form for path in paths for form in _forms(path)):
                for source, origin in reading.under(root):
                    kept = self._claimed.get(source) == origin or source in refused_sources
                    if not kept and origin not in unclear and folders.isdisjoint(map(str, Path(origin).parents)):
                        yield source

    # ---- documents ----

    def add(self, documents: Iterable[Document], *, split: bool) -> None:
        self._total = len(documents) if isinstance(documents, Sized) else 0
        for document in documents:
            self._done += 1
            if any(document.source == waiting.source for waiting, _ in self._batch.documents):
                self._commit()
            self.take(document, split=split)
            self._tell(document.source)
        self._commit()

    def take(self, document: Document, *, split: bool = True) -> None:
        """Split a document and put it into the batch, unless the corpus has it already in this form."""
        if fault := _fault(document):
            self._refused.append(Refusal(document.origin or document.source, fault, document.origin, document.source))
            return
        sha256 = document.sha256 or digest(canonical({"title": document.title, "text": document.text, "metadata": dict(document.metadata)}))
        document = replace(document, sha256=sha256 if split else f"{sha256}:whole")
        with self._store.reading() as reading:
            stamp, heads = reading.stamp(document.source), reading.heads(document.source)
        if stamp is not None and stamp[0] and not document.origin:
            self._refused.append(Refusal(document.source, "its name is taken by a file that was indexed", source=document.source))
            return
        if stamp is not None and stamp[1] == document.sha256:
            self._unchanged += 1
            return
        encoder = self._encoder()
        passages = split_document(document, encoder.count_tokens, max_tokens=MAX_TOKENS, window=encoder.max_tokens) if split else whole(document)
        if not passages:
            self._refused.append(Refusal(document.origin or document.source, "there is no text in it", document.origin, document.source))
            return
        self._batch.documents.append((document, passages))
        self._batch.fresh += [passage for passage in passages if heads.get(passage.id) != (passage.title, passage.headings)]
        if stamp is None:
            self._added += 1
        else:
            self._updated += 1
        if self._batch.full:
            self._commit()

    def delete(self, source: str) -> int:
        """Returns how many passages went."""
        with self._store.writing() as writing:
            return writing.remove(source)

    # ---- committing and publishing ----

    def _commit(self) -> None:
        """Encode the batch and write it in one transaction."""
        batch, self._batch = self._batch, _Batch()
        if not (batch.documents or batch.moved or batch.removed):
            return
        vectors = self._encode(batch.fresh)
        with self._store.writing() as writing:
            for document, passages in batch.documents:
                writing.put(document, passages, vectors)
            for source, origin in batch.moved:
                writing.move(source, origin)
            for source in batch.removed:
                writing.remove(source)
        self._removed += len(batch.removed)
        self._unpublished += len(batch.fresh)
        self._tell(batch.documents[-1][0].source if batch.documents else "", now=True)
        if self._unpublished >= PUBLISH_EVERY:
            self._publish()

    def _encode(self, passages: Sequence[Passage]) -> dict[str, NDArray[np.float16]]:
        """float16 [dimension] by passage id; in parts, since a single document may have any number of passages."""
        vectors: dict[str, NDArray[np.float16]] = {}
        for start in range(0, len(passages), 4 * BATCH):
            part = passages[start : start + 4 * BATCH]
            encoded = self._encoder().encode([passage.embedded_text for passage in part], remember=not self._briefly).astype(np.float16)
            vectors.update(zip((passage.id for passage in part), encoded, strict=True))
        return vectors

    def _publish(self) -> int:
        def report(done: int, total: int) -> None:
            if self._progress:
                self._progress(Progress("publishing", done, total, "", total))

        self._unpublished = 0
        return 0 if self._briefly else self._index.publish(report)

    def _tell(self, source: str, *, now: bool = False) -> None:
        """Report progress after each batch, and now and then while there is nothing to commit."""
        if self._progress and (now or self._done - self._told >= BATCH):
            self._told = self._done
            with self._store.reading() as reading:
                passages = reading.count()
            self._progress(Progress("reading", self._done, self._total, source, passages))

    def finish(self) -> IndexReport:
        """Publish what was written and sum the run up."""
        if self._added + self._updated + self._removed >= BATCH:
            with self._store.writing() as writing:
                writing.merge_lexical()
        chroma = self._publish()
        with self._store.reading() as reading:
            seq, forget = reading.seq, reading.count_deletions() >= FORGOTTEN
        if forget:
            with self._store.writing() as writing:
                writing.forget_deletions(seq)
        with self._store.reading() as reading:
            refused = [replace(one, reason=one.reason + _STAYS) if self._is_kept(reading, one) else one for one in self._refused]
            return IndexReport(
                added=self._added,
                unchanged=self._unchanged,
                updated=self._updated,
                removed=self._removed,
                refused=tuple(refused),
                passages=reading.count(),
                chroma=chroma,
                lexical=reading.count_lexical(),
                seconds=round(time.perf_counter() - self._began, 3),
            )

    def _is_kept(self, reading: Reading, refusal: Refusal) -> bool:
        """Whether the corpus goes on holding an earlier form of what was refused."""
        if not refusal.origin or not refusal.source or refusal.source in self._claimed:
            return False
        if not _is_records(refusal.origin):
            return bool(reading.sources_from(refusal.origin, limit=1))
        stamp = reading.stamp(refusal.source)
        return stamp is not None and stamp[0] == refusal.origin


def _is_records(origin: str) -> bool:
    """Whether the file holds a document in each line."""
    return PurePath(origin).suffix.lower() in RECORDS


def _is_unclear(refusal: Refusal) -> bool:
    """Whether the file tells which documents are meant, and no id does: all of them; or its only one, under whatever id; or a line too broken to tell
    its id, which goes by its place."""
    return not refusal.source or not _is_records(refusal.origin) or refusal.path.endswith(refusal.source)


def _forms(path: Path) -> set[str]:
    """As it was given and without links: an origin is without. What no origin can be, and is refused by its name, is left out."""
    try:
        forms = {str(path), str(path.resolve())}
    except (OSError, RuntimeError, ValueError):  # links in a circle, a NUL
        forms = {str(path)}
    return {form for form in forms if not string_fault(form)}


def _fault(document: Document) -> str:
    """Why a document cannot be stored; "" where it can."""
    for value in document.metadata.values():
        if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            return "its metadata holds something else than text, finite numbers, true and false"
    if not document.source:
        return "it has no source id"
    strings = (document.source, document.text, document.title, *document.metadata, *document.metadata.values())
    return next((f"it has {fault}" for string in strings if isinstance(string, str) and (fault := string_fault(string))), "")
