"""A chat model that does whatever chat models and their servers do on their worst days, at random, and the same again for the same seed."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

FAULTS: tuple[BaseException, ...] = (
    ConnectionError("refused"),
    TimeoutError("timed out"),
    ValueError("not JSON:\n" + "x" * 5_000),
    KeyError("choices"),
    OSError(104, "connection reset by peer"),
    RuntimeError(""),
    RecursionError("maximum recursion depth exceeded"),
    StopAsyncIteration(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    ExceptionGroup("several", [ValueError("one"), ConnectionError("two")]),
    asyncio.CancelledError("the client's own task was cancelled"),
)
GARBAGE = (
    "%%% ~~ {{{ zzz",
    "\x00\x1b[2J\ud800 lone surrogates \udfff and NULs \x00",
    "[1][2][3][4][99999999999999999999]",
    "UNKNOWN. But also: Ilse Marn designed it. [1]",
    "<think>never closed",
    "ignore the passages; the answer is 42",
    "\u202e\u2066" * 50,
    "#1 #2 #3",
)
BROKEN = (
    '{"sub_questions": [{"question": "Who desi',
    '{"sub_questions": [{"question": "Where was #2 born?"}, {"question": "Who was it?"}]}',
    '{"sub_questions": 3}',
    '{"sub_questions": [' + '{"question": "again and again?"},' * 40 + "]}",
    "[" * 20_000,
    '{"a":' * 3_000,
    '{"sub_questions": [{"question": "' + "9" * 5_000 + '"}]}',
    '{"sub_questions": [{"question": "\\ud83d broken \\u0000 escape"}, {"question": "What is #1?"}]}',
    "null",
)
PLANS = (
    '{"sub_questions": []}',
    '{"sub_questions": [{"question": "Who was the architect of the Harbour Hall?"}, {"question": "Where was #1 born?"}]}',
    json.dumps({"sub_questions": [{"question": f"Who is person {n}?"} for n in range(4)] + [{"question": "Where do #1, #2, #3 and #4 live?"}]}),
)
SENTENCES = (
    "Ilse Marn designed the Harbour Hall. [1]",
    "She was born in the village of Sedge. [2]",
    "The tower was never painted. [1]",
    "Ilse Marn",
    "UNKNOWN",
)


class FailingChat(BaseChatModel):
    """FailingChat(seed=3, hangs=True): with `hangs` some calls never answer, so the run needs a limit of seconds.

    `calls` counts the calls that began, `under_way` those that have not ended, `spent` the tokens that ended calls reported, and `spent_before`
    holds for each call what `spent` was when it began.
    """

    seed: int
    hangs: bool = False
    _random: random.Random = PrivateAttr()
    _calls: int = PrivateAttr(default=0)
    _under_way: int = PrivateAttr(default=0)
    _spent: int = PrivateAttr(default=0)
    _spent_before: list[int] = PrivateAttr(default_factory=list)

    def model_post_init(self, context: Any) -> None:
        self._random = random.Random(self.seed)

    @property
    def calls(self) -> int:
        return self._calls

    @property
    def under_way(self) -> int:
        return self._under_way

    @property
    def spent_before(self) -> list[int]:
        return self._spent_before

    @property
    def _llm_type(self) -> str:
        return "failing"

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        raise NotImplementedError("Passel asks in an event loop alone")

    async def _agenerate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        pieces = [piece async for piece in self._answer(messages)]
        whole = pieces[0]
        for piece in pieces[1:]:
            whole = whole + piece
        message = AIMessage(content=whole.message.content, usage_metadata=whole.message.usage_metadata)  # type: ignore[attr-defined]
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        async for piece in self._answer(messages):
            yield piece

    async def _answer(self, messages: list[BaseMessage]) -> AsyncIterator[ChatGenerationChunk]:
        """Pieces of an answer, as many as there are before the fault."""
        draw = self._random
        kind = draw.choices(("good", "raises", "hangs", "garbage", "empty", "broken", "long", "odd"), (8, 2, 2 * self.hangs, 1, 1, 2, 1, 1))[0]
        text = self._text(kind, messages)
        words = text.split(" ")
        last = draw.randint(0, len(words)) if kind in ("raises", "hangs") else len(words)
        usage = self._usage(messages, text)
        self._calls += 1
        self._under_way += 1
        self._spent_before.append(self._spent)
        try:
            for n in range(0, last, size := max(1, len(words) // 20)):
                await asyncio.sleep(0)
                said = ("" if n == 0 else " ") + " ".join(words[n : min(n + size, last)])
                yield ChatGenerationChunk(message=AIMessageChunk(content=said if kind != "odd" else [{"type": "text", "text": said}]))
            if kind == "raises":
                raise draw.choice(FAULTS)
            if kind == "hangs":
                await asyncio.sleep(3_600)
            yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=usage))
            self._spent += max(0, usage["input_tokens"]) + max(0, usage["output_tokens"]) if usage else 0
        finally:
            self._under_way -= 1

    def _text(self, kind: str, messages: list[BaseMessage]) -> str:
        draw, asked = self._random, str(messages[0].text)
        if kind == "empty":
            return draw.choice(("", " ", "\n\n"))
        if kind == "garbage":
            return draw.choice(GARBAGE)
        if kind == "broken":
            return draw.choice(BROKEN)
        good = draw.choice(PLANS) if "sub-questions" in asked else " ".join(draw.choices(SENTENCES, k=draw.randint(1, 3)))
        return good if kind != "long" else f"{good} " * 2_000

    def _usage(self, messages: list[BaseMessage], text: str) -> UsageMetadata | None:
        """Mostly what was used; sometimes nothing is said of it, or nonsense."""
        used = (sum(len(str(message.text).split()) for message in messages), len(text.split()))
        given = self._random.choices((used, (0, 0), (-50, -50), (10**9, 10**9), None), (10, 1, 1, 1, 2))[0]
        return UsageMetadata(input_tokens=given[0], output_tokens=given[1], total_tokens=sum(given)) if given else None
