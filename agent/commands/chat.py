"""passel chat: a conversation with memory, on a terminal or through a pipe."""

from __future__ import annotations

import contextlib
import secrets
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ...tools.errors import PasselError
from .. import terminal
from .approving import ApproveOption, asker, read_steps, typed_line
from .ask import follow
from .options import BaseUrlOption, BudgetOption, CorpusOption, FilterOption, ModelOption, RiskOption, asking

if TYPE_CHECKING:
    from ..agent import Agent

_COMMANDS = "/trace on|off  show what happened · /good, /bad [NOTE]  what you think of the last answer · /forget  begin anew · /quit  leave"


def chat(
    corpus: CorpusOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    filter: FilterOption = None,
    thread: Annotated[str | None, typer.Option("--thread", metavar="NAME", help="Go on with this conversation.", show_default="a new one")] = None,
    budget: BudgetOption = None,
    risk: RiskOption = None,
    approve: ApproveOption = None,
) -> None:
    """Talk with a corpus: follow-up questions may point back to what was said."""
    from ...graphs.answer import Answer
    from ..asked import checked_steps

    name = thread or f"chat-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
    steps = checked_steps(read_steps(approve), name)
    with asking(corpus, model, base_url, filter, budget, risk) as (agent, options), _telling_how_to_go_on(corpus, name) as asked:
        _greet(agent, name)
        tracing, failed = False, 0
        answer: Answer | None = None
        for line in _lines():
            if line.strip().lower() in ("/quit", "/exit", "quit", "exit"):
                break
            if line.startswith("/"):
                word, _, rest = line.partition(" ")
                if word == "/trace" and rest.strip() in ("on", "off"):
                    tracing = rest.strip() == "on"
                    terminal.say(f"The trace is {rest.strip()}.")
                elif word in ("/good", "/bad"):
                    if answer is None:
                        terminal.say("There is no answer yet.")
                        continue
                    agent.feedback(answer, good=word == "/good", note=rest.strip())
                    terminal.say(f"Kept as {word.removeprefix('/')}, with the answer and how it came about.")
                elif word == "/forget":
                    agent.forget(name)
                    terminal.say("Forgotten: the next question begins anew.")
                else:
                    terminal.say(_COMMANDS)
                continue
            asked.append(line)
            answer = None
            try:
                events = agent.stream(line, thread=name, approve=steps, **options)
                last = follow(events, trace=tracing, going_on=asker(agent, name, typed_line))
            except PasselError as error:
                terminal.show_error(terminal.in_one_line(error), error.hint)
                failed += 1
            except KeyboardInterrupt:  # stops this answer, not the conversation
                terminal.show_error("stopped this answer")
            else:
                answer = last if isinstance(last, Answer) else None
                if answer is not None and answer.outcome == "failed":
                    terminal.show_failed(answer.error)
                    failed += 1
            terminal.say("")
    if failed and not sys.stdin.isatty():  # a script that pipes questions in should learn of it
        terminal.fail(1)


@contextlib.contextmanager
def _telling_how_to_go_on(corpus: str | None, thread: str) -> Iterator[list[str]]:
    """However the conversation is left, by Ctrl-C too; where nothing was asked there is nothing to go on with."""
    asked: list[str] = []
    try:
        yield asked
    finally:
        if asked:
            chosen = f" --corpus {corpus}" if corpus else ""
            terminal.note(f"To go on: passel chat{chosen} --thread {thread}")


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
