"""Quantities: what a number means with what is written around it, and that the unit it is written in makes no difference."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.quantities import quantities, sizes

KINDS = {
    "length": {"mm": "0.001", "cm": "0.01", "m": "1", "metres": "1", "km": "1000", "feet": "0.3048", "inches": "0.0254", "miles": "1609.344"},
    "area": {"m²": "1", "sq m": "1", "hectares": "10000", "km2": "1e6", "square km": "1e6", "acres": "4046.8564224", "sq mi": "2589988.110336"},
    "volume": {"m³": "1", "litres": "0.001", "cubic metres": "1", "km³": "1e9", "cu ft": "0.028316846592"},
    "mass": {"g": "0.001", "kg": "1", "kilograms": "1", "tonnes": "1000", "t": "1000", "lb": "0.45359237", "stone": "6.35029318"},
    "length/duration": {"km/h": "1", "km per hour": "1", "mph": "1.609344", "miles an hour": "1.609344", "knots": "1.852", "m/s": "3.6"},
    "duration": {"days": "1", "weeks": "7", "years": "365", "hours": "1/24", "minutes": "1/1440", "seconds": "1/86400", "decades": "3650"},
    "power": {"kW": "1", "MW": "1000", "megawatts": "1000", "GW": "1e6"},
    "data": {"kB": "1", "MB": "1000", "gigabytes": "1e6"},
    "USD": {"dollars": "1", "million dollars": "1e6", "m dollars": "1e6", "bn US dollars": "1e9", "thousand USD": "1000"},
}
units = st.sampled_from([(kind, unit, Fraction(factor)) for kind, known in KINDS.items() for unit, factor in known.items()])
numbers = st.decimals(min_value="0.001", max_value="1e9", places=3)
TEXT = """
    12 3.5 1,234 .5 twelve million bn $ € US$ £ m km ft in ² ^2 ^ 10¹² × 10^6 square sq. cubic per / a
    an hour h s people tons pounds pence to – and , ½ %"""
pieces = st.lists(st.sampled_from(TEXT.split()), max_size=12)
texts = st.text(max_size=60) | pieces.map(" ".join) | pieces.map("".join)


def meant(text: str) -> list[tuple[str, float]]:
    """All that the first number may mean."""
    return [(one.kind, float(one.low)) for one in quantities(text)[0]]


@pytest.mark.parametrize(
    ("text", "kind", "size"),
    [
        ("716 ft (218 m)", "length", 716 * 0.3048),
        ("a 12-metre mast", "length", 12),
        ("twenty-five miles", "length", 25 * 1609.344),
        ("5 ft 11 in (180 cm)", "length", 71 * 0.0254),
        ("2½ km", "length", 2500),
        ("12 nautical miles", "length", 22224),
        ("1.5 km²", "area", 1.5e6),
        ("1.5 km^2", "area", 1.5e6),
        ("3.5 million sq. km", "area", 3.5e12),
        ("900 ha", "area", 9e6),
        ("5 cu m", "volume", 5),
        ("12 acre-feet", "volume", 12 * 1233.48183754752),
        ("5.97×10²⁴ kg", "mass", 5.97e24),
        ("12 t", "mass", 12000),
        ("2 years, 1 month and 5 days", "duration", 2 + 1 / 12 + 5 / 365),
        ("85-year-old", "duration", 85),
        ("a 24-hour race", "duration", 24 / 8760),
        ("$900m in 2020", "USD", 9e8),
        ("US$ 3.5 billion", "USD", 3.5e9),
        ("$20K", "USD", 20000),
        ("900m", "length", 900),
        ("900m dollars", "USD", 9e8),
        ("50 cents", "USD", 0.5),
        ("£1.2 m", "GBP", 1.2e6),
        ("USD 5 million", "USD", 5e6),
        ("A$5m", "AUD", 5e6),
        ("₹100 crore", "INR", 1e9),
        ("$40,000 per capita", "USD/capita", 40000),
        ("$5 a day", "USD/duration", 1825),
        ("450 people per km²", "/area", 0.00045),
        ("50 per cent", "%", 50),
        ("900 MW", "power", 900000),
        ("5M users", "count", 5e6),
        ("12 acts", "count", 12),
        ("1,234", "", 1234),
        ("12 in 1956", "", 12),
        ("the 1920s", "", 1920),
        ("1741 a second voyage", "", 1741),
        ("3rd of 9", "", 3),
        ("two hundred and five thousand", "", 205000),
    ],
)
def test_what_a_number_means(text: str, kind: str, size: float) -> None:
    found = meant(text)[0]
    assert found[0] == kind
    assert found[1] == pytest.approx(size, rel=1e-12)


def test_a_word_may_be_two_units() -> None:
    assert meant("5 pounds") == [("mass", pytest.approx(2.26796185)), ("GBP", 5.0)]
    assert meant("5 pounds 50 pence") == [("GBP", 5.5)]
    assert len(meant("12 tons")) == 2
    assert meant("12 metric tons") == [("mass", 12000.0)]


def test_a_range_has_both_ends_where_its_unit_stands_behind_them() -> None:
    found = quantities("10–12 km")
    assert [(one.low, one.high) for one in found[0]] == [(10000, 12000)]
    assert [(one.low, one.high) for one in quantities("10–12")[0]] == [(10, 10)]


def test_seven_miles_and_twelve_kilometres_are_no_sum() -> None:
    assert [float(number[0].low) for number in quantities("7 mi, 12 km")] == [pytest.approx(11265.408), 12000.0]


@given(units, units, numbers, numbers)
def test_the_order_is_that_of_the_base_values_and_another_unit_changes_nothing(
    one: tuple[str, str, Fraction], other: tuple[str, str, Fraction], size: Fraction, also: Fraction
) -> None:
    (kind, unit, factor), (kind_also, unit_also, factor_also) = one, other
    found = sizes([quantities(f"{size} {unit}"), quantities(f"{also} {unit_also}")])
    if kind != kind_also:
        assert found == []
        return
    [[(low, high), (low_also, high_also)]] = found
    assert (low, low_also) == (high, high_also)
    real, real_also = Fraction(size) * factor, Fraction(also) * factor_also
    assert (low > low_also, low == low_also) == (real > real_also, real == real_also) or abs(real - real_also) < real * Fraction(1, 10**15)


@given(units, st.data(), st.integers(1, 10**6))
def test_a_quantity_equals_itself_in_another_unit(one: tuple[str, str, Fraction], data: st.DataObject, count: int) -> None:
    kind, unit, factor = one
    other = data.draw(st.sampled_from(sorted(KINDS[kind])))
    ratio = factor / Fraction(KINDS[kind][other])
    size = count * ratio.denominator  # a whole number of the other
    [[there, back]] = sizes([quantities(f"{size:,} {unit}"), quantities(f"{count * ratio.numerator:,} {other}")])
    assert there == back


@pytest.mark.parametrize("text", ["5 x 10^^", "5 × 10^^^^ kg", "5 x 10^", "3 × 10⁰"])
def test_a_power_of_nothing_is_none(text: str) -> None:
    assert quantities(text)[0][0].low in (3, 5)


@given(texts, texts)
def test_any_text_gives_sizes_that_are_finite_or_none(one: str, other: str) -> None:
    found = [quantities(one), quantities(other)]
    for reading in sizes(found):
        assert len(reading) == 2
        assert all(0 <= low <= high < float("inf") for low, high in reading)
    assert bool(sizes(found)) == bool(sizes(found[::-1]))
    assert not found[0] or sizes([found[0], found[0]])
