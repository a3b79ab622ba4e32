"""The MCP server, asked by the mcp package's own client: in this process for what the tools say, over stdio and over HTTP for the transports."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

from passel.agent.agent import Agent
from passel.agent.corpora import delete_corpus
from passel.agent.mcp_server import build_server, confined
from passel.graphs.answer import Answer
from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.errors import UsageError

BUILT = "Who built the Tarn Light?"
HERE = Path(__file__).parent.parent.parent


@contextlib.asynccontextmanager
async def asked_here(tarn: Path, folder: Path | None = None, **options: Any) -> AsyncIterator[Client]:
    server, opening = build_server(lambda: Agent.from_corpus(tarn, **options), folder=folder)
    try:
        async with Client(server) as client:
            yield client
    finally:
        opening.close()


def text_of(result: Any) -> str:
    return "\n".join(block.text for block in result.content)


async def test_a_corpus_that_was_made_anew_is_opened_again(tarn: Path, tmp_path: Path) -> None:
    folder = tmp_path / "anew"
    with Corpus.open(folder, create=True) as corpus:
        corpus.add([Document.from_text("The ferry is called Wren.", source="wren")])
    async with asked_here(folder) as client:
        assert '"documents": 1' in (await client.read_resource("passel://corpus")).contents[0].text
        await asyncio.to_thread(delete_corpus, folder)
        with Corpus.open(folder, create=True) as corpus:
            corpus.add(Document.from_text(f"The ferry {n} is called Wren.", source=f"{n}") for n in range(2))
        assert '"documents": 2' in (await client.read_resource("passel://corpus")).contents[0].text


def stdio(corpus: Path, *arguments: str) -> StdioServerParameters:
    started = ["-m", "passel", "mcp", "--corpus", str(corpus), *arguments]
    return StdioServerParameters(command=sys.executable, args=started, env=environment(), cwd="/")


def environment(**more: str) -> dict[str, str]:
    """For a server of its own; `passel` is the checkout that is tested, wherever the process starts."""
    import passel

    kept = {name: value for name, value in os.environ.items() if not name.startswith("PASSEL_") or name == "PASSEL_HOME"}
    path = os.pathsep.join(filter(None, [str(Path(passel.__file__).parent.parent), os.environ.get("PYTHONPATH")]))
    return {**kept, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more}


@contextlib.contextmanager
def listening(log: Path, *arguments: str, **more: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a server that `passel ARGUMENTS` starts in a process of its own, and the process. What it says goes to the file `log`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "passel", *arguments, "--port", str(port)]
    with log.open("w") as said, subprocess.Popen(command, env=environment(**more), cwd="/", stderr=said) as process:
        deadline = time.monotonic() + 110
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, f"it does not listen: {log.read_text()}"
            time.sleep(0.1)
        try:
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.terminate()
            process.wait(60)


async def test_answer_is_the_published_form_and_readable(tarn: Path) -> None:
    steps: list[str | None] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        steps.append(message)

    async with asked_here(tarn) as client:
        result = await client.call_tool("answer", {"question": BUILT}, progress_callback=progress)
        answer = Answer.model_validate(result.structured_content)
        assert (result.is_error, answer.outcome, answer.candidates) == (False, "answered", [])
        jsonschema.validate(result.structured_content, json.loads((HERE / "docs" / "answer.schema.json").read_text()))
        assert "Mirel Ostane" in text_of(result)
        assert "Sources:\n[1] Tarn Light (light, characters " in text_of(result)
        assert all(citation.passage_id not in text_of(result) for citation in answer.citations), "internal ids are no reading matter"
        assert any("selected" in (step or "") for step in steps)
        assert any("searched" in (step or "") for step in steps)


async def test_evidence_only_gives_the_selection_and_no_answer(tarn: Path) -> None:
    async with asked_here(tarn) as client:
        whole = Answer.model_validate((await client.call_tool("answer", {"question": BUILT})).structured_content)
        result = await client.call_tool("answer", {"question": BUILT, "evidence_only": True})
        evidence = Answer.model_validate(result.structured_content)
        assert (evidence.outcome, evidence.answer, evidence.citations, evidence.error) == ("partial", "", [], None)
        assert evidence.selected == whole.selected != []
        assert evidence.answerable > 0
        assert evidence.selected[0].text in text_of(result)
        unknown = await client.call_tool("answer", {"question": "Who wrote the opera Zanzibel?", "evidence_only": True})
        assert unknown.structured_content["outcome"] == "abstained"
        assert not unknown.is_error


async def test_a_calls_budget_is_kept_and_cannot_exceed_the_servers(tarn: Path, fake_chat: Any) -> None:
    from passel.tools.budget import Budget

    chat = fake_chat.of("Mirel Ostane built the Tarn Light in 1840 [1].")
    async with asked_here(tarn, model=chat, budget=Budget(calls=1)) as client:
        result = await client.call_tool("answer", {"question": BUILT, "budget": {"calls": 50, "seconds": 60}})
        assert result.structured_content["usage"]["calls"] == 1
        assert len(chat.calls) == 1
        few = await client.call_tool("answer", {"question": BUILT, "budget": {"evidence_tokens": 3}, "evidence_only": True})
        assert few.structured_content["usage"]["evidence_tokens"] <= 3
        misspelt = await client.call_tool("answer", {"question": BUILT, "budget": {"second": 5}})
        assert misspelt.is_error


async def test_a_call_that_is_cancelled_stops(tarn: Path, openai_server: Any) -> None:
    from passel.tools.chat import load_chat_model

    openai_server.mode = "slow"
    async with asked_here(tarn, model=load_chat_model("openai:any", base_url=openai_server.url)) as client:
        call = asyncio.create_task(client.call_tool("answer", {"question": BUILT}))
        for _ in range(200):
            await asyncio.sleep(0.05)
            if openai_server.requests:
                break
        call.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(openai_server.client_left.wait, 10), "the model's request was closed"


async def test_search_and_select(tarn: Path) -> None:
    async with asked_here(tarn) as client:
        found = await client.call_tool("search", {"query": "Tarn Light", "n": 2})
        passages = found.structured_content["passages"]
        assert passages[0]["title"] == "Tarn Light"
        assert len(passages) == 2
        with Corpus.open(tarn) as corpus:
            for passage in passages:
                assert (corpus.document(passage["source"]) or "")[slice(*passage["span"])] == passage["text"]
        given = [{"id": "cake", "text": "A cake needs flour."}, {"text": "Mirel Ostane built the Tarn Light in 1840.", "title": "Tarn Light"}]
        chosen = await client.call_tool("select", {"question": BUILT, "passages": given})
        assert [passage["passage_id"] for passage in chosen.structured_content["selected"]] == ["1"], "by its place, as it has no id"
        assert 0.5 < chosen.structured_content["selected"][0]["relevance"] <= 1
        none = await client.call_tool("select", {"question": BUILT, "passages": []})
        assert (none.structured_content["selected"], none.is_error) == ([], False)


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("answer", {"question": "  "}, "the question is empty"),
        ("answer", {"question": BUILT, "filters": {"year": {"$near": 3}}}, "is no operator"),
        ("search", {"query": "x" * 9_000}, "at most 8000"),
        ("select", {"question": BUILT, "passages": [{"id": "a", "text": "x"}, {"id": "a", "text": "y"}]}, "two passages have the same id"),
    ],
)
async def test_errors_are_results(tarn: Path, tool: str, arguments: dict[str, Any], told: str) -> None:
    async with asked_here(tarn) as client:
        result = await client.call_tool(tool, arguments)
        assert result.is_error
        assert told in result.structured_content["error"]
        assert told in text_of(result)


async def test_a_faults_text_is_for_the_log(tarn: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError(2, "unable to open", "/home/secret/corpus.sqlite3")

    monkeypatch.setattr("passel.tools.search.search_linked", broken)
    monkeypatch.setattr("passel.graphs.judge._decide", broken)
    async with asked_here(tarn) as client:
        for tool, arguments in (("search", {"query": BUILT}), ("answer", {"question": BUILT})):
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            assert "a fault inside: FileNotFoundError (see the log" in text_of(result)
            assert "secret" not in json.dumps(result.structured_content) + text_of(result)
    assert caplog.text.count("/home/secret") >= 2


async def test_over_stdio_the_log_is_on_stderr_for_the_host_to_show(tarn: Path, tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        async with Client(stdio_client(stdio(tarn), errlog=log)) as client:
            await client.call_tool("answer", {"question": BUILT})
    told = (tmp_path / "log").read_text()
    assert told.rstrip().endswith("a run ended")
    assert "Tarn" not in told


async def test_a_corpus_that_cannot_be_opened_is_told_by_every_tool(tmp_path: Path) -> None:
    async with asked_here(tmp_path / "nowhere") as client:
        result = await client.call_tool("answer", {"question": BUILT})
        assert result.is_error
        assert "there is no corpus" in text_of(result)
        assert Answer.model_validate(result.structured_content).outcome == "failed"


async def test_passages_and_documents_are_resources(tarn: Path) -> None:
    async with asked_here(tarn) as client:
        (passage,) = (await client.call_tool("search", {"query": "Mirel Ostane", "n": 1})).structured_content["passages"]
        (content,) = (await client.read_resource(f"passel://passages/{passage['passage_id']}")).contents
        assert passage["text"] in content.text
        (document,) = (await client.read_resource(f"passel://documents/{passage['source']}")).contents
        assert document.text[slice(*passage["span"])] == passage["text"]
        (corpus,) = (await client.read_resource("passel://corpus")).contents
        assert json.loads(corpus.text)["documents"] == 3
        with pytest.raises(MCPError, match="there is no passage"):
            await client.read_resource("passel://passages/none")


async def test_index_reads_its_folder_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "kite.md").write_text("# Kite Bridge\n\nThe Kite Bridge was built by Oda Renn in 1902.\n")
    (tmp_path / "secret.md").write_text("The password is swordfish.")
    (folder / "out.md").symlink_to(tmp_path / "secret.md")
    (folder / ".hidden.md").write_text("The key lies under the mat.")
    with Corpus.open(tmp_path / "corpus", create=True):
        pass
    steps: list[str | None] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        steps.append(message)

    async with asked_here(tmp_path / "corpus", folder) as client:
        for path in ("../secret.md", str(tmp_path / "secret.md"), "out.md", "sub/../../secret.md", ".hidden.md", "none.md", "nul\0.md"):
            refused = await client.call_tool("index", {"path": path})
            assert refused.is_error, path
        report = await client.call_tool("index", {}, progress_callback=progress)
        assert report.structured_content["added"] == 1
        (refused,) = report.structured_content["refused"]
        assert (refused["path"], refused["reason"].split(",")[0]) == ("out.md", "a link that leads out of the folder")
        assert steps
        answer = await client.call_tool("answer", {"question": "Who built the Kite Bridge?"})
        assert "Oda Renn" in text_of(answer)
        (folder / "sub" / "kite.md").unlink()
        gone = await client.call_tool("index", {"path": "sub"})
        assert gone.structured_content["removed"] == 1


async def test_without_a_folder_there_is_no_index(tarn: Path) -> None:
    async with asked_here(tarn) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"answer", "search", "select"}
        assert all(tool.output_schema and tool.annotations.read_only_hint for tool in tools.values())


def test_confined_follows_links_before_it_judges(tmp_path: Path) -> None:
    root = (tmp_path / "root").resolve()
    (root / "in").mkdir(parents=True)
    (root / "link").symlink_to(root / "in")
    assert confined(root, "") == root
    assert confined(root, "link") == root / "in"
    (root / "up").symlink_to(tmp_path)
    for path in ("up", "up/root/../x", "..", "/"):
        with pytest.raises(UsageError):
            confined(root, path)


async def test_several_stdio_servers_on_one_corpus_while_one_indexes(tmp_path: Path) -> None:
    """Hosts start one server for each client. Each sees what another one has indexed with its next question."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "kite.md").write_text("# Kite Bridge\n\nThe Kite Bridge was built by Oda Renn in 1902.\n")
    with Corpus.open(tmp_path / "corpus", create=True) as corpus:
        corpus.index(folder)
    async with Client(stdio(tmp_path / "corpus")) as reader, Client(stdio(tmp_path / "corpus", "--index", str(folder))) as writer:
        assert {tool.name for tool in (await writer.list_tools()).tools} == {"answer", "search", "select", "index"}
        for n in range(4):
            (folder / f"{n}.md").write_text(f"# Tower {n}\n\nTower {n} was raised by Builder{n} Marn.\n")
            report, meanwhile = await asyncio.gather(
                writer.call_tool("index"), reader.call_tool("answer", {"question": "Who built the Kite Bridge?"})
            )
            assert (report.is_error, report.structured_content["added"]) == (False, 1)
            assert "Oda Renn" in text_of(meanwhile)
            fresh = await reader.call_tool("search", {"query": f"Tower {n}", "n": 1})
            assert f"Builder{n}" in text_of(fresh), "no answer is older than the last acknowledged batch"


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_two_minutes_of_stdio_servers_http_workers_and_an_indexing_process(tmp_path: Path) -> None:
    """No error, and no stale answer: what an indexing process had added before a client asked is among the passages that its question finds."""
    folder, corpus_folder = tmp_path / "documents", tmp_path / "corpus"
    folder.mkdir()
    (folder / "kite.md").write_text("# Kite Bridge\n\nThe Kite Bridge was built by Oda Renn in 1902.\n")
    with Corpus.open(corpus_folder, create=True) as corpus:
        corpus.index(folder)
    until = math.inf
    indexed = 0
    """Towers, of which the first so many are in the corpus."""
    asked: Counter[str] = Counter()

    async def write() -> None:
        nonlocal indexed
        while time.monotonic() < until:
            (folder / f"{indexed}.md").write_text(f"# Tower {indexed}\n\nTower {indexed} was raised by Builder{indexed} Marn.\n")
            command = [sys.executable, "-m", "passel", "index", str(folder), "--corpus", str(corpus_folder), "--wait"]
            done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, env=environment(), cwd="/")
            assert done.returncode == 0, done.stderr
            indexed += 1

    async def over_mcp(client: Client, question: str) -> tuple[str, str]:
        """The answer, and the passages that were found."""
        answered = await client.call_tool("answer", {"question": question})
        found = await client.call_tool("search", {"query": question, "n": 10})
        assert not answered.is_error, text_of(answered)
        assert not found.is_error, text_of(found)
        return text_of(answered), text_of(found)

    async def over_api(http: httpx2.AsyncClient, question: str) -> tuple[str, str]:
        answered = await http.post("/v1/answer", json={"question": question})
        assert answered.status_code == 200, answered.text
        told = answered.json()
        return told["answer"], "\n".join(passage["text"] for passage in told["candidates"])

    async def read(name: str, ask: Callable[[str], Awaitable[tuple[str, str]]]) -> None:
        while time.monotonic() < until:
            answer, _ = await ask("Who built the Kite Bridge?")
            assert "Oda Renn" in answer, name
            if newest := indexed:
                _, found = await ask(f"Who raised Tower {newest - 1}?")
                assert f"Builder{newest - 1} Marn" in found, f"stale: {name}"
                asked[name] += 1

    logs = [tmp_path / f"worker{n}.log" for n in range(2)]
    async with contextlib.AsyncExitStack() as stack:
        askers: dict[str, Callable[[str], Awaitable[tuple[str, str]]]] = {}
        for n in range(3):
            askers[f"stdio {n}"] = partial(over_mcp, await stack.enter_async_context(Client(stdio(corpus_folder))))
        for n, log in enumerate(logs):
            server = listening(log, "serve", "--corpus", str(corpus_folder), PASSEL_LIMITS__REQUESTS_PER_MINUTE="100000")
            address, _ = stack.enter_context(server)
            askers[f"http {n}"] = partial(over_api, await stack.enter_async_context(httpx2.AsyncClient(base_url=address, timeout=170)))
        until = time.monotonic() + 120
        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            for name, ask in askers.items():
                group.create_task(read(name, ask))
    print(f"{indexed} documents indexed; questions about the newest: {dict(asked)}")
    assert not any("Traceback" in log.read_text() for log in logs)
    assert indexed >= 2, "the machine is too busy for this test to tell anything"
    assert all(asked[name] >= indexed // 2 for name in askers), asked


# ---- HTTP ----


@pytest.fixture(scope="module")
def over_http(tarn: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that asks for the key "sesame"; its address."""
    with listening(tmp_path_factory.mktemp("http") / "log", "mcp", "--corpus", str(tarn), "--http", PASSEL_API_KEY="sesame") as (address, _):
        yield f"{address}/mcp"


async def test_streamable_http_with_a_key(over_http: str) -> None:
    headers = {"Authorization": "Bearer sesame"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(over_http, http_client=http)) as one,
        Client(streamable_http_client(over_http, http_client=http)) as other,
    ):
        answers = await asyncio.gather(*(client.call_tool("answer", {"question": BUILT}) for client in (one, other, one)))
        assert all("Mirel Ostane" in text_of(answer) for answer in answers)
        assert len({answer.structured_content["trace_id"] for answer in answers}) == 3


async def test_a_call_that_is_cancelled_over_http_stops(tarn: Path, openai_server: Any, tmp_path: Path) -> None:
    openai_server.mode = "slow"
    model = ("--model", "openai:any", "--base-url", openai_server.url)
    with listening(tmp_path / "log", "mcp", "--corpus", str(tarn), "--http", *model, OPENAI_API_KEY="x") as (address, _):
        async with httpx2.AsyncClient(timeout=60) as http, Client(streamable_http_client(f"{address}/mcp", http_client=http)) as client:
            call = asyncio.create_task(client.call_tool("answer", {"question": BUILT}))
            while not openai_server.requests:
                await asyncio.sleep(0.05)
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await call
            assert await asyncio.to_thread(openai_server.client_left.wait, 30), "the model's request was closed"


async def test_sigterm_finishes_the_calls_that_run_over_http(tarn: Path, openai_server: Any, tmp_path: Path) -> None:
    asked, go = threading.Event(), threading.Event()

    def held(_: dict[str, Any]) -> str:
        asked.set()
        go.wait(60)
        return '{"sub_questions": []}' if len(openai_server.requests) == 1 else "Mirel Ostane built it [1]."

    openai_server.reply = held
    model = ("--model", "openai:any", "--base-url", openai_server.url)
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "answer", "arguments": {"question": BUILT}}}
    sent = {"Accept": "application/json, text/event-stream"}
    with listening(tmp_path / "log", "mcp", "--corpus", str(tarn), "--http", *model, OPENAI_API_KEY="x") as (address, process):
        async with httpx2.AsyncClient(base_url=address, headers=sent, timeout=60) as http:
            client = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
            hello = await http.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client})
            http.headers["Mcp-Session-Id"] = hello.headers["Mcp-Session-Id"]
            async with http.stream("GET", "/mcp") as listened:  # as clients do, for as long as they live
                calling = asyncio.create_task(http.post("/mcp", json=call))
                assert await asyncio.to_thread(asked.wait, 60)
                process.terminate()
                await asyncio.sleep(1.5)
                assert process.poll() is None
                go.set()
                assert "Mirel Ostane" in (await calling).text
                assert await asyncio.to_thread(process.wait, 30) in (0, -signal.SIGTERM)
                assert listened.status_code == 200
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer wrong", "Bearer sesam", "Basic sesame", "sesame", "Bearer sesame2"])
async def test_http_without_the_key_is_refused(over_http: str, header: str | None) -> None:
    async with httpx2.AsyncClient() as http:
        sent = {} if header is None else {"Authorization": header}
        answer = await http.post(over_http, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers=sent)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_server_greets_before_it_loads() -> None:
    heavy = "{'torch', 'transformers', 'chromadb', 'langgraph', 'langchain_core'}"
    code = f"import sys, passel.agent.mcp_server; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout.strip() == "[]"


def test_over_http_it_needs_no_package_of_the_extra_serve() -> None:
    code = "import sys, passel.agent.mcp_http, passel.agent.mcp_server; print('fastapi' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("key", [None, " ,\n"])
def test_listening_elsewhere_needs_a_key(command_line: Any, monkeypatch: pytest.MonkeyPatch, tarn: Path, key: str | None) -> None:
    if key is not None:
        monkeypatch.setenv("PASSEL_API_KEY", key)
    done = command_line("mcp", "--corpus", tarn, "--http", "--host", "0.0.0.0")
    assert done.code == 2
    assert "PASSEL_API_KEY is not set" in done.err


def test_a_missing_corpus_is_told_before_a_client_waits(command_line: Any, tmp_path: Path) -> None:
    done = command_line("mcp", "--corpus", tmp_path / "none")
    assert done.code == 2
    assert "there is no corpus" in done.err
    assert done.out == "", "stdout belongs to the protocol"
