"""support: does a passage say what a written sentence claims? The check of a chat model's sentences by the pair model, before they are said.

That the passage holds a sentence's words, numbers and names is looked at first (`citing.py`); it does not notice a name of the passage in the wrong
place: "The film was directed by Uma Thurman", who plays in it. So each name and number that the sentence brings is asked for. The sentence with
"who or what" in its place is the question, and the name must be among the answers that the pair model finds likely in the passage; of several
names one may be missed. A sentence that stands in the passage as it is needs no asking; one that is a mere name is an answer to the question
itself.

Source: "Asking and Answering Questions to Evaluate the Factual Consistency of Summaries" (QAGS; Wang et al., ACL 2020), with a cloze in the place of
generated questions. It stands where METEORA's verifier (arXiv 2505.16014) does, which asks a language model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..tools.answers import normalised
from ..tools.pair import PairModel, PairReading
from ..tools.pair_text import Reading
from ..tools.passage import Passage
from ..tools.proper_names import proper_names
from ..tools.words import content_words, covered
from .citing import cite, disagreement
from .state import DraftSentence

LIKELY = 8.0
"""How far the log-odds of a name may be below those of the likeliest answer. Chosen on `val`; docs/systems.md says what it lets through."""
_RELEVANT = -4.0
"""Least log-odds of a passage being evidence for the question, where the sentence is a bare name."""
_OF_ANSWERS = frozenset("answer answers final correct reply response".split())
"""Words that make no statement of a name: "The answer is Sedge"."""
_PHRASE = 2
"""Content words of a text without a name that may be an answer as a whole: "a clockmaker"."""
_DATE = re.compile(
    r"(?:\d{1,2}\s+)?(?:January|February|March|April|May|June|July|August|September|October|November|December)(?:\s+\d{1,2})?,?\s+\d{4}|\d[\d.,]*\d|\d"
)


def checked(sentence: str, question: str, passages: Sequence[Passage], reader: PairModel) -> DraftSentence | None:
    """A written sentence with the quotes that support it, or None: what it says must stand in a passage, and be what the pair model reads there."""
    cited = cite(sentence, passages)
    return supported(cited, question, passages, reader) if cited is not None else None


def supported(sentence: DraftSentence, question: str, passages: Sequence[Passage], reader: PairModel) -> DraftSentence | None:
    """The sentence with those of its quotes whose passage says it; None where none does. Of a disagreement each side is asked for."""
    if claims := sentence.get("claims"):
        left = [claim for one in claims if (claim := supported(one, question, passages, reader)) is not None]
        return disagreement(left) if len(left) > 1 else next(iter(left), None)
    by_id = {passage.id: passage for passage in passages}
    quotes = [quote for quote in sentence["quotes"] if _says(by_id[quote["passage_id"]], sentence["text"], question, reader)]
    return {**sentence, "quotes": quotes} if quotes else None


def _says(passage: Passage, text: str, question: str, reader: PairModel) -> bool:
    named = list(_brought(text, passage.title))
    in_names = {word for start, end in named for word in content_words(text[start:end])}
    bare = in_names.union(_OF_ANSWERS).issuperset(content_words(text))
    if not bare and f" {normalised(text)} " in f" {normalised(passage.text)} ":
        return True
    asked = [question] * len(named) if bare else [_cloze(text, start, end) for start, end in named]
    readings = reader.read_pairs([(one, Reading(passage.title, passage.text)) for one in asked])
    if bare and any(reading.relevance < _RELEVANT for reading in readings):
        return False
    likely = [_likely(text[start:end], reading, passage.text) for (start, end), reading in zip(named, readings, strict=True)]
    return sum(likely) >= min(len(likely), max(1, len(likely) - 1))


def _brought(text: str, title: str) -> Iterator[tuple[int, int]]:
    """Where the sentence's names, dates and numbers stand, the passage's subject aside: no text is asked for what its title says."""
    taken: list[tuple[int, int]] = []
    subject = content_words(title)
    for start, end in (*(match.span() for match in _DATE.finditer(text)), *((at, at + len(name)) for name, at in _placed(text))):
        if any(start < other[1] and other[0] < end for other in taken) or covered(content_words(text[start:end]), subject) >= 1.0:
            continue
        taken.append((start, end))
        yield start, end


def _placed(text: str) -> Iterator[tuple[str, int]]:
    whole = text.strip(" .")  # "a clockmaker", and a name that opens the sentence
    for name in proper_names(text) or ([whole] if whole and len(content_words(whole)) <= _PHRASE else []):
        if (at := text.find(name)) >= 0:
            yield name, at


def _cloze(text: str, start: int, end: int) -> str:
    """The sentence as the question for what stands at that place.

    >>> _cloze("Ilse Marn was born in Sedge.", 22, 27)
    'Ilse Marn was born in who or what?'
    """
    what = "when" if any(map(str.isdigit, text[start:end])) else "who or what"
    return " ".join(f"{text[:start]}{what}{text[end:]}".split()).rstrip(".") + "?"


def _likely(said: str, reading: PairReading, text: str) -> bool:
    """Whether an answer that holds half of the words said, and all of its numbers, is among the likely ones."""
    words = content_words(said)
    numbers = [word for word in words if word.isdigit()]
    for span in reading.spans:
        there = content_words(text[span.start : span.end])
        if covered(words, there) >= 0.5 and all(number in there for number in numbers):
            return span.score >= reading.spans[0].score - LIKELY
    return False
