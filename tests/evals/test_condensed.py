"""Conversations condensed: the same words as the graph's own condense finds, and what that changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from passel.evals.condensed import LAST_TURN, add_condensed, condensed
from passel.evals.predictions import Line
from passel.evals.question import DataPassage, Question
from passel.evals.result import Result
from passel.evals.setup import NothingToAsk, Setup
from passel.graphs.context import RagContext
from passel.graphs.rag import build_graph
from passel.graphs.run import new_question, run
from passel.tools.corpus import Corpus

MARN = DataPassage("Ilse Marn", "Ilse Marn was born in Sedge.", True)
FOLLOW_UP = Question("a", " When was she born? ", passages=(MARN,), history=(("Who designed the Harbour Hall?", "Ilse Marn designed it."),))
ALONE = Question("b", "When was Otto Vane born?", passages=(MARN,), history=(("Who designed the Harbour Hall?", "Ilse Marn designed it."),))
FIRST = Question("c", "Who designed the Harbour Hall?", passages=(MARN,))


def setup(*questions: Question) -> Setup:
    return Setup(questions, "distractor", {}, {}, encoder=None)  # type: ignore[arg-type]


async def test_it_is_what_the_graph_would_ask(encoder: Any, tmp_path: Any) -> None:
    """With more turns, and longer ones, than the graph keeps."""
    long = replace(FOLLOW_UP, history=(("Who is Nan Ottery?", "A bellringer."), ("And? " * 400, "x " * 2_000), *[("Well?", "Hm.")] * 12))
    with Corpus.open(tmp_path / "empty", create=True, encoder=encoder) as corpus:
        for question in (FOLLOW_UP, ALONE, long):
            context = RagContext(corpus, selector=None)  # type: ignore[arg-type]  # nothing is found, so nothing is selected
            asked = new_question(question.question, history=list(question.history))
            events = [event async for event in run(build_graph().compile(), context, asked)]
            assert condensed(setup(question)).questions[0].question == events[0].question  # type: ignore[union-attr]


def test_only_what_leans_on_its_conversation_is_changed() -> None:
    changed = condensed(setup(FOLLOW_UP, ALONE, FIRST)).questions
    assert [question.question for question in changed] == ["When was she born? (Ilse Marn; Harbour Hall)", ALONE.question, FIRST.question]
    assert [question.gold for question in changed] == [FOLLOW_UP.gold] * 3
    with pytest.raises(NothingToAsk, match="no question has a conversation"):
        condensed(setup(FIRST))


def test_what_the_conversation_changed_is_compared_alone() -> None:
    alone = (FOLLOW_UP, ALONE, FIRST)
    asked = condensed(setup(*alone)).questions

    def lines(*found: bool) -> list[Line]:
        shown = {"title": MARN.title, "text": MARN.text}
        usage = {"evidence_tokens": 7}
        return [
            {"dataset": "", "id": question.id, "outcome": "answered", "usage": usage, "selected": [shown] if one else []}
            for question, one in zip(alone, found, strict=True)
        ]

    result = Result("selection", {})
    add_condensed(result, alone, asked, lines(True, False, False), lines(False, True, True))
    assert result.counts == {"with a conversation": 2, "changed by it": 1}
    (table,) = result.tables
    (row,) = table.rows
    assert row.label == LAST_TURN
    assert [cell.value for cell in row.cells[:2]] == [0.0, 1.0], "its support F1, and what is gained"  # type: ignore[union-attr]
