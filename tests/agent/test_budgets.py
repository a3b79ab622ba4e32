"""The runs of tests/graphs/test_budgets.py as an agent makes them: on a thread, with its memory, and with a person who is asked on the way."""

from __future__ import annotations

import logging
import random
from pathlib import Path
from typing import Any

import pytest

from passel.agent.agent import Agent
from passel.graphs.answer import Answer
from passel.graphs.decision import STEPS, Decision
from passel.graphs.events import Waiting
from passel.tools.budget import Budget

QUESTIONS = ("Who built the Tarn Light?", "When was she born?", "How tall is the Tarn Light and the Quorl Gate?", "What about \ud83d Brackwater?")


def decided(draw: random.Random, waiting: Waiting) -> Decision:
    if draw.random() < 0.2:
        return Decision(kind="refuse", why="no")
    if draw.random() < 0.6:
        return Decision(kind="approve", waiting=waiting.id)
    if waiting.step == "look":
        return Decision(kind="edit", queries=[f"Who is person {draw.random()}?"])
    if len(waiting.selected) > 1:
        return Decision(kind="edit", drop=[waiting.selected[draw.randrange(len(waiting.selected))].passage_id])
    return Decision(kind="approve")


def test_runs_on_a_thread_end_within_their_budget(tarn: Path, tmp_path: Path, failing_chat: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "passel")
    draw, model, waited = random.Random(5), failing_chat(seed=5, hangs=True), 0
    with Agent.from_corpus(tarn, model=model, threads=tmp_path / "t.db") as agent:
        for n in range(40):
            calls, tokens, seconds, looks = (draw.choice(limits) for limits in ((1, 2, 8), (60, 60_000), (0.3, 1.0), (0, 2)))
            budget = Budget(calls=calls, tokens=tokens, seconds=seconds, looks=looks)
            before, approve = model.calls, draw.sample(STEPS, draw.randint(0, 2))
            result = agent.ask(draw.choice(QUESTIONS), thread="t", budget=budget, approve=approve)
            while isinstance(result, Waiting):
                assert result.step in approve
                waited += 1
                assert result.usage.calls <= budget.calls
                assert agent.waiting("t") == result
                result = agent.resume("t", decided(draw, result))
            assert isinstance(result, Answer)
            assert Answer.model_validate_json(result.model_dump_json()) == result
            assert result.usage.calls == model.calls - before <= budget.calls, f"run {n}"
            assert all(spent - model.spent_before[before] < budget.tokens for spent in model.spent_before[before:])
            assert model.under_way == 0
            assert agent.waiting("t") is None
            assert not [record for record in caplog.records if record.name == "passel" and record.exc_info], f"run {n}"
    assert waited > 5
