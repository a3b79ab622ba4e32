"""passel bench: how fast, as ratios against a named peer measured in the same run."""

from __future__ import annotations

import typer

bench = typer.Typer(help="Measure speed, as ratios against a named peer in one run.", no_args_is_help=True)
