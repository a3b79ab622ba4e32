"""Loaders: from paths to documents. A bad file is refused by name with the reason, and never stops the rest.

A file's text is its content (Markdown, plain text, source code) or what markitdown and pdfminer make of it (PDF, Word, HTML, ...);
a line of a `.jsonl` file is a document of its own. Nothing is ever fetched from a network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .passage import Scalar

MAX_BYTES = 50_000_000
"""Larger files, and larger lines of a jsonl file, are refused."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document, converted to text."""

    source: str
    """Path relative to the indexed root (POSIX separators), or the `id` of a jsonl record."""
    text: str
    """The converted text that every span refers to; the content itself, unchanged, where nothing had to be converted."""
    title: str = ""
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    origin: str = ""
    """Absolute path of the file it came from (for a record: of the jsonl file); "" when given in memory."""
    sha256: str = ""
    """Of the raw bytes or the record, and the converter's version: equal means nothing to do."""
    pages: tuple[int, ...] = ()
    """Character offset at which each page starts; () where the format knows no pages."""

    @classmethod
    def from_text(cls, text: str, *, source: str = "", title: str = "", metadata: Mapping[str, Scalar] | None = None) -> Document:
        """A document given in memory. Without a `source` it is named by the start of its hash.

        Raises UsageError where the text is empty or holds characters that cannot be stored.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was not taken, and why, in plain words."""

    path: str
    """As the caller would write it; `path:line` for a line of a jsonl file."""
    reason: str
    origin: str = ""
    """Absolute path of the file, where there is one: what was indexed from it before is now out of date."""
    source: str = ""
    """The source id that it would have had, where known."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A document that the caller said it has already, in this very form; it was not converted again."""

    source: str
    origin: str
    sha256: str


Known = Callable[[str, str, str], bool]
"""(source, origin, sha256) -> whether the caller holds this document in this very form."""


def load_paths(paths: Sequence[Path | str], *, known: Known | None = None, max_bytes: int = MAX_BYTES) -> Iterator[Document | Unchanged | Refusal]:
    """Every document under `paths` (files, folders, `.jsonl` files), lazily, in a stable sorted order.

    Exactly `count_paths(paths)` items. `known` is asked before the costly conversion, and where it says yes an `Unchanged` comes instead of the document.
    A path that does not exist is a Refusal too. No two documents of one call have the same source: the second one is refused.
    """
    raise NotImplementedError


def count_paths(paths: Sequence[Path | str]) -> int:
    """How many items `load_paths` will yield: files, lines of jsonl files, refusals. Reads no file but the jsonl ones."""
    raise NotImplementedError
