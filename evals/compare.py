"""Compare: ours against variants on the same questions: paired differences with bootstrap intervals, in all and for parts of the questions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .breakdown import parts
from .labels import Values
from .metrics.bootstrap import difference, interval
from .predictions import Line
from .question import Question
from .result import Cell, Row, Table

_NOTE = "Ours minus the variant, paired by question, bootstrap 95% intervals: above 0 ours is better (of tokens and passages: spends more)."


def compare_with(
    questions: Sequence[Question],
    lines: Sequence[Line],
    variants: Mapping[str, Sequence[Line]],
    values_of: Callable[[Question, Line], Values | None],
    main: str,
    columns: Mapping[str, str],
) -> list[Table]:
    """Tables of differences, for questions on which `main` is known. `values_of` scores a line; `columns`: value's name -> heading."""
    pairs = [(question, values) for question, line in zip(questions, lines, strict=True) if (values := values_of(question, line)) and main in values]
    if not pairs or not variants:
        return []
    asked, ours = [question for question, _ in pairs], [values for _, values in pairs]
    theirs = {name: _scored(asked, made, values_of) for name, made in variants.items()}
    rows = []
    for name, other in theirs.items():
        cells: list[Cell] = [interval([one[main] for one in other])]
        cells += [_difference(ours, other, column) for column in columns]
        rows.append(Row(name, tuple(cells)))
    tables = [Table("Ours against each variant", (f"its {columns[main]}", *columns.values()), tuple(rows), note=_NOTE)]
    for kind, groups in parts(asked):
        by_group = [
            Row(
                f"{label} ({len(places):,})",
                tuple(_difference([ours[n] for n in places], [other[n] for n in places], main) for other in theirs.values()),
            )
            for label, places in groups.items()
        ]
        tables.append(Table(f"Ours against each variant, {columns[main]} by {kind}", tuple(theirs), tuple(by_group)))
    return tables


def _scored(questions: Sequence[Question], lines: Sequence[Line], values_of: Callable[[Question, Line], Values | None]) -> list[Values]:
    by_id = {(line["dataset"], line["id"]): line for line in lines}
    return [values_of(question, by_id[question.dataset, question.id]) or {} for question in questions]


def _difference(ours: Sequence[Values], theirs: Sequence[Values], name: str) -> Cell:
    both = [(one[name], other[name]) for one, other in zip(ours, theirs, strict=True) if name in one and name in other]
    return difference([one for one, _ in both], [other for _, other in both]) if both else None
