"""CLAP NQ: NQ questions with long answers: {id, input, passages: [{title, text, sentences}], output: [{answer, selected_sentences}]}.

Evidence is each passage of which an annotator selected a sentence; the long answers of all annotators are the accepted wordings. Questions whose
annotators wrote no answer are not answerable from their passages; without `output` (or with null for the answers) that is unknown.

Source: Rosenthal et al., "CLAPnq: Cohesive Long-form Answers from Passages in Natural Questions for RAG systems" (TACL 2025).
"""

from __future__ import annotations

from collections.abc import Sequence

from ..question import DataPassage, Question, distinct
from .records import Record, ids_of


def read(records: Sequence[Record]) -> tuple[Question, ...]:
    ids = ids_of(records, [record.text("input") for record in records])
    return tuple(_question(record, id) for record, id in zip(records, ids, strict=True))


def _question(record: Record, id: str) -> Question:
    outputs = record.records("output")
    answers = tuple(dict.fromkeys(answer for output in outputs if (answer := output.string("answer", "").strip())))
    chosen = {sentence for output in outputs for sentence in output.strings("selected_sentences")}
    answerable = bool(answers) if any(output.fields.get("answer") is not None for output in outputs) else None
    known = answerable is False or bool(chosen)
    passages = [
        DataPassage(each.string("title", ""), each.string("text"), not chosen.isdisjoint(each.strings("sentences")) if known else None)
        for each in record.records("passages")
    ]
    return Question(id, record.text("input"), answers, answerable, passages=distinct(passages))
