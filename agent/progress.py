"""Progress of long work, on stderr: a bar with an estimate of the time left on a terminal, a few lines elsewhere."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from . import terminal

Tell = Callable[[str, int, int], None]
"""(what is being done, how much is done, of how much; 0 where that is not known)"""


@contextlib.contextmanager
def shown() -> Iterator[Tell]:
    console = terminal.consoles()[1]
    if not console.is_terminal:
        yield _Lines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    phase, eta = (TextColumn(text, markup=False) for text in ("{task.description}", "eta"))
    with Progress(phase, BarColumn(), MofNCompleteColumn(), eta, TimeRemainingColumn(), console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=None)
            bars.update(tasks[what], completed=done, total=total or None)

        yield tell


class _Lines:
    """A line when a phase begins and at each further quarter of it."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        quarter = 4 * done // total if total else 0
        if quarter > self._said.get(what, -1):
            self._said[what] = quarter
            terminal.note(f"{what} {done:,}" + (f" of {total:,}" if total else ""))
