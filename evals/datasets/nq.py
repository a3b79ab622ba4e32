"""NQ with its gold passage: {question, answers, ctxs: [{title, text, hasanswer, isgold}]}, the oracle file of "Lost in the Middle".

Without ids: a question's id is made of its text (`records.hashed_ids`), the same as for the hub's NQ-open.

Source: Kwiatkowski et al., "Natural Questions" (TACL 2019); Liu et al., "Lost in the Middle" (TACL 2024), whose release has this form.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..question import DataPassage, Question, distinct
from .records import Record, ids_of


def read(records: Sequence[Record]) -> tuple[Question, ...]:
    ids = ids_of(records, [record.text("question") for record in records])
    return tuple(_question(record, id) for record, id in zip(records, ids, strict=True))


def _question(record: Record, id: str) -> Question:
    passages = distinct([DataPassage(each.string("title", ""), each.string("text"), each.flag("isgold")) for each in record.records("ctxs")])
    answers = record.answers()
    answerable = True if answers and any(passage.gold for passage in passages) else None
    return Question(id, record.text("question"), answers, answerable, passages=passages)
