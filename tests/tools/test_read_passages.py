"""Candidates as the reader gets them: read in both ways, and each with the place of what names it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from passel.tools.candidate import Candidate, Hit
from passel.tools.pair import AnswerSpan, PairReading
from passel.tools.pair_text import Reading
from passel.tools.passage import Passage
from passel.tools.read_passages import read_passages


class Noting:
    """Says of a reading how long its naming sentence is."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Reading, ...]]] = []

    def read(self, question: str, readings: Sequence[Reading], *, exact: bool = False) -> list[PairReading]:
        self.asked.append((question, tuple(readings)))
        return [PairReading(np.zeros(384, np.float32), float(len(one.naming)), 0.5, (AnswerSpan(0, 3, 1.0),)) for one in readings]


def test_each_is_read_with_the_sentence_that_names_it_and_without_in_one_go() -> None:
    hall = Candidate("hall", (Hit("dense", "q", 0, 1.0),), Passage("hall", "s", "The hall was designed by Ilse Marn. It opened in 1871.", "Hall"))
    marn = Candidate("marn", (Hit("linked", "q", 0, 0.5, "hall", (0, 35)),), Passage("marn", "s", "She was an architect.", "Ilse Marn"))
    model = Noting()
    first, second = read_passages(model, "Who?", [marn, hall])  # type: ignore[arg-type]
    sentence = "Hall: The hall was designed by Ilse Marn."
    ((question, readings),) = model.asked
    assert question == "Who?"
    assert [reading.naming for reading in readings] == [sentence, "", "", ""]
    assert (first.title, first.text, first.namer) == ("Ilse Marn", "She was an architect.", 1)
    assert (first.named.relevance, first.bare.relevance, first.bare.yes) == (len(sentence), 0.0, 0.5)
    assert (second.namer, second.named) == (None, second.bare)


def test_of_a_namer_that_is_not_there_nothing_is_known() -> None:
    marn = Candidate("marn", (Hit("linked", "q", 0, 0.5, "hall", (0, 35)),), Passage("marn", "s", "She was an architect.", "Ilse Marn"))
    (alone,) = read_passages(Noting(), "Who?", [marn])  # type: ignore[arg-type]
    assert alone.namer is None
    assert alone.named == alone.bare


def test_of_no_candidates_nothing_is_read() -> None:
    assert read_passages(Noting(), "Who?", []) == ()  # type: ignore[arg-type]
