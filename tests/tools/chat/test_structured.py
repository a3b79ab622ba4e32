"""Values of a pydantic model out of what models write."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from passel.tools.chat import ask_structured


class Step(BaseModel):
    question: str
    needs: list[int] = Field(default_factory=list, description="numbers of earlier steps")


class Steps(BaseModel):
    """This docstring is ours, not the model's."""

    steps: list[Step] = Field(min_length=1, max_length=3)
    kind: Literal["bridge", "comparison"] = "bridge"
    sure: float | None = Field(default=None, ge=0, le=1)


GOOD = '{"steps": [{"question": "Who built it?", "needs": []}], "kind": "bridge", "sure": 0.5}'
MADE = Steps(steps=[Step(question="Who built it?")], sure=0.5)
WRITTEN = [GOOD, f"Sure!\n```json\n{GOOD}\n```", GOOD[:-1] + ",}", GOOD.replace('"', "'"), f"As [1] says {{so}} {GOOD}", f"<think>{{}}</think>{GOOD}"]


@pytest.mark.parametrize("answer", WRITTEN)
async def test_structured_output_is_read_out_of_what_models_write(fake_chat: Any, answer: str) -> None:
    model = fake_chat.of(answer)
    value, replies = await ask_structured(model, "Plan.", "Who built it?", Steps, timeout=5)
    assert value == MADE
    assert len(replies) == len(model.calls) == 1


async def test_the_form_is_shown_as_an_example(fake_chat: Any) -> None:
    model = fake_chat.of(GOOD)
    await ask_structured(model, "Plan.", "Who built it?", Steps, timeout=5)
    system, user = model.calls[0]
    assert system.text == "Plan."
    assert user.text.startswith("Who built it?\n")
    form = '{"steps": [{"question": "<string>", "needs": ["<integer>"]}], "kind": "<bridge or comparison>", "sure": "<number from 0 to 1>"}'
    assert user.text.endswith(form)


async def test_structured_output_is_repaired_once_by_saying_what_was_wrong(fake_chat: Any) -> None:
    model = fake_chat.of('{"steps": [], "kind": "brigde"}', GOOD)
    value, replies = await ask_structured(model, "Plan.", "Who built it?", Steps, timeout=5)
    assert value == MADE
    assert len(replies) == 2
    *_, bad, complaint = model.calls[1]
    assert bad.text == '{"steps": [], "kind": "brigde"}'
    assert "steps: List should have at least 1 item" in complaint.text
    assert "kind: Input should be 'bridge' or 'comparison'" in complaint.text


@pytest.mark.parametrize("answer", ["I would rather not.", "[1, 2]", '{"steps": "none"}'])
async def test_structured_output_that_stays_wrong_is_none(fake_chat: Any, answer: str) -> None:
    model = fake_chat.of(answer)
    value, replies = await ask_structured(model, "Plan.", "Who built it?", Steps, timeout=5)
    assert value is None
    assert [reply.error for reply in replies] == [None, None]
    assert len(model.calls) == 2


async def test_structured_output_of_a_model_that_fails_is_not_asked_for_again(fake_chat: Any) -> None:
    model = fake_chat.of(RuntimeError("down"), GOOD)
    value, replies = await ask_structured(model, "Plan.", "Who built it?", Steps, timeout=5)
    assert value is None
    assert len(replies) == 1
    assert replies[0].error is not None


async def test_the_time_limit_is_for_both_calls(fake_chat: Any) -> None:
    value, replies = await ask_structured(fake_chat.of("no", GOOD, delay=0.8), "Plan.", "Who built it?", Steps, timeout=1.4)
    assert value is None
    assert [reply.error is None for reply in replies] == [True, False]


async def test_a_first_answer_that_took_all_tokens_is_the_last(fake_chat: Any) -> None:
    for tokens, calls in ((1, 1), (10_000, 2)):
        model = fake_chat.of("no", GOOD)
        value, replies = await ask_structured(model, "Plan.", "Who built it?", Steps, timeout=5, tokens=tokens)
        assert (len(model.calls), len(replies), value is None) == (calls, calls, calls == 1)


async def test_structured_output_of_a_server(model: Any, openai_server: Any) -> None:
    openai_server.reply = lambda body: GOOD if len(body["messages"]) > 2 else "What do you mean?"
    value, replies = await ask_structured(model, "Plan.", "Who built it?", Steps, timeout=20)
    assert value == MADE
    assert [m["role"] for m in openai_server.requests[1]["messages"]] == ["system", "user", "assistant", "user"]
    assert sum(reply.tokens_in for reply in replies) == 22
