"""Reading uploaded files: the process that `uploads.py` starts. It sees one folder, writes what it read to one file, and ends.

`python -m passel.agent.server.reading FOLDER TASK OUT`: TASK names the files and holds the limits, see `Task`. Where the system knows none of
processor time, memory and files' size (Windows), the one who started it still stops it when it stands still.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TextIO

from ...tools.document import Document, Refusal
from ...tools.loaders import RECORDS, load_paths


@dataclass(frozen=True, slots=True)
class Task:
    """JSON in a file: a thousand names are too long for a command line."""

    names: list[str]
    characters: int
    """Of a document's text at most,"""
    seconds: float
    """processor time for one file,"""
    memory: int
    room: int
    """and bytes that may be written."""


def main(folder: str, task: str, out: str) -> None:
    asked = Task(**json.loads(Path(task).read_text(encoding="utf-8")))
    _limit(asked)
    with Path(out).open("w", encoding="utf-8") as lines:
        for name in asked.names:
            _limit_time(asked.seconds)
            _read(Path(folder), name, asked.characters, lines)
            _write(lines, {"done": name})


def _read(folder: Path, name: str, characters: int, lines: TextIO) -> None:
    path = folder / name
    for item in load_paths([path]):
        if isinstance(item, Refusal):
            line = item.path.removeprefix(str(path))  # ":12" of a jsonl file
            _write(lines, {"refused": name + line, "reason": item.reason})
        elif isinstance(item, Document):
            source = _source(item.source, path, name)
            if len(item.text) > characters:
                _write(lines, {"refused": source, "reason": f"its text has more than the {characters:,} characters that are read"})
            else:
                _write(lines, asdict(replace(item, origin="", source=source, metadata=dict(item.metadata))))


def _source(source: str, path: Path, name: str) -> str:
    """Below the folder that was uploaded; a record of a jsonl file keeps its own id, and without one it is "path:line"."""
    if path.suffix.lower() not in RECORDS:
        return name
    line = source.removeprefix(f"{path.name}:")
    return f"{name}:{line}" if line != source and line.isdigit() else source


def _write(lines: TextIO, item: object) -> None:
    lines.write(json.dumps(item) + "\n")
    lines.flush()


def _limit(asked: Task) -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (asked.memory, asked.memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (asked.room, asked.room))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_time(seconds: float) -> None:
    """From now on."""
    try:
        import resource
    except ImportError:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used.ru_utime + used.ru_stime + seconds), most))


if __name__ == "__main__":
    main(*sys.argv[1:])
