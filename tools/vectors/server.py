"""A collection on a Chroma server in the place of the versions."""

from __future__ import annotations

import json
import logging
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from ..errors import PasselError, UsageError
from ..store import Store
from .chroma import IndexFailed, Report, View, bring_in_step, client_settings, clients, left_behind, make_collection, talking_to_chroma

log = logging.getLogger(__name__)


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
            with clients:
                client.close()

    def _connected(self) -> Any:
        """The client. Raises PasselError where no server answers."""
        import chromadb

        if self._process != os.getpid():
            left_behind.append((self._client, self._collection))
            self._client, self._collection, self._process = None, None, os.getpid()
        if self._client is None:
            try:
                with talking_to_chroma(), clients:
                    self._client = chromadb.HttpClient(**self._address, settings=client_settings())
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
                    with talking_to_chroma():
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
                    bring_in_step(view, reading, view.seq, report)
                except IndexFailed as error:  # beside the old collection, which readers ask until the manifest names this one
                    log.info("a new collection for %s on %s: %s", self._store.path.parent, self._url, error)
                    with talking_to_chroma():
                        view = View(0, make_collection(self._connected(), prefix + uuid.uuid4().hex[:8]), self._client)
                    bring_in_step(view, reading, 0, report)
                state = {"name": view.collection.name, "id": str(view.collection.id), "seq": reading.seq}
            with self._store.writing() as writing:
                writing.set("server", json.dumps(state))
            with talking_to_chroma():
                for other in self._client.list_collections():  # superseded ones, and those of writers that were killed
                    if other.name.startswith(prefix) and other.name != state["name"]:
                        self._client.delete_collection(other.name)
        except IndexFailed as error:
            raise PasselError(f"the Chroma server at {self._url} failed: {error}") from error
        return count
