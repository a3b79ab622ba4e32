"""How a pair (question, passage) is written for the pair model: `[CLS] question [SEP] naming sentence [SEP] title. text [SEP]`.

What asks stands in BERT's first segment, what is read in the second. The naming sentence is the one that leads to the passage: "The Harbour
Hall was designed by Ilse Marn" before the passage on Ilse Marn. A long passage is read in windows that overlap.

Where a text repeats the question, that stretch is read as blank (`echo.py`): it looks like evidence to a model and is none. In a title it stays, as a
page of questions and answers is titled so.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from .candidate import Candidate, Hit
from .document import clean
from .echo import without_echo
from .passage import Passage
from .weights import MINILM_FILES, minilm_folder, read_file

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

WINDOW = 256
"""Tokens of a pair, special ones included,"""
OVERLAP = 64
"""and how many of the text's tokens two neighbouring windows share."""
MOST_WINDOWS = 16
"""Read of one passage: about 2,000 tokens. Our own splitter's passages fit into one or two."""
_MOST_QUESTION, _MOST_NAMING, _MOST_TITLE = 64, 64, 24
_CLS, _SEP, _STOP = 101, 102, 1012


@dataclass(frozen=True, slots=True)
class Reading:
    """A passage as it is read for a question."""

    title: str
    text: str
    naming: str = ""
    """The sentence that leads to it, with the title of its own passage in front; "" for none."""


def readings_of(candidates: Sequence[Candidate]) -> list[Reading]:
    """How each candidate is read, with the sentence that names it where another of the candidates does. Those without a passage are left out."""
    passages = {candidate.passage_id: candidate.passage for candidate in candidates if candidate.passage is not None}
    return [
        Reading(passage.head, passage.text, _naming(candidate, passages))
        for candidate in candidates
        if (passage := candidate.passage) is not None
    ]


def namer_of(candidate: Candidate, known: Container[str]) -> Hit | None:
    """The hit that tells by which of the `known` passages, and where in it, this candidate is named."""
    return next((hit for hit in candidate.hits if hit.via in known and hit.naming), None)


def _naming(candidate: Candidate, passages: Mapping[str, Passage]) -> str:
    hit = namer_of(candidate, passages)
    if hit is None or hit.via is None or hit.naming is None:
        return ""
    via = passages[hit.via]
    sentence = via.text[slice(*hit.naming)]
    return f"{via.title}: {sentence}" if via.title else sentence


@dataclass(frozen=True, slots=True)
class Window:
    tokens: list[int]
    second: int
    """Where the second segment begins,"""
    text: int
    """and where in it the text does."""
    offsets: list[tuple[int, int]]
    """Of each token of the text, the characters in `Reading.text`."""

    @property
    def segments(self) -> list[int]:
        return [0] * self.second + [1] * (len(self.tokens) - self.second)


def windows(pairs: Sequence[tuple[str, Reading]]) -> list[list[Window]]:
    """The windows of each pair, at least one, in the order of the text. Any string is legal, an empty one too."""
    texts = [(question, reading.naming, reading.title, without_echo(reading.text, question)) for question, reading in pairs]
    parts = {part: "" for of_pair in texts for part in of_pair}
    encoded = dict(zip(parts, _tokenizer().encode_batch([clean(part) for part in parts], add_special_tokens=False), strict=True))
    return [list(_windows(*(encoded[part] for part in of_pair))) for of_pair in texts]


def _windows(question: Encoding, naming: Encoding, title: Encoding, text: Encoding) -> Iterator[Window]:
    head = [_CLS, *question.ids[:_MOST_QUESTION], _SEP]
    if naming.ids:
        head += [*naming.ids[:_MOST_NAMING], _SEP]
    second = len(head)
    if title.ids:
        head += [*title.ids[:_MOST_TITLE], _STOP]
    room = WINDOW - len(head) - 1
    ids, offsets = text.ids, text.offsets
    for start in range(0, max(1, min(len(ids) - OVERLAP, MOST_WINDOWS * (room - OVERLAP))), room - OVERLAP):
        yield Window([*head, *ids[start : start + room], _SEP], second, len(head), offsets[start : start + room])


@cache
def _tokenizer() -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer: Tokenizer = Tokenizer.from_buffer(read_file(minilm_folder() / "tokenizer.json", MINILM_FILES["tokenizer.json"]))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # a "[SEP]" in a text is text
    return tokenizer
