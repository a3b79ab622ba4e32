"""One call of a chat model, whole or piece by piece: what it gave, what it cost, and what went wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ..document import clean
from .failures import at_limit, explain, incomplete, too_slow
from .thoughts import Thoughts, mean_logprob, without_thoughts

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
    from langchain_core.runnables import RunnableConfig


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call of a chat model gave and cost."""

    text: str
    """Without a leading <think>…</think> and without broken characters. May be the beginning of an answer where `error` is set."""
    tokens_in: int
    tokens_out: int
    """As the server counted them, else (or where that is nonsense) by tools/tokens.py. 0 where the call failed before the model read anything."""
    seconds: float
    error: str | None = None
    """One line: what, where, what to do. Never holds a key."""
    logprob: float | None = None
    """Mean log-probability of the answer's tokens, thoughts aside, where the model gives them with what it writes. Passel asks no server for them."""
    at_limit: bool = False
    """Whether it ended because no more tokens were allowed: its last sentence, or the number in it, may be half of one."""

    def whole_lines(self) -> list[str]:
        """Those that were not cut."""
        lines = self.text.lstrip().splitlines()
        return lines[:-1] if self.at_limit and not self.text.endswith("\n") else lines


async def ask(
    model: BaseChatModel,
    prompt: str | Sequence[BaseMessage],
    user: str | None = None,
    *,
    timeout: float | None,
    config: RunnableConfig | None = None,
    **options: Any,
) -> Reply:
    """One answer to (system prompt, user message), or to a whole list of messages. `timeout` in seconds, None for no limit."""
    sent = as_messages(prompt, user)
    started = time.monotonic()
    message: AIMessage | None = None
    error: str | None = None
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            message = await model.ainvoke(sent, config, **options)
    except (Exception, asyncio.CancelledError) as fault:
        if _is_ours(fault):
            raise
        error = too_slow(model, timeout) if limit.expired() else explain(fault, model)
    text = clean(without_thoughts([str(message.text)])) if message is not None else ""
    if message is not None and error is None:
        error = incomplete(message, text, model)
    return await _reply(sent, text, message, time.monotonic() - started, error, charged=message is not None or limit.expired())


async def stream(
    model: BaseChatModel, system: str, user: str, *, timeout: float | None, config: RunnableConfig | None = None
) -> AsyncIterator[str | Reply]:
    """The answer piece by piece as the model writes it, and last the Reply. `timeout` bounds the waiting for the model, not the caller's own time."""
    sent = as_messages(system, user)
    waited, error, late = 0.0, None, False
    whole: AIMessageChunk | None = None
    said: list[str] = []
    thoughts = Thoughts()
    # aclosing: a caller who stops listening ends the request too
    async with aclosing(cast("AsyncGenerator[AIMessageChunk]", model.astream(sent, config))) as chunks:
        while True:
            started = time.monotonic()
            limit = asyncio.timeout(None if timeout is None else max(0.0, timeout - waited))
            try:
                async with limit:
                    chunk = await anext(chunks, None)
                if chunk is None:
                    break
                whole = chunk if whole is None else whole + chunk
            except (Exception, asyncio.CancelledError) as fault:
                if _is_ours(fault):
                    raise
                late = limit.expired()
                error = too_slow(model, timeout) if late else explain(fault, model)
                break
            finally:
                waited += time.monotonic() - started
            if piece := clean(thoughts.feed(str(chunk.text))):
                said.append(piece)
                yield piece
    if rest := clean(thoughts.end()):
        said.append(rest)
        yield rest
    text = "".join(said)
    if error is None:
        error = incomplete(whole, text, model)
    yield await _reply(sent, text, whole, waited, error, charged=whole is not None or late)


def _is_ours(fault: BaseException) -> bool:
    """Whether it is the run that was cancelled, and not something inside a provider's client."""
    task = asyncio.current_task()
    return isinstance(fault, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def as_messages(prompt: str | Sequence[BaseMessage], user: str | None) -> list[BaseMessage]:
    from langchain_core.messages import HumanMessage, SystemMessage

    if not isinstance(prompt, str):
        return list(prompt)
    system = [SystemMessage(prompt)] if prompt.strip() else []
    return [*system, HumanMessage(user or "")]


async def _reply(sent: Sequence[BaseMessage], text: str, message: AIMessage | None, seconds: float, error: str | None, *, charged: bool) -> Reply:
    usage = message.usage_metadata if message is not None else None
    tokens_in, tokens_out = (max(0, usage["input_tokens"]), max(0, usage["output_tokens"])) if usage else (0, 0)
    if charged and not tokens_in:
        tokens_in = await _count("\n".join(str(m.text) for m in sent))
    if charged and not tokens_out and message is not None and (written := str(message.text)):
        tokens_out = await _count(written)  # its thoughts too: they are paid for
    logprob = None if message is None else mean_logprob(message.response_metadata.get("logprobs"))
    return Reply(text, tokens_in, tokens_out, seconds, error, logprob, at_limit(message))


async def _count(text: str) -> int:
    from ..tokens import count_prompt_tokens

    return await asyncio.to_thread(count_prompt_tokens, text)  # the first call loads a tokenizer
