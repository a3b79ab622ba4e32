"""Chat models by name: "provider:model" through LangChain, or a GGUF file in this process."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import UsageError
from .failures import KEYS, line, one_line, plain_address

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_EXTRAS = {"openai": "langchain_openai", "anthropic": "langchain_anthropic", "ollama": "langchain_ollama"}
"""Providers that are extras of this package: the module that must be there."""


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
        from ..local_model import LocalChatModel

        try:
            return LocalChatModel(path=Path(model.strip()), **given)
        except ValueError as fault:
            raise UsageError(f"cannot set up {name}: {line(str(fault), None)}", "Look at its settings.") from fault

    if provider in _EXTRAS:
        if find_spec(_EXTRAS[provider]) is None:
            raise UsageError(f"{name} needs a package that is not installed", f'Run: pip install "passel[{provider}]"')
        if provider == "openai":
            given = _openai_address(given)
        variable = KEYS.get(provider)
        if variable and not os.environ.get(variable) and not given.keys() & {"api_key", f"{provider}_api_key"}:
            where = f" at {plain_address(given['base_url'])}" if "base_url" in given else ""
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
        raise UsageError(f"{name} needs a package that is not installed", one_line(str(fault))) from fault
    except ValueError as fault:
        if "Unsupported" in str(fault):
            hint = "Write openai:, anthropic:, ollama:, another provider of LangChain, or local:PATH.gguf."
            raise UsageError(f"{name}: there is no provider {provider!r}", hint) from fault
        raise UsageError(f"cannot set up {name}: {line(str(fault), None)}", "Look at its settings and its key.") from fault
    except Exception as fault:  # each provider has its own exceptions for a missing key or a bad setting
        raise UsageError(f"cannot set up {name}: {line(str(fault), None)}", "Look at its settings and its key.") from fault
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
