"""Uploads: files from the network, turned into documents in a process of their own that can be stopped and has only so much memory.

A file of a caller is kept under its checked name in a temporary folder, and that folder is all that is ever read. Nothing is unpacked to disk, and
nothing is fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fastapi import UploadFile

from ...tools.document import Document, Refusal
from ...tools.walk import IGNORED
from .limits import Limits
from .reading import Task

_LONGEST_NAME = 200
FILES = "files"
"""The folder of an upload's files, in its temporary one."""
_MOST_BROKEN = 5
"""Files of one upload that may break the process that reads them, one after the other."""
_TO_START = 30.0
"""Seconds for the process to begin, on a busy machine."""
_SUSPECT = (10_000_000, 50)
"""An archive that unpacks to more bytes than this, and to so many times its own size, is none that an Office program wrote."""


@dataclass(frozen=True, slots=True)
class Documents:
    """Those that reading processes wrote, taken from their files one at a time: all of them may be too much to hold at once."""

    files: tuple[Path, ...] = ()
    count: int = 0

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Document]:
        for file in self.files:
            for item in _items(file):
                if "text" in item:
                    yield Document(item["source"], item["text"], item["title"], item["metadata"], "", item["sha256"], tuple(item["pages"]))


def name_fault(name: str) -> str:
    """Why a file cannot have this name; "" where it can: a relative path with "/" between its parts."""
    parts = name.split("/")
    if "\\" in name or ":" in name or any(unicodedata.category(char).startswith("C") for char in name):
        return "its name holds a backslash, a colon or a control character"
    if not name or len(name.encode()) > _LONGEST_NAME:
        return f"its name is empty or longer than {_LONGEST_NAME} bytes"
    if any(part.startswith(".") or part in IGNORED or not part.strip() or part != part.strip() for part in parts):
        return "a part of its path is empty, hidden, or one that is never indexed"
    return ""


async def save(files: Sequence[UploadFile], folder: Path, limits: Limits) -> tuple[list[str], list[Refusal]]:
    """Writes the files below `folder`. Gives their names, and what was refused for its name, size or kind."""
    names: list[str] = []
    refused: list[Refusal] = []
    for file in files:
        name = file.filename or ""
        shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in name[:_LONGEST_NAME])
        if fault := name_fault(name) or _size_fault(file, limits) or ("two files have this name" if name in names else ""):
            refused.append(Refusal(shown, fault))
            continue
        path = folder.joinpath(*PurePosixPath(name).parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(_copy, file, path)
        except OSError:  # a file where another one needs a folder
            refused.append(Refusal(shown, "its name cannot stand beside the other files' names"))
            continue
        if fault := await asyncio.to_thread(archive_fault, path, limits):
            refused.append(Refusal(shown, fault))
            path.unlink()
            continue
        names.append(name)
    return names, refused


async def read(work: Path, names: Sequence[str], limits: Limits) -> tuple[Documents, list[Refusal]]:
    """The documents in the files below `work/files`, and what was refused. `work` must stay as long as the documents are taken.

    A file that breaks the process that reads it, or takes too much there, is refused, and another process goes on behind it.
    """
    documents, refused, left, room = Documents(), list[Refusal](), list(names), limits.read_bytes
    for n in range(_MOST_BROKEN):
        if not left:
            break
        out = work / f"read-{n}.jsonl"
        await _run(work, Task(left, limits.document_characters, limits.reading_seconds, limits.reading_bytes, room), out)
        written = await asyncio.to_thread(_summed, out)
        documents = Documents((*documents.files, out), len(documents) + written.documents)
        room = max(0, room - written.bytes)
        refused += written.refused
        left = left[written.done :]
        if left:
            refused.append(Refusal(left.pop(0), "reading it took too long, or too much memory or room"))
    refused += [Refusal(name, f"reading stopped before it, after {_MOST_BROKEN} files that broke it") for name in left]
    return documents, refused


async def _run(work: Path, task: Task, out: Path) -> None:
    """One reading process, until it ends or stands still."""
    given = work / "task.json"
    given.write_text(json.dumps(asdict(task)), encoding="utf-8")
    out.touch()
    arguments = (str(work / FILES), str(given), str(out))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"{__package__}.reading", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    written = -1
    try:
        while process.returncode is None and out.stat().st_size > written:
            written = out.stat().st_size
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 2 * task.seconds + _TO_START)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def archive_fault(path: Path, limits: Limits) -> str:
    """Why an archive is not opened; "" where it may be, and for what is none. Python's zipfile unpacks no more than the archive says it holds."""
    try:
        if not zipfile.is_zipfile(path):
            return ""
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "it is a broken archive"
    if unpacked > limits.unpacked_bytes or (unpacked > _SUSPECT[0] and unpacked > _SUSPECT[1] * path.stat().st_size):
        return f"it unpacks to {unpacked / 1e6:.0f} MB, which is more than is read"
    return ""


def _size_fault(file: UploadFile, limits: Limits) -> str:
    return f"it has more than the {limits.document_bytes:,} bytes that are read" if (file.size or 0) > limits.document_bytes else ""


def _copy(file: UploadFile, path: Path) -> None:
    with path.open("xb") as out:
        shutil.copyfileobj(file.file, out)


@dataclass(frozen=True, slots=True)
class _Written:
    documents: int
    refused: list[Refusal]
    done: int
    """Files: one reads them in order."""
    bytes: int


def _summed(out: Path) -> _Written:
    documents, done = 0, 0
    refused: list[Refusal] = []
    for item in _items(out):
        documents += "text" in item
        done += "done" in item
        if "refused" in item:
            refused.append(Refusal(item["refused"], item["reason"]))
    return _Written(documents, refused, done, out.stat().st_size)


def _items(out: Path) -> Iterator[dict[str, Any]]:
    """What a reading process wrote: a line for each item, and one that says so when a file is done. Half a line, which a killed one left, is none."""
    with out.open(encoding="utf-8") as lines:
        for line in lines:
            with contextlib.suppress(ValueError):
                yield json.loads(line)
