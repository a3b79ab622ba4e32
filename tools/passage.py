"""Passage: the unit of evidence. A stretch of one document's converted text, with the way back to its place."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Passage:
    """`text == document_text[start:end]` of the document `source`.

    Raises ValueError where the span does not have the text's length.
    """

    id: str
    """See `passage_ids`: stable when text is inserted elsewhere in the document."""
    source: str
    """Path relative to the indexed root, or the `id` of a jsonl record."""
    text: str
    title: str = ""
    headings: tuple[str, ...] = ()
    """The path of headings above the passage, outermost first, without the title."""
    start: int = 0
    end: int = -1
    """Characters in the stored converted text; -1 stands for `start + len(text)`."""
    page: int | None = None
    """1-based, where the loader knows it."""
    metadata: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.end < 0:
            object.__setattr__(self, "end", self.start + len(self.text))
        if self.end - self.start != len(self.text):
            raise ValueError(f"passage {self.id}: span {self.start}-{self.end} does not fit a text of {len(self.text)} characters")

    @property
    def embedded_text(self) -> str:
        """What the encoder and the lexical index see: title and headings give a bare paragraph its subject."""
        return f"{self.head}. {self.text}" if self.head else self.text

    @property
    def head(self) -> str:
        return head_of(self.title, self.headings)


def head_of(title: str, headings: Sequence[str]) -> str:
    """Title and headings in one line; "" where there are none."""
    return " - ".join(part for part in (title, *headings) if part)


def passage_ids(source: str, texts: Sequence[str]) -> Iterator[str]:
    """One id for each text of a document: a hash of (source, text, how many equal texts came before it)."""
    seen: Counter[str] = Counter()
    for text in texts:
        key = "\x1f".join((source, text, str(seen[text])))
        seen[text] += 1
        yield hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:24]
