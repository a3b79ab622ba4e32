"""Body: what every body of a request is checked for, whatever its form, and what is answered to one that does not pass."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, model_validator
from starlette.responses import JSONResponse

from ...tools.document import SURROGATE
from .errors import ApiError


class Body(BaseModel):
    """Its strings can be written in UTF-8: JSON lets halves of surrogate pairs through, which no answer could repeat and no database keep."""

    @model_validator(mode="before")
    @classmethod
    def _encodable(cls, given: Any) -> Any:
        level = [given]
        while level:
            if any(isinstance(value, str) and SURROGATE.search(value) for value in level):
                raise ValueError("half a surrogate pair in it, which is no character")
            pairs = [item for value in level if isinstance(value, dict) for pair in value.items() for item in pair]
            level = pairs + [item for value in level if isinstance(value, list) for item in value]
        return given


async def refused(request: Request, error: Exception) -> JSONResponse:
    """What FastAPI itself refuses, by its first fault. What was sent is not repeated."""
    assert isinstance(error, RequestValidationError)
    fault = next(iter(error.errors()), {"loc": ("body",), "msg": "it cannot be read"})
    if fault.get("type") == "model_attributes_type" and fault["loc"] == ("body",) and not _says_json(request):
        return ApiError(400, "The body is not said to be JSON: send it with Content-Type: application/json.", code="invalid_request").response()
    if fault.get("type") == "json_invalid":
        return ApiError(400, f"The body is not JSON (at character {fault['loc'][-1]}).", code="invalid_request").response()
    param = ".".join(str(part) for part in fault["loc"] if part != "body")
    message = str(fault["msg"]).removeprefix("Value error, ")
    told = f"{param}: {message}" if param else message
    return ApiError(400, _encodable(told), param=_encodable(param) or None, code="invalid_request").response()


def _says_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
