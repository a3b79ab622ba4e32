"""The cache in front of a chat model: the same answers, asked once; failures are never kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from passel.tools import chat
from passel.tools.chat import load_chat_model
from passel.tools.chat.cache import CachedChatModel


async def _streamed(model: Any) -> list[Any]:
    return [piece async for piece in chat.stream(model, "system", "user", timeout=10)]


async def test_the_same_question_is_asked_once_and_another_again(fake_chat: Any, tmp_path: Path) -> None:
    inner = fake_chat.of("first", "second")
    model = CachedChatModel.around(inner, "fake", file=tmp_path / "chat.sqlite3")
    first = await chat.ask(model, "system", "one", timeout=10)
    again = await chat.ask(model, "system", "one", timeout=10)
    other = await chat.ask(model, "system", "two", timeout=10)
    assert (first.text, again.text, other.text) == ("first", "first", "second")
    assert (again.tokens_in, again.tokens_out) == (first.tokens_in, first.tokens_out)


async def test_streamed_answers_are_kept_and_given_again_whole(fake_chat: Any, tmp_path: Path) -> None:
    model = CachedChatModel.around(fake_chat.of("A whole answer. In two sentences."), "fake", file=tmp_path / "chat.sqlite3")
    first, again = await _streamed(model), await _streamed(model)
    assert "".join(first[:-1]) == "".join(again[:-1]) == first[-1].text == again[-1].text == "A whole answer. In two sentences."
    assert (await chat.ask(model, "system", "user", timeout=10)).text == again[-1].text


async def test_log_probabilities_are_kept_too(fake_chat: Any, tmp_path: Path) -> None:
    model = CachedChatModel.around(fake_chat.of("A whole answer.", logprob=-0.5), "fake", file=tmp_path / "chat.sqlite3")
    first, again = await _streamed(model), await _streamed(model)
    assert first[-1].logprob == again[-1].logprob == -0.5


async def test_a_failure_is_not_kept(fake_chat: Any, tmp_path: Path) -> None:
    model = CachedChatModel.around(fake_chat.of(ValueError("out of order"), "mended"), "fake", file=tmp_path / "chat.sqlite3")
    assert (await chat.ask(model, "system", "user", timeout=10)).error
    assert (await chat.ask(model, "system", "user", timeout=10)).text == "mended"


async def test_another_model_or_another_file_knows_nothing_of_it(fake_chat: Any, tmp_path: Path) -> None:
    for name, said in (("one", "from one"), ("two", "from two")):
        model = CachedChatModel.around(fake_chat.of(said), name, file=tmp_path / "chat.sqlite3")
        assert (await chat.ask(model, "system", "user", timeout=10)).text == said


async def test_over_a_real_server(openai_server: Any, tmp_path: Path) -> None:
    openai_server.reply = "Over the wire."
    inner = load_chat_model("openai:some-model", base_url=openai_server.url)
    model = CachedChatModel.around(inner, "openai:some-model", file=tmp_path / "chat.sqlite3")
    assert (await _streamed(model))[-1].text == "Over the wire."
    openai_server.reply = "Something else."
    kept = (await _streamed(model))[-1]
    assert kept.text == "Over the wire."
    assert kept.error is None
