"""What became of each step of a decomposition, by hand; the table of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from passel.evals.hops import add_hops, hop_values
from passel.evals.predictions import Line
from passel.evals.question import DataPassage, Hop, Question, Step
from passel.evals.result import Estimate, Result

HALL = DataPassage("Harbour Hall", "The Harbour Hall was designed by Ilse Marn.", True)
MARN = DataPassage("Ilse Marn", "Ilse Marn was born in Sedge.", True)
MILL = DataPassage("Mill", "A mill.", False)
BORN = Question(
    "born",
    "Where was the architect of the Harbour Hall born?",
    ("Sedge",),
    passages=(HALL, MARN, MILL),
    hops=(Hop("Who designed it?", "Ilse Marn", HALL.source, 1), Hop("Where was Ilse Marn born?", "Sedge", MARN.source, 2)),
    decomposition=(Step("Who designed the Harbour Hall?", "Ilse Marn"), Step("Where was #1 born?", "Sedge")),
)


def line(*, candidates: tuple[DataPassage, ...] = (), selected: tuple[DataPassage, ...] = (), asked: tuple[int, ...] = (), first: Any = None) -> Line:
    shown = {key: [{"title": p.title, "text": p.text} for p in of] for key, of in (("candidates", candidates), ("selected", selected))}
    subs = [{"id": 1, "answer": first}, {"id": 2, "answer": None}]
    return {**shown, "queries": [{"sub_question": n} for n in (None, *asked)], "sub_questions": subs}


def test_a_step_is_found_selected_asked_and_answered() -> None:
    assert hop_values(BORN, line(candidates=(HALL, MARN, MILL), selected=(MARN,), asked=(1, 2), first="the architect Ilse Marn")) == [
        {"asked": 1.0, "candidates": 1.0, "selected": 0.0, "resolved": 1.0, "em": 0.0, "f1": pytest.approx(0.8)},
        {"asked": 1.0, "candidates": 1.0, "selected": 1.0},  # nothing waits for it, so resolve does not answer it
    ]
    assert hop_values(BORN, line(asked=(1,), first="Ilse Marn"))[0] == {
        "asked": 1.0, "candidates": 0.0, "selected": 0.0, "resolved": 1.0, "em": 1.0, "f1": 1.0,
    }  # fmt: skip


def test_what_never_came_about_scores_0() -> None:
    nothing: Line = {"candidates": [], "selected": [], "queries": [], "sub_questions": []}
    assert hop_values(BORN, nothing) == [
        {"asked": 0.0, "candidates": 0.0, "selected": 0.0, "resolved": 0.0, "em": 0.0, "f1": 0.0},
        {"asked": 0.0, "candidates": 0.0, "selected": 0.0},
    ]


def test_what_is_not_known_is_not_scored() -> None:
    for question in (replace(BORN, hops=()), replace(BORN, by_title=True), replace(BORN, passages=(MILL,))):
        assert [sorted(one) for one in hop_values(question, line(first="Ilse Marn"))] == [["asked", "em", "f1", "resolved"], ["asked"]]
    silent = replace(BORN, decomposition=(Step("Who designed the Harbour Hall?", ""), BORN.decomposition[1]))
    assert sorted(hop_values(silent, line())[0]) == ["asked", "candidates", "selected"]


def test_the_table_by_hop_and_by_length() -> None:
    longer = replace(
        BORN,
        id="longer",
        hops=BORN.hops[:1],
        decomposition=(*BORN.decomposition, Step("What grows in #2?", "oats")),
    )
    both = (HALL, MARN)
    ours = [line(candidates=both, selected=both, asked=(1, 2), first="Ilse Marn"), line(candidates=both, selected=(HALL,), asked=(1,), first="Nan")]
    theirs = [line(candidates=(HALL,), selected=(HALL,)), line(candidates=both)]
    result = Result("qa", {})
    add_hops(result, [BORN, longer], ours, theirs)
    (table,) = result.tables
    assert [row.label for row in table.rows] == ["hop 1", "hop 2", "hop 3", "hop 1 of 2", "hop 2 of 2", "hop 1 of 3", "hop 2 of 3", "hop 3 of 3"]

    def cells(label: str) -> list[float | int | None]:
        (row,) = [row for row in table.rows if row.label == label]
        return [cell.value if isinstance(cell, Estimate) else cell for cell in row.cells]  # type: ignore[misc]

    assert cells("hop 1") == [2, 1.0, 1.0, 1.0, 0.0, 1.0, 0.5, 0.5, 1.0, 0.5, 0.5]
    assert cells("hop 2") == [2, 0.5, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], "the passage of one is known; for the other's answer a step waits"
    assert cells("hop 3") == [1, 0.0, *[None] * 9]
    assert {name: estimate.value for name, estimate in result.metrics.items()} == {
        "hop_1_candidates": 1.0, "hop_1_selected": 1.0, "hop_1_em": 0.5, "hop_1_f1": 0.5,
        "hop_2_candidates": 1.0, "hop_2_selected": 1.0, "hop_2_em": 0.0, "hop_2_f1": 0.0,
    }  # fmt: skip
