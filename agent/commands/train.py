"""passel train: the pair model that reads, and the list policy that selects. Every command goes on where a killed run of it was."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated

import typer

from .. import progress, terminal

train = typer.Typer(help="Train the reader and the selector, on data sets or on your own corpus.", no_args_is_help=True)

DataArgument = Annotated[list[str], typer.Argument(metavar="DATA…", help="Files of labelled questions.", show_default=False)]
OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for weights, curves and checkpoints.", show_default=False)]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N")]


@train.command()
def reader(
    data: DataArgument,
    out: OutOption,
    epochs: Annotated[int, typer.Option("--epochs", min=1, metavar="N")] = 5,
    folds: Annotated[bool, typer.Option("--folds", help="Train also the two half models that `train selector` needs for cross-fitting.")] = False,
    seed: SeedOption = 0,
) -> None:
    """The pair model: which passages are evidence, and where the answer stands. Questions of `val` (a tenth, by hash) choose the checkpoint."""
    from ...evals.setup import prepare
    from ...evals.training import reading_sets
    from ...rerankers.reader.trainer import ReaderConfig, train_reader
    from ...rerankers.reader.validation import validate
    from ...tools.pair import PairModel

    config = ReaderConfig(epochs=epochs, seed=seed)
    with progress.shown() as tell, prepare(data, setting="pool", progress=tell) as setup:
        by_fold, val = reading_sets(setup, tell)
        jobs = [(f"fold{fold}", by_fold[fold]) for fold in by_fold] if folds else []
        for name, examples in [*jobs, ("", [*by_fold[0], *by_fold[1]])]:
            what = f"training {name}".rstrip()
            measured = None if name else lambda network: validate(PairModel(copy.deepcopy(network)), val)

            def told(done: int, total: int, figures: object, what: str = what) -> None:  # noqa: ARG001
                tell(what, done, total)

            file = train_reader(examples, out / name, config, validate=measured, progress=told)
            terminal.note(f"{file}")
