"""Reading uploaded files: the process that `uploads.py` starts. It sees one folder, writes what it read to one file, and ends.

`python -m passel.agent.server.reading FOLDER OUT NAMES SECONDS BYTES`: of its own processor time and memory. Where the system knows no such limits
(Windows), the one who started it still stops it in time.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TextIO

from ...tools.document import Document, Refusal
from ...tools.loaders import RECORDS, load_paths


def main(folder: str, out: str, names: str, seconds: str, memory: str) -> None:
    _limit(int(seconds), int(memory))
    with Path(out).open("w", encoding="utf-8") as lines:
        for name in json.loads(names):
            _read(Path(folder), name, lines)
            _write(lines, {"done": name})


def _read(folder: Path, name: str, lines: TextIO) -> None:
    path = folder / name
    for item in load_paths([path]):
        if isinstance(item, Refusal):
            line = item.path.removeprefix(str(path))  # ":12" of a jsonl file
            _write(lines, {"refused": name + line, "reason": item.reason})
        elif isinstance(item, Document):
            _write(lines, asdict(replace(item, origin="", source=_source(item.source, path, name), metadata=dict(item.metadata))))


def _source(source: str, path: Path, name: str) -> str:
    """Below the folder that was uploaded; a record of a jsonl file keeps its own id, and without one it is "path:line"."""
    if path.suffix.lower() not in RECORDS:
        return name
    line = source.removeprefix(f"{path.name}:")
    return f"{name}:{line}" if line != source and line.isdigit() else source


def _write(lines: TextIO, item: object) -> None:
    lines.write(json.dumps(item) + "\n")
    lines.flush()


def _limit(seconds: int, memory: int) -> None:
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
