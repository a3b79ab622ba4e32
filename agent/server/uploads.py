"""Uploads: files from the network, turned into documents in a process of their own that can be stopped and has only so much memory.

A file of a caller is kept under its checked name in a temporary folder, and that folder is all that is ever read. Nothing is unpacked to disk, and
nothing is fetched.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fastapi import UploadFile

from ...tools.document import Document, Refusal
from ...tools.walk import IGNORED
from .limits import Limits

_LONGEST_NAME = 200
_SUSPECT = (10_000_000, 50)
"""An archive that unpacks to more bytes than this, and to so many times its own size, is none that an Office program wrote."""


@dataclass(frozen=True, slots=True)
class Read:
    documents: list[Document]
    refused: list[Refusal]


def name_fault(name: str) -> str:
    """Why a file cannot have this name; "" where it can: a relative path with "/" between its parts."""
    parts = name.split("/")
    if not name or len(name.encode()) > _LONGEST_NAME:
        return f"its name is empty or longer than {_LONGEST_NAME} bytes"
    if "\\" in name or ":" in name or any(unicodedata.category(char).startswith("C") for char in name):
        return "its name holds a backslash, a colon or a control character"
    if any(part.startswith(".") or part in IGNORED or not part.strip() or part != part.strip() for part in parts):
        return "a part of its path is empty, hidden, or one that is never indexed"
    return ""


async def save(files: Sequence[UploadFile], folder: Path, limits: Limits) -> tuple[list[str], list[Refusal]]:
    """Writes the files below `folder`. Gives their names, and what was refused for its name, size or kind."""
    names: list[str] = []
    refused: list[Refusal] = []
    for file in files:
        name = file.filename or ""
        shown = name[:_LONGEST_NAME]
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


async def read(folder: Path, names: Sequence[str], limits: Limits) -> Read:
    """The documents in the saved files. A file that breaks the reading process, or takes too long in it, is refused, and those after it too."""
    out = folder.parent / "read.jsonl"
    arguments = (str(folder), str(out), json.dumps(list(names)), str(int(limits.reading_seconds)), str(limits.reading_bytes))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"{__package__}.reading", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        await asyncio.wait_for(process.wait(), 2 * limits.reading_seconds)
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return await asyncio.to_thread(_collect, out, names, limits)


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


def _collect(out: Path, names: Sequence[str], limits: Limits) -> Read:
    """What the reading process wrote: a line for each item, and one that says so when a file is done."""
    documents: list[Document] = []
    refused: list[Refusal] = []
    done: set[str] = set()
    lines = out.read_text(encoding="utf-8").splitlines() if out.is_file() else []
    for line in lines:
        item = _parsed(line)
        if "done" in item:
            done.add(item["done"])
        elif "refused" in item:
            refused.append(Refusal(item["refused"], item["reason"]))
        elif "text" in item:
            document = Document(item["source"], item["text"], item["title"], item["metadata"], "", item["sha256"], tuple(item["pages"]))
            if len(document.text) > limits.document_characters:
                refused.append(Refusal(document.source, f"its text has more than the {limits.document_characters:,} characters that are read"))
            else:
                documents.append(document)
    undone = [name for name in names if name not in done]
    refused += [Refusal(name, "reading it, or a file before it, took too long or too much memory") for name in undone]
    return Read(documents, refused)


def _parsed(line: str) -> dict[str, Any]:
    """{} for half a line, which a killed process left."""
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}
