"""List examples: what the list policy learns from. What the pair model tells is computed once, so a rollout costs no forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...tools.candidate import Candidate
from ...tools.pair import PairModel
from ...tools.read_passages import passages_of, read_both_ways
from ...tools.reader import ReadPassage
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
    named, bare = read_both_ways(model, question, candidates)
    return ReadCandidates(list_input(question, candidates, named, bare, tokens), passages_of(candidates, named, bare))
