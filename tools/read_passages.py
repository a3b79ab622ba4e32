"""Reads candidates for a question with the pair model: each with the sentence that names it, where another does, and without it.

Both readings are kept, since which of them counts hangs on what is chosen (see reader.py).
"""

from __future__ import annotations

from collections.abc import Sequence

from .candidate import Candidate
from .pair import PairModel, PairReading
from .pair_text import Reading, namer_of, readings_of
from .reader import ReadAs, ReadPassage


def read_passages(model: PairModel, question: str, candidates: Sequence[Candidate], *, exact: bool = False) -> tuple[ReadPassage, ...]:
    """As the reader needs them. Candidates come with their passages. `exact`: see `PairModel`."""
    return passages_of(candidates, *read_both_ways(model, question, candidates, exact=exact))


def read_both_ways(
    model: PairModel, question: str, candidates: Sequence[Candidate], *, exact: bool = False
) -> tuple[list[PairReading], list[PairReading]]:
    """Of each candidate, as it was read with the naming sentence and without."""
    named, bare = both_ways(candidates)
    read = model.read(question, [*named, *bare], exact=exact)
    return read[: len(named)], read[len(named) :]


def both_ways(candidates: Sequence[Candidate]) -> tuple[list[Reading], list[Reading]]:
    """Of each candidate, what to read with the naming sentence and without; the same where there is none."""
    named = readings_of(candidates)
    return named, [Reading(reading.title, reading.text) for reading in named]


def passages_of(candidates: Sequence[Candidate], named: Sequence[PairReading], bare: Sequence[PairReading]) -> tuple[ReadPassage, ...]:
    """The candidates with what was read of them, without the vectors."""
    places = {candidate.passage_id: place for place, candidate in enumerate(candidates)}
    passages = []
    for candidate, with_naming, without in zip(candidates, named, bare, strict=True):
        assert candidate.passage is not None
        hit = namer_of(candidate, places)
        namer = places[hit.via] if hit is not None and hit.via is not None else None
        passages.append(ReadPassage(candidate.passage.title, candidate.passage.text, _as(without), _as(with_naming), namer))
    return tuple(passages)


def _as(reading: PairReading) -> ReadAs:
    return ReadAs(reading.relevance, reading.yes, reading.spans)
