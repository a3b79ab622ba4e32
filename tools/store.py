"""Store: the SQLite file that is the corpus. Documents, passages, their vectors, the lexical index and the names live and die in one transaction.

A row of `passages` is live and acknowledged; nothing else is. Each write transaction raises one sequence number, `seq`, and stamps what it
wrote with it, so that anything derived from this file (a Chroma index, a reader's memory) can ask for just what came after.
In WAL mode readers see the last committed transaction and are never blocked by the writer.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import PasselError, UsageError
from .filters import Filter, to_sql
from .names import document_names
from .passage import Passage, Scalar
from .words import STOP_WORDS

if TYPE_CHECKING:
    from .document import Document

FORMAT = 1
"""Raised when the tables change their shape, or `Passage.embedded_text` or the names their meaning."""

_SCHEMA = """
CREATE TABLE manifest (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE documents (
    source TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    title TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    metadata TEXT NOT NULL,
    text TEXT NOT NULL
);
CREATE INDEX documents_by_origin ON documents (origin, source);

CREATE TABLE passages (
    rowid INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    ordinal INTEGER NOT NULL,  -- its place in the document
    seq INTEGER NOT NULL,      -- the transaction that last changed what is searched: its vector, text, title, headings or metadata
    metadata TEXT NOT NULL,
    title TEXT NOT NULL,
    headings TEXT NOT NULL,
    first INTEGER NOT NULL,    -- the span in the document's text
    last INTEGER NOT NULL,
    page INTEGER,
    text TEXT NOT NULL,
    vector BLOB NOT NULL       -- float16 [dimension]
);
CREATE INDEX passages_by_seq ON passages (seq);
-- wide enough that a filter never reads the table itself
CREATE INDEX passages_by_source ON passages (source, ordinal, metadata);

CREATE VIRTUAL TABLE passages_fts USING fts5 (body, tokenize = 'porter unicode61 remove_diacritics 2');

CREATE TABLE names (name TEXT NOT NULL, passage INTEGER NOT NULL, kind TEXT NOT NULL, PRIMARY KEY (name, passage)) WITHOUT ROWID;
CREATE INDEX names_by_passage ON names (passage);

CREATE TABLE deletions (seq INTEGER NOT NULL, id TEXT NOT NULL);
CREATE INDEX deletions_by_seq ON deletions (seq);
"""

_PASSAGE = "p.id, p.source, p.text, p.title, p.headings, p.first, p.last, p.page, p.metadata"
_IDS = "(SELECT value FROM json_each(?))"  # any number of ids in one parameter

# Of the query's terms the rarest find the passages and all of them score: a passage that holds only frequent terms never ranks high, but
# scoring tens of thousands of such passages is what makes a query slow. Questions of 2Wiki, HotpotQA and MuSiQue over 54k passages: the same
# share with all gold among the first 30 (0.426, 0.823, 0.300; without: 0.426, 0.819, 0.300) in 5-6 ms instead of 11-16.
_MATCHED = 3_000
_MAX_TERMS = 48
_MAX_QUERY = 4_000  # characters

Vectors = NDArray[np.float32]
Rows = tuple[list[str], list[int], Vectors]
"""ids, the seq of each, and their unit vectors [n, dimension]."""


class Reading:
    """One consistent state of the corpus: everything read from it belongs to the same committed `seq`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    # ---- the corpus ----

    @property
    def manifest(self) -> dict[str, str]:
        return dict(self._db.execute("SELECT key, value FROM manifest"))

    def value(self, key: str, default: str = "") -> str:
        """One value of the manifest."""
        row = self._db.execute("SELECT value FROM manifest WHERE key = ?", (key,)).fetchone()
        return row[0] if row else default

    @property
    def seq(self) -> int:
        return int(self.value("seq", "0"))

    def count(self) -> int:
        """Passages."""
        return int(self._db.execute("SELECT count(*) FROM passages").fetchone()[0])

    def count_lexical(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM passages_fts_docsize").fetchone()[0])

    # ---- documents ----

    def count_documents(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM documents").fetchone()[0])

    def sources(self) -> list[str]:
        return [source for (source,) in self._db.execute("SELECT source FROM documents ORDER BY source")]

    def titles(self) -> set[str]:
        return {title for (title,) in self._db.execute("SELECT DISTINCT title FROM documents")}

    def text(self, source: str) -> str | None:
        """The document's converted text."""
        row = self._db.execute("SELECT text FROM documents WHERE source = ?", (source,)).fetchone()
        return row[0] if row else None

    def stamp(self, source: str) -> tuple[str, str] | None:
        """(origin, sha256) of a document."""
        row = self._db.execute("SELECT origin, sha256 FROM documents WHERE source = ?", (source,)).fetchone()
        return (row[0], row[1]) if row else None

    def sources_from(self, origin: str, *, limit: int = -1) -> list[str]:
        """Documents that came from the file `origin`."""
        return [source for (source,) in self._db.execute("SELECT source FROM documents WHERE origin = ? ORDER BY source LIMIT ?", (origin, limit))]

    def under(self, path: str) -> Iterator[tuple[str, str]]:
        """(source, origin) of every document that came from the file `path` or from a file below the folder `path`."""
        below = path.rstrip(os.sep) + os.sep
        after = below[:-1] + chr(ord(os.sep) + 1)
        yield from self._db.execute("SELECT source, origin FROM documents WHERE origin = ? OR (origin >= ? AND origin < ?)", (path, below, after))

    # ---- passages ----

    def passages(self, ids: Sequence[str], filters: Filter | None = None) -> list[Passage]:
        """In the order of `ids`; missing and filtered-out ones are left out."""
        where, values = _where(filters)
        rows = self._db.execute(f"SELECT {_PASSAGE} FROM passages p WHERE p.id IN {_IDS} AND {where}", (json.dumps(list(ids)), *values))
        found = {row[0]: _passage(row) for row in rows}
        return [found[id_] for id_ in ids if id_ in found]

    def heads(self, source: str) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Title and headings of each passage of a document: with its text, which its id stands for, what its vector was made of."""
        rows = self._db.execute("SELECT id, title, headings FROM passages WHERE source = ?", (source,))
        return {id_: (title, tuple(json.loads(headings))) for id_, title, headings in rows}

    def live(self, ids: Iterable[str], filters: Filter | None = None) -> dict[str, int]:
        """The seq of each of `ids` that exists and passes the filter."""
        where, values = _where(filters)
        return dict(self._db.execute(f"SELECT p.id, p.seq FROM passages p WHERE p.id IN {_IDS} AND {where}", (json.dumps(list(ids)), *values)))

    def vectors(self, ids: Iterable[str]) -> Rows:
        return _rows(self._db.execute(f"SELECT p.id, p.seq, p.vector FROM passages p WHERE p.id IN {_IDS}", (json.dumps(list(ids)),)))

    def vectors_where(self, filters: Filter | None, *, limit: int = -1) -> Rows | None:
        """All that pass the filter; None where these are more than `limit`."""
        where, values = _where(filters)
        most = limit + 1 if limit >= 0 else -1
        rows = [row for (row,) in self._db.execute(f"SELECT p.rowid FROM passages p WHERE {where} LIMIT ?", (*values, most))]
        if 0 <= limit < len(rows):
            return None
        return _rows(self._db.execute(f"SELECT p.id, p.seq, p.vector FROM passages p WHERE p.rowid IN {_IDS}", (json.dumps(rows),)))

    def vectors_after(self, seq: int) -> Rows:
        return _rows(self._db.execute("SELECT p.id, p.seq, p.vector FROM passages p WHERE p.seq > ? ORDER BY p.seq, p.rowid", (seq,)))

    # ---- what a derived index needs to come in step ----

    def deleted_after(self, seq: int) -> list[str]:
        return [id_ for (id_,) in self._db.execute("SELECT DISTINCT id FROM deletions WHERE seq > ?", (seq,))]

    def count_deletions(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM deletions").fetchone()[0])

    def count_after(self, seq: int) -> int:
        return int(self._db.execute("SELECT count(*) FROM passages WHERE seq > ?", (seq,)).fetchone()[0])

    def changed_after(self, seq: int, size: int) -> Iterator[tuple[list[str], Vectors, list[dict[str, Scalar]]]]:
        """(ids, unit vectors, metadata with the source id) of the rows written after `seq`, at most `size` at a time."""
        cursor = self._db.execute("SELECT p.id, p.vector, p.source, p.metadata FROM passages p WHERE p.seq > ? ORDER BY p.seq, p.rowid", (seq,))
        while rows := cursor.fetchmany(size):
            yield [row[0] for row in rows], _matrix([row[1] for row in rows]), [{**json.loads(row[3]), "source": row[2]} for row in rows]

    # ---- lexical search and names ----

    def lexical(self, query: str, n: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        """The n best by BM25: (id, score), best first. Any text is a legal query."""
        terms = sorted((count, term) for term in _terms(query) if (count := self._holding(term)))[:_MAX_TERMS]
        rare, matched = [], 0
        for count, term in terms:
            if matched >= max(10 * n, _MATCHED // 4) and matched + count > _MATCHED:
                break
            rare.append(term)
            matched += count
        frequent = [term for _, term in terms[len(rare) :]]
        if not frequent:
            return self._match(_any(rare), 1.0, n, filters) if rare else []
        # FTS5 scores every phrase that stands in the expression: the rare ones twice here, so the frequent ones are written twice too.
        found = self._match(f"({_any(rare)}) AND ({_any(rare + frequent + frequent)})", 0.5, n, filters)
        return found if len(found) == n else self._match(_any(rare + frequent), 1.0, n, filters)

    def _holding(self, term: str) -> int:
        return int(self._db.execute("SELECT count(*) FROM passages_fts WHERE passages_fts MATCH ?", (_any([term]),)).fetchone()[0])

    def _match(self, expression: str, weight: float, n: int, filters: Filter | None) -> list[tuple[str, float]]:
        where, values = _where(filters)
        rows = self._db.execute(
            "SELECT p.id, f.rank FROM passages_fts f CROSS JOIN passages p ON p.rowid = f.rowid "
            f"WHERE passages_fts MATCH ? AND {where} ORDER BY f.rank LIMIT ?",
            (expression, *values, n),
        )
        return [(id_, -rank * weight) for id_, rank in rows]

    def named(self, names: Sequence[str], filters: Filter | None = None) -> list[tuple[str, str, str]]:
        """(name, passage id, kind) of the passages that carry one of the names; by name, and in the order of their documents."""
        where, values = _where(filters)
        rows = self._db.execute(
            f"SELECT n.name, p.id, n.kind FROM names n JOIN passages p ON p.rowid = n.passage WHERE n.name IN {_IDS} AND {where} "
            "ORDER BY n.name, p.source, p.ordinal",
            (json.dumps(list(names)), *values),
        )
        return list(rows)

    def mentioning(self, phrases: Sequence[str], n: int, filters: Filter | None = None) -> list[tuple[str, str]]:
        """(phrase, passage id) of the passages that hold a phrase word for word: at most n for each phrase, by no particular rank."""
        where, values = _where(filters)
        query = f"SELECT p.id FROM passages_fts f CROSS JOIN passages p ON p.rowid = f.rowid WHERE passages_fts MATCH ? AND {where} LIMIT ?"
        return [(phrase, id_) for phrase in phrases for (id_,) in self._db.execute(query, (_phrase(phrase), *values, n))]


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
            place = (ordinal, passage.start, passage.end, passage.page, dump_metadata(passage.metadata))
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
            (document.source, document.origin, document.title, document.sha256, dump_metadata(document.metadata), document.text),
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


_left_behind: list[sqlite3.Connection] = []


class Store:
    """The file, opened. Threads may share it: each call takes a connection of its own from the pool."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._process = os.getpid()
        self._file = path.stat().st_ino if path.exists() else 0

    @staticmethod
    def exists(path: Path) -> bool:
        """Whether there is a corpus in the file; one whose making was interrupted is none. Raises PasselError for a file of another kind."""
        if not path.is_file() or not path.stat().st_size:
            return False
        connection = _connect(path)
        try:
            return bool(connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'manifest'").fetchone()[0])
        except sqlite3.Error as error:
            raise PasselError(f"{path.parent.name!r} cannot be read as a corpus: {error}") from error
        finally:
            connection.close()

    @classmethod
    def create(cls, path: Path, manifest: Mapping[str, str]) -> Store:
        """Make an empty corpus; nothing happens where there is one already."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(path, isolation_level=None, timeout=30)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN IMMEDIATE")
                if not connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'manifest'").fetchone()[0]:
                    for statement in _SCHEMA.split(";\n"):
                        connection.execute(statement)
                    values = {**manifest, "format": str(FORMAT), "seq": "0", "log_start": "0"}
                    connection.executemany("INSERT INTO manifest (key, value) VALUES (?, ?)", values.items())
                connection.execute("COMMIT")
            finally:
                connection.close()
        except (OSError, sqlite3.Error) as error:
            raise PasselError(f"cannot make a corpus in {path.parent}: {error}") from error
        return cls(path)

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        """A read transaction: the state of the last commit, held until the end of the block."""
        connection = self._take()
        try:
            connection.execute("BEGIN")
            try:
                yield Reading(connection)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise PasselError(f"cannot read the corpus {self.path.parent.name!r}: {error}") from error
        finally:
            self._give(connection)

    @contextmanager
    def writing(self) -> Iterator[Writing]:
        """A write transaction, committed at the end of the block. The caller holds the corpus's file lock."""
        connection = self._take()
        try:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield (writing := Writing(connection))
                writing.finish()
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise PasselError(f"cannot write to the corpus {self.path.parent.name!r}: {error}") from error
        finally:
            self._give(connection)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def replaced(self) -> bool:
        """Whether the file was deleted, or made anew, while it was open: it can no longer be read."""
        try:
            return self.path.stat().st_ino != self._file
        except FileNotFoundError:
            return True

    def _take(self) -> sqlite3.Connection:
        if self._closed:
            raise UsageError(f"the corpus {self.path.parent.name!r} is closed")
        if self.replaced:
            raise PasselError(f"the corpus {self.path.parent.name!r} was deleted or made anew while it was open", "Open it again.")
        with self._lock:
            if self._process != os.getpid():  # a forked child must not touch its parent's connections, nor close them
                _left_behind.extend(self._idle)
                self._idle, self._process = [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return _connect(self.path)

    def _give(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed and not isinstance(connection, _AsItLies):
                self._idle.append(connection)
                return
        connection.close()


class _AsItLies(sqlite3.Connection):
    """Of a file that is taken as one that never changes: it would not see what is written later, so it serves for one reading."""


def dump_metadata(metadata: Mapping[str, Scalar]) -> str:
    """JSON with sorted keys. Raises ValueError for a number that is not finite, which JSON cannot hold."""
    return json.dumps(dict(metadata), ensure_ascii=False, sort_keys=True, allow_nan=False)


def _connect(path: Path) -> sqlite3.Connection:
    """Where the folder cannot be written to and no writer has left its shared memory, the file is read as it lies."""
    failure: sqlite3.Error | None = None
    for mode in ("mode=rw", "mode=ro", "immutable=1"):
        try:
            kind = _AsItLies if mode == "immutable=1" else sqlite3.Connection
            address = f"{path.absolute().as_uri()}?{mode}"
            connection = sqlite3.connect(address, uri=True, isolation_level=None, timeout=10, check_same_thread=False, factory=kind)
            try:
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                connection.execute("PRAGMA cache_size = -16384")
                return connection
            except sqlite3.OperationalError:
                connection.close()
                raise
        except sqlite3.OperationalError as error:
            failure = error
        except sqlite3.DatabaseError as error:
            failure = error
            break
    raise PasselError(f"{path.parent.name!r} cannot be read as a corpus: {failure}") from failure


def _where(filters: Filter | None) -> tuple[str, list[Scalar]]:
    return to_sql(filters) if filters else ("1", [])


def _passage(row: tuple[Any, ...]) -> Passage:
    id_, source, text, title, headings, first, last, page, metadata = row
    return Passage(id_, source, text, title, tuple(json.loads(headings)), first, last, page, json.loads(metadata))


def _blob(vector: NDArray[np.float16]) -> bytes:
    return vector.astype("<f2").tobytes()


def _matrix(blobs: Sequence[bytes]) -> Vectors:
    """Unit vectors [n, dimension] as they were before they were rounded to float16 (cosine to them > 0.99999)."""
    if not blobs:
        return np.empty((0, 0), np.float32)
    rows = np.frombuffer(b"".join(blobs), "<f2").reshape(len(blobs), -1).astype(np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(norms > 0, norms, 1)
    return rows


def _rows(cursor: sqlite3.Cursor) -> Rows:
    rows = cursor.fetchall()
    return [row[0] for row in rows], [row[1] for row in rows], _matrix([row[2] for row in rows])


def _terms(query: str) -> list[str]:
    """The words of a query, each once; function words only where there is nothing else."""
    composed = unicodedata.normalize("NFC", query[:_MAX_QUERY])  # a letter and its accent must not come apart
    words = list(dict.fromkeys(word.lower() for word in re.findall(r"[^\W_]+", composed)))
    return [word for word in words if word not in STOP_WORDS] or words


def _any(terms: Sequence[str]) -> str:
    """An FTS5 expression: one of the terms."""
    return " OR ".join(map(_phrase, terms))


def _phrase(text: str) -> str:
    """Any text as an FTS5 phrase, in which AND, OR, NOT and NEAR are plain words; FTS5 reads it with the index's own tokenizer."""
    plain = text.replace('"', " ").replace("\0", " ")
    return f'"{plain}"'.encode("utf-8", "replace").decode()
