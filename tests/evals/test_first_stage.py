"""First stage: what a search for a question may return, and that nothing else ever comes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from passel.evals.first_stage import candidates, scope
from passel.evals.pool import open_pool
from passel.evals.question import DataPassage, Question
from passel.evals.setup import Setup, prepare
from passel.tools.candidate import Candidate
from passel.tools.search import FOUND, LINKED

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(scope="module")
def asked(invented: Any) -> Iterator[Setup]:
    with prepare([str(invented.dev)], setting="pool") as setup:
        yield setup


def _sources(found: list[Candidate]) -> list[str]:
    return [candidate.passage.source for candidate in found if candidate.passage]


def test_distractor_every_passage_of_the_list_and_nothing_else(asked: Setup) -> None:
    for question in asked.questions:
        found = candidates(asked.corpus(question), question.blind(), "distractor")
        assert sorted(_sources(found)) == sorted({passage.source for passage in question.passages})
        assert [c.score for c in found] == sorted((c.score for c in found), reverse=True)


def test_distractor_links_come_from_the_list_too(asked: Setup) -> None:
    linked = 0
    for question in asked.questions:
        found = candidates(asked.corpus(question), question, "distractor")
        own = {candidate.passage_id for candidate in found}
        for hit in (hit for candidate in found for hit in candidate.hits if hit.channel == "linked"):
            linked += 1
            assert hit.via is None or hit.via in own
    assert linked > len(asked.questions)  # the directors, at least


def test_distractor_a_list_longer_than_a_search_is_whole() -> None:
    passages = tuple(DataPassage(f"Kiln {n}", f"The kiln with the number {n} fires {n + 3} bricks.") for n in range(FOUND + 25))
    question = Question("q", "How many bricks does kiln 7 fire?", passages=passages)
    with open_pool(passages) as corpus:
        assert sorted(_sources(candidates(corpus, question, "distractor"))) == sorted(passage.source for passage in passages)


def test_distractor_a_question_without_passages_finds_nothing(asked: Setup) -> None:
    question = replace(asked.questions[0], passages=())
    assert candidates(asked.corpora[question.dataset], question, "distractor") == []


def test_pool_finds_beyond_the_list(asked: Setup) -> None:
    beyond = 0
    for question in asked.questions:
        found = candidates(asked.corpus(question), question, "pool")
        assert len(set(_sources(found))) == len(found) <= FOUND + LINKED
        beyond += not set(_sources(found)) <= {passage.source for passage in question.passages}
    assert beyond == len(asked.questions)


@pytest.mark.parametrize("setting", ["pool", "corpus"])
def test_what_is_to_be_without_never_comes_back(asked: Setup, setting: Any) -> None:
    for question in asked.questions:
        corpus = asked.corpus(question)
        before = candidates(corpus, question, setting)
        hidden = {*(question.gold or ()), *_sources(before)[:3]}
        found = candidates(corpus, replace(question, without=tuple(sorted(hidden))), setting)
        assert hidden <= set(_sources(before))  # they would have been found
        assert hidden.isdisjoint(_sources(found))
        by_id = {c.passage_id: c.passage.source for c in before if c.passage}
        assert hidden.isdisjoint(by_id.get(str(hit.via), "") for candidate in found for hit in candidate.hits)


def test_the_filters() -> None:
    passage = DataPassage("T", "x")
    question = Question("q", "?", passages=(passage,), without=("gone",))
    assert scope(question, "distractor") == {"source": {"$in": [passage.source]}}
    assert scope(question, "pool") == scope(question, "corpus") == {"source": {"$nin": ["gone"]}}
    assert scope(replace(question, without=()), "pool") is None
    assert scope(replace(question, passages=()), "distractor") == {"source": {"$in": [""]}}
