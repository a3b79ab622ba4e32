"""Records: the JSON objects of a data file, one a line or in one list, each knowing where it stands, so that a fault names its place."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...tools.errors import UsageError

_GZIP = b"\x1f\x8b"
_LINES = frozenset((".jsonl", ".ndjson"))
"""Suffixes of files that hold an object a line."""


@dataclass(frozen=True, slots=True)
class Record:
    """Its readers raise UsageError ("FILE:LINE: what is wrong") where a field is not of the form that they give."""

    where: str
    fields: Mapping[str, Any]

    def fault(self, what: str, hint: str = "") -> UsageError:
        return UsageError(f"{self.where}: {what}", hint)

    def text(self, key: str) -> str:
        """A string that is not blank."""
        value = self.string(key)
        if not value.strip():
            raise self.fault(f"its `{key}` is empty")
        return value

    def string(self, key: str, default: str | None = None) -> str:
        """A string, perhaps empty; `default` where the field is absent or null."""
        value = self.fields.get(key)
        if value is None:
            if default is None:
                raise self.fault(f"it has no `{key}`")
            return default
        if not isinstance(value, str):
            raise self.fault(f"its `{key}` is not a string")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings, or one string; empty where the field is absent or null."""
        value = self.fields.get(key)
        if value is None:
            return ()
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, Sequence) or not all(isinstance(each, str) for each in listed):
            raise self.fault(f"its `{key}` is not a list of strings")
        return tuple(listed)

    def answers(self, key: str = "answers") -> tuple[str, ...]:
        """`strings`, each once, without blank ones."""
        return tuple(dict.fromkeys(each for each in self.strings(key) if each.strip()))

    def flag(self, key: str) -> bool | None:
        """True or false, written as a word or as 1 and 0; None where the field is absent or null."""
        value = self.fields.get(key)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and value in (0, 1):
            return bool(value)
        raise self.fault(f"its `{key}` is neither true nor false")

    def number(self, key: str) -> float:
        value = self.fields.get(key)
        if value is None or isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
            raise self.fault(f"its `{key}` is not a number" if key in self.fields else f"it has no `{key}`")
        return float(value)

    def id(self, *keys: str) -> str | None:
        """The first of these fields (else `id`, `_id`, `qid`) that is there, a string or a whole number; None where there is none."""
        for key in keys or ("id", "_id", "qid"):
            value = self.fields.get(key)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
                raise self.fault(f"its `{key}` is neither a name nor a whole number")
            return str(value)
        return None

    def records(self, key: str, names: Sequence[str] = ()) -> list[Record]:
        """The objects of a list. What Hugging Face makes of one, an object of lists, is read too, and with `names` lists of values in that order."""
        value = self.fields.get(key)
        if value is None:
            return []
        if isinstance(value, Mapping) and value and all(isinstance(column, Sequence) and not isinstance(column, str) for column in value.values()):
            if len({len(column) for column in value.values()}) != 1:
                raise self.fault(f"the lists in its `{key}` are not of one length")
            value = [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise self.fault(f"its `{key}` is not a list")
        found = []
        for n, each in enumerate(value):
            if names and isinstance(each, Sequence) and not isinstance(each, str) and len(each) == len(names):
                each = dict(zip(names, each, strict=True))
            if not isinstance(each, Mapping):
                raise self.fault(f"{key}[{n}] is not an object")
            found.append(Record(f"{self.where}: {key}[{n}]", each))
        return found

    def record(self, key: str) -> Record:
        value = self.fields.get(key)
        if not isinstance(value, Mapping):
            raise self.fault(f"its `{key}` is not an object" if key in self.fields else f"it has no `{key}`")
        return Record(f"{self.where}: {key}", value)


def read_records(path: Path) -> list[Record]:
    """At least one. Raises UsageError that names the file, and the line where it can."""
    text = read_text(path)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise UsageError(f"{path} is empty")
    if text.lstrip().startswith("[") or (path.suffix not in _LINES and not _complete(lines[0][1])):
        return list(_of_whole(path, text))
    return [_of_line(f"{path}:{number}", line) for number, line in lines]


def read_text(path: Path) -> str:
    """UTF-8, line ends as \\n. Raises UsageError."""
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            raise UsageError(f"{path} is compressed", f"Unpack it first: gunzip -k {path}")
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 text: byte 0x{error.object[error.start]:02x} at offset {error.start}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None


def sha256_of(*paths: Path) -> str:
    """Of the file's bytes; of several: of their hex digests, in order."""
    digests = []
    for path in paths:
        with path.open("rb") as content:
            digests.append(hashlib.file_digest(content, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def hashed_ids(questions: Sequence[str]) -> list[str]:
    """Ids for questions that have none: the first 16 hex digits of their SHA-256; of equal ones the second ends in "-2"."""
    seen: Counter[str] = Counter()
    ids = []
    for question in questions:
        id = hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        seen[id] += 1
        ids.append(id if seen[id] == 1 else f"{id}-{seen[id]}")
    return ids


def ids_of(records: Sequence[Record], questions: Sequence[str]) -> list[str]:
    """Each record's own id, else its question's hash."""
    return [record.id() or hashed for record, hashed in zip(records, hashed_ids(questions), strict=True)]


def _complete(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _of_line(where: str, line: str) -> Record:
    value = _parsed(where, line)
    if not isinstance(value, dict):
        raise UsageError(f"{where}: not a JSON object")
    return Record(where, value)


def _of_whole(path: Path, text: str) -> Iterator[Record]:
    value = _parsed(str(path), text)
    if value == []:
        raise UsageError(f"{path} is empty")
    for number, each in enumerate(value if isinstance(value, list) else [value], 1):
        where = f"{path}: record {number}" if isinstance(value, list) else str(path)
        if not isinstance(each, dict):
            raise UsageError(f"{where}: not a JSON object")
        yield Record(where, each)


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = where if "\n" not in text.strip() else f"{where}:{error.lineno}"
        raise UsageError(f"{place}: not JSON: {error.msg.removesuffix(' at')} at character {error.colno}") from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits; brackets within brackets
        raise UsageError(f"{where}: not JSON that can be read: {error}") from None
