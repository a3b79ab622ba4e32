"""What the server adds to `Agent.ask`, and how soon its first event comes: the bundled questions, asked of one agent directly and over HTTP.

The server runs in a thread of this process, on loopback, so that both ways share the agent and all that it remembers; each question has been
answered once before it is timed. The ways take turns in being first.
"""

from __future__ import annotations

import json
import socket
import tempfile
import threading
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
from ...tools.errors import PasselError, UsageError
from .. import demo
from ..agent import Agent
from ..commands.demo import add_articles
from ..server.limits import Limits
from ..settings import Settings

if TYPE_CHECKING:
    import httpx

    from ..server.serving import Serving

_START = 60.0
"""Seconds that the server may take to come up."""


@dataclass(frozen=True, slots=True)
class ServeBench:
    """Milliseconds."""

    questions: int
    rounds: int
    ask_p50: float
    served_p50: float
    """`POST /v1/answer`, over a connection that stays open."""
    overhead_p50: float
    """Of the differences, question by question."""
    first_event_p50: float
    """From the request to the first event of a stream."""
    first_event_p95: float


def run(count: int = 30, rounds: int = 3) -> ServeBench:
    """Of the bundled corpus and the embedded default, whatever is set. Raises PasselError where the server does not start, or a run fails."""
    try:
        import fastapi  # noqa: F401
    except ImportError:
        raise UsageError("this benchmark needs FastAPI and uvicorn", 'Install them: pip install "passel[serve]"') from None
    import httpx

    from ..server.serving import Serving

    lines = (files(demo) / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line)["question"] for line in lines if line.strip()][:count]
    with tempfile.TemporaryDirectory(prefix="passel-bench-") as folder:
        path = Path(folder) / "corpora" / "demo"
        with Corpus.open(path, create=True) as corpus:
            add_articles(corpus)
        own = {"corpus": str(path), "model": None, "encoder": None, "chroma_server": None, "weights": None, "risk": None, "abstentions": None}
        serving = Serving(Settings.load(limits=Limits(requests_per_minute=1_000_000)).model_copy(update=own))
        agent, ways = serving.agent(), (_ask, _post, _first)
        with _server(serving) as url, httpx.Client(base_url=url, timeout=120) as client:
            taken: list[list[float]] = []
            for turn in range(rounds + 1):
                for question in asked:
                    order = ways if turn % 2 else ways[::-1]
                    times = {way: way(agent, client, question) for way in order}
                    taken += [[times[way] for way in ways]] if turn else []  # the first round warms up
    ask, served, first = np.array(taken).T
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
    answer = agent.ask(question)
    taken = _ms(began)
    if answer.outcome == "failed":
        raise PasselError(f"a run failed: {answer.error}")
    return taken


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
def _server(serving: Serving) -> Iterator[str]:
    """Its address."""
    import uvicorn

    from ..server.app import create_app

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(serving, key=None), log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            ends = time.monotonic() + _START
            while not server.started:
                if not thread.is_alive() or time.monotonic() > ends:
                    raise PasselError("the server of this benchmark did not start", "Run again with --debug to see why.")
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
