"""Walk: the files under a path, each once, in a stable order.

Passed over without a word: hidden files and folders, those in `IGNORED`, and what a `.passelignore` at the root of the folder names.
Everything else is a file, or a refusal that says why not: a link that leads out of the folder, a pipe, a folder that nobody may read, the folder of a
corpus.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from .document import SURROGATE, Refusal
from .home import CORPUS_FILE

IGNORE_FILE = ".passelignore"
IGNORED = frozenset(("node_modules", "__pycache__", "site-packages", "venv"))


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that was found, and is not yet read."""

    path: Path
    """As the caller would write it."""
    origin: Path
    """Resolved."""
    source: str
    """Its path relative to the path that was given; its name, where that was the file itself."""

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.source).suffix.lower()


def find_files(paths: Sequence[Path | str]) -> Iterator[FoundFile | Refusal]:
    """The files under the paths, each once, and what is no file that can be read."""
    seen: set[Path] = set()
    for path in map(Path, paths):
        try:
            origin = path.resolve(strict=True)
            mode = origin.stat().st_mode
        except (OSError, RuntimeError, ValueError) as error:  # RuntimeError: links in a circle, before Python 3.13; ValueError: a NUL in the name
            yield Refusal(str(path), os_reason(error), os.path.abspath(path) if "\0" not in str(path) else "")
            continue
        if SURROGATE.search(str(origin)):
            yield _misnamed(path)
            continue
        if stat.S_ISDIR(mode):
            for found in _walk(path, origin, "", Ignore.read(origin), origin):
                if isinstance(found, FoundFile):
                    if found.origin in seen:
                        continue
                    seen.add(found.origin)
                yield found
        elif origin not in seen:
            seen.add(origin)
            yield FoundFile(path, origin, path.name) if stat.S_ISREG(mode) else Refusal(str(path), _special(mode), str(origin), path.name)


def _walk(path: Path, folder: Path, prefix: str, ignore: Ignore, root: Path) -> Iterator[FoundFile | Refusal]:
    """The files in a folder and below it, by name. `folder` is the resolved `path`; `prefix` its place under the `root`."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield Refusal(str(path), os_reason(error), str(folder))
        return
    if any(entry.name == CORPUS_FILE for entry in names):
        yield Refusal(str(path), "the folder of a corpus, which holds no documents to index", str(folder))
        return
    for entry in names:
        source = prefix + entry.name
        here = path / entry.name
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
            if entry.name.startswith(".") or entry.name in IGNORED or ignore.match(source, is_folder):
                continue
            if SURROGATE.search(entry.name):
                yield _misnamed(here)
            elif entry.is_symlink():
                yield from _follow(here, folder / entry.name, source, ignore, root)
            elif is_folder:
                yield from _walk(here, folder / entry.name, f"{source}/", ignore, root)
            elif entry.is_file(follow_symlinks=False):
                yield FoundFile(here, folder / entry.name, source)
            else:
                yield Refusal(str(here), _special(entry.stat(follow_symlinks=False).st_mode), str(folder / entry.name), source)
        except OSError as error:
            yield Refusal(str(here), os_reason(error), str(folder / entry.name), source)


def _follow(path: Path, link: Path, source: str, ignore: Ignore, root: Path) -> Iterator[FoundFile | Refusal]:
    """A symbolic link: passed over where its target is found at its own place anyway, taken where that is a hidden file, refused where it is a hidden
    folder or leads out of the root."""
    try:
        target = link.resolve(strict=True)
        mode = target.stat().st_mode
    except (OSError, RuntimeError) as error:
        missing = isinstance(error, FileNotFoundError)
        yield Refusal(str(path), "a link that leads nowhere" if missing else os_reason(error), str(link), source)
        return
    if not target.is_relative_to(root):
        yield Refusal(str(path), f"a link that leads out of the folder, to {target}", str(link), "" if stat.S_ISDIR(mode) else source)
    elif target != root and ignore.hides(target.relative_to(root).as_posix(), is_folder=stat.S_ISDIR(mode)):
        if stat.S_ISREG(mode):
            yield FoundFile(path, target, source)
        elif stat.S_ISDIR(mode):
            yield Refusal(str(path), "a link to a folder that is passed over: name that folder itself", str(link), "")


@dataclass(frozen=True, slots=True)
class Ignore:
    """The patterns of an ignore file, in git's form without `**`; the last one that matches wins.

    `#` starts a comment. `*`, `?` and `[...]` match within one name. A `/` at the end means folders only; one elsewhere ties the pattern to the root.
    `!` takes back what an earlier line ignored, but nothing inside an ignored folder.
    """

    patterns: tuple[str, ...] = ()

    @classmethod
    def read(cls, root: Path) -> Ignore:
        try:
            lines = (root / IGNORE_FILE).read_text("utf-8-sig", "replace").splitlines()
        except OSError:  # there is none, or nobody may read it
            return cls()
        return cls(tuple(line.rstrip() for line in lines if line.strip() and not line.startswith("#")))

    def match(self, source: str, is_folder: bool) -> bool:
        ignored = False
        for line in self.patterns:
            pattern = line.removeprefix("!")
            if pattern.endswith("/") and not is_folder:
                continue
            if self._fits(pattern.rstrip("/"), source):
                ignored = not line.startswith("!")
        return ignored

    def hides(self, source: str, *, is_folder: bool = False) -> bool:
        """Whether a walk passes over it, or over a folder that it is in."""
        parts = source.split("/")
        if any(part.startswith(".") or part in IGNORED for part in parts):
            return True
        return any(self.match("/".join(parts[: depth + 1]), is_folder=is_folder or depth + 1 < len(parts)) for depth in range(len(parts)))

    @staticmethod
    def _fits(pattern: str, source: str) -> bool:
        if "/" not in pattern:
            return fnmatchcase(source.rsplit("/", 1)[-1], pattern)
        wanted, names = pattern.lstrip("/").split("/"), source.split("/")
        return len(wanted) == len(names) and all(map(fnmatchcase, names, wanted))


def _misnamed(path: Path) -> Refusal:
    return Refusal(os.fsencode(path).decode("utf-8", "replace"), "its name is not UTF-8")


def os_reason(error: Exception) -> str:
    """Why the operating system did not let us have a file, in plain words."""
    if isinstance(error, FileNotFoundError):
        return "no such file or folder"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, RuntimeError) or (isinstance(error, OSError) and error.errno == errno.ELOOP):
        return "links that lead in a circle"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or error}"
    return "not a possible file name"


def _special(mode: int) -> str:
    kinds = ((stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"))
    kind = next((name for is_kind, name in kinds if is_kind(mode)), "something special")
    return f"{kind}, not a regular file"
