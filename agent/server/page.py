"""The chat page at `/` and its assets, served from memory as they ship. No build step, nothing from elsewhere, no script in the page itself."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.responses import Response

from .errors import ApiError

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_INDEX = "index.html"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",  # a browser that knows it refuses to make markup of a text, whatever a script tries
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # asked again each time by ETag: after an update no old script meets a new page
}


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    type: str
    etag: str


def _read() -> dict[str, _Asset]:
    found = {}
    for file in files(__package__).joinpath("assets").iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            content = file.read_bytes()
            found[file.name] = _Asset(content, kind, f'"{hashlib.sha256(content).hexdigest()[:20]}"')
    return found


def routes() -> APIRouter:
    router, assets = APIRouter(include_in_schema=False), _read()

    def answer(name: str, request: Request) -> Response:
        asset = assets.get(name)
        if asset is None:
            raise ApiError(404, "There is no such file.", code="not_found")
        headers = {**_HEADERS, "ETag": asset.etag}
        if asset.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(asset.content, media_type=asset.type, headers=headers)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(request: Request) -> Response:
        return answer(_INDEX, request)

    @router.api_route("/assets/{name}", methods=["GET", "HEAD"])
    async def page_asset(name: str, request: Request) -> Response:
        return answer(name, request)

    return router
