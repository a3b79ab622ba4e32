"""The bundled demo corpus keeps its promises: sizes, sources, verbatim quotes and answerable chains."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

Question = dict[str, Any]

DEMO = files("passel.agent.demo")
KEYS = {"id", "question", "answers", "type", "hops", "gold", "decomposition"}
TYPES = {"single", "bridge", "comparison", "intersection", "unanswerable"}


def squeeze(text: str) -> str:
    return " ".join(text.split())


def title_of(article: str) -> str:
    return article.splitlines()[0].removeprefix("# ")


ARTICLES = {entry.name: entry.read_text(encoding="utf-8") for entry in DEMO.joinpath("articles").iterdir() if entry.name.endswith(".md")}
QUESTIONS: list[Question] = [json.loads(line) for line in DEMO.joinpath("questions.jsonl").read_text(encoding="utf-8").splitlines()]
ANSWERABLE = [q for q in QUESTIONS if q["type"] != "unanswerable"]
UNANSWERABLE = [q for q in QUESTIONS if q["type"] == "unanswerable"]

each_question = pytest.mark.parametrize("q", QUESTIONS, ids=lambda q: q["id"])
each_answerable = pytest.mark.parametrize("q", ANSWERABLE, ids=lambda q: q["id"])


def test_counts() -> None:
    assert len(ARTICLES) >= 60
    assert len(ANSWERABLE) >= 40
    assert len(UNANSWERABLE) == 10
    assert {2, 3, 4} <= {q["hops"] for q in ANSWERABLE}


@pytest.mark.parametrize("name", sorted(ARTICLES))
def test_article_shape(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]+\.md", name)
    assert re.match(r"# \S.*\n\n\S", ARTICLES[name])
    assert ARTICLES[name].count("\n# ") == 0
    assert 90 <= len(ARTICLES[name].split()) <= 265


def test_titles_are_unique() -> None:
    titles = [title_of(article).casefold() for article in ARTICLES.values()]
    assert len(set(titles)) == len(titles)


def test_ids_and_questions_are_unique() -> None:
    assert len({q["id"] for q in QUESTIONS}) == len(QUESTIONS)
    assert len({q["question"].casefold() for q in QUESTIONS}) == len(QUESTIONS)


@each_question
def test_row_shape(q: Question) -> None:
    assert set(q) == KEYS
    assert q["type"] in TYPES
    assert re.fullmatch(r"demo-\d{3}", q["id"])
    assert len(q["gold"]) == q["hops"]
    if q["type"] == "unanswerable":
        assert q["answers"] == q["gold"] == q["decomposition"] == []
    else:
        assert all(q[key] for key in ("answers", "gold", "decomposition"))


@each_answerable
def test_gold_quotes_are_verbatim(q: Question) -> None:
    for gold in q["gold"]:
        assert gold["source"] in ARTICLES
        assert squeeze(gold["quote"]) in squeeze(ARTICLES[gold["source"]])
    assert len({gold["source"] for gold in q["gold"]}) == len(q["gold"])


@each_answerable
def test_answer_stands_in_the_gold(q: Question) -> None:
    answer = q["answers"][0].casefold()
    if q["type"] == "comparison":
        titles = [title_of(ARTICLES[gold["source"]]).casefold() for gold in q["gold"]]
        assert answer in {"yes", "no"} or answer in titles
    else:
        assert answer in q["gold"][-1]["quote"].casefold()


@each_answerable
def test_decomposition_points_backwards_and_ends_in_the_answer(q: Question) -> None:
    for position, step in enumerate(q["decomposition"], start=1):
        assert all(1 <= int(n) < position for n in re.findall(r"#(\d+)", step["question"]))
    assert q["decomposition"][-1]["answer"] == q["answers"][0]


@each_answerable
def test_bridge_answer_is_not_given_away_by_the_question(q: Question) -> None:
    if q["type"] in {"bridge", "intersection"}:
        assert not any(answer.casefold() in q["question"].casefold() for answer in q["answers"])


def test_almost_every_article_is_named_in_two_others() -> None:
    lonely = []
    for name, article in ARTICLES.items():
        subject = re.sub(r" \(.*\)$", "", title_of(article)).removeprefix("The ").casefold()
        mentions = sum(subject in text.casefold() for other, text in ARTICLES.items() if other != name)
        if mentions < 2:
            lonely.append(name)
    assert len(lonely) <= 5, lonely
