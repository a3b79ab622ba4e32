"""What is asked, checked before anything runs: the question and all that comes with it. What is wrong is a UsageError."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields
from typing import Any, cast

from ..graphs.decision import STEPS, Step
from ..graphs.run import new_question
from ..graphs.state import RagInput
from ..tools.budget import Budget
from ..tools.errors import UsageError
from ..tools.filters import Filter, to_sql

MOST_QUESTION_CHARACTERS = 8_000
"""A longer text is no question."""
History = Sequence[tuple[str, str]]
"""A conversation as (question, answer) pairs, oldest first."""


def checked_input(
    question: str,
    *,
    history: History | None = None,
    filters: Filter | None = None,
    id: str | None = None,
    approve: Collection[Step] = (),
    plan: Sequence[str] | None = None,
) -> RagInput:
    """The state machine's input. Raises UsageError for a bad question, filter, an empty one too, or plan, before anything runs."""
    if filters is not None:
        to_sql(filters)
    told = None if history is None else _checked_history(history)
    return new_question(checked_question(question), history=told, filters=filters, id=id, approve=approve, plan=plan)


def checked_question(question: str) -> str:
    """The question without white space around it. Raises UsageError where it is no text, empty or far too long."""
    if not isinstance(question, str):
        raise UsageError(f"the question is of type {type(question).__name__}", "Give a text.")
    text = question.strip()
    if not text:
        raise UsageError("the question is empty", 'Ask one, such as "Who built the Tarn Light?"')
    if len(text) > MOST_QUESTION_CHARACTERS:
        raise UsageError(f"the question has {len(text)} characters; at most {MOST_QUESTION_CHARACTERS} are read", "Put long texts into the corpus.")
    return text


def _checked_history(history: History) -> list[tuple[str, str]]:
    """Raises UsageError where it is none: a chat model's messages, taken for pairs, would lose the conversation without a word."""
    hint = 'Give pairs of texts, oldest first: [("Who …?", "…")], not messages.'
    if not isinstance(history, Sequence) or isinstance(history, str):
        raise UsageError(f"the history is of type {type(history).__name__}", hint)
    for n, pair in enumerate(history):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise UsageError(f"history[{n}] is no (question, answer) pair", hint)
    return [(asked, answered) for asked, answered in history]


def checked_budget(given: Budget | Mapping[str, float] | None) -> Budget | None:
    """Raises UsageError where it is none."""
    if given is None or isinstance(given, Budget):
        return given
    try:
        return Budget(**cast(dict[str, Any], dict(given)))
    except (TypeError, ValueError):
        names = ", ".join(field.name for field in fields(Budget))
        raise UsageError(f"{given!r} is no budget", f"Give a Budget, or a mapping of some of {names} to positive numbers.") from None


def checked_steps(approve: Collection[str] | None, thread: str | None) -> Collection[Step]:
    """Raises UsageError where one is none, or where there is no thread to wait on."""
    if not approve:
        return ()
    given = [approve] if isinstance(approve, str) else approve
    if unknown := [step for step in given if step not in STEPS]:
        raise UsageError(f"{unknown[0]!r} cannot be approved", f"A run can wait before: {', '.join(STEPS)}.")
    if thread is None:
        raise UsageError("a run that waits for a person needs a thread", "It is kept there until somebody decides: thread=NAME, or --thread NAME.")
    return [step for step in STEPS if step in given]
