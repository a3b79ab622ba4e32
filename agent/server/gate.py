"""The gate: every request passes it before anything reads its body. Key, origin, rate, places, size and time of the body; one line in the log.

Plain ASGI, since Starlette's BaseHTTPMiddleware would hide from a route that its client has gone.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Collection, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .errors import ApiError, from_exception, too_many
from .keys import Keys
from .limits import Limits, Rate

log = logging.getLogger("passel.server")

OPEN = frozenset(("/", "/healthz"))
"""Paths that need no key: the chat page itself (not what it asks for), and whether the server lives."""
_ASSETS = "/assets/"
"""What the page's own script and style lie under."""
_UPLOADS = "/documents"
"""What the paths end in whose bodies may be large and slow."""


@dataclass(slots=True)
class Gate:
    app: ASGIApp
    keys: Keys
    limits: Limits
    hosts: Collection[str] = ()
    """Names under which the server may be asked where no key guards it; (): any. Else a page on the web could have its own name lead here."""
    origins: Collection[str] = ()
    """Other sites whose pages may ask."""
    rate: Rate = field(init=False)
    working: int = 0
    """Requests that hold one of the `at_once` places."""

    def __post_init__(self) -> None:
        self.rate = Rate(self.limits.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":  # there are no web sockets here
            return await send({"type": "websocket.close", "code": 1000})
        request, began, seen = uuid.uuid4().hex[:16], time.perf_counter(), _Seen()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                extra = [(b"x-request-id", request.encode()), (b"x-content-type-options", b"nosniff")]
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        try:
            await self._pass(scope, receive, answer)
        except Exception as error:
            if seen.status:  # it has begun to answer: the connection breaks off
                log.error("a response broke off", exc_info=error)
                raise
            await from_exception(error).response()(scope, receive, answer)
        finally:
            ms = (time.perf_counter() - began) * 1000
            path = "".join(char if char.isprintable() else "?" for char in scope["path"][:200])
            told = {"request_id": request, "method": scope["method"], "path": path, "status": seen.status, "ms": round(ms)}
            log.info("%s %s %s %s %.0f ms", request, scope["method"], path, seen.status or "left", ms, extra=told)

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(reversed(scope["headers"]))  # of a header that stands there twice, the first
        self._check_place(headers)
        if (scope["path"] in OPEN or scope["path"].startswith(_ASSETS)) and scope["method"] in ("GET", "HEAD"):
            return await self.app(scope, receive, send)
        self._check_caller(scope, headers)
        if scope["method"] != "POST":
            return await self.app(scope, receive, send)
        upload = scope["path"].rstrip("/").endswith(_UPLOADS)
        most, seconds = (self.limits.upload_bytes, self.limits.upload_seconds) if upload else (self.limits.body_bytes, self.limits.seconds)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > most:
            raise _too_large(most)
        if self.working >= self.limits.at_once:
            raise too_many("The server is at work on as many requests as it takes at once.", "server_busy", 1)
        self.working += 1
        try:
            await self.app(scope, _bounded(receive, most, seconds), send)
        finally:
            self.working -= 1

    def _check_place(self, headers: MutableMapping[bytes, bytes]) -> None:
        """Raises where a page of another site asks: 403."""
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if self.hosts and not self.keys and _without_port(host) not in self.hosts:
            raise ApiError(403, "This server answers under the name localhost only, as long as PASSEL_API_KEY is not set.", code="wrong_host")
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if origin and origin not in self.origins and origin.partition("://")[2] != host:
            message = "Pages of other sites may not ask this server, but for those that passel serve --allow-origin names."
            raise ApiError(403, message, code="wrong_origin")

    def _check_caller(self, scope: Scope, headers: MutableMapping[bytes, bytes]) -> None:
        """Raises where the key is wrong (401) or its requests are too many (429)."""
        address = scope["client"][0] if scope.get("client") else ""
        caller = self.keys.owner(headers.get(b"authorization")) if self.keys else f"address {address}"
        if wait := self.rate.take(caller or f"no key {address}"):  # wrong keys are counted too, so that they cannot be tried out
            raise too_many(f"More than {self.limits.requests_per_minute} requests a minute.", "rate_limit_exceeded", wait)
        if caller is None:
            message = "Wrong API key, or none: send `Authorization: Bearer KEY` with the server's PASSEL_API_KEY."
            raise ApiError(401, message, code="invalid_api_key", headers={"WWW-Authenticate": "Bearer"})


@dataclass(slots=True)
class _Seen:
    status: int = 0


def _bounded(receive: Receive, most: int, seconds: float) -> Receive:
    """`receive` of a body that ends in time and is not too large."""
    ends, size, whole = time.monotonic() + seconds, 0, False

    async def bounded() -> Message:
        nonlocal size, whole
        if whole:  # what comes now is that the client has gone
            return await receive()
        try:
            message: dict[str, Any] = dict(await asyncio.wait_for(receive(), max(0.01, ends - time.monotonic())))
        except TimeoutError:
            raise ApiError(408, "The body did not arrive in time.", code="timeout") from None
        size += len(message.get("body", b""))
        whole = not message.get("more_body", False)
        if size > most:
            raise _too_large(most)
        return message

    return bounded


def _too_large(most: int) -> ApiError:
    return ApiError(413, f"The body is too large: at most {most:,} bytes are taken.", code="body_too_large")


def _without_port(host: str) -> str:
    """`[::1]:8000` is `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] if host.count(":") == 1 else host
