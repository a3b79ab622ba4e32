"""Chat models by name: what is missing is named, before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from passel.tools.chat import ask, describe, load_chat_model
from passel.tools.errors import UsageError


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("name", ["gpt-4o", "", ":", "openai:", ":gpt-4o", "local:"])
def test_a_name_of_another_form(name: str) -> None:
    with pytest.raises(UsageError, match="does not name a chat model") as caught:
        load_chat_model(name)
    assert "provider:model" in caught.value.hint


def test_an_unknown_provider() -> None:
    with pytest.raises(UsageError, match="nosuch:model"):
        load_chat_model("nosuch:model")


@pytest.mark.parametrize("provider", ["anthropic", "ollama"])
def test_a_missing_extra_is_named(no_keys: pytest.MonkeyPatch, provider: str) -> None:
    no_keys.setattr("passel.tools.chat.loading.find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        load_chat_model(f"{provider}:some-model")
    assert caught.value.hint == f'Run: pip install "passel[{provider}]"'


@pytest.mark.parametrize("address", ["http://[::1/v1", "http://localhost:80a/v1", "localhost:9/v1", "http://localhost:99999"])
def test_an_address_that_is_none(no_keys: pytest.MonkeyPatch, address: str) -> None:
    with pytest.raises(UsageError, match="no address of a server"):
        load_chat_model("openai:x", base_url=address)
    no_keys.setenv("OPENAI_BASE_URL", address)
    with pytest.raises(UsageError, match=r"OPENAI_BASE_URL: .* is no address of a server"):
        load_chat_model("openai:x")


def test_a_missing_key_is_named(no_keys: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="needs a key, and OPENAI_API_KEY is not set"):
        load_chat_model("openai:gpt-4o-mini")
    with pytest.raises(UsageError, match=r"at http://llm\.example/v1 needs a key, and OPENAI_API_KEY is not set"):
        load_chat_model("openai:gpt-4o-mini", base_url="http://llm.example/v1")
    assert load_chat_model("openai:gpt-4o-mini", api_key="word")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/v1", "http://localhost:9/v1", "http://[::1]:9/v1"])
def test_no_key_is_asked_for_on_this_machine(no_keys: pytest.MonkeyPatch, address: str) -> None:
    assert describe(load_chat_model("openai:llama", base_url=address)) == f"openai:llama at {address}"


async def test_the_address_may_come_from_the_environment(openai_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", openai_server.url)
    reply = await ask(load_chat_model("openai:llama", base_url=None, max_retries=0), "", "Which river?", timeout=20)
    assert reply.text == openai_server.reply
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    reply = await ask(load_chat_model("openai:llama", base_url=openai_server.url, max_retries=0), "", "Which river?", timeout=20)
    assert reply.text == openai_server.reply  # a setting wins


def test_a_bad_setting_is_a_usage_error(no_keys: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot set up openai:llama"):
        load_chat_model("openai:llama", base_url="http://127.0.0.1:9/v1", temperature="warm")
