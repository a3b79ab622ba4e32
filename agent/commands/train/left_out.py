"""Questions that nothing is to be learned from: what the reader was trained on, what the corpus lacks, what is asked twice. It is said which."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ....tools.errors import UsageError
from ... import terminal

if TYPE_CHECKING:
    from ....evals.question import Question

_TOLD = 3
"""Titles that are named where evidence is lacking."""


def left_out(data: Sequence[str], corpus: Path | None, *, bundled: bool, by_title: bool) -> dict[str, set[str]]:
    """By data set, ids of questions that nothing is to be learned from; it is said which. Raises UsageError where all of a data set are.

    bundled: the bundled pair model reads them, so those that it was trained on are left out. by_title: so are those whose evidence `corpus` lacks.
    """
    from ....evals.datasets import is_val, load
    from ....evals.left_out import trained_on

    found: dict[str, set[str]] = {}
    for one in data:
        questions = load(one).questions
        known = trained_on(questions) if bundled else frozenset()
        if known and all(question.id in known or is_val(question.id) for question in questions):
            reader = "" if corpus else f", or read them with a reader that was trained in halves: passel train reader {one} --folds --out DIR"
            what = f"{one}: the bundled pair model was trained on these questions and reads them more surely than any others"
            raise UsageError(what, f"Give other questions{reader}.")
        _tell_known(one, known, questions)
        lacking = without_evidence(one, questions, corpus) if corpus and by_title else set()
        found[one] = {*known, *lacking, *(_repeated(one, questions) if corpus else ())}
    return found


def known_to_bundled(data: str, questions: Sequence[Question]) -> frozenset[str]:
    """Ids of the questions that the bundled pair model was trained on: it reads them more surely than any others. Says how many."""
    from ....evals.left_out import trained_on

    known = trained_on(questions)
    _tell_known(data, known, questions)
    return known


def _tell_known(data: str, known: Collection[str], questions: Sequence[Question]) -> None:
    if known:
        terminal.note(f"{data}: {len(known):,} of {len(questions):,} questions are left out, as the bundled pair model was trained on them")


def _repeated(data: str, questions: Sequence[Question]) -> set[str]:
    """Ids of the questions that were asked before: one of them in val would choose by what it was trained on. Says how many."""
    first: dict[str, str] = {}
    repeated = {one.id for one in questions if first.setdefault(" ".join(one.question.casefold().split()), one.id) != one.id}
    if repeated:
        terminal.note(f"{data}: {len(repeated):,} of {len(questions):,} questions are left out: the file asks them more than once")
    return repeated


def without_evidence(data: str, questions: Sequence[Question], folder: Path) -> set[str]:
    """Ids of the questions with evidence that the corpus in this folder lacks; says how many. Raises UsageError where it lacks some of every one."""
    from ....evals.left_out import unmatched
    from ....tools.corpus import Corpus

    with Corpus.open(folder) as corpus:
        titled, name = unmatched(questions, corpus), corpus.name
    lacking = {id for id, titles in titled.items() if titles}
    titles = list(dict.fromkeys(title for of_one in titled.values() for title in of_one))
    named = f"no document of the corpus {name!r} is titled " + ", ".join(f"{title!r}" for title in titles[:_TOLD]) + (" …" if titles[_TOLD:] else "")
    if lacking and len(lacking) == len(titled):
        how = "`gold_titles` are the titles of its documents, letter for letter. With --answers-only none are needed."
        raise UsageError(f"{data}: every question has evidence that is not there: {named}", how)
    if lacking:
        terminal.note(f"{data}: {len(lacking):,} of {len(questions):,} questions are left out: {named}")
    return lacking
