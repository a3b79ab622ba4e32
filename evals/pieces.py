"""Pieces: a data set's passages cut in two or three under one title, as an indexed document is.

Multi-hop data gives one paragraph an article. Who learns from that alone takes a passage for evidence because the question names its title, and in a
corpus of documents takes the second passage of the right document, too, for evidence. The policy learns from lists of pieces as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from ..tools.answers import YES_NO, contains_answer, normalised
from ..tools.sentences import sentences
from .question import DataPassage, Dataset, Question, distinct, pool_of

_WORDS = 35
"""Of a piece, about."""
_MOST = 3


def in_pieces(dataset: Dataset) -> Dataset:
    """Evidence is the piece in which a hop's answer stands, else the question's answer, else the name of other evidence, else the first."""
    cut = {passage.source: _cut(passage) for passage in dataset.pool}
    questions = tuple(_question(question, cut) for question in dataset.questions)
    return replace(dataset, questions=questions, pool=pool_of(questions))


def _cut(passage: DataPassage) -> tuple[str, ...]:
    spans = sentences(passage.text)
    pieces = min(_MOST, len(spans), len(passage.text.split()) // _WORDS)
    if pieces < 2:
        return (passage.text,)
    ends = [end for _, end in spans]
    cuts = {min(ends[:-1], key=lambda end: abs(end - len(passage.text) * n / pieces)) for n in range(1, pieces)}
    edges = [0, *sorted(cuts), len(passage.text)]
    return tuple(passage.text[start:stop].strip() for start, stop in pairwise(edges))


def _question(question: Question, cut: Mapping[str, Sequence[str]]) -> Question:
    made: list[DataPassage] = []
    sources: dict[str, dict[str, str]] = {}  # of evidence: the texts of its pieces, with the source of each
    for passage in question.passages:
        pieces = [DataPassage(passage.title, text) for text in cut[passage.source]]
        wanted = _wanted(question, passage, cut[passage.source]) if passage.gold else ()
        made += [replace(piece, gold=None if passage.gold is None else piece.text in wanted) for piece in pieces]
        sources[passage.source] = {piece.text: piece.source for piece in pieces}
    hops = tuple(
        replace(hop, source=next((source for text, source in own.items() if contains_answer(text, [hop.answer])), next(iter(own.values()))))
        for hop in question.hops
        if (own := sources.get(hop.source))
    )
    return replace(question, passages=distinct(made), hops=hops)


def _wanted(question: Question, passage: DataPassage, pieces: Sequence[str]) -> Sequence[str]:
    """Those pieces of a gold passage that are evidence themselves."""
    answers = [hop.answer for hop in question.hops if hop.source == passage.source]
    spoken = [answer for answer in question.answers if normalised(answer) not in YES_NO]
    others = [other.title.partition(" (")[0] for other in question.passages if other.gold and other.title != passage.title]
    for told in ([[answer] for answer in answers], [spoken], [others]):
        held = [first for one in told if (first := next((piece for piece in pieces if contains_answer(piece, one)), None)) is not None]
        if held:
            return held
    return pieces[:1]
