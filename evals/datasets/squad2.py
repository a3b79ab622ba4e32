"""SQuAD 2: a question and one paragraph, which holds the answer or does not.

Two forms: the official file ({"data": [{"title", "paragraphs": [{"context", "qas": […]}]}]}; SQuAD 1.1 and XQuAD have it too, without
`is_impossible`), and a question a line ({id, title, context, question, answers, is_impossible}, answers a list of strings or, as on the Hugging Face
hub, {"text": […], "answer_start": […]}).

Source: Rajpurkar, Jia and Liang, "Know What You Don't Know: Unanswerable Questions for SQuAD" (ACL 2018).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..question import DataPassage, Question
from .records import Record, ids_of


def read(records: Sequence[Record]) -> tuple[Question, ...]:
    """A question a record."""
    ids = ids_of(records, [record.text("question") for record in records])
    return tuple(
        _question(record, id, record.string("title", ""), record.string("context"), known=record.fields.get("answers") is not None)
        for record, id in zip(records, ids, strict=True)
    )


def read_official(records: Sequence[Record]) -> tuple[Question, ...]:
    return tuple(question for record in records for question in _questions(record))


def _questions(record: Record) -> Iterator[Question]:
    for article in record.records("data"):
        for paragraph in article.records("paragraphs"):
            for asked in paragraph.records("qas"):
                id = asked.id()
                if id is None:
                    raise asked.fault("it has no `id`")
                yield _question(asked, id, article.string("title", ""), paragraph.string("context"), known=asked.fields.get("answers") is not None)


def _question(record: Record, id: str, title: str, context: str, *, known: bool) -> Question:
    """`known`: whether its labels are there; those of a test set are not."""
    answers = _answers(record)
    impossible = record.flag("is_impossible")
    if impossible is None and known:
        impossible = not answers
    answerable = None if impossible is None else not impossible
    passage = DataPassage(title, context, gold=answerable)
    return Question(id, record.text("question"), answers if answerable else (), answerable, passages=(passage,))


def _answers(record: Record) -> tuple[str, ...]:
    """Each once: several annotators gave them. `plausible_answers` of impossible questions are none."""
    value = record.fields.get("answers")
    if isinstance(value, Mapping):
        return record.record("answers").answers("text")
    if isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        return tuple(dict.fromkeys(each.text("text") for each in record.records("answers")))
    return record.answers()
