"""Hops: what became of each step of a decomposition: was it asked, did its passage reach the candidates and the selection, was its answer right?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..tools.answers import exact_match, f1
from .labels import Values
from .metrics.bootstrap import difference, interval
from .predictions import Line, source_of
from .question import Question
from .result import Cell, Result, Row, Table

_COLUMNS = (
    "questions", "asked", "in candidates", "without", "gain", "selected", "without", "gain", "resolved", "EM", "F1",
)  # fmt: skip
_NOTE = (
    "In candidates, selected: the step's gold passage. Without: the same agent, left to its own plan; gains are paired. Resolved: of the steps that "
    "a later one waits for, the share in which an answer took the place of “#n”; EM and F1 of that answer against the label, where there is none 0."
)


def hop_values(question: Question, line: Line) -> list[Values]:
    """For each step in its order, as far as its labels are known. A failed line scores 0."""
    gold = frozenset() if question.by_title else question.gold or frozenset()
    sources = {hop.step: hop.source for hop in question.hops if hop.source in gold}
    there = {key: {source_of(passage) for passage in line[key]} for key in ("candidates", "selected")}
    asked = {query["sub_question"] for query in line["queries"]}
    answers = {sub["id"]: sub["answer"] or "" for sub in line["sub_questions"]}
    needed = {int(number) for step in question.decomposition for number in re.findall(r"#(\d+)", step.question)}
    values: list[Values] = []
    for number, step in enumerate(question.decomposition, 1):
        known: Values = {"asked": float(number in asked)}
        if number in sources:
            known |= {key: float(sources[number] in found) for key, found in there.items()}
        if number in needed and step.answer:
            said = answers.get(number, "")
            em, overlap = (exact_match(said, [step.answer]), f1(said, [step.answer]).f1) if said else (0.0, 0.0)
            known |= {"resolved": float(bool(said)), "em": em, "f1": overlap}
        values.append(known)
    return values


def add_hops(result: Result, questions: Sequence[Question], lines: Sequence[Line], unplanned: Sequence[Line]) -> None:
    """A table by hop, first of all, and its figures. `unplanned`: the lines of the same questions without the decomposition."""
    ours, theirs = ([hop_values(question, line) for question, line in zip(questions, of, strict=True)] for of in (lines, unplanned))
    lengths = sorted({len(one) for one in ours})
    rows = []
    for hop in range(1, lengths[-1] + 1):
        places = [n for n, one in enumerate(ours) if len(one) >= hop]
        rows.append(_row(f"hop {hop}", [ours[n][hop - 1] for n in places], [theirs[n][hop - 1] for n in places]))
        for name in ("candidates", "selected", "em", "f1"):
            if known := [ours[n][hop - 1][name] for n in places if name in ours[n][hop - 1]]:
                result.metrics[f"hop_{hop}_{name}"] = interval(known)
    for length in lengths if len(lengths) > 1 else ():
        places = [n for n, one in enumerate(ours) if len(one) == length]
        for hop in range(length):
            rows.append(_row(f"hop {hop + 1} of {length}", [ours[n][hop] for n in places], [theirs[n][hop] for n in places]))
    result.tables.insert(0, Table("Hop by hop, asked with the gold decomposition", _COLUMNS, tuple(rows), note=_NOTE))


def _row(label: str, ours: Sequence[Values], theirs: Sequence[Values]) -> Row:
    cells: list[Cell] = [len(ours), _mean(ours, "asked")]
    for name in ("candidates", "selected"):
        known = [(one[name], other[name]) for one, other in zip(ours, theirs, strict=True) if name in one]
        gain = difference([one for one, _ in known], [other for _, other in known]) if known else None
        cells += [_mean(ours, name), _mean(theirs, name), gain]
    return Row(label, (*cells, *(_mean(ours, name) for name in ("resolved", "em", "f1"))))


def _mean(values: Sequence[Values], name: str) -> Cell:
    known = [one[name] for one in values if name in one]
    return interval(known) if known else None
