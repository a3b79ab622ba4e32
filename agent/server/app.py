"""The app: every route behind the gate. `create_app` for whoever brings a server of their own; `passel serve` is the one we bring."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from ... import __version__
from . import answers, chat_completions, corpora, feedback, page, rerank, threads
from .body import refused
from .errors import ErrorForm, handle_errors
from .gate import Gate
from .keys import Keys
from .serving import Serving

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The request is not what it should be"},
    401: {"description": "The key is wrong or missing"},
    403: {"description": "A page of another site asks"},
    404: {"description": "There is no such thing"},
    405: {"description": "Not with this method"},
    408: {"description": "The body did not arrive in time"},
    409: {"description": "Not in this state of things"},
    413: {"description": "The body is too large"},
    429: {"description": "Too many requests; Retry-After says when to come back"},
    502: {"description": "The run failed, at its chat model for instance"},
    504: {"description": "It took too long, and was cancelled"},
}


class Health(BaseModel):
    status: str = "ok"
    version: str = __version__


def create_app(serving: Serving, *, key: str | None, hosts: Collection[str] = (), origins: Collection[str] = ()) -> FastAPI:
    """key, hosts, origins: see `Gate` and `Keys`. The app closes `serving` when it ends."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        serving.close()

    app = FastAPI(
        title="Passel",
        version=__version__,
        summary="Answers over your documents, with citations.",
        lifespan=lifespan,
        responses={status: {**told, "model": ErrorForm} for status, told in _ERRORS.items()},
        generate_unique_id_function=lambda route: route.name,
    )

    @app.get("/healthz", tags=["health"])
    async def healthz() -> Health:
        return Health()

    for routes in (chat_completions.routes, answers.routes, rerank.routes, corpora.routes, threads.routes):
        app.include_router(routes(serving))
    app.include_router(feedback.routes())
    app.include_router(page.routes())
    handle_errors(app)
    app.add_exception_handler(RequestValidationError, refused)
    app.add_middleware(Gate, keys=Keys(key), limits=serving.limits, hosts=hosts, origins=origins)
    if origins:  # the outermost: a preflight brings no key
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"],  # OpenAI's clients send some of their own; origin and key are what is checked
            expose_headers=["Retry-After", "X-Request-Id"],
        )
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    return app


def _described(app: FastAPI) -> dict[str, Any]:
    """FastAPI's own, with what a bad body is answered with here (400), the key, and without FastAPI's 422."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        for path, methods in schema["paths"].items():
            for operation in methods.values():
                operation["responses"].pop("422", None)
                if path != "/healthz":
                    operation["security"] = [{"key": []}]
        for name in ("HTTPValidationError", "ValidationError"):
            schema["components"]["schemas"].pop(name, None)
        schema["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "PASSEL_API_KEY, where it is set"}}
        app.openapi_schema = schema
    return app.openapi_schema
