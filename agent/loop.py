"""One event loop of our own, in a daemon thread, in which every run of an agent lives.

So sync and async callers, of any loop, share one checkpointer and one connection pool of the chat model, which both belong to a loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar, cast

from ..tools.errors import PasselError

T = TypeVar("T")
_END = object()
_CLOSED = ("this agent is closed", "Make a new one.")
_FORKED = ("this agent was made before the process forked", "Make an Agent in each worker process.")


class Closed(PasselError):
    """The agent was closed before its answer was there."""


class OwnLoop:
    def __init__(self) -> None:
        self._process = os.getpid()
        self._starting = threading.Lock()
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="passel", daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Runs the coroutine in the loop, within the caller's context variables (tracing); cancelling the future cancels the task.

        Raises PasselError once closed, and in a process that was forked off: threads do not survive a fork.
        """
        done: Future[T] = Future()
        context = contextvars.copy_context()

        def begin() -> None:
            task = self._loop.create_task(work, context=context)
            task.add_done_callback(lambda finished: _hand_over(finished, done))
            done.add_done_callback(lambda future: self._loop.call_soon_threadsafe(task.cancel) if future.cancelled() else None)

        with self._starting:
            if self._closed or os.getpid() != self._process:
                work.close()
                raise Closed(*_CLOSED) if self._closed else PasselError(*_FORKED)
            self._loop.call_soon_threadsafe(begin)
        return done

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """For sync callers. An interruption (Ctrl-C) cancels the work."""
        future = self.start(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def arun(self, work: Coroutine[Any, Any, T]) -> T:
        """For async callers of any loop. Cancelling the caller cancels the work."""
        return await asyncio.wrap_future(self.start(work))

    def iterate(self, events: AsyncIterator[T]) -> Iterator[T]:
        """Sync iteration; closing the iterator cancels the work."""
        waiting: queue.SimpleQueue[object] = queue.SimpleQueue()
        future = self.start(_pump(events, waiting.put))
        try:
            while (item := waiting.get()) is not _END:
                yield cast(T, item)
            future.result()
        finally:
            future.cancel()

    async def aiterate(self, events: AsyncIterator[T]) -> AsyncIterator[T]:
        """Async iteration from any loop; closing the iterator, or cancelling the caller, cancels the work."""
        waiting: asyncio.Queue[object] = asyncio.Queue()
        here = asyncio.get_running_loop()

        def put(item: object) -> None:
            with contextlib.suppress(RuntimeError):  # the caller's loop has ended, and nobody waits any more
                here.call_soon_threadsafe(waiting.put_nowait, item)

        future = self.start(_pump(events, put))
        try:
            while (item := await waiting.get()) is not _END:
                yield cast(T, item)
            await asyncio.wrap_future(future)
        finally:
            future.cancel()

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Cancels what still runs, then runs `last`, then ends the loop. Closing twice is harmless."""

        async def finish() -> None:
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await last()

        with self._starting:
            if self._closed or os.getpid() != self._process:
                return
            self._closed = True
        try:
            asyncio.run_coroutine_threadsafe(finish(), self._loop).result(timeout=30)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)
            if not self._loop.is_running():
                self._loop.close()


async def _pump(events: AsyncIterator[Any], put: Callable[[object], object]) -> None:
    try:
        async for event in events:
            put(event)
    finally:
        put(_END)


def _hand_over(task: asyncio.Task[T], done: Future[T]) -> None:
    if done.cancelled() or not done.set_running_or_notify_cancel():
        return
    if task.cancelled():
        done.set_exception(Closed(*_CLOSED))  # nobody but close cancels a task whose future is not cancelled
    elif error := task.exception():
        done.set_exception(error)
    else:
        done.set_result(task.result())
