"""What the selected passages hold, without a chat model: the sentences closest to the question, and whether they cover it.

`read_sentences` ranks sentences, `extract` makes an answer of them, `weigh` estimates whether the evidence suffices.
The stand-in until the trained reader: sentence vectors of the embedded encoder, word coverage, and the kind of answer the question word asks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from ..tools.encoder import Encoder
from ..tools.passage import Passage
from ..tools.proper_names import proper_names
from ..tools.sentences import sentences
from ..tools.words import STOP_WORDS, content_words, covered, fold, holds
from .state import DraftSentence

_MOST_SENTENCES = 4
_WORTH_SAYING = 0.25
"""Least closeness of a sentence to be part of an answer."""


@dataclass(frozen=True, slots=True)
class ReadSentence:
    passage: Passage
    start: int
    end: int
    question: int
    """Which of the questions it is closest to."""
    score: float
    """Cosine to that question plus a share for the words of it that the sentence, with its title, holds."""

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]


def read_sentences(encoder: Encoder, questions: Sequence[str], passages: Sequence[Passage]) -> list[ReadSentence]:
    """All sentences of the passages, best first. A sentence is read together with its passage's title."""
    places = [(passage, start, end) for passage in passages for start, end in sentences(passage.text)]
    if not places or not questions:
        return []
    vectors = encoder.encode([*questions, *(f"{p.title}. {p.text[start:end]}" if p.title else p.text[start:end] for p, start, end in places)])
    asked, read = vectors[: len(questions)], vectors[len(questions) :]
    words = [content_words(question) for question in questions]
    overlap = np.array([[covered(q, content_words(f"{p.title} {p.text[start:end]}")) for q in words] for p, start, end in places])
    scores = read @ asked.T + 0.2 * overlap
    nearest = scores.argmax(axis=1)
    found = [ReadSentence(*place, int(n), float(scores[i, n])) for i, (place, n) in enumerate(zip(places, nearest, strict=True))]
    return sorted(found, key=lambda sentence: -sentence.score)


def extract(encoder: Encoder, question: str, subs: Sequence[tuple[int, str]], passages: Sequence[Passage]) -> list[DraftSentence]:
    """The extractive answer: the best sentence for each sub-question, then the best of the passages not yet heard, in the order of the passages."""
    read = read_sentences(encoder, [question, *(text for _, text in subs)], passages)
    chosen: list[ReadSentence] = []
    for n in range(1, len(subs) + 1):
        chosen += [s for s in read if s.question == n and s not in chosen][:1]
    for sentence in read:
        heard = {s.passage.id for s in chosen}
        if len(chosen) < _MOST_SENTENCES and sentence.passage.id not in heard and sentence.score >= _WORTH_SAYING:
            chosen.append(sentence)
    return [
        {
            "text": " ".join(s.text.split()),
            "quotes": [{"passage_id": s.passage.id, "start": s.start, "end": s.end, "sub_question": subs[s.question - 1][0] if s.question else None}],
        }
        for s in sorted(chosen, key=lambda s: -s.score)
    ]


@dataclass(frozen=True, slots=True)
class Evidence:
    answerable: float
    """P(the evidence suffices), in [0, 1]."""
    missing: list[str]
    """Names and words of the question that the evidence does not hold."""
    missing_names: list[str]

    @classmethod
    def none(cls, question: str) -> Evidence:
        names = proper_names(question)
        return cls(0.0, names or content_words(question), names)


def weigh(encoder: Encoder, question: str, passages: Sequence[Passage]) -> Evidence:
    """How likely the passages hold the answer, and which names and words of the question they lack."""
    features = evidence_features(encoder, question, passages)
    answerable = 1.0 / (1.0 + exp(-(_BIAS + sum(w * features[name] for name, w in _WEIGHTS.items()))))
    there = list({word for passage in passages for word in content_words(passage.embedded_text)})
    names = [name for name in proper_names(question) if covered(content_words(name), there) < 1.0]
    words = [word for word in content_words(question) if not holds(there, word)]
    in_names = {word for name in names for word in content_words(name)}
    return Evidence(answerable, [*names, *(word for word in words if word not in in_names)], names)


_BIAS = -1.0
_WEIGHTS = {"sentence": 2.0}


_KINDS = (
    (re.compile(r"\b(when|what year|which year|what date|in what year|what time)\b", re.I), re.compile(r"\b\d{3,4}\b|\b(january|february|march|april|may|june|july|august|september|october|november|december)\b", re.I)),
    (re.compile(r"\bhow (many|much|long|tall|deep|high|heavy|old|far|big|large|wide|often|fast)\b", re.I), re.compile(r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand|million|once|twice)\b", re.I)),
    (re.compile(r"\b(who|whom|whose|where|which)\b", re.I), None),
)


def evidence_features(encoder: Encoder, question: str, passages: Sequence[Passage]) -> dict[str, float]:
    """Figures in [0, 1] about how well the passages cover the question."""
    read = read_sentences(encoder, [question], passages)
    words = content_words(question)
    there = list({word for passage in passages for word in content_words(passage.embedded_text)})
    names = [word for name in proper_names(question) for word in content_words(name)]
    plain = [word for word in words if word not in names]
    best = read[:3]
    near = list({word for s in best for word in content_words(f"{s.passage.title} {s.text}")})
    return {
        "sentence": read[0].score if read else 0.0,
        "names": covered(names, there) if names else 1.0,
        "words": covered(plain, there) if plain else 1.0,
        "near": covered(plain, near) if plain else 1.0,
        "kind": float(_kind_present(question, [s.text for s in best])),
    }


def _kind_present(question: str, texts: Iterable[str]) -> bool:
    """Whether the sentences hold the kind of thing the question word asks for; True where it asks for nothing in particular."""
    for asks, gives in _KINDS:
        if asks.search(question):
            if gives is not None:
                return any(gives.search(text) for text in texts)
            asked = fold(question)
            return any(fold(name) not in asked for text in texts for name in proper_names(text))
    return True
