"""/v1/answer, /threads and /feedback: what the chat page works with."""

from __future__ import annotations

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from passel.agent.feedback import FEEDBACK, FeedbackFile
from passel.graphs.answer import Answer

BUILT = "Who built the Tarn Light?"


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """(name, data) of each server-sent event."""
    blocks = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if block]
    return [(block["event"], json.loads(block["data"])) for block in blocks if "event" in block]


def test_the_answer_is_the_published_form(served: Any) -> None:
    with served.client() as http:
        answer = http.post("/v1/answer", json={"question": BUILT, "id": "mine"}).json()
    read = Answer.model_validate(answer)
    assert (read.id, read.outcome) == ("mine", "answered")
    assert read == served.serving.agent().ask(BUILT, id="mine").model_copy(
        update={"trace_id": read.trace_id, "latency_ms": read.latency_ms, "usage": read.usage}
    )


def test_events_as_they_happen(served: Any) -> None:
    with served.client() as http, http.stream("POST", "/v1/answer", json={"question": BUILT, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events("".join(answer.iter_text()))
    names = [name for name, _ in told]
    assert names[0] == "planned"
    assert names[-1] == "answered"
    assert {"searched", "selected", "judged", "sentence"} <= set(names)
    assert all(data["type"] == name for name, data in told)
    chosen = next(data for name, data in told if name == "selected")
    assert chosen["selected"][0]["relevance"] > 0.5
    last = told[-1][1]["answer"]
    assert {passage["passage_id"] for passage in last["candidates"]} > {passage["passage_id"] for passage in last["selected"]}
    assert " ".join(data["text"] for name, data in told if name == "sentence") == last["answer"]


def test_a_citation_opens_its_passage_and_its_document(served: Any) -> None:
    with served.client() as http:
        cited = http.post("/v1/answer", json={"question": BUILT}).json()["citations"][0]
        start, end = cited["span"]
        text = http.get("/corpora/tarn/document", params={"source": cited["source"]})
        assert text.headers["content-type"] == "text/plain; charset=utf-8"
        assert text.headers["x-content-type-options"] == "nosniff"
        assert text.text[start:end] == cited["quote"]
        passage = http.get(f"/corpora/tarn/passages/{cited['passage_id']}").json()
        assert passage["text"][start - passage["span"][0] : end - passage["span"][0]] == cited["quote"]
        assert http.get("/corpora/tarn/passages/none").status_code == 404
        assert http.get("/corpora/tarn/document", params={"source": "../../etc/passwd"}).status_code == 404


def test_evidence_without_an_answer(served: Any) -> None:
    with served.client() as http:
        answer = http.post("/v1/answer", json={"question": BUILT, "evidence_only": True}).json()
        assert (answer["outcome"], answer["answer"]) == ("partial", "")
        assert answer["selected"][0]["title"] == "Tarn Light"
        assert http.post("/v1/answer", json={"question": BUILT, "evidence_only": True, "thread": "t", "stream": True}).status_code == 400


def test_threads(served: Any) -> None:
    with served.client() as http:
        assert http.get("/threads/ann").status_code == 404
        http.post("/v1/answer", json={"question": BUILT, "thread": "ann"})
        second = http.post("/v1/answer", json={"question": "When was she born?", "thread": "ann"}).json()
        assert "1811" in second["answer"]
        thread = http.get("/threads/ann").json()
        assert thread["turns"][0]["question"] == BUILT
        assert len(thread["turns"]) == 2
        own = http.post("/v1/answer", json={"question": "When was she born?", "thread": "ann", "history": []}).json()
        assert own["queries"][0]["query"] == "When was she born?", "the caller's own history, an empty one too, is all there is"
        assert http.delete("/threads/ann").json() == {"id": "ann", "deleted": True}
        assert http.delete("/threads/ann").json() == {"id": "ann", "deleted": False}
        assert http.get("/threads/ann").status_code == 404


@pytest.mark.parametrize("name", ["team/ann", "a b/ü?#%", "/"])
def test_whatever_a_thread_is_called(served: Any, name: str) -> None:
    path = f"/threads/{quote(name, safe='')}"
    with served.client() as http:
        http.post("/v1/answer", json={"question": BUILT, "thread": name})
        assert http.get(path).json()["id"] == name
        assert http.delete(path).json() == {"id": name, "deleted": True}
        assert http.get(path).status_code == 404


def test_deleting_a_thread_waits_for_its_run_and_no_longer_than_its_client(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who wait take no worker from others."""
    entered, go = threading.Event(), threading.Event()
    agent = served.serving.agent()
    select = agent.selector.select

    def slow(*args: Any, **kwargs: Any) -> Any:
        entered.set()
        go.wait(60)
        return select(*args, **kwargs)

    monkeypatch.setattr(agent, "selector", SimpleNamespace(select=slow))

    async def delete_and_leave() -> list[object]:
        async with httpx.AsyncClient(base_url=served.url, timeout=3) as http:
            return await asyncio.gather(*(http.delete("/threads/busy") for _ in range(40)), return_exceptions=True)

    with served.client() as http:
        thread = threading.Thread(target=http.post, args=("/v1/answer",), kwargs={"json": {"question": BUILT, "thread": "busy"}})
        thread.start()
        try:
            assert entered.wait(60)
            assert {type(left) for left in asyncio.run(delete_and_leave())} == {httpx.ReadTimeout}
            assert http.get("/corpora", timeout=10).status_code == 200
        finally:
            go.set()
            thread.join(60)
        assert len(http.get("/threads/busy").json()["turns"]) == 1, "nobody waits to delete it any more"
        assert http.delete("/threads/busy").json()["deleted"] is True


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_counts_though_it_cannot_be_kept(served: Any, stream: bool) -> None:
    file = served.home / FEEDBACK
    before = file.read_bytes() if file.exists() else None
    file.write_text("this is no database, and it is longer than the head of one would be: " * 4)
    try:
        with served.client() as http:
            answer = http.post("/v1/answer", json={"question": BUILT, "stream": stream})
    finally:
        file.unlink() if before is None else file.write_bytes(before)
    assert answer.status_code == 200
    assert "event: error" not in answer.text
    assert "Mirel Ostane" in answer.text


def test_answers_of_many_threads_do_not_mix(served: Any) -> None:
    """Each thread speaks of one thing; its follow-up is answered about that."""
    about = {"Who built the Tarn Light?": "1840", "What is Brackwater?": "Brackwater"}
    wrong: list[str] = []

    def talk(n: int) -> None:
        question, word = list(about.items())[n % 2]
        with httpx.Client(base_url=served.url, timeout=120) as http:
            for _ in range(2):
                answer = http.post("/v1/answer", json={"question": question, "thread": f"many-{n}"})
                if answer.status_code == 429:
                    continue
                if answer.json()["question"] != question or word not in json.dumps(answer.json()["citations"]):
                    wrong.append(answer.text)
            turns = http.get(f"/threads/many-{n}").json().get("turns", [])
            wrong.extend(turn["question"] for turn in turns if turn["question"] != question)

    threads = [threading.Thread(target=talk, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert wrong == []


@pytest.mark.parametrize(
    "change",
    [
        {"question": ""},
        {"question": None},
        {"question": "x" * 8_001},
        {"history": [["a"]]},
        {"money": 1},
        {"thread": ""},
        {"filters": []},
        {"stream": "perhaps"},
    ],
)
def test_a_bad_body_is_a_400(served: Any, change: dict[str, Any]) -> None:
    with served.client() as http:
        answer = http.post("/v1/answer", json={"question": BUILT, **change})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_body_that_is_not_said_to_be_json(served: Any) -> None:
    with served.client() as http:
        refused = http.post("/v1/answer", content=json.dumps({"question": BUILT}), headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert refused.status_code == 400
    assert "Content-Type: application/json" in refused.json()["error"]["message"]


def test_a_corpus_that_is_not_there(served: Any) -> None:
    with served.client() as http:
        for name in ("other", "../tarn", "/etc", "", "."):
            answer = http.post("/v1/answer", json={"question": BUILT, "corpus": name})
            assert answer.status_code == (200 if name == "" else 404), name
        assert http.get("/threads/ann", params={"corpus": "other"}).status_code == 404


def test_feedback_is_kept(served: Any) -> None:
    with served.client() as http:
        trace_id = http.post("/v1/answer", json={"question": BUILT}).json()["trace_id"]
        assert http.post("/feedback", json={"trace_id": trace_id, "rating": "up", "comment": "é\nlines"}).status_code == 201
        assert http.post("/feedback", json={"trace_id": trace_id, "rating": "sideways"}).status_code == 400
        assert http.post("/feedback", json={"trace_id": "unknown", "rating": "up"}).status_code == 404
        chat = http.post("/v1/chat/completions", json={"model": "passel", "messages": [{"role": "user", "content": BUILT}]}).json()
        assert http.post("/feedback", json={"trace_id": chat["passel"]["trace_id"], "rating": "down"}).status_code == 201
    judged = FeedbackFile(served.home / FEEDBACK).all()
    assert [(one.answer.trace_id, one.good, one.note) for one in judged[-2:]] == [
        (trace_id, True, "é\nlines"),
        (chat["passel"]["trace_id"], False, ""),
    ]
