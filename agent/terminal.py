"""What every command shares: readable text on stdout or one JSON value there, everything else on stderr, and text that cannot harm a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from ..tools.errors import FAULT, PasselError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.status import Status

_HARMFUL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What may move the cursor, recolour, retitle or reorder what a terminal shows, and what cannot be encoded. Newline and tab stay."""


_PIPED_WIDTH = 120
"""Of tables where nobody tells how wide the page is."""


def clean(text: str) -> str:
    """Text of documents, models and users, fit to be printed: each harmful character becomes "�"."""
    return _HARMFUL.sub("�", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """`clean`, with every run of white space folded into one space."""
    return clean(" ".join(text.split()))


def consoles() -> tuple[Console, Console]:
    """(stdout, stderr). Nothing that is printed is read as markup; NO_COLOR and streams that are no terminal are respected."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False), Console(stderr=True, markup=False, highlight=False, emoji=False)


def say(text: str | RenderableType, *, error: bool = False) -> None:
    """Prints a text (cleaned) or something rich. Texts are wrapped on a terminal, and left alone where another program may read them."""
    console = consoles()[error]
    if isinstance(text, str):
        console.print(clean(text), soft_wrap=not console.is_terminal)
    else:
        if not console.is_terminal and "COLUMNS" not in os.environ:
            console.width = _PIPED_WIDTH
        console.print(text)


def note(text: str) -> None:
    """Something beside the result: to stderr."""
    say(text, error=True)


@contextlib.contextmanager
def working(text: str) -> Iterator[Callable[[str], None]]:
    """A spinner on stderr while something takes its time; gives the function that changes its text. Silent where stderr is no terminal."""
    console = consoles()[1]
    if not console.is_terminal:
        yield lambda _: None
        return
    status: Status = console.status(one_line(text))
    with status:
        yield lambda text: status.update(one_line(text))


@contextlib.contextmanager
def json_alone(failure: Callable[[str], Any]) -> Iterator[Callable[[Any], None]]:
    """Inside, whatever anything prints goes to stderr. The value that was given to the yielded function is then the only thing on stdout.

    When something is raised, `failure(line)` is printed instead, and the exception goes on.
    """
    values: list[Any] = []
    try:
        with contextlib.redirect_stdout(sys.stderr), _descriptor_one_to_stderr():
            yield values.append
    except (Exception, KeyboardInterrupt) as error:
        print_json(failure(in_one_line(error)))
        raise
    print_json(values[0])


def print_json(value: Any) -> None:
    """One value in one line; a list has a line for each item."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"

    def dumped(each: Any) -> str:
        return re.sub(r"[\ud800-\udfff]", "�", json.dumps(each, ensure_ascii=False)) if utf8 else json.dumps(each)

    text = dumped(value) if not isinstance(value, list) else "[\n" + ",\n".join(map(dumped, value)) + "\n]"
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _descriptor_one_to_stderr() -> Iterator[None]:
    """Libraries in C print past `sys.stdout`."""
    try:
        ours = sys.__stdout__ is not None and sys.__stdout__.fileno() == 1 and sys.stderr.fileno() == 2
    except (OSError, ValueError):  # stdout is no file: a test's or a notebook's
        ours = False
    if not ours:
        yield
        return
    sys.__stdout__.flush()  # type: ignore[union-attr]
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


def in_one_line(error: BaseException) -> str:
    """What to tell a person of an exception."""
    if isinstance(error, PasselError):
        return one_line(str(error))
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, OSError) and error.strerror:
        return one_line(error.strerror + (f": {error.filename}" if error.filename else ""))
    first = str(error).strip().splitlines()[:1]
    return one_line(": ".join([type(error).__name__, *first]))


def show_error(message: str, hint: str = "") -> None:
    """`passel: <message>` on stderr, and the hint below it, indented."""
    note(f"passel: {message}" + (f"\n        {hint}" if hint else ""))


def show_failed(error: str | None) -> None:
    """What a failed run says of itself. A fault's text is in the log, which --debug shows."""
    show_error(error or "the run failed", "Run again with --debug to see what it was." if error and error.startswith(FAULT) else "")


def fail(code: int) -> NoReturn:
    """Ends the command; what was wrong has been said."""
    import typer

    raise typer.Exit(code)
