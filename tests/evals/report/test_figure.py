"""A Curve as SVG: everything measured is drawn inside its frame and told in numbers below."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.evals.report.figure import figure
from passel.evals.result import Curve, Series

numbers = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)


def sweep() -> Curve:
    fixed = Series("fixed k", tuple((100.0 * k, 0.4 + 0.1 * k - 0.01 * k * k) for k in range(1, 11)), tuple(f"k = {k}" for k in range(1, 11)))
    ours = Series("selector", ((230.0, 0.81),), ("selector",), ours=True, kind="points")
    return Curve("How many passages", "evidence tokens", "support F1", (fixed, ours), note="Left is cheaper.")


def drawn_points(html: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for at in re.findall(r'data-at="([^"]+)"', html) for x, y in (pair.split(",") for pair in at.split())]


def test_the_selector_stands_out_on_the_sweep() -> None:
    html = figure(sweep(), 1)
    assert html.count('class="series ours"') == 2  # once for a wide page, once for a phone
    assert html.rindex('class="series ours"') > html.rindex('class="series c1"')  # drawn above the others
    assert "halo" in html
    assert html.count('class="drop"') == 2
    assert re.search(r'class="label ours"[^>]*>selector<', html)
    assert ">k = 5<" in html


def test_axes_say_what_they_measure_and_the_numbers_stand_below() -> None:
    html = figure(sweep(), 1)
    assert html.count('class="axis"') == 4
    assert "Left is cheaper." in html
    assert html.count('<th scope="row">') == 11
    assert "<td>k = 3</td>" in html
    assert '<td class="figure">300</td><td class="figure">0.610</td>' in html
    assert 'aria-label="support F1 by evidence tokens. fixed k: 10 points' in html


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=30), st.sampled_from(["line", "points", "bars"]))
def test_every_point_is_drawn_inside_the_frame(points: list[tuple[float, float]], kind: str) -> None:
    if kind == "bars":  # of counts: nothing is less than nothing
        points = [(x, abs(y)) for x, y in points]
    html = figure(Curve("Any", "x", "y", (Series("a", tuple(points), kind=kind),)), 1)  # type: ignore[arg-type]
    at = drawn_points(html)
    assert len(at) == 2 * len(points)
    assert all(0 <= x <= 560 and 0 <= y <= 350 and math.isfinite(x) and math.isfinite(y) for x, y in at)
    assert not re.search(r"\b(nan|inf)\b", html)
    assert html.count('<th scope="row">') == len(points)


def test_a_long_line_is_thinned_and_keeps_its_ends() -> None:
    points = tuple((i / 5000, (i * i) / 2.5e7) for i in range(5001))
    html = figure(Curve("Risk and coverage", "coverage", "risk", (Series("ours", points, ours=True),)), 1)
    assert html.count('<th scope="row">') == 200
    assert '<td class="figure">0</td>' in html
    assert '<td class="figure">1</td>' in html
    assert "thinned" in html
    assert len(html) < 40_000


def test_bars_of_two_series_stand_beside_each_other() -> None:
    counts = tuple((float(i), float(9 - i)) for i in range(6))
    both = (Series("chosen", counts, ours=True, kind="bars"), Series("gold", counts, kind="bars"))
    wide = re.findall(r'<div class="plot wide".*?(?=<div class="plot narrow")', figure(Curve("Counts", "passages", "questions", both), 2))[0]
    bars = re.findall(r'<rect class="bars" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', wide)
    spans = sorted((float(x), float(x) + float(width)) for x, y, width, height in bars)
    assert len(spans) == 12
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize("series", [(), (Series("none", ()),), (Series("nothing finite", ((math.nan, 1.0), (0.0, math.inf))),)])
def test_nothing_to_draw_is_said(series: tuple[Series, ...]) -> None:
    assert "Nothing was measured." in figure(Curve("Empty", "x", "y", series), 1)


def test_names_are_escaped() -> None:
    bad = '"><script>alert(1)</script>&'
    series = (Series(bad, ((0.0, 0.0), (1.0, 1.0)), (bad, bad)), Series("b", ((0.0, 1.0),), ('"><b>',), kind="points"))
    html = figure(Curve(bad, bad, bad, series, note=bad), 1)
    assert "<script" not in html
    assert "<b>" not in html
    assert ">&quot;&gt;&lt;b&gt;</text>" in html
