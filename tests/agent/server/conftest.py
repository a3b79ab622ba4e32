"""A real server on loopback: uvicorn in a thread, on a port of the system's choosing, over a copy of the small corpus."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn

from passel.agent.server.app import create_app
from passel.agent.server.limits import Limits
from passel.agent.server.serving import Serving
from passel.agent.settings import Settings

PATIENT = 60.0
KEY = "a-key-of-some-length"


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


@pytest.fixture
def process(tarn: Path, tmp_path: Path) -> Any:
    """A started `passel serve` with a key: `.url`, `.headers`, `.key`, `.process`, `.log` (complete once `.reader` has ended)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PASSEL_")}
    environment = {
        **kept,
        "PASSEL_HOME": str(tmp_path),
        "PASSEL_API_KEY": KEY,
        "PASSEL_LIMITS__REQUESTS_PER_MINUTE": "100000",
        "OMP_NUM_THREADS": "1",
    }
    port = _free_port()
    command = [sys.executable, "-m", "passel", "serve", "--corpus", str(tarn), "--port", str(port)]
    log: list[str] = []
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as started:
        assert started.stderr is not None
        stderr = started.stderr
        reader = threading.Thread(target=lambda: log.extend(iter(stderr.readline, "")), daemon=True)
        reader.start()
        try:
            _wait_for(f"http://127.0.0.1:{port}/healthz", started, log)
            headers = {"Authorization": f"Bearer {KEY}"}
            yield SimpleNamespace(url=f"http://127.0.0.1:{port}", headers=headers, key=KEY, process=started, log=log, reader=reader)
        finally:
            started.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, process: subprocess.Popen[str], log: list[str]) -> None:
    for _ in range(900):
        assert process.poll() is None, "".join(log)
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"the server did not start: {''.join(log)}")
