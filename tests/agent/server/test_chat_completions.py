"""/v1/chat/completions and /v1/models, asked by OpenAI's own client and over plain HTTP."""

from __future__ import annotations

import json
from typing import Any

import httpx
import openai
import pytest

BUILT = "Who built the Tarn Light?"


@pytest.fixture
def client(served: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key="not needed", max_retries=0)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def test_chat(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="passel", messages=[user(BUILT)])
    choice = completion.choices[0]
    assert choice.finish_reason == "stop"
    text, _, sources = choice.message.content.partition("\n\nSources:\n")
    assert "Mirel Ostane" in text
    assert sources.startswith("- [1] Tarn Light (light): “The Tarn Light is a lighthouse")
    assert completion.usage is not None
    assert completion.usage.total_tokens == 0, "there is no chat model behind it"
    own = completion.model_extra["passel"]
    assert own["outcome"] == "answered"
    assert own["selected"]
    assert own["answer"] == text


def test_annotations_point_at_the_marks_and_into_the_document(client: openai.OpenAI, served: Any) -> None:
    message = client.chat.completions.create(model="passel", messages=[user(BUILT)]).choices[0].message
    assert message.annotations
    cited = message.annotations[0].url_citation
    assert message.content[cited.start_index : cited.end_index] == "[1]"
    assert cited.title == "Tarn Light"
    address, _, place = cited.url.partition("#char=")
    start, end = map(int, place.split(","))
    assert httpx.get(address).text[start:end].startswith("The Tarn Light is a lighthouse")


def test_streaming_says_the_same(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="passel", messages=[user(BUILT)])
    chunks = list(client.chat.completions.create(model="passel", messages=[user(BUILT)], stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-2:] == [None, "stop"]
    assert chunks[-1].usage is not None
    assert chunks[-2].model_extra["passel"]["outcome"] == "answered"
    annotated = [mark for chunk in chunks if chunk.choices for mark in (chunk.choices[0].delta.model_extra or {}).get("annotations", ())]
    assert annotated == [mark.model_dump() for mark in whole.choices[0].message.annotations or ()]
    assert len({chunk.id for chunk in chunks}) == 1


async def test_the_async_client(served: Any) -> None:
    async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key="x") as client:
        stream = await client.chat.completions.create(model="passel", messages=[user(BUILT)], stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert "Mirel Ostane" in text


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()][:1] == ["passel"]
    assert "passel/tarn" in [model.id for model in client.models.list()]
    assert client.models.retrieve("passel/tarn").id == "passel/tarn"
    assert "Mirel" in client.chat.completions.create(model="passel/tarn", messages=[user(BUILT)]).choices[0].message.content
    for model in ("gpt-4", "passel/other", "tarn", "passel/", "passel/../tarn"):
        with pytest.raises(openai.NotFoundError) as caught:
            client.chat.completions.create(model=model, messages=[user(BUILT)])
        assert caught.value.code == "model_not_found"


def test_an_abstention_is_an_answer(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="passel", messages=[user("What does a ticket for the Zimbabwe circus cost?")])
    assert completion.model_extra["passel"]["outcome"] == "abstained"
    assert completion.choices[0].message.content
    assert not completion.choices[0].message.annotations


def test_the_callers_history_is_the_conversation(client: openai.OpenAI) -> None:
    first = client.chat.completions.create(model="passel", messages=[user(BUILT)]).choices[0].message
    messages = [user(BUILT), {"role": "assistant", "content": first.content}, user("When was she born?")]
    second = client.chat.completions.create(model="passel", messages=messages)
    assert "1811" in second.choices[0].message.content
    assert "Sources" not in second.model_extra["passel"]["queries"][0]["query"]


def test_a_thread_remembers_and_the_callers_history_replaces_it(client: openai.OpenAI) -> None:
    def ask(messages: list[dict[str, Any]]) -> Any:
        return client.chat.completions.create(model="passel", messages=messages, extra_body={"thread": "replaced"})

    ask([user(BUILT)])
    assert "1811" in ask([user("When was she born?")]).choices[0].message.content
    other = [user("How many people live in Brackwater?"), {"role": "assistant", "content": "Brackwater has 4,100 people."}]
    answer = ask([*other, user("Who finished its bridge?")])
    assert "Ostane" not in answer.model_extra["passel"]["queries"][0]["query"], "nothing of the thread was put on top"


def test_filters_and_budget(client: openai.OpenAI) -> None:
    def ask(**extra: Any) -> Any:
        return client.chat.completions.create(model="passel", messages=[user(BUILT)], extra_body=extra).model_extra["passel"]

    bound = ask(filters={"source": "brackwater"})
    assert bound["outcome"] == "abstained"
    assert {candidate["title"] for candidate in bound["candidates"]} <= {"Brackwater"}
    small = ask(budget={"evidence_tokens": 30, "looks": 0})
    assert small["usage"]["evidence_tokens"] <= 30


def test_without_sources(client: openai.OpenAI) -> None:
    completion = client.chat.completions.create(model="passel", messages=[user(BUILT)], extra_body={"sources": False})
    assert "Sources" not in completion.choices[0].message.content
    assert completion.choices[0].message.annotations


def test_what_other_clients_send_changes_nothing(client: openai.OpenAI) -> None:
    """Instructions, sampling, content in parts, an offer of tools: as Open WebUI and LibreChat send them."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    completion = client.chat.completions.create(
        model="passel",
        messages=[{"role": "system", "content": "Talk like a pirate."}, {"role": "user", "content": [{"type": "text", "text": BUILT}]}],
        temperature=0.7,
        max_tokens=100,
        top_p=0.9,
        tools=[tool],
        tool_choice="auto",
        user="someone",
        extra_body={"chat_id": "1", "features": {}},
    )
    assert "Mirel Ostane" in completion.choices[0].message.content


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": "  "}]}, "messages"),
        ({"messages": [{"role": "user", "content": "a" * 9_000}]}, "messages"),
        ({"messages": [{"role": "assistant", "content": "no"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]}, "messages"),
        ({"messages": [{"role": "king", "content": "no"}]}, "messages.0.role"),
        ({"model": None}, "model"),
        ({"n": 2}, "n"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"filters": {}}, None),
        ({"filters": {"a": {"$like": "b"}}}, None),
        ({"filters": {"$and": [{"a": 1}] * 300}}, "filters"),
        ({"budget": {"calls": 0}}, "budget.calls"),
        ({"budget": {"money": 1}}, "budget.money"),
        ({"thread": "a\nb"}, "thread"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_bad_body_is_a_400_in_openais_form(served: Any, change: dict[str, Any], param: str | None, stream: bool) -> None:
    body = {"model": "passel", "messages": [user(BUILT)], "stream": stream, **change}
    with served.client() as http:
        answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert error["param"] == param


def test_what_is_no_json_is_a_400(served: Any) -> None:
    half_a_pair = b'{"model": "passel", "messages": [{"role": "user", "content": "\\ud800"}]}'
    with served.client() as http:
        for body in (b"", b"{", b"[]", b'"a"', b"\xff\xfe", b"[" * 100_000, half_a_pair):
            answer = http.post("/v1/chat/completions", content=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 400, body[:20]
            assert answer.json()["error"]["message"]


def test_where_a_body_stops_being_json_is_told(served: Any) -> None:
    with served.client() as http:
        for path in ("chat/completions", "answer"):
            answer = http.post(f"/v1/{path}", content=b'{"model": }', headers={"Content-Type": "application/json"})
            assert answer.status_code == 400
            error = answer.json()["error"]
            assert (error["message"], error["param"]) == ("The body is not JSON (at character 10).", None)


def test_a_faults_text_is_for_the_log(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise OSError(2, "unable to open", "/home/secret/corpus.sqlite3")

    monkeypatch.setattr("passel.graphs.judge._decide", broken)
    with served.client() as http:
        for path, body in (("chat/completions", {"model": "passel", "messages": [user(BUILT)]}), ("answer", {"question": BUILT})):
            for stream in (False, True):
                told = http.post(f"/v1/{path}", json={**body, "stream": stream}).text
                assert "a fault inside: FileNotFoundError (see the log; trace id " in told, path
                assert "secret" not in told, path


def test_a_failed_run_is_an_error(start: Any, openai_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault within the run is an error to the client in both ways, and what is secret stays where it is."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-server")
    openai_server.mode = "401"
    served = start(model="openai:some", base_url=openai_server.url)
    with served.client() as http:
        body = {"model": "passel", "messages": [user(BUILT)]}
        whole = http.post("/v1/chat/completions", json=body)
        streamed = http.post("/v1/chat/completions", json={**body, "stream": True})
    assert whole.status_code == 502
    assert whole.json()["error"]["code"] == "run_failed"
    events = [line.removeprefix("data: ") for line in streamed.text.splitlines() if line.startswith("data: ")]
    assert json.loads(events[-1])["error"]["code"] == "run_failed"
    assert "sk-secret" not in whole.text + streamed.text
    with pytest.raises(openai.APIError), openai.OpenAI(base_url=f"{served.url}/v1", api_key="x", max_retries=0) as client:
        list(client.chat.completions.create(model="passel", messages=[user(BUILT)], stream=True))


TITLE = '### Task:\nGenerate a title.\nJSON format: { "title": "your concise title here" }\n<chat_history>\nUSER: Who built it?\n</chat_history>'


def test_what_open_webui_asks_beside_the_questions_runs_nothing(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="passel", messages=[user(TITLE)])
    assert whole.choices[0].message.content == '{"title": "Who built it?"}'
    assert (whole.model_extra or {})["passel"]["usage"]["searches"] == 0
    chunks = client.chat.completions.create(model="passel", messages=[user(TITLE)], stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == '{"title": "Who built it?"}'


def test_files_that_open_webui_attaches_do_not_stand_in_the_question(client: openai.OpenAI) -> None:
    files = '<attached_files>\n<file type="file" name="note.txt"/>\n</attached_files>\n\n'
    answer = client.chat.completions.create(model="passel", messages=[user(f"{files}Who built the Tarn Light?")])
    assert (answer.model_extra or {})["passel"]["question"] == "Who built the Tarn Light?"
