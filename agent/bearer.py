"""An HTTP application that only callers with a key reach, and who can reach a server at all."""

from __future__ import annotations

import ipaddress
import json

from starlette.types import ASGIApp, Receive, Scope, Send

from .server.keys import Keys


def with_key(app: ASGIApp, keys: Keys) -> ASGIApp:
    """The application, which is reached only by requests with `Authorization: Bearer KEY`; others get 401."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        headers = [value for name, value in scope.get("headers", ()) if name.lower() == b"authorization"]
        if scope["type"] == "lifespan" or (scope["type"] == "http" and len(headers) == 1 and keys.owner(headers[0])):
            await app(scope, receive, send)
            return
        body = json.dumps({"error": {"message": "a key is required: Authorization: Bearer KEY", "type": "invalid_request_error"}}).encode()
        answer = [(b"content-type", b"application/json"), (b"www-authenticate", b"Bearer"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 401, "headers": answer})
        await send({"type": "http.response.body", "body": body})

    return guarded


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
