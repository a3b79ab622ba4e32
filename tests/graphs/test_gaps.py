"""gaps: what is searched next is something that can be named."""

from __future__ import annotations

from passel.graphs.evidence import Missing, Read
from passel.graphs.gaps import gaps
from passel.tools.candidate import Candidate
from passel.tools.pair import AnswerSpan
from passel.tools.reader import ReadAs, ReadPassage

TEXT = "Ilse Marn designed it. Her mother was the engraver Phoebe Sandilow, and she grew up under her work table. She learned building as a mason."


def read(*found: str) -> Read:
    """One passage in which the reader finds these, surest first."""
    spans = tuple(AnswerSpan(TEXT.index(text), TEXT.index(text) + len(text), 3.0 - n) for n, text in enumerate(found))
    way = ReadAs(1.0, 0.0, spans)
    return Read("Who is the mother of the architect of the Harbour Hall?", [Candidate("p", ())], [ReadPassage("Harbour Hall", TEXT, way, way)])


def test_a_name_on_the_way_is_asked_for_with_the_words_that_are_missing() -> None:
    assert [query.query for query in gaps(read("Ilse Marn"), Missing([], ["mother"]))] == ["Ilse Marn mother"]


def test_names_that_are_missing_come_first() -> None:
    assert [query.query for query in gaps(read("Ilse Marn"), Missing(["Tide House"], ["mother"]))] == ["Tide House", "Ilse Marn mother"]


def test_a_stretch_of_several_sentences_or_many_words_is_no_name() -> None:
    long = ("Ilse Marn designed it. Her", "Phoebe Sandilow, and she grew up under her")
    assert gaps(read(*long), Missing([], ["mother"])) == []
