"""Document: one text that is to be indexed; Refusal: what was not taken, and why; Unchanged: what need not be taken again."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import UsageError
from .passage import Scalar

VERSION = "1"
"""Of all that makes text from bytes; part of every `sha256`. Raise it when that changes, and every file is converted again."""

SURROGATE = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Lone surrogates, which a server's \\ud83d alone becomes, are no text, and neither a database nor JSON takes them: U+FFFD stands in for each, so
    that offsets stay."""
    return SURROGATE.sub("\ufffd", text)


@dataclass(frozen=True, slots=True)
class Document:
    """One document, converted to text."""

    source: str
    """Path relative to the indexed root (POSIX separators), or the `id` of a jsonl record."""
    text: str
    """The converted text that every span refers to. Of a text file its content without front matter, lines ending in \\n; of a record its text."""
    title: str = ""
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    origin: str = ""
    """Absolute path of the file it came from (for a record: of the jsonl file); "" when given in memory."""
    sha256: str = ""
    """Of the raw bytes or the record, and the converter's version: equal means nothing to do."""
    pages: tuple[int, ...] = ()
    """Character offset at which each page starts; () where the format knows no pages."""

    @classmethod
    def from_text(cls, text: str, *, source: str = "", title: str = "", metadata: Mapping[str, Any] | None = None) -> Document:
        """A document given in memory. Without a `source` it is named by the start of its hash; of the metadata, what `scalars` keeps is kept.

        Raises UsageError where the text is blank, or text, title or source hold characters that cannot be stored.
        """
        wrong = text_fault(text) or string_fault(title) or string_fault(source)
        if wrong:
            raise UsageError(f"document {source[:80]!r} has {wrong}" if source else f"a document has {wrong}")
        kept = scalars(metadata or {})
        sha256 = digest(canonical({"source": source, "title": title, "text": text, "metadata": kept}))
        return cls(source=source or f"text-{sha256[:12]}", text=text, title=title, metadata=kept, sha256=sha256)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was not taken, and why, in plain words."""

    path: str
    """As the caller would write it; `path:line` for a line of a jsonl file."""
    reason: str
    origin: str = ""
    """Absolute path of the file or folder: what was indexed from it before is now out of date."""
    source: str = ""
    """The source id that it would have had; "" where it stands for several documents (a folder, a whole jsonl file)."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A document that the caller said it has already, in this very form; it was not converted again."""

    source: str
    origin: str
    sha256: str


def text_fault(text: str) -> str:
    """Why a text cannot be a document; "" where it can."""
    return "no text in it" if not text.strip() else string_fault(text)


def string_fault(string: str) -> str:
    """Why a string cannot be stored; "" where it can."""
    if "\0" in string:
        return "binary content: a NUL character"
    return "half a surrogate pair in it, which is no character" if SURROGATE.search(string) else ""


def scalars(fields: Mapping[str, Any]) -> dict[str, Scalar]:
    """What can be filtered by: strings, truth values and numbers that a database can hold. None, lists and objects are left out."""
    return {str(key): value for key, value in fields.items() if str(key) and not string_fault(str(key)) and _is_scalar(value)}


def _is_scalar(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return not string_fault(value)
    return isinstance(value, bool) or (isinstance(value, int) and -(2**63) <= value < 2**63)


def digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\x1f".join((VERSION.encode(), *parts))).hexdigest()


def canonical(value: object) -> bytes:
    """One JSON form for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True).encode()
