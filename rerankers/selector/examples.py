"""List examples: what the list policy learns from. What the pair model tells is computed once, so a rollout costs no forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...tools.candidate import Candidate
from ...tools.pair import PairModel, PairReading
from ...tools.pair_text import Reading, namer_of, readings_of
from ...tools.reader import ReadAs, ReadPassage
from .features import ListInput, list_input

FORMAT = 1
"""Raised by hand when a list example of the same question would be another: by other features, windows, labels. Kept ones are then made anew."""


@dataclass(frozen=True, slots=True)
class ReadCandidates:
    """Candidates as the policy and the reader see them."""

    input: ListInput
    passages: tuple[ReadPassage, ...]


@dataclass(frozen=True, slots=True)
class ListExample:
    id: str
    question: str
    read: ReadCandidates
    gold: tuple[int, ...]
    """Places of the evidence among the candidates; in hop order where `ordered`. (): nothing here helps."""
    gold_in_all: int
    """Gold passages of the question, those that search did not find included."""
    ordered: bool = False
    answers: tuple[str, ...] = ()
    weight: float = 1.0
    group: str = ""
    """Data set and setting, for figures apart."""

    @property
    def answerable(self) -> bool:
        """Whether something here helps, as far as that is known: evidence, or an answer where no passage is labelled."""
        return bool(self.gold) or (not self.gold_in_all and bool(self.answers))

    def unlabelled(self) -> ListExample:
        """As one knows it who knows the answer alone."""
        return replace(self, gold=(), gold_in_all=0, ordered=False)


def read_candidates(model: PairModel, question: str, candidates: Sequence[Candidate], tokens: Sequence[int]) -> ReadCandidates:
    """Reads each candidate, those that others name both with the naming sentence and without. Candidates come with their passages."""
    pairs = readings_of(candidates)
    bare = [Reading(reading.title, reading.text) for reading in pairs]
    read = model.read(question, [*pairs, *bare])
    return arrange(question, candidates, read[: len(pairs)], read[len(pairs) :], tokens)


def read_passages(model: PairModel, question: str, candidates: Sequence[Candidate]) -> tuple[ReadPassage, ...]:
    """As the reader alone needs them."""
    return read_candidates(model, question, candidates, [0] * len(candidates)).passages


def arrange(
    question: str, candidates: Sequence[Candidate], named: Sequence[PairReading], bare: Sequence[PairReading], tokens: Sequence[int]
) -> ReadCandidates:
    places = {candidate.passage_id: place for place, candidate in enumerate(candidates)}
    passages = []
    for candidate, with_naming, without in zip(candidates, named, bare, strict=True):
        assert candidate.passage is not None
        hit = namer_of(candidate, places)
        namer = places[hit.via] if hit is not None and hit.via is not None else None
        passages.append(ReadPassage(candidate.passage.title, candidate.passage.text, _as(without), _as(with_naming), namer))
    return ReadCandidates(list_input(question, candidates, named, bare, tokens), tuple(passages))


def _as(reading: PairReading) -> ReadAs:
    return ReadAs(reading.relevance, reading.yes, reading.spans)
