"""Loaders: from paths to documents. A bad file is refused by name with the reason, and never stops the rest.

A file's text is its content (Markdown, plain text, source code) or what markitdown and pdfminer make of it (PDF, Word, HTML, ...);
a line of a `.jsonl` file is a document of its own. Nothing is ever fetched from a network.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import is_zipfile

from .errors import UsageError
from .passage import Scalar

VERSION = "1"
"""Part of every hash: raised when the same file would convert to another text."""

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
    def from_text(cls, text: str, *, source: str = "", title: str = "", metadata: Mapping[str, Any] | None = None) -> Document:
        """A document given in memory. Without a `source` it is named by the start of its hash; of the metadata, scalars are kept.

        Raises UsageError where the text is empty or holds characters that cannot be stored.
        """
        if not text.strip():
            raise UsageError(f"the document {source or title!r} holds no text")
        if fault := _not_storable(text + source + title):
            raise UsageError(f"the document {source or title!r} holds {fault}")
        kept = _scalars(metadata or {})
        sha256 = _digest(json.dumps([text, title, kept], sort_keys=True).encode())
        return cls(source or f"text-{sha256[:12]}", text, title, kept, "", sha256)


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

    Exactly `count_paths(paths)` items. `known` is asked before the costly conversion; where it says yes, an `Unchanged` comes instead of the document.
    A path that does not exist is a Refusal too. No two documents of one call have the same source: the second one is refused.
    """
    taken: set[str] = set()
    for found in _files(paths):
        if isinstance(found, Refusal):
            yield found
            continue
        for item in _load_file(found, known or _nothing_is_known, max_bytes):
            if isinstance(item, Refusal):
                yield item
            elif item.source in taken:
                yield Refusal(str(found.path), f"another document of this run is named {item.source!r}", item.origin, item.source)
            else:
                taken.add(item.source)
                yield item


def count_paths(paths: Sequence[Path | str]) -> int:
    """How many items `load_paths` will yield: files, lines of jsonl files, refusals. Reads no file but the jsonl ones."""
    return sum(_count_lines(found.path) if isinstance(found, _File) and found.path.suffix == ".jsonl" else 1 for found in _files(paths))


# --- finding files -------------------------------------------------------------------------------------------------------------------------


IGNORED_FOLDERS = frozenset({"node_modules", "__pycache__", "venv", "site-packages"})
"""Beside hidden ones, whose names begin with a dot."""
IGNORE_FILE = ".passelignore"
"""In the indexed folder: a pattern a line, matched with fnmatch against a file's relative path, its name and the names of its folders; # comments."""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    source: str

    @property
    def origin(self) -> str:
        return str(self.path.resolve())


def _files(paths: Sequence[Path | str]) -> Iterator[_File | Refusal]:
    for given in map(Path, paths):
        if given.is_dir():
            yield from _folder(given)
        elif given.exists():
            yield _File(given, given.name)
        elif given.is_symlink():
            yield Refusal(str(given), "a link that leads nowhere", str(given.absolute()))
        else:
            yield Refusal(str(given), "there is no such file or folder", str(given.absolute()))


def _folder(root: Path) -> Iterator[_File | Refusal]:
    """Its files by relative path. Links to folders are not followed; a link out of the folder is refused."""
    inside = root.resolve()
    patterns = _ignore_patterns(root)
    refused: list[Refusal] = []
    for folder, folders, names in os.walk(root, onerror=lambda error: refused.append(_unreadable(Path(str(error.filename)), error))):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in IGNORED_FOLDERS)
        for name in sorted(names):
            path = Path(folder, name)
            source = path.relative_to(root).as_posix()
            if name.startswith(".") or any(_ignored(source, pattern) for pattern in patterns):
                continue
            target = path.resolve()
            if path.is_symlink() and not target.exists():
                yield Refusal(str(path), "a link that leads nowhere", str(path.absolute()))
            elif not target.is_relative_to(inside):
                yield Refusal(str(path), f"a link that leads out of the folder, to {target}", str(path.absolute()))
            else:
                yield _File(path, source)
        yield from refused
        refused.clear()


def _ignore_patterns(root: Path) -> list[str]:
    try:
        lines = (root / IGNORE_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.strip().rstrip("/") for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _ignored(source: str, pattern: str) -> bool:
    return fnmatch(source, pattern) or any(fnmatch(part, pattern) for part in PurePosixPath(source).parts)


def _unreadable(path: Path, error: OSError) -> Refusal:
    return Refusal(str(path), f"cannot be read: {error.strerror or error}", str(path.absolute()))


# --- reading one file ----------------------------------------------------------------------------------------------------------------------


_Converted = tuple[str, str, dict[str, Scalar], tuple[int, ...]]
"""Text, title, metadata, page starts."""


class _Refused(Exception):
    """The reason is its text."""


def _nothing_is_known(source: str, origin: str, sha256: str) -> bool:  # noqa: ARG001
    return False


def _load_file(file: _File, known: Known, max_bytes: int) -> Iterator[Document | Unchanged | Refusal]:
    try:
        status = file.path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise _Refused("it is not a regular file")
        if file.path.suffix == ".jsonl":
            yield from _load_records(file, known, max_bytes)
            return
        if status.st_size > max_bytes:
            raise _Refused(f"it has {status.st_size:,} bytes; at most {max_bytes:,} are read")
        raw = file.path.read_bytes()
        if not raw.strip():
            raise _Refused("it is empty")
        sha256 = _digest(file.path.suffix.encode() + raw)
        if known(file.source, file.origin, sha256):
            yield Unchanged(file.source, file.origin, sha256)
            return
        text, title, metadata, pages = _convert(file.path, raw)
        if not text.strip():
            raise _Refused("there is no text in it" + ("; a scanned PDF?" if file.path.suffix.lower() == ".pdf" else ""))
        title = title or _readable(file.path.stem)
        yield Document(file.source, text, title, metadata, file.origin, sha256, pages)
    except _Refused as refused:
        yield Refusal(str(file.path), str(refused), file.origin, file.source)
    except OSError as error:
        yield Refusal(str(file.path), f"cannot be read: {error.strerror or error}", file.origin, file.source)


CONVERTED = {".docx": "docx", ".html": "html", ".htm": "html", ".xhtml": "html", ".epub": "epub", ".pptx": "pptx", ".xlsx": "xlsx"}
"""Converted to Markdown by markitdown; what it has no part installed for is refused with its own words."""
NOT_TEXT = frozenset(
    (
        ".png .jpg .jpeg .gif .bmp .webp .tif .tiff .ico .svg .mp3 .wav .ogg .flac .mp4 .mkv .avi .mov .zip .gz .bz2 .xz .7z .tar .rar .whl .jar .exe "
        ".dll .so .dylib .bin .o .a .pyc .class .db .sqlite .sqlite3 .parquet .npy .npz .pt .pth .safetensors .gguf .onnx .woff .woff2 .ttf .otf "
        ".doc .xls .ppt"
    ).split()
)


def _convert(path: Path, raw: bytes) -> _Converted:
    suffix = path.suffix.lower()
    if suffix in NOT_TEXT:
        raise _Refused(f"{suffix} files hold no text that can be read here")
    if suffix == ".pdf":
        return _convert_pdf(path)
    if suffix in CONVERTED:
        return _convert_with_markitdown(path, CONVERTED[suffix])
    text, metadata = _front_matter(_decode(raw))
    title = str(metadata.pop("title", "")) or (_first_heading(text) if suffix in (".md", ".markdown", ".rst", ".txt", "") else "")
    return text, title, metadata, ()


def _convert_pdf(path: Path) -> _Converted:
    """pdfminer ends each page with a form feed, which tells where pages start."""
    from pdfminer.high_level import extract_text

    try:
        text = extract_text(str(path))
    except Exception as error:  # a broken file can break a parser in any way
        raise _Refused(f"it cannot be converted: {_line(error)}") from error
    starts = [0] + [match.end() for match in re.finditer("\f", text) if text[match.end() :].strip()]
    return _clean(text), "", {}, tuple(starts)


def _convert_with_markitdown(path: Path, kind: str) -> _Converted:
    if kind != "html" and not is_zipfile(path):  # markitdown would take the bytes for plain text
        raise _Refused(f"it cannot be converted: not a {kind} file")
    from markitdown import MarkItDown, StreamInfo

    try:
        with path.open("rb") as stream:
            result = MarkItDown(enable_plugins=False).convert_stream(stream, stream_info=StreamInfo(extension=f".{kind}"))
    except Exception as error:  # as above
        raise _Refused(f"it cannot be converted: {_line(error)}") from error
    text = _clean(result.text_content)
    return text, str(result.title or "").strip() or _first_heading(text), {}, ()


def _decode(raw: bytes) -> str:
    """UTF-8, or UTF-16 with its mark."""
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if encoding == "utf-8-sig" and b"\0" in raw:
        raise _Refused("it holds binary content, not text")
    try:
        return raw.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise _Refused(f"it is not {encoding.removesuffix('-sig').upper()} text: byte 0x{raw[error.start]:02x} at offset {error.start}") from error


_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)---[ \t]*(?:\n|\Z)", re.DOTALL)
_PAIR = re.compile(r"([A-Za-z_][\w-]*):[ \t]+(.+)")
_HEADING = re.compile(r"^#[ \t]+(.+?)[ \t]*#*$|^(\S[^\n]*)\n=+[ \t]*$", re.MULTILINE)


def _front_matter(text: str) -> tuple[str, dict[str, Scalar]]:
    """The text without its front matter, and the front matter's plain `key: value` lines."""
    match = _FRONT_MATTER.match(text)
    if match is None:
        return text, {}
    pairs = (_PAIR.fullmatch(line.strip()) for line in match[1].splitlines())
    values = {pair[1]: pair[2].strip().strip("\"'") for pair in pairs if pair}
    return text[match.end() :], {key: value for key, value in values.items() if value and value[0] not in "[{|>&*"}


def _first_heading(text: str) -> str:
    """Where the text begins with one, near enough."""
    match = _HEADING.search(text[:2_000])
    return (match[1] or match[2]).strip() if match else ""


def _readable(stem: str) -> str:
    return re.sub(r"[\s_-]+", " ", stem).strip()


def _clean(text: str) -> str:
    """Without what cannot be stored; converters let it through now and then. Lengths stay as they are."""
    return re.sub("[\0\ud800-\udfff]", "\ufffd", text)


# --- records of a jsonl file ----------------------------------------------------------------------------------------------------------------


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as lines:
            return sum(1 for line in lines if line.strip()) or 1
    except OSError:
        return 1


def _load_records(file: _File, known: Known, max_bytes: int) -> Iterator[Document | Unchanged | Refusal]:
    origin, empty = file.origin, True
    seen: set[str] = set()
    with file.path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            empty = False
            try:
                if len(line) > max_bytes:
                    raise _Refused(f"the line has {len(line):,} bytes; at most {max_bytes:,} are read")
                document = _record(line, f"{file.source}:{number}", origin)
                if document.source in seen:
                    raise _Refused(f"the id {document.source!r} was used before in this file")
            except _Refused as refused:
                yield Refusal(f"{file.path}:{number}", str(refused), origin)
                continue
            seen.add(document.source)
            yield Unchanged(document.source, origin, document.sha256) if known(document.source, origin, document.sha256) else document
    if empty:
        yield Refusal(str(file.path), "it is empty", origin)


def _record(line: bytes, default_id: str, origin: str) -> Document:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Refused(f"not JSON: {_line(error)}") from error
    if not isinstance(record, dict):
        raise _Refused("not a JSON object")
    text, title, given = record.get("text"), record.get("title") or "", record.get("id", record.get("_id"))
    if not isinstance(text, str) or not text.strip():
        raise _Refused('it has no "text"')
    if not isinstance(title, str):
        raise _Refused('its "title" is not a string')
    if given is not None and (isinstance(given, bool) or not isinstance(given, str | int) or not str(given).strip()):
        raise _Refused('its "id" is neither a string nor a whole number')
    source = default_id if given is None else str(given)
    if fault := _not_storable(text + title + source):
        raise _Refused(f"it holds {fault}")
    nested = record.get("metadata")
    plain = {key: value for key, value in record.items() if key not in ("text", "title", "id", "_id", "metadata")}
    metadata = _scalars({**(nested if isinstance(nested, dict) else {}), **plain})
    sha256 = _digest(json.dumps(record, sort_keys=True).encode())
    return Document(source, text, title.strip(), metadata, origin, sha256)


def _scalars(values: Mapping[str, Any]) -> dict[str, Scalar]:
    """What can be filtered by: strings, numbers, truth values. None, lists, objects and numbers out of range are left out."""
    return {str(key): value for key, value in values.items() if _is_scalar(value)}


def _is_scalar(value: Any) -> bool:
    if isinstance(value, str):
        return not _not_storable(value)
    return isinstance(value, bool) or (isinstance(value, int) and -(2**63) <= value < 2**63) or (isinstance(value, float) and abs(value) < float("inf"))


def _not_storable(text: str) -> str:
    """What SQLite and JSON cannot hold, in words; "" where all is well."""
    if "\0" in text:
        return "a NUL character"
    return "half of a surrogate pair" if re.search("[\ud800-\udfff]", text) else ""


def _digest(content: bytes) -> str:
    return hashlib.sha256(VERSION.encode() + b"\0" + content).hexdigest()


def _line(error: BaseException) -> str:
    """An error as one short line."""
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
