"""An agent's own loop: whoever asks it once it is closed is told so, by an error of the agent's floor."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from passel.agent.loop import Closed, OwnLoop
from passel.tools import errors


async def _nothing() -> None: ...


def test_a_callers_loop_may_end_before_the_events_do(caplog: pytest.LogCaptureFixture) -> None:
    loop = OwnLoop()
    ended = threading.Event()

    async def events() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def first() -> int:
        async for event in loop.aiterate(events()):
            return event
        return 0

    assert asyncio.run(first()) == 1
    assert ended.wait(10)
    loop.close(last=_nothing)
    assert not caplog.records


def test_a_closed_loop_takes_no_work() -> None:
    loop = OwnLoop()
    waiting = loop.start(asyncio.sleep(60))
    loop.run(_nothing())
    loop.close(last=_nothing)
    with pytest.raises(Closed):
        waiting.result(10)
    with pytest.raises(Closed, match="closed"):
        loop.run(_nothing())
    assert issubclass(Closed, errors.PasselError)
    assert not hasattr(errors, "Closed"), "tools know no agent"
