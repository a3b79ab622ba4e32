"""plan: breaks the question into a small DAG of sub-questions, once a turn; a simple question stays whole.

The caller's own plan is taken as it is. With a chat model: structured output, validated, repaired once, else the embedded planner.
Source: "Question Decomposition for Retrieval-Augmented Generation" (arXiv 2507.00355), which knows parallel sub-questions only;
here a sub-question may depend on others ("#1" stands for the first answer).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field, ValidationError, model_validator

from ..tools import chat
from ..tools.document import clean
from ..tools.errors import UsageError
from ..tools.small_talk import is_small_talk
from .answer import SubQuestion
from .context import RagContext, spent_on
from .events import Planned
from .planner import plan_embedded
from .prompts import PLAN
from .state import RagState, RagUpdate, SubQuestionState, same_query

_REFERENCE = re.compile(r"#(\d+)")


class PlannedQuestion(BaseModel):
    question: str = Field(min_length=3, max_length=400)


class Plan(BaseModel):
    """What a chat model must return, and what a caller may give. References point to earlier sub-questions only, so the plan is a DAG."""

    sub_questions: list[PlannedQuestion] = Field(max_length=5)

    @model_validator(mode="after")
    def _references_point_back(self) -> Plan:
        for n, sub in enumerate(self.sub_questions, 1):
            for reference in map(int, _REFERENCE.findall(sub.question)):
                if not 1 <= reference < n:
                    raise ValueError(f"sub-question {n} uses #{reference}, which is not an earlier sub-question")
        return self


def check_plan(questions: Sequence[str]) -> list[str]:
    """A caller's own plan, white space around its sub-questions gone. Raises UsageError where a chat model's would be refused."""
    hint = 'Give the sub-questions as a list, in their order; "#1" stands for the answer to the first.'
    if isinstance(questions, str) or not all(isinstance(question, str) for question in questions):
        raise UsageError("the plan is not a list of texts", hint)
    stripped = [clean(question).strip() for question in questions]
    try:
        Plan.model_validate({"sub_questions": [{"question": question} for question in stripped]})
    except ValidationError as error:
        fault = error.errors()[0]
        place = f"sub-question {int(fault['loc'][1]) + 1}: " if len(fault["loc"]) > 1 else ""
        raise UsageError(f"the plan cannot be followed: {place}{fault['msg'].removeprefix('Value error, ')}", hint) from None
    return stripped


async def plan(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads `standalone` and `given_plan`; writes `sub_questions`, adds to `spent`."""
    question, context = state["standalone"], runtime.context
    note: str | None = None
    replies: list[chat.Reply] = []
    given = state.get("given_plan")
    subs = None if given is None else _as_given(given)
    planner = "caller"
    if subs is None and context.model is not None and not context.exhausted(state["spent"]) and not is_small_talk(question):
        may_repair, tokens = context.calls_left(state["spent"]) > 1, context.budget.tokens_left(state["spent"])
        made, replies = await chat.ask_structured(
            context.model, PLAN, f"Question: {question}", Plan, timeout=context.time_left(), may_repair=may_repair, tokens=tokens
        )
        if made is None:
            note = next((reply.error for reply in replies if reply.error), "the chat model's plan could not be read")
        else:
            subs, planner = _as_state(made), "chat model"
    if subs is None:
        subs, planner = plan_embedded(question), "embedded"
    shown = [SubQuestion.model_validate(sub) for sub in subs]
    runtime.stream_writer(Planned(question=question, sub_questions=shown, planner=planner if subs else "whole question", note=note))
    return {"sub_questions": subs, "spent": spent_on(replies)}


def _as_given(questions: Sequence[str]) -> list[SubQuestionState]:
    """Under the caller's own numbers: nothing is left out, and a plan of one sub-question is one."""
    subs: list[SubQuestionState] = []
    for number, question in enumerate(questions, 1):
        text = _REFERENCE.sub(lambda found: f"#{int(found[1])}", question)  # "#01" is "#1"
        subs.append({"id": number, "question": text, "depends_on": _references(text), "answer": None})
    return subs


def _references(text: str) -> list[int]:
    return sorted({int(number) for number in _REFERENCE.findall(text)})


def _as_state(made: Plan) -> list[SubQuestionState]:
    """Numbered anew without repetitions, which small models love. A plan of one sub-question is the question itself: left whole."""
    numbers: dict[str, int] = {}
    new_number: dict[int, int] = {}
    subs: list[SubQuestionState] = []
    for old, sub in enumerate(made.sub_questions, 1):
        text = _REFERENCE.sub(lambda found: f"#{new_number[int(found[1])]}", sub.question.strip())
        key = same_query(text)
        if key not in numbers:
            numbers[key] = len(subs) + 1
            subs.append({"id": numbers[key], "question": text, "depends_on": _references(text), "answer": None})
        new_number[old] = numbers[key]
    return subs if len(subs) > 1 else []
