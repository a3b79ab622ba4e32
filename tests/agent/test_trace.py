"""The tree that `--trace` shows, and that nothing in a document can harm the terminal it is shown on."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from passel.agent.terminal import clean, one_line
from passel.agent.trace import trace
from passel.graphs.answer import Answer, CandidatePassage, Citation, Query, SelectedPassage, SubQuestion, Usage, Verdict
from passel.graphs.events import Answered, Event, Judged, Linked, Planned, Resolved, Searched, Selected, Sentence

QUESTION = "Where was the engineer of the Mole Light born?"
SENTENCE = "She was born in Stenmouth, the daughter of a net-maker. [1]"


def run_of_two_rounds(title: str = "Mole Light", text: str = "The Mole Light is a harbour light at Quell.") -> list[Event]:
    light = CandidatePassage(passage_id="a", title=title, text=text, channels=["dense", "lexical"], score=0.03)
    farrow = CandidatePassage(passage_id="b", title="Ida Farrow", text="She was born in Stenmouth.", channels=["linked"], score=0.02)
    ferry = CandidatePassage(passage_id="c", title="Lapwing (ferry)", text="A steam ferry.", channels=["dense"], score=0.01)
    chosen = [SelectedPassage(passage_id=c.passage_id, title=c.title, text=c.text, relevance=p) for c, p in ((light, 0.91), (farrow, 0.47))]
    subs = [
        SubQuestion(id=1, question="Who built the Mole Light?", answer="Ida Farrow"),
        SubQuestion(id=2, question="Where was #1 born?", depends_on=[1]),
    ]
    hop = Query(query="Where was Ida Farrow born?", reason="next_hop", sub_question=2)
    answer = Answer(
        question=QUESTION,
        outcome="answered",
        answer=SENTENCE,
        citations=[Citation(passage_id="b", title="Ida Farrow", source="ida-farrow.md", span=(9, 35), quote="She was born in Stenmouth.")],
        selected=chosen,
        candidates=[light, farrow, ferry],
        stop_reason="knee of the scores",
        sub_questions=subs,
        queries=[Query(query=QUESTION, reason="question"), hop],
        confidence=0.62,
        usage=Usage(searches=2, evidence_tokens=57),
        latency_ms=1234.0,
    )
    return [
        Planned(question=QUESTION, sub_questions=subs, planner="embedded"),
        Searched(query=Query(query=QUESTION, reason="question"), found=30),
        Linked(names=["Ida Farrow"]),
        Selected(selected=chosen[:1], candidates=2, stop_reason="fixed k = 1", tokens=30),
        Resolved(sub_question=subs[0]),
        Judged(verdict=Verdict(kind="look", why="a sub-question became ready", queries=[hop])),
        Searched(query=hop, found=17),
        Linked(names=[]),
        Selected(selected=chosen, candidates=3, stop_reason="knee of the scores", tokens=57),
        Judged(verdict=Verdict(kind="answer", why="the evidence covers the question", answerable=0.83)),
        Sentence(text=SENTENCE, citations=answer.citations),
        Answered(answer=answer),
    ]


def shown(events: list[Event], width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(trace(events))
    return out.getvalue()


def test_everything_that_happened_is_there_in_its_order() -> None:
    text = shown(run_of_two_rounds(), width=100)
    facts = [
        QUESTION, "embedded planner", "#1 Who built the Mole Light? → Ida Farrow", "#2 Where was #1 born?", "after #1",
        "round 1", "30 found", "Ida Farrow  (1 named)", "1 of 2, 30 tokens; fixed k = 1", "resolve #1", "look again: a sub-question became ready",
        "round 2", "“Where was Ida Farrow born?”", "17 found", "3 candidates", "dense   2: Mole Light, Lapwing (ferry)", "lexical 1: Mole Light",
        "linked  1: Ida Farrow",
        "2 of 3 passages, 57 tokens  (stopped: knee of the scores)", "1. 0.91  Mole Light", "2. 0.47  Ida Farrow", "answerable 0.83",
        "answered  (confidence 0.62)", SENTENCE, "2 searches, no call of a chat model; 1.23 s",
    ]  # fmt: skip
    at = 0
    for fact in facts:
        found = text.find(fact, at)
        assert found >= 0, f"{fact!r} is missing after:\n{text[:at]}"
        at = found


def test_it_fits_the_width_of_the_terminal() -> None:
    for width in (40, 80, 120):
        assert max(map(len, shown(run_of_two_rounds(text="word " * 400), width).splitlines())) <= width


def test_of_an_answer_alone_it_shows_what_the_answer_tells() -> None:
    text = shown(run_of_two_rounds()[-1:])
    assert "round" not in text
    assert "“Where was Ida Farrow born?”" in text
    assert "1. 0.91  Mole Light" in text


def test_a_run_that_broke_off_shows_how_far_it_came() -> None:
    failed = Answer(question=QUESTION, outcome="failed", answer="", error="RuntimeError: the disk is full")
    text = shown([*run_of_two_rounds()[:2], Answered(answer=failed)], width=100)
    assert "30 found" in text
    assert "RuntimeError: the disk is full" in text


def test_a_sentence_that_verify_took_out_is_not_shown_as_the_answer() -> None:
    *before, last = run_of_two_rounds()
    assert isinstance(last, Answered)
    text = shown([*before, Sentence(text="The moon is a cheese.", citations=[]), last])
    assert "cheese" not in text
    assert SENTENCE in text


def test_events_that_do_not_end_are_no_run() -> None:
    with pytest.raises(ValueError, match="Answered"):
        trace(run_of_two_rounds()[:-1])


def test_a_passage_can_neither_style_the_tree_nor_move_the_cursor() -> None:
    hostile = run_of_two_rounds(title="[bold]Mole[/bold] \x1b[31mLight\x07", text="[/nonsense] \x1b]0;owned\x07 :smile: \x9b2J\u202egnp")
    text = shown(hostile, width=200)
    assert "[bold]Mole[/bold]" in text
    assert "[/nonsense]" in text
    assert ":smile:" in text
    assert not set(text) & set("\x1b\x07\x9b\u202e")


@given(st.text())
def test_clean_text_holds_no_control_character(text: str) -> None:
    assert all(char in "\n\t" or (char.isprintable() or char >= "\xa0") for char in clean(text))
    clean(text).encode("utf-8")
    assert "\n" not in one_line(text)
    assert clean(clean(text)) == clean(text)
