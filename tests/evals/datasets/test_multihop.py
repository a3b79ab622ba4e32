"""The JSONL form: labels known, unknown and mixed, incomplete evidence, passages that are there twice."""

from __future__ import annotations

from typing import Any

from passel.evals.datasets import multihop
from passel.evals.datasets.records import Record
from passel.evals.question import Question, Step

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


# Hops

HALL = {"title": "Harbour Hall", "text": "The Harbour Hall was designed by Ilse Marn.", "is_supporting": True}
MARN = {"title": "Ilse Marn", "text": "Ilse Marn was born in Sedge, on the Till.", "is_supporting": True}
MILL = {"title": "Sedge mill", "text": "The mill of Sedge was built by Ilse Marn.", "is_supporting": False}


def hops(*passages: dict[str, Any], **fields: Any) -> list[tuple[str, str, str]]:
    """Of each its question, its answer and the title of its passage."""
    question = read(passages=list(passages), **fields)
    titles = {passage.source: passage.title for passage in question.passages}
    return [(hop.question, hop.answer, titles[hop.source]) for hop in question.hops]


def step(question: str, answer: str) -> dict[str, str]:
    return {"question": question, "answer": answer}


def test_hops_of_a_decomposition() -> None:
    steps = [step("Harbour Hall >> designer", "Ilse Marn"), step("Where was #1 born?", "Sedge"), step("What does #2 lie on, by #1?", "the Till")]
    assert hops(MILL, HALL, MARN, decomposition=steps) == [
        ("Harbour Hall designer", "Ilse Marn", "Harbour Hall"),
        ("Where was Ilse Marn born?", "Sedge", "Ilse Marn"),
        ("What does Sedge lie on, by Ilse Marn?", "the Till", "Ilse Marn"),
    ]


def test_the_twelfth_answer_is_not_the_first_with_a_2() -> None:
    steps = [*(step(f"step {n}", "Ilse Marn" if n == 1 else "Sedge") for n in range(1, 13)), step("#12 and #1 and #13", "Sedge")]
    assert hops(HALL, MARN, decomposition=steps)[-1][0] == "Sedge and Ilse Marn and #13"


def test_an_answer_that_looks_like_a_number_is_an_answer() -> None:
    steps = [step("Who is it?", "Ilse Marn"), step("What does #1 sing?", "#1 Crush"), step("Where was the singer of #2 born?", "Sedge")]
    assert hops(HALL, MARN, decomposition=steps)[-1][0] == "Where was the singer of #1 Crush born?"


def test_a_hop_stands_in_a_gold_passage_that_holds_its_answer() -> None:
    """Of several in the one that shares most words with its question."""
    both = {**MILL, "is_supporting": True}
    assert hops(HALL, both, MARN, decomposition=[step("Who built the mill of Sedge?", "Ilse Marn")])[0][2] == "Sedge mill"
    assert hops(HALL, both, MARN, decomposition=[step("Who designed the Harbour Hall?", "Ilse Marn")])[0][2] == "Harbour Hall"
    assert hops(HALL, MILL, MARN, decomposition=[step("Who built the mill of Sedge?", "Ilse Marn")])[0][2] in ("Harbour Hall", "Ilse Marn")


def test_with_a_gold_passage_for_each_step_each_serves_one() -> None:
    """Both hold "Ilse Marn", and the first would suit both questions best."""
    hall = {**HALL, "text": "The Harbour Hall was designed by Ilse Marn, born in Arn like the town clerk."}
    clerk = {"title": "Town clerk", "text": "The clerk of the hall was Ilse Marn.", "is_supporting": True}
    steps = [step("Who was the town clerk of Arn?", "Ilse Marn"), step("Who designed the Harbour Hall?", "Ilse Marn")]
    assert [title for _, _, title in hops(hall, clerk, decomposition=steps)] == ["Town clerk", "Harbour Hall"]
    assert [title for _, _, title in hops(hall, clerk, decomposition=steps[:1])] == ["Harbour Hall"]


def test_the_decomposition_is_kept_as_it_stands_and_its_hops_know_their_steps() -> None:
    steps = [step("Who rings the bell?", "Nan Ottery"), step("Harbour Hall >> designer", "Ilse Marn"), step("Where was #2  born?", "Sedge")]
    question = read(passages=[HALL, MARN], decomposition=steps)
    asked = ("Who rings the bell?", "Harbour Hall designer", "Where was #2 born?")
    assert question.decomposition == tuple(Step(text, given["answer"]) for text, given in zip(asked, steps, strict=True))
    assert [hop.step for hop in question.hops] == [2, 3]
    assert read(decomposition=steps).decomposition == question.decomposition, "without passages too"
    assert question.plan is None
    assert question.decomposed().plan == asked


def test_a_decomposition_may_be_questions_alone() -> None:
    asked = ["How many kids did Ilse Marn have?", "Is #1 greater than 2?"]
    assert read(decomposition=asked).decomposition == tuple(Step(text, "") for text in asked), "as StrategyQA has it"


def test_a_decomposition_that_tells_its_answers_is_left_out() -> None:
    first = {"id": "a", "question": "Who designed the halls?", "answer": ["Ilse Marn", "Jo Birk"], "depends_on": []}
    second = {"id": "b", "question": "How old is Ilse Marn?", "answer": 61.0, "depends_on": ["a"]}
    assert read(decomposition=[first, second]).decomposition == (), "as FanOutQA has it"


def test_a_decomposition_is_a_label_until_it_is_asked_with() -> None:
    question = read(passages=[HALL, MARN], decomposition=[step("Who designed it?", "Ilse Marn"), step("Where was #1 born?", "Sedge")])
    assert (question.blind().decomposition, question.blind().plan) == ((), None)
    asked = question.decomposed().blind()
    assert (asked.decomposition, asked.hops, asked.plan) == ((), (), ("Who designed it?", "Where was #1 born?"))


def test_a_step_whose_passage_is_unknown_is_no_hop_and_its_answer_counts_all_the_same() -> None:
    steps = [step("Who rings the bell?", "Nan Ottery"), step("What has #1?", ""), step("", "Sedge"), step("Where was #1 or #2 born by #3?", "Sedge")]
    assert hops(HALL, MARN, decomposition=steps) == [("Where was Nan Ottery or born by Sedge?", "Sedge", "Ilse Marn")]


def test_hops_of_evidence_triples() -> None:
    triples = [
        ["harbour hall", "designer", "Ilse Marn"],
        ["Ilse Marn", "place of birth", "Sedge"],
        ["Sedge mill", "designer", "Ilse Marn"],  # not gold
        ["Nan Ottery", "place of birth", "Arn"],  # not there
        ["Ilse Marn", "", "Sedge"],
        ["Ilse Marn", "child", ""],
    ]
    assert hops(HALL, MARN, MILL, evidences=triples) == [
        ("What is the designer of harbour hall?", "Ilse Marn", "Harbour Hall"),
        ("What is the place of birth of Ilse Marn?", "Sedge", "Ilse Marn"),
    ]


def test_without_passages_or_steps_there_are_no_hops() -> None:
    assert hops(HALL, MARN) == []
    assert hops(HALL, MARN, decomposition=None, evidences=None) == []
    assert read(decomposition=[step("Who?", "Ilse Marn")], gold_titles=["Harbour Hall"]).hops == ()


def test_hops_are_labels() -> None:
    question = read(passages=[HALL, MARN], decomposition=[step("Who designed the Harbour Hall?", "Ilse Marn")])
    assert question.hops
    assert question.blind().hops == ()
