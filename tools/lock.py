"""The write lock of a corpus: one process writes, and the others are told who it is.

The operating system's lock on `write.lock` is what counts; it falls with the process that holds it, however that one ends. `writer.json` beside it
only says whose it is, and is taken away at the end of the work: one that stays tells readers that the corpus may not hold all it should.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import CorpusBusy, PasselError

_ours: set[Path] = set()
"""Folders whose lock this process holds."""


@contextmanager
def write_lock(folder: Path, *, wait: float = 0) -> Iterator[None]:
    """Hold the lock of the corpus in `folder` for the length of the block.

    `wait`: seconds to wait for another writer; math.inf as long as it takes. Raises CorpusBusy when they have passed.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / "write.lock")
    try:
        lock.acquire(timeout=-1 if math.isinf(wait) else wait, poll_interval=0.1)
    except (Timeout, RuntimeError):  # RuntimeError: this thread holds it already, and would wait for itself
        hint = "Wait for it and run this again (passel index --wait does). Asking questions is possible meanwhile."
        raise CorpusBusy(f"cannot write to corpus {folder.name!r}: {_writer(folder)}.", hint) from None
    except OSError as error:
        raise PasselError(f"cannot write to corpus {folder.name!r}: {error}", "Asking questions is possible.") from error
    here = folder.resolve()
    note, told = folder / "writer.json", {"pid": os.getpid(), "command": _command(), "since": time.time()}
    _ours.add(here)
    try:
        note.write_text(json.dumps(told))
        yield
        note.unlink(missing_ok=True)
    except BaseException:
        with suppress(OSError):
            note.write_text(json.dumps({**told, "pid": None}))
        raise
    finally:
        _ours.discard(here)
        lock.release()


def unfinished(folder: Path) -> str:
    """Why a corpus may not hold all it should: somebody writes to it, or was cut off; "" where the last work on it was done to its end."""
    note = _note(folder)
    if note is None:
        return ""
    if _alive(note["pid"], folder):
        return _holder(note)
    return f"{note['command']} was cut off at its work on it ({_clock(note['since'])}); run again, it goes on"


def _writer(folder: Path) -> str:
    """Who holds the lock, as far as can be told."""
    note = _note(folder)
    if note is None or not _alive(note["pid"], folder):  # the holder is so new that it has not said yet who it is
        return "another process is writing"
    return _holder(note)


def _note(folder: Path) -> dict[str, Any] | None:
    try:
        note: dict[str, Any] = json.loads((folder / "writer.json").read_text())
    except (OSError, ValueError):
        return None
    return note


def _holder(note: dict[str, Any]) -> str:
    return f"process {note['pid']} ({note['command']}) has been writing since {_clock(note['since'])}"


def _clock(at: float) -> str:
    began = time.localtime(at)
    today = began[:3] == time.localtime()[:3]
    return time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", began)


def _alive(pid: int | None, folder: Path) -> bool:
    if pid is None or (pid == os.getpid() and folder.resolve() not in _ours):  # in containers all are process 1
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


def _command() -> str:
    """The program and its sub-command: "passel index"."""
    program = Path(sys.argv[0] if sys.argv else "").name
    program = "passel" if program in ("", "__main__.py") else program
    return " ".join([program, *(word for word in sys.argv[1:2] if word.isalpha())])
