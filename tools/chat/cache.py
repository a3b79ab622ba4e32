"""CachedChatModel: a chat model that is not asked the same thing twice. For evaluation and training, where the same prompts come again and again.

Answers are kept in one SQLite file that processes share, also those that came to their token limit; a failure is asked again. A kept answer costs
what it cost the first time: its token counts come back with it.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict

from ..home import passel_home
from .failures import address_of, incomplete

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
    from langchain_core.language_models import LangSmithParams

_BUSY_SECONDS = 30.0


class CachedChatModel(BaseChatModel):
    """Made by `around`. Behaves as `inner` in everything else."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: BaseChatModel
    name: str
    """Part of the key: two models of one name and settings share answers."""
    file: Path

    @classmethod
    def around(cls, model: BaseChatModel, name: str, *, file: Path | None = None) -> Self:
        """`file`: None = `passel_home()/cache/chat.sqlite3`."""
        where = file or passel_home() / "cache" / "chat.sqlite3"
        where.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(where, timeout=_BUSY_SECONDS)) as connection, connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer TEXT NOT NULL) WITHOUT ROWID")
        return cls(inner=model, name=name, file=where)

    @property
    def constrains_json(self) -> bool:
        return bool(getattr(self.inner, "constrains_json", False))

    @property
    def base_url(self) -> str | None:
        """Where the model is, for the lines that tell a person of its failures."""
        return address_of(self.inner)

    @property
    def _llm_type(self) -> str:
        return "cached"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return self.inner._get_ls_params(stop, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  LangChain reports the tokens itself
        **kwargs: Any,
    ) -> ChatResult:
        key = self._key(messages, stop, kwargs)
        return _result(self._known(key) or self._kept(key, self.inner.invoke(messages, stop=stop, **kwargs)))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002  LangChain reports the tokens itself
        **kwargs: Any,
    ) -> ChatResult:
        key = self._key(messages, stop, kwargs)
        return _result(self._known(key) or self._kept(key, await self.inner.ainvoke(messages, stop=stop, **kwargs)))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  LangChain reports the tokens itself
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        key = self._key(messages, stop, kwargs)
        if known := self._known(key):
            yield ChatGenerationChunk(message=_chunk(known))
            return
        whole: AIMessageChunk | None = None
        for chunk in self.inner.stream(messages, stop=stop, **kwargs):
            whole = chunk if whole is None else whole + chunk
            yield ChatGenerationChunk(message=chunk)
        if whole is not None:
            self._kept(key, whole)

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002  LangChain reports the tokens itself
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        key = self._key(messages, stop, kwargs)
        if known := self._known(key):
            yield ChatGenerationChunk(message=_chunk(known))
            return
        whole: AIMessageChunk | None = None
        async for chunk in self.inner.astream(messages, stop=stop, **kwargs):
            whole = chunk if whole is None else whole + chunk
            yield ChatGenerationChunk(message=chunk)
        if whole is not None:
            self._kept(key, whole)

    def _key(self, messages: list[BaseMessage], stop: list[str] | None, options: dict[str, Any]) -> bytes:
        asked = [(message.type, message.content) for message in messages]
        whole = [self.name, self.base_url, self.inner._identifying_params, asked, stop, options]
        return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode("utf-8", "surrogatepass")).digest()

    def _known(self, key: bytes) -> AIMessage | None:
        with closing(sqlite3.connect(self.file, timeout=_BUSY_SECONDS)) as connection:
            row = connection.execute("SELECT answer FROM answers WHERE key = ?", (key,)).fetchone()
        return AIMessage(**json.loads(row[0])) if row else None

    def _kept(self, key: bytes, message: BaseMessage) -> AIMessage:
        """The message, kept unless it is a failure."""
        assert isinstance(message, AIMessage)
        if incomplete(message, str(message.text), self.inner) is None:
            answer = {"content": str(message.text), "usage_metadata": message.usage_metadata, "response_metadata": message.response_metadata}
            with closing(sqlite3.connect(self.file, timeout=_BUSY_SECONDS)) as connection, connection:
                connection.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (key, json.dumps(answer, default=str)))
        return message


def _chunk(message: AIMessage) -> AIMessageChunk:
    return AIMessageChunk(content=message.content, usage_metadata=message.usage_metadata, response_metadata=message.response_metadata)


def _result(message: AIMessage) -> ChatResult:
    return ChatResult(generations=[ChatGeneration(message=message)])
