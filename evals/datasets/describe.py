"""Describing a split, so that another machine can rebuild it and see that it did: its question ids, the file's SHA-256, and a digest of its content.

The content digest says nothing of how a file is written: it is the same for our JSONL form and for what is made of the official set, in any order of
passages, and white space does not count (official sentences are joined to passages in more than one way).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..question import DataPassage, Dataset, Question, pool_of


def describe(dataset: Dataset, source: Mapping[str, Any]) -> dict[str, Any]:
    """What a file of `evals/splits` says. `source`: where the official set is, see `get`."""
    described = {
        "name": dataset.name,
        "source": dict(source),
        "questions": len(dataset.questions),
        "sha256": dataset.sha256,
        "content": content_of(dataset),
        "ids": [question.id for question in dataset.questions],
    }
    return described | ({"keys": [match_key(question) for question in dataset.questions]} if source.get("match") == "content" else {})


def content_of(dataset: Dataset) -> str:
    """Of the questions, and of the pool where it is not made of their passages."""
    return content_digest(dataset.questions, () if dataset.pool == pool_of(dataset.questions) else dataset.pool)


def content_digest(questions: Sequence[Question], pool: Sequence[DataPassage] = ()) -> str:
    """SHA-256 of ids, questions, accepted answers, passages (title, text, gold), titles (else sources) of evidence.

    In any order of questions and passages.
    """
    whole = hashlib.sha256()
    for line in sorted(_canonical(question) for question in questions):
        whole.update(line + b"\n")
    for passage in sorted(_passage(passage) for passage in pool):
        whole.update(json.dumps(passage).encode() + b"\n")
    return whole.hexdigest()


def match_key(question: Question) -> str:
    """Ten hex digits by which a question is found in a set that has other ids: its text and its first passage's."""
    texts = [question.question, *(passage.text for passage in question.passages[:1])]
    return hashlib.sha256("\x1f".join(map(_spaceless, texts)).encode("utf-8", "surrogatepass")).hexdigest()[:10]


def _canonical(question: Question) -> bytes:
    passages = sorted(_passage(passage) for passage in question.passages)
    answers, titles = (sorted(set(map(_spaceless, texts))) for texts in (question.answers, question.gold_titles or question.gold_sources))
    return json.dumps([question.id, _spaceless(question.question), answers, passages, titles]).encode()


def _passage(passage: DataPassage) -> tuple[str, str, str]:
    return _spaceless(passage.title), _spaceless(passage.text), str(passage.gold)


def _spaceless(text: str) -> str:
    return "".join(text.split())
