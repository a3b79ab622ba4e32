"""An answer as text for another agent's eyes: what was found, why it is no more than that, and the sources. Passages' internal ids stay out of it."""

from __future__ import annotations

from ..graphs.answer import Answer


def readable(answer: Answer) -> str:
    """The answer with its numbered sources; of an evidence-only run the selected passages."""
    parts = [answer.answer]
    if answer.outcome == "failed":
        parts = [f"The question could not be answered: {answer.error or 'the run failed'}"]
    elif answer.outcome == "partial" and answer.answer:
        why = f": {answer.error.rstrip('.')}" if answer.error else ""
        missing = f" Not found: {_line('; '.join(answer.missing))}" if answer.missing else ""
        parts.append(f"(This is a part of the answer{why}.{missing})")
    if answer.citations:
        lines = [
            f"[{number}] {_head(citation.title, citation.source, citation.span)}: “{_line(citation.quote)}”"
            for number, citation in enumerate(answer.citations, 1)
        ]
        parts.append("\n".join(["Sources:", *lines]))
    elif answer.outcome == "partial":
        parts.append(listed([(passage.title, passage.text) for passage in answer.selected]))
    return "\n\n".join(part for part in parts if part)


def listed(passages: list[tuple[str, str]]) -> str:
    """Passages, (title, text), numbered in their order."""
    if not passages:
        return "No passage seems to help."
    heads = [f"{_line(title)}\n" if title else "" for title, _ in passages]
    return "\n\n".join(f"[{number}] {head}{text.strip()}" for number, (head, (_, text)) in enumerate(zip(heads, passages, strict=True), 1))


def _head(title: str, source: str, span: tuple[int, int]) -> str:
    place = f"{source}, characters {span[0]}-{span[1]}"
    return f"{_line(title)} ({place})" if title else place


def _line(text: str) -> str:
    return " ".join(text.split())
