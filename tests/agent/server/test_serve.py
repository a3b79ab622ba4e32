"""passel serve, as a process: what it refuses to start with, and that SIGTERM under load finishes what is running."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import uvicorn

from passel.agent.server.serving import Serving
from passel.agent.settings import Settings
from passel.tools.corpus import Corpus
from passel.tools.errors import UsageError

BUILT = "Who built the Tarn Light?"
KEY = "a-key-of-some-length"


@pytest.mark.parametrize("key", [None, " ,\n"])
def test_elsewhere_needs_a_key(command_line: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch, key: str | None) -> None:
    if key is not None:
        monkeypatch.setenv("PASSEL_API_KEY", key)
    for host in ("0.0.0.0", "::", "192.168.1.1", "example.com"):
        refused = command_line("serve", "--host", host)
        assert refused.code == 2
        assert "PASSEL_API_KEY" in refused.err


def test_a_corpus_that_is_not_there(command_line: Callable[..., SimpleNamespace], tmp_path: Path) -> None:
    refused = command_line("serve", "--corpus", tmp_path / "none")
    assert refused.code == 2
    assert "there is no corpus" in refused.err


def test_a_risk_that_cannot_be_promised(command_line: Callable[..., SimpleNamespace], tarn: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSEL_RISK", "0.0001")
    monkeypatch.setattr("uvicorn.run", lambda *_, **__: None)
    refused = command_line("serve", "--corpus", tarn)
    assert refused.code == 2
    assert "cannot be promised" in refused.err


@pytest.mark.parametrize("given", [".", "../corpus"])
def test_a_corpus_has_a_name_wherever_one_stands(tarn: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.chdir(tarn)
    serving = Serving(Settings.load(corpus=given))
    assert serving.default == "corpus"
    assert "corpus" in serving.folders()


@pytest.mark.parametrize("command", [("serve",), ("mcp", "--http")])
def test_nobody_claims_another_address(
    command_line: Callable[..., SimpleNamespace], tarn: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """The rate of an address is the connection's, whatever a proxy's headers say."""
    answered: list[int] = []

    async def ask(app: Any) -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as http:
            for n in range(3):
                answer = await http.get("/nothing", headers={"X-Forwarded-For": f"10.0.0.{n}"})
                answered.append(answer.status_code)

    def run(server: uvicorn.Server) -> None:
        server.config.load()
        asyncio.run(ask(server.config.loaded_app))
        server.started = True

    monkeypatch.setenv("PASSEL_LIMITS__REQUESTS_PER_MINUTE", "2")
    monkeypatch.setattr("uvicorn.Server.run", run)
    assert command_line(*command, "--corpus", tarn).code == 0
    assert answered == [404, 404, 429]


@pytest.mark.parametrize("command", [("serve",), ("mcp", "--http")])
def test_a_port_that_is_taken_is_told_before_anything_else(
    command_line: Callable[..., SimpleNamespace], tarn: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    ran: list[object] = []
    monkeypatch.setattr("uvicorn.Server.run", lambda server: ran.append(setattr(server, "started", True)))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = command_line(*command, "--corpus", tarn, "--port", port)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == f"passel: port {port} is taken\n        Use another: --port N.\n"
    assert not ran
    assert command_line(*command, "--corpus", tarn, "--port", port).code == 0
    nowhere = command_line(*command, "--corpus", tarn, "--host", "::1%nothing", "--port", port)
    assert nowhere.code == 2


def test_limits_and_key_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSEL_API_KEY", KEY)
    monkeypatch.setenv("PASSEL_LIMITS__AT_ONCE", "3")
    settings = Settings.load()
    assert settings.limits.at_once == 3
    assert settings.api_key is not None
    assert KEY not in repr(settings) + str(settings.model_dump())
    monkeypatch.setenv("PASSEL_LIMITS__AT_ONCE", "0")
    with pytest.raises(UsageError, match="at_once"):
        Settings.load()


def test_sigterm_finishes_what_is_running(process: Any) -> None:
    """Six answers are under way, or wait for their turn; all of them arrive whole, and nothing new is taken."""
    begun = threading.Barrier(7)
    endings: list[str] = []

    def ask(n: int) -> None:
        body = {"model": "passel", "messages": [{"role": "user", "content": f"{BUILT} {n}"}], "stream": True}
        with httpx.stream("POST", f"{process.url}/v1/chat/completions", json=body, headers=process.headers, timeout=90) as answer:
            chunks = answer.iter_text()
            first = next(chunks)
            begun.wait(90)
            endings.append((first + "".join(chunks))[-20:].strip())

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    begun.wait(90)
    process.process.send_signal(signal.SIGTERM)
    for thread in threads:
        thread.join(90)
    assert [ending.endswith("data: [DONE]") for ending in endings] == [True] * 6
    assert process.process.wait(60) in (0, -signal.SIGTERM)
    process.reader.join(30)
    log = "".join(process.log)
    assert "Traceback" not in log
    assert len(re.findall(r"POST /v1/chat/completions 200", log)) == 6
    assert process.key not in log
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{process.url}/healthz")


def test_what_was_acknowledged_survives_a_kill(process: Any, tarn: Path, tmp_path: Path) -> None:
    assert httpx.post(f"{process.url}/corpora", json={"name": "kept"}, headers=process.headers, timeout=60).status_code == 201
    files = {"files": ("ferry.md", b"The Wren Ferry is green.")}
    assert httpx.post(f"{process.url}/corpora/kept/documents", files=files, headers=process.headers, timeout=90).json()["added"] == 1
    process.process.kill()
    process.process.wait(30)
    with Corpus.open(tmp_path / "corpora" / "kept") as corpus:
        assert corpus.document("ferry.md") == "The Wren Ferry is green."
