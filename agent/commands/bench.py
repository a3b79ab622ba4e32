"""passel bench: how fast, as ratios against a named peer measured in the same run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .. import terminal
from .options import JsonOption

bench = typer.Typer(help="Measure speed, as ratios against a named peer in one run.", no_args_is_help=True)

FileOption = Annotated[Path | None, typer.Option("--file", metavar="FILE.jsonl", help="Texts to measure with; else 2Wiki's in ../shared/data.")]


@bench.command()
def encode(file: FileOption = None, json: JsonOption = False) -> None:
    """Embedding passages, against sentence-transformers with its defaults."""
    from ..bench.encode import run

    if json:
        with terminal.json_alone(lambda line: {"error": line}) as emit:
            emit(asdict(run(file)))
        return
    with terminal.working("encoding, in turns with sentence-transformers"):
        row = run(file)
    terminal.say(f"encode: {row.ratio:.2f} × the speed of {row.peer} ({row.passages:,} passages, median of {row.rounds} rounds)")
    terminal.say(f"  passel  {row.ours_per_second:8,.0f} passages/s")
    terminal.say(f"  peer    {row.peer_per_second:8,.0f} passages/s")
    terminal.say(f"  smallest cosine between the two vectors of a passage: {row.min_cosine:.5f}")
