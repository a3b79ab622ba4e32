"""The state machine over a real corpus: every outcome, with the embedded default and with a scripted chat model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from passel.graphs.answer import Answer
from passel.graphs.rag import build_graph
from passel.tools.budget import Budget
from passel.tools.corpus import Corpus

BRIDGE = "Where was the architect of the Harbour Hall born?"
PLAN = json.dumps({"sub_questions": [{"question": "Who was the architect of the Harbour Hall?"}, {"question": "Where was #1 born?"}]})
WHOLE = json.dumps({"sub_questions": []})


def types(events: list[Any]) -> list[str]:
    return [event.type for event in events]


def check(answer: Answer, corpus: Corpus) -> None:
    """What holds for every answer, whatever its outcome."""
    assert Answer.model_validate_json(answer.model_dump_json()) == answer
    candidates = {candidate.passage_id for candidate in answer.candidates}
    assert {passage.passage_id for passage in answer.selected} <= candidates
    assert {citation.passage_id for citation in answer.citations} <= {passage.passage_id for passage in answer.selected}
    for number, citation in enumerate(answer.citations, 1):
        document = corpus.document(citation.source)
        assert document is not None
        assert document[citation.span[0] : citation.span[1]] == citation.quote
        assert f"[{number}]" in answer.answer
    queries = [query.query for query in answer.queries]
    assert len(queries) == len(set(queries)), "a query asked before is never asked again"


async def test_a_bridge_question_is_answered_with_citations_that_open_at_their_place(ask: Any, harbour: Corpus) -> None:
    events = await ask(BRIDGE)
    answer = events[-1].answer
    check(answer, harbour)
    assert answer.outcome == "answered"
    assert "Sedge" in answer.answer
    assert {"Harbour Hall", "Ilse Marn"} <= {passage.title for passage in answer.selected}
    assert types(events)[:2] == ["planned", "searched"]
    assert types(events)[-1] == "answered"
    assert answer.usage.calls == 0
    assert answer.usage.searches == 1


async def test_a_comparison_is_searched_part_by_part(ask: Any, harbour: Corpus) -> None:
    answer = (await ask("Who was born earlier, Ilse Marn or Otto Vane?"))[-1].answer
    check(answer, harbour)
    assert [query.reason for query in answer.queries] == ["question", "sub_question", "sub_question"]
    assert "1832" in answer.answer
    assert "1840" in answer.answer


async def test_a_question_about_nothing_in_the_corpus_is_not_answered(ask: Any, harbour: Corpus) -> None:
    answer = (await ask("Which quarterback won the Super Bowl for Denver?"))[-1].answer
    check(answer, harbour)
    assert answer.outcome == "abstained"
    assert "Super Bowl" in answer.answer, "it says what was missing"
    assert answer.citations == []


async def test_an_empty_corpus_abstains(ask: Any, empty: Corpus) -> None:
    answer = (await ask(BRIDGE, corpus=empty))[-1].answer
    assert (answer.outcome, answer.candidates, answer.stop_reason) == ("abstained", [], "no candidates")


async def test_dependent_sub_questions_are_resolved_and_asked_next(ask: Any, harbour: Corpus, fake_chat: Any) -> None:
    model = fake_chat.of(PLAN, "Ilse Marn", "Ilse Marn was born in the village of Sedge. [1]")
    events = await ask(BRIDGE, model=model)
    answer = events[-1].answer
    check(answer, harbour)
    assert [(query.query, query.reason) for query in answer.queries] == [
        (BRIDGE, "question"),
        ("Who was the architect of the Harbour Hall?", "sub_question"),
        ("Where was Ilse Marn born?", "next_hop"),
    ]
    assert answer.sub_questions[0].answer == "Ilse Marn"
    assert answer.outcome == "answered"
    assert answer.citations[0].quote.startswith("She was born in the village of Sedge")
    assert answer.usage.calls == 3
    assert answer.usage.tokens_in > 0
    assert types(events).count("judged") == 2


async def test_a_plan_that_points_forward_is_repaired_once(ask: Any, fake_chat: Any) -> None:
    forward = json.dumps({"sub_questions": [{"question": "Where was #2 born?"}, {"question": "Who was the architect?"}]})
    model = fake_chat.of(forward, PLAN, "Ilse Marn", "She was born in the village of Sedge. [1]")
    answer = (await ask(BRIDGE, model=model))[-1].answer
    assert [sub.question for sub in answer.sub_questions] == ["Who was the architect of the Harbour Hall?", "Where was #1 born?"]
    assert "earlier sub-question" in str(model.calls[1])


async def test_a_model_that_returns_garbage_ends_in_a_typed_outcome(ask: Any, harbour: Corpus, fake_chat: Any) -> None:
    answer = (await ask(BRIDGE, model=fake_chat.of("%%% ~~ {{{ zzz")))[-1].answer
    check(answer, harbour)
    assert answer.outcome == "abstained"
    assert answer.citations == []


async def test_what_no_passage_supports_is_never_said(ask: Any, harbour: Corpus, fake_chat: Any) -> None:
    written = "She was born in the village of Sedge in 1832. [1] The moon landing was filmed in Nevada by actors. [2] She was born in 1950. [1]"
    model = fake_chat.of(WHOLE, written)
    events = await ask(BRIDGE, model=model)
    answer = events[-1].answer
    check(answer, harbour)
    assert "Sedge" in answer.answer
    assert "Nevada" not in answer.answer + str([event for event in events if event.type == "sentence"])
    assert "1950" not in answer.answer


async def test_a_model_that_declines_abstains_after_one_more_verdict(ask: Any, harbour: Corpus, fake_chat: Any) -> None:
    events = await ask(BRIDGE, model=fake_chat.of(WHOLE, "UNKNOWN"))
    answer = events[-1].answer
    check(answer, harbour)
    assert answer.outcome == "abstained"
    assert types(events).count("judged") == 2


async def test_a_model_that_fails_is_one_clear_line(ask: Any, harbour: Corpus, fake_chat: Any) -> None:
    answer = (await ask(BRIDGE, model=fake_chat.of(ConnectionError("refused"))))[-1].answer
    check(answer, harbour)
    assert answer.outcome == "failed"
    assert answer.error
    assert "\n" not in answer.error
    assert answer.selected, "what was found is shown all the same"


@pytest.mark.parametrize("budget", [Budget(calls=1), Budget(tokens=5), Budget(seconds=0.0001)])
async def test_running_out_is_an_outcome(ask: Any, harbour: Corpus, fake_chat: Any, budget: Budget) -> None:
    answer = (await ask(BRIDGE, model=fake_chat.of(PLAN, "Ilse Marn", "She was born in Sedge. [1]"), budget=budget))[-1].answer
    check(answer, harbour)
    assert answer.outcome == "out_of_budget"
    assert answer.usage.calls <= budget.calls


async def test_without_looks_no_second_round_is_searched(ask: Any, fake_chat: Any) -> None:
    answer = (await ask(BRIDGE, model=fake_chat.of(PLAN, "Ilse Marn", "She was born in Sedge. [1]"), budget=Budget(looks=0)))[-1].answer
    assert [query.reason for query in answer.queries] == ["question", "sub_question"]


async def test_filters_bind_search_link_and_citations(ask: Any, harbour: Corpus) -> None:
    for question in (BRIDGE, "How many inhabitants does Sedge have?", "Sedge"):
        answer = (await ask(question, filters={"tenant": "a"}))[-1].answer
        check(answer, harbour)
        assert "Sedge" not in {candidate.title for candidate in answer.candidates}
    seen = (await ask("How many inhabitants does Sedge have?", filters={"tenant": "b"}))[-1].answer
    assert {candidate.title for candidate in seen.candidates} == {"Sedge"}


async def test_the_evidence_budget_holds(ask: Any, harbour: Corpus) -> None:
    answer = (await ask(BRIDGE, budget=Budget(evidence_tokens=60)))[-1].answer
    check(answer, harbour)
    assert 0 < answer.usage.evidence_tokens <= 60


def test_the_wiring_is_the_picture() -> None:
    edges = {(edge.source, edge.target) for edge in build_graph().compile().get_graph().edges}
    assert edges == {
        ("__start__", "condense"), ("condense", "plan"), ("plan", "search"), ("plan", "judge"), ("search", "link"), ("link", "select"),
        ("select", "resolve"), ("resolve", "judge"), ("judge", "search"), ("judge", "generate"), ("judge", "abstain"), ("generate", "verify"),
        ("verify", "judge"), ("verify", "abstain"), ("verify", "__end__"), ("abstain", "__end__"),
    }  # fmt: skip
