"""Dates and spans of time in English text, as intervals of days: "1956" is a whole year, "the 1920s" are ten, "1811–1879" are two dates.

Every month counts as 31 days, as only the order matters, and in a span the years.
"""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

from .quantities import Interval, quantities

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_DATE = re.compile(
    rf"""(?<!\w)(?<!\d[.,])(?:
      (?P<iso>\d{{4}}-\d\d-\d\d)
    | (?:(?P<day>{_DAY})(?:\s+of)?\s+)? (?P<month>{_MONTH}) (?:\s+(?P<day_after>{_DAY}))? (?:,\s*|\s+) (?P<year>\d{{3,4}})
    | (?P<decade>\d{{3}}0)\s?['’]?s
    | (?P<century>\d{{1,2}})(?:st|nd|rd|th)[\s-]+century
    | (?:(?P<ad>ad)\s+)? (?P<plain>\d{{1,4}}) (?:\s*[-–—/]\s*(?P<until>\d\d))?
    )(?:\s*(?P<era>b\.?c\.?(?:e\.?)?|a\.?d\.?|c\.?e\.?)(?!\w))?(?!\w|[.,]\d)""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,  # ASCII: else "ſ" is an "s", and "ſep" a month
)
_DASH = re.compile(r"\s*[-–—]\s*")
DAYS = 12 * 31
"""Of a year."""


def dates(text: str) -> list[Interval]:
    """The dates of a text in its order, each as its first and last day, counted from the year 0; years before Christ are negative."""
    return [date for match in _DATE.finditer(" ".join(text.split())) for date in _date(match)]


def is_date(text: str) -> bool:
    """Whether it is a date and hardly more."""
    return bool(dates(text)) and not re.search(r"[^\W\d]{3}", re.sub(rf"(?i)\b(?:{_MONTH}|the|century|early|late)\b", "", _DATE.sub("", text)))


def whole_range(text: str, start: int, end: int) -> tuple[int, int]:
    """Where text[start:end] touches one end of a range of dates ("1922 – 2006"): the place of the whole range with it; else as given."""
    for one, other in pairwise(_DATE.finditer(text)):
        touched = (one.start() < end and start < one.end()) or (other.start() < end and start < other.end())
        if touched and _DASH.fullmatch(text, one.end(), other.start()):
            return min(start, one.start()), max(end, other.end())
    return start, end


def span(text: str) -> Interval | None:
    """A duration, "aged 85", "30 days", or else from the first date to the last, in days: the least and the most that it can be."""
    found = quantities(text)
    spans = [(n, one) for n, number in enumerate(found) for one in number if one.kind == "duration"]
    said = dates(text)
    if len(said) > 1 and not (spans and spans[0][0] == 0):
        (born_low, born_high), (died_low, died_high) = said[0], said[-1]
        return max(0.0, died_low - born_high), max(0.0, died_high - born_low)
    if aged := re.search(r"\b(?:aged?|age of)\s+(\d{1,3})\b", text):
        return float(int(aged[1]) * DAYS), float(int(aged[1]) * DAYS + DAYS - 1)
    if not spans:
        return None
    low, high = spans[0][1].interval(Fraction(DAYS))
    return low, high + max(0.0, float(spans[0][1].unit * DAYS) - 1)  # "85 years" is said until the next birthday


def _date(match: re.Match[str]) -> list[Interval]:
    """Two for "1900–50"."""
    before_christ = (match["era"] or "").lower().startswith("b")
    if match["century"]:
        last = 100 * int(match["century"])
        return [_years(1 - last, 100 - last) if before_christ else _years(last - 99, last)]
    if match["decade"]:
        first = int(match["decade"])
        return [_years(-first - 8, 1 - first) if before_christ else _years(first, first + 9)]
    if match["iso"]:
        year, month, day = map(int, match["iso"].split("-"))
        return [_day(year, month, day)] if 1 <= month <= 12 and 1 <= day <= 31 else [_years(year, year)]
    year = int(match["year"] or match["plain"])
    if not match["month"]:
        if year < 100 and not (match["era"] or match["ad"]):
            return []  # a day, an age, a count
        found = [_years(1 - year, 1 - year) if before_christ else _years(year, year)]
        until = year - year % 100 + int(match["until"] or 0)
        return [*found, _years(until, until)] if match["until"] and until > year and not before_christ else found
    month = _MONTHS.index(match["month"].lower()[:3]) + 1
    signed = 1 - year if before_christ else year
    said = re.match(r"\d+", match["day"] or match["day_after"] or "")
    return [_day(signed, month, int(said[0]))] if said else [(_day(signed, month, 1)[0], _day(signed, month, 31)[0])]


def _years(first: int, last: int) -> Interval:
    return float(first * DAYS), float(last * DAYS + DAYS - 1)


def _day(year: int, month: int, day: int) -> Interval:
    there = float(year * DAYS + (month - 1) * 31 + day - 1)
    return there, there
