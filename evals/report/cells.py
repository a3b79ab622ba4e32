"""How figures and names are written in every report: the same places in a column, thousands separated, an empty place for what does not apply."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from ..result import Cell, Estimate

EMPTY = "–"
_HARMFUL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What may move a cursor, recolour a terminal or reorder a line, and what cannot be encoded."""
_WRITTEN = {
    word.lower(): word
    for word in ("F1", "EM", "nDCG", "MAP", "MRR", "AP", "AUROC", "AUC", "nAUC", "AURC", "ECE", "BM25", "RRF", "QA", "ID", "SHA256")
}


def clean(text: str) -> str:
    """In one line, each harmful character as "�"."""
    return _HARMFUL.sub("�", " ".join(text.split()))


def escaped(text: str) -> str:
    """`clean`, fit for the text or an attribute of a page."""
    return escape(clean(text), quote=True)


def name(key: str) -> str:
    """A key in words, abbreviations as the field writes them: "support_f1" → "support F1", "ndcg@10" → "nDCG@10"."""
    return re.sub(r"[A-Za-z0-9]+", lambda word: _WRITTEN.get(word[0], word[0]), key.replace("_", " "))


def title(key: str) -> str:
    """`name` as the first words of a line: its first letter large, unless the word begins so on purpose ("nDCG")."""
    words = name(key)
    first = words.split(" ", 1)[0]
    return words[:1].upper() + words[1:] if first.islower() else words


def places(cells: Iterable[Cell]) -> int:
    """Decimals for a column of figures: 3, or 1 where one of them reaches 100 (tokens, milliseconds), whose third decimal says nothing."""
    sizes = [abs(cell.value if isinstance(cell, Estimate) else cell) for cell in cells if isinstance(cell, Estimate | float)]
    return 1 if any(size >= 100 for size in sizes) else 3


def figure(value: float, decimals: int) -> str:
    """"-1,204.5"; never "-0.000"; `EMPTY` for what is no finite number."""
    if not math.isfinite(value):
        return EMPTY
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if float(text.replace(",", "")) == 0 else text


def plain(value: float) -> str:
    """A figure by itself: whole numbers without decimals, others with as many as `places` gives them."""
    return figure(value, 0 if float(value).is_integer() else places([float(value)]))


def cell(value: Cell, decimals: int) -> str:
    """A cell without its interval."""
    match value:
        case None:
            return EMPTY
        case Estimate():
            return figure(value.value, decimals)
        case str():
            return value
        case int():
            return f"{value:,}"
    return figure(value, decimals)


def interval(value: Estimate, decimals: int) -> str:
    return f"[{figure(value.low, decimals)}, {figure(value.high, decimals)}]"


def duration(milliseconds: float) -> str:
    """"3.7 ms", "41 ms", "12.4 s"."""
    if not math.isfinite(milliseconds):
        return EMPTY
    if milliseconds >= 10_000:
        return f"{milliseconds / 1000:,.1f} s"
    return f"{milliseconds:,.1f} ms" if milliseconds < 10 else f"{milliseconds:,.0f} ms"


def written(value: Any) -> str:
    """A setting in words, however it is nested: mappings as "name value", lists with commas."""
    match value:
        case None:
            return EMPTY
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return ", ".join(f"{name(str(key))} {written(each)}" for key, each in value.items()) or EMPTY
        case list() | tuple() | set() | frozenset():
            nested = any(isinstance(each, Mapping) for each in value)
            return ("; " if nested else ", ").join(written(each) for each in value) or EMPTY
    return str(value)


def data_sets(settings: Mapping[str, Any]) -> list[str]:
    """Names of the data that was measured, from `settings["data"]`: one {"name", …} or several, or plain names."""
    data = settings.get("data") or []
    each = [data] if isinstance(data, str | Mapping) else list(data)
    return [str(one.get("name", "")) if isinstance(one, Mapping) else str(one) for one in each]


def heading(experiment: str, settings: Mapping[str, Any]) -> str:
    """"Selection on hotpotqa/dev"."""
    data = data_sets(settings)
    return title(experiment) + (f" on {', '.join(data[:-1])} and {data[-1]}" if len(data) > 1 else f" on {data[0]}" if data else "")
