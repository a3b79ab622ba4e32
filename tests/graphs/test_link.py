"""link: the second step follows the names in what the pair model takes for evidence, and adds passages that one step does not reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from passel.graphs.context import RagContext
from passel.graphs.link import link
from passel.tools.candidate import Candidate
from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.pair import PairReading
from passel.tools.pair_text import Reading
from passel.tools.search import search

QUESTION = "Where was the teacher of the designer of the Salt Hall born?"
CHAIN = {
    "Salt Hall": "The Salt Hall is a concert hall on the quay. It was designed by Ilse Marn.",
    "Ilse Marn": "Ilse Marn was an architect. She learned her trade from Odo Tressin.",
    "Odo Tressin": "Odo Tressin built mills. He came into the world at Sedge.",
}
ALIKE = {f"Fair {n}": f"At fair number {n} a teacher sold salt, and a designer was born in a hall." for n in range(60)}


class Likes:
    """A pair model to which passages of titles that begin so are evidence and all others are not."""

    def __init__(self, title: str) -> None:
        self.title = title

    def read(self, question: str, readings: Sequence[Reading], *, exact: bool = False) -> list[PairReading]:
        assert question == QUESTION
        return [PairReading(np.zeros(384, np.float32), 5.0 if reading.title.startswith(self.title) else -5.0, 0.0, ()) for reading in readings]


@pytest.fixture
def halls(tmp_path: Path, encoder: Any) -> Iterator[Corpus]:
    with Corpus.open(tmp_path / "corpus", create=True, encoder=encoder) as corpus:
        corpus.add(Document.from_text(text, source=title, title=title) for title, text in {**CHAIN, **ALIKE}.items())
        yield corpus


def linked(corpus: Corpus, evidence: str, dropped: Sequence[Candidate] = ()) -> tuple[set[str], set[str]]:
    """Titles: of what search finds, and of what link adds to it."""
    found = search(corpus, QUESTION)
    likes: Any = Likes(evidence)
    runtime: Any = SimpleNamespace(context=RagContext(corpus, likes, reader=likes), stream_writer=lambda _: None)
    candidates = [candidate.to_state() for candidate in (*found, *dropped)]
    state: Any = {"candidates": candidates, "standalone": QUESTION, "dropped": [candidate.passage_id for candidate in dropped]}
    update = link(state, runtime)
    added = {passage.title for passage in corpus.get([Candidate.from_state(one).passage_id for one in update["candidates"]])}
    return {candidate.passage.title for candidate in found if candidate.passage}, added


@pytest.mark.parametrize(("evidence", "reached"), [("Ilse Marn", True), ("Fair", False)])
def test_the_second_step_follows_the_evidence(halls: Corpus, evidence: str, reached: bool) -> None:
    found, added = linked(halls, evidence)
    assert {"Salt Hall", "Ilse Marn"} <= found | added
    assert ("Odo Tressin" in added) == reached


@pytest.mark.parametrize("title", ["Salt Hall", "Ilse Marn"])
def test_what_a_person_left_out_is_neither_linked_nor_followed(halls: Corpus, title: str) -> None:
    """The question names the hall, and the hall the architect."""
    dropped = [one for one in search(halls, title) if one.passage and one.passage.title == title]
    assert len(dropped) == 1
    _, added = linked(halls, "Ilse Marn", dropped)
    assert added.isdisjoint({title, "Odo Tressin"})
