"""Labels against lines: evidence is a passage, never a title; what is empty, absent or failed is scored, and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import log2
from typing import Any

import pytest

from passel.evals.labels import answer_values, gold_flags, gold_keys, key_in, ranked_of, said, support_values, told_values, would_answer
from passel.evals.predictions import Line, failed_line
from passel.evals.question import DataPassage, Question

LIGHT = DataPassage("Mole Light", "It was built by Ida Farrow.", True)
FARROW = DataPassage("Ida Farrow", "She was born in Cressing.", True)
NAMESAKE = DataPassage("Ida Farrow", "A trawler that sank in 1911.", False)
"""The title of a gold passage, and no evidence."""
QUAY = DataPassage("Long Quay", "It is long.", False)
ASKED = Question("q", "Where was its builder born?", ("Cressing", "Cressing Holt"), True, "bridge", (QUAY, LIGHT, NAMESAKE, FARROW), dataset="d")


def line(
    selected: Sequence[DataPassage], candidates: Sequence[DataPassage] = ASKED.passages, *, outcome: str = "answered", answer: str = ""
) -> Line:
    def form(passage: DataPassage) -> dict[str, Any]:
        return {"passage_id": passage.source, "title": passage.title, "text": passage.text}

    return {
        "id": "q",
        "outcome": outcome,
        "answer": answer,
        "candidates": [form(passage) for passage in candidates],
        "scores": [1 - n / 10 for n in range(len(candidates))],
        "tokens": [10 * (n + 1) for n in range(len(candidates))],
        "selected": [form(passage) for passage in selected],
        "usage": {"evidence_tokens": 7 * len(selected)},
    }


def support(selected: Sequence[DataPassage], question: Question = ASKED, **given: Any) -> dict[str, float]:
    values = support_values(question, line(selected, **given))
    assert values is not None
    return values


def without_gold(question: Question) -> Question:
    return replace(question, passages=tuple(replace(passage, gold=False) for passage in question.passages), answerable=False)


# ---- support ----


def test_hand_computed() -> None:
    assert support([FARROW, QUAY, LIGHT]) == {
        "support_precision": pytest.approx(2 / 3),
        "support_recall": 1.0,
        "support_f1": pytest.approx(4 / 5),
        "support_em": 0.0,
        "all_gold": 1.0,
        "order_nDCG": pytest.approx((1 + 1 / log2(4)) / (1 + 1 / log2(3))),
        "passages": 3.0,
        "tokens": 21.0,
    }
    exact = support([FARROW, LIGHT])
    assert (exact["support_em"], exact["support_f1"], exact["order_nDCG"]) == (1.0, 1.0, 1.0)


def test_support_is_by_passage_and_not_by_title() -> None:
    """As MuSiQue repeats titles: by title alone this selection would be exactly right."""
    values = support([LIGHT, NAMESAKE])
    assert (values["support_recall"], values["support_precision"], values["all_gold"]) == (0.5, 0.5, 0.0)
    same_text = replace(FARROW, title="Ida Farrow (engineer)")
    assert support([LIGHT, same_text])["support_recall"] == 0.5


def test_gold_that_is_no_candidate_is_missed() -> None:
    candidates = (QUAY, LIGHT, NAMESAKE)
    values = support([LIGHT], candidates=candidates)
    assert (values["support_recall"], values["support_precision"], values["support_em"], values["all_gold"]) == (0.5, 1.0, 0.0, 0.0)
    ranked = ranked_of(ASKED, line([LIGHT], candidates))
    assert ranked is not None
    assert (ranked.gold, ranked.gold_count) == ((False, True, False), 2)


def test_nothing_selected() -> None:
    nothing = support([])
    assert {nothing[name] for name in nothing} == {0.0}
    right = support([], without_gold(ASKED))
    assert {name for name, value in right.items() if value == 1.0} == set(right) - {"passages", "tokens"}
    wrong = support([QUAY], without_gold(ASKED))
    assert {name for name, value in wrong.items() if value == 0.0} == set(wrong) - {"passages", "tokens"}


def test_a_failed_line_scores_nothing_whatever_it_holds() -> None:
    for selected, question in (([LIGHT, FARROW], ASKED), ([], without_gold(ASKED)), ([], ASKED)):
        values = support(selected, question, outcome="failed")
        assert {value for name, value in values.items() if name not in ("passages", "tokens")} == {0.0}
    values = support_values(ASKED, failed_line(ASKED, "no"))
    assert values is not None
    assert set(values.values()) == {0.0}


def test_unknown_evidence_is_not_scored() -> None:
    for question in (ASKED.blind(), replace(ASKED, passages=()), replace(ASKED, passages=(LIGHT, replace(QUAY, gold=None)))):
        assert gold_keys(question) is None
        assert support_values(question, line([LIGHT])) is None
        assert ranked_of(question, line([LIGHT])) is None


def test_what_the_baselines_know() -> None:
    ranked = ranked_of(ASKED, line([QUAY]))
    assert ranked is not None
    assert (ranked.gold, ranked.tokens, ranked.gold_count) == ((False, True, False, True), (10, 20, 30, 40), 2)
    assert ranked.scores == (1.0, 0.9, 0.8, 0.7)


# ---- evidence that is known by its title ----

OPEN = Question("q", "Where was its builder born?", ("Cressing",), True, gold_titles=("Mole Light", "Ida Farrow"), by_title=True, dataset="d")


def test_of_several_passages_with_a_gold_title_the_first_is_the_evidence() -> None:
    assert gold_keys(OPEN) == {"Mole Light", "Ida Farrow"}
    passages = line([QUAY, NAMESAKE, FARROW, LIGHT])["selected"]
    assert gold_flags(OPEN, passages, frozenset(OPEN.gold_titles)) == (False, True, False, True)
    values = support([QUAY, NAMESAKE, FARROW, LIGHT], OPEN)
    assert (values["support_recall"], values["support_precision"]) == (1.0, 0.5)
    ranked = ranked_of(OPEN, line([], (NAMESAKE, FARROW, QUAY)))
    assert ranked is not None
    assert (ranked.gold, ranked.gold_count) == ((True, False, False), 2)


def test_of_an_own_corpus_an_unanswerable_question_wants_nothing_selected() -> None:
    unanswerable = replace(OPEN, gold_titles=(), answers=(), answerable=False)
    assert gold_keys(replace(unanswerable, answerable=None)) is None
    assert (support([], unanswerable)["support_f1"], support([LIGHT], unanswerable)["support_f1"]) == (1.0, 0.0)


def test_a_key_does_not_depend_on_a_label() -> None:
    for question in (ASKED, OPEN):
        for passage in line(ASKED.passages)["selected"]:
            assert key_in(question, passage) == key_in(question.blind(), passage)


def test_titles_beside_labelled_passages_do_not_hide_the_evidence() -> None:
    assert support([LIGHT, FARROW], replace(ASKED, gold_titles=("Mole Light", "Ida Farrow")))["support_recall"] == 1.0


# ---- answers ----


def test_the_best_alias_and_no_citation_marks() -> None:
    values = answer_values(ASKED, line([LIGHT, FARROW], answer="The Cressing Holt! [1][2]"))
    assert values == {"em": 1.0, "f1": 1.0, "contains": 1.0, "passage_joint_f1": 1.0, "passage_joint_em": 1.0}


def test_the_passage_joint_figures_by_hand() -> None:
    # said: "in cressing" (normal form, 2 tokens), best alias "cressing": precision 1/2, recall 1. Support: precision 1/3, recall 1/2.
    values = answer_values(ASKED, line([QUAY, LIGHT, NAMESAKE], answer="In Cressing. [1]"))
    assert values is not None
    precision, recall = 1 / 2 * 1 / 3, 1 * 1 / 2
    assert values["passage_joint_f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert values["f1"] == pytest.approx(2 / 3)
    assert (values["em"], values["passage_joint_em"], values["contains"]) == (0.0, 0.0, 1.0)


def test_yes_and_no_earn_nothing_by_overlap() -> None:
    yes = replace(ASKED, answers=("yes",))
    values = answer_values(yes, line([LIGHT, FARROW], answer="Yes, in Cressing. [1]"))
    assert values is not None
    assert (values["em"], values["f1"], values["passage_joint_f1"]) == (0.0, 0.0, 0.0)
    assert (answer_values(yes, line([], answer="Yes.")) or {})["f1"] == 1.0


@pytest.mark.parametrize("outcome", ["abstained", "out_of_budget", "failed"])
def test_what_is_said_without_answering_is_no_answer(outcome: str) -> None:
    told = line([LIGHT, FARROW], outcome=outcome, answer="I don't know. I searched for “Cressing”.")
    assert said(told) == ""
    values = answer_values(ASKED, told)
    assert values is not None
    assert set(values.values()) == {0.0}
    assert told_values(ASKED, told) == (0.0, 0.0)


def test_where_the_evidence_is_not_there_abstaining_is_right_and_all_else_wrong() -> None:
    question = without_gold(ASKED)
    for outcome, right in (("abstained", 1.0), ("answered", 0.0), ("partial", 0.0), ("out_of_budget", 0.0), ("failed", 0.0)):
        assert answer_values(question, line([], outcome=outcome, answer="Cressing")) == {"em": right, "f1": right, "contains": right}
    assert told_values(question, line([], answer="Cressing")) == (1.0, 1.0)  # what was said is right all the same


def test_what_was_told_is_right_said_or_withheld() -> None:
    withheld = {**line([], outcome="abstained", answer="I don't know."), "found": "Cressing"}
    assert told_values(ASKED, withheld) == (1.0, 1.0)
    assert told_values(ASKED, {**withheld, "outcome": "answered", "answer": "Farrow [1]"}) == (0.0, 0.0), "what was said comes first"
    for outcome in ("failed", "out_of_budget"):
        assert told_values(ASKED, {**withheld, "outcome": outcome}) == (0.0, 0.0), "a failure is wrong"
    declined = {**withheld, "usage": {"calls": 1}}
    assert told_values(ASKED, declined) == (0.0, 0.0), "what the reader found is no chat model's answer"


def test_what_would_be_answered_where_the_confidence_alone_decides() -> None:
    withheld = line([LIGHT], outcome="abstained")
    assert would_answer(withheld)
    assert not would_answer({**withheld, "selected": []})
    assert not would_answer({**withheld, "usage": {"calls": 2}}), "a chat model declined"
    assert not any(would_answer({**withheld, "outcome": outcome}) for outcome in ("failed", "out_of_budget"))


def test_a_chat_models_sentence_is_right_where_an_accepted_wording_stands_in_it() -> None:
    told = line([], answer="The light stands in Cressing. [1]")
    assert told_values(ASKED, told)[0] == 0.0, "a stretch of a passage has to match"
    assert told_values(ASKED, {**told, "usage": {**told["usage"], "calls": 1}})[0] == 1.0
    assert told_values(ASKED, {**told, "usage": {**told["usage"], "calls": 1}, "answer": "It stands in Farrow. [1]"})[0] == 0.0


def test_an_unknown_answer_is_not_scored() -> None:
    assert answer_values(ASKED.blind(), line([], answer="Cressing")) is None
    known_answer_alone = replace(ASKED, passages=ASKED.blind().passages)
    assert answer_values(known_answer_alone, line([], answer="Cressing")) == {"em": 1.0, "f1": 1.0, "contains": 1.0}
