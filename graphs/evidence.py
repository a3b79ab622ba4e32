"""What the selected passages hold, without a chat model: an answer made of their sentences, and whether they cover the question.

Both read the selected passages as chains (rerankers/chains.py): a sentence of a linked passage stands behind the sentence that names it.
The stand-in until the trained reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

from ..rerankers.chains import Chain, Span, read_chains
from ..tools.candidate import Candidate
from ..tools.encoder import Encoder
from ..tools.proper_names import proper_names
from ..tools.words import content_words, covered, holds
from .state import DraftSentence, Quote

CHAINS = 6
"""Most chains that an extractive answer is made of, those of the sub-questions aside,"""
WORSE = 0.25
"""and how much lower than the best one's their score may be."""


def read_selected(encoder: Encoder, question: str, candidates: Sequence[Candidate], selection: Mapping[str, Any] | None) -> list[Chain]:
    """The chains of the selected passages for one question, best first. `candidates` with their passages, in any order."""
    if selection is None:
        return []
    place = {id: n for n, id in enumerate(selection["ids"])}
    chosen = sorted((c for c in candidates if c.passage_id in place), key=lambda c: place[c.passage_id])
    return read_chains(encoder, question, chosen)


def extract(chains: Sequence[Chain], parts: Sequence[tuple[int, Sequence[Chain]]]) -> list[DraftSentence]:
    """The extractive answer: the best chains with different ends, each in hop order; first the best of each sub-question (its id, its chains)."""
    said: dict[tuple[str, int], DraftSentence] = {}

    def say(chain: Chain, sub_question: int | None) -> None:
        for span in chain.spans:
            said.setdefault((span.passage.id, span.start), _sentence(span, sub_question))

    for number, of_part in parts:
        if of_part:
            say(of_part[0], number)
    ends: list[str] = []
    for chain in chains:
        if len(ends) < CHAINS and chain.score >= chains[0].score - WORSE and chain.last.passage.id not in ends:
            ends.append(chain.last.passage.id)
            say(chain, None)
    return list(said.values())


def _sentence(span: Span, sub_question: int | None) -> DraftSentence:
    """A bare "She was born in Sedge" gets its passage's title in front."""
    quote: Quote = {"passage_id": span.passage.id, "start": span.start, "end": span.end, "sub_question": sub_question}
    text, title = " ".join(span.text.split()), span.passage.title
    return {"text": text if not title or title.casefold() in text.casefold() else f"{title}: {text}", "quotes": [quote]}


@dataclass(frozen=True, slots=True)
class Evidence:
    answerable: float
    """P(the evidence suffices), in [0, 1]."""
    missing: list[str]
    """Names and words of the question that the evidence does not hold."""
    missing_names: list[str]


def weigh(question: str, chains: Sequence[Chain]) -> Evidence:
    """How likely the passages of `chains` (best first) hold the answer, and which names and words of the question they lack."""
    there = list({word for chain in chains for word in content_words(chain.last.with_title)})
    names = proper_names(question)
    lacking = [name for name in names if covered(content_words(name), there) < 1.0]
    in_names = {word for name in names for word in content_words(name)}
    words = [word for word in content_words(question) if word not in in_names and not holds(there, word)]
    if not chains:
        return Evidence(0.0, lacking or words, lacking)
    in_names_found = covered(list(in_names), there) if in_names else 1.0
    odds = _BIAS + _COSINE * chains[0].cosine + _NAMES * in_names_found
    return Evidence(1.0 / (1.0 + exp(-odds)), [*lacking, *words], lacking)


_BIAS, _COSINE, _NAMES = -5.7, 3.6, 3.7
"""Logistic regression; see docs/systems.md for what it was fitted on."""
