"""plan: breaks the question into a small DAG of sub-questions, once a turn; a simple question stays whole.

With a chat model: structured output, validated, repaired once, else the embedded planner.
Source: "Question Decomposition for Retrieval-Augmented Generation" (arXiv 2507.00355), which knows parallel sub-questions only;
here a sub-question may depend on others ("#1" stands for the first answer).
"""

from __future__ import annotations

import re

from langgraph.runtime import Runtime
from pydantic import BaseModel, Field, model_validator

from ..tools import chat
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
    """What a chat model must return. References point to earlier sub-questions only, so the plan is a DAG."""

    sub_questions: list[PlannedQuestion] = Field(max_length=5)

    @model_validator(mode="after")
    def _references_point_back(self) -> Plan:
        for n, sub in enumerate(self.sub_questions, 1):
            for reference in map(int, _REFERENCE.findall(sub.question)):
                if not 1 <= reference < n:
                    raise ValueError(f"sub-question {n} uses #{reference}, which is not an earlier sub-question")
        return self


async def plan(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads `standalone`; writes `sub_questions`, adds to `spent`."""
    question, context = state["standalone"], runtime.context
    note: str | None = None
    replies: list[chat.Reply] = []
    subs: list[SubQuestionState] | None = None
    if context.model is not None and not context.exhausted(state["spent"]):
        may_repair, tokens = context.calls_left(state["spent"]) > 1, context.budget.tokens_left(state["spent"])
        made, replies = await chat.ask_structured(
            context.model, PLAN, f"Question: {question}", Plan, timeout=context.time_left(), may_repair=may_repair, tokens=tokens
        )
        if made is None:
            note = next((reply.error for reply in replies if reply.error), "the chat model's plan could not be read")
        else:
            subs = _as_state(made)
    planner = "embedded" if subs is None else "chat model"
    if subs is None:
        subs = plan_embedded(question)
    shown = [SubQuestion.model_validate(sub) for sub in subs]
    runtime.stream_writer(Planned(question=question, sub_questions=shown, planner=planner if subs else "whole question", note=note))
    return {"sub_questions": subs, "spent": spent_on(replies)}


def _as_state(made: Plan) -> list[SubQuestionState]:
    """Numbered anew without repetitions, which small models love. A plan of one sub-question is the question itself: left whole."""
    numbers: dict[str, int] = {}
    new_number: dict[str, int] = {}
    subs: list[SubQuestionState] = []
    for old, sub in enumerate(made.sub_questions, 1):
        text = _REFERENCE.sub(lambda found: f"#{new_number[found[1]]}", sub.question.strip())
        key = same_query(text)
        if key not in numbers:
            numbers[key] = len(subs) + 1
            references = sorted({int(number) for number in _REFERENCE.findall(text)})
            subs.append({"id": numbers[key], "question": text, "depends_on": references, "answer": None})
        new_number[str(old)] = numbers[key]
    return subs if len(subs) > 1 else []
