"""What the commands of `passel train` have in common: their arguments, and the folder they fill."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from ....tools.errors import UsageError

DataArgument = Annotated[list[str], typer.Argument(metavar="DATA…", help="Files of labelled questions.", show_default=False)]
OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for weights, curves and checkpoints.", show_default=False)]
OwnCorpusOption = Annotated[
    str | None, typer.Option("--corpus", "-c", metavar="NAME|DIR", help="Where DATA are questions on your own corpus: its name or folder.")
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N")]


def make_folder(out: Path) -> None:
    """Makes it. Raises UsageError where that cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be a folder: {error.strerror}", "Name another place.") from None


def bring(weights: Path, out: Path, *names: str) -> None:
    """Copies those files that `weights` has, so that the folder can be used as it is."""
    for name in names:
        if (weights / name).is_file() and weights.resolve() != out.resolve():
            shutil.copyfile(weights / name, out / name)
