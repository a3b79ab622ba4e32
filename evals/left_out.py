"""Questions that the list policy must not learn from: those that the bundled pair model was trained on, and those whose evidence the corpus lacks.

What a pair model says of a question that it was trained on is surer than what it will say of any other. Evidence whose title no document has looks
as if nothing helped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..tools.corpus import Corpus
from .datasets.describe import match_key
from .datasets.get import split_of
from .datasets.split import is_val
from .question import Question
from .setup import of_corpus

TRAINED_ON = ("2wiki/train", "hotpotqa/train", "hotpotqa/extra_train", "musique/train", "squad2/train", "nq/oracle")
"""Splits of which the bundled pair model knows every question but those of `val`; see rerankers/weights/README.md."""


def trained_on(questions: Iterable[Question]) -> frozenset[str]:
    """Ids of the questions that the bundled pair model was trained on, from whatever file they come."""
    splits = [split_of(name) for name in TRAINED_ON]
    ids = {id for split in splits for id in split.ids if not is_val(id)}
    keys = {key for split in splits if split.keys for key, id in zip(split.keys, split.ids, strict=True) if not is_val(id)}
    return frozenset(question.id for question in questions if question.id in ids or match_key(question) in keys)


def unmatched(questions: Sequence[Question], corpus: Corpus) -> dict[str, tuple[str, ...]]:
    """By the id of each question whose evidence is known by title, those titles that no document of the corpus has, letter for letter."""
    there = corpus.titles()
    named = {question.id: of_corpus(question).gold_titles for question in questions}
    return {id: tuple(title for title in titles if title not in there) for id, titles in named.items() if titles}
