"""Breakdowns: the same figures for parts of the questions: by data set, type, number of gold passages, and whether the gold was dropped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from .labels import gold_keys
from .metrics.bootstrap import interval
from .question import Question
from .result import Cell, Row, Table

_KINDS: tuple[tuple[str, Callable[[Question], str | None]], ...] = (
    ("data set", lambda question: question.dataset),
    ("type", lambda question: question.type or None),
    ("number of gold passages", lambda question: None if (gold := gold_keys(question)) is None else str(len(gold))),
    ("evidence", lambda question: None if question.answerable is None else "there" if question.answerable else "not there"),
)


def parts(questions: Sequence[Question]) -> Iterator[tuple[str, dict[str, list[int]]]]:
    """(kind, label -> places in `questions`) for each kind under which the questions fall apart."""
    for kind, label_of in _KINDS:
        groups: dict[str, list[int]] = {}
        for n, question in enumerate(questions):
            label = label_of(question)
            if label is not None:
                groups.setdefault(label, []).append(n)
        if len(groups) > 1:
            yield kind, dict(sorted(groups.items()))


def breakdowns(questions: Sequence[Question], values: Sequence[Mapping[str, float]], columns: Mapping[str, str]) -> list[Table]:
    """A table for each kind. `values`: one for each question; `columns`: value's name -> heading."""
    tables = []
    for kind, groups in parts(questions):
        rows = []
        for label, places in groups.items():
            cells: list[Cell] = [len(places)]
            for name in columns:
                known = [values[n][name] for n in places if name in values[n]]
                cells.append(interval(known) if known else None)
            rows.append(Row(label, tuple(cells)))
        tables.append(Table(f"By {kind}", ("questions", *columns.values()), tuple(rows)))
    return tables
