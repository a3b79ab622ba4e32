"""passel chat: a conversation with memory, on a terminal or through a pipe."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ...tools.errors import PasselError
from .. import terminal
from .ask import follow
from .options import BaseUrlOption, BudgetOption, CorpusOption, FilterOption, ModelOption, asking

if TYPE_CHECKING:
    from ..agent import Agent

_COMMANDS = "/trace on|off  show what happened · /forget  begin anew · /quit  leave"


def chat(
    corpus: CorpusOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    filter: FilterOption = None,
    thread: Annotated[str | None, typer.Option("--thread", metavar="NAME", help="Go on with this conversation.", show_default="a new one")] = None,
    budget: BudgetOption = None,
) -> None:
    """Talk with a corpus: follow-up questions may point back to what was said."""
    name = thread or f"chat-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    with asking(corpus, model, base_url, filter, budget) as (agent, options):
        _greet(agent, name)
        tracing, asked, failed = False, 0, 0
        for line in _lines():
            if line.strip().lower() in ("/quit", "/exit", "quit", "exit"):
                break
            if line.startswith("/"):
                word, _, rest = line.partition(" ")
                if word == "/trace" and rest.strip() in ("on", "off"):
                    tracing = rest.strip() == "on"
                    terminal.say(f"The trace is {rest.strip()}.")
                elif word == "/forget":
                    agent.forget(name)
                    terminal.say("Forgotten: the next question begins anew.")
                else:
                    terminal.say(_COMMANDS)
                continue
            asked += 1
            try:
                answer = follow(agent.stream(line, thread=name, **options), trace=tracing)
            except PasselError as error:
                terminal.show_error(terminal.in_one_line(error), error.hint)
                failed += 1
            except KeyboardInterrupt:  # stops this answer, not the conversation
                terminal.show_error("stopped this answer")
            else:
                if answer.outcome == "failed":
                    terminal.show_error(answer.error or "the run failed")
                    failed += 1
            terminal.say("")
    if asked:
        chosen = f" --corpus {corpus}" if corpus else ""
        terminal.note(f"To go on: passel chat{chosen} --thread {name}")
    if failed and not sys.stdin.isatty():  # a script that pipes questions in should learn of it
        terminal.fail(1)


def _greet(agent: Agent, thread: str) -> None:
    info = agent.corpus.info()
    terminal.note(f"{info.name}: {info.passages:,} passages of {info.documents:,} documents.\n{_COMMANDS}")
    turns = agent.turns(thread)
    if turns:
        earlier = f"{len(turns)} earlier question{'s' * (len(turns) != 1)}"
        terminal.note("\n  ".join([f"This conversation has {earlier}; the last:", *map(terminal.one_line, turns[-1])]))


def _lines() -> Iterator[str]:
    """What the user says, without empty lines. From a pipe, each line is repeated on stdout, so that the conversation can be read there."""
    if not sys.stdin.isatty():
        for line in sys.stdin:
            if text := terminal.clean(line).strip():
                terminal.say(f"> {text}")
                yield text
        return
    import contextlib

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (arrow keys and history for input())
    while True:
        try:
            text = terminal.clean(input("> ")).strip()
        except EOFError:
            terminal.say("")
            return
        if text:
            yield text
