"""passel train: the pair model that reads, the list policy that selects, the calibrator. Every command goes on where a killed run of it was."""

from __future__ import annotations

import typer

from .calibrator import calibrator
from .reader import reader
from .selector import selector

train = typer.Typer(help="Train the reader and the selector, on data sets or on your own corpus.", no_args_is_help=True)
for command in (reader, selector, calibrator):
    train.command()(command)
