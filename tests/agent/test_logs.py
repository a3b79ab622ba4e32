"""Structured logs: one JSON object a line, with the answer's trace id, and nothing that was asked or read."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from passel.agent.agent import Agent
from passel.agent.logs import JsonLines, log_requests

BUILT = "Who built the Tarn Light?"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    log, stream = logging.getLogger("passel"), io.StringIO()
    handler, level = logging.StreamHandler(stream), log.level
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield stream
    log.removeHandler(handler)
    log.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_run_leaves_a_line_with_its_trace_id(agent: Agent, written: io.StringIO) -> None:
    first, second = agent.batch([BUILT, "When was Mirel Ostane born?"])
    told = {line["trace_id"]: line for line in lines(written)}
    assert told.keys() == {first.trace_id, second.trace_id}
    line = told[first.trace_id]
    assert (line["message"], line["level"], line["outcome"], line["searches"]) == ("a run ended", "info", "answered", first.usage.searches)
    assert "Tarn" not in written.getvalue()


def test_a_fault_leaves_its_place_and_not_its_text(agent: Agent, written: io.StringIO) -> None:
    class Broken:
        def select(self, *args: Any, **options: Any) -> Any:
            raise ZeroDivisionError("sk-secret of the Tarn Light")

    agent.selector = Broken()
    answer = agent.ask(BUILT)
    fault = next(line for line in lines(written) if line["level"] == "error")
    assert (fault["trace_id"], fault["error"]) == (answer.trace_id, "ZeroDivisionError")
    assert any("test_logs.py" in place for place in fault["stack"])
    assert "secret" not in written.getvalue()


def test_outside_a_run_there_is_no_trace_id(written: io.StringIO) -> None:
    logging.getLogger("passel.tools").warning("the disk is %s", "full", extra={"free": 0})
    (line,) = lines(written)
    assert (line["message"], line["free"], line["logger"]) == ("the disk is full", 0, "passel.tools")
    assert "trace_id" not in line


def test_a_servers_lines_are_without_a_faults_text_whoever_formats_first(capsys: pytest.CaptureFixture[str]) -> None:
    log, stream = logging.getLogger("passel"), io.StringIO()
    whole = logging.StreamHandler(stream)
    log_requests()
    (own,) = log.handlers
    text = "sk-" + "secret"  # so that the line of source which a stack shows does not hold it
    for order in ([own, whole], [whole, own]):
        log.handlers[:] = order
        try:
            raise ZeroDivisionError(text)
        except ZeroDivisionError:
            log.exception("a fault")
        told = capsys.readouterr().err
        assert "test_logs.py" in told
        assert "ZeroDivisionError" in told
        assert text not in told
    assert stream.getvalue().count("ZeroDivisionError: sk-secret") == 2
