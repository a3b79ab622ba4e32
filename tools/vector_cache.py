"""VectorCache: vectors that were computed once, by the SHA-256 of their text. One SQLite file an encoder, shared by processes.

A cache may only ever save time: whatever is wrong with its file is said once by a warning, and encoding goes on without it.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Result = TypeVar("Result")

MAX_BYTES = 2 * 1024**3
_ROW_OVERHEAD = 100
"""Bytes of a row besides its vector: the key, twice, and SQLite's own (measured: 97 to 99)."""
_BUSY_SECONDS = 1.0
_KEYS_AT_ONCE = 500


class VectorCache:
    """Keys are 32-byte digests, values fp16 vectors [dimension]. Threads may share one; the oldest rows go when the file reaches `max_bytes`."""

    def __init__(self, file: Path, dimension: int, max_bytes: int = MAX_BYTES) -> None:
        self.file = file
        self.dimension = dimension
        self.max_rows = max(1, max_bytes // (2 * dimension + _ROW_OVERHEAD))
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._broken = False
        self._warned = False

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float16]]:
        """The vectors of those keys that are known; none where the cache cannot be read."""

        def read(connection: sqlite3.Connection) -> dict[bytes, NDArray[np.float16]]:
            found = {}
            for start in range(0, len(keys), _KEYS_AT_ONCE):
                some = keys[start : start + _KEYS_AT_ONCE]
                marks = ",".join("?" * len(some))
                for key, vector in connection.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", some):
                    if len(vector) == 2 * self.dimension:
                        found[key] = np.frombuffer(vector, np.float16)
            return found

        return self._attempt(read, otherwise={})

    def put(self, vectors: Mapping[bytes, NDArray[np.float16]]) -> None:
        """Keeps the vectors, if that is possible."""

        def write(connection: sqlite3.Connection) -> None:
            with connection:  # one transaction
                rows = [(key, vector.tobytes()) for key, vector in vectors.items()]
                connection.executemany("INSERT OR IGNORE INTO vectors (key, vector) VALUES (?, ?)", rows)
                connection.execute("DELETE FROM vectors WHERE id <= (SELECT max(id) FROM vectors) - ?", (self.max_rows,))

        if vectors:
            self._attempt(write, otherwise=None)

    def close(self) -> None:
        with self._lock:
            self._close()

    def __del__(self, _getpid: Callable[[], int] = os.getpid) -> None:
        """At the interpreter's end modules may be gone already: then the system closes the file."""
        connection, self._connection = self._connection, None
        if connection is not None and self._pid == _getpid():
            connection.close()

    def _attempt(self, action: Callable[[sqlite3.Connection], Result], otherwise: Result) -> Result:
        """One thread at a time. SQLite's errors end here: as a warning, and `otherwise`."""
        with self._lock:
            try:
                connection = self._connect()
                return otherwise if connection is None else action(connection)
            except (sqlite3.Error, OSError) as error:
                self._give_up(error)
                return otherwise

    def _connect(self) -> sqlite3.Connection | None:
        if self._broken:
            return None
        if self._connection is not None and self._pid == os.getpid():  # a connection must not cross a fork
            return self._connection
        self.file.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.file, timeout=_BUSY_SECONDS, check_same_thread=False)
        self._connection, self._pid = connection, os.getpid()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, key BLOB UNIQUE NOT NULL, vector BLOB NOT NULL)")
        return connection

    def _give_up(self, error: Exception) -> None:
        """A busy file is tried again at the next call; a corrupt one is removed, so that the next process begins anew; else no cache from now on."""
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the plain code
        if code not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            self._broken = True
            self._close()
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            for suffix in ("", "-wal", "-shm"):
                self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)
        if not self._warned:
            self._warned = True
            warnings.warn(f"vector cache {self.file}: {error}; encoding goes on without it", stacklevel=5)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and self._pid == os.getpid():
            connection.close()
