"""Events: what a run tells while it runs, in order. Plain frozen data with a `type`, the same on every face."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .answer import Answer, Citation, Query, SelectedPassage, SubQuestion, Usage, Verdict
from .decision import Decision, Step


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)


class Planned(_Event):
    type: Literal["planned"] = "planned"
    question: str
    """The standalone question."""
    sub_questions: list[SubQuestion]
    planner: str
    """"caller" (its own plan), "embedded" or "chat model"; "whole question" where there are no parts."""
    note: str | None = None
    """Why a chat model's plan was not used."""


class Searched(_Event):
    type: Literal["searched"] = "searched"
    query: Query
    found: int


class Linked(_Event):
    type: Literal["linked"] = "linked"
    names: list[str]
    """Titles of the passages that were added."""


class Selected(_Event):
    type: Literal["selected"] = "selected"
    selected: list[SelectedPassage]
    candidates: int
    stop_reason: str
    tokens: int


class Resolved(_Event):
    type: Literal["resolved"] = "resolved"
    sub_question: SubQuestion


class Judged(_Event):
    type: Literal["judged"] = "judged"
    verdict: Verdict


class Sentence(_Event):
    """One whole, checked sentence of the answer. `citations` are numbered as in the final answer."""

    type: Literal["sentence"] = "sentence"
    text: str
    citations: list[Citation]


class Waiting(_Event):
    """The run waits for a person before what the verdict asks for. Ends a stream instead of `Answered`, where a caller said `approve`."""

    type: Literal["waiting"] = "waiting"
    id: str
    """For `Decision.waiting`; another each time."""
    step: Step
    question: str
    """The standalone question."""
    verdict: Verdict
    """Holds the queries of a look."""
    selected: list[SelectedPassage]
    """What would be answered from."""
    queries: list[Query]
    """Asked so far."""
    usage: Usage
    trace_id: str


class Decided(_Event):
    """What a person said to a `Waiting`: the first event of a run that goes on."""

    type: Literal["decided"] = "decided"
    step: Step
    decision: Decision


class Answered(_Event):
    type: Literal["answered"] = "answered"
    answer: Answer
    verdict: Verdict | None = None
    """The last, with the probabilities of what was then written; None where the run came to none."""


Event = Annotated[
    Planned | Searched | Linked | Selected | Resolved | Judged | Waiting | Decided | Sentence | Answered, Field(discriminator="type")
]
