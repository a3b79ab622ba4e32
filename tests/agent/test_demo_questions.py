"""The main job on the bundled corpus, all questions, embedded default. The floors are what this version reaches; they only ever rise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest

from passel.agent.agent import Agent
from passel.graphs.answer import Answer
from passel.tools.answers import bare, f1
from passel.tools.corpus import Corpus
from passel.tools.words import fold

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # every question is asked once, in the first test

Asked = list[tuple[dict[str, Any], Answer]]


@pytest.fixture(scope="module")
def isles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    folder = tmp_path_factory.mktemp("isles") / "corpus"
    with as_file(files("passel.agent.demo") / "articles") as articles, Corpus.open(folder, create=True) as corpus:
        corpus.index([Path(articles)])
    with Agent.from_corpus(folder) as agent:
        yield agent


@pytest.fixture(scope="module")
def asked(isles: Agent) -> Asked:
    questions = [json.loads(line) for line in (files("passel.agent.demo") / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    return list(zip(questions, isles.batch([question["question"] for question in questions]), strict=True))


def plain(text: str) -> str:
    return " ".join(fold(text).split())


def test_gold_passages_are_among_the_candidates(asked: Asked) -> None:
    answerable = [(question, [plain(candidate.text) for candidate in answer.candidates]) for question, answer in asked if question["answers"]]
    found = [all(any(plain(gold["quote"]) in text for text in texts) for gold in question["gold"]) for question, texts in answerable]
    assert sum(found) >= 0.95 * len(found)


def test_short_answers(asked: Asked) -> None:
    """The aim is an F1 of 0.60 (issue 4, in work): what is said is now an answer, no longer the sentences around it."""
    said = [(answer, question["answers"]) for question, answer in asked if question["answers"]]
    scores = [f1(bare(answer.answer), answers).f1 if answer.outcome == "answered" else 0.0 for answer, answers in said]
    assert sum(scores) >= 0.4 * len(scores)
    assert all(len(bare(answer.answer).split()) <= 30 for answer, _ in said if answer.outcome == "answered")


def test_abstentions(asked: Asked) -> None:
    """The aim is 8 of the 10; names that nobody knows are noticed, facts that nobody states are not yet (README, "Limits").

    With the calibrated probabilities 3 are (5 before), and 3 of the 49 answerable ones are missed (7 before).
    """
    abstained = {question["id"] for question, answer in asked if answer.outcome == "abstained"}
    unanswerable = {question["id"] for question, _ in asked if not question["answers"]}
    assert len(abstained & unanswerable) >= 3
    assert len(abstained - unanswerable) <= 4


def test_every_citation_opens_at_its_place(asked: Asked, isles: Agent) -> None:
    for _, answer in asked:
        for citation in answer.citations:
            document = isles.corpus.document(citation.source)
            assert document is not None
            assert document[citation.span[0] : citation.span[1]] == citation.quote
