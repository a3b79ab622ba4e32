"""/corpora: made, filled, looked into and deleted over HTTP. What is uploaded is confined to what it says it is."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import sqlite3
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.agent.corpora import delete_corpus
from passel.agent.server.limits import Limits
from passel.agent.server.uploads import FILES, name_fault, read
from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.lock import write_lock

FERRY = b"# Wren Ferry\n\nThe Wren Ferry crosses the Lathe twice a day. Its captain is Odile Marsh.\n"


def upload(http: Any, corpus: str, *files: tuple[str, bytes], **params: Any) -> Any:
    return http.post(f"/corpora/{corpus}/documents", files=[("files", file) for file in files], params=params)


@pytest.fixture
def corpus(served: Any, request: pytest.FixtureRequest) -> Any:
    """The name of an empty corpus of the test's own."""
    name = f"c{abs(hash(request.node.nodeid)) % 10**8}"
    with served.client() as http:
        assert http.post("/corpora", json={"name": name}).status_code == 201
        yield name
        assert http.delete(f"/corpora/{name}").status_code in (200, 404)


def test_from_nothing_to_an_answer_and_back(served: Any) -> None:
    with served.client() as http:
        assert http.post("/corpora", json={"name": "ferries"}).json() | {"bytes": 0, "encoder": ""} == {
            "name": "ferries", "default": False, "documents": 0, "passages": 0, "seq": 0, "encoder": "", "bytes": 0, "error": None,
        }  # fmt: skip
        assert http.post("/corpora", json={"name": "ferries"}).status_code == 409
        assert (
            http.post("/v1/answer", json={"question": "Who is the captain of the Wren Ferry?", "corpus": "ferries"}).json()["outcome"] == "abstained"
        )
        report = upload(http, "ferries", ("boats/wren.md", FERRY), ("more.jsonl", b'{"id": "x/1", "text": "Odile Marsh was born in 1950."}\n'))
        assert report.json() | {"seconds": 0} == {
            "type": "indexed",
            "added": 2,
            "unchanged": 0,
            "updated": 0,
            "refused": [],
            "passages": 2,
            "seconds": 0,
        }
        answer = http.post(
            "/v1/chat/completions",
            json={"model": "passel/ferries", "messages": [{"role": "user", "content": "Who is the captain of the Wren Ferry?"}]},
        )
        assert "Odile Marsh" in answer.json()["choices"][0]["message"]["content"]
        assert http.get("/corpora/ferries/documents").json() == {"object": "list", "data": ["boats/wren.md", "x/1"], "total": 2}
        assert http.get("/corpora/ferries/documents", params={"limit": 1, "after": "boats/wren.md"}).json()["data"] == ["x/1"]
        assert upload(http, "ferries", ("boats/wren.md", FERRY)).json()["unchanged"] == 1
        assert upload(http, "ferries", ("boats/wren.md", FERRY + b"It is green.\n")).json()["updated"] == 1
        assert http.delete("/corpora/ferries/document", params={"source": "x/1"}).json() == {"source": "x/1", "passages": 1}
        assert http.delete("/corpora/ferries/document", params={"source": "x/1"}).status_code == 404
        assert {one["name"] for one in http.get("/corpora").json()["data"]} >= {"tarn", "ferries"}
        assert http.delete("/corpora/ferries").json() == {"name": "ferries", "deleted": True}
        assert http.get("/corpora/ferries").status_code == 404
        assert not (served.home / "corpora" / "ferries").exists()


def test_progress_is_told(served: Any, corpus: str) -> None:
    files = [(f"{n}.md", b"Number %d is a number." % n) for n in range(5)]
    with served.client() as http:
        told = [json.loads(line[6:]) for line in upload(http, corpus, *files, stream=True).text.splitlines() if line.startswith("data: ")]
    assert [event["type"] for event in told[:-1]] == ["progress"] * (len(told) - 1)
    assert [event["phase"] for event in told[:2]] == ["converting", "converting"]
    assert {"reading", "publishing"} <= {event["phase"] for event in told[2:-1]}
    assert (told[-1]["type"], told[-1]["added"]) == ("indexed", 5)


@pytest.mark.parametrize("name", ["../evil", "a/b", "", "a" * 65, ".hidden", "-x", "a b", "a\x00", "C:", "tarn/..", "%2e%2e"])
def test_a_corpus_has_a_plain_name(served: Any, name: str) -> None:
    with served.client() as http:
        assert http.post("/corpora", json={"name": name}).status_code == 400
        assert http.get(f"/corpora/{quote(name)}/documents").status_code in (400, 404)


@pytest.mark.parametrize(
    "name",
    [
        "../evil.md",
        "/etc/evil.md",
        "a/../../evil.md",
        "..\\evil.md",
        "C:evil.md",
        ".hidden.md",
        "a/.git/x.md",
        "a//b.md",
        "node_modules/a.md",
        "x" * 300,
    ],
)
def test_no_file_escapes(served: Any, corpus: str, name: str) -> None:
    with served.client() as http:
        report = upload(http, corpus, (name, FERRY), ("good.md", FERRY)).json()
        assert (report["added"], len(report["refused"])) == (1, 1)
        assert http.get(f"/corpora/{corpus}/documents").json()["data"] == ["good.md"]
    assert not list(served.home.rglob("*evil*"))


@given(st.text(max_size=40) | st.from_regex(r"[./\\a-z]{1,12}", fullmatch=True))
def test_a_name_without_fault_stays_below_its_folder(name: str) -> None:
    if not name_fault(name):
        root = Path("/root/of/it")
        assert (root / name).resolve().is_relative_to(root)
        assert (root / name).resolve() == root / name


def archive(*members: tuple[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members:
            made.writestr(name, data)
    return content.getvalue()


def test_bad_files_are_refused_by_name_and_stop_nothing(served: Any, corpus: str) -> None:
    bomb = archive(("word/document.xml", b"\x00" * 60_000_000))
    files = [
        ("bomb.docx", bomb),
        ("broken.docx", b"PK\x03\x04 and nothing more"),
        ("two.zip", archive(("a.md", FERRY))),
        ("picture.png", b"\x89PNG"),
        ("empty.md", b""),
        ("binary.md", b"a\x00b"),
        ("twice.md", FERRY),
        ("twice.md", FERRY),
        ("lines.jsonl", b'{"text": "A line that is good."}\n{"title": "none"}\n[1]\n'),
        ("folder", b"Some text."),
        ("folder/file.md", FERRY),
        ("link.html", b'<html><body><p>A page.</p><img src="http://127.0.0.1:1/x"><script>alert(1)</script></body></html>'),
    ]
    with served.client() as http:
        report = upload(http, corpus, *files).json()
        reasons = {refusal["path"]: refusal["reason"] for refusal in report["refused"]}
        sources = http.get(f"/corpora/{corpus}/documents").json()["data"]
    assert set(reasons) == {
        "bomb.docx",
        "broken.docx",
        "two.zip",
        "picture.png",
        "empty.md",
        "binary.md",
        "twice.md",
        "lines.jsonl:2",
        "lines.jsonl:3",
        "folder/file.md",
    }
    assert "60 MB" in reasons["bomb.docx"]
    assert "archive" in reasons["two.zip"]
    assert set(sources) == {"twice.md", "lines.jsonl:1", "folder", "link.html"}
    assert str(served.home) not in json.dumps(report)


DEEP = b"<div>" * 150_000


def test_a_file_that_takes_too_much_to_read(start: Any) -> None:
    """The process that reads it is stopped; the files behind it are read, and the server goes on."""
    served = start(limits=Limits(reading_seconds=1, document_bytes=1_000_000))
    with served.client() as http:
        assert http.post("/corpora", json={"name": "slow"}).status_code == 201
        files = [("good.md", FERRY), ("deep.html", DEEP), ("large.md", b"a" * 1_000_001), ("last.md", FERRY)]
        report = upload(http, "slow", *files).json()
        assert report["added"] == 2
        assert {refusal["path"] for refusal in report["refused"]} == {"deep.html", "large.md"}
        assert http.get("/healthz").status_code == 200
        http.delete("/corpora/slow")


def read_all(work: Path, files: dict[str, bytes], **limits: Any) -> tuple[list[Document], dict[str, str]]:
    """What the reading processes make of these files: documents, and why others were refused."""
    for name, content in files.items():
        (work / FILES / name).parent.mkdir(parents=True, exist_ok=True)
        (work / FILES / name).write_bytes(content)
    documents, refused = asyncio.run(read(work, list(files), Limits(**limits)))
    assert len(documents) == len(list(documents))
    return list(documents), {refusal.path: refusal.reason for refusal in refused}


def test_as_many_long_names_as_are_allowed(tmp_path: Path) -> None:
    documents, refused = read_all(tmp_path, {f"{n:0>200}": b"" for n in range(999)} | {"last.md": FERRY})
    assert [document.source for document in documents] == ["last.md"]
    assert set(refused.values()) == {"empty"}


def test_a_text_that_is_too_long_is_never_handed_over(tmp_path: Path) -> None:
    records = b'{"id": "one", "text": "%s"}\n{"id": "two", "text": "Short."}\n' % (b"long " * 100)
    documents, refused = read_all(tmp_path, {"a.md": b"long " * 100, "b.jsonl": records}, document_characters=100)
    assert [document.source for document in documents] == ["two"]
    assert list(refused) == ["a.md", "one"]
    assert "100 characters" in refused["one"]
    assert not any("long" in file.read_text() for file in tmp_path.glob("read*"))


def test_an_upload_has_only_so_much_room(tmp_path: Path) -> None:
    files = {f"{n}.md": b"word " * 1_000 for n in range(9)}
    documents, refused = read_all(tmp_path, files, read_bytes=20_000)
    assert [document.source for document in documents] == ["0.md", "1.md", "2.md"]
    assert len(refused) == 6
    assert sum(file.stat().st_size for file in tmp_path.glob("read*")) <= 20_000


@pytest.mark.parametrize("charset", ["unicode_escape", "raw_unicode_escape", "no-such-thing"])
def test_a_name_that_is_no_text(served: Any, corpus: str, charset: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a\\ud800.md"\r\n\r\nText.\r\n--b--\r\n'
    with served.client() as http:
        answer = http.post(
            f"/corpora/{corpus}/documents", content=body, headers={"Content-Type": f"multipart/form-data; boundary=b; charset={charset}"}
        )
    assert answer.status_code == 200
    assert answer.json()["refused"][0]["path"].startswith("a")


def test_while_another_process_writes(served: Any, corpus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passel.agent.server.corpora._WAIT", 0.1)
    with served.client() as http, write_lock(served.home / "corpora" / corpus):
        busy = upload(http, corpus, ("a.md", FERRY))
        assert (busy.status_code, busy.json()["error"]["code"]) == (409, "corpus_busy")
        assert http.post("/v1/answer", json={"question": "Who is the captain?", "corpus": corpus}).status_code == 200
        agent = served.serving.agent(corpus)
        assert http.delete(f"/corpora/{corpus}").status_code == 409
        assert served.serving.agent(corpus) is agent, "nothing was closed"
        assert http.post("/v1/answer", json={"question": "Who is the captain?", "corpus": corpus}).status_code == 200


def test_another_process_makes_a_corpus_anew(served: Any, corpus: str) -> None:
    folder, question = served.home / "corpora" / corpus, {"question": "Who is the captain of the Wren Ferry?", "corpus": corpus}
    with served.client() as http:
        assert http.post("/v1/answer", json=question).json()["outcome"] == "abstained"
        delete_corpus(folder)
        assert http.post("/v1/answer", json=question).status_code == 404
        assert http.get(f"/corpora/{corpus}").status_code == 404
        with Corpus.open(folder, create=True) as anew:
            anew.add([Document.from_text(FERRY.decode(), source="wren")])
        assert http.get(f"/corpora/{corpus}").json()["documents"] == 1
        assert "Odile Marsh" in http.post("/v1/answer", json=question).json()["answer"]


def test_files_of_others_stay(served: Any, corpus: str) -> None:
    folder = served.home / "corpora" / corpus
    for name in ("notes.md", "corpus.sqlite3.bak"):
        (folder / name).write_text("mine")
    with served.client() as http:
        assert http.delete(f"/corpora/{corpus}").status_code == 200
    assert sorted(file.name for file in folder.iterdir()) == ["corpus.sqlite3.bak", "notes.md"]


def test_a_folder_that_is_a_link(served: Any, corpus: str, tmp_path: Path) -> None:
    folder = served.home / "corpora" / corpus
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with served.client() as http:
        assert http.delete(f"/corpora/{corpus}").status_code == 200
    assert not folder.is_symlink()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_what_cannot_be(served: Any, corpus: str) -> None:
    with served.client() as http:
        assert http.delete("/corpora/tarn").status_code == 409, "it is the one that is served"
        assert http.get("/corpora/tarn").json()["default"] is True
        assert upload(http, "nowhere", ("a.md", FERRY)).status_code == 404
        assert http.post(f"/corpora/{corpus}/documents").status_code == 400
        assert http.post(f"/corpora/{corpus}/documents", json={"url": "http://example.com/"}).status_code == 400, "nothing is fetched"


def test_a_broken_corpus_does_not_hide_the_others(served: Any) -> None:
    broken = served.home / "corpora" / "broken"
    broken.mkdir()
    (broken / "corpus.sqlite3").write_text("this is no database")
    try:
        with served.client() as http:
            listed = {one["name"]: one for one in http.get("/corpora").json()["data"]}
            assert listed["tarn"]["documents"] == 3
            assert listed["broken"]["error"]
            assert str(served.home) not in listed["broken"]["error"]
    finally:
        (broken / "corpus.sqlite3").unlink()
        broken.rmdir()


def test_deleting_a_corpus_ends_what_runs_on_it(served: Any, corpus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with served.client() as http:
        upload(http, corpus, ("a.md", FERRY))
        agent = served.serving.agent(corpus)
        entered, go = threading.Event(), threading.Event()
        select = agent.selector.select

        def slow(*args: Any, **kwargs: Any) -> Any:
            entered.set()
            go.wait(30)
            return select(*args, **kwargs)

        monkeypatch.setattr(agent, "selector", SimpleNamespace(select=slow))
        answers: list[Any] = []
        body = {"question": "Who is the captain of the Wren Ferry?", "corpus": corpus}
        thread = threading.Thread(target=lambda: answers.append(httpx.post(f"{served.url}/v1/answer", json=body, timeout=60)))
        thread.start()
        assert entered.wait(30)
        assert http.delete(f"/corpora/{corpus}").status_code == 200
        go.set()
        thread.join(60)
    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [(409, "corpus_closed")]


def test_what_was_said_about_a_corpus_goes_with_it(served: Any) -> None:
    """Also from the files, and a new corpus of the same name knows nothing of it. What a person judged stays: it was given to be learned from."""
    question = "Who is the captain of the Wren Ferry?"
    with served.client() as http:

        def asked(corpus: str) -> str:
            return str(http.post("/v1/answer", json={"question": question, "thread": "ann", "corpus": corpus}).json()["trace_id"])

        http.post("/corpora", json={"name": "gone"})
        upload(http, "gone", ("a.md", FERRY))
        judged, unjudged, of_another = asked("gone"), asked("gone"), asked("tarn")
        http.post("/feedback", json={"trace_id": judged, "rating": "up"}).raise_for_status()
        assert rows(served.home / "threads.sqlite3", "SELECT count(DISTINCT thread_id) FROM checkpoints") == [(2,)]
        assert http.delete("/corpora/gone").status_code == 200
        for table in ("checkpoints", "writes"):
            kept = rows(served.home / "threads.sqlite3", f"SELECT DISTINCT thread_id FROM {table}")
            assert len(kept) <= 1, table
        assert http.get("/threads/ann").status_code == 200, "another corpus's stays"
        kept = rows(served.home / "feedback.sqlite3", "SELECT trace_id FROM answers")
        assert (judged,) in kept
        assert (of_another,) in kept
        assert (unjudged,) not in kept
        http.post("/corpora", json={"name": "gone"})
        assert http.get("/threads/ann", params={"corpus": "gone"}).status_code == 404
        http.delete("/corpora/gone")
        http.delete("/threads/ann")


def rows(file: Path, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(file)) as database:
        return database.execute(query).fetchall()


def test_there_are_only_so_many(start: Any) -> None:
    served = start(limits=Limits(corpora=1))
    with served.client() as http:
        assert http.post("/corpora", json={"name": "one-more"}).json()["error"]["code"] == "too_many_corpora"
