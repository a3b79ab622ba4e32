"""Running: work that ends when it is done, when its client has gone, or when its time is up. In the latter two cases it is cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from .errors import ApiError, from_exception

T = TypeVar("T")
E = TypeVar("E", bound="Typed")
_STILL_HERE = 15.0
"""Seconds of silence after which a stream says that it lives: proxies close silent connections."""


async def finish(request: Request, work: Coroutine[Any, Any, T], seconds: float) -> T:
    """The work's result. Raises TimeoutError, and ApiError 499 (which nobody reads) where the client left."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((task, gone), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ApiError(499, "The client closed the connection.")
        raise TimeoutError
    finally:
        await cancelled(task, gone)


async def each(request: Request, events: AsyncIterator[T], seconds: float) -> AsyncGenerator[T | None]:
    """The events as they come; None after a long silence. Ends early where the client left; raises TimeoutError."""
    ends = time.monotonic() + seconds
    gone = asyncio.ensure_future(_gone(request))
    step: asyncio.Future[T] | None = None
    try:
        while True:
            step = step or asyncio.ensure_future(anext(events))
            left = ends - time.monotonic()
            await asyncio.wait((step, gone), timeout=min(_STILL_HERE, max(0.0, left)), return_when=asyncio.FIRST_COMPLETED)
            if step.done():
                try:
                    event = step.result()
                except StopAsyncIteration:
                    return
                step = None
                yield event
            elif gone.done():
                return
            elif left <= _STILL_HERE:
                raise TimeoutError
            else:
                yield None
    finally:
        await cancelled(gone, *([step] if step else []))
        if isinstance(events, AsyncGenerator):
            await events.aclose()


async def threaded(work: Callable[[Callable[[], None]], T]) -> T:
    """What `work` gives, in a thread. It calls what it is handed now and then, which raises once nobody waits any more.

    Cancelled, this waits for the thread: its request's place is taken until then.
    """
    left = threading.Event()

    def check() -> None:
        if left.is_set():
            raise _Left

    thread = asyncio.ensure_future(asyncio.to_thread(work, check))
    try:
        return await asyncio.shield(thread)
    finally:
        left.set()
        await asyncio.gather(thread, return_exceptions=True)


class _Left(Exception):
    """Nobody waits for the work any more."""


def sse(data: BaseModel | str, event: str = "") -> str:
    """One server-sent event."""
    text = data if isinstance(data, str) else data.model_dump_json()
    return f"event: {event}\ndata: {text}\n\n" if event else f"data: {text}\n\n"


STILL_HERE = ": still here\n\n"
"""A comment: clients skip it."""


class Typed(Protocol):
    """A model with its `type`, by which its event is called."""

    @property
    def type(self) -> str: ...

    def model_dump_json(self) -> str: ...


async def as_sse(events: AsyncGenerator[E | None]) -> AsyncGenerator[str]:
    """Each under its type, None as a sign of life; what fails is the last event, in the form of all errors."""
    try:
        async with contextlib.aclosing(events):
            async for event in events:
                yield STILL_HERE if event is None else sse(event.model_dump_json(), event.type)
    except Exception as error:
        yield sse(json.dumps(from_exception(error).form()), "error")


def event_stream(events: str) -> dict[int | str, dict[str, Any]]:
    """How the OpenAPI document tells that a route may answer with such events."""
    event = {"type": "object", "properties": {"event": {"type": "string"}, "data": {"type": "string"}}, "description": events}
    return {200: {"content": {"text/event-stream": {"schema": event}}}}


def streamed(chunks: AsyncGenerator[str]) -> StreamingResponse:
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # no proxy holds events back
    return _Stream(chunks, media_type="text/event-stream", headers=headers)


class _Stream(StreamingResponse):
    """Ends when its chunks have ended. Starlette's own would cancel them, clean-up included, when the client leaves, which `each` sees itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        assert isinstance(self.body_iterator, AsyncGenerator)
        async with contextlib.aclosing(self.body_iterator):
            with contextlib.suppress(OSError):  # some servers tell so that the client has gone
                await self.stream_response(send)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def cancelled(*tasks: asyncio.Future[Any]) -> None:
    """Cancels them, and waits until they have ended."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
