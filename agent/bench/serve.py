"""What the server adds to `Agent.ask`, and how soon its first event comes: the bundled questions, asked in turns of an agent and of `passel serve`.

The server is a process of its own on loopback. Both have answered each question once before it is timed: what differs is the server alone.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...tools.corpus import Corpus
from ...tools.errors import PasselError
from .. import demo
from ..agent import Agent
from ..commands.demo import add_articles

if TYPE_CHECKING:
    import httpx

_START = 180.0
"""Seconds that the server may take to come up."""


@dataclass(frozen=True, slots=True)
class ServeBench:
    """Milliseconds."""

    questions: int
    rounds: int
    ask_p50: float
    """`Agent.ask` in this process."""
    served_p50: float
    """`POST /v1/answer`, over a connection that stays open."""
    overhead_p50: float
    """Of the differences, question by question."""
    first_event_p50: float
    """From the request to the first event of a stream."""
    first_event_p95: float


def run(count: int = 30, rounds: int = 3) -> ServeBench:
    """Raises PasselError where the server does not start."""
    import httpx

    lines = (files(demo) / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line)["question"] for line in lines if line.strip()][:count]
    with tempfile.TemporaryDirectory(prefix="passel-bench-") as folder:
        path = Path(folder) / "corpora" / "demo"
        with Corpus.open(path, create=True) as corpus:
            add_articles(corpus)
        with Agent.from_corpus(path) as agent, _server(path) as (url, header), httpx.Client(base_url=url, headers=header, timeout=120) as client:
            taken = [[way(agent, client, question) for way in (_ask, _post, _first)] for _ in range(rounds + 1) for question in asked][len(asked) :]
    ask, served, first = np.array(taken).T  # without the first round, which warms both up
    return ServeBench(
        questions=len(asked),
        rounds=rounds,
        ask_p50=_percentile(ask, 50),
        served_p50=_percentile(served, 50),
        overhead_p50=_percentile(served - ask, 50),
        first_event_p50=_percentile(first, 50),
        first_event_p95=_percentile(first, 95),
    )


def _ask(agent: Agent, _: httpx.Client, question: str) -> float:
    began = time.perf_counter()
    agent.ask(question)
    return _ms(began)


def _post(_: Agent, client: httpx.Client, question: str) -> float:
    began = time.perf_counter()
    client.post("/v1/answer", json={"question": question}).raise_for_status()
    return _ms(began)


def _first(_: Agent, client: httpx.Client, question: str) -> float:
    """The rest of the stream is read, and not timed."""
    began = time.perf_counter()
    with client.stream("POST", "/v1/answer", json={"question": question, "stream": True}) as answer:
        lines = answer.iter_lines()
        next(lines)
        taken = _ms(began)
        for _line in lines:
            pass
    return taken


def _ms(began: float) -> float:
    return (time.perf_counter() - began) * 1_000


def _percentile(values: NDArray[np.float64], percent: int) -> float:
    return round(float(np.percentile(values, percent)), 2)


@contextmanager
def _server(corpus: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Its address, and the header with its key."""
    import httpx

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    key = secrets.token_hex(16)
    environment = {**os.environ, "PASSEL_API_KEY": key, "PASSEL_LIMITS__REQUESTS_PER_MINUTE": "1000000"}
    command = [sys.executable, "-m", "passel", "serve", "--corpus", str(corpus), "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            ends = time.monotonic() + _START
            while not _answers(httpx.Client(base_url=url)):
                if process.poll() is not None or time.monotonic() > ends:
                    raise PasselError("passel serve did not start", f"Start it by hand to see why: passel serve --corpus {corpus}")
                time.sleep(0.2)
            yield url, {"Authorization": f"Bearer {key}"}
        finally:
            process.terminate()


def _answers(client: httpx.Client) -> bool:
    import httpx

    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False
