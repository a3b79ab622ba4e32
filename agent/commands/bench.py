"""passel bench: how fast, as ratios against a named peer measured in the same run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ...tools.errors import UsageError
from .. import progress, terminal
from .options import JsonOption

if TYPE_CHECKING:
    from ..bench.encode import EncodeBench
    from ..bench.rerank import RerankBench
    from ..bench.search import SearchBench
    from ..bench.serve import ServeBench

_Row = TypeVar("_Row", bound="EncodeBench | RerankBench | SearchBench | ServeBench")

bench = typer.Typer(help="Measure speed, as ratios against a named peer in one run.", no_args_is_help=True)


@bench.command()
def encode(
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE.jsonl", help="Texts to measure with; else 2Wiki's in ../shared/data.")] = None,
    json: JsonOption = False,
) -> None:
    """Embedding passages, against sentence-transformers with its defaults."""
    from ..bench.encode import run

    _measure(lambda _: run(file), terminal.working("encoding, in turns with sentence-transformers"), _show_encode, json=json)


@bench.command()
def search(
    data: Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder of the data sets; else ../shared/data.")] = None,
    sizes: Annotated[str, typer.Option("--sizes", metavar="N,…", help='Sizes to grow a corpus to (minutes); "" for none.')] = "5000,20000,50000",
    json: JsonOption = False,
) -> None:
    """Dense, lexical and linked search, against a plain Chroma query over the same vectors."""
    from ..bench.search import run

    _measure(lambda _: run(data, sizes=_numbers(sizes)), terminal.working("searching, in turns with Chroma"), _show_search, json=json)


@bench.command()
def rerank(
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Questions with passages; else HotpotQA's in ../shared/data.")] = None,
    json: JsonOption = False,
) -> None:
    """Reading and choosing passages, against sentence-transformers' CrossEncoder with the same weights."""
    from ..bench.rerank import run

    _measure(lambda tell: run(file, progress=partial(tell, "lists")), progress.shown(), _show_rerank, json=json)


@bench.command()
def serve(
    count: Annotated[int, typer.Option("--questions", metavar="N", min=1, help="How many of the bundled questions are asked.")] = 30,
    json: JsonOption = False,
) -> None:
    """What passel serve adds to asking an agent, and how soon its first event comes."""
    from ..bench.serve import run

    _measure(lambda _: run(count), terminal.working("asking, in turns an agent and a server"), _show_serve, json=json)


def _measure(run: Callable[[Any], _Row], during: AbstractContextManager[Any], show: Callable[[_Row], None], *, json: bool) -> None:
    """`during` shows on stderr that it takes its time; `run` is given what it yields."""
    if json:
        with terminal.json_alone(lambda line: {"error": line}) as emit, during as tell:
            emit(asdict(run(tell)))
        return
    with during as tell:
        row = run(tell)
    show(row)


def _numbers(sizes: str) -> list[int]:
    try:
        return [int(size) for size in sizes.split(",") if size]
    except ValueError:
        raise UsageError(f"--sizes: {sizes!r} are no numbers", "Write them as --sizes 5000,20000") from None


def _show_encode(row: EncodeBench) -> None:
    terminal.say(f"encode: {row.ratio:.2f} × the speed of {row.peer} ({row.passages:,} passages, median of {row.rounds} rounds)")
    terminal.say(f"  passel  {row.ours_per_second:8,.0f} passages/s")
    terminal.say(f"  peer    {row.peer_per_second:8,.0f} passages/s")
    terminal.say(f"  smallest cosine between the two vectors of a passage: {row.min_cosine:.5f}")


def _show_rerank(row: RerankBench) -> None:
    lists = f"{row.candidates} candidates a list, {row.pairs:.0f} pairs, window {row.window}, {row.dtype}"
    terminal.say(f"rerank: {row.ratio:.2f} × the speed of {row.peer} ({lists})")
    terminal.say(f"  passel  {row.ours_per_second:8,.0f} pairs/s")
    terminal.say(f"  peer    {row.peer_per_second:8,.0f} pairs/s")
    terminal.say(f"  one list: pair model {row.pair_ms:.0f} ms, list policy {row.policy_ms:.1f} ms, its choice again in fp32 {row.exact_ms:.0f} ms")
    terminal.say(f"  as in fp32: {row.same_selections:.1%} of {row.lists} selections, {row.same_answers:.1%} of the answers")


def _show_search(row: SearchBench) -> None:
    from rich.table import Table

    terminal.say(f"search: {row.ratio:.2f} × the time of one query of {row.peer}, encoding included ({row.questions} questions, {row.rounds} rounds)")
    terminal.say(f"  passel  {row.parts.whole.p50:7.1f} ms p50 {row.parts.whole.p95:7.1f} ms p95")
    terminal.say(f"  peer    {row.peer_whole.p50:7.1f} ms p50 {row.peer_whole.p95:7.1f} ms p95")
    table = Table("passages", "encode", "dense", "lexical", "link", "whole", "whole p95", box=None, title="ms a question, p50", title_justify="left")
    for column in table.columns:
        column.justify = "right"
    for parts in (row.parts, *row.growth):
        timings = (parts.encode, parts.dense, parts.lexical, parts.link, parts.whole)
        table.add_row(f"{parts.passages:,}", *(f"{timing.p50:.1f}" for timing in timings), f"{parts.whole.p95:.1f}")
    terminal.say(table)


def _show_serve(row: ServeBench) -> None:
    terminal.say(f"serve: {row.overhead_p50:.1f} ms p50 more than Agent.ask ({row.questions} questions, {row.rounds} rounds)")
    terminal.say(f"  Agent.ask    {row.ask_p50:7.1f} ms p50")
    terminal.say(f"  /v1/answer   {row.served_p50:7.1f} ms p50")
    terminal.say(f"  first event  {row.first_event_p50:7.1f} ms p50 {row.first_event_p95:7.1f} ms p95")
