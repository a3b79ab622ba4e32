"""Mixture: questions of every need at once, as a chat application meets them: several passages, one, none.

Multi-hop questions, as many single-evidence ones as the smallest multi-hop set has (asked of the pool of their own file), and as many multi-hop ones
whose evidence was dropped. No fixed number of passages is right for all of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any, Literal

from ..tools.errors import UsageError
from .datasets import load
from .question import Question
from .setup import Setup, prepare

DROPPED = "dropped"
"""Behind the data set's name, of questions without their evidence."""


@contextlib.contextmanager
def mixture(
    data: Sequence[str],
    *,
    setting: Literal["distractor", "pool"],
    even: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> Iterator[Setup]:
    """One setup of all parts. `even`: as many of every multi-hop set as of the smallest. `options`: of `prepare`, without drop and limit.

    Raises UsageError where multi-hop or single-evidence questions are missing.
    """
    several: list[str] = []
    single: list[str] = []
    for one in data:
        (several if load(one).has_distractors else single).append(one)
    if not several or not single:
        what = "multi-hop questions" if not several else "single-evidence questions, such as SQuAD 2's"
        raise UsageError(f"--mixed needs {what} among its data", "For example: 2wiki/dev.jsonl musique/dev.jsonl squad2/dev.jsonl")
    with contextlib.ExitStack() as stack:

        def part(files: Sequence[str], where: Literal["distractor", "pool"], drop: Literal["all"] | None = None) -> Setup:
            return stack.enter_context(prepare(files, setting=where, drop=drop, progress=progress, **options))

        whole, alone, without = part(several, setting), part(single, "pool"), part(several, setting, "all")
        names = dict.fromkeys(question.dataset for question in whole.questions)
        count = min(sum(question.dataset == name for question in whole.questions) for name in names)
        multi_hop = [one for name in names for one in _some(whole.questions, name, count)] if even else list(whole.questions)
        evidence = _first([question for question in alone.questions if question.gold and question.answerable is not False], count)
        dropped = [replace(question, dataset=f"{question.dataset} {DROPPED}") for question in _first(without.questions, count)]
        corpora = {**whole.corpora, **alone.corpora, **{f"{name} {DROPPED}": corpus for name, corpus in without.corpora.items()}}
        settings = {**whole.settings, "data": [*whole.settings["data"], *alone.settings["data"]], "mixed": "even" if even else "all"}
        questions, unreadable = (*multi_hop, *evidence, *dropped), whole.unreadable + alone.unreadable
        of_pool = frozenset(alone.corpora)
        yield Setup(questions, setting, corpora, settings, whole.encoder, without.left_out, without.unlabelled, unreadable, of_pool)


def _some(questions: Sequence[Question], dataset: str, count: int) -> list[Question]:
    return _first([question for question in questions if question.dataset == dataset], count)


def _first(questions: Sequence[Question], count: int) -> list[Question]:
    """By hash of the id, in the order of the questions."""
    chosen = {(one.dataset, one.id) for one in sorted(questions, key=lambda one: Random(f"mixed {one.id}").random())[:count]}
    return [question for question in questions if (question.dataset, question.id) in chosen]
