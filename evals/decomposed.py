"""Decomposed: questions that are asked with the data set's own decomposition as their plan, beside the same questions without it.

The sub-questions become a part of what is asked. Their answers and passages stay labels: "#1" is filled with what the agent found.
"""

from __future__ import annotations

from dataclasses import replace

from ..graphs.plan import check_plan
from ..tools.errors import UsageError
from .question import Question
from .setup import NothingToAsk, Setup

UNPLANNED = "its own plan"
"""The variant that is asked without the decomposition."""


def decomposed(setup: Setup) -> Setup:
    """Those questions that have a decomposition which the agent can follow. Raises NothingToAsk where none has one."""
    chosen = tuple(question.decomposed() for question in setup.questions if _can_be_followed(question))
    if not chosen:
        raise NothingToAsk("no question has a decomposition", "MuSiQue's have: `decomposition`, a list of {question, answer}.")
    return replace(setup, questions=chosen)


def unplanned(setup: Setup) -> Setup:
    """The same questions, each to be planned by whoever is asked."""
    return replace(setup, questions=tuple(replace(question, plan=None) for question in setup.questions))


def _can_be_followed(question: Question) -> bool:
    try:
        return bool(check_plan([step.question for step in question.decomposition]))
    except UsageError:
        return False
