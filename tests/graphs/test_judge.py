"""judge: which look was worth it, and what is told to be missing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from passel.graphs.context import RagContext
from passel.graphs.judge import judge
from passel.rerankers.default import default_selector
from passel.tools.budget import Budget
from passel.tools.candidate import Candidate, Hit
from passel.tools.corpus import Corpus
from passel.tools.search import search

ASKED = "Which quarterback of Zebra Town won the Super Bowl for Denver?"
LOOKED = "Zebra Town"


async def judged_after_a_look(corpus: Corpus, hits: list[Hit], *, known: bool = False) -> str:
    """The kind of the verdict, where the look found one passage more by these hits."""
    first, second, *_ = (candidate.passage_id for candidate in search(corpus, ASKED))
    found = [Candidate(first, (Hit("dense", ASKED, 0, 0.1), Hit("dense", LOOKED, 0, 0.1))), Candidate(second, tuple(hits))]
    state: Any = {
        "standalone": ASKED,
        "sub_questions": [],
        "queries": [{"query": ASKED, "reason": "question", "sub_question": None}, {"query": LOOKED, "reason": "gap", "sub_question": None}],
        "candidates": [candidate.to_state() for candidate in found],
        "selection": {"ids": [], "relevance": [], "ranked": [first, second], "scores": [0.0, 0.0], "nothing": 1.0, "stop_reason": "stop"},
        "verdict": {"kind": "look", "why": "", "queries": [{"query": LOOKED, "reason": "gap"}]},
        "known": [first, second] if known else [first],
        "draft": None,
        "spent": {"looks": 1},
    }
    runtime: Any = SimpleNamespace(context=RagContext(corpus, default_selector(corpus.encoder)), stream_writer=lambda _: None)
    update = await judge(state, runtime)
    if update["verdict"]["kind"] == "look":
        assert update["known"] == [first, second], "what the next look is compared with"
    return str(update["verdict"]["kind"])


BY_SEARCH = Hit("lexical", LOOKED, 3, 1.0)


@pytest.mark.parametrize(
    "hits",
    [[BY_SEARCH], [BY_SEARCH, Hit("naming", ASKED, 0, 0.1)], [BY_SEARCH, Hit("linked", ASKED, 0, 0.1)], [Hit("linked", ASKED, 0, 0.1)]],
    ids=["searched", "searched and naming", "searched and linked", "linked"],
)
async def test_a_passage_that_was_not_known_is_worth_another_look(harbour: Corpus, hits: list[Hit]) -> None:
    assert await judged_after_a_look(harbour, hits) == "look"
    assert await judged_after_a_look(harbour, hits, known=True) == "abstain"


async def test_what_a_candidate_holds_is_not_missing(harbour: Corpus) -> None:
    asked = "Did Otto Vane win the Super Bowl?"
    by_title = {candidate.passage.title: candidate for candidate in search(harbour, "Otto Vane, Arn") if candidate.passage}
    selected, other = by_title["Arn"].passage_id, by_title["Otto Vane"].passage_id
    state: Any = {
        "standalone": asked,
        "sub_questions": [],
        "queries": [],
        "candidates": [by_title[title].to_state() for title in ("Arn", "Otto Vane")],
        "selection": {"ids": [selected], "relevance": [0.1], "ranked": [selected, other], "scores": [0.1, 0.0], "nothing": 0.9, "stop_reason": ""},
        "verdict": None,
        "draft": None,
        "spent": {},
    }
    context = RagContext(harbour, default_selector(harbour.encoder), budget=Budget(looks=0))
    runtime: Any = SimpleNamespace(context=context, stream_writer=lambda _: None)
    verdict = (await judge(state, runtime))["verdict"]
    assert (verdict["kind"], verdict["missing"]) == ("abstain", ["Super Bowl"])
