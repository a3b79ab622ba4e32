"""Chains: sentences read together with the sentence that names their passage.

"She was born in Sedge" answers "Where was the architect of the Harbour Hall born?" only after "The Harbour Hall was designed by Ilse Marn". So a
sentence of a linked passage is put behind the sentence that names the passage (and the one that names that one), and the whole is compared with the
question by the embedded encoder. What ranks passages here also tells the extractive generator which sentences to say, in which order.

Source: the naming sentence as context follows the project's own design; for chains of sentences scored against the question compare
"Answering Complex Open-Domain Questions with Multi-Hop Dense Retrieval" (Xiong et al., ICLR 2021), which trains an encoder for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log1p

from ..tools.candidate import Candidate
from ..tools.encoder import Encoder
from ..tools.passage import Passage
from ..tools.sentences import sentences
from ..tools.words import content_words, covered
from .ranking import Ranking

MOST_CANDIDATES = 40
"""Read for one question, the first by fused score; linked ones are always read."""
LONGEST = 3
"""Sentences of a chain."""
_OVERLAP = 0.2
"""Weight of the share of the question's content words that a chain holds, beside the cosine of the chain,"""
_LAST = 0.3
"""weight of the cosine of its last sentence alone,"""
_LONGER = 0.03
"""and what each sentence before the last costs: a chain must be worth its links."""


@dataclass(frozen=True, slots=True)
class Span:
    """A sentence: `passage.text[start:end]`."""

    passage: Passage
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]

    @property
    def with_title(self) -> str:
        return f"{self.passage.title}. {self.text}" if self.passage.title else self.text


@dataclass(frozen=True, slots=True)
class Chain:
    """Sentences in hop order: each names the passage of the next."""

    spans: tuple[Span, ...]
    score: float
    """About 0 to 1.5, see `_OVERLAP` and `_LAST`."""
    cosine: float

    @property
    def last(self) -> Span:
        return self.spans[-1]


def read_chains(encoder: Encoder, question: str, candidates: Sequence[Candidate]) -> list[Chain]:
    """Every sentence of the candidates' passages as the end of a chain, best first.

    Candidates come best first and with their passages; a linked one is read with and without the sentence that names it.
    Chains lead through the given candidates only.
    """
    read = [c for n, c in enumerate(candidates) if c.passage is not None and (n < MOST_CANDIDATES or "linked" in c.channels)]
    if not read:
        return []
    by_id = {c.passage_id: c for c in candidates}
    chains = [
        (*before, Span(candidate.passage, start, end))
        for candidate in read
        if candidate.passage is not None
        for before in _ways_to(candidate, by_id)
        for start, end in sentences(candidate.passage.text)
    ]
    texts = [" ".join(span.with_title for span in chain) for chain in chains]
    cosines = encoder.encode(texts) @ encoder.encode([question], remember=False)[0]
    alone = {_place(chain[0]): float(cosine) for chain, cosine in zip(chains, cosines, strict=True) if len(chain) == 1}
    words = content_words(question)
    read_as: list[Chain] = []
    for chain, cosine, text in zip(chains, map(float, cosines), texts, strict=True):
        extra = _OVERLAP * covered(words, content_words(text)) + _LAST * alone[_place(chain[-1])] - _LONGER * (len(chain) - 1)
        read_as.append(Chain(chain, cosine + extra, cosine))
    return sorted(read_as, key=lambda chain: -chain.score)


def _place(span: Span) -> tuple[str, int]:
    return span.passage.id, span.start


def _ways_to(candidate: Candidate, by_id: dict[str, Candidate]) -> list[tuple[Span, ...]]:
    """What may be read before a passage: nothing, and the sentences that lead to it, outermost first, where another passage names it."""
    spans: list[Span] = []
    met = {candidate.passage_id}
    while len(spans) < LONGEST - 1:
        hit = next((hit for hit in candidate.hits if hit.via and hit.naming), None)
        if hit is None or hit.via is None or hit.naming is None or hit.via in met or hit.via not in by_id:
            break
        met.add(hit.via)
        candidate = by_id[hit.via]
        if candidate.passage is None:
            break
        spans.insert(0, Span(candidate.passage, *hit.naming))
    return [(), tuple(spans)] if spans else [()]


def rank_chains(encoder: Encoder, question: str, candidates: Sequence[Candidate]) -> Ranking:
    """Orders passages by P(it is evidence). Two witnesses, either of which may be right (a noisy or): the search, and the chains.

    Candidates come best first by fused score. The figures were fitted on train files; docs/systems.md says how and what each adds.
    """
    takes_part: dict[str, int] = {}
    for chain in read_chains(encoder, question, candidates):
        for span in chain.spans:
            takes_part.setdefault(span.passage.id, len(takes_part))
    chances = [
        1 - (1 - _by_search(candidate, place)) * (1 - _by_chains(takes_part.get(candidate.passage_id))) for place, candidate in enumerate(candidates)
    ]
    return Ranking.by_score(candidates, chances)


def _by_search(candidate: Candidate, place: int) -> float:
    """A logistic regression of the place in the fused order and the best rank in each channel."""
    odds = -3.06 - 0.93 * log1p(place)
    for channel, weight in (("linked", 3.58), ("dense", 2.02), ("lexical", 3.00)):
        ranks = [hit.rank for hit in candidate.hits if hit.channel == channel]
        odds += weight / (1 + min(ranks)) if ranks else 0.0
    return 1.0 / (1.0 + exp(-odds))


def _by_chains(place: int | None) -> float:
    """`place`: among the passages in the order in which the best chains meet them."""
    return 0.0 if place is None else 0.75 / (1 + place / 1.5)
