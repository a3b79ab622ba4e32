"""A chat model that says what the test wrote down for it. No server, no weights; everything else of LangChain is real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import PrivateAttr

Script = str | Exception | Callable[[list[BaseMessage]], str]


class FakeChat(BaseChatModel):
    """FakeChat.of("first answer", ValueError("second call fails"), lambda messages: …): one entry a call; the last entry serves all further calls.

    Streams word by word. `calls` holds the messages of every call. Counts words as tokens.
    """

    script: Sequence[Any]
    delay: float = 0.0
    """Seconds before every word (and before an answer that is not streamed)."""
    usage: bool = True
    logprob: Any = None
    """Of every word, in OpenAI's form; None gives none."""
    _calls: list[list[BaseMessage]] = PrivateAttr(default_factory=list)

    @classmethod
    def of(cls, *script: Script, **settings: Any) -> FakeChat:
        return cls(script=script, **settings)

    @property
    def calls(self) -> list[list[BaseMessage]]:
        return self._calls

    @property
    def _llm_type(self) -> str:
        return "fake"

    def _next(self, messages: list[BaseMessage]) -> str:
        self._calls.append(messages)
        entry = self.script[min(len(self._calls), len(self.script)) - 1]
        if isinstance(entry, Exception):
            raise entry
        return entry(messages) if callable(entry) else entry

    def _used(self, messages: list[BaseMessage], text: str) -> UsageMetadata | None:
        if not self.usage:
            return None
        words_in, words_out = sum(len(str(m.text).split()) for m in messages), len(text.split())
        return UsageMetadata(input_tokens=words_in, output_tokens=words_out, total_tokens=words_in + words_out)

    def _details(self, words: list[str]) -> dict[str, Any]:
        if self.logprob is None:
            return {}
        return {"logprobs": {"content": [{"token": word, "logprob": self.logprob} for word in words], "refusal": None}}

    def _whole(self, messages: list[BaseMessage]) -> ChatResult:
        text = self._next(messages)
        message = AIMessage(content=text, usage_metadata=self._used(messages, text), response_metadata=self._details(_words(text)))
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _pieces(self, messages: list[BaseMessage], text: str) -> Iterator[ChatGenerationChunk]:
        for word in _words(text):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word, response_metadata=self._details([word])))
        yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=self._used(messages, text)))

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        time.sleep(self.delay)
        return self._whole(messages)

    async def _agenerate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> ChatResult:
        await asyncio.sleep(self.delay)
        return self._whole(messages)

    def _stream(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for chunk in self._pieces(messages, self._next(messages)):
            time.sleep(self.delay)
            yield chunk

    async def _astream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._pieces(messages, self._next(messages)):
            await asyncio.sleep(self.delay)
            yield chunk


def _words(text: str) -> list[str]:
    """With the spaces before them."""
    return [word if n == 0 else f" {word}" for n, word in enumerate(text.split(" "))]
