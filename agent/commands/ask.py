"""passel ask: one question, one answer with citations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...tools.shorten import shorten
from .. import terminal
from .approving import ApproveOption, Asker, asker, read_steps, typed_line
from .options import BaseUrlOption, BudgetOption, CorpusOption, FilterOption, JsonOption, ModelOption, RiskOption, asking

if TYPE_CHECKING:
    from rich.text import Text

    from ...graphs.answer import Answer, Citation
    from ...graphs.events import Event, Waiting

_DOING = {
    "planned": "searching",
    "searched": "following names",
    "linked": "choosing passages",
    "selected": "judging the evidence",
    "judged": "working on it",
    "decided": "going on",
}
"""What comes after each event, for the spinner."""
_UNSURE = 0.2
"""An answer less probable than this is not shown as if it were like any other."""
_LONGEST_QUOTE = 300
"""In characters; whole quotes are in the JSON."""


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", show_default=False)],
    corpus: CorpusOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    filter: FilterOption = None,
    thread: Annotated[str | None, typer.Option("--thread", metavar="NAME", help="Remember this conversation, or go on with it.")] = None,
    budget: BudgetOption = None,
    risk: RiskOption = None,
    approve: ApproveOption = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show what happened as a tree.")] = False,
    json: JsonOption = False,
) -> None:
    """Answer a question from a corpus, with citations; or say that the corpus does not tell.

    With --approve it asks you on the way, and reads your y, n or e from the terminal or a pipe. Without an answer the run waits: the same command
    goes on with it.
    """

    def answered(*, quiet: bool) -> Answer | Waiting:
        with asking(corpus, model, base_url, filter, budget, risk) as (agent, options):
            events = agent.stream(terminal.clean(question), thread=thread, approve=read_steps(approve), **options)
            return follow(events, trace=trace, quiet=quiet, going_on=asker(agent, thread or "", typed_line))

    if json:
        with terminal.json_alone(lambda line: failed_answer(question, line)) as emit:
            answer = answered(quiet=True)
            emit(answer.model_dump(mode="json"))
    else:
        answer = answered(quiet=False)
    from ...graphs.answer import Answer

    if not isinstance(answer, Answer):
        terminal.note("It waits for your decision: run the same command again to go on.")
    elif answer.outcome == "failed":
        terminal.show_failed(answer.error)
        terminal.fail(1)


def failed_answer(question: str, error: str) -> dict[str, Any]:
    """The published form of a run that never began."""
    from ...graphs.answer import Answer

    return Answer(question=terminal.clean(question), outcome="failed", answer="", error=error).model_dump(mode="json")


def follow(
    events: Iterable[Event], *, trace: bool = False, quiet: bool = False, going_on: Asker | None = None
) -> Answer | Waiting:
    """Shows a run while it goes on: its sentences as they come where stdout is a terminal, else the answer at its end;
    with `trace` the tree, in which the answer stands, instead. A `Waiting` where nobody answered what it waits for.

    quiet: nothing on stdout; the tree goes to stderr.
    """
    from ...graphs.events import Answered, Waiting

    seen: list[Event] = []
    said: list[str] = []
    live = not (quiet or trace) and terminal.consoles()[0].is_terminal
    further: Iterable[Event] | None = events
    while further is not None:
        _listen(iter(further), seen, said, live=live)
        last = seen[-1]
        further = going_on(last) if isinstance(last, Waiting) and going_on is not None else None
    if isinstance(last, Waiting):
        return last
    assert isinstance(last, Answered), "a run ends in Answered"
    if trace:
        from ..trace import trace as tree_of

        terminal.say(tree_of(seen), error=quiet)
    if not quiet:
        show_answer(last.answer, already=trace or " ".join(said) == last.answer.answer)
    return last.answer


def _listen(run: Iterator[Event], seen: list[Event], said: list[str], *, live: bool) -> None:
    """Adds the events to `seen`, and to `said` the sentences that were shown while they came."""
    from ...graphs.events import Sentence

    with terminal.working("planning") as doing:
        for event in run:
            seen.append(event)
            if live and isinstance(event, Sentence):
                break
            doing(_DOING.get(event.type, "writing"))
    if live and isinstance(seen[-1], Sentence):
        said.append(seen[-1].text)
        terminal.say(said[-1])
        for event in run:
            seen.append(event)
            if isinstance(event, Sentence):
                said.append(event.text)
                terminal.say(event.text)


def show_answer(answer: Answer, *, already: bool = False) -> None:
    """The answer and its citations; the citations alone where its text is to be seen `already`."""
    if answer.answer and not already:
        terminal.say(answer.answer)
    if answer.outcome == "partial":
        why = f": {answer.error.rstrip('.')}" if answer.error else ""
        missing = f". Not found: {'; '.join(map(terminal.one_line, answer.missing))}" if answer.missing else ""
        terminal.note(f"(This is a part of the answer{why}{missing})")
    if answer.outcome in ("answered", "partial") and 0.0 < answer.confidence < _UNSURE:  # 0 where nothing was judged
        terminal.say(unsure(answer.confidence))
    if answer.citations:
        terminal.say("")
    for number, citation in enumerate(answer.citations, 1):
        terminal.say(cited(number, citation))


def unsure(confidence: float) -> Text:
    from rich.text import Text

    percent = f"{confidence:.0%}" if confidence >= 0.01 else "less than 1%"
    return Text(f"Unsure: this is right with a probability of {percent}.", style="dim")


def cited(number: int, citation: Citation) -> str:
    """[1] Title (source:start-end) “quote”, a long quote cut at a word."""
    place = f"{citation.source}:{citation.span[0]}-{citation.span[1]}"
    head = f"{citation.title} ({place})" if citation.title else place
    return f"[{number}] {terminal.one_line(head)} “{shorten(terminal.clean(citation.quote), _LONGEST_QUOTE)}”"
