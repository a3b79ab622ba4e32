"""/feedback: what people think of an answer, kept with the answer itself, as `Agent.feedback` keeps it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from typing import Literal, cast

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from ...graphs.answer import Answer
from ...graphs.events import Answered, Event
from ...tools.errors import PasselError, UsageError
from ...tools.home import passel_home
from ..agent import Agent
from ..feedback import FEEDBACK, FeedbackFile
from .body import Body
from .errors import ApiError

log = logging.getLogger("passel.server")


class Feedback(Body):
    model_config = ConfigDict(extra="forbid")

    trace_id: str = Field(min_length=1, max_length=64, description="the answer's own")
    rating: Literal["up", "down"]
    comment: str = Field(default="", max_length=4_000)


class Kept(BaseModel):
    kept: bool = True


def routes() -> APIRouter:
    router = APIRouter(tags=["feedback"])

    @router.post("/feedback", status_code=201)
    async def feedback(given: Feedback) -> Kept:
        """Of one of the last 1,000 answers, or of one that was judged before: the last word counts."""
        file = FeedbackFile(passel_home() / FEEDBACK)
        try:
            await asyncio.to_thread(file.judge, given.trace_id, good=given.rating == "up", note=given.comment)
        except UsageError:
            raise ApiError(404, f"No answer with the trace id {given.trace_id!r} is kept.", param="trace_id", code="not_found") from None
        return Kept()

    return router


async def keeping(agent: Agent, events: AsyncIterator[Event]) -> AsyncGenerator[Event]:
    """The events; the answer is known by its trace id before it is told."""
    async with aclosing(cast("AsyncGenerator[Event]", events)) as open_events:
        async for event in open_events:
            if isinstance(event, Answered):
                await _keep(agent, event.answer)
            yield event


async def kept(agent: Agent, answer: Awaitable[Answer]) -> Answer:
    """The answer, known by its trace id."""
    made = await answer
    await _keep(agent, made)
    return made


async def _keep(agent: Agent, answer: Answer) -> None:
    """Failing is logged: the answer counts."""
    try:
        await asyncio.to_thread(agent.keep, answer)
    except PasselError:
        log.exception("the answer %s cannot be judged: it is not kept", answer.trace_id)
