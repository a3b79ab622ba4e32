"""passel train: the pair model that reads, the list policy that selects, the calibrator. Every command goes on where a killed run of it was."""

from __future__ import annotations

import typer

from . import calibrator, reader, selector

train = typer.Typer(help="Train the reader, the selector and the calibrator, on data sets or on your own corpus.", no_args_is_help=True)
train.command()(reader.reader)
train.command()(selector.selector)
train.command()(calibrator.calibrator)
