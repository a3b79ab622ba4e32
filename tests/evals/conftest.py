"""Experiments over the invented questions, each run once a session: the real encoder, a real corpus, the real graph."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from passel.evals.experiments import abstain, qa, retrieval, selection
from passel.evals.predictions import OURS, Line, Predictions
from passel.evals.question import Question
from passel.evals.result import Result
from passel.evals.run import Predict, predict_all
from passel.evals.setup import Setup, prepare
from passel.evals.variants import read_rules
from passel.rerankers.default import default_selector
from passel.tools.budget import Budget

TOKENS = Budget().evidence_tokens
_BESIDE = {"dataset", "type", "gold_answerable", "run", "latency_ms", "trace_id"}
"""What is written beside a prediction, and what is never the same twice."""


@dataclass(frozen=True)
class Measured:
    setup: Setup
    """Its corpora are closed."""
    lines: list[Line]
    result: Result
    variants: Mapping[str, list[Line]]


@pytest.fixture(scope="session")
def measure() -> Callable[..., Measured]:
    """`measure("selection", file, setting="pool", drop="all", …)`: the options of `prepare`, and `jobs`, `compare`, `failing` (ids)."""

    @cache
    def measured(
        experiment: str, file: Path, setting: Any, *, jobs: int = 1, compare: str | None = None, failing: Collection[str] = (), **options: Any
    ) -> Measured:
        rules = read_rules(compare)
        with prepare([str(file)], described={"experiment": experiment}, setting=setting, **options) as setup:
            selector = default_selector(setup.encoder)

            def run(predict: Predict, variant: str = OURS) -> list[Line]:
                def perhaps(question: Question) -> Line:
                    if question.id in failing:
                        raise RuntimeError("the anchor slipped")
                    return predict(question)

                with Predictions(None, "") as kept:
                    return predict_all(setup.questions, perhaps, kept, variant=variant, jobs=jobs)

            logging.getLogger("passel").setLevel(logging.CRITICAL if failing else logging.NOTSET)
            if experiment == "retrieval":
                lines = run(retrieval.predictor(setup))
                return Measured(setup, lines, retrieval.summarize(setup, lines), {})
            if experiment == "selection":
                lines = run(selection.predictor(setup, selector, TOKENS))
                result, others = selection.summarize(setup, lines, rules)
                names = dict.fromkeys(line["variant"] for line in others)
                return Measured(setup, lines, result, {name: [line for line in others if line["variant"] == name] for name in names})
            lines = run(qa.predictor(setup, lambda _: selector, Budget()))
            if experiment == "abstain":
                return Measured(setup, lines, abstain.summarize(setup, lines), {})
            variants = {
                name: run(qa.predictor(setup, other, Budget()), variant=name) for name, other in qa.variants(rules, setup, lines, selector)
            }
            return Measured(setup, lines, qa.summarize(setup, lines, variants), variants)

    return lambda experiment, file, setting="distractor", **options: measured(experiment, file, setting, **options)


@pytest.fixture(scope="session")
def in_published_form() -> Callable[[Line], None]:
    """Raises where a line does not fit docs/answer.schema.json."""
    import jsonschema

    schema = json.loads((Path(__file__).parents[2] / "docs" / "answer.schema.json").read_text())
    return jsonschema.validators.validator_for(schema)(schema).validate


@pytest.fixture(scope="session")
def predicted() -> Callable[[Line], dict[str, Any]]:
    """What of a line is the prediction itself: no label beside it, no clock."""

    def of(line: Line) -> dict[str, Any]:
        kept = {name: value for name, value in line.items() if name not in _BESIDE}
        return {**kept, "usage": {**line["usage"], "seconds": 0.0}}

    return of
