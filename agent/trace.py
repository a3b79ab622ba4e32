"""trace: what happened in a run, as a tree to read: the plan, each round's searches and choice, the verdict, the answer, what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ..graphs.answer import Answer, Verdict
from ..graphs.events import Answered, Decided, Event, Judged, Linked, Planned, Resolved, Searched, Selected, Sentence
from .terminal import clean, one_line

_MOST = 6
"""Titles named in one row."""
_WIDEST = 30
"""Of a title among several."""
_LABEL = "bold cyan"
_QUIET = "dim"


@dataclass
class _Round:
    """What happened between two verdicts."""

    searched: list[Searched] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    selected: Selected | None = None
    resolved: list[Resolved] = field(default_factory=list)
    verdict: Verdict | None = None
    decided: list[Decided] = field(default_factory=list)


def trace(events: Sequence[Event]) -> Tree:
    """The tree of a run, from its events. Of an `Answered` alone it shows what an Answer tells: no rounds, no verdicts.

    Raises ValueError where the events do not end in `Answered`.
    """
    if not events or not isinstance(events[-1], Answered):
        raise ValueError("a trace needs a whole run: its last event is Answered")
    answer = events[-1].answer
    planned = next((event for event in events if isinstance(event, Planned)), None)
    tree = Tree(Text(one_line(answer.question), style="bold"), guide_style=_QUIET)
    _add_plan(tree, answer, planned)
    rounds = list(_rounds(events))
    for number, each in enumerate(rounds, 1):
        _add_round(tree, number, each, answer, last=number == len(rounds))
    if not rounds:
        for query in answer.queries:
            tree.add(_row("search", f"“{query.query}”", query.reason.replace("_", "-")))
        _add_candidates(tree, answer)
        _add_selection(tree, answer)
    _add_answer(tree, answer, [event.text for event in events if isinstance(event, Sentence)])
    tree.add(_row("spent", _spending(answer)))
    return tree


def _rounds(events: Sequence[Event]) -> Iterator[_Round]:
    """A verdict ends a round. One that generate's draft called for, without a new search, is a round of its own."""
    now, begun = _Round(), False
    judged = now
    for event in events:
        match event:
            case Searched():
                now.searched.append(event)
            case Linked():
                now.linked += event.names
            case Selected():
                now.selected = event
            case Resolved():
                now.resolved.append(event)
            case Judged():
                now.verdict = event.verdict
                judged = now
                yield now
                now, begun = _Round(), False
                continue
            case Decided():
                judged.decided.append(event)
                continue
            case _:
                continue
        begun = True
    if begun:  # a run that broke off
        yield now


def _add_plan(tree: Tree, answer: Answer, planned: Planned | None) -> None:
    planners = {"embedded": "by the embedded planner", "chat model": "by the chat model", "caller": "by the caller"}
    who = planners.get(planned.planner, "") if planned else ""
    subs = answer.sub_questions or (planned.sub_questions if planned else [])  # the answer's know what was resolved
    plan = tree.add(_row("plan", f"{len(subs)} sub-questions", who) if subs else _row("plan", "the question as a whole"))
    if planned is not None and one_line(planned.question) != one_line(answer.question):
        plan.add(_row("read as", planned.question))
    if planned is not None and planned.note:
        plan.add(_row("note", planned.note))
    for sub in subs:
        after = f"after {', '.join(f'#{n}' for n in sub.depends_on)}" if sub.depends_on else ""
        plan.add(_row(f"#{sub.id}", sub.question + (f" → {sub.answer}" if sub.answer else ""), after, width=2))


def _add_round(tree: Tree, number: int, each: _Round, answer: Answer, *, last: bool) -> None:
    branch = tree.add(Text(f"round {number}", style=_LABEL))
    for event in each.searched:
        why = event.query.reason.replace("_", "-") + (f" #{event.query.sub_question}" if event.query.sub_question is not None else "")
        branch.add(_row("search", f"“{event.query.query}”", f"{why}, {event.found} found"))
    if each.linked:
        branch.add(_row("link", _first(each.linked), f"{len(each.linked)} named"))
    if last:
        _add_candidates(branch, answer)
        if each.selected is not None:
            _add_selection(branch, answer)
    elif each.selected is not None:
        chosen = each.selected
        titles = _first([passage.title or passage.text for passage in chosen.selected]) or "nothing"
        branch.add(_row("select", titles, f"{len(chosen.selected)} of {chosen.candidates}, {chosen.tokens} tokens; {chosen.stop_reason}"))
    for resolved in each.resolved:
        sub = resolved.sub_question
        branch.add(_row("resolve", f"#{sub.id} {sub.question} → {sub.answer or 'not found'}"))
    if each.verdict is not None:
        _add_verdict(branch, each.verdict)
    for decided in each.decided:
        branch.add(_row("person", _said(decided)))


def _said(decided: Decided) -> str:
    decision = decided.decision
    if decision.queries:
        return f"wants other queries: {'; '.join(f'“{query}”' for query in decision.queries)}"
    if decision.drop:
        return f"leaves out {len(decision.drop)} passage{'s' * (len(decision.drop) != 1)}"
    return ("approves" if decision.kind == "approve" else "refuses") + (f": {decision.why}" if decision.why else "")


def _add_verdict(branch: Tree, verdict: Verdict) -> None:
    kind = {"answer": "answer", "look": "look again", "abstain": "abstain"}[verdict.kind]
    node = branch.add(_row("judge", f"{kind}: {verdict.why}", f"answerable {verdict.answerable:.2f}" if verdict.answerable else ""))
    for query in verdict.queries:
        node.add(_row(query.reason.replace("_", "-"), f"“{query.query}”", width=8))
    if verdict.missing:
        node.add(_row("missing", ", ".join(verdict.missing), width=8))


def _add_candidates(branch: Tree, answer: Answer) -> None:
    channels = sorted({channel for candidate in answer.candidates for channel in candidate.channels})
    node = branch.add(_row("found", f"{len(answer.candidates)} candidates"))
    for channel in channels:
        titles = [candidate.title or candidate.text for candidate in answer.candidates if channel in candidate.channels]
        node.add(_row(channel, f"{len(titles)}: {_first(titles, count=False)}", whole=False))


def _add_selection(branch: Tree, answer: Answer) -> None:
    how_many = f"{len(answer.selected)} of {len(answer.candidates)} passages, {answer.usage.evidence_tokens} tokens"
    node = branch.add(_row("select", how_many, f"stopped: {answer.stop_reason}" if answer.stop_reason else ""))
    for number, passage in enumerate(answer.selected, 1):
        row = Text(no_wrap=True, overflow="ellipsis")
        row.append(f"{number}. ").append(f"{passage.relevance:.2f}  ", style="green")
        row.append(f"{one_line(passage.title)}: " if passage.title else "", style="bold").append(one_line(passage.text[:200]), style=_QUIET)
        node.add(row)


def _add_answer(tree: Tree, answer: Answer, sentences: Sequence[str]) -> None:
    confidence = f"confidence {answer.confidence:.2f}" if answer.outcome in ("answered", "partial") else ""
    node = tree.add(_row("answer", answer.outcome.replace("_", " "), confidence))
    whole = " ".join(sentences) == answer.answer  # else verify took something out
    for text in sentences if whole else [answer.answer]:
        if text:
            node.add(Text(clean(text)))
    if answer.error:
        node.add(_row("error", answer.error))


def _spending(answer: Answer) -> str:
    usage = answer.usage
    parts = [f"{usage.searches} search{'es' * (usage.searches != 1)}"]
    if usage.calls:
        parts.append(f"{usage.calls} call{'s' * (usage.calls != 1)} ({usage.tokens_in:,} tokens in, {usage.tokens_out:,} out, {usage.seconds:.1f} s)")
    else:
        parts.append("no call of a chat model")
    if usage.pairs:
        parts.append(f"{usage.pairs:,} pairs")
    return f"{', '.join(parts)}; {answer.latency_ms / 1000:.2f} s in all"


def _first(names: Sequence[str], *, count: bool = True) -> str:
    """The first few different ones, shortened, and (`count`) how many more."""
    distinct = list(dict.fromkeys(one_line(name) for name in names))
    shown = [name if len(name) <= _WIDEST else name[: _WIDEST - 1] + "…" for name in distinct[:_MOST]]
    more = len(distinct) - len(shown)
    return ", ".join(shown) + ("" if more <= 0 else f" … and {more} more" if count else ", …")


def _row(label: str, text: str, aside: str = "", *, width: int = 7, whole: bool = True) -> RenderableType:
    """A label, and a text beside it that stays beside it where it takes several lines, or is cut at the first where it need not be `whole`."""
    row = Text(one_line(text), no_wrap=not whole, overflow="fold" if whole else "ellipsis")
    if aside:
        row.append(f"  ({one_line(aside)})", style=_QUIET)
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_column(min_width=width, no_wrap=True, style=_LABEL)
    grid.add_column()
    grid.add_row(label, row)
    return grid
