"""Questions asked with their decomposition: which ones, that the real graph follows it, and that no answer of a step is told."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from passel.evals.decomposed import decomposed, unplanned
from passel.evals.experiments import qa
from passel.evals.hops import hop_values
from passel.evals.predictions import Line, Predictions
from passel.evals.run import predict_all
from passel.evals.setup import NothingToAsk, Setup, prepare
from passel.rerankers.default import default_selector
from passel.tools.budget import Budget

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(scope="module")
def rows(invented: Any) -> list[dict[str, Any]]:
    """Four with a decomposition, one without, one whose decomposition cannot be followed."""
    made = invented.in_steps
    forward = [{"question": "Who is #2?", "answer": "a"}, {"question": "Who else?", "answer": "b"}]
    return [*made[:4], {**made[4], "decomposition": None}, {**made[5], "decomposition": forward}]


@pytest.fixture(scope="module")
def opened(invented: Any, rows: list[dict[str, Any]]) -> Iterator[Callable[[list[dict[str, Any]]], Setup]]:
    with contextlib.ExitStack() as stack:

        def of(given: list[dict[str, Any]], name: str = "steps") -> Setup:
            return stack.enter_context(prepare([str(invented.write(name, given))], setting="pool"))

        yield of


def asked(setup: Setup) -> list[Line]:
    with Predictions(None, "") as kept:
        selector = default_selector(setup.encoder)
        return predict_all(setup.questions, qa.predictor(setup, lambda _: selector, Budget()), kept)


def test_those_that_can_be_followed_are_asked_with_their_decomposition(opened: Any, rows: list[dict[str, Any]]) -> None:
    setup = opened(rows)
    chosen = decomposed(setup)
    assert [question.id for question in chosen.questions] == [row["id"] for row in rows[:4]]
    assert [question.plan for question in chosen.questions] == [tuple(step["question"] for step in row["decomposition"]) for row in rows[:4]]
    assert [question.plan for question in unplanned(chosen).questions] == [None] * 4
    assert all(question.plan is None for question in setup.questions), "who does not choose it is not asked with it"
    with pytest.raises(NothingToAsk, match="no question has a decomposition"):
        decomposed(opened(rows[4:], "none"))


def test_the_graph_asks_each_step_with_what_it_found_for_the_one_before(opened: Any, rows: list[dict[str, Any]]) -> None:
    setup = decomposed(opened(rows))
    lines = asked(setup)
    for line, row in zip(lines, rows, strict=False):
        first = row["decomposition"][0]
        assert [sub["question"] for sub in line["sub_questions"]] == [first["question"], "Where was #1 born?"]
        found = line["sub_questions"][0]["answer"]
        assert f"Where was {found} born?" in [query["query"] for query in line["queries"]]
    values = [hop_values(question, line) for question, line in zip(setup.questions, lines, strict=True)]
    assert all(one[1]["asked"] == one[1]["candidates"] == 1.0 for one in values)
    assert sum(one[0]["em"] for one in values) >= 3, "the reader finds most directors"


def test_no_answer_of_a_step_changes_a_prediction(opened: Any, rows: list[dict[str, Any]], predicted: Any) -> None:
    told_wrong = [{**row, "decomposition": [{**step, "answer": f"Wrong {n}"} for n, step in enumerate(row["decomposition"])]} for row in rows[:2]]
    ours, theirs = (asked(decomposed(opened(given, name))) for given, name in ((rows[:2], "right"), (told_wrong, "wrong")))
    assert [{**predicted(line), "dataset": ""} for line in ours] == [{**predicted(line), "dataset": ""} for line in theirs]
