"""The JSONL form: labels known, unknown and mixed, incomplete evidence, passages that are there twice."""

from __future__ import annotations

from typing import Any

from passel.evals.datasets import multihop
from passel.evals.datasets.records import Record
from passel.evals.question import Question

TILL = {"title": "Till", "text": "The Till is a river."}
SEDGE = {"title": "Sedge", "text": "Sedge lies on the Till and has a mill."}


def read(**fields: Any) -> Question:
    return multihop.read([Record("f:1", {"id": "q", "question": "What lies on the Till?", **fields})])[0]


def test_known_labels() -> None:
    question = read(answers=["Sedge"], passages=[{**TILL, "is_supporting": False}, {**SEDGE, "is_supporting": True}])
    assert question.answerable is True
    assert [passage.gold for passage in question.passages] == [False, True]
    assert question.gold == {question.passages[1].source}


def test_absent_and_null_labels_are_unknown() -> None:
    for labels in ({}, {"answers": None, "type": None, "passages": [{**TILL, "is_supporting": None}]}, {"passages": [TILL]}):
        question = read(**labels)
        assert question.answers == ()
        assert question.answerable is None
        assert question.gold is None
        assert question.blind() == question


def test_a_question_whose_gold_is_not_there_is_not_called_answerable() -> None:
    assert read(answers=["Sedge"], passages=[{**TILL, "is_supporting": False}]).answerable is None


def test_answerable_may_be_given() -> None:
    assert read(answers=["Sedge"], answerable=False, passages=[{**SEDGE, "is_supporting": True}]).answerable is False


def test_incomplete_evidence_is_unanswerable_unless_an_answer_stands_there() -> None:
    only_till = [{**TILL, "is_supporting": True}]
    assert read(answers=["Sedge"], gold_in_context=["Till"], passages=only_till).answerable is False
    assert read(answers=["Sedge"], gold_in_context=[], passages=[{**SEDGE, "is_supporting": False}]).answerable is None
    assert read(answers=["Nowhere", "a mill"], gold_in_context=[], passages=[SEDGE]).answerable is None
    named = [{"title": "Sedge (village)", "text": "A place."}]
    assert read(answers=["Sedge"], gold_in_context=[], passages=named).answerable is None
    said_no = [{"title": "Arn", "text": "No ferry sails; yes, none."}]
    assert read(answers=["no"], gold_in_context=["Arn"], passages=said_no).answerable is False  # "no" stands everywhere


def test_a_passage_that_is_there_twice_is_one_candidate_and_gold_where_either_is() -> None:
    question = read(answers=["Sedge"], passages=[{**SEDGE, "is_supporting": False}, TILL, {**SEDGE, "is_supporting": True}])
    assert [(passage.title, passage.gold) for passage in question.passages] == [("Sedge", True), ("Till", None)]


def test_title_and_text_are_kept_to_the_letter() -> None:
    question = read(passages=[{"title": " A  &amp; B ", "text": "  two  spaces\u2028 \n"}])
    assert (question.passages[0].title, question.passages[0].text) == (" A  &amp; B ", "  two  spaces\u2028 \n")


def test_ids_are_made_of_the_question_where_there_are_none() -> None:
    records = [Record(f"f:{n}", {"question": question}) for n, question in enumerate(("one", "two", "one"))]
    ids = [question.id for question in multihop.read(records)]
    assert ids[0] == "7692c3ad3540bb80"  # sha256("one")
    assert ids[2] == "7692c3ad3540bb80-2"
    assert len(set(ids)) == 3


def test_a_number_may_be_an_id() -> None:
    assert read(id=7).id == "7"
