"""Events: what a run tells while it runs, in order. Plain frozen data with a `type`, the same on every face."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .answer import Answer, Citation, Query, SelectedPassage, SubQuestion, Verdict


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)


class Planned(_Event):
    type: Literal["planned"] = "planned"
    question: str
    """The standalone question."""
    sub_questions: list[SubQuestion]
    planner: str
    """"embedded" or "chat model"; "whole question" where neither found parts."""
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


class Answered(_Event):
    type: Literal["answered"] = "answered"
    answer: Answer


Event = Annotated[Planned | Searched | Linked | Selected | Resolved | Judged | Sentence | Answered, Field(discriminator="type")]
