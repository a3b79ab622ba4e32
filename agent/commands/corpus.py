"""passel corpus: which corpora there are, what is in one, and how to be rid of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...tools.errors import PasselError, UsageError
from .. import terminal
from ..corpora import corpora, delete_corpus, foreign, is_corpus
from .options import CorpusArgument, JsonOption

if TYPE_CHECKING:
    from ...tools.corpus import Corpus, CorpusInfo
    from ..settings import Settings

corpus = typer.Typer(help="List, inspect and delete corpora.", no_args_is_help=True)


@corpus.command("list")
def list_(json: JsonOption = False) -> None:
    """All corpora that have a name."""
    if json:
        with terminal.json_alone(lambda line: {"error": line}) as emit:
            emit({"corpora": [_looked_at(folder) for folder in corpora()]})
        return
    found = [_looked_at(folder) for folder in corpora()]
    if not found:
        from ..settings import corpora_folder

        terminal.say(f"No corpora in {corpora_folder()} yet. Make one: passel index PATH --corpus NAME, or try: passel demo")
        return
    from rich.table import Table

    table = Table("name", "documents", "passages", "size", "where", box=None, pad_edge=False)
    for column in table.columns[1:4]:
        column.justify = "right"
    table.columns[4].overflow = "fold"
    for each in found:
        figures = [f"{each['documents']:,}", f"{each['passages']:,}", _size(each["bytes"])] if "error" not in each else ["-", "-", "-"]
        table.add_row(terminal.clean(each["name"]), *figures, terminal.clean(each.get("error") or each["path"]))
    terminal.say(table)


def _looked_at(folder: Path) -> dict[str, Any]:
    """What `info` says, or why it cannot be said: one broken corpus must not hide the others."""
    try:
        return _info(str(folder)).to_dict()
    except PasselError as error:
        return {"name": folder.name, "path": str(folder), "error": terminal.in_one_line(error)}


@corpus.command()
def info(corpus: CorpusArgument, json: JsonOption = False) -> None:
    """What a corpus holds."""
    if json:
        with terminal.json_alone(lambda line: {"error": line}) as emit:
            emit(_info(corpus).to_dict())
        return
    found = _info(corpus)
    terminal.say(f"{found.name} in {found.path}")
    terminal.say(f"  documents  {found.documents:,}")
    terminal.say(f"  passages   {found.passages:,} ({found.chroma:,} in Chroma, {found.lexical:,} in the lexical index)")
    terminal.say(f"  encoder    {found.encoder}, {found.dimension} dimensions")
    terminal.say(f"  size       {_size(found.bytes)}")
    if found.unfinished:
        terminal.say(f"  unfinished {terminal.clean(found.unfinished)}")


def _info(name: str) -> CorpusInfo:
    from ..settings import Settings

    with _opened(Settings.load(corpus=name)) as opened:
        return opened.info()


def _opened(settings: Settings) -> Corpus:
    """With the encoder that it was made with, if it needs any."""
    from ...tools.corpus import Corpus

    return Corpus.open(settings.corpus_path(), server=settings.chroma_server)


def _size(count: int) -> str:
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"


@corpus.command()
def delete(
    corpus: CorpusArgument,
    source: Annotated[str | None, typer.Option("--source", metavar="SOURCE", help="Delete only this document.", show_default=False)] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a corpus, or one document of it."""
    from ..settings import Settings

    settings = Settings.load(corpus=corpus)
    folder = settings.corpus_path()
    if not is_corpus(folder):
        raise UsageError(f"there is no corpus in {folder}", "Those that have a name: passel corpus list")
    if source is None:
        _agreed(f"Delete the corpus {folder.name} in {folder}, and the conversations about it?", yes)
        delete_corpus(folder)
        terminal.say(f"Deleted the corpus {folder.name}.")
        if others := foreign(folder):
            terminal.say(f"{folder} stays, for it holds other files: {', '.join(others[:3])}")
        return
    with _opened(settings) as opened:
        if source not in opened.sources():
            hint = "Sources are paths relative to the indexed folder, or ids of jsonl lines."
            raise UsageError(f"corpus {folder.name!r} holds no document {source!r}", hint)
        _agreed(f"Delete the document {source} of the corpus {folder.name}?", yes)
        count = opened.delete(source)
    terminal.say(f"Deleted {source}: {count:,} passage{'s' * (count != 1)}.")


def _agreed(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nothing was deleted: there is no terminal to ask on", "Say --yes to delete without being asked.")
    terminal.note(f"{question} [y/N] ")
    if input().strip().lower() not in ("y", "yes"):
        raise PasselError("nothing was deleted")
