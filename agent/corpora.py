"""Corpora: those that have a name, what belongs to the folder of one, and how to be rid of it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ..tools.lock import write_lock

_FILES = re.compile(r"corpus\.sqlite3(-\w+)?|versions|write\.lock|writer\.json")
"""What a corpus's folder holds."""
_DATABASE = "corpus.sqlite3"


def is_corpus(folder: Path) -> bool:
    return (folder / _DATABASE).is_file()


def foreign(folder: Path) -> list[str]:
    """What lies in a folder and does not belong to a corpus."""
    return sorted(path.name for path in folder.iterdir() if not _FILES.fullmatch(path.name)) if folder.is_dir() else []


def corpora() -> list[Path]:
    """The folders of all corpora that have a name, sorted."""
    from .settings import corpora_folder

    folder = corpora_folder()
    return sorted(path for path in folder.iterdir() if is_corpus(path)) if folder.is_dir() else []


def delete_folder(folder: Path) -> None:
    """Raises CorpusBusy. The database goes last: until then the folder is a corpus, which can be deleted."""
    with write_lock(folder):
        shutil.rmtree(folder / "versions", ignore_errors=True)
        for file in sorted(folder.glob(f"{_DATABASE}*"), key=lambda file: -len(file.name)):
            file.unlink()
    shutil.rmtree(folder)
