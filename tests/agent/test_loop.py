"""An agent's own loop: whoever asks it once it is closed is told so, by an error of the agent's floor."""

from __future__ import annotations

import asyncio

import pytest

from passel.agent.loop import Closed, OwnLoop
from passel.tools import errors


async def _nothing() -> None: ...


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
