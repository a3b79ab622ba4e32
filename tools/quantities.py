"""Quantities in a text: numbers with their units, brought to one unit for each kind, so that 900,000 m² is less than 1.5 km².

A kind is "length", "area", "USD", or made of two: "length/duration" (a speed), "/area" (so many per km²). Every currency is a kind of its own.
Sizes are fractions: 3 ft are 1 yd, not 0.9144000000000001 m. English only, by one table; there is no library among ours that reads units in text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from math import prod

from .words import STOP_WORDS

Interval = tuple[float, float]
Meaning = tuple[str, Fraction]
"""What a unit may be: its kind, and how many base units it holds."""

_UNITS = {
    "length": {
        "mm, millimetre, millimeter": "0.001", "cm, centimetre, centimeter": "0.01", "m, metre, meter": "1", "km, kms, kilometre, kilometer": "1000",
        "in, inch": "0.0254", "ft, foot, feet": "0.3048", "yd, yds, yard": "0.9144", "mi, mile": "1609.344", "nmi, nautical mile": "1852",
    },
    "area": {"ha, hectare": "10000", "acre": "4046.8564224"},
    "volume": {
        "ml, millilitre, milliliter": "0.000001", "cl, centilitre, centiliter": "0.00001", "l, litre, liter": "0.001", "hl, hectolitre": "0.1",
        "gallon, gal": "0.003785411784 0.00454609", "bbl, barrel": "0.158987294928", "acre-foot, acre-feet": "1233.48183754752",
    },
    "mass": {
        "mg, milligram": "0.000001", "g, gram, gramme": "0.001", "kg, kgs, kilogram, kilogramme, kilo": "1", "t, tonne, metric ton": "1000",
        "oz, ounce": "0.028349523125", "lb, lbs, pound": "0.45359237", "stone": "6.35029318",
        "ton": "907.18474 1016.0469088", "short ton": "907.18474", "long ton": "1016.0469088",
    },
    "duration": {
        "s, sec, second": "1/31536000", "min, minute": "1/525600", "h, hr, hrs, hour": "1/8760", "day": "1/365", "week": "7/365", "month": "1/12",
        "yr, yrs, year": "1", "decade": "10", "century, centuries": "100", "millennium, millennia": "1000",
    },
    "power": {"kw, kilowatt": "1", "mw, megawatt": "1000", "gw, gigawatt": "1000000", "hp, horsepower": "0.7457"},
    "energy": {"kwh, kilowatt-hour": "1", "mwh, megawatt-hour": "1000", "gwh, gigawatt-hour": "1000000", "twh, terawatt-hour": "1000000000"},
    "data": {"kb, kilobyte": "1000", "mb, megabyte": "1000000", "gb, gigabyte": "1000000000", "tb, terabyte": "1000000000000"},
    "%": {"%, percent, per cent": "1"},
    "°C": {"°c, degrees celsius": "1"},
    "°F": {"°f, degrees fahrenheit": "1"},
}  # fmt: skip
"""By kind, in its base unit. A ton and a gallon are American or British; a year has 365 days."""
_MONEY = {
    "USD": {"$, us$, usd, dollar, us dollar, u.s. dollar, american dollar": "1", "cent": "0.01"},
    "EUR": {"€, eur, euro": "1", "cent": "0.01"},
    "GBP": {"£, gbp, pound, british pound, pound sterling, pounds sterling": "1", "penny, pence": "0.01"},
    "JPY": {"¥, jpy, yen, japanese yen": "1"},
    "CNY": {"cny, rmb, yuan, chinese yuan, renminbi": "1"},
    "INR": {"₹, inr, rupee, indian rupee": "1"},
    "KRW": {"₩, krw, south korean won": "1"},
    "RUB": {"₽, rub, rouble, ruble, russian rouble, russian ruble": "1"},
    "CHF": {"chf, swiss franc": "1"},
    "AUD": {"a$, au$, aud, australian dollar": "1"},
    "CAD": {"c$, ca$, cad, canadian dollar": "1"},
    "HKD": {"hk$, hkd, hong kong dollar": "1"},
    "NZD": {"nz$, nzd, new zealand dollar": "1"},
    "SGD": {"s$, sgd, singapore dollar": "1"},
}
_SPEEDS = {"nautical mile": "knot, kn, kt, kts", "mile": "mph", "kilometre": "kmh, kph, kmph"}
"""In an hour."""


def _meanings() -> dict[str, tuple[Meaning, ...]]:
    found: dict[str, tuple[Meaning, ...]] = {}
    for kind, units in (_UNITS | _MONEY).items():
        for names, factors in units.items():
            for name in names.split(", "):
                found[name] = (*found.get(name, ()), *((kind, Fraction(factor)) for factor in factors.split()))
    return found | {name: _ratio(found[unit], found["hour"]) for unit, names in _SPEEDS.items() for name in names.split(", ")}


def _ratio(one: Sequence[Meaning], other: Sequence[Meaning]) -> tuple[Meaning, ...]:
    return tuple((f"{kind}/{per}", factor / divisor) for (kind, factor), (per, divisor) in product(one, other))


def _any_of(names: Sequence[str]) -> str:
    return "|".join(re.escape(name).replace(r"\ ", r"\s+").replace(r"\-", r"[\s-]") for name in sorted(names, key=len, reverse=True))


_MEANINGS = _meanings()
_MONEY_NAMES = [name for units in _MONEY.values() for names in units for name in names.split(", ")]
_SIGNS = [name for name in _MONEY_NAMES if not name[-1].isalpha()]
_COUNT = "count"
"""The kind of "12 acts": it compares with any plain number, but with no quantity."""

# Numbers

_SMALL = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_IN_WORDS = {word: n for n, word in enumerate(_SMALL.split())} | {word: 10 * n for n, word in enumerate(_TENS.split(), 2)} | {"dozen": 12}
_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_MORE_SCALES = {"lakh": 10**5, "crore": 10**7, "k": 10**3, "mn": 10**6, "bn": 10**9, "tn": 10**12, "mm": 10**6, "m": 10**6, "b": 10**9, "t": 10**12}
_DIGITS = 250
"""A number with more is none: it would not fit a float in every unit."""
_MOST = 10**_DIGITS
_PLAIN = str.maketrans(
    dict.fromkeys("\u00a0\u2009\u202f", " ") | {c: f"^{n}" for n, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")} | {"½": ".5", "\u2011": "-"}
)

_NUMERAL = re.compile(
    rf"(?:(?<!\w)(?P<sign>{_any_of(_SIGNS)}|rs\.?|(?-i:{'|'.join(_MONEY)}))\s*)?"
    r"(?<!\^)(?<!\^\d)(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    rf"|\b(?P<words>(?:(?:{'|'.join((*_IN_WORDS, *_SCALES))})(?:[\s-]+(?:and\s+)?|\b))+)",
    re.IGNORECASE | re.ASCII,
)
_SCALE = re.compile(
    rf"(?P<words>(?:[\s-]*(?:{'|'.join(_SCALES)}|lakh|crore)s?\b)+)|\s?(?P<short>[bmt]n)(?!\w)|(?P<letter>(?-i:[kKM]))(?![\w^])"
    rf"|\s?(?P<of_money>mm?|[kbt])(?=\s+(?:{_any_of(_MONEY_NAMES)})s?(?!\w))|\s*[×x]\s*10\^(?P<power>\^?\d[\d^]{{0,3}})",
    re.IGNORECASE | re.ASCII,
)
_SCALE_OF_MONEY = re.compile(r"\s?(?P<of_money>mm?|[kbt])(?![\w/^-])", re.IGNORECASE | re.ASCII)
_ANY_UNIT = (
    rf"(?:(?P<before>sq(?:uare)?|cu(?:bic)?)\b\.?[\s-]*)?(?P<name>{_any_of(list(_MEANINGS))})(?:(?<=[a-z]{{3}})e?s)?(?:\^?(?P<after>[23]))?(?![\w^])"
)
_UNIT = re.compile(rf"(?P<gap>[\s-]*){_ANY_UNIT}", re.IGNORECASE | re.ASCII)
_PER = re.compile(rf"(?:(?:\s[a-z]+){{0,2}}[\s-]per[\s-]|\s*/\s*|(?P<article>\s+an?\s+)){_ANY_UNIT}", re.IGNORECASE | re.ASCII)
_PER_THING = re.compile(r"\s+per\s+(?P<thing>[a-z]+)", re.IGNORECASE)
_COUNTED = re.compile(r"[\s-]+(?P<thing>[a-z]{2,})", re.IGNORECASE)
_UNTIL = re.compile(r"\s*(?:[-–—]|\bto\b|\bor\b)\s*")
_JOINT = re.compile(r"(?:,?\s*\band\s+|,?\s*)(?=\d)")


@dataclass(frozen=True, slots=True)
class Quantity:
    kind: str
    """ "" of a number that nothing follows, `_COUNT` of a number of things."""
    low: Fraction
    """In base units of the kind; less than `high` only in "10–12 km"."""
    high: Fraction
    unit: Fraction
    """The unit that it is written in, of several the least."""

    def interval(self, unit: Fraction = Fraction(1)) -> Interval:
        return float(self.low * unit), float(self.high * unit)


def quantities(text: str) -> list[tuple[Quantity, ...]]:
    """Each number of the text, in digits or words, as all that it may mean: five pounds are a mass, or money."""
    text, found, place = text.translate(_PLAIN), [], 0
    while match := _NUMERAL.search(text, place):
        meant, place = _quantity(text, match)
        while (joint := _JOINT.match(text, place)) and (next_one := _NUMERAL.match(text, joint.end())):  # 5 ft 11 in
            rest, end = _quantity(text, next_one, inside=True)
            both = [_sum(one, other) for one in meant for other in rest if one.kind == other.kind and other.high < one.unit and other.unit < one.unit]
            if not both or meant[0].kind in ("", _COUNT):
                break
            meant, place = both, end
        if meant := [one for one in meant if one.high < _MOST]:
            found.append(tuple(meant))
    return found


def sizes(values: Sequence[Sequence[tuple[Quantity, ...]]]) -> list[list[Interval]]:
    """What the values measure, in one unit, once for each way to read them; [] where they are unlike, or one has no number.

    Of each the first number counts; where that is a quantity in one of them, the first of a kind that all have. A number without a unit stands for
    one in the other's unit, or in the base unit, as "300" beside "716 ft" does.
    """
    if not all(values):
        return []
    if all(value[0][0].kind in ("", _COUNT) for value in values):
        return [[value[0][0].interval() for value in values]]
    kinds = dict.fromkeys(one.kind for value in values for number in value for one in number if one.kind not in ("", _COUNT))
    for bare in (False, True):
        for kind in kinds:
            alike = [_of_kind(kind, value) for value in values]
            if all(found or (bare and value[0][0].kind == "") for found, value in zip(alike, values, strict=True)):
                return _readings(kind, alike, [value[0][0] for value in values])
    return []


def _readings(kind: str, alike: Sequence[Sequence[Quantity]], firsts: Sequence[Quantity]) -> list[list[Interval]]:
    """Of tons once the American and once the British, on all sides; of bare numbers once in each unit that they may be in."""
    units = {Fraction(1)}
    if not all(alike):
        units = {one.unit for found in alike for one in found} | ({Fraction(1)} if "/" not in kind else set())
    return [
        [found[min(n, len(found) - 1)].interval() if found else first.interval(unit) for found, first in zip(alike, firsts, strict=True)]
        for n in range(max(map(len, alike)))
        for unit in units
    ]


def _of_kind(kind: str, value: Sequence[tuple[Quantity, ...]]) -> list[Quantity]:
    return next((found for number in value if (found := [one for one in number if one.kind == kind])), [])


def _sum(one: Quantity, other: Quantity) -> Quantity:
    return replace(one, low=one.low + other.low, high=one.high + other.high, unit=other.unit)


def _quantity(text: str, match: re.Match[str], *, inside: bool = False) -> tuple[list[Quantity], int]:
    """What the number means with what is written around it, and where that ends. `inside`: behind a larger unit, where "in" is an inch."""
    low, scale, end = _scaled(text, match)
    high = low
    meanings, end = _with_unit(text, match, end, inside=inside)
    if scale == 1 and (not meanings or match["sign"]) and (until := _UNTIL.match(text, end)) and (last := _NUMERAL.match(text, until.end())):
        most, scale, place = _scaled(text, last, of_money=bool(match["sign"]))
        behind, place = _with_unit(text, last, place)
        if most > low * scale and (behind or scale != 1):  # 10–12 km, $1–2bn
            low, high, meanings, end = low * scale, most, meanings or behind, place
    if not meanings:
        counted = _COUNTED.match(text, end)
        meanings = ((_COUNT if counted and counted["thing"].lower() not in STOP_WORDS else "", Fraction(1)),)
    return [Quantity(kind, low * factor, high * factor, factor) for kind, factor in meanings], end


def _scaled(text: str, match: re.Match[str], *, of_money: bool = False) -> tuple[Fraction, int, int]:
    """The number with its "million", the million, and where that ends."""
    number = Fraction(_in_words(match["words"])) if match["words"] else Fraction(match["digits"].replace(",", "")[: _DIGITS + 1])
    found = _SCALE.match(text, match.end()) or (_SCALE_OF_MONEY.match(text, match.end()) if match["sign"] or of_money else None)
    if not found:
        return number, 1, match.end()
    if found.re is _SCALE and found["power"]:
        scale = 10 ** int(found["power"].replace("^", "")[:2])
    else:
        scale = prod((_SCALES | _MORE_SCALES)[word.removesuffix("s")] for word in re.findall("[a-z]+", found[0].lower()))
    return number * scale, scale, found.end()


def _with_unit(text: str, match: re.Match[str], end: int, *, inside: bool = False) -> tuple[tuple[Meaning, ...], int]:
    """What the number's unit may be, () for none, and where it ends: in front a currency, behind it a unit, behind that "per" another."""
    if match["sign"]:
        sign = match["sign"].lower()
        meanings = _MEANINGS["inr" if sign.startswith("rs") else sign]
    else:
        unit = _UNIT.match(text, end)
        meanings = _raised(unit, inside=inside) if unit else ()
        end = unit.end() if unit and meanings else end
    per = _PER.match(text, end)
    divisors = _raised(per, inside=True) if per else ()
    if per and divisors and (not per["article"] or (meanings and divisors[0][0] == "duration")):  # not "in 1741 a second voyage"
        return _ratio(meanings or (("", Fraction(1)),), divisors), per.end()
    thing = _PER_THING.match(text, end)
    if meanings and thing:
        return tuple((f"{kind}/{thing['thing'].lower()}", factor) for kind, factor in meanings), thing.end()
    return meanings, end


def _raised(unit: re.Match[str], *, inside: bool) -> tuple[Meaning, ...]:
    """The unit's meanings, those of a length raised to an area or a volume where that is written; () where it is no unit after all."""
    name = " ".join(unit["name"].lower().split())
    power = 2 if unit["after"] == "2" or (unit["before"] or "").lower().startswith("sq") else 3 if unit["after"] or unit["before"] else 1
    if not inside and ((name == "in" and power == 1) or (name == "s" and not unit["gap"])):  # 12 in 1956, the 1920s
        return ()
    meanings = _MEANINGS[name if name in _MEANINGS else name.replace(" ", "-")]
    if power == 1:
        return meanings
    return tuple(("area" if power == 2 else "volume", factor**power) for kind, factor in meanings if kind == "length")


def _in_words(text: str) -> int:
    """ "two hundred and five thousand" → 205,000."""
    whole, part = 0, 0
    for word in re.findall(r"[a-z]+", text.lower()):
        if word in _IN_WORDS:
            part = part * 12 if word == "dozen" and part else part + _IN_WORDS[word]
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in _SCALES:
            whole, part = whole + (part or 1) * _SCALES[word], 0
    return whole + part
