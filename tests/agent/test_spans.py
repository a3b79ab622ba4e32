"""Spans: what a run leaves in OpenTelemetry, and that it leaves nothing where nobody records."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from passel.agent.agent import Agent
from passel.graphs.decision import Decision
from passel.tools.chat import load_chat_model

BUILT = "Who built the Tarn Light?"


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What the process's tracer provider records; a provider can be set but once by OpenTelemetry's own function."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def parent(span: ReadableSpan) -> int | None:
    return span.parent.span_id if span.parent else None


def test_a_span_for_the_run_each_node_and_each_call_of_the_model(tarn: Path, fake_chat: Any, exported: InMemorySpanExporter) -> None:
    with Agent.from_corpus(tarn, model=fake_chat.of("Mirel Ostane built the Tarn Light in 1840 [1].")) as agent:
        answer = agent.ask(BUILT)
    spans = by_name(exported)
    run = spans["invoke_agent passel"]
    assert run.attributes is not None
    assert run.parent is None
    assert format(run.context.trace_id, "032x") == answer.trace_id == run.attributes["passel.trace_id"]
    assert run.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert (run.attributes["passel.outcome"], run.attributes["passel.calls"]) == ("answered", answer.usage.calls)
    nodes = {"condense", "plan", "search", "link", "select", "resolve", "judge", "generate", "verify"}
    assert nodes <= spans.keys()
    assert all(parent(spans[node]) == run.context.span_id for node in nodes)
    search, select = spans["search"].attributes or {}, spans["select"].attributes or {}
    assert (search["gen_ai.operation.name"], search["gen_ai.data_source.id"], search["passel.found"]) == ("retrieval", "corpus", 3)
    assert select["passel.selected"] == len(answer.selected)
    chats = [span for span in exported.get_finished_spans() if span.name.startswith("chat")]
    assert {parent(span) for span in chats} <= {spans[node].context.span_id for node in ("plan", "generate")}
    assert len(chats) == answer.usage.calls
    written = [span.attributes or {} for span in chats if parent(span) == spans["generate"].context.span_id]
    assert written[0]["gen_ai.operation.name"] == "chat"
    assert written[0]["gen_ai.usage.output_tokens"] == 9
    assert all(span.kind is trace.SpanKind.CLIENT for span in chats)
    everything = " ".join(str(span.to_json()) for span in exported.get_finished_spans())
    assert "Tarn Light" not in everything, "neither questions nor passages stand in spans"


def test_a_call_s_span_tells_its_model_and_why_it_ended(tarn: Path, openai_server: Any, exported: InMemorySpanExporter) -> None:
    openai_server.reply = lambda _: "Mirel Ostane built the Tarn Light in 1840. [1] And the"
    openai_server.ending = "length"
    with Agent.from_corpus(tarn, model=load_chat_model("openai:any", base_url=openai_server.url)) as agent:
        agent.ask(BUILT)
    chats = [span.attributes or {} for span in exported.get_finished_spans() if span.name.startswith("chat")]
    assert chats
    assert {span["gen_ai.response.finish_reasons"] for span in chats} == {("length",)}


def test_within_a_larger_trace_answers_keep_ids_of_their_own(agent: Agent, exported: InMemorySpanExporter) -> None:
    with trace.get_tracer("host").start_as_current_span("host") as host:
        first, second = agent.ask(BUILT), agent.ask(BUILT)
    assert len({first.trace_id, second.trace_id, format(host.get_span_context().trace_id, "032x")}) == 3
    runs = [span for span in exported.get_finished_spans() if span.name == "invoke_agent passel"]
    assert [parent(span) for span in runs] == [host.get_span_context().span_id] * 2
    assert [(span.attributes or {})["passel.trace_id"] for span in runs] == [first.trace_id, second.trace_id]


def test_a_run_that_goes_on_keeps_its_trace_id(agent: Agent, exported: InMemorySpanExporter) -> None:
    waiting = agent.ask(BUILT, thread="t", approve=["answer"])
    again = agent.ask(BUILT, thread="t", approve=["answer"])
    answer = agent.resume("t", Decision(kind="approve"))
    assert waiting.trace_id == again.trace_id == answer.trace_id
    runs = [span.attributes or {} for span in exported.get_finished_spans() if span.name == "invoke_agent passel"]
    assert [run["passel.trace_id"] for run in runs] == [answer.trace_id] * 3
    assert [run["passel.outcome"] for run in runs] == ["waiting", "waiting", "answered"]


async def test_runs_at_once_do_not_mix(agent: Agent, exported: InMemorySpanExporter) -> None:
    answers = await asyncio.gather(*(agent.aask(BUILT) for _ in range(3)))
    for answer in answers:
        spans = [span for span in exported.get_finished_spans() if format(span.context.trace_id, "032x") == answer.trace_id]
        assert sorted(span.name for span in spans).count("select") == 1
        assert sum(span.parent is None for span in spans) == 1


def test_a_fault_of_a_node_is_an_error_of_its_span(agent: Agent, exported: InMemorySpanExporter) -> None:
    class Broken:
        def select(self, *args: Any, **options: Any) -> Any:
            raise ZeroDivisionError("secret")

    agent.selector = Broken()
    assert agent.ask(BUILT).outcome == "failed"
    spans = by_name(exported)
    assert (spans["select"].attributes or {})["error.type"] == "ZeroDivisionError"
    assert spans["select"].status.status_code is spans["invoke_agent passel"].status.status_code is trace.StatusCode.ERROR


async def test_a_cancelled_run_ends_its_spans(tarn: Path, openai_server: Any, exported: InMemorySpanExporter) -> None:
    from passel.tools.chat import load_chat_model

    openai_server.mode = "slow"
    with Agent.from_corpus(tarn, model=load_chat_model("openai:any", base_url=openai_server.url)) as agent:
        task = asyncio.create_task(agent.aask(BUILT))
        for _ in range(200):
            await asyncio.sleep(0.05)
            if openai_server.requests:
                break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    spans = by_name(exported)
    assert spans["invoke_agent passel"].status.description == "cancelled"
    assert all(span.end_time for span in spans.values())


async def test_a_subgraph_is_recorded_too(agent: Agent, exported: InMemorySpanExporter) -> None:
    parent_graph: Any = StateGraph(dict)
    parent_graph.add_node("research", agent.as_subgraph())
    parent_graph.add_edge(START, "research")
    answer = (await parent_graph.compile().ainvoke({"question": BUILT}))["answer"]
    spans = by_name(exported)
    assert format(spans["select"].context.trace_id, "032x") == answer["trace_id"]


def test_without_opentelemetry_nothing_is_missing() -> None:
    """Chroma and LangSmith import it where it is there; our own code must not ask for it."""
    code = """
import sys
sys.modules["opentelemetry"] = None  # importing it is an ImportError
from passel.agent import cli, logs, spans, telemetry
telemetry.start()
print(spans.recording("c"))
"""
    kept = {name: value for name, value in _environment().items() if not name.startswith("OTEL_")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=kept)
    assert (done.stdout.strip(), done.stderr) == ("None", "")


def test_the_command_line_sends_spans_where_the_environment_says(tarn: Path) -> None:
    bodies: list[bytes] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}", "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
        command = [sys.executable, "-m", "passel", "ask", BUILT, "--corpus", str(tarn)]
        done = subprocess.run(command, capture_output=True, text=True, env={**_environment(), **endpoint, "PASSEL_LOG": "json"}, cwd="/")
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert "Mirel Ostane" in done.stdout
    sent = b"".join(bodies)
    assert b"invoke_agent passel" in sent
    assert b"gen_ai.data_source.id" in sent
    line = json.loads(done.stderr.splitlines()[-1])
    assert (line["message"], line["outcome"]) == ("a run ended", "answered")
    assert bytes.fromhex(line["trace_id"]) in sent, "a log line leads to its trace"


def _environment() -> dict[str, str]:
    import passel

    path = os.pathsep.join(filter(None, [str(Path(passel.__file__).parent.parent), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def test_a_run_that_waits_has_no_fault_and_what_a_person_types_stands_in_no_span(agent: Agent, exported: InMemorySpanExporter) -> None:
    agent.ask(BUILT, thread="t", approve=["answer"])
    agent.resume("t", Decision(kind="refuse", why="because Mallory said so"))
    spans = exported.get_finished_spans()
    assert {span.name for span in spans} >= {"approve"}
    assert not [span.name for span in spans if span.status.status_code is trace.StatusCode.ERROR]
    assert "Mallory" not in str([dict(span.attributes or {}) for span in spans])
