"""SQuAD 2, NQ, CLAP NQ and MTRAG: what becomes of their labels."""

from __future__ import annotations

from typing import Any

import pytest

from passel.evals.datasets import clapnq, mtrag, nq, squad2
from passel.evals.datasets.records import Record
from passel.evals.question import Question
from passel.tools.errors import UsageError

TEXT = "Arn is a port. Its ferry sails at nine."


def one(read: Any, fields: dict[str, Any]) -> Question:
    return read([Record("f:1", fields)])[0]


# ---- SQuAD 2 ----


def test_squad_the_context_is_the_one_passage() -> None:
    labels = {"is_impossible": False, "answers": ["nine", "nine", "at nine"]}
    question = one(squad2.read, {"id": "1", "title": "Arn", "context": TEXT, "question": "When?", **labels})
    assert question.answers == ("nine", "at nine")
    assert question.answerable is True
    assert [(passage.title, passage.text, passage.gold) for passage in question.passages] == [("Arn", TEXT, True)]


def test_squad_impossible_questions_have_no_answer_and_no_gold() -> None:
    question = one(squad2.read, {"id": "1", "title": "Arn", "context": TEXT, "question": "Why?", "is_impossible": True, "answers": []})
    assert question.answers == ()
    assert question.answerable is False
    assert question.gold == frozenset()


def test_squad_as_the_hub_has_it_says_impossible_by_having_no_answer() -> None:
    row = {"id": "1", "title": "Arn", "context": TEXT, "question": "When?"}
    assert one(squad2.read, {**row, "answers": {"text": ["nine"], "answer_start": [34]}}).answers == ("nine",)
    assert one(squad2.read, {**row, "answers": {"text": [], "answer_start": []}}).answerable is False


def test_squad_without_labels_is_unknown() -> None:
    for labels in ({}, {"answers": None, "is_impossible": None}):
        question = one(squad2.read, {"id": "1", "title": "Arn", "context": TEXT, "question": "When?", **labels})
        assert question.answerable is None
        assert question.gold is None


def test_squad_official_with_and_without_is_impossible() -> None:
    qas = [
        {"id": "a", "question": "When?", "answers": [{"text": "nine", "answer_start": 34}]},
        {"id": "b", "question": "Why?", "is_impossible": True, "answers": [], "plausible_answers": [{"text": "port", "answer_start": 9}]},
    ]
    questions = squad2.read_official([Record("f", {"data": [{"title": "Arn", "paragraphs": [{"context": TEXT, "qas": qas}]}]})])
    assert [(question.id, question.answerable, question.answers) for question in questions] == [("a", True, ("nine",)), ("b", False, ())]


# ---- NQ ----


def test_nq_gold_is_isgold() -> None:
    ctxs = [{"title": "Arn", "text": TEXT, "hasanswer": True, "isgold": True}]
    ctxs.append({"title": "Nine", "text": "At nine.", "hasanswer": True, "isgold": False})
    question = one(nq.read, {"question": "one", "answers": ["nine"], "ctxs": ctxs})
    assert question.id == "7692c3ad3540bb80"  # of its text
    assert question.answerable is True
    assert [passage.gold for passage in question.passages] == [True, False]


# ---- CLAP NQ ----


def clap(*outputs: dict[str, Any]) -> Question:
    passages = [
        {"title": "Arn", "text": TEXT, "sentences": ["Arn is a port.", "Its ferry sails at nine."]},
        {"title": "Sedge", "text": "Sedge has a mill.", "sentences": ["Sedge has a mill."]},
    ]
    return one(clapnq.read, {"id": "-5", "input": "what is arn", "passages": passages, "output": list(outputs)})


def test_clapnq_evidence_has_a_selected_sentence() -> None:
    question = clap(
        {"answer": "A port.", "selected_sentences": ["Arn is a port."]},
        {"answer": " A port with a ferry. ", "selected_sentences": ["Its ferry sails at nine."]},
    )
    assert question.answers == ("A port.", "A port with a ferry.")
    assert [passage.gold for passage in question.passages] == [True, False]
    assert question.answerable is True


def test_clapnq_without_an_answer() -> None:
    question = clap({"answer": "", "selected_sentences": []})
    assert question.answerable is False
    assert question.gold == frozenset()


def test_clapnq_without_labels_is_unknown() -> None:
    for question in (clap(), clap({"answer": None, "selected_sentences": None}), clap({})):
        assert question.answerable is None
        assert question.gold is None


# ---- MTRAG ----


def turn(speaker: str, text: str) -> dict[str, str]:
    return {"speaker": speaker, "text": text}


def task(*turns: dict[str, str], label: str = "ANSWERABLE", **fields: Any) -> Question:
    labels = {"targets": [turn("agent", " At nine. ")], "answerability": [label]}
    return one(mtrag.read, {"task_id": "c<::>1", "input": list(turns), "contexts": [{"text": TEXT}], **labels, **fields})


def test_mtrag_the_last_turn_is_asked_and_the_rest_is_history() -> None:
    before = (turn("user", "What is Arn?"), turn("agent", "A port."), turn("user", "And its ferry?"), turn("agent", "Sails."))
    question = task(*before, turn("user", "When?"))
    assert question.question == "When?"
    assert question.history == (("What is Arn?", "A port."), ("And its ferry?", "Sails."))
    assert question.answers == ("At nine.",)


def test_mtrag_turns_of_one_speaker_in_a_row() -> None:
    asked = (turn("agent", "Hello."), turn("user", "Arn"), turn("user", "What is it?"))
    question = task(*asked, turn("agent", "A port."), turn("agent", "With a ferry."), turn("user", "When?"))
    assert question.history == (("Arn\nWhat is it?", "A port.\nWith a ferry."),)


@pytest.mark.parametrize(
    ("label", "answerable", "gold"),
    [("ANSWERABLE", True, True), ("PARTIAL", None, True), ("UNANSWERABLE", False, None), ("UNDERSPECIFIED", None, None), ("ANOTHER", None, None)],
)
def test_mtrag_labels(label: str, answerable: bool | None, gold: bool | None) -> None:
    question = task(turn("user", "When?"), label=label)
    assert question.answerable is answerable
    assert [passage.gold for passage in question.passages] == [gold]
    assert question.type == label.lower()
    assert bool(question.answers) is (answerable is not False)


def test_mtrag_must_end_with_the_user() -> None:
    with pytest.raises(UsageError, match="f:1: its `input` does not end with a turn of the user"):
        task(turn("user", "When?"), turn("agent", "At nine."))
