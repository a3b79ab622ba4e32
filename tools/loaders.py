"""Loaders: from paths to documents. A bad file is refused by name with the reason, and never stops the rest.

A file's text is its content (Markdown, plain text, source code) or what `convert` makes of it (PDF, Word, HTML, ...); a line of a `.jsonl` file is a
document of its own. What is looked at in a folder, `walk` says. Nothing is ever fetched from a network.
"""

from __future__ import annotations

import codecs
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath

from .convert import CONVERTED, ConversionError, Converted, convert, decode
from .document import Document, Refusal, Unchanged, canonical, digest, scalars, string_fault, text_fault
from .structure import BY_LINE, MARKDOWN, Heading, front_matter, structure
from .walk import FoundFile, find_files, os_reason

__all__ = ["MAX_BYTES", "Document", "Item", "Known", "Refusal", "Unchanged", "count_paths", "load_paths"]

MAX_BYTES = 50_000_000
"""Larger files, and larger lines of a jsonl file, are refused."""

RECORDS = frozenset((".jsonl", ".ndjson"))
"""Suffixes of files that hold a document a line."""

_UNREADABLE = {
    "a picture": ".avif .bmp .gif .heic .ico .jpeg .jpg .png .psd .svg .tif .tiff .webp",
    "sound": ".aac .aiff .flac .m4a .mid .midi .mp3 .ogg .opus .wav .wma",
    "a film": ".avi .flv .m4v .mkv .mov .mp4 .mpeg .mpg .webm .wmv",
    "an archive: unpack it first": ".7z .bz2 .gz .iso .jar .rar .tar .tgz .whl .xz .zip .zst",
    "a program": ".a .bin .class .dll .dylib .exe .lib .o .obj .pyc .pyo .so .wasm",
    "a font": ".eot .otf .ttf .woff .woff2",
    "a database or a table in binary form": ".arrow .db .feather .h5 .mdb .npy .npz .parquet .pickle .pkl .sqlite .sqlite3",
    "a model": ".ckpt .gguf .onnx .pt .pth .safetensors",
    "an old Office file: save it as .docx, .pptx or .xlsx": ".doc .dot .ppt .pps",
    "not a kind of document that is converted: save it as .docx or .pdf": ".djvu .key .mobi .numbers .odp .ods .odt .pages .ps .eps .rtf .wpd",
}
_REASONS = {suffix: reason for reason, suffixes in _UNREADABLE.items() for suffix in suffixes.split()}

_SEARCHED_FOR_TITLE = 50
"""Headings and blocks."""

Known = Callable[[str, str, str], bool]
"""(source, origin, sha256) -> whether the caller holds this document in this very form."""

Item = Document | Unchanged | Refusal


def load_paths(paths: Sequence[Path | str], *, known: Known | None = None, max_bytes: int = MAX_BYTES) -> Iterator[Item]:
    """Every document under `paths` (files, folders, `.jsonl` files), lazily, in a stable sorted order.

    As many items as `count_paths(paths)` says, unless files change meanwhile. `known` is asked before the costly conversion, and where it says yes an
    `Unchanged` comes instead of the document. A path that does not exist is a Refusal too. No two documents of one call have the same source: the
    second one is refused.
    """
    taken: dict[str, str] = {}  # source -> where it came from
    for found in find_files(paths):
        if isinstance(found, Refusal):
            yield found
            continue
        for where, item in _load(found, known, max_bytes):
            if isinstance(item, Refusal):
                yield item
            elif item.source in taken:
                yield Refusal(where, f"its id {item.source!r} is taken by {taken[item.source]}", item.origin, item.source)
            else:
                taken[item.source] = where
                yield item


def count_paths(paths: Sequence[Path | str]) -> int:
    """How many items `load_paths` will yield: files, lines of jsonl files, refusals. Reads no file but the jsonl ones."""
    return sum(_count_records(found) if isinstance(found, FoundFile) and found.suffix in RECORDS else 1 for found in find_files(paths))


def _load(file: FoundFile, known: Known | None, max_bytes: int) -> Iterator[tuple[str, Item]]:
    """Each item of a file, and where it stands: `path` or `path:line`."""
    if file.suffix in RECORDS:
        if file.origin.suffix.lower() != file.suffix:  # a link's, in a cache whose files have hashes for names
            file = replace(file, origin=Path(os.path.abspath(file.path)))
        yield from _load_records(file, known, max_bytes)
    else:
        yield str(file.path), _load_file(file, known, max_bytes)


def _refusal(file: FoundFile, reason: str) -> Refusal:
    return Refusal(str(file.path), reason, str(file.origin), "" if file.suffix in RECORDS else file.source)


# ---- one file ----


def _load_file(file: FoundFile, known: Known | None, max_bytes: int) -> Item:
    if file.suffix in _REASONS:
        return _refusal(file, f"{_REASONS[file.suffix]} ({file.suffix})")
    try:
        size = file.origin.stat().st_size
        if size > max_bytes:
            return _refusal(file, f"it has {size:,} bytes; at most {max_bytes:,} are read")
        content = file.origin.read_bytes()
    except OSError as error:
        return _refusal(file, os_reason(error))
    if not content.strip():
        return _refusal(file, "empty")
    sha256 = digest(file.suffix.encode(), content)
    if known and known(file.source, str(file.origin), sha256):
        return Unchanged(file.source, str(file.origin), sha256)
    try:
        converted = convert(content, file.suffix) if file.suffix in CONVERTED else _as_text(content, file.suffix)
    except ConversionError as error:
        return _refusal(file, str(error))
    if fault := text_fault(converted.text):
        return _refusal(file, "no text in it; a scanned PDF?" if file.suffix == ".pdf" else fault)
    title = converted.title or _first_heading(converted.text, file.source) or _readable(file.source)
    return Document(file.source, converted.text, title, converted.metadata, str(file.origin), sha256, converted.pages)


def _as_text(content: bytes, suffix: str) -> Converted:
    """The content with its lines ending in \\n; a Markdown file's front matter becomes metadata.

    Raises ConversionError where it is not text.
    """
    text = decode(content).replace("\r\n", "\n")
    start, fields = front_matter(text) if suffix in MARKDOWN else (0, {})
    title = " ".join(str(fields.pop("title", "")).split())
    return Converted(text[start:], title, fields)


def _first_heading(text: str, source: str) -> str:
    """The first heading of the highest level near the start, else the heading that the text starts with; "" where there is neither."""
    opening = list(islice(structure(text, source), _SEARCHED_FOR_TITLE))
    headings = [part for part in opening if isinstance(part, Heading) and (part.level == 1 or part is opening[0])]
    return min(headings, key=lambda heading: heading.level).text if headings else ""


def _readable(source: str) -> str:
    """`notes/the_old-harbour.txt` is "the old harbour"; code and data keep their names."""
    path = PurePosixPath(source)
    if path.suffix.lower() in BY_LINE:
        return path.name
    return " ".join(re.sub(r"[_-]+", " ", path.stem).split()) or path.name


# ---- jsonl ----


def _load_records(file: FoundFile, known: Known | None, max_bytes: int) -> Iterator[tuple[str, Item]]:
    """One item for each line that is not blank; one refusal where there is none."""
    where = str(file.path)
    number = 0
    try:
        if _is_utf16(file.origin):
            yield where, _refusal(file, "not UTF-8 text: it is in UTF-16; save it as UTF-8")
            return
        for number, line in _lines(file.origin, max_bytes):
            yield f"{where}:{number}", _load_record(file, number, line, known, max_bytes)
    except OSError as error:
        yield where, _refusal(file, os_reason(error))
    else:
        if not number:
            yield where, _refusal(file, "empty")


def _count_records(file: FoundFile) -> int:
    try:
        return 1 if _is_utf16(file.origin) else max(1, sum(1 for _ in _lines(file.origin, MAX_BYTES)))
    except OSError:
        return 1


def _is_utf16(path: Path) -> bool:
    with path.open("rb") as content:
        return content.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _lines(path: Path, max_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Number and content of each line that is not blank; of a line that is too long, one byte more than is allowed."""
    with path.open("rb") as content:
        number = 0
        while line := content.readline(max_bytes + 1):
            number += 1
            rest = line
            while len(rest) > max_bytes and not rest.endswith(b"\n"):
                rest = content.readline(max_bytes + 1)
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line.strip():
                yield number, line


def _load_record(file: FoundFile, number: int, line: bytes, known: Known | None, max_bytes: int) -> Item:
    def refused(reason: str, source: str = "") -> Refusal:
        return Refusal(f"{file.path}:{number}", reason, str(file.origin), source or f"{file.source}:{number}")

    if len(line) > max_bytes:
        return refused(f"it has more than the {max_bytes:,} bytes that are read")
    try:
        record = json.loads(line.decode())
    except UnicodeDecodeError as error:
        return refused(f"not UTF-8 text: byte 0x{line[error.start]:02x} at offset {error.start} of the line")
    except json.JSONDecodeError as error:
        return refused(f"not JSON: {error.msg.removesuffix(' at')} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits; brackets within brackets
        return refused(f"not JSON that can be read: {error}")
    if not isinstance(record, dict):
        return refused("not a JSON object")
    given = record.get("id") if record.get("id") is not None else record.get("_id")
    source = f"{file.source}:{number}" if given is None else str(given)
    if isinstance(given, (bool, list, dict)) or not source.strip() or string_fault(source):
        return refused("its `id` is neither a name nor a number")
    text, title = record.get("text"), record.get("title")
    if not isinstance(text, str):
        return refused("its `text` is not a string" if "text" in record else "it has no `text`", source)
    if isinstance(title, (list, dict)):
        return refused("its `title` is not a string", source)
    title = "" if title is None else str(title).strip()
    if fault := text_fault(text) or string_fault(title):
        return refused(fault, source)
    sha256 = digest(canonical(record))
    if known and known(source, str(file.origin), sha256):
        return Unchanged(source, str(file.origin), sha256)
    nested = record.get("metadata")
    own = {key: value for key, value in record.items() if key not in ("text", "title", "id", "_id", "metadata")}
    metadata = scalars({**(nested if isinstance(nested, dict) else {}), **own})
    return Document(source, text, title, metadata, str(file.origin), sha256)
