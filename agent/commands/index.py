"""passel index: brings a corpus in step with files and folders."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...tools.errors import CorpusBusy, UsageError
from .. import progress, terminal
from ..corpora import delete_corpus, is_corpus
from .options import CorpusOption, JsonOption, open_corpus

if TYPE_CHECKING:
    from ...tools.corpus import IndexReport, Progress

_MOST_REFUSED = 20


def index(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files, folders, and .jsonl files with title and text.", show_default=False)],
    corpus: CorpusOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait while another process writes to the corpus.")] = False,
    json: JsonOption = False,
) -> None:
    """Read documents into a corpus, which is made if need be. Run again, it reads what changed and removes what vanished."""
    if not json:
        opened, report = _index(paths, corpus, wait)
        _show(opened, report)
    else:
        with terminal.json_alone(lambda line: {"error": line}) as emit:
            opened, report = _index(paths, corpus, wait)
            emit(report.to_dict() | ({"error": _nothing(report)} if _failed(report) else {}))
    if _failed(report):
        terminal.show_error(_nothing(report))
        terminal.fail(1)


def _index(paths: Sequence[Path], name: str | None, wait: bool) -> tuple[Path, IndexReport]:
    from ..settings import Settings

    missing = [str(path) for path in paths if not path.exists()]
    if len(missing) == len(paths):
        raise UsageError(f"no such file or folder: {', '.join(missing)}")
    settings = Settings.load(corpus=name)
    folder = settings.corpus_path()
    made_here, folder_made_here = not is_corpus(folder), not folder.is_dir()
    with open_corpus(settings, create=True) as corpus, progress_shown() as tell:
        report = corpus.index(paths, wait=math.inf if wait else 0, progress=tell)
        empty = not corpus.info().documents
    if made_here and empty:  # nobody wants a corpus of nothing among those there are
        with contextlib.suppress(CorpusBusy):  # somebody has begun to fill it
            delete_corpus(corpus.path)
            if not folder_made_here:
                corpus.path.mkdir()
    return corpus.path, report


def _failed(report: IndexReport) -> bool:
    """Nothing came of it: not a single document was taken, known before, or removed because it had vanished."""
    return not (report.added or report.unchanged or report.updated or report.removed)


def _nothing(report: IndexReport) -> str:
    if not report.refused:
        return "nothing was indexed: no documents there"
    return f"nothing was indexed: {len(report.refused)} refused, the first for: {terminal.one_line(report.refused[0].reason)}"


def _show(folder: Path, report: IndexReport) -> None:
    kept = f"{report.passages:,} passages in {folder}" if is_corpus(folder) else "no corpus is made of nothing"
    terminal.say(f"{folder.name}: {kept}")
    terminal.say(f"  documents  {what_happened(report)}")
    terminal.say(f"  passages   {report.chroma:,} in Chroma, {report.lexical:,} in the lexical index; {report.seconds:.1f} s")
    if report.refused:
        terminal.say("  refused")
        for refusal in report.refused[:_MOST_REFUSED]:
            terminal.say(f"    {terminal.one_line(refusal.path)}: {terminal.one_line(refusal.reason)}")
        if (more := len(report.refused) - _MOST_REFUSED) > 0:
            terminal.say(f"    … and {more:,} more (all with --json)")


def what_happened(report: IndexReport) -> str:
    counts = {word: getattr(report, word) for word in ("added", "unchanged", "updated", "removed")}
    return ", ".join(f"{count:,} {word}" for word, count in {**counts, "refused": len(report.refused)}.items())


@contextlib.contextmanager
def progress_shown() -> Iterator[Callable[[Progress], None]]:
    """What to give a writing run as its `progress`."""
    with progress.shown() as tell:
        yield lambda step: tell(step.phase, step.done, step.total)
