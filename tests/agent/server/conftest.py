"""A real server on loopback: uvicorn in a thread, on a port of the system's choosing, over a copy of the small corpus."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from passel.agent.server.app import create_app
from passel.agent.server.limits import Limits
from passel.agent.server.serving import Serving
from passel.agent.settings import Settings

PATIENT = 60.0


@dataclass
class Served:
    url: str
    serving: Serving
    server: uvicorn.Server
    home: Path

    def client(self, key: str | None = None, **headers: str) -> httpx.Client:
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENT)


@contextlib.contextmanager
def running(settings: Settings, home: Path, *, key: str | None = None, origins: tuple[str, ...] = ()) -> Iterator[Served]:
    serving = Serving(settings)
    app = create_app(serving, key=key, hosts=frozenset(("localhost", "127.0.0.1")), origins=origins)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=20))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            deadline = time.monotonic() + PATIENT
            while not server.started:
                assert thread.is_alive(), "the server did not start"
                assert time.monotonic() < deadline, "the server did not start in time"
                time.sleep(0.01)
            yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", serving, server, home)
        finally:
            server.should_exit = True
            thread.join(timeout=PATIENT)
            assert not thread.is_alive(), "the server did not end"


@pytest.fixture(scope="module")
def module_home(tmp_path_factory: pytest.TempPathFactory, tarn: Path) -> Iterator[Path]:
    """A PASSEL_HOME with the corpus `tarn`, which the tests of one module share."""
    home = tmp_path_factory.mktemp("server-home")
    shutil.copytree(tarn, home / "corpora" / "tarn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PASSEL_HOME", str(home))
        yield home


@pytest.fixture(scope="session")
def run_server() -> Any:
    """`with run_server(settings, home, key=…) as served:`"""
    return running


@pytest.fixture(scope="module")
def served(module_home: Path) -> Iterator[Served]:
    """Without a key."""
    with running(Settings.load(corpus="tarn", limits=Limits(requests_per_minute=100_000)), module_home) as one:
        yield one


@pytest.fixture
def start(module_home: Path) -> Iterator[Callable[..., Served]]:
    """`start(key=…, limits=Limits(…), model=…)`: a server of the test's own."""
    with contextlib.ExitStack() as stack:

        def begin(*, key: str | None = None, origins: tuple[str, ...] = (), **settings: Any) -> Served:
            return stack.enter_context(running(Settings.load(corpus="tarn", **settings), module_home, key=key, origins=origins))

        yield begin
