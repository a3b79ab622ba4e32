"""A thousand runs with random tiny budgets and a chat model that fails at random: each ends in a typed outcome within its budget.

"Within" means, of one run:

- calls: never more than the limit, and each is counted.
- tokens: no call begins once the calls that have ended have used up the limit. So the limit is exceeded by no more than what was under way
  when it was reached: one call, or the few that resolve asks side by side.
- seconds: whatever hangs is cut off, and nothing is under way once the run has ended. (How long that takes is the clock's business, not a test's.)
- looks and evidence tokens: never more than the limit.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from typing import Any

import pytest

from passel.graphs.answer import Answer
from passel.graphs.context import RagContext
from passel.graphs.events import Event
from passel.graphs.rag import build_graph
from passel.graphs.run import Graph, new_question, run
from passel.graphs.state import same_query
from passel.rerankers.default import default_selector
from passel.tools.budget import Budget
from passel.tools.corpus import Corpus

QUESTIONS = (
    "Where was the architect of the Harbour Hall born?",
    "Who was born earlier, Ilse Marn or Otto Vane?",
    "Which quarterback won the Super Bowl for Denver?",
    "How many people live where Ilse Marn was born?",
    "Where was the architect Ilse Marn of Quorl Hall born?",
    "?",
    "Where was the architect of the \ud83dHarbour Hall\x00 born?",
)
HISTORY = [("Who designed the Harbour Hall?", "Ilse Marn designed it. [1]"), ("", "")]


def tiny_budget(draw: random.Random, *, hangs: bool) -> Budget:
    """About one limit in three is tight; with a model that hangs the seconds always are."""

    def limit(roomy: int, *tight: int) -> int:
        return draw.choice(tight) if draw.random() < 0.35 else roomy

    return Budget(
        calls=limit(16, 1, 2, 3, 4),
        tokens=limit(60_000, 1, 40, 200, 600),
        seconds=draw.choice((0.001, 0.05, 0.2, 0.4)) if hangs else 120.0,
        looks=limit(3, 0, 1),
        evidence_tokens=limit(2_000, 1, 20, 60),
    )


async def one_run(seed: int, graph: Graph, corpus: Corpus, failing_chat: Any) -> str:
    """Raises AssertionError where something does not hold; gives the outcome."""
    draw = random.Random(seed)
    hangs = draw.random() < 0.3
    model, budget = failing_chat(seed=seed, hangs=hangs), tiny_budget(draw, hangs=hangs)
    context = RagContext(corpus, default_selector(corpus.encoder), model, budget)
    question = new_question(draw.choice(QUESTIONS), history=draw.choice((None, HISTORY, HISTORY[:1])), id=str(seed))
    events: list[Event] = [event async for event in run(graph, context, question)]

    *before, last = events
    assert last.type == "answered"
    assert not any(event.type in ("answered", "waiting") for event in before)
    answer = last.answer
    assert Answer.model_validate_json(answer.model_dump_json()) == answer, "every reader of the published form can read it"
    assert answer.id == str(seed)
    assert answer.outcome != "failed" or answer.error
    assert answer.outcome in ("answered", "partial") or not answer.citations
    queries = [same_query(query.query) for query in answer.queries]
    assert len(queries) == len(set(queries)), "a query asked before is never asked again"

    usage = answer.usage
    assert usage.calls == model.calls <= budget.calls
    assert all(spent < budget.tokens for spent in model.spent_before), "no call begins once the tokens are used up"
    assert min(usage.tokens_in, usage.tokens_out, usage.seconds) >= 0
    assert model.under_way == 0
    assert sum(event.type == "judged" and event.verdict.kind == "look" for event in before) <= budget.looks
    assert usage.evidence_tokens <= budget.evidence_tokens
    return answer.outcome


async def many_runs(seeds: range, corpus: Corpus, failing_chat: Any, caplog: pytest.LogCaptureFixture) -> Counter[str]:
    graph = build_graph().compile()
    outcomes: Counter[str] = Counter()
    for seed in seeds:
        try:
            outcomes[await one_run(seed, graph, corpus, failing_chat)] += 1
        except Exception as error:
            raise AssertionError(f"the run of seed {seed}: {type(error).__name__}: {error}") from error
        faults = [record.getMessage() + f": {record.exc_info[1]!r}" for record in caplog.records if record.name == "passel" and record.exc_info]
        assert not faults, f"the run of seed {seed}: {faults}, and a model's fault must not be a node's"
    return outcomes


async def test_a_hundred_runs(harbour: Corpus, failing_chat: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "passel")
    outcomes = await many_runs(range(100), harbour, failing_chat, caplog)
    everything = {"answered", "partial", "abstained", "out_of_budget", "failed"}
    assert {"abstained", "out_of_budget"} < set(outcomes) <= everything, "how a run with a few seconds ends hangs on the machine"


@pytest.mark.slow
@pytest.mark.timeout(3_600)
async def test_a_thousand_runs(harbour: Corpus, failing_chat: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "passel")
    outcomes = await many_runs(range(1_000), harbour, failing_chat, caplog)
    print(dict(outcomes))
    assert sum(outcomes.values()) == 1_000
