"""/feedback: what people think of an answer, kept as lines of `$PASSEL_HOME/feedback.jsonl`."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ...tools.home import passel_home
from .body import Body


class Feedback(Body):
    """The answer's own `trace_id`, and of the rest what is to be kept with it."""

    model_config = ConfigDict(extra="forbid")

    trace_id: str = Field(min_length=1, max_length=64)
    rating: Literal["up", "down"]
    comment: str = Field(default="", max_length=4_000)
    corpus: str = Field(default="", max_length=200)
    thread: str = Field(default="", max_length=200)
    question: str = Field(default="", max_length=8_000)
    answer: str = Field(default="", max_length=20_000)
    selected: list[str] = Field(default=[], max_length=100, description="ids of the passages that were selected")


class Kept(BaseModel):
    kept: bool = True


def routes() -> APIRouter:
    router = APIRouter(tags=["feedback"])

    @router.post("/feedback", status_code=201)
    async def feedback(given: Feedback) -> Kept:
        """A second opinion on the same answer is another line; the last one counts."""
        await asyncio.to_thread(_keep, {"time": round(time.time(), 3), **given.model_dump()})
        return Kept()

    return router


def _keep(line: dict[str, Any]) -> None:
    """One write in append mode: lines of several processes do not mix."""
    home = passel_home()
    home.mkdir(parents=True, exist_ok=True)
    file = os.open(home / "feedback.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{json.dumps(line)}\n".encode())
    finally:
        os.close(file)
