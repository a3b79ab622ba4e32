"""A Result as one page that needs nothing else: figures, curves, tables, and every question to look into.

What does not change is written here, so that it reads and prints without the script; the questions stand in the page as JSON, and `page.js` shows
those that are asked for. Each passage is embedded once. The page's policy forbids it to load anything, and to run any script but ours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from itertools import islice
from statistics import median
from string import Template
from typing import Any

from ..question import DataPassage
from ..result import Cell, Estimate, Result, Row, Table
from .cells import cell, duration, escaped, heading, name, places, title, written
from .figure import figure

_CUTS = range(400, 59, -20)
"""Characters kept of a passage that is neither chosen nor evidence: the most with which all texts stay within `_ROOM`, or the least."""
_ROOM = 4_000_000
"""Bytes."""
_LARGE = 5
"""Headline figures that are set large."""
_TELLING = 0.1
"""Intervals are drawn in a table where the median one spans this share of its column's range: narrower ones would be dots that repeat the numbers."""
_FIGURE = ' class="figure"'

MOST_METRICS = 12
"""Headline figures in all, the first."""

_Key = tuple[str, str]
"""Title and text of a passage."""


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question as the page shows it: its line of the predictions, and what is known of it."""

    line: Mapping[str, Any]
    """`Answer` as JSON, with the extra keys of a predictions file where it has them (dataset, variant, gold_answerable, scores, tokens)."""
    gold: frozenset[str] | None
    """Sources of its evidence, of what is known by title those that were found; None: unknown."""
    golds: int | None = None
    """How much evidence there is in all."""
    absent: tuple[tuple[str, str], ...] = ()
    """(title, text) of the evidence that is not among the candidates."""
    answers: tuple[str, ...] = ()
    type: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    """In [0, 1], 1 is best. By the first one a question is right (1), partly right or wrong (0) until the reader chooses another."""


def page(result: Result, questions: Sequence[QuestionView]) -> str:
    """The whole page: one text, the same for the same arguments, to be written as UTF-8."""
    style, script = _part("page.css"), _part("page.js")
    return Template(_part("page.html")).substitute(
        title=escaped(heading(result.experiment, result.settings)),
        policy=f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; img-src data:; base-uri 'none'; form-action 'none'",
        style=style,
        about=_about(result),
        headline=_headline(result.metrics),
        cost=_cost(result),
        notes=f'<ul class="notes">{"".join(f"<li>{escaped(note)}</li>" for note in result.notes)}</ul>' if result.notes else "",
        curves=_section("curves", "Curves", "".join(figure(curve, i) for i, curve in enumerate(result.curves, 1)), "figures"),
        tables=_section("tables", "Tables", "".join(_table(table, i) for i, table in enumerate(result.tables, 1))),
        settings=_settings(result.settings),
        data=_embedded(_data(questions)),
        script=script,
    )


def _part(file: str) -> str:
    return resources.files(__package__).joinpath(file).read_text("utf-8")


def _digest(inline: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()}'"


def _about(result: Result) -> str:
    """One line: how much was measured, in which setting, when, with what."""
    asked = result.counts.get("questions")
    said = {key: result.settings.get(key) for key in ("setting", "date", "commit")}
    parts = [f"{asked:,} questions" if asked is not None else "", f"{said['setting']} setting" if said["setting"] else "", str(said["date"] or "")]
    parts = [escaped(part) for part in parts if part]
    if said["commit"]:
        parts.append(f"commit <code>{escaped(str(said['commit'])[:12])}</code>")
    return '<span aria-hidden="true"> · </span>'.join(f"<span>{part}</span>" for part in parts)


def _headline(metrics: Mapping[str, Estimate]) -> str:
    parts = []
    for i, (key, estimate) in enumerate(islice(metrics.items(), MOST_METRICS)):
        decimals = places([estimate])
        low, high = (_minus(cell(bound, decimals)) for bound in (estimate.low, estimate.high))
        parts.append(
            f'<div class="{"large" if i < _LARGE else "small"}"><dt>{escaped(title(key))}</dt>'
            f'<dd class="value">{_minus(cell(estimate, decimals))}</dd>'
            f'<dd class="between">{_whisker(estimate)}<span>95% interval <b>{low} to {high}</b></span></dd></div>'
        )
    return f'<dl class="headline">{"".join(parts)}</dl>' if parts else ""


def _whisker(estimate: Estimate) -> str:
    """The interval on a line from 0 to 1, or around what is no share to the next round number."""
    most = max(abs(estimate.low), abs(estimate.high), abs(estimate.value))
    end = 1.0 if most <= 1 else next(factor * 10.0**power for power in range(300) for factor in (1, 2, 5) if factor * 10.0**power >= most)
    start = -end if estimate.low < 0 else 0.0
    value, low, high = (6 + (each - start) / (end - start) * 168 for each in (estimate.value, estimate.low, estimate.high))
    return (
        '<svg class="whisker" viewBox="0 0 180 24" aria-hidden="true"><path class="base" d="M6 8H174M6 5v6M174 5v6"/>'
        f'<path class="between" d="M{low:.1f} 8H{max(high, low + 0.5):.1f}"/><path class="value" d="M{value:.1f} 1v14"/>'
        f'<text x="6" y="23">{_end(start)}</text><text x="174" y="23" text-anchor="end">{_end(end)}</text></svg>'
    )


def _end(value: float) -> str:
    return _minus(f"{value:,.0f}")


def _cost(result: Result) -> str:
    bad = {what for what in ("failed", "malformed", "missing") if result.counts.get(what)}
    styles = {what: ' class="bad"' if what in bad else "" for what in result.counts}
    parts = [f"<span{styles[what]}><b>{count:,}</b> {escaped(name(what))}</span>" for what, count in result.counts.items()]
    taken = [f"<span>{escaped(name(what))} <b>{duration(value)}</b></span>" for what, value in result.latency.items()]
    lines = {"Counts": parts, "Latency": taken}
    return "".join(f'<p class="cost"><span class="what">{what}</span>{"".join(line)}</p>' for what, line in lines.items() if line)


def _section(key: str, head: str, body: str, style: str = "") -> str:
    if not body:
        return ""
    title_ = f'<h2 id="head-{key}">{head}</h2>'
    return f'<section id="section-{key}" aria-labelledby="head-{key}">{title_}<div class="{style or key}">{body}</div></section>'


def _table(table: Table, number: int) -> str:
    columns = [[row.cells[i] for row in table.rows] for i in range(len(table.columns))]
    decimals = [places(cells) for cells in columns]
    ranges = _ranges(columns)
    is_words = [not any(isinstance(each, Estimate | float | int) for each in cells) for cells in columns]
    names = zip(table.columns, is_words, strict=True)
    head = "".join(f'<th scope="col"{"" if words else _FIGURE}>{escaped(name(column))}</th>' for column, words in names)
    rows = "".join(
        f'<tr{_row_class(row)}><th scope="row">{escaped(row.label)}{_tags(row)}</th>'
        + "".join(_cell(each, places_, range_, words) for each, places_, range_, words in zip(row.cells, decimals, ranges, is_words, strict=True))
        + "</tr>"
        for row in table.rows
    )
    note = f'<p class="note">{escaped(table.note)}</p>' if table.note else ""
    return (
        f'<div class="sheet"><h3 id="table-{number}">{escaped(table.title)}</h3>'
        f'<div class="scroll" tabindex="0" role="region" aria-labelledby="table-{number}"><table class="sortable"><thead><tr>'
        f'<th scope="col"><span class="unseen">row</span></th>{head}</tr></thead><tbody>{rows}</tbody></table></div>{note}</div>'
    )


def _row_class(row: Row) -> str:
    names = " ".join(style for style, there in (("ours", row.ours), ("best", row.best)) if there)
    return f' class="{names}"' if names else ""


def _tags(row: Row) -> str:
    return (' <span class="tag ours">ours</span>' if row.ours else "") + (' <span class="tag">best</span>' if row.best else "")


def _ranges(columns: Sequence[Sequence[Cell]]) -> list[tuple[float, float] | None]:
    """Of each column, from the least to the greatest that its intervals reach; None where there is nothing to compare, or nothing to be seen."""
    ranges: list[tuple[float, float] | None] = []
    shares = []
    for cells in columns:
        estimates = [each for each in cells if isinstance(each, Estimate)]
        low, high = min((each.low for each in estimates), default=0.0), max((each.high for each in estimates), default=0.0)
        compared = len(estimates) > 1 and high > low
        ranges.append((low, high) if compared else None)
        shares += [(each.high - each.low) / (high - low) for each in estimates if compared]
    return ranges if shares and median(shares) >= _TELLING else [None] * len(columns)


def _cell(value: Cell, decimals: int, range_: tuple[float, float] | None, words: bool) -> str:
    text = escaped(cell(value, decimals))
    if words:
        return f"<td>{text}</td>"
    if isinstance(value, Estimate):
        between = f"{_minus(cell(value.low, decimals))} to {_minus(cell(value.high, decimals))}"
        return f'<td class="figure" data-value="{value.value!r}">{_minus(text)}<small>{between}</small>{_mark(value, range_)}</td>'
    known = f' data-value="{value!r}"' if isinstance(value, float | int) and math.isfinite(value) else ""
    return f'<td class="figure"{known}>{_minus(text) if known else text}</td>'


def _mark(value: Estimate, range_: tuple[float, float] | None) -> str:
    """An interval on the range of its column, with a line at 0 where the range holds it."""
    if range_ is None:
        return ""
    low, high = range_
    at = [3 + (each - low) / (high - low) * 74 for each in (value.low, value.value, value.high, 0.0)]
    zero = f'<path class="zero" d="M{at[3]:.1f} 0v8"/>' if low < 0 < high else ""
    drawing = f'{zero}<path d="M{at[0]:.1f} 4H{at[2]:.1f}"/><circle cx="{at[1]:.1f}" cy="4" r="2.4"/>'
    return f'<svg viewBox="0 0 80 8" width="80" height="8" aria-hidden="true">{drawing}</svg>'


def _minus(figure_: str) -> str:
    return figure_.replace("-", "−")


def _settings(settings: Mapping[str, Any]) -> str:
    rows = "".join(f"<dt>{escaped(title(str(key)))}</dt><dd>{escaped(written(value))}</dd>" for key, value in settings.items())
    return f'<details class="settings"><summary>What these figures depend on</summary><dl>{rows}</dl></details>' if rows else ""


def _data(questions: Sequence[QuestionView]) -> dict[str, Any]:
    """What `page.js` reads. Passages are referred to by their place in `passages`; what is empty is left out."""
    passages = _Passages()
    channels: dict[tuple[str, ...], int] = {}
    names = list(dict.fromkeys(score for view in questions for score in view.scores))
    keys = _keys(questions)
    entries = [_entry(view, key, names, passages, channels) for view, key in zip(questions, keys, strict=True)]
    texts, cut = passages.texts()
    return {
        "scores": [name(score) for score in names],
        "channels": [list(found) for found in channels],
        "passages": texts,
        "cut": cut,
        "questions": entries,
    }


class _Passages:
    """Gives each (title, text) its number, and knows which are to be shown whole."""

    def __init__(self) -> None:
        self._numbers: dict[_Key, int] = {}
        self._whole: set[int] = set()
        self._sources: dict[int, str] = {}

    def number(self, title: str, text: str, *, whole: bool) -> int:
        number = self._numbers.setdefault((title, text), len(self._numbers))
        if whole:
            self._whole.add(number)
        return number

    def source(self, number: int, title: str, text: str) -> str:
        if number not in self._sources:
            self._sources[number] = DataPassage(title, text).source
        return self._sources[number]

    def texts(self) -> tuple[list[list[str]], int | None]:
        """[title, text] of each, and to how many characters those not shown whole were cut (None: none was)."""
        rest = [text for (_, text), number in self._numbers.items() if number not in self._whole]
        room = _ROOM - sum(_size(text) for (_, text), number in self._numbers.items() if number in self._whole)
        letter = sum(map(_size, rest)) / max(1, sum(map(len, rest)))  # bytes, in the mean
        limit = next((cut for cut in _CUTS if letter * sum(min(len(text), cut) for text in rest) <= room), _CUTS[-1])
        shown = [[title, text if number in self._whole else _cut(text, limit)] for (title, text), number in self._numbers.items()]
        return shown, limit if any(len(text) > limit for text in rest) else None


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _keys(questions: Sequence[QuestionView]) -> list[str]:
    """What each is called in a link: its id; where that is not enough its data set and variant with it, and a number in the end."""
    keys: list[str] = []
    ids = [str(view.line.get("id") or i) for i, view in enumerate(questions, 1)]
    repeated = {id_ for id_, times in Counter(ids).items() if times > 1}
    taken: set[str] = set()
    for view, id_ in zip(questions, ids, strict=True):
        parts = (str(view.line.get("dataset") or ""), id_, str(view.line.get("variant") or "")) if id_ in repeated else (id_,)
        key = base = ":".join(part for part in parts if part)
        again = 1
        while key in taken:
            again += 1
            key = f"{base}~{again}"
        taken.add(key)
        keys.append(key)
    return keys


def _entry(view: QuestionView, key: str, names: Sequence[str], passages: _Passages, channels: dict[tuple[str, ...], int]) -> dict[str, Any]:
    line = view.line
    numbers: dict[str, int] = {}  # of the passages of this line, by passage id
    gold: set[int] = set()

    def number(passage: Mapping[str, Any], *, whole: bool) -> int:
        title, text = str(passage.get("title", "")), str(passage.get("text", ""))
        n = passages.number(title, text, whole=whole)
        if view.gold is not None and passages.source(n, title, text) in view.gold:
            gold.add(passages.number(title, text, whole=True))
        numbers.setdefault(str(passage.get("passage_id", "")), n)
        return n

    scores, tokens = line.get("scores") or [], line.get("tokens") or []
    ranking = []
    for rank, passage in enumerate(line.get("candidates") or []):
        found = channels.setdefault(tuple(map(str, passage.get("channels") or ())), len(channels))
        score, size = (_number(known[rank] if rank < len(known) else None) for known in (scores, tokens))
        ranking.append([number(passage, whole=False), score, size, found, *([_number(passage.get("score"))] if score is None else [])])
    chosen = [[number(passage, whole=True), _number(passage.get("relevance"))] for passage in line.get("selected") or []]
    absent = [passages.number(title, text, whole=True) for title, text in view.absent]
    entry = {
        "key": key,
        "id": line.get("id"),
        "question": line.get("question", ""),
        "dataset": line.get("dataset"),
        "variant": line.get("variant"),
        "type": view.type,
        "answers": list(view.answers),
        "gold_answerable": line.get("gold_answerable"),
        "outcome": line.get("outcome", ""),
        "answer": line.get("answer"),
        "citations": [
            [numbers.get(str(cited.get("passage_id", ""))), cited.get("title", ""), cited.get("quote", ""), cited.get("sub_question")]
            for cited in line.get("citations") or []
        ],
        "chosen": chosen,
        "ranking": ranking,
        "gold": None if view.gold is None else sorted(gold),
        "absent": absent,
        "golds": view.golds,
        "stop": line.get("stop_reason"),
        "subs": [[sub.get("id"), sub.get("question"), sub.get("depends_on") or [], sub.get("answer")] for sub in line.get("sub_questions") or []],
        "queries": [[query.get("query"), query.get("reason"), query.get("sub_question")] for query in line.get("queries") or []],
        "confidence": _number(line.get("confidence")),
        "answerable": _number(line.get("answerable")),
        "usage": {what: _number(amount) for what, amount in (line.get("usage") or {}).items() if amount},
        "ms": _number(line.get("latency_ms")),
        "error": line.get("error"),
        "scores": [_number(view.scores.get(score)) for score in names],
    }
    return {what: value for what, value in entry.items() if value not in (None, "", [], {}) or (what == "gold" and value is not None)}


def _number(value: Any) -> float | int | None:
    """As the page shows it; None for what is no finite number."""
    if not isinstance(value, float | int) or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else int(value) if value.is_integer() else round(value, 4)


def _embedded(data: Mapping[str, Any]) -> str:
    """JSON that no text within can end or leave: "<", ">" and "&" are written as escapes."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = re.sub(r"[\ud800-\udfff]", "�", text)
    return re.sub(r"[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)
