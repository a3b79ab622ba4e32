"""Decision: what a person says to a run that waits: approve the step, refuse it, or edit it (other queries of a look, fewer passages to answer from).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Step = Literal["look", "answer"]
"""What a run may be told to wait before."""
STEPS: tuple[Step, ...] = ("look", "answer")


class Decision(BaseModel):
    """Whether it fits what waits, `check` in approve.py says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["approve", "refuse", "edit"]
    queries: list[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]] = Field(
        default=[], max_length=5, description="edit of a look: what is searched instead"
    )
    drop: list[str] = Field(default=[], description="edit of an answer: ids of selected passages that this run shall not use")
    why: str = Field(default="", max_length=400, description="of a refusal; stands in the answer")
    waiting: str | None = Field(default=None, description="id of the Waiting that it answers; null: whatever waits now")

    @model_validator(mode="after")
    def _edits_one_thing(self) -> Decision:
        if bool(self.queries) + bool(self.drop) != (self.kind == "edit"):
            raise ValueError("an edit has queries (of a look) or passages to drop (of an answer); what is no edit has neither")
        return self
