"""MCP over HTTP stands behind the server's gate: keys, foreign names, rates, places, sizes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from passel.agent.agent import Agent
from passel.agent.listening import own_names
from passel.agent.mcp_http import create_mcp_app
from passel.agent.mcp_server import build_server
from passel.agent.server.gate import Gate
from passel.agent.server.limits import Limits

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
SENT = {"Host": "127.0.0.1:8766", "Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@contextlib.contextmanager
def served(tarn: Path, *, opened: threading.Event | None = None, key: str = "", limits: Limits | None = None) -> Iterator[tuple[TestClient, Gate]]:
    """A client and the gate that it meets. opened: calls of tools wait for it."""

    def open_agent() -> Agent:
        assert opened is None or opened.wait(60)
        return Agent.from_corpus(tarn)

    server, opening = build_server(open_agent)
    gate = create_mcp_app(server, key=key, limits=limits or Limits(), hosts=own_names("127.0.0.1"))
    with TestClient(gate, headers=SENT) as http:
        yield http, gate
    opening.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Host": "evil.example"}, 403), ({"Origin": "http://evil.example"}, 403), ({"Origin": "http://127.0.0.1:8766"}, 200), ({}, 200)],
)
def test_without_a_key_no_foreign_name_is_answered_to(tarn: Path, headers: dict[str, str], status: int) -> None:
    """DNS rebinding: a page of evil.example whose name leads here now."""
    with served(tarn) as (http, _):
        assert http.post("/mcp", json=HELLO, headers=headers).status_code == status


def test_with_a_key_a_proxy_may_have_its_own_name(tarn: Path) -> None:
    with served(tarn, key="sesame") as (http, _):
        assert http.post("/mcp", json=HELLO, headers={"Host": "docs.example", "Authorization": "Bearer sesame"}).status_code == 200
        assert http.post("/mcp", json=HELLO, headers={"Host": "docs.example"}).status_code == 401


def test_the_rate_of_a_key(tarn: Path) -> None:
    with served(tarn, key="one,two", limits=Limits(requests_per_minute=2)) as (http, _):
        one, two = ({"Authorization": f"Bearer {key}"} for key in ("one", "two"))
        assert [http.post("/mcp", json=HELLO, headers=one).status_code for _ in range(3)] == [200, 200, 429]
        refused = http.post("/mcp", json=HELLO, headers=one)
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert 1 <= int(refused.headers["Retry-After"]) <= 30
        assert http.post("/mcp", json=HELLO, headers=two).status_code == 200, "another key has its own rate"
        wrong = {"Authorization": "Bearer three"}
        assert [http.post("/mcp", json=HELLO, headers=wrong).status_code for _ in range(3)] == [401, 401, 429], "keys cannot be tried out"


def test_places_are_limited_and_come_back(tarn: Path) -> None:
    opened = threading.Event()
    with served(tarn, opened=opened, limits=Limits(at_once=1)) as (http, gate):
        session = {"Mcp-Session-Id": http.post("/mcp", json=HELLO).headers["Mcp-Session-Id"]}
        call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "search", "arguments": {"query": "Tarn Light"}}}
        first: list[Any] = []
        thread = threading.Thread(target=lambda: first.append(http.post("/mcp", json=call, headers=session)))
        thread.start()
        deadline = time.monotonic() + 30
        while not gate.working:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        refused = http.post("/mcp", json={**call, "id": 3}, headers=session)
        assert (refused.status_code, refused.json()["error"]["code"], refused.headers["Retry-After"]) == (429, "server_busy", "1")
        opened.set()
        thread.join(60)
        assert first[0].status_code == 200
        assert "Mirel Ostane" in first[0].text
        assert http.post("/mcp", json={**call, "id": 4}, headers=session).status_code == 200


def test_bodies_are_limited(tarn: Path) -> None:
    with served(tarn, limits=Limits(body_bytes=2_000)) as (http, _):
        told = http.post("/mcp", content=b"x" * 3_000)
        untold = http.post("/mcp", content=(b"x" * 500 for _ in range(10)))
        for answer in (told, untold):
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
        assert http.post("/mcp", json=HELLO).status_code == 200
