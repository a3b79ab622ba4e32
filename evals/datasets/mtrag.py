"""MTRAG: conversations over documents: {task_id, input: [{speaker, text}], contexts: [{title, text}], targets, answerability}.

The question is the last turn of the user, what came before it is the history. The contexts are the set's reference passages: those that annotators
found to bear on the question. Where it is ANSWERABLE or PARTIAL they are the evidence; an UNANSWERABLE task has none, and what an UNDERSPECIFIED or
CONVERSATIONAL one comes with is none for certain: gold is unknown. Only ANSWERABLE and UNANSWERABLE are a plain yes or no.

Source: Katsis et al., "MTRAG: A Multi-Turn Conversational Benchmark for Evaluating Retrieval-Augmented Generation Systems" (TACL 2025), and
Rosenthal et al., "MTRAG-UN: A Benchmark for Open Challenges in Multi-Turn RAG Conversations" (2026), whose tasks have the same form.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..question import DataPassage, Question, distinct
from .records import Record

_ANSWERABLE = {"ANSWERABLE": True, "UNANSWERABLE": False}
_EVIDENCE = ("ANSWERABLE", "PARTIAL")
"""Tasks whose contexts are evidence."""


def read(records: Sequence[Record]) -> tuple[Question, ...]:
    return tuple(_question(record) for record in records)


def _question(record: Record) -> Question:
    id = record.id("task_id", "id")
    if id is None:
        raise record.fault("it has no `task_id`")
    turns = record.records("input")
    if not turns or turns[-1].text("speaker") != "user":
        raise record.fault("its `input` does not end with a turn of the user")
    labels = record.strings("answerability")
    answerable = _ANSWERABLE.get(labels[0]) if labels else None
    gold = True if labels and labels[0] in _EVIDENCE else None
    return Question(
        id,
        turns[-1].text("text"),
        # where nothing answers, the target is a way of saying so: no answer
        () if answerable is False else tuple(dict.fromkeys(target.text("text").strip() for target in record.records("targets"))),
        answerable,
        type=labels[0].lower() if labels else "",
        passages=distinct([DataPassage(each.string("title", ""), each.string("text"), gold) for each in record.records("contexts")]),
        history=_history(turns[:-1]),
    )


def _history(turns: Sequence[Record]) -> tuple[tuple[str, str], ...]:
    """(question, answer) pairs; turns of one speaker in a row are one, and a question without an answer has an empty one."""
    pairs: list[tuple[str, str]] = []
    last = ""
    for turn in turns:
        speaker, text = turn.text("speaker"), turn.string("text")
        if speaker == "user" and last != "user":
            pairs.append((text, ""))
        elif speaker == "user":
            pairs[-1] = (f"{pairs[-1][0]}\n{text}", "")
        elif pairs:
            pairs[-1] = (pairs[-1][0], f"{pairs[-1][1]}\n{text}".strip())
        last = speaker
    return tuple(pairs)
