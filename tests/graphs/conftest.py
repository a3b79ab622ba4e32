"""A small real corpus of the tests' own, and one way to run the graph over it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from passel.graphs.context import RagContext
from passel.graphs.events import Event
from passel.graphs.rag import build_graph
from passel.graphs.run import new_question, run
from passel.rerankers.default import default_selector
from passel.tools.budget import Budget
from passel.tools.corpus import Corpus
from passel.tools.loaders import Document

TEXTS = {
    "Harbour Hall": "The Harbour Hall in Arn was designed by Ilse Marn and opened in 1871. Its tower is 41 metres high. Otto Vane built its clock.",
    "Ilse Marn": "Ilse Marn was an architect. She was born in the village of Sedge in 1832 and died in 1904. Her brother was the painter Joss Marn.",
    "Sedge": "Sedge is a village on the river Till. It has 212 inhabitants and a mill that grinds buckwheat. The mill was built in 1790.",
    "Otto Vane": "Otto Vane was a clockmaker of Arn, born in 1840. He built eleven tower clocks and never owned a watch.",
    "Arn": "Arn is a port with a fish market. Its ferry crosses to the island of Kell twice a day. The town was founded in 1402.",
    "Joss Marn": "Joss Marn painted ships and weather. His largest canvas, The Grey Fleet, hangs in the town hall of Kell.",
}


@pytest.fixture(scope="session")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    with Corpus.open(tmp_path_factory.mktemp("harbour") / "corpus", create=True) as corpus:
        corpus.add(
            Document.from_text(text, source=title.lower().replace(" ", "-"), title=title, metadata={"tenant": "b" if title == "Sedge" else "a"})
            for title, text in TEXTS.items()
        )
        yield corpus


Ask = Callable[..., Awaitable[list[Event]]]


@pytest.fixture
def ask(harbour: Corpus) -> Ask:
    """`await ask("question", model=…, budget=…, filters=…)` gives all events; the last holds the Answer."""

    async def run_it(question: str, *, model: Any = None, budget: Budget | None = None, corpus: Corpus | None = None, **options: Any) -> list[Event]:
        source = corpus or harbour
        context = RagContext(source, default_selector(source.encoder), model, budget or Budget())
        return [event async for event in run(build_graph().compile(), context, new_question(question, **options))]

    return run_it


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Corpus]:
    with Corpus.open(tmp_path / "empty", create=True) as corpus:
        yield corpus
