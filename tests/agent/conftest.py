"""Agents over a small corpus of texts, with a home of their own; and the command line, run in this process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from passel.agent import cli
from passel.agent.agent import Agent
from passel.tools.corpus import Corpus

TEXTS = [
    {"id": "light", "title": "Tarn Light", "text": "The Tarn Light is a lighthouse that Mirel Ostane built in 1840. It stands 39 metres high."},
    {"id": "mirel", "title": "Mirel Ostane", "text": "Mirel Ostane was an engineer, born in Brackwater in 1811. She died in 1879."},
    {"id": "brackwater", "title": "Brackwater", "text": "Brackwater is a town of 4,100 people. Its bridge was finished in 1799 by Aldo Kreen."},
]


@pytest.fixture(scope="session")
def tarn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a corpus."""
    from passel.tools.loaders import Document

    folder = tmp_path_factory.mktemp("tarn") / "corpus"
    with Corpus.open(folder, create=True) as corpus:
        corpus.add(Document.from_text(row["text"], source=row["id"], title=row["title"]) for row in TEXTS)
    return folder


@pytest.fixture
def agent(tarn: Path, tmp_path: Path) -> Iterator[Agent]:
    with Agent.from_corpus(tarn, threads=tmp_path / "threads.sqlite3") as made:
        yield made


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., SimpleNamespace]:
    """`command_line("eval", …)` runs `passel eval …` in an empty folder; gives `code`, `out`, `err` and `json()`, the one value on stdout."""
    for name in os.environ:
        if name.startswith("PASSEL_") and name != "PASSEL_HOME":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> SimpleNamespace:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["passel", *map(str, arguments)])
        code = cli.run([*map(str, arguments)])
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return SimpleNamespace(code=code, out=out, err=err, json=lambda: json.loads(out))

    return run
