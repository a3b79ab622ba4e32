"""Vectors: the Chroma index derived from the store, and how any number of processes share it with one writer.

A Chroma client never sees what another process writes, and two writers corrupt a folder for good. So nobody ever writes to a folder that
others read: the writer makes a *version*, a copy of the newest one with the changes since then applied, and publishes it by renaming it to
`versions/<seq>`; from then on it stays as it is. A reader opens the newest version at its next question, and what was committed after that
version's seq it searches exactly, in memory (`Recent`). With a Chroma server the server's collection takes the place of the versions.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import sys
import threading
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from .errors import PasselError, UsageError
from .filters import filterable
from .passage import Scalar
from .store import Reading, Rows, Store

log = logging.getLogger(__name__)

HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 200, "max_neighbors": 32, "batch_size": 2, "sync_threshold": 2}
"""Chosen for recall@10 >= 0.98 against exact search. Rows that are not synced yet are indexed anew at each opening, hence the low threshold:
each call of `upsert` then ends with a sync."""
KEPT = 3
"""Published versions that stay, so that a reader that has just chosen one still finds it."""
REMOVED = 1_000
"""Rows taken out of a graph, and a third of those in it, before it is made anew."""
CHUNK = 2_000
"""Rows sent to Chroma in one call; it takes at most 5,461."""

Vector = NDArray[np.float32]
Found = list[tuple[str, float, int]]
"""(id, cosine, seq): holds as long as the row was not written again after that seq."""
Report = Callable[[int, int], None]
"""Called with (rows done, rows in all) while an index is brought in step."""

_clients = threading.Lock()  # chromadb's cache of clients by path is not guarded against two threads that open one at once


class IndexFailed(Exception):
    """Chroma could not open, read or write an index. The store still knows everything."""


@dataclass(slots=True, eq=False)
class View:
    """An opened collection that holds every live row of the store up to `seq` (a server's perhaps newer ones too)."""

    seq: int
    collection: Any
    client: Any
    users: int = 0
    """Questions that are asking it now; a superseded one is closed when none is left."""

    def count(self) -> int:
        with _chroma():
            return int(self.collection.count())

    def nearest(self, vector: Vector, n: int, where: dict[str, Any] | None) -> Found:
        """The n nearest by cosine, best first; fewer where the graph finds no more. Raises IndexFailed."""
        with _chroma():
            answer = self.collection.query(query_embeddings=[vector.tolist()], n_results=n, where=where, include=["distances"])
        return [(id_, 1.0 - distance, self.seq) for id_, distance in zip(answer["ids"][0], answer["distances"][0], strict=True)]

    def close(self) -> None:
        with _clients:
            self.client.close()


class Index(Protocol):
    """What `Corpus` asks of `Versions` and `Server`."""

    def view(self) -> AbstractContextManager[View | None]:
        """The newest state of the index, for the length of the block; None where there is none."""
        ...

    def discard(self, view: View) -> None:
        """Do not come back with this view: it failed."""
        ...

    def publish(self, report: Report | None = None) -> int:
        """Bring the index in step with the store; returns how many passages it holds. The caller holds the corpus's file lock."""
        ...

    def close(self) -> None: ...


# ---- versions in the corpus's own folder ----


@dataclass(frozen=True, slots=True)
class Label:
    """`label.json` in each version: what should be in it. A folder without one is no version."""

    count: int
    removed: int
    """Rows deleted from the graph since it was made from nothing: their places stay in it and make it slower and less exact."""
    files: dict[str, int]
    """CRC-32 of each file of the graph. Chroma ends the process when it loads a damaged one (0.1 s to check at 50,000 passages)."""

    @classmethod
    def read(cls, folder: Path) -> Label | None:
        try:
            return cls(**json.loads((folder / "label.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        (folder / "label.json").write_text(json.dumps(asdict(self)))

    @staticmethod
    def checksums(folder: Path) -> dict[str, int]:
        """Of the graph's files in the version `folder`; none where it is so small that it was never synced.

        Those stay as they are. Chroma's SQLite file is touched by each reader, and guards itself.
        """
        files = (file for metadata in folder.glob("*/index_metadata.pickle") for file in metadata.parent.iterdir())
        return {file.relative_to(folder).as_posix(): _crc32(file) for file in files}


NOTHING = Label(0, 0, {})


class Versions:
    """The published versions of one corpus. Threads share one opened view."""

    def __init__(self, store: Store, dimension: int) -> None:
        self._store = store
        self._dimension = dimension
        self._folder = store.path.parent / "versions"
        self._lock = threading.Lock()
        self._newest: View | None = None
        self._broken: dict[int, int] = {}  # seq -> when the version was published that cannot be used
        self._process = os.getpid()

    def published(self) -> list[int]:
        """The seq of each version, newest first."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return []
        return sorted((int(name) for name in names if name.isdecimal() and (self._folder / name / "label.json").exists()), reverse=True)

    @contextmanager
    def view(self) -> Iterator[View | None]:
        view = self._acquire()
        try:
            yield view
        finally:
            if view is not None:
                with self._lock:
                    view.users -= 1
                    if view is not self._newest and not view.users:
                        view.close()

    def discard(self, view: View) -> None:
        with self._lock:
            self._broken[view.seq] = self._published_at(view.seq)

    def close(self) -> None:
        with self._lock:
            view, self._newest = self._newest, None
            if view is not None and not view.users:
                view.close()

    def _published_at(self, seq: int) -> int:
        try:
            return (self._folder / str(seq) / "label.json").stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def _acquire(self) -> View | None:
        with self._lock:
            if self._process != os.getpid():
                _left_behind.append(self._newest)
                self._newest, self._process = None, os.getpid()
            if self._store.closed:  # nobody would close the view; the reading that follows says so
                return None
            while True:
                seq = next((seq for seq in self.published() if seq not in self._broken or self._broken[seq] != self._published_at(seq)), None)
                if self._newest is not None and self._newest.seq != seq:
                    view, self._newest = self._newest, None
                    if not view.users:
                        view.close()
                if seq is None:
                    return None
                if self._newest is None:
                    try:
                        self._newest = self._opened(seq)
                    except IndexFailed as error:
                        if seq in self.published():  # else it was superseded and removed in this moment
                            self._broken[seq] = self._published_at(seq)
                            log.warning("the vector index %s cannot be used: %s", self._folder / str(seq), error)
                        continue
                self._newest.users += 1
                return self._newest

    def _opened(self, seq: int) -> View:
        folder = self._folder / str(seq)
        label = Label.read(folder)
        if label is None:
            raise IndexFailed("it has no label")
        with _chroma():
            if Label.checksums(folder) != label.files:
                raise IndexFailed("its files are damaged")
        view = View(seq, None, _open_folder(folder))
        try:
            with _chroma():
                view.collection = view.client.get_collection("passages", embedding_function=None)
            if view.count() != label.count:
                raise IndexFailed(f"it holds {view.count()} passages instead of {label.count}")
            if label.count:
                view.nearest(np.ones(self._dimension, np.float32), 1, None)  # loads the graph while the folder is surely there
        except BaseException:
            view.close()
            if not (folder / "label.json").exists():  # removed meanwhile, and made anew, empty, by the client
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return view

    def publish(self, report: Report | None = None) -> int:
        self._folder.mkdir(exist_ok=True)
        for leftover in self._folder.glob("tmp-*"):  # of a writer that was killed
            shutil.rmtree(leftover, ignore_errors=True)
        with self._store.reading() as reading:
            base, label = self._continuable(reading)
            self.close()  # so that not both graphs are in memory, the one continued and the new one
            if base != reading.seq or label.count != reading.count():
                try:
                    self._make(reading, base, label, report)
                except IndexFailed as error:
                    if not base:
                        raise PasselError(f"cannot make the vector index of the corpus {self._folder.parent.name}: {error}") from error
                    log.warning("the vector index %s cannot be continued and is made anew: %s", self._folder / str(base), error)
                    self._make(reading, 0, NOTHING, report)
            count = reading.count()
        kept = {str(seq) for seq in self.published()[:KEPT]}
        for name in os.listdir(self._folder):
            if name not in kept:
                shutil.rmtree(self._folder / name, ignore_errors=True)
        return count

    def _continuable(self, reading: Reading) -> tuple[int, Label]:
        """The version from which the next one is made; 0 (nothing) where all are broken or too far behind, or too much has been deleted."""
        for seq in self.published():
            if seq > reading.seq:  # the store was put back to an older state
                shutil.rmtree(self._folder / str(seq), ignore_errors=True)
        with self._lock:
            self._broken.clear()
        with self.view() as view:
            label = Label.read(self._folder / str(view.seq)) if view else None
            if view is None or label is None or view.seq < int(reading.value("log_start")):
                return 0, NOTHING
            removed = label.removed + len(reading.deleted_after(view.seq))
            return (view.seq, label) if removed <= max(REMOVED, reading.count() // 3) else (0, NOTHING)

    def _make(self, reading: Reading, base: int, label: Label, report: Report | None) -> None:
        """Publish a version of the reading's seq, continuing version `base` (0: from nothing). Raises IndexFailed."""
        folder, target = self._folder / f"tmp-{uuid.uuid4().hex}", self._folder / str(reading.seq)
        try:
            if base:
                with _chroma():
                    _copy(self._folder / str(base), folder)
            view = View(reading.seq, None, _open_folder(folder))
            try:
                with _chroma():
                    client = view.client
                    view.collection = client.get_collection("passages", embedding_function=None) if base else _make_collection(client, "passages")
                removed = _bring_in_step(view, reading, base, report)
            finally:
                view.close()
            with _chroma():
                Label(reading.count(), label.removed + removed, Label.checksums(folder)).write(folder)
                if target.exists():  # a broken one
                    shutil.rmtree(target)
                os.rename(folder, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


# ---- a collection on a Chroma server ----


class Server:
    """The collection of one corpus on a Chroma server, reached by HTTP.

    The store's manifest records the collection's name and id and up to which seq it is in step: a collection that the server has lost, or that is
    another one, is made anew by the next writer, and readers search the store meanwhile.
    """

    def __init__(self, store: Store, url: str) -> None:
        try:
            parts, port = urlsplit(url), urlsplit(url).port
        except ValueError:  # a port that is none, half a bracket
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
            raise UsageError(f"a Chroma server is written http://host:port, not {url!r}")
        self._store = store
        self._url = url
        self._address = {"host": parts.hostname, "port": port or (443 if parts.scheme == "https" else 8000), "ssl": parts.scheme == "https"}
        self._lock = threading.Lock()
        self._client: Any = None
        self._collection: Any = None
        self._process = os.getpid()

    @contextmanager
    def view(self) -> Iterator[View | None]:
        with self._store.reading() as reading:
            state = json.loads(reading.value("server", "{}"))
        collection = self._find(state)
        yield View(state["seq"], collection, self._client) if collection is not None else None

    def discard(self, view: View) -> None:
        with self._lock:
            if self._collection is view.collection:
                self._collection = None

    def close(self) -> None:
        with self._lock:
            client, self._client, self._collection = self._client, None, None
        if client is not None:
            with _clients:
                client.close()

    def _connected(self) -> Any:
        """The client. Raises PasselError where no server answers."""
        import chromadb

        if self._process != os.getpid():
            _left_behind.append((self._client, self._collection))
            self._client, self._collection, self._process = None, None, os.getpid()
        if self._client is None:
            try:
                with _chroma(), _clients:
                    self._client = chromadb.HttpClient(**self._address, settings=_settings())
            except IndexFailed as error:
                hint = "Start it (chroma run --port PORT), or use the corpus without a server."
                raise PasselError(f"no Chroma server answers at {self._url}", hint) from error
        return self._client

    def _find(self, state: dict[str, Any]) -> Any:
        """The collection that the manifest speaks of, or None where the server does not have it."""
        from chromadb.errors import NotFoundError

        with self._lock:
            client = self._connected()
            if not state:
                return None
            if self._collection is None or str(self._collection.id) != state["id"]:
                try:
                    with _chroma():
                        self._collection = client.get_collection(state["name"], embedding_function=None)
                except IndexFailed as error:
                    if isinstance(error.__cause__, NotFoundError):
                        return None
                    raise PasselError(f"the Chroma server at {self._url} failed: {error}") from error
            return self._collection if str(self._collection.id) == state["id"] else None

    def publish(self, report: Report | None = None) -> int:
        try:
            with self._store.reading() as reading, self.view() as view:
                prefix, count = f"passel-{reading.value('id')}-", reading.count()
                try:
                    if view is None or view.seq < int(reading.value("log_start")):
                        raise IndexFailed("there is none to continue")
                    _bring_in_step(view, reading, view.seq, report)
                except IndexFailed as error:  # beside the old collection, which readers ask until the manifest names this one
                    log.info("a new collection for %s on %s: %s", self._store.path.parent, self._url, error)
                    with _chroma():
                        view = View(0, _make_collection(self._connected(), prefix + uuid.uuid4().hex[:8]), self._client)
                    _bring_in_step(view, reading, 0, report)
                state = {"name": view.collection.name, "id": str(view.collection.id), "seq": reading.seq}
            with self._store.writing() as writing:
                writing.set("server", json.dumps(state))
            with _chroma():
                for other in self._client.list_collections():  # superseded ones, and those of writers that were killed
                    if other.name.startswith(prefix) and other.name != state["name"]:
                        self._client.delete_collection(other.name)
        except IndexFailed as error:
            raise PasselError(f"the Chroma server at {self._url} failed: {error}") from error
        return count


# ---- what was written since ----


class Recent:
    """The rows written since a view's seq, in memory, searched exactly. Loads only what came since it was last asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._base = self._upto = -1
        self._rows: Rows = ([], [], np.empty((0, 0), np.float32))

    def rows(self, reading: Reading, base: int) -> Rows:
        """At least the rows of `reading` with a seq above `base`; rows written again since then, or deleted, may still be among them."""
        seq = reading.seq
        with self._lock:
            if base != self._base:
                self._rows, self._base, self._upto = ([], [], np.empty((0, 0), np.float32)), base, base
            if seq > self._upto:
                ids, seqs, matrix = reading.vectors_after(self._upto)
                if ids:
                    old_ids, old_seqs, old = self._rows
                    self._rows = (old_ids + ids, old_seqs + seqs, np.concatenate([old, matrix]) if old_ids else matrix)
                self._upto = seq
            return self._rows


def nearest_rows(rows: Rows, vector: Vector, n: int) -> Found:
    """Exact search: the n rows of highest cosine, best first; ties by id."""
    ids, seqs, matrix = rows
    if not ids:
        return []
    scores = matrix @ vector
    best = np.argpartition(-scores, n - 1)[:n] if n < len(ids) else np.arange(len(ids))
    return sorted(((ids[i], float(scores[i]), seqs[i]) for i in best), key=lambda found: (-found[1], found[0]))


# ---- Chroma ----

_left_behind: list[Any] = []


def _forked() -> None:
    """A forked child has none of Chroma's threads. Asking, closing or even freeing a client of its parent's would wait for them forever."""
    shared = sys.modules.get("chromadb.api.shared_system_client")
    if shared is not None:
        _left_behind.append(shared.SharedSystemClient._identifier_to_system)
        shared.SharedSystemClient.clear_system_cache()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _crc32(file: Path) -> int:
    value = 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            value = zlib.crc32(block, value)
    return value


@contextmanager
def _chroma() -> Iterator[None]:
    """Chroma fails with exceptions of many kinds (its own, sqlite3's, httpx's, ValueError, Rust panics): all become IndexFailed."""
    try:
        yield
    except (IndexFailed, PasselError):
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":  # Rust's, which is no Exception
            raise IndexFailed(f"{type(error).__name__}: {error}") from error
        raise


def _settings() -> Any:
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False)


def _open_folder(folder: Path) -> Any:
    import chromadb

    with _chroma(), _clients:
        return chromadb.PersistentClient(str(folder), settings=_settings())


def _make_collection(client: Any, name: str) -> Any:
    return client.create_collection(name, embedding_function=None, configuration={"hnsw": HNSW})


def _copy(source: Path, target: Path) -> None:
    """A reader that opens `source` meanwhile may touch its SQLite file, so that one is copied by SQLite itself."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("chroma.sqlite3*", "label.json"))
    with closing(sqlite3.connect(source / "chroma.sqlite3", timeout=10)) as old, closing(sqlite3.connect(target / "chroma.sqlite3")) as new:
        old.backup(new)


def _bring_in_step(view: View, reading: Reading, base: int, report: Report | None) -> int:
    """Apply to a collection that is in step with `base` what was committed since; returns how many rows were taken out of its graph.

    Raises IndexFailed where it does not hold as many passages as the store then.
    """
    gone = reading.deleted_after(base) if base else []
    with _chroma():
        for start in range(0, len(gone), CHUNK):
            view.collection.delete(ids=gone[start : start + CHUNK])
    removed, done, total = len(gone), 0, reading.count_after(base)
    for ids, vectors, metadata in reading.changed_after(base, CHUNK):
        with _chroma():
            # An upsert would mix the old metadata into the new.
            old = view.collection.get(ids=ids, include=[])["ids"] if base else []
            if old:
                view.collection.delete(ids=old)
                removed += len(old)
            view.collection.upsert(ids=ids, embeddings=vectors, metadatas=[_filterable(one) for one in metadata])
        done += len(ids)
        if report:
            report(done, total)
    if view.count() != reading.count():
        raise IndexFailed(f"it holds {view.count()} passages instead of {reading.count()}")
    return removed


def _filterable(metadata: dict[str, Scalar]) -> dict[str, Scalar]:
    return {key: value for key, value in metadata.items() if filterable(key)}
