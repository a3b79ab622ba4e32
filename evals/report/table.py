"""A Result on a terminal: the headline figures, each table at the width there is, counts, latency, notes.

A table too wide for its place is first written with shorter intervals, then cut between columns into blocks that each repeat the labels: no cell is
ever broken. Nothing that comes from data is read as markup, and what could move a cursor or reorder a line is shown as "�".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from ..result import Estimate, Result, Row, Table
from .cells import cell, clean, data_sets, duration, figure, heading, interval, name, places, title, written

_OURS = "▸ "
_QUIET = "dim"
_LABEL = "bold cyan"
_WIDEST = 32
"""Of the labels' column; longer ones take several lines."""
_TOLD = ("experiment", "data")
"""Settings that the heading tells."""
_LONGEST_SETTING = 40
"""Longer ones (the command) are left to --json and the page."""
_GAP = 2
"""Between columns."""


def tables(result: Result) -> list[RenderableType]:
    """What to print, in order. Widths are chosen when it is printed: from 60 columns on it reads well, best at 100 to 120."""
    parts: list[RenderableType] = [_heading(result)]
    if result.metrics:
        parts.append(_metrics(result))
    parts += [_Sheet(table) for table in result.tables]
    if result.counts:
        styles = {what: "bold red" for what in ("failed", "malformed", "missing") if result.counts.get(what)}
        parts.append(_line("counts", [(f"{count:,} {name(what)}", styles.get(what, "")) for what, count in result.counts.items()]))
    if result.latency:
        parts.append(_line("latency", [(f"{name(what)} {duration(value)}", "") for what, value in result.latency.items()]))
    parts += [_line("note", [(note, "")]) for note in result.notes]
    is_line = [isinstance(part, Grid) for part in parts]
    return [Padding(part, (1 if i and not (is_line[i] and is_line[i - 1]) else 0, 0, 0, 0)) for i, part in enumerate(parts)]


def _text(text: str, style: str = "") -> Text:
    return Text(clean(text), style=style)


def _heading(result: Result) -> RenderableType:
    settings = {key: written(value) for key, value in result.settings.items() if isinstance(value, str | int | float) and key not in _TOLD}
    about = " · ".join(f"{name(key)} {value}" for key, value in settings.items() if len(value) <= _LONGEST_SETTING)
    head = _text(heading(result.experiment, result.settings) if len(data_sets(result.settings)) < 4 else title(result.experiment), "bold")
    return Text("\n").join([head, _text(about, _QUIET)] if about else [head])


def _line(label: str, parts: Sequence[tuple[str, str]]) -> RenderableType:
    """A label, and what belongs to it beside it."""
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=7, no_wrap=True, style=_LABEL)
    grid.add_column(overflow="fold")
    grid.add_row(label, Text(" · ", style=_QUIET).join(_text(*part) for part in parts))
    return grid


MOST_METRICS = 12
"""Shown above the tables, the first; `--json` has all."""


def _metrics(result: Result) -> RenderableType:
    grid = Grid(box=None, show_header=False, padding=(0, _GAP, 0, 0), pad_edge=False)
    grid.add_column(style=_LABEL, overflow="fold")
    grid.add_column(justify="right", no_wrap=True, style="bold")
    grid.add_column(no_wrap=True, style=_QUIET)
    for i, (what, estimate) in enumerate(islice(result.metrics.items(), MOST_METRICS)):
        decimals = places([estimate])
        grid.add_row(_text(name(what)), figure(estimate.value, decimals), interval(estimate, decimals) + ("  95% interval" if i == 0 else ""))
    return grid


@dataclass(frozen=True)
class _Sheet:
    """A table that is laid out when its width is known."""

    table: Table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        labels = [_label(row) for row in self.table.rows]
        widest = min(_WIDEST, max((label.cell_len for label in labels), default=0))
        columns = [_Column.of(self.table, i, written_interval) for i in range(len(self.table.columns)) for written_interval in (interval, _short)]
        full, short = columns[::2], columns[1::2]
        room = options.max_width - widest
        layouts = [(form, _blocks([column.width + _GAP for column in form], room)) for form in (full, short)]
        form, blocks = min(layouts, key=lambda layout: len(layout[1]))  # the first, full one where both take as many
        if self.table.title:
            yield _text(self.table.title, "bold")
        for block in blocks:
            grid = Grid(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0), header_style=_QUIET)
            grid.add_column("", width=widest, overflow="fold")
            for i in block:
                grid.add_column(form[i].name, justify="left" if form[i].words else "right", width=min(form[i].width, room - _GAP), overflow="fold")
            for at, (row, label) in enumerate(zip(self.table.rows, labels, strict=True)):
                grid.add_row(label, *(form[i].cells[at] for i in block), style="bold" if row.ours else "")
            yield grid
        if self.table.note:
            yield _text(self.table.note, _QUIET)


@dataclass(frozen=True)
class _Column:
    name: Text
    cells: tuple[Text, ...]
    width: int
    words: bool
    """It holds words rather than figures."""

    @classmethod
    def of(cls, table: Table, i: int, written_interval: Callable[[Estimate, int], str]) -> _Column:
        """Its values stand below each other, and so do its intervals."""
        cells = [row.cells[i] for row in table.rows]
        decimals = places(cells)
        values = [clean(cell(each, decimals)) for each in cells]
        intervals = [written_interval(each, decimals) if isinstance(each, Estimate) else "" for each in cells]
        words = not any(isinstance(each, Estimate | float | int) for each in cells)
        value_width, interval_width = max(map(len, values), default=0), max(map(len, intervals), default=0)
        texts = []
        for value, between in zip(values, intervals, strict=True):
            text = Text(value if words else value.rjust(value_width))
            texts.append(text.append(f" {between.ljust(interval_width)}", style=_QUIET) if interval_width else text)
        head = _text(name(table.columns[i]))
        longest_word = max((len(word) for word in head.plain.split()), default=0)
        return cls(head, tuple(texts), max([longest_word, *(text.cell_len for text in texts)]), words)


def _label(row: Row) -> Text:
    text = Text(_OURS if row.ours else "  ", style=_LABEL if row.ours else "").append(clean(row.label))
    return text.append(" (best)", style="green") if row.best else text


def _short(estimate: Estimate, decimals: int) -> str:
    """".702–.758"; "-.031 to .007" where a dash could be read as a minus; tokens and milliseconds without decimals."""
    low, high = (re.sub(r"^(-?)0\.", r"\1.", figure(bound, 0 if decimals < 3 else decimals)) for bound in (estimate.low, estimate.high))
    return f"{low} to {high}" if low.startswith("-") else f"{low}–{high}"


def _blocks(widths: Sequence[int], room: int) -> list[list[int]]:
    """The columns in as few blocks as hold them in order, each at most `room` wide (one column alone may be wider)."""
    blocks: list[list[int]] = [[]]
    used = 0
    for i, width in enumerate(widths):
        if blocks[-1] and used + width > room:
            blocks.append([])
            used = 0
        blocks[-1].append(i)
        used += width
    return blocks
