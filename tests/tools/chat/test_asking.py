"""Calls of a chat model: what they give and cost; whatever fails is one line, and whoever leaves ends the request."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from passel.tools.chat import Reply, ask, describe, load_chat_model, stream
from passel.tools.chat.failures import at_limit
from passel.tools.errors import PasselError

ANSWER = "The Lathe flows through Port Callow."


async def collect(pieces: Any) -> tuple[list[str], Reply]:
    *texts, reply = [piece async for piece in pieces]
    assert isinstance(reply, Reply)
    assert all(isinstance(text, str) for text in texts)
    return texts, reply


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_ask(model: Any, openai_server: Any) -> None:
    reply = await ask(model, "Be brief.", "Which river flows through Port Callow?", timeout=20)
    assert (reply.text, reply.error, reply.tokens_in, reply.tokens_out) == (ANSWER, None, 11, 7)
    assert reply.seconds > 0
    sent = openai_server.requests[0]
    assert [(m["role"], m["content"]) for m in sent["messages"]] == [("system", "Be brief."), ("user", "Which river flows through Port Callow?")]
    assert not sent.get("stream")


async def test_ask_with_messages_and_without_a_system_prompt(model: Any, openai_server: Any) -> None:
    await ask(model, [SystemMessage("One."), HumanMessage("Two."), HumanMessage("Three.")], timeout=20)
    await ask(model, "", "Alone.", timeout=20)
    assert [len(sent["messages"]) for sent in openai_server.requests] == [3, 1]


async def test_stream(model: Any, openai_server: Any) -> None:
    pieces, reply = await collect(stream(model, "", "Which river?", timeout=20))
    assert len(pieces) == 6
    assert "".join(pieces) == reply.text == ANSWER
    assert reply.error is None
    assert openai_server.requests[0]["stream"] is True


async def test_tokens_are_counted_where_the_server_does_not(model: Any, openai_server: Any) -> None:
    openai_server.usage = False
    reply = await ask(model, "Be brief.", "Which river flows through Port Callow?", timeout=60)
    _, streamed = await collect(stream(model, "Be brief.", "Which river flows through Port Callow?", timeout=60))
    assert (reply.tokens_in, reply.tokens_out) == (streamed.tokens_in, streamed.tokens_out)
    assert 8 <= reply.tokens_in <= 24
    assert 5 <= reply.tokens_out <= 12


FAILURES = [
    ("garbage", "no chat answer"),
    ("wrong json", "no chat answer"),
    ("500", "failed (500): the 500 that the test asked for"),
    ("401", "refused the key (401)"),
    ("404", "Check the model's name and the address"),
    ("429", "out of quota"),
    ("cut", "broke off"),
    ("empty", "empty answer"),
]


@pytest.mark.parametrize(("mode", "said"), [*FAILURES, ("refusal", "refused to answer: I cannot help with that.")])
async def test_a_failure_of_the_server_is_one_clear_line(model: Any, openai_server: Any, mode: str, said: str) -> None:
    openai_server.mode = mode
    reply = await ask(model, "", "Which river?", timeout=20)
    assert reply.text == ""
    assert reply.error is not None
    assert said in reply.error
    assert f"openai:test at {openai_server.url}" in reply.error
    assert "\n" not in reply.error
    assert "Traceback" not in reply.error


@pytest.mark.parametrize(("mode", "said"), [*FAILURES, ("wrong events", "no chat answer"), ("ends early", "broke off")])
async def test_a_failure_while_streaming_is_one_clear_line(model: Any, openai_server: Any, mode: str, said: str) -> None:
    openai_server.mode = mode
    pieces, reply = await collect(stream(model, "", "Which river?", timeout=20))
    assert reply.error is not None
    assert said in reply.error
    assert "\n" not in reply.error
    assert "".join(pieces) == reply.text == ("The Lathe" if mode in ("cut", "ends early") else "")


async def test_an_answer_at_its_token_limit_is_told_from_a_whole_one(model: Any, openai_server: Any) -> None:
    assert not (await ask(model, "", "Which river?", timeout=20)).at_limit
    openai_server.ending = "length"
    replies = [await ask(model, "", "Which river?", timeout=20), (await collect(stream(model, "", "Which river?", timeout=20)))[1]]
    for reply in replies:
        assert (reply.at_limit, reply.error, reply.text) == (True, None, ANSWER)
    openai_server.mode = "empty"
    empty = await ask(model, "", "Which river?", timeout=20)
    assert "token limit was reached before it said anything" in str(empty.error)


@pytest.mark.parametrize(
    ("told", "limited"),
    [
        ({"finish_reason": "length"}, True),
        ({"finish_reason": "lengthlength"}, True),  # chunks that both say so, joined by LangChain
        ({"finish_reason": "MAX_TOKENS"}, True),  # Gemini
        ({"stop_reason": "max_tokens"}, True),  # Anthropic
        ({"stopReason": "max_tokens"}, True),  # Bedrock
        ({"done_reason": "length"}, True),  # Ollama
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, True),  # OpenAI's Responses
        ({"status": "completed", "incomplete_details": None}, False),
        ({"finish_reason": "stop"}, False),
        ({}, False),
    ],
)
def test_the_token_limit_in_every_provider_s_words(told: dict[str, Any], limited: bool) -> None:
    assert at_limit(AIMessage("The Lathe", response_metadata=told)) == limited


@pytest.mark.parametrize(
    ("text", "cut", "lines"),
    [("one\ntwo", False, ["one", "two"]), ("one\ntwo", True, ["one"]), ("one\ntwo\n", True, ["one", "two"]), ("one", True, []), ("", True, [])],
)
def test_lines_that_were_not_cut(text: str, cut: bool, lines: list[str]) -> None:
    assert Reply(text, 0, 0, 0.0, at_limit=cut).whole_lines() == lines


async def test_a_slow_server_ends_in_a_time_out_and_is_left(model: Any, openai_server: Any) -> None:
    openai_server.mode = "slow"
    reply = await ask(model, "", "Which river?", timeout=0.3)
    assert reply.error is not None
    assert "did not answer within 0.3 s" in reply.error
    assert reply.tokens_in > 0  # the server read the prompt
    await until(openai_server.client_left.is_set)


async def test_a_stream_that_stalls_ends_in_a_time_out_with_what_was_said(model: Any, openai_server: Any) -> None:
    openai_server.mode = "stalls"
    pieces, reply = await collect(stream(model, "", "Which river?", timeout=1.0))
    assert "".join(pieces) == reply.text == "The Lathe"
    assert reply.error is not None
    assert "did not answer within" in reply.error
    await until(openai_server.client_left.is_set)


async def test_the_time_limit_of_a_stream_does_not_count_the_callers_own_time(model: Any) -> None:
    pieces = []
    async for piece in stream(model, "", "Which river?", timeout=1.5):
        await asyncio.sleep(0.25)
        pieces.append(piece)
    assert pieces[-1].error is None
    assert pieces[-1].text == ANSWER


async def test_a_refused_connection(openai_server: Any) -> None:
    url = openai_server.url
    openai_server.__exit__()
    openai_server._server.server_close()
    model = load_chat_model("openai:test", base_url=url, max_retries=0)
    for reply in (await ask(model, "", "Which river?", timeout=20), (await collect(stream(model, "", "Which river?", timeout=20)))[1]):
        assert reply.error == f"cannot reach openai:test at {url}: connection refused. Is the server running, and is its address right?"
        assert (reply.tokens_in, reply.tokens_out) == (0, 0)


async def test_an_unknown_host_and_no_password_of_its_address() -> None:
    model = load_chat_model("openai:test", base_url="http://me:hunter22@passel.invalid/v1?key=hunter33", api_key="hunter44", max_retries=0)
    reply = await ask(model, "", "Which river?", timeout=20)
    assert reply.error is not None
    assert "cannot reach openai:test at http://passel.invalid/v1" in reply.error
    assert "hunter" not in reply.error


@pytest.mark.parametrize("key", ["sk-abcdef0123456789", "an-unusual.key/of/ours"])
async def test_a_key_is_never_told(openai_server: Any, key: str) -> None:
    model = load_chat_model("openai:test", base_url=openai_server.url, api_key=key, max_retries=0)
    openai_server.mode = "401"
    reply = await ask(model, "", "Which river?", timeout=20)
    assert openai_server.keys == [key]  # the server did quote it
    assert reply.error is not None
    assert key not in reply.error
    assert "Check OPENAI_API_KEY" in reply.error
    assert key not in describe(model)


async def test_a_cancellation_inside_a_client_is_a_failure_and_no_cancelled_run(fake_chat: Any) -> None:
    def cancelled(_: Any) -> str:
        raise asyncio.CancelledError("the client's own task")

    model = fake_chat.of(cancelled)
    assert (await ask(model, "", "Which river?", timeout=20)).error
    streamed = (await collect(stream(model, "", "Which river?", timeout=20)))[1]
    assert streamed.error is not None
    assert "broke off" in streamed.error


async def test_broken_characters_do_not_come_through(fake_chat: Any) -> None:
    model = fake_chat.of("half a pair \ud83d here")
    pieces, streamed = await collect(stream(model, "", "Which river?", timeout=20))
    assert (await ask(model, "", "Which river?", timeout=20)).text == "".join(pieces) == streamed.text == "half a pair \ufffd here"


async def test_nonsense_about_tokens_is_not_believed(fake_chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake_chat, "_used", lambda *_: {"input_tokens": -50, "output_tokens": -7, "total_tokens": -57})
    reply = await ask(fake_chat.of(ANSWER), "Be brief.", "Which river flows through Port Callow?", timeout=60)
    assert reply.tokens_in > 5
    assert reply.tokens_out > 5


async def test_cancelling_closes_the_connection(model: Any, openai_server: Any) -> None:
    openai_server.mode = "slow"
    task = asyncio.create_task(ask(model, "", "Which river?", timeout=60))
    await until(lambda: openai_server.requests)
    assert not openai_server.client_left.is_set()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(openai_server.client_left.is_set)


async def test_cancelling_a_stream_closes_the_connection(model: Any, openai_server: Any) -> None:
    openai_server.mode = "stalls"
    heard: list[Any] = []

    async def listen() -> None:
        async for piece in stream(model, "", "Which river?", timeout=60):
            heard.append(piece)

    task = asyncio.create_task(listen())
    await until(lambda: len(heard) == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(openai_server.client_left.is_set)


async def test_a_listener_who_stops_closes_the_connection(model: Any, openai_server: Any) -> None:
    openai_server.mode = "stalls"
    async with aclosing(stream(model, "", "Which river?", timeout=60)) as pieces:  # type: ignore[type-var]
        assert await anext(pieces) == "The"
    await until(openai_server.client_left.is_set)


def test_one_model_serves_several_event_loops(model: Any) -> None:
    replies = [asyncio.run(ask(model, "", "Which river?", timeout=20)) for _ in range(3)]
    assert [(reply.text, reply.error) for reply in replies] == [(ANSWER, None)] * 3


async def test_callbacks_see_the_call(model: Any) -> None:
    class Listener(AsyncCallbackHandler):
        seen: list[str] = []

        async def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            self.seen.append(f"start {kwargs['tags']}")

        async def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
            self.seen.append("end")

    config: Any = {"callbacks": [Listener()], "tags": ["ours"]}
    await ask(model, "", "Which river?", timeout=20, config=config)
    await collect(stream(model, "", "Which river?", timeout=20, config=config))
    assert Listener.seen == ["start ['ours']", "end"] * 2


FAULTS = [KeyError("choices"), PasselError("the file is gone", "Bring it back."), ConnectionResetError(), RuntimeError("a\nb")]


@pytest.mark.parametrize("fault", FAULTS)
async def test_whatever_a_model_raises_is_a_reply(fake_chat: Any, fault: Exception) -> None:
    reply = await ask(fake_chat.of(fault), "", "Which river?", timeout=5)
    pieces, streamed = await collect(stream(fake_chat.of(fault), "", "Which river?", timeout=5))
    assert pieces == []
    for error in (reply.error, streamed.error):
        assert error
        assert "\n" not in error
    if isinstance(fault, PasselError):
        assert reply.error == "fake: the file is gone. Bring it back."


async def test_thoughts_are_left_out_of_answer_and_stream(fake_chat: Any) -> None:
    model = fake_chat.of("<think> It must be the Osk. No. </think> The Lathe.")
    reply = await ask(model, "", "Which river?", timeout=5)
    pieces, streamed = await collect(stream(model, "", "Which river?", timeout=5))
    assert reply.text == streamed.text == "".join(pieces) == "The Lathe."
    lost = await ask(fake_chat.of("<think> It must be"), "", "Which river?", timeout=5)
    assert lost.text == ""
    assert lost.error is not None


async def test_an_answer_may_be_long_in_the_making_and_is_cut_off_by_time(fake_chat: Any) -> None:
    reply = await ask(fake_chat.of("late", delay=1000), "", "Which river?", timeout=0.1)
    assert reply.error == "fake did not answer within 0.1 s. Give the run more time, or take a faster model."


async def test_a_server_that_is_asked_for_them_gives_log_probabilities(openai_server: Any) -> None:
    model = load_chat_model("openai:test", base_url=openai_server.url, max_retries=0, logprobs=True)
    reply = await ask(model, "", "Which river?", timeout=20)
    pieces, streamed = await collect(stream(model, "", "Which river?", timeout=20))
    assert len(pieces) == 6
    letters = len(ANSWER.replace(" ", ""))
    assert reply.logprob == streamed.logprob == pytest.approx(-letters / 10 / 6)


async def test_no_server_is_asked_for_them_by_itself(model: Any, openai_server: Any) -> None:
    assert (await ask(model, "", "Which river?", timeout=20)).logprob is None
    assert (await collect(stream(model, "", "Which river?", timeout=20)))[1].logprob is None
    assert not any("logprobs" in request for request in openai_server.requests)


@pytest.mark.parametrize(
    ("logprob", "mean"),
    [(-0.5, -0.5), (0, 0.0), (-9999.0, -20.0), (-(10**400), -20.0), (0.5, None), (float("nan"), None), ("-0.5", None), (True, None)],
)
async def test_log_probabilities_that_are_none_are_not_given(fake_chat: Any, logprob: Any, mean: float | None) -> None:
    model = fake_chat.of("The Lathe flows.", logprob=logprob)
    reply = await ask(model, "", "Which river?", timeout=5)
    streamed = (await collect(stream(model, "", "Which river?", timeout=5)))[1]
    assert reply.text == streamed.text == "The Lathe flows."
    assert reply.logprob == streamed.logprob == mean
    assert reply.error is streamed.error is None
