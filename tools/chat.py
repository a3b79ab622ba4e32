"""chat: the one way in which Passel talks to a chat model.

Failure is a value: whatever a model or its server does (time-out, refused connection, an error status, garbage, a stream that breaks off),
a call ends in a `Reply` whose `error` is one clear line. Only a cancelled run raises: its CancelledError passes, and the HTTP request ends with it;
one that a client's own task ran into is a failure like others.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

from .document import clean
from .errors import PasselError, UsageError
from .lenient_json import json_values

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
    from langchain_core.runnables import RunnableConfig
    from pydantic import BaseModel

    T = TypeVar("T", bound=BaseModel)


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


# --- loading -------------------------------------------------------------------------------------------------------------------------------


_EXTRAS = {
    "openai": ("langchain_openai", "OPENAI_API_KEY"),
    "anthropic": ("langchain_anthropic", "ANTHROPIC_API_KEY"),
    "ollama": ("langchain_ollama", None),
}
"""Providers that are extras of this package: the module that must be there, and the variable that holds the key."""


def load_chat_model(name: str, **settings: Any) -> BaseChatModel:
    """A LangChain chat model from "provider:model", or from "local:PATH.gguf". Nothing is sent or read from disk yet.

    settings: what the model takes (`base_url`, `temperature`, `max_tokens`, …); those that are None are left out. `openai:` also honours
    OPENAI_BASE_URL, and asks for no key where the address is this machine. One retry, as the run's own time limit is what counts.
    Raises UsageError.
    """
    provider, _, model = name.strip().partition(":")
    if not provider or not model.strip():
        raise UsageError(f"{name!r} does not name a chat model", "Write provider:model (openai:gpt-4o-mini, ollama:qwen3:8b) or local:PATH.gguf.")
    given = {key: value for key, value in settings.items() if value is not None}
    if (url := given.get("base_url")) and not _is_address(str(url)):
        raise UsageError(f"{url!r} is no address of a server", "Write http://host:port/v1.")
    if provider == "local":
        from .local_model import LocalChatModel

        try:
            return LocalChatModel(path=Path(model.strip()), **given)
        except ValueError as fault:
            raise UsageError(f"cannot set up {name}: {_line(str(fault), None)}", "Look at its settings.") from fault

    if provider in _EXTRAS:
        module, variable = _EXTRAS[provider]
        if find_spec(module) is None:
            raise UsageError(f"{name} needs a package that is not installed", f'Run: pip install "passel[{provider}]"')
        if provider == "openai":
            given = _openai_address(given)
        if variable and not os.environ.get(variable) and not given.keys() & {"api_key", f"{provider}_api_key"}:
            where = f" at {_plain_address(given['base_url'])}" if "base_url" in given else ""
            hint = f"Set {variable} (to any word, where the server asks for none)."
            raise UsageError(f"{name}{where} needs a key, and {variable} is not set", hint)

    from langchain.chat_models import init_chat_model

    if provider == "openai":
        # with a client of its own LangChain asks for no token counts of a stream; servers at other addresses may refuse to be asked
        counted = {} if "base_url" in given else {"stream_usage": True}
        given = {"http_async_client": _client_for_every_loop(), **counted, **given}
    try:
        made: BaseChatModel = init_chat_model(model.strip(), model_provider=provider, **{"max_retries": 1, **given})
    except ImportError as fault:
        raise UsageError(f"{name} needs a package that is not installed", _one_line(str(fault))) from fault
    except ValueError as fault:
        if "Unsupported" in str(fault):
            hint = "Write openai:, anthropic:, ollama:, another provider of LangChain, or local:PATH.gguf."
            raise UsageError(f"{name}: there is no provider {provider!r}", hint) from fault
        raise UsageError(f"cannot set up {name}: {_line(str(fault), None)}", "Look at its settings and its key.") from fault
    except Exception as fault:  # each provider has its own exceptions for a missing key or a bad setting
        raise UsageError(f"cannot set up {name}: {_line(str(fault), None)}", "Look at its settings and its key.") from fault
    return made


def _openai_address(given: Mapping[str, Any]) -> dict[str, Any]:
    address = given.get("base_url") or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE")
    if not address:
        return dict(given)
    if not _is_address(str(address)):
        raise UsageError(f"OPENAI_BASE_URL: {address!r} is no address of a server", "Write http://host:port/v1.")
    dummy = {} if os.environ.get("OPENAI_API_KEY") or not _is_loopback(str(address)) else {"api_key": "none-needed"}
    return {**dummy, **given, "base_url": address}


def _client_for_every_loop() -> Any:
    """An HTTP client for ChatOpenAI that keeps the connections of each event loop apart.

    LangChain shares one client among all models of an address, for the life of the process: after `asyncio.run` ended, its open connections belong to
    a loop that is closed, and the next call fails with "Event loop is closed".
    """
    from openai import DefaultAsyncHttpxClient

    class Client(DefaultAsyncHttpxClient):
        def __init__(self) -> None:
            super().__init__()
            self._own: dict[asyncio.AbstractEventLoop, DefaultAsyncHttpxClient] = {}

        async def send(self, *args: Any, **kwargs: Any) -> Any:
            here = asyncio.get_running_loop()
            for loop in [loop for loop in self._own if loop.is_closed()]:
                del self._own[loop]
            if here not in self._own:
                self._own[here] = DefaultAsyncHttpxClient()
            return await self._own[here].send(*args, **kwargs)

    return Client()


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, half a bracket
        return False


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- asking --------------------------------------------------------------------------------------------------------------------------------


async def ask(
    model: BaseChatModel,
    prompt: str | Sequence[BaseMessage],
    user: str | None = None,
    *,
    timeout: float | None,
    config: RunnableConfig | None = None,
) -> Reply:
    """One answer to (system prompt, user message), or to a whole list of messages. `timeout` in seconds, None for no limit."""
    return await _ask(model, _messages(prompt, user), timeout, config)


async def _ask(model: BaseChatModel, sent: Sequence[BaseMessage], timeout: float | None, config: RunnableConfig | None, **options: Any) -> Reply:
    started = time.monotonic()
    message: AIMessage | None = None
    error: str | None = None
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            message = await model.ainvoke(list(sent), config, **options)
    except (Exception, asyncio.CancelledError) as fault:
        if _is_ours(fault):
            raise
        error = _too_slow(model, timeout) if limit.expired() else _explain(fault, model)
    text = clean(without_thoughts([str(message.text)])) if message is not None else ""
    if message is not None and error is None:
        error = incomplete(message, text, model)
    return await _reply(sent, text, message, time.monotonic() - started, error, charged=message is not None or limit.expired())


async def stream(
    model: BaseChatModel, system: str, user: str, *, timeout: float | None, config: RunnableConfig | None = None
) -> AsyncIterator[str | Reply]:
    """The answer piece by piece as the model writes it, and last the Reply. `timeout` bounds the waiting for the model, not the caller's own time."""
    sent = _messages(system, user)
    waited, error, late = 0.0, None, False
    whole: AIMessageChunk | None = None
    said: list[str] = []
    thoughts = _Thoughts()
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
                error = _too_slow(model, timeout) if late else _explain(fault, model)
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
        error = incomplete(whole, text, model) or _at_its_limit(whole, model)
    yield await _reply(sent, text, whole, waited, error, charged=whole is not None or late)


def _is_ours(fault: BaseException) -> bool:
    """Whether it is the run that was cancelled, and not something inside a provider's client."""
    task = asyncio.current_task()
    return isinstance(fault, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _messages(prompt: str | Sequence[BaseMessage], user: str | None) -> list[BaseMessage]:
    from langchain_core.messages import HumanMessage, SystemMessage

    if not isinstance(prompt, str):
        return list(prompt)
    system = [SystemMessage(prompt)] if prompt.strip() else []
    return [*system, HumanMessage(user or "")]


def incomplete(message: AIMessage | None, text: str, model: BaseChatModel) -> str | None:
    """What is wrong with an answer that arrived without an error: refused, broken off, or empty."""
    details = {} if message is None else message.response_metadata
    ending = details.get("finish_reason")
    if message is not None and (refusal := message.additional_kwargs.get("refusal") or (ending == "content_filter" and "content filter")):
        return _line(f"{describe(model)} refused to answer: {refusal}", model)
    # an OpenAI-like server says how its answer ended; where the connection was merely closed, nothing does
    if details.get("model_provider") == "openai" and not ending and not details.get("status"):
        return _line(f"{describe(model)} {_BROKE_OFF}", model)
    if not text.strip():
        why = ": its token limit was reached before it said anything" if ending == "length" else ""
        return _line(f"{describe(model)} sent an empty answer{why}", model)
    return None


def _at_its_limit(message: AIMessage | None, model: BaseChatModel) -> str | None:
    """Said where an answer ended because no more tokens were allowed: its last sentence, or the number in it, may be half of one."""
    details = {} if message is None else message.response_metadata
    endings = (details.get(name) for name in ("finish_reason", "stop_reason", "done_reason"))  # OpenAI and local, Anthropic, Ollama
    if not any(str(ending).lower() in ("length", "max_tokens") for ending in endings):
        return None
    return _line(f"{describe(model)} reached its token limit in the middle of its answer. Give it a larger max_tokens.", model)


async def _reply(
    sent: Sequence[BaseMessage], text: str, message: AIMessage | None, seconds: float, error: str | None, *, charged: bool
) -> Reply:
    usage = message.usage_metadata if message is not None else None
    tokens_in, tokens_out = (max(0, usage["input_tokens"]), max(0, usage["output_tokens"])) if usage else (0, 0)
    if charged and not tokens_in:
        tokens_in = await _count("\n".join(str(m.text) for m in sent))
    if charged and not tokens_out and message is not None and (written := str(message.text)):
        tokens_out = await _count(written)  # its thoughts too: they are paid for
    return Reply(text, tokens_in, tokens_out, seconds, error, None if message is None else mean_logprob(message.response_metadata.get("logprobs")))


async def _count(text: str) -> int:
    from .tokens import count_prompt_tokens

    return await asyncio.to_thread(count_prompt_tokens, text)  # the first call loads a tokenizer


def mean_logprob(given: Any) -> float | None:
    """Of the tokens of an answer, as OpenAI has them ({"content": [{"token": …, "logprob": …}, …]}) or listed alone; None where one is malformed.

    >>> mean_logprob({"content": [{"token": "Sed", "logprob": -0.5}, {"token": "ge", "logprob": -0.1}]})
    -0.3
    """
    tokens = given.get("content") if isinstance(given, Mapping) else given
    thoughts, known = _Thoughts(), []
    for token in tokens if isinstance(tokens, list) else []:
        chance = token.get("logprob") if isinstance(token, Mapping) else None
        if not isinstance(chance, int | float) or isinstance(chance, bool) or not chance <= 0:  # NaN is not
            return None
        thoughts.feed(str(token.get("token", "")))
        if thoughts.past:
            known.append(float(max(_LEAST_LOGPROB, chance)))
    return sum(known) / len(known) if known else None


_LEAST_LOGPROB = -20.0
"""OpenAI writes -9999 for "very unlikely", which would drown all other tokens."""


class _Thoughts:
    """Takes a leading <think>…</think> out of a stream: some servers leave a reasoning model's thoughts in its answer."""

    _OPEN, _CLOSE = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self.past = False
        """Whether what was fed last belongs to the answer."""

    def feed(self, piece: str) -> str:
        if self.past:
            return piece
        self._held += piece
        start = self._held.lstrip()
        if start.startswith(self._OPEN):
            rest = start.partition(self._CLOSE)[2].lstrip()
            return self._let_go(rest) if rest else ""
        return "" if self._OPEN.startswith(start) else self._let_go(self._held)

    def end(self) -> str:
        """What was held back and turned out to be no thought."""
        return "" if self.past or self._held.lstrip().startswith(self._OPEN) else self._let_go(self._held)

    def _let_go(self, text: str) -> str:
        self.past, self._held = True, ""
        return text


def without_thoughts(pieces: Sequence[str]) -> str:
    thoughts = _Thoughts()
    return "".join([*map(thoughts.feed, pieces), thoughts.end()])


# --- failures as one line ------------------------------------------------------------------------------------------------------------------


_BROKE_OFF = "broke off in the middle of its answer. Try again, or look at the server's log."
_UNREACHABLE = {"ConnectError", "ConnectionRefusedError", "gaierror", "ConnectTimeout", "ClientConnectorError"}
_BROKEN_OFF = {"RemoteProtocolError", "ReadError", "IncompleteRead", "ConnectionResetError", "BrokenPipeError", "ClientPayloadError"} | {
    "CancelledError",  # not the run's own
}
_LONGEST_LINE = 400


def describe(model: BaseChatModel) -> str:
    """"openai:gpt-x at http://127.0.0.1:8000/v1": what lines for people call the model."""
    known = model._get_ls_params()  # what LangChain gives to traces
    name = ":".join(part for part in (known.get("ls_provider"), known.get("ls_model_name")) if part)
    address = address_of(model)
    return f"{name} at {_plain_address(address)}" if address else name


def address_of(model: BaseChatModel) -> str | None:
    """The server that it is set up with, where it says so: each provider's class has a field of its own for it."""
    fields = (getattr(model, field, None) for field in ("openai_api_base", "anthropic_api_url", "base_url"))
    return next((value for value in fields if isinstance(value, str)), None)


def _plain_address(address: str) -> str:
    """Without user, password and query, which may hold secrets."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _too_slow(model: BaseChatModel, timeout: float | None) -> str:
    return _line(f"{describe(model)} did not answer within {timeout:.3g} s. Give the run more time, or take a faster model.", model)


def _explain(fault: BaseException, model: BaseChatModel) -> str:
    """One line about any exception of any provider's client, told by status codes and class names, as each has its own classes."""
    who = describe(model)
    chain = list(_chain(fault))
    names = {type(each).__name__ for each in chain}
    said = _one_line(str(fault))
    if isinstance(fault, PasselError):
        return _line(f"{who}: {fault}. {fault.hint}", model)
    status = next((status for each in chain if (status := _status(each))), None)
    if status is not None:
        what, advice = _about_status(status, model)
        return _line(f"{who} {what} ({status}): {re.sub(r'^Error code: [0-9]+ - ', '', said).rstrip('.')}. {advice}", model)
    if names & _UNREACHABLE:
        plain = {"ConnectionRefusedError": "connection refused", "gaierror": "no such host"}
        why = next((words for name, words in plain.items() if name in names), _one_line(str(chain[-1])) or said)
        return _line(f"cannot reach {who}: {why}. Is the server running, and is its address right?", model)
    if names & _BROKEN_OFF:
        return _line(f"{who} {_BROKE_OFF}", model)
    if any("Timeout" in name for name in names):
        return _line(f"{who} did not answer in time ({said}). Take a faster model.", model)
    return _line(f"{who} sent something that is no chat answer ({type(fault).__name__}: {said[:200]}). Is it a chat model's address?", model)


def _about_status(status: int, model: BaseChatModel) -> tuple[str, str]:
    if status in (401, 403):
        variable = _EXTRAS.get(str(model._get_ls_params().get("ls_provider")), (None, None))[1]
        return "refused the key", f"Check {variable or 'the key'}."
    if status == 404:
        return "was not found", "Check the model's name and the address."
    if status == 429:
        return "is out of quota or was asked too often", "Wait, or take another model."
    if status >= 500:
        return "failed", "Try again later, or look at the server's log."
    return "rejected the request", "Check the model's name and settings, and the length of the prompt."


def _status(fault: BaseException) -> int | None:
    status = getattr(fault, "status_code", None) or getattr(getattr(fault, "response", None), "status_code", None)
    return status if isinstance(status, int) and status >= 400 else None


def _chain(fault: BaseException) -> Iterator[BaseException]:
    """The exception and what caused it, down to the first cause."""
    seen: set[int] = set()
    now: BaseException | None = fault
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        yield now
        now = now.exceptions[0] if isinstance(now, BaseExceptionGroup) else now.__cause__ or now.__context__


def _line(text: str, model: BaseChatModel | None) -> str:
    return _without_secrets(_one_line(text), model)[:_LONGEST_LINE]


def _one_line(text: str) -> str:
    return " ".join(text.split())


_KEY_LIKE = re.compile(r"\b(sk|pk|key|gsk|xai)-[\w*-]{6,}|(?<=Bearer )\S+", re.IGNORECASE)


def _without_secrets(text: str, model: BaseChatModel | None) -> str:
    """Servers quote the key that they refuse."""
    fields = list(vars(model).values()) if model is not None else []
    secrets = [value.get_secret_value() for value in fields if hasattr(value, "get_secret_value")]
    secrets += [value for name, value in os.environ.items() if name.endswith(("_API_KEY", "_TOKEN"))]
    for secret in secrets:
        if isinstance(secret, str) and len(secret) >= 6:
            text = text.replace(secret, "***")
    return _KEY_LIKE.sub("***", text)


# --- structured output ---------------------------------------------------------------------------------------------------------------------


async def ask_structured(
    model: BaseChatModel,
    system: str,
    user: str,
    schema: type[T],
    *,
    timeout: float | None,
    may_repair: bool = True,
    tokens: float | None = None,
    config: RunnableConfig | None = None,
) -> tuple[T | None, list[Reply]]:
    """A value of `schema`, or None, and the replies that it took (at most two, one without `may_repair`; `timeout` is for both,
    and a first one that took `tokens` or more is the last).

    The form stands in the prompt (an example of it, as small models repeat a JSON schema instead of following it), the answer is read by
    `json_values` and validated, and repaired once by showing the model what was wrong.
    A local model's decoding is also constrained by the schema. Providers' own modes for structured output are not used: servers that call
    themselves compatible refuse them, ignore them, or accept only some schemas.
    """
    from langchain_core.messages import AIMessage, HumanMessage

    form = schema.model_json_schema()
    request = f"{user}\n\nAnswer with JSON alone, in this form:\n{json.dumps(_skeleton(form, form), ensure_ascii=False)}"
    options = {"json_schema": _all_required(form)} if getattr(model, "constrains_json", False) else {}
    sent = _messages(system, request)
    replies: list[Reply] = []
    started = time.monotonic()
    for last in (False, True)[: 1 + may_repair]:
        left = None if timeout is None else timeout - (time.monotonic() - started)
        used_up = tokens is not None and sum(reply.tokens_in + reply.tokens_out for reply in replies) >= tokens
        if last and (used_up or (left is not None and left <= 0)):
            break
        reply = await _ask(model, sent, left, config, **options)
        replies.append(reply)
        if reply.error:
            break
        value, complaint = _validated(reply.text, schema)
        if value is not None:
            return value, replies
        sent = [*sent, AIMessage(reply.text), HumanMessage(f"That cannot be used: {complaint}. Send the corrected JSON alone.")]
    return None, replies


def _validated(text: str, schema: type[T]) -> tuple[T | None, str]:
    """The first value in the text that fits the schema, or what is wrong with the first value."""
    from pydantic import ValidationError

    complaint = ""
    for value in json_values(text):
        try:
            return schema.model_validate(value), ""
        except ValidationError as fault:
            wrong = [f"{'.'.join(map(str, each['loc'])) or 'the whole'}: {each['msg']}" for each in fault.errors(include_url=False)[:5]]
            complaint = complaint or "; ".join(wrong)
    return None, complaint or "there is no JSON in it"


def _skeleton(node: Any, root: Mapping[str, Any], depth: int = 0) -> Any:
    """A JSON schema as an example of what fits it: {"born": "<integer: the year>", "names": ["<string>"]}."""
    if "$ref" in node:
        node = {**root["$defs"][node["$ref"].rpartition("/")[2]], **{key: value for key, value in node.items() if key == "description"}}
    choices = [each for each in node.get("anyOf", node.get("oneOf", [])) if each.get("type") != "null"]
    if choices:
        return _skeleton({**choices[0], **({"description": node["description"]} if "description" in node else {})}, root, depth)
    if isinstance(node.get("properties"), dict) and depth < 6:  # a model that holds itself ends somewhere
        return {name: _skeleton(each, root, depth + 1) for name, each in node["properties"].items()}
    if node.get("type") == "array" and depth < 6:
        return [_skeleton(node.get("items", {}), root, depth + 1)]
    if "enum" in node:
        kind = " or ".join(map(str, node["enum"]))
    elif "const" in node:
        kind = str(node["const"])
    else:
        low, high = node.get("minimum"), node.get("maximum")
        kind = node.get("type", "value") + (f" from {low} to {high}" if low is not None and high is not None else "")
    return f"<{kind}: {node['description']}>" if "description" in node else f"<{kind}>"


def _all_required(node: Any) -> Any:
    """A JSON schema in which every property must be given: a weak model would leave out whatever it may."""
    if isinstance(node, dict):
        made = {key: _all_required(value) for key, value in node.items()}
        return {**made, "required": list(node["properties"])} if isinstance(node.get("properties"), dict) else made
    return [_all_required(each) for each in node] if isinstance(node, list) else node
