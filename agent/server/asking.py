"""Asking: what a request may say beside its question, checked before anything runs, and made into the keywords of `Agent.ask`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from ...tools.budget import Budget
from ...tools.filters import to_sql
from ..asked import MOST_QUESTION_CHARACTERS
from ..budget_form import BudgetForm
from .body import Body
from .errors import ApiError

MOST_CONDITIONS = 200
"""Of a filter,"""
_DEEPEST = 8
"""and groups within groups."""

ThreadName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
CorpusName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Asking(Body):
    """The part that all ways to ask share."""

    thread: ThreadName | None = Field(default=None, description="name of a conversation to remember and go on with")
    filters: dict[str, Any] | None = Field(
        default=None,
        description='metadata that every passage must match, in Chroma\'s `where` form: {"year": {"$gte": 1990}}',
        examples=[{"source": "light.md"}],
    )
    budget: BudgetForm | None = None

    def options(self, own: Budget) -> dict[str, Any]:
        """Keywords of `Agent.ask`. Raises ApiError and UsageError."""
        if self.filters is not None:
            _check_size(self.filters)
            to_sql(self.filters)
        return {"thread": self.thread, "filters": self.filters, "budget": self.budget.within(own) if self.budget else own}


def checked_question(text: str, param: str) -> str:
    """Raises ApiError 400."""
    question = text.strip()
    if not question:
        raise ApiError(400, "The question is empty.", param=param, code="invalid_request")
    if len(question) > MOST_QUESTION_CHARACTERS:
        message = f"The question has {len(question):,} characters; at most {MOST_QUESTION_CHARACTERS:,} are read. Long texts belong into a corpus."
        raise ApiError(400, message, param=param, code="question_too_long")
    return question


def _check_size(filters: Mapping[str, Any]) -> None:
    """A filter becomes one expression of SQL, which must not grow without end. Raises ApiError 400."""
    seen, level, depth = 0, [filters], 0
    while level:
        seen, depth = seen + sum(map(len, level)), depth + 1
        if seen > MOST_CONDITIONS or depth > 2 * _DEEPEST:
            message = f"A filter has at most {MOST_CONDITIONS} conditions, {_DEEPEST} groups deep."
            raise ApiError(400, message, param="filters", code="invalid_request")
        values = [value for each in level for value in each.values()]
        values += [one for value in values if isinstance(value, list) for one in value]
        level = [value for value in values if isinstance(value, Mapping)]
