"""Asking a person: what a run waits for, and what is made of the line that is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ...tools.errors import UsageError
from .. import terminal

if TYPE_CHECKING:
    from ...graphs.decision import Decision
    from ...graphs.events import Event, Waiting
    from ..agent import Agent

ApproveOption = Annotated[
    str | None, typer.Option("--approve", metavar="STEPS", help="Ask me first: look, answer, or look,answer.", show_default=False)
]
Asker = Callable[["Waiting"], "Iterable[Event] | None"]
"""The events with which a run goes on; None where nobody is there to ask."""


def read_steps(text: str | None) -> list[str] | None:
    """"look,answer" as a list; Agent says whether these are steps."""
    return [part.strip() for part in text.split(",") if part.strip()] if text is not None else None


def asker(agent: Agent, thread: str, line: Callable[[], str | None]) -> Asker:
    """line: the next line that a person types, None at the end of input. What cannot be understood is asked again."""

    def ask(waiting: Waiting) -> Iterator[Event] | None:
        show(waiting)
        while True:
            terminal.note(_CHOICE[waiting.step])
            typed = line()
            if typed is None:
                return None
            try:
                return agent.stream_resume(thread, read_decision(typed, waiting))
            except UsageError as error:
                terminal.show_error(terminal.in_one_line(error), error.hint)

    return ask


def typed_line() -> str | None:
    """A line from the terminal, or from a pipe."""
    try:
        return terminal.clean(input())
    except EOFError:
        return None


_CHOICE = {
    "look": "[y]es, [n]o (and why), or [e]dit: e QUERY; QUERY",
    "answer": "[y]es, [n]o (and why), or [e]dit: e NUMBER NUMBER leaves these passages out",
}


def show(waiting: Waiting) -> None:
    """To stderr: what the run wants to do, and why."""
    verdict = waiting.verdict
    why = f"{verdict.why}; answerable {verdict.answerable:.2f}"
    if waiting.step == "look":
        terminal.note(f"It wants to look again: {terminal.one_line(why)}")
        for query in verdict.queries:
            terminal.note(f"  {query.reason.replace('_', '-')}: “{terminal.one_line(query.query)}”")
        return
    count = len(waiting.selected)
    terminal.note(f"It wants to answer from {count} passage{'s' * (count != 1)}: {terminal.one_line(why)}")
    for number, passage in enumerate(waiting.selected, 1):
        terminal.note(f"  {number}. {passage.relevance:.2f} {terminal.one_line(f'{passage.title}: {passage.text}'.removeprefix(': '))[:150]}")


def read_decision(typed: str, waiting: Waiting) -> Decision:
    """What a typed line says to a run that waits. Raises UsageError where that cannot be told, or does not fit.

    "y", "n because …", "e another query; and another" for a look, "e 2 3" for an answer.
    """
    from ...graphs.approve import check

    word, _, rest = typed.strip().partition(" ")
    made = _decision(word.lower(), rest.strip(), waiting)
    check(made, waiting)
    return made


def _decision(word: str, rest: str, waiting: Waiting) -> Decision:
    from pydantic import ValidationError

    from ...graphs.decision import Decision

    if word in ("y", "yes") and not rest:
        return Decision(kind="approve", waiting=waiting.id)
    if word in ("n", "no"):
        return Decision(kind="refuse", why=rest[:400], waiting=waiting.id)
    if word not in ("e", "edit"):
        raise UsageError("that is neither yes, no nor edit")
    if waiting.step == "answer":
        numbers = rest.replace(",", " ").split()
        by_number = {str(number): passage.passage_id for number, passage in enumerate(waiting.selected, 1)}
        if not numbers or not by_number.keys() >= set(numbers):
            raise UsageError("the passages to leave out are not named by their numbers", "Write: e 2 3")
        return Decision(kind="edit", drop=[by_number[number] for number in dict.fromkeys(numbers)], waiting=waiting.id)
    try:
        return Decision(kind="edit", queries=[text for piece in rest.split(";") if (text := piece.strip())], waiting=waiting.id)
    except ValidationError:
        raise UsageError("these are no queries", "Write one to five, up to 400 characters each: e QUERY; QUERY") from None
