"""Errors as OpenAI's API words them: `{"error": {"message", "type", "param", "code"}}`, which every client of it can read."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import BaseModel, Field
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from ...tools.errors import CorpusBusy, CorpusMismatch, PasselError, UsageError, told
from ..loop import Closed

log = logging.getLogger("passel.server")


class ErrorBody(BaseModel):
    message: str
    type: str
    param: str | None = Field(default=None, description="the field of the request that is at fault")
    code: str | None = None


class ErrorForm(BaseModel):
    error: ErrorBody


class ApiError(HTTPException):
    """A failure with its HTTP status. A subclass of Starlette's, so that an app lets it through from wherever it is raised."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, param: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, message, headers)
        self.body = ErrorBody(message=message, type=_kind(status), param=param, code=code)

    def form(self) -> dict[str, Any]:
        return ErrorForm(error=self.body).model_dump()

    def response(self) -> JSONResponse:
        return JSONResponse(self.form(), self.status_code, headers=self.headers)


def too_many(message: str, code: str, seconds: float) -> ApiError:
    """429, and when to come back."""
    return ApiError(429, message, code=code, headers={"Retry-After": str(max(1, -int(-seconds // 1)))})


def from_exception(error: Exception) -> ApiError:
    """What the caller is told. Of a fault of ours nothing but that there was one: what is in its text is for the log."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, TimeoutError):
        headers = {"X-Should-Retry": "false"}  # the openai client would ask the same again, for as long
        return ApiError(504, "The request took longer than this server allows; its work was cancelled.", code="timeout", headers=headers)
    if isinstance(error, UsageError):
        return ApiError(400, told(error))
    if isinstance(error, CorpusBusy):
        return ApiError(409, str(error), code="corpus_busy")
    if isinstance(error, CorpusMismatch):
        return ApiError(409, told(error), code="corpus_mismatch")
    if isinstance(error, Closed):
        return ApiError(409, "The corpus was closed while the request was running.", code="corpus_closed")
    if isinstance(error, HTTPException):
        return ApiError(error.status_code, str(error.detail), headers=dict(error.headers or {}))
    log.error("a request failed", exc_info=error)
    return ApiError(500, "The server failed at this request; its log says why.", code="internal_error")


def handle_errors(app: Starlette) -> None:
    """Everything that a route raises leaves in this form."""

    async def raised(_: Request, error: Exception) -> JSONResponse:
        return from_exception(error).response()

    for kind in (HTTPException, PasselError, TimeoutError):
        app.add_exception_handler(kind, raised)


def _kind(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "server_error" if status >= 500 else "invalid_request_error"
