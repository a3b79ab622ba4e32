"""Chroma as it is used here: clients, one opened collection, and bringing a collection in step with the store. All its faults are `IndexFailed`."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import PasselError
from ..filters import filterable
from ..passage import Scalar
from ..store import Reading

HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 200, "max_neighbors": 32, "batch_size": 2, "sync_threshold": 2}
"""Chosen for recall@10 >= 0.98 against exact search. Rows that are not synced yet are indexed anew at each opening, hence the low threshold:
each call of `upsert` then ends with a sync."""
CHUNK = 2_000
"""Rows sent to Chroma in one call; it takes at most 5,461."""

Vector = NDArray[np.float32]
Found = list[tuple[str, float, int]]
"""(id, cosine, seq): holds as long as the row was not written again after that seq."""
Report = Callable[[int, int], None]
"""Called with (rows done, rows in all) while an index is brought in step."""

clients = threading.Lock()  # chromadb's cache of clients by path is not guarded against two threads that open one at once


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
        with talking_to_chroma():
            return int(self.collection.count())

    def nearest(self, vector: Vector, n: int, where: dict[str, Any] | None) -> Found:
        """The n nearest by cosine, best first; fewer where the graph finds no more. Raises IndexFailed."""
        with talking_to_chroma():
            answer = self.collection.query(query_embeddings=[vector.tolist()], n_results=n, where=where, include=["distances"])
        return [(id_, 1.0 - distance, self.seq) for id_, distance in zip(answer["ids"][0], answer["distances"][0], strict=True)]

    def close(self) -> None:
        with clients:
            self.client.close()


left_behind: list[Any] = []
"""What a forked child has of its parent's, kept from being freed."""


def _forked() -> None:
    """A forked child has none of Chroma's threads. Asking, closing or even freeing a client of its parent's would wait for them forever."""
    shared = sys.modules.get("chromadb.api.shared_system_client")
    if shared is not None:
        left_behind.append(shared.SharedSystemClient._identifier_to_system)
        shared.SharedSystemClient.clear_system_cache()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


@contextmanager
def talking_to_chroma() -> Iterator[None]:
    """Chroma fails with exceptions of many kinds (its own, sqlite3's, httpx's, ValueError, Rust panics): all become IndexFailed."""
    try:
        yield
    except (IndexFailed, PasselError):
        raise
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":  # Rust's, which is no Exception
            raise IndexFailed(f"{type(error).__name__}: {error}") from error
        raise


def client_settings() -> Any:
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False)


def open_folder(folder: Path) -> Any:
    import chromadb

    with talking_to_chroma(), clients:
        return chromadb.PersistentClient(str(folder), settings=client_settings())


def make_collection(client: Any, name: str) -> Any:
    return client.create_collection(name, embedding_function=None, configuration={"hnsw": HNSW})


def bring_in_step(view: View, reading: Reading, base: int, report: Report | None) -> int:
    """Apply to a collection that is in step with `base` what was committed since; returns how many rows were taken out of its graph.

    Raises IndexFailed where it does not hold as many passages as the store then.
    """
    gone = reading.deleted_after(base) if base else []
    with talking_to_chroma():
        for start in range(0, len(gone), CHUNK):
            view.collection.delete(ids=gone[start : start + CHUNK])
    removed, done, total = len(gone), 0, reading.count_after(base)
    for ids, vectors, metadata in reading.changed_after(base, CHUNK):
        with talking_to_chroma():
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
