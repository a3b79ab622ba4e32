"""Views: lines and labels as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..experiments.reading import right
from ..labels import answer_values, gold_flags, gold_keys, support_values
from ..predictions import Line, source_of
from ..question import Question
from ..result import Result
from .html import QuestionView, page

_FIRST = {
    "reading": ("f1", "em"),
    "qa": ("f1", "em", "contains", "support_f1"),
    "robustness": ("f1", "contains", "support_f1"),
    "abstain": ("f1", "em", "support_f1"),
    "retrieval": ("recall", "all_gold"),
    "rerank": ("nDCG@10", "MRR", "recall@10"),
}
"""Scores of a question that are shown, by experiment; of the others the support."""


def html_page(result: Result, questions: Sequence[Question], lines: Sequence[Line]) -> str:
    names = _FIRST.get(result.experiment, ("support_f1", "support_recall", "support_precision"))
    answered = right if result.experiment == "reading" else answer_values  # a reader alone does not abstain
    return page(result, [_view(question, line, names, answered(question, line)) for question, line in zip(questions, lines, strict=True)])


def _view(question: Question, line: Line, names: Sequence[str], answered: Mapping[str, float] | None) -> QuestionView:
    gold = gold_keys(question)
    candidates = line["candidates"]
    flags = gold_flags(question, candidates, gold) if gold is not None else ()
    there = {source_of(passage) for passage, flag in zip(candidates, flags, strict=False) if flag}
    known = {**(support_values(question, line) or {}), **(answered or {})}
    known |= line.get("measured", {})
    if gold:
        found = sum(flags)
        known |= {"recall": found / len(gold), "all_gold": float(found == len(gold))}
    return QuestionView(
        line,
        None if gold is None else frozenset(there | (question.gold or frozenset())),
        golds=None if gold is None else len(gold),
        absent=tuple((passage.title, passage.text) for passage in question.passages if passage.gold and passage.source not in there),
        answers=question.answers,
        type=question.type,
        scores={name: known[name] for name in names if name in known},
    )
