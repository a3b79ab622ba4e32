"""What went wrong with a call of a chat model, as one line: what, where, what to do. Never holds a key."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import PasselError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage

KEYS = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
"""The variable that holds a provider's key."""
_BROKE_OFF = "broke off in the middle of its answer. Try again, or look at the server's log."
_UNREACHABLE = {"ConnectError", "ConnectionRefusedError", "gaierror", "ConnectTimeout", "ClientConnectorError"}
_BROKEN_OFF = {"RemoteProtocolError", "ReadError", "IncompleteRead", "ConnectionResetError", "BrokenPipeError", "ClientPayloadError"} | {
    "CancelledError",  # not the run's own
}
_LONGEST_LINE = 400


def incomplete(message: AIMessage | None, text: str, model: BaseChatModel) -> str | None:
    """What is wrong with an answer that arrived without an error: refused, broken off, or empty."""
    details = {} if message is None else message.response_metadata
    ending = details.get("finish_reason")
    if message is not None and (refusal := message.additional_kwargs.get("refusal") or (ending == "content_filter" and "content filter")):
        return line(f"{describe(model)} refused to answer: {refusal}", model)
    # an OpenAI-like server says how its answer ended; where the connection was merely closed, nothing does
    if details.get("model_provider") == "openai" and not ending and not details.get("status"):
        return line(f"{describe(model)} {_BROKE_OFF}", model)
    if not text.strip():
        why = ": its token limit was reached before it said anything" if at_limit(message) else ""
        return line(f"{describe(model)} sent an empty answer{why}", model)
    return None


def at_limit(message: AIMessage | None) -> bool:
    """Whether it ended because no more tokens were allowed."""
    return message is not None and any(ending.lower().startswith(("length", "max_tokens", "max_output_tokens")) for ending in endings(message))


def endings(message: AIMessage) -> list[str]:
    """Why it ended where it does, in the words of its provider, where it says so: each has a name of its own for it."""
    details = message.response_metadata
    told = [details.get(name) for name in ("finish_reason", "stop_reason", "stopReason", "done_reason")]
    if isinstance(more := details.get("incomplete_details"), Mapping):  # OpenAI's Responses
        told.append(more.get("reason"))
    return [str(ending) for ending in told if ending]


def describe(model: BaseChatModel) -> str:
    """ "openai:gpt-x at http://127.0.0.1:8000/v1": what lines for people call the model."""
    known = model._get_ls_params()  # what LangChain gives to traces
    name = ":".join(part for part in (known.get("ls_provider"), known.get("ls_model_name")) if part)
    address = address_of(model)
    return f"{name} at {plain_address(address)}" if address else name


def address_of(model: BaseChatModel) -> str | None:
    """The server that it is set up with, where it says so: each provider's class has a field of its own for it."""
    fields = (getattr(model, field, None) for field in ("openai_api_base", "anthropic_api_url", "base_url"))
    return next((value for value in fields if isinstance(value, str)), None)


def plain_address(address: str) -> str:
    """Without user, password and query, which may hold secrets."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def too_slow(model: BaseChatModel, timeout: float | None) -> str:
    return line(f"{describe(model)} did not answer within {timeout:.3g} s. Give the run more time, or take a faster model.", model)


def explain(fault: BaseException, model: BaseChatModel) -> str:
    """One line about any exception of any provider's client, told by status codes and class names, as each has its own classes."""
    who = describe(model)
    chain = list(_chain(fault))
    names = {type(each).__name__ for each in chain}
    said = one_line(str(fault))
    if isinstance(fault, PasselError):
        return line(f"{who}: {fault}. {fault.hint}", model)
    status = next((status for each in chain if (status := _status(each))), None)
    if status is not None:
        what, advice = _about_status(status, model)
        return line(f"{who} {what} ({status}): {re.sub(r'^Error code: [0-9]+ - ', '', said).rstrip('.')}. {advice}", model)
    if names & _UNREACHABLE:
        plain = {"ConnectionRefusedError": "connection refused", "gaierror": "no such host"}
        why = next((words for name, words in plain.items() if name in names), one_line(str(chain[-1])) or said)
        return line(f"cannot reach {who}: {why}. Is the server running, and is its address right?", model)
    if names & _BROKEN_OFF:
        return line(f"{who} {_BROKE_OFF}", model)
    if any("Timeout" in name for name in names):
        return line(f"{who} did not answer in time ({said}). Take a faster model.", model)
    return line(f"{who} sent something that is no chat answer ({type(fault).__name__}: {said[:200]}). Is it a chat model's address?", model)


def _about_status(status: int, model: BaseChatModel) -> tuple[str, str]:
    if status in (401, 403):
        return "refused the key", f"Check {KEYS.get(str(model._get_ls_params().get('ls_provider')), 'the key')}."
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


def line(text: str, model: BaseChatModel | None) -> str:
    return _without_secrets(one_line(text), model)[:_LONGEST_LINE]


def one_line(text: str) -> str:
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
