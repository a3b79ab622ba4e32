"""The gate: keys, origins, rates, places, sizes; and what of all this is logged."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.agent.server.keys import Keys
from passel.agent.server.limits import Limits, Rate
from passel.tools.corpus import Corpus
from passel.tools.encoder import Encoder

BUILT = "Who built the Tarn Light?"
KEY = "a-key-of-some-length"
BODY = {"model": "passel", "messages": [{"role": "user", "content": BUILT}]}


def test_every_route_but_healthz_and_the_page_needs_the_key(start: Any) -> None:
    served = start(key=f"another, {KEY}")
    with served.client() as http:
        schema = served.server.config.app.openapi()
        for path, methods in schema["paths"].items():
            for method in methods:
                if path != "/healthz":
                    answer = http.request(method, path.replace("{", "").replace("}", ""))
                    assert answer.status_code == 401, (method, path)
                    assert answer.json()["error"]["code"] == "invalid_api_key"
                    assert answer.headers["WWW-Authenticate"] == "Bearer"
        for path in ("/openapi.json", "/docs", "/nothing", "/healthz/", "/HEALTHZ", "/%2e/healthz"):
            assert http.get(path).status_code == 401, path
        assert http.post("/").status_code == 401
        assert http.get("/healthz").json()["status"] == "ok"
        assert http.get("/").status_code in (200, 404)
        for wrong in (f"Bearer {KEY}x", f"Basic {KEY}", KEY, "Bearer", f"Bearer another, {KEY}", "Bearer é"):
            assert http.get("/v1/models", headers={"Authorization": wrong.encode()}).status_code == 401, wrong
        for right in (f"Bearer {KEY}", f"bearer  {KEY}", "Bearer another"):
            assert http.get("/v1/models", headers={"Authorization": right}).status_code == 200, right


@given(st.binary(max_size=40))
def test_no_other_header_opens(header: bytes) -> None:
    keys = Keys(KEY)
    assert keys.owner(b"Bearer " + header) is None or header.strip() == KEY.encode()
    assert keys.owner(header) is None
    assert not Keys(" , ")


def test_pages_of_other_sites_may_not_ask(start: Any) -> None:
    served = start()
    with served.client() as http:
        for origin in ("https://evil.example", "null", f"{served.url}.evil.example", "http://localhost:1"):
            answer = http.post("/v1/chat/completions", json=BODY, headers={"Origin": origin})
            assert answer.status_code == 403, origin
            assert "access-control-allow-origin" not in answer.headers
        assert http.post("/v1/chat/completions", json=BODY, headers={"Origin": served.url}).status_code == 200
        assert http.get("/v1/models", headers={"Host": "evil.example"}).status_code == 403, "a name on the web that leads to this machine"
        assert http.options("/v1/models", headers={"Access-Control-Request-Method": "GET"}).status_code == 405


def test_sites_that_are_allowed_may_ask(start: Any) -> None:
    origin = "https://chat.example"
    served = start(key=KEY, origins=(origin,))
    with served.client() as http:
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,x-stainless-lang"}
        assert http.options("/v1/chat/completions", headers=asked).headers["access-control-allow-origin"] == origin
        assert http.options("/v1/chat/completions", headers={**asked, "Origin": "https://evil.example"}).status_code == 400
        answer = http.get("/v1/models", headers={"Origin": origin, "Authorization": f"Bearer {KEY}"})
        assert answer.headers["access-control-allow-origin"] == origin
        assert http.get("/v1/models", headers={"Origin": origin}).headers["access-control-allow-origin"] == origin, "an error can be read too"


@pytest.mark.parametrize(("most", "status"), [(2, 400), (3, 200)])
def test_the_files_of_an_upload(start: Any, most: int, status: int) -> None:
    with start(limits=Limits(files=most)).client() as http:
        assert http.post("/corpora", json={"name": "three"}).status_code == 201
        answer = http.post("/corpora/three/documents", files=[("files", (f"{n}.md", b"A goose.")) for n in range(3)])
        assert answer.status_code == status
        assert status == 200 or "is 2" in answer.json()["error"]["message"]
        assert http.delete("/corpora/three").status_code == 200


def test_the_rate_of_a_key(start: Any) -> None:
    served = start(key="one,two", limits=Limits(requests_per_minute=3))
    with served.client("one") as http:
        assert [http.get("/v1/models").status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = http.get("/v1/models")
        assert refused.json()["error"]["type"] == "rate_limit_error"
        assert 1 <= int(refused.headers["Retry-After"]) <= 20
        assert http.get("/healthz").status_code == 200
    with served.client("two") as http:
        assert http.get("/v1/models").status_code == 200, "another key has its own rate"
    with served.client("wrong") as http:
        assert [http.get("/v1/models").status_code for _ in range(4)] == [401, 401, 401, 429], "keys cannot be tried out"


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 10))
def test_a_bucket_never_gives_more_than_its_rate(pauses: list[float], a_minute: int) -> None:
    now = 0.0
    rate = Rate(a_minute, clock=lambda: now)
    given_at = []
    for pause in pauses:
        now += pause
        wait = rate.take("someone")
        if wait == 0:
            given_at.append(now)
        else:
            assert 0 < wait <= 60
    for first in given_at:
        within = [at for at in given_at if first <= at < first + 60]
        assert len(within) <= 2 * a_minute + 1


def test_places_are_limited_and_come_back(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    served = start(limits=Limits(at_once=1))
    agent = served.serving.agent()
    entered, go = threading.Event(), threading.Event()
    select = agent.selector.select

    def slow(*args: Any, **kwargs: Any) -> Any:
        entered.set()
        go.wait(30)
        return select(*args, **kwargs)

    monkeypatch.setattr(agent.selector, "select", slow, raising=False)
    first: list[int] = []
    with served.client() as http:
        ask = lambda: httpx.post(f"{served.url}/v1/answer", json={"question": BUILT}, timeout=60)  # noqa: E731
        thread = threading.Thread(target=lambda: first.append(ask().status_code))
        thread.start()
        assert entered.wait(30)
        refused = http.post("/v1/answer", json={"question": BUILT})
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "server_busy"
        assert refused.headers["Retry-After"] == "1"
        assert http.get("/v1/models").status_code == 200, "looking is always possible"
        go.set()
        thread.join(60)
        assert first == [200]
        assert http.post("/v1/answer", json={"question": BUILT}).status_code == 200


def test_bodies_are_limited(start: Any) -> None:
    served = start(limits=Limits(body_bytes=2_000, upload_bytes=5_000, seconds=3))
    with served.client() as http:
        for path in ("/v1/chat/completions", "/v1/rerank", "/feedback", "/nothing"):
            assert http.post(path, content=b"x" * 3_000).status_code == 413
        answer = http.post("/v1/answer", content=(b"x" * 500 for _ in range(10)), headers={"Content-Type": "application/json"})
        assert answer.status_code == 413, "without a length, counted as it comes"
        assert answer.json()["error"]["code"] == "body_too_large"
        assert http.post("/corpora/tarn/documents", files={"files": ("a.md", b"x" * 6_000)}).status_code == 413
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as slow:
        slow.sendall(f"POST /v1/answer HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
        assert b"408" in slow.recv(1_000).splitlines()[0], "a body that never ends is not waited for"


def test_a_request_that_takes_too_long_is_cancelled(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    served = start(limits=Limits(seconds=0.5))
    agent = served.serving.agent()
    agent.ask(BUILT)
    select = agent.selector.select
    monkeypatch.setattr(agent.selector, "select", lambda *a, **k: (time.sleep(2), select(*a, **k))[1], raising=False)
    with served.client() as http:
        whole = http.post("/v1/chat/completions", json=BODY)
        assert (whole.status_code, whole.json()["error"]["code"]) == (504, "timeout")
        streamed = http.post("/v1/answer", json={"question": BUILT, "stream": True}).text
        assert "event: planned" in streamed
        assert streamed.splitlines()[-2].startswith('data: {"error"')
        assert "timeout" in streamed


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_cancels_the_work(start: Any, openai_server: Any, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    """Its run is stopped as far as the request to the chat model behind the server."""
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    openai_server.mode = "slow"
    served = start(model="openai:some", base_url=openai_server.url)
    host, port = served.url.removeprefix("http://").split(":")
    body = json.dumps({"question": BUILT, "stream": stream}).encode()
    head = f"POST /v1/answer HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(head.encode() + body)
        while not openai_server.requests:
            time.sleep(0.02)
    assert openai_server.client_left.wait(30)


@pytest.mark.parametrize("stream", [False, True])
def test_an_upload_that_is_left_keeps_its_place_until_it_has_ended(start: Any, monkeypatch: pytest.MonkeyPatch, stream: bool) -> None:
    entered, go = threading.Event(), threading.Event()
    add = Corpus.add

    def slow(*args: Any, **kwargs: Any) -> Any:
        entered.set()
        go.wait(30)
        return add(*args, **kwargs)

    monkeypatch.setattr(Corpus, "add", slow)
    served = start(limits=Limits(at_once=1))
    asyncio.run(_leave(served, entered, "/corpora/tarn/documents", params={"stream": stream}, files={"files": ("a.md", b"Text.")}))
    _keeps_its_place_until(go, served)


def test_a_rerank_that_is_left_stops_soon_and_keeps_its_place_until_then(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go, encoded = threading.Event(), threading.Event(), []
    encode = Encoder.encode

    def slow(self: Encoder, texts: Any, **options: Any) -> Any:
        encoded.extend(texts)
        entered.set()
        go.wait(30)
        return encode(self, texts, **options)

    monkeypatch.setattr(Encoder, "encode", slow)
    served = start(limits=Limits(at_once=1))
    documents = [f"Geese number {n} are kept on the meadows." for n in range(300)]
    asyncio.run(_leave(served, entered, "/v1/rerank", json={"query": BUILT, "documents": documents}))
    _keeps_its_place_until(go, served)
    assert len(encoded) < 100


async def _leave(served: Any, entered: threading.Event, path: str, **request: Any) -> None:
    """Asks, and leaves once the work has begun."""
    async with httpx.AsyncClient(base_url=served.url, timeout=60) as http:
        asking = asyncio.ensure_future(http.post(path, **request))
        assert await asyncio.to_thread(entered.wait, 60)
        asking.cancel()
        await asyncio.wait([asking])


def _keeps_its_place_until(go: threading.Event, served: Any) -> None:
    """Whoever holds the server's one place waits for `go`."""
    nothing = {"query": BUILT, "documents": []}
    with served.client() as http:
        for _ in range(5):
            assert http.post("/v1/rerank", json=nothing).status_code == 429
            time.sleep(0.1)
        go.set()
        until = time.monotonic() + 30
        while http.post("/v1/rerank", json=nothing).status_code == 429:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_nothing_secret_is_logged(start: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="passel")
    logging.getLogger("passel").propagate = True
    served = start(key=KEY)
    with served.client(KEY) as http:
        id = http.post("/v1/chat/completions?secret=in-the-query", json=BODY).headers["X-Request-Id"]
    with served.client(f"{KEY}-wrong") as http:
        http.post("/v1/chat/completions", json=BODY)
    told = caplog.text
    assert f"{id} POST /v1/chat/completions 200" in told
    assert "401" in told
    assert KEY not in told
    assert "in-the-query" not in told
    assert "Tarn" not in told, "nor what was asked"
