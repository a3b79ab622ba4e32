"""Corpora: those that have a name, what belongs to the folder of one, and how to be rid of it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from pathlib import Path

from ..tools.errors import PasselError
from ..tools.home import CORPUS_FILE, passel_home
from ..tools.lock import write_lock

_FILES = re.compile(r"corpus\.sqlite3(-\w+)?|versions|write\.lock|writer\.json")
"""What a corpus's folder holds."""


def is_corpus(folder: Path) -> bool:
    return (folder / CORPUS_FILE).is_file()


def foreign(folder: Path) -> list[str]:
    """What lies in a folder and does not belong to a corpus."""
    return sorted(path.name for path in folder.iterdir() if not _FILES.fullmatch(path.name)) if folder.is_dir() else []


def corpora() -> list[Path]:
    """The folders of all corpora that have a name, sorted."""
    from .settings import corpora_folder

    folder = corpora_folder()
    return sorted(path for path in folder.iterdir() if is_corpus(path)) if folder.is_dir() else []


def delete_corpus(folder: Path) -> None:
    """With it go the conversations about it and those of its answers that nobody judged. Raises CorpusBusy, and PasselError where these cannot go.

    The database goes last: until then the folder is a corpus, which can be deleted. Files of others stay, and so does the folder then.
    """
    with write_lock(folder):
        id = _id(folder)
        _forget(folder, id)
        shutil.rmtree(folder / "versions", ignore_errors=True)
        for file in sorted(folder.iterdir(), key=lambda file: -len(file.name)):
            if file.name.startswith(CORPUS_FILE) and _FILES.fullmatch(file.name):
                file.unlink()
    for name in ("write.lock", "writer.json"):
        (folder / name).unlink(missing_ok=True)
    if not foreign(folder):
        folder.unlink() if folder.is_symlink() else folder.rmdir()
    _forget(folder, id)  # what a run that was under way wrote meanwhile


def _forget(folder: Path, id: str | None) -> None:
    """A copy of the folder has the same id and so the same conversations: they stay with it."""
    from .feedback import FEEDBACK, FeedbackFile
    from .threads import THREADS, forget_all

    if id and not any(_id(other) == id for other in corpora() if other != folder):
        asyncio.run(forget_all(passel_home() / THREADS, id))
    FeedbackFile(passel_home() / FEEDBACK, str(folder.resolve())).forget_unjudged()


def _id(folder: Path) -> str | None:
    """None where the corpus is broken: it can be deleted all the same."""
    from ..tools.store import Store

    try:
        with contextlib.closing(Store(folder / CORPUS_FILE)) as store, store.reading() as reading:
            return reading.manifest.get("id")
    except PasselError:
        return None
