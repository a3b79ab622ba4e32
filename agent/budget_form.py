"""BudgetForm: the limits that a caller sets for one run, over HTTP and over MCP."""

from __future__ import annotations

import dataclasses

from pydantic import BaseModel, Field

from ..tools.budget import Budget


class BudgetForm(BaseModel, extra="forbid"):
    """Limits of one run. They can only be tighter than those that the server was started with."""

    calls: int | None = Field(default=None, gt=0, description="calls of the chat model")
    tokens: int | None = Field(default=None, gt=0, description="tokens sent to and received from the chat model")
    seconds: float | None = Field(default=None, gt=0, description="wall clock")
    looks: int | None = Field(default=None, ge=0, description="searches after the first round")
    evidence_tokens: int | None = Field(default=None, gt=0, description="size of the selected passages")

    def within(self, budget: Budget) -> Budget:
        """`budget`, with every limit that is tighter here."""
        given = self.model_dump(exclude_none=True)
        return dataclasses.replace(budget, **{name: min(limit, getattr(budget, name)) for name, limit in given.items()})
