"""README's tables of results: computed from the kept runs (results.py) by the code that summarized them, written between two marks.

Nothing in them is typed by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...tools.encoder import Encoder
from ...tools.errors import UsageError
from ..experiments import abstain, qa, reading, rerank, retrieval, selection
from ..result import Cell, Estimate, Result
from ..setup import Setup
from .results import SUFFIX, Kept, load, unusual

BEGIN, END = "<!-- results: written by `passel eval report --write README.md` -->", "<!-- end of results -->"
SHIPPED = Path(__file__).parents[1] / "results"
_TITLES = {
    "retrieval": "Retrieval: is all the evidence among the candidates?",
    "selection": "Selection: which candidates are chosen?",
    "qa": "Answers, end to end",
    "reading": "The reader alone",
    "abstain": "Knowing when the evidence is not there",
    "rerank": "Reranking",
}
_SUMMARIZE: dict[str, Callable[[Setup, Kept], Result]] = {
    "retrieval": lambda setup, kept: retrieval.summarize(setup, kept.lines),
    "selection": lambda setup, kept: selection.summarize(setup, kept.lines)[0],
    "qa": lambda setup, kept: qa.summarize(setup, kept.lines),
    "reading": lambda setup, kept: reading.summarize(setup, kept.lines),
    "abstain": lambda setup, kept: abstain.summarize(setup, kept.lines),
    "rerank": lambda setup, kept: rerank.summarize(kept.lines, setup.settings, missing=kept.counts["missing"]),
}


def results(folder: Path = SHIPPED) -> list[Result]:
    """All kept runs of a folder, summarized anew. Raises UsageError where there is none."""
    files = sorted(folder.glob(f"*{SUFFIX}"))
    if not files:
        raise UsageError(f"there are no kept runs in {folder}", "Make some: passel eval … --results DIR")
    kept = [(file, load(file)) for file in files]
    if strange := [file for file, run in kept if run.experiment not in _SUMMARIZE]:
        hint = "An experiment of your own needs a line in evals/report/readme.py; else move the file away."
        raise UsageError(f"{strange[0]} is of an experiment that has no table here", hint)
    return [_summarized(run) for _, run in kept]


def _summarized(kept: Kept) -> Result:
    left_out, unlabelled = (kept.counts.get(name, 0) for name in ("left out", "without labels to drop"))
    setup = Setup(kept.questions, kept.settings["setting"], {}, kept.settings, Encoder.load(), left_out, unlabelled)
    result = _SUMMARIZE[kept.experiment](setup, kept)
    result.latency = dict(kept.latency)
    return result


def markdown(found: Sequence[Result]) -> str:
    """A table for each experiment, and below it the command, date and commit of each run."""
    parts = []
    for experiment, title in _TITLES.items():
        of_this = [result for result in found if result.experiment == experiment]
        if of_this:
            parts.append(f"**{title}**\n\n{_table(of_this)}\n\n{_made(of_this)}")
    return "\n\n".join(parts)


def _table(found: Sequence[Result]) -> str:
    columns = list(dict.fromkeys(column for result in found for column in result.headline))
    head = ["data", "questions", *columns]
    rows = [[_name(result), str(result.counts["questions"]), *(_cell(result.headline.get(column)) for column in columns)] for result in found]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _name(result: Result) -> str:
    names = ", ".join(str(data["name"]) for data in result.settings["data"])
    parts = [str(result.settings["setting"])] if "reranker" not in result.settings else [f"reranker {result.settings['reranker']}"]
    if mixed := result.settings.get("mixed"):
        parts.append(f"mixed, {mixed}")
    parts += [name for name in ("decomposed", "condensed") if result.settings.get(name)]
    if drop := result.settings.get("drop_gold"):
        parts.append(f"{drop} gold dropped in {float(result.settings['rate']):.0%}")
    parts += unusual(result.settings)
    return f"{names} ({'; '.join(parts)})"


def _made(found: Sequence[Result]) -> str:
    lines = [f"- `{result.settings['command']}`: {_when(result.settings)}" for result in found]
    return "\n".join(["<details><summary>Commands; intervals are bootstrap 95%</summary>", "", *lines, "", "</details>"])


def _when(settings: Mapping[str, Any]) -> str:
    """What was not run in a checkout has no commit."""
    return f"{settings.get('date')} at commit {settings['commit']}" if settings.get("commit") else str(settings.get("date"))


def _cell(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, Estimate):
        digits = 0 if abs(cell.value) >= 100 else 1 if abs(cell.value) >= 10 else 3
        return f"{cell.value:,.{digits}f} ({cell.low:,.{digits}f} to {cell.high:,.{digits}f})"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def write_into(file: Path, text: str) -> None:
    """Puts the text between the marks. Raises UsageError where they are missing."""
    whole = file.read_bytes().decode("utf-8")
    if END not in whole.partition(BEGIN)[2]:
        raise UsageError(f"{file} has no place for the results", f"Put these two lines where they belong: {BEGIN} and {END}")
    made = re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: f"{BEGIN}\n\n{text}\n\n{END}", whole, count=1, flags=re.DOTALL)
    file.write_bytes(made.encode("utf-8"))
