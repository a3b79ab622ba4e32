"""Store: the SQLite file, its tables, and connections for the threads and processes that share it."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..errors import PasselError, UsageError
from .reading import Reading
from .writing import Writing

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
