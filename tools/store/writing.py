"""Writing: one transaction that puts and removes documents, with their passages, vectors, words and names."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..names import document_names
from ..passage import Passage, Scalar
from .reading import Reading

if TYPE_CHECKING:
    from ..document import Document


class Writing(Reading):
    """One transaction: what it puts and removes becomes visible at once, or not at all."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._seq = self.seq + 1
        self.content = False
        """Whether what can be found has changed, so that the seq rises."""

    def put(self, document: Document, passages: Sequence[Passage], vectors: Mapping[str, NDArray[np.float16]]) -> None:
        """Store a document; one of the same source is replaced, but passages that stay the same keep their row.

        `vectors` [dimension] by passage id: needed for each passage that is not among `heads`, or has another head there.
        """
        self.content = True
        old = self._db.execute("SELECT id, rowid, ordinal, first, last, page, metadata FROM passages WHERE source = ?", (document.source,))
        known = {row[0]: row[1:] for row in old}
        self._drop([(known[id_][0], id_) for id_ in known.keys() - {passage.id for passage in passages}])
        rows: list[int] = []
        for ordinal, passage in enumerate(passages):
            place = (ordinal, passage.start, passage.end, passage.page, _dumped(passage.metadata))
            if passage.id not in known:
                rows.append(self._insert(passage, place, vectors[passage.id]))
                continue
            rowid, *before = known[passage.id]
            rows.append(rowid)
            if passage.id in vectors:
                self._replace(rowid, passage, vectors[passage.id])
            if tuple(before) != place:
                self._db.execute("UPDATE passages SET (ordinal, first, last, page, metadata) = (?, ?, ?, ?, ?) WHERE rowid = ?", (*place, rowid))
            if before[-1] != place[-1]:
                self._db.execute("UPDATE passages SET seq = ? WHERE rowid = ?", (self._seq, rowid))
        self._name(document, passages, rows)
        self._db.execute(
            "INSERT OR REPLACE INTO documents (source, origin, title, sha256, metadata, text) VALUES (?, ?, ?, ?, ?, ?)",
            (document.source, document.origin, document.title, document.sha256, _dumped(document.metadata), document.text),
        )

    def remove(self, source: str) -> int:
        """Delete a document; returns how many passages went with it."""
        rows = self._db.execute("SELECT rowid, id FROM passages WHERE source = ?", (source,)).fetchall()
        self._drop(rows)
        deleted = self._db.execute("DELETE FROM documents WHERE source = ?", (source,))
        self.content = self.content or deleted.rowcount > 0
        return len(rows)

    def move(self, source: str, origin: str) -> None:
        """The document is the same, its file lies elsewhere now."""
        self._db.execute("UPDATE documents SET origin = ? WHERE source = ?", (origin, source))

    def set(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO manifest (key, value) VALUES (?, ?)", (key, value))

    def forget_deletions(self, upto: int) -> None:
        """A derived index older than `upto` cannot come in step any more and has to be made anew."""
        self._db.execute("DELETE FROM deletions WHERE seq <= ?", (upto,))
        self.set("log_start", str(upto))

    def merge_lexical(self) -> None:
        """Join the segments that the batches left in the lexical index: queries get faster."""
        self._db.execute("INSERT INTO passages_fts (passages_fts) VALUES ('optimize')")

    def finish(self) -> None:
        if self.content:
            self.set("seq", str(self._seq))

    def _insert(self, passage: Passage, place: tuple[Any, ...], vector: NDArray[np.float16]) -> int:
        cursor = self._db.execute(
            "INSERT INTO passages (id, source, seq, title, headings, text, vector, ordinal, first, last, page, metadata) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (passage.id, passage.source, self._seq, passage.title, json.dumps(passage.headings), passage.text, _blob(vector), *place),
        )
        assert cursor.lastrowid is not None
        self._db.execute("INSERT INTO passages_fts (rowid, body) VALUES (?, ?)", (cursor.lastrowid, passage.embedded_text))
        return cursor.lastrowid

    def _replace(self, rowid: int, passage: Passage, vector: NDArray[np.float16]) -> None:
        """Same text under another title or heading."""
        self._db.execute(
            "UPDATE passages SET seq = ?, title = ?, headings = ?, vector = ? WHERE rowid = ?",
            (self._seq, passage.title, json.dumps(passage.headings), _blob(vector), rowid),
        )
        self._db.execute("UPDATE passages_fts SET body = ? WHERE rowid = ?", (passage.embedded_text, rowid))

    def _drop(self, rows: Sequence[tuple[int, str]]) -> None:
        rowids = [(rowid,) for rowid, _ in rows]
        self._db.executemany("DELETE FROM passages WHERE rowid = ?", rowids)
        self._db.executemany("DELETE FROM passages_fts WHERE rowid = ?", rowids)
        self._db.executemany("DELETE FROM names WHERE passage = ?", rowids)
        self._db.executemany("INSERT INTO deletions (seq, id) VALUES (?, ?)", [(self._seq, id_) for _, id_ in rows])

    def _name(self, document: Document, passages: Sequence[Passage], rows: Sequence[int]) -> None:
        """Each passage carries the names of its document and of the headings above it."""
        self._db.executemany("DELETE FROM names WHERE passage = ?", [(rowid,) for rowid in rows])
        whole = dict(document_names(document.title, (), passages[0].text if passages else ""))
        below: dict[tuple[str, ...], dict[str, str]] = {}
        for rowid, passage in zip(rows, passages, strict=True):
            if passage.headings not in below:
                below[passage.headings] = dict(document_names("", passage.headings, "")) | whole
            names = ((key, rowid, kind) for key, kind in below[passage.headings].items())
            self._db.executemany("INSERT INTO names (name, passage, kind) VALUES (?, ?, ?)", names)


def _dumped(metadata: Mapping[str, Scalar]) -> str:
    """JSON with sorted keys. Raises ValueError for a number that is not finite, which JSON cannot hold."""
    return json.dumps(dict(metadata), ensure_ascii=False, sort_keys=True, allow_nan=False)


def _blob(vector: NDArray[np.float16]) -> bytes:
    return vector.astype("<f2").tobytes()
