"""A GGUF file in this process, on the real SmolLM2-135M: weak answers, real tokens. What needs the weights skips without PASSEL_TEST_GGUF."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from passel.tools.chat import Reply, ask, ask_structured, describe, load_chat_model, stream
from passel.tools.errors import UsageError
from passel.tools.local_model import LocalChatModel


def load(path: Path, **settings: Any) -> LocalChatModel:
    """One thread: two on a busy machine wait for each other at every step of llama.cpp."""
    model = load_chat_model(f"local:{path}", **{"threads": 1, "max_tokens": 24, "n_ctx": 1024, **settings})
    assert isinstance(model, LocalChatModel)
    return model


@pytest.fixture(scope="module")
def model(gguf: Path) -> LocalChatModel:
    return load(gguf)


def generating() -> bool:
    return any(thread.name == "passel-local-model" for thread in threading.enumerate())


async def idle() -> None:
    async with asyncio.timeout(20):
        while generating():
            await asyncio.sleep(0.01)


# --- without the weights -------------------------------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no model file .*nowhere\.gguf"):
        load_chat_model(f"local:{tmp_path}/nowhere.gguf")
    with pytest.raises(UsageError, match="there is no model file"):
        load_chat_model(f"local:{tmp_path}")


@pytest.mark.parametrize("data", [b"", b"GG", b"PK\x03\x04 a zip file"])
def test_a_file_that_is_no_gguf(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "other.gguf").write_bytes(data)
    with pytest.raises(UsageError, match="is no GGUF file"):
        load_chat_model(f"local:{tmp_path}/other.gguf")


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr("passel.tools.local_model.find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        load_chat_model(f"local:{tmp_path}/some.gguf")
    assert caught.value.hint == 'Run: pip install "passel[local]"'


def test_a_bad_setting(tmp_path: Path) -> None:
    (tmp_path / "some.gguf").write_bytes(b"GGUF")
    with pytest.raises(UsageError, match="max_tokens"):
        load_chat_model(f"local:{tmp_path}/some.gguf", max_tokens=0)


async def test_a_broken_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(range(256)) * 40)
    reply = await ask(load(tmp_path / "broken.gguf"), "", "Hello?", timeout=60)
    assert reply.error is not None
    assert reply.error.startswith(f"local:broken.gguf: cannot load the model {tmp_path}/broken.gguf: llama.cpp does not accept the file.")
    assert "download it again" in reply.error


# --- with them -----------------------------------------------------------------------------------------------------------------------------


async def test_ask_and_stream_give_the_same_real_tokens(model: LocalChatModel) -> None:
    reply = await ask(model, "You are brief.", "Name three colours.", timeout=100)
    *pieces, streamed = [piece async for piece in stream(model, "You are brief.", "Name three colours.", timeout=100)]
    assert reply.error is None
    assert isinstance(streamed, Reply)
    assert "".join(pieces) == streamed.text == reply.text  # temperature 0, whatever was asked before
    assert len(pieces) > 5
    assert (streamed.tokens_in, streamed.tokens_out) == (reply.tokens_in, reply.tokens_out)
    assert 15 <= reply.tokens_in <= 40
    assert 5 <= reply.tokens_out <= 24
    assert reply.logprob is not None
    assert -5 < reply.logprob < 0
    assert streamed.logprob == reply.logprob
    assert describe(model).startswith("local:")


def test_without_asyncio(model: LocalChatModel) -> None:
    pieces = list(model.stream("Name three colours."))
    whole = model.invoke("Name three colours.")
    assert "".join(str(piece.text) for piece in pieces) == whole.text
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] <= 24
    assert whole.response_metadata["finish_reason"] in ("stop", "length")


def test_stop_words_end_the_answer(model: LocalChatModel) -> None:
    whole = str(model.invoke("Count from one to ten.").text)
    word = whole.split()[3]
    assert word not in str(model.invoke("Count from one to ten.", stop=[word]).text)


async def test_one_model_for_a_path(gguf: Path, model: LocalChatModel, monkeypatch: pytest.MonkeyPatch) -> None:
    import xllamacpp

    assert (await ask(model, "", "Hello?", timeout=100)).error is None
    monkeypatch.setattr(xllamacpp, "Server", None)  # a second load would fail
    assert (await ask(load(gguf, max_tokens=4), "", "Hello?", timeout=100)).error is None


async def test_calls_at_once_wait_their_turn(model: LocalChatModel) -> None:
    alone = [await ask(model, "", question, timeout=100) for question in ("Name a colour.", "Name a river.")]
    together = await asyncio.gather(*(ask(model, "", question, timeout=100) for question in ("Name a colour.", "Name a river.")))
    assert [reply.text for reply in together] == [reply.text for reply in alone]


async def test_cancelling_ends_the_generation(gguf: Path, model: LocalChatModel) -> None:
    await ask(model, "", "Hello?", timeout=100)
    endless = load(gguf, max_tokens=100_000, n_ctx=1024, temperature=1.5)
    heard = asyncio.Event()

    async def listen() -> None:
        async for _ in stream(endless, "", "Tell a very long story.", timeout=100):
            heard.set()

    running = asyncio.create_task(listen())
    waiting = asyncio.create_task(ask(endless, "", "Tell another.", timeout=100))
    await heard.wait()
    assert generating()
    for task in (running, waiting):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await idle()


async def test_a_time_out_ends_the_generation(gguf: Path, model: LocalChatModel) -> None:
    await ask(model, "", "Hello?", timeout=100)
    reply = await ask(load(gguf, max_tokens=100_000, temperature=1.5), "", "Tell a very long story.", timeout=0.3)
    assert reply.error is not None
    assert "did not answer within 0.3 s" in reply.error
    await idle()


def test_the_interpreter_ends_in_the_middle_of_an_answer(gguf: Path) -> None:
    code = """if True:
        import sys
        from passel.tools.chat import load_chat_model
        model = load_chat_model(f"local:{sys.argv[1]}", threads=1, max_tokens=100_000, temperature=1.5)
        answer = model.stream("Tell a very long story.")
        print(next(answer).text)
        sys.exit(3)
    """
    done = subprocess.run([sys.executable, "-c", code, str(gguf)], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.strip()


async def test_a_prompt_longer_than_the_window(model: LocalChatModel) -> None:
    reply = await ask(model, "", "water " * 3000, timeout=100)
    assert reply.error is not None
    assert "the model's window 1024" in reply.error
    assert "\n" not in reply.error


async def test_characters_that_no_utf8_has(model: LocalChatModel) -> None:
    assert (await ask(model, "", "What is \ud800 \U0001f41f?", timeout=100)).error is None


class Person(BaseModel):
    name: str = Field(max_length=40)
    born: int | None = None
    trades: list[str] = Field(default_factory=list, max_length=2)


async def test_the_schema_constrains_what_a_weak_model_writes(gguf: Path, model: LocalChatModel) -> None:
    value, replies = await ask_structured(load(gguf, max_tokens=160), "", "Sing a song about the sea!", Person, timeout=100)
    assert value is not None
    assert len(replies) == 1
    assert replies[0].text.lstrip().startswith("{")
    assert all(f'"{name}"' in replies[0].text for name in ("name", "born", "trades"))  # nothing left out
