"""Signals: numbers that are always finite, and that move the way they are meant to."""

from __future__ import annotations

from math import isfinite
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from passel.graphs.evidence import Read, missing
from passel.graphs.gaps import gaps
from passel.graphs.signals import signals
from passel.rerankers.selection import Selection
from passel.tools.candidate import Candidate, Hit
from passel.tools.pair import AnswerSpan
from passel.tools.passage import Passage
from passel.tools.reader import ReadAs, ReadPassage

QUESTION = "Where was the architect of the Harbour Hall born?"
HALL = "The Harbour Hall in Arn was designed by Ilse Marn and opened in 1871."
MARN = "Ilse Marn was an architect. She was born in the village of Sedge in 1832."


def read(*texts: tuple[str, str, str, float], question: str = QUESTION) -> Read:
    """(title, text, answer that is found in it, its score) of each passage."""
    passages = []
    for title, text, answer, score in texts:
        start = text.index(answer) if answer else 0
        spans = (AnswerSpan(start, start + len(answer), score),) if answer else ()
        way = ReadAs(2.0, 0.0, spans)
        passages.append(ReadPassage(title, text, way, way))
    found = [Passage(str(n), str(n), text, title) for n, (title, text, _, _) in enumerate(texts)]
    return Read(question, [Candidate(each.id, (Hit("dense", question, 0, 0.5),), each) for each in found], passages)


def chosen(*relevance: float, nothing: float = 0.1, left: float = 0.2) -> dict[str, Any]:
    ids = tuple(map(str, range(len(relevance))))
    selection = Selection(ids, relevance, "stop", 10, ranked=(*ids, "left"), scores=(*relevance, left), nothing=nothing)
    return selection.to_state()


WHOLE = read(("Harbour Hall", HALL, "Ilse Marn", 1.0), ("Ilse Marn", MARN, "Sedge", 6.0))
HALF = read(("Arn", "Arn is a port with a fish market.", "Arn", -3.0))


def test_better_evidence_has_better_signals() -> None:
    good, poor = signals(WHOLE, chosen(0.95, 0.9)), signals(HALF, chosen(0.3, nothing=0.6))
    for name in ("highest", "second", "expected", "names", "answer"):
        assert good[name] > poor[name], name
    assert good["nothing"] < poor["nothing"]
    assert good["names"] == 1.0


def test_an_empty_selection_has_signals_of_an_answer_too_few() -> None:
    told = signals(read(), chosen())
    assert told["none selected"] == 1.0
    assert "answer" not in told
    assert signals(read(), None)["nothing"] > 5


@given(
    st.lists(st.floats(0, 1), max_size=4), st.floats(0, 1), st.floats(-1e6, 1e6), st.text(max_size=40), st.text(alphabet="abc XYZ.1é", max_size=30)
)
def test_always_finite(relevance: list[float], nothing: float, score: float, question: str, text: str) -> None:
    of = read(*[("T", text, text[:3], score) for _ in relevance], question=question)
    assert all(map(isfinite, signals(of, chosen(*relevance, nothing=nothing)).values()))


def test_a_gap_is_a_name_that_the_evidence_lacks() -> None:
    of = read(("Arn", "Arn is a port with a fish market.", "", 0.0), question="Who designed the Harbour Hall and why?")
    assert [query.query for query in gaps(of, missing(of))] == ["Harbour Hall"]


def test_or_the_next_hop_from_what_the_evidence_leads_to() -> None:
    of = read(("Harbour Hall", HALL, "Ilse Marn", 4.0))
    assert missing(of).names == []
    assert [query.query for query in gaps(of, missing(of))] == ["Ilse Marn architect born"]


def test_what_the_question_names_itself_leads_nowhere() -> None:
    of = read(("Harbour Hall", HALL, "Harbour Hall", 4.0))
    assert gaps(of, missing(of)) == []
