"""The one JSON form: the published schema is the code's, and describes every answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

from passel.graphs.answer import Answer

SCHEMA = Path(__file__).parents[2] / "docs" / "answer.schema.json"


def test_the_published_schema_is_the_codes() -> None:
    """After a change of `Answer`, write `json.dumps(Answer.model_json_schema(), indent=2)` there."""
    assert json.loads(SCHEMA.read_text()) == Answer.model_json_schema()


async def test_a_real_answer_fits_it(ask: Any) -> None:
    schema = json.loads(SCHEMA.read_text())
    for question in ("Where was the architect of the Harbour Hall born?", "Who won the Super Bowl?"):
        answer = (await ask(question, id="q1"))[-1].answer
        jsonschema.validate(answer.model_dump(mode="json"), schema)
        assert answer.id == "q1"
