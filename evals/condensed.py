"""Condensed: the last turns of conversations, asked as the embedded condense words them, beside the same turns alone.

Names of earlier turns come to the question (graphs/condense.py); what a chat model would make of the conversation is not measured here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..graphs.condense import carry_over
from ..graphs.run import new_question
from ..tools.small_talk import is_small_talk
from .compare import compare_with
from .experiments.selection import COLUMNS
from .labels import support_values
from .predictions import Line
from .question import Question
from .result import Result
from .setup import NothingToAsk, Setup

LAST_TURN = "last turn alone"
"""The variant that is asked without its conversation."""


def condensed(setup: Setup) -> Setup:
    """All questions, those with a conversation before them condensed. Raises NothingToAsk where none has one."""
    if not any(question.history for question in setup.questions):
        raise NothingToAsk("no question has a conversation before it", "MTRAG's have: `input`, the turns in their order.")
    return replace(setup, questions=tuple(map(_standalone, setup.questions)))


def _standalone(question: Question) -> Question:
    asked = new_question(question.question, history=list(question.history))
    text, turns = asked["question"].strip(), asked["history"]
    return replace(question, question=carry_over(text, turns) if turns and not is_small_talk(text) else text, history=())


def add_condensed(result: Result, alone: Sequence[Question], questions: Sequence[Question], lines: Sequence[Line], others: Sequence[Line]) -> None:
    """How many questions the conversation changed, and the difference that it made to these.

    alone: the questions as their last turns have them; questions: as they were asked; others: the lines of `alone`.
    """
    changed = [n for n, (one, other) in enumerate(zip(questions, alone, strict=True)) if one.question != other.question.strip()]
    result.counts |= {"with a conversation": sum(bool(question.history) for question in alone), "changed by it": len(changed)}
    of = [[kept[n] for n in changed] for kept in (lines, others)]
    tables = compare_with([questions[n] for n in changed], of[0], {LAST_TURN: of[1]}, support_values, "support_f1", COLUMNS)
    if tables:
        result.tables.append(replace(tables[0], title="Ours against the last turn alone, where the conversation changed the question"))
