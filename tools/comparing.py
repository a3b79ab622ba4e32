"""The answer to a comparison question, from an attribute read for each of the two: 1956 against 9 June 1993 gives the first.

A date, number or span of life is held as an interval, because "1956" is a whole year and "the 1920s" ten: one is before another only where the
intervals do not touch, and where they do the values say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .answers import YES_NO, normalised
from .comparison import Comparison, Reads
from .dates import DAYS, dates, span, whole_range
from .nationality import countries
from .quantities import Interval, quantities, sizes
from .words import STOP_WORDS, fold, holds


def compare(asked: Comparison, values: Sequence[str]) -> str | None:
    """The option that wins, or "yes" or "no"; None where the values cannot be compared, or are as far as known equal though one has to win.

    `values`: the attribute's text for each option, in their order; any number from two on where the question's options could not be told.
    """
    if len(values) < 2 or (asked.options and len(values) != len(asked.options)) or not all(value.strip() for value in values):
        return None
    if asked.asks == "same":
        return _yes_no(_all_same(asked.reads, values))
    if asked.asks in ("all", "which"):
        verdicts = [_fulfils(asked.predicate, value) for value in values]
        if asked.asks == "all":
            return "no" if False in verdicts else _yes_no(None if None in verdicts else True)
        return asked.options[verdicts.index(True)] if asked.options and verdicts.count(True) == 1 and None not in verdicts else None
    readings = _readings(asked.reads, values)
    if asked.reads == "number" and not any(map(quantities, values)):  # Who has more occupations? They are listed.
        readings = [[(count, count) for count in (float(len(_listed(value))) for value in values)]]
    winners = {_winner([(-high, -low) if asked.asks == "most" else (low, high) for low, high in reading]) for reading in readings}
    wins = winners.pop() if len(winners) == 1 else None
    if wins is None or not (asked.yes_no or asked.options):
        return None
    return _yes_no(wins == 0) if asked.yes_no else asked.options[wins]


def value_at(asked: Comparison, text: str, start: int, end: int) -> str:
    """What stands there; of one end of a range of dates ("1922 – 2006") the whole range, since which end is asked for is known here."""
    if asked.reads in ("start", "end", "span"):
        start, end = whole_range(text, start, end)
    return text[start:end]


def _yes_no(verdict: bool | None) -> str | None:
    return None if verdict is None else "yes" if verdict else "no"


def _winner(sizes: Sequence[Interval]) -> int | None:
    """The one that lies below all others."""
    for n, (_, high) in enumerate(sizes):
        if all(high < low for other, (low, _) in enumerate(sizes) if other != n):
            return n
    return None


def _all_same(reads: Reads, values: Sequence[str]) -> bool | None:
    """Countries: whether one is named by all ("Canadian-American" is both). Dates: as far as all are known. Places: "Lima" is "Lima, Peru"."""
    forms = [normalised(value) for value in values]
    if len(set(forms)) == 1:
        return True
    if reads == "country":
        named = [countries(value) for value in values]
        return bool(frozenset.intersection(*named)) if all(named) else None
    if reads in ("year", "number", "start", "end"):
        verdicts = {max(low for low, _ in reading) <= min(high for _, high in reading) for reading in _readings(reads, values)}
        return verdicts.pop() if len(verdicts) == 1 else None
    parts = [_listed(value) for value in values]
    if reads == "place":
        fewest = min(parts, key=len)
        return bool(fewest) and all(fewest <= part for part in parts)
    return bool(frozenset.intersection(*parts))


def _listed(value: str) -> frozenset[str]:
    return frozenset(filter(None, map(normalised, re.split(r"[,;/]|\band\b", value))))


def _fulfils(predicate: str, value: str) -> bool | None:
    """Whether the value says what the predicate asks: itself yes or no, or its countries and its words; None where it says only a part."""
    form = normalised(value)
    if form in YES_NO:
        return form == "yes"
    wanted, named = countries(predicate), countries(value)
    if wanted and named and not wanted <= named:
        return False
    words = [word for word in re.findall(r"\w+", fold(predicate)) if word not in STOP_WORDS and not (wanted and countries(word))]
    there = re.findall(r"\w+", fold(value))
    held = sum(holds(there, word) for word in words)
    if held < len(words):  # of a number, as in "before 2000", its absence says nothing
        return None if held or (wanted and named) or any(map(str.isdigit, words)) else False
    return None if (wanted and not named) or not (words or wanted) else True


def _readings(reads: Reads, values: Sequence[str]) -> list[list[Interval]]:
    """The values' sizes, once for each way to read the numbers; [] where one has none or they are of different kinds."""
    if reads == "number":
        return sizes([quantities(value) for value in values])
    found = [size for size in (_size(reads, value) for value in values) if size]
    return [found] if len(found) == len(values) else []


def _size(reads: Reads, value: str) -> Interval | None:
    if reads == "span":
        return span(value)
    found = dates(value)
    if not found:
        return None
    low, high = found[-1] if reads == "end" else found[0]
    return (low // DAYS * DAYS, high // DAYS * DAYS + DAYS - 1) if reads == "year" else (low, high)
