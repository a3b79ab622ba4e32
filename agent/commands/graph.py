"""passel graph: the state machine, drawn from the compiled graph itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ...tools.errors import PasselError, UsageError
from .. import terminal

WHEN = {
    ("plan", "search"): "each ready query",
    ("plan", "judge"): "nothing ready",
    ("judge", "search"): "look again",
    ("judge", "approve"): "a person is asked first",
    ("judge", "generate"): "answer",
    ("judge", "abstain"): "abstain",
    ("approve", "search"): "look again",
    ("approve", "judge"): "passages left out",
    ("approve", "generate"): "answer",
    ("approve", "abstain"): "refused",
    ("verify", "judge"): "a gap, the first time",
    ("verify", "abstain"): "nothing left",
    ("verify", "__end__"): "supported",
}
"""When the graph goes which way at a fork; the graph itself only knows the ways."""

_VIEWERS = "Mermaid text is drawn by GitHub, GitLab and VS Code, and as a PNG by https://mermaid.live or mmdc (mermaid-cli)."


def graph(
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE.mmd", help="Write it to a file, not to stdout.")] = None,
) -> None:
    """Draw the state machine as Mermaid text."""
    if output is not None and output.suffix not in (".mmd", ".mermaid"):
        raise UsageError(f"cannot draw {output.name}: what is drawn is Mermaid text, FILE.mmd", _VIEWERS)
    text = mermaid()
    if output is None:
        typer.echo(text)  # never wrapped
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise PasselError(f"cannot write {output}: {error.strerror}") from None
    terminal.note(f"Wrote {output}. {_VIEWERS}")


def mermaid() -> str:
    """The compiled graph's nodes and edges; dotted where the run decides between several."""
    from ...graphs.rag import build_graph

    drawn = build_graph().compile().get_graph()
    order = list(drawn.nodes)
    lines = ["flowchart LR"]
    for name in order:
        lines.append(f"    {name}([{name.strip('_').upper()}])" if name.startswith("__") else f"    {name}[{name}]")
    for edge in sorted(drawn.edges, key=lambda edge: (order.index(edge.source), order.index(edge.target))):
        when = WHEN.get((edge.source, edge.target))
        arrow = (f"-. {when} .->" if when else "-.->") if edge.conditional else "-->"
        lines.append(f"    {edge.source} {arrow} {edge.target}")
    return "\n".join(lines)
