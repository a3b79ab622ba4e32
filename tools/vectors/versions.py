"""Versions of an index in the corpus's own folder: each is made by the writer, published by a rename, and stays as it is."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sqlite3
import threading
import uuid
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ..errors import PasselError
from ..store import Reading, Store
from .chroma import IndexFailed, Report, View, bring_in_step, left_behind, make_collection, open_folder, talking_to_chroma

log = logging.getLogger(__name__)

KEPT = 3
"""Published versions that stay, so that a reader that has just chosen one still finds it."""
REMOVED = 1_000
"""Rows taken out of a graph, and a third of those in it, before it is made anew."""


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
                left_behind.append(self._newest)
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
        with talking_to_chroma():
            if Label.checksums(folder) != label.files:
                raise IndexFailed("its files are damaged")
        view = View(seq, None, open_folder(folder))
        try:
            with talking_to_chroma():
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
        """The version from which the next one is made; 0 (nothing) where all are broken or too far behind, or too much has been deleted: of a graph
        without a row Chroma rewrites the files whenever it opens them.
        """
        for seq in self.published():
            if seq > reading.seq:  # the store was put back to an older state
                shutil.rmtree(self._folder / str(seq), ignore_errors=True)
        with self._lock:
            self._broken.clear()
        with self.view() as view:
            label = Label.read(self._folder / str(view.seq)) if view else None
            if view is None or label is None or view.seq < int(reading.value("log_start")):
                return 0, NOTHING
            removed, count = label.removed + len(reading.deleted_after(view.seq)), reading.count()
            continuable = view.seq == reading.seq or (count > 0 and removed <= max(REMOVED, count // 3))
            return (view.seq, label) if continuable else (0, NOTHING)

    def _make(self, reading: Reading, base: int, label: Label, report: Report | None) -> None:
        """Publish a version of the reading's seq, continuing version `base` (0: from nothing). Raises IndexFailed."""
        folder, target = self._folder / f"tmp-{uuid.uuid4().hex}", self._folder / str(reading.seq)
        try:
            if base:
                with talking_to_chroma():
                    _copy(self._folder / str(base), folder)
            view = View(reading.seq, None, open_folder(folder))
            try:
                with talking_to_chroma():
                    client = view.client
                    view.collection = client.get_collection("passages", embedding_function=None) if base else make_collection(client, "passages")
                removed = bring_in_step(view, reading, base, report)
            finally:
                view.close()
            with talking_to_chroma():
                Label(reading.count(), label.removed + removed, Label.checksums(folder)).write(folder)
                if target.exists():  # a broken one
                    shutil.rmtree(target)
                os.rename(folder, target)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """A reader that opens `source` meanwhile may touch its SQLite file, so that one is copied by SQLite itself."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("chroma.sqlite3*", "label.json"))
    with closing(sqlite3.connect(source / "chroma.sqlite3", timeout=10)) as old, closing(sqlite3.connect(target / "chroma.sqlite3")) as new:
        old.backup(new)


def _crc32(file: Path) -> int:
    value = 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            value = zlib.crc32(block, value)
    return value
