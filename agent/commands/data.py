"""passel data: the splits that figures are reported on, whether the files at hand are those, and getting one from the official set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .. import terminal
from .options import JsonOption

data = typer.Typer(help="The splits of data sets: which there are, and getting one from the official set.", no_args_is_help=True)


@data.command("list")
def list_(
    data: Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Compare the files of this data folder.", show_default=False)] = None,
    json: JsonOption = False,
) -> None:
    """All splits: how many questions, their digests, and with --data whether the files there are the same."""
    if json:
        with terminal.json_alone(lambda line: {"error": line}) as emit:
            emit({"splits": _looked_at(data)})
        return
    with terminal.working("comparing files"):
        found = _looked_at(data)
    from rich.table import Table

    table = Table("split", "questions", "sha256", "content", *(("at hand",) if data else ("from",)), box=None, pad_edge=False)
    table.columns[1].justify = "right"
    table.columns[4].overflow = "fold"
    for each in found:
        last = each["at_hand"] if data else each["source"].get("set") or each["source"]["page"]
        table.add_row(each["name"], f"{each['questions']:,}", each["sha256"][:12], each["content"][:12], last)
    terminal.say(table)


def _looked_at(folder: Path | None) -> list[dict[str, Any]]:
    from ...evals.datasets.get import splits, state_of

    return [
        {
            "name": split.name,
            "questions": split.questions,
            "sha256": split.sha256,
            "content": split.content,
            "source": dict(split.source),
            **({"at_hand": state_of(split, folder)} if folder else {}),
        }
        for split in splits()
    ]


@data.command()
def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A split, as `passel data list` names it.", show_default=False)],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The data folder to write into.")] = Path("data"),
) -> None:
    """Fetch the official set and rebuild a split of it; where no hub is reachable, say which file to put where."""
    from ...evals.datasets.get import data_get

    with terminal.working(f"getting {name}"):
        path, state = data_get(name, data)
    said = {"same file": "the very file", "same content": "the same questions, answers and passages"}
    terminal.say(f"{path}: {said.get(state, 'NOT what our figures were measured on: the official set has changed, or is another edition')}")
