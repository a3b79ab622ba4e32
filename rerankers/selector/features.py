"""What the list network knows of each candidate: a few figures, which candidate names which, and how alike two are by their pair vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p

import numpy as np
from numpy.typing import NDArray

from ...tools.candidate import Candidate
from ...tools.comparison import comparison
from ...tools.pair import PairReading
from ...tools.pair_text import namer_of

VECTOR = 384
FEATURES = 19
RELEVANCE = 0
"""The feature that is the pair model's own log-odds, divided by 4."""
_CHANNELS = ("dense", "lexical", "linked", "naming")
_LONG = 50
"""Candidates: a longer list is like one of so many."""
_FEEDBACK = 3
"""First passages by relevance whose mean vector stands for what is wanted."""


@dataclass(frozen=True, slots=True, eq=False)
class ListInput:
    vectors: NDArray[np.float32]
    """[n, VECTOR]: each candidate read with the sentence that names it, where one does."""
    features: NDArray[np.float32]
    """[n, FEATURES]"""
    names: NDArray[np.bool_]
    """[n, n]: whether candidate i names candidate j."""
    tokens: NDArray[np.int64]
    """[n]: of the passage's text, by the embedded encoder's tokenizer."""
    siblings: NDArray[np.bool_]
    """[n, n]: whether they are two passages of one document, as far as their titles tell."""


def list_input(
    question: str, candidates: Sequence[Candidate], named: Sequence[PairReading], bare: Sequence[PairReading], tokens: Sequence[int]
) -> ListInput:
    """named, bare: of each candidate, read with the sentence that names it and without; the same where there is none.

    Source of the likeness to the first passages: pseudo-relevance feedback as E²Rank has it (arXiv 2510.22733), on pair vectors.
    """
    n = len(candidates)
    places = {candidate.passage_id: place for place, candidate in enumerate(candidates)}
    vectors = np.stack([reading.vector for reading in named]) if n else np.zeros((0, VECTOR), np.float32)
    relevance = np.array([reading.relevance for reading in named], np.float32)
    order = np.argsort(-relevance, kind="stable")
    rank = np.empty(n)
    rank[order] = np.arange(n)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    wanted = unit[order[:_FEEDBACK]].mean(0) if n else np.zeros(VECTOR)
    asked = question.casefold()
    best = max((candidate.score for candidate in candidates), default=0.0) or 1.0  # more searches give every passage more
    names = np.zeros((n, n), np.bool_)
    siblings = siblings_of([candidate.passage.title if candidate.passage else "" for candidate in candidates])
    compares = comparison(question) is not None
    features = np.zeros((n, FEATURES), np.float32)
    for i, candidate in enumerate(candidates):
        for hit in candidate.hits:
            if hit.via in places:
                names[places[hit.via], i] = True
        ranks = {channel: min((hit.rank for hit in candidate.hits if hit.channel == channel), default=None) for channel in _CHANNELS}
        title = candidate.passage.title.partition(" (")[0].casefold() if candidate.passage else ""
        features[i] = (
            named[i].relevance / 4,
            bare[i].relevance / 4,
            max(-2.0, named[i].spans[0].score / 5) if named[i].spans else -2.0,
            max(-2.0, bare[i].spans[0].score / 5) if bare[i].spans else -2.0,
            *(0.0 if place is None else 1 / (1 + place) for place in ranks.values()),
            candidate.score / best,
            log1p(tokens[i]) / 5,
            bool(title) and title in asked,
            namer_of(candidate, places) is not None,
            any(hit.channel == "linked" and hit.via is None for hit in candidate.hits),
            1 / (1 + rank[i]),
            (relevance[i] - relevance[order[0]]) / 4,
            unit[i] @ wanted,
            log1p(min(n, _LONG)) / 4,
            log1p(siblings[i].sum()),
            compares,
        )
    return ListInput(vectors, features, names, np.array(tokens, np.int64), siblings)


def siblings_of(titles: Sequence[str]) -> NDArray[np.bool_]:
    """[n, n]: equal titles, blank ones aside."""
    known: dict[str, int] = {}
    number = np.array([known.setdefault(title, len(known)) if title else -1 - place for place, title in enumerate(titles)], np.int64)
    same: NDArray[np.bool_] = number[:, None] == number[None, :]
    np.fill_diagonal(same, val=False)
    return same
