"""gaps: what is searched next is something that can be named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from passel.graphs.evidence import Missing, Read, missing
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


def test_a_name_that_stands_inside_a_word_of_the_question_is_not_named_by_it() -> None:
    one = read("Marn")
    asked = replace(one, question="Who is the mother of the architect of the Marnock House?")
    assert [query.query for query in gaps(asked, Missing([], ["mother"]))] == ["Marn mother"]
    assert gaps(replace(one, question="Who is the mother of Marn?"), Missing([], ["mother"])) == []


def test_what_condense_added_is_not_missing() -> None:
    asked = replace(read("Ilse Marn"), question="When did she learn building? (Mirel Ostane; Tarn Light)")
    assert missing(asked) == Missing([], [])


def test_names_that_are_missing_come_first() -> None:
    assert [query.query for query in gaps(read("Ilse Marn"), Missing(["Tide House"], ["mother"]))] == ["Tide House", "Ilse Marn mother"]


def test_marks_around_a_name_are_none_of_it() -> None:
    assert [query.query for query in gaps(read("Phoebe Sandilow, and she"), Missing([], ["age"]))] == ["Phoebe Sandilow, and she age"]
    assert [query.query for query in gaps(read("Phoebe Sandilow,"), Missing([], ["age"]))] == ["Phoebe Sandilow age"]


@pytest.mark.parametrize(
    ("found", "name"),
    [("C++", "C++"), ("Sedge (village)", "Sedge (village)"), ("Arn, D.C.", "Arn, D.C."), ("Yahoo!", "Yahoo!"), ("Marn**", "Marn"),
     ("“Ilse Marn”,", "Ilse Marn"), ("Ilse Marn.", "Ilse Marn")],
)  # fmt: skip
def test_marks_of_a_name_stay(found: str, name: str) -> None:
    way = ReadAs(1.0, 0.0, (AnswerSpan(0, len(found), 3.0),))
    one = Read("Who is the mother of the architect?", [Candidate("p", ())], [ReadPassage("Hall", found, way, way)])
    assert [query.query for query in gaps(one, Missing([], ["age"]))] == [f"{name} age"]


def test_a_stretch_of_several_sentences_or_many_words_is_no_name() -> None:
    long = ("Ilse Marn designed it. Her", "Phoebe Sandilow, and she grew up under her")
    assert gaps(read(*long), Missing([], ["mother"])) == []
