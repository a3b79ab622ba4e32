"""A Curve as inline SVG, drawn twice (for a wide page and for a phone; the style sheet shows one), with its numbers as a table below.

That table is the text alternative and what the tooltips read: row n tells the n-th point. Colour is never the only difference: series differ in
marker and dash too, and ours is the heaviest. A line of thousands of points is thinned to what a screen can show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..result import Curve, Series
from .cells import escaped, plain

_MOST_POINTS = 200
"""Of one line: more than its pixels could tell apart."""
_MOST_MARKERS = 24
"""A line of more points, or of two, is drawn without markers."""
_COLOURS = 6
_LETTER = 6.3
"""Width of an average letter of a label, in pixels."""
_LONGEST_LABEL = {"points": 26, "line": 8}
"""Beside a point, in letters; longer ones are left to the tooltip."""
_MARKERS = ("circle", "square", "triangle", "ring", "cross", "bar")
_LEGEND = {
    "line": '<path class="line" d="M1 8H29"/>',
    "bars": '<rect class="bars" x="1" y="2" width="12" height="12"/>',
    "points": "",
}
_SHAPES = {
    "circle": '<circle r="3.6"/>',
    "square": '<path d="M-3.4-3.4h6.8v6.8h-6.8z"/>',
    "triangle": '<path d="M0-4.6L4.4 3.4H-4.4z"/>',
    "ring": '<circle r="3.4" class="hollow"/>',
    "cross": '<path d="M-3.4-3.4L3.4 3.4M-3.4 3.4L3.4-3.4" class="hollow"/>',
    "bar": '<path d="M-4 0H4" class="hollow"/>',
    "diamond": '<circle r="12" class="halo"/><path d="M0-7.5L7.5 0 0 7.5-7.5 0z"/>',
}


@dataclass(frozen=True, slots=True)
class _Scale:
    """From what was measured to pixels."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def tick(self, value: float) -> str:
        step = self.ticks[1] - self.ticks[0] if len(self.ticks) > 1 else 1.0
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        return f"{value:,.{decimals}f}".replace("-", "−") if abs(value) > step / 1e6 else "0"


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A series as it is drawn: thinned, with its class and marker."""

    series: Series
    points: tuple[tuple[float, float], ...]
    labels: tuple[str, ...]
    style: str
    marker: str
    first: int
    """Row of the table that tells its first point."""

    @property
    def has_markers(self) -> bool:
        return self.series.kind == "points" or (self.series.kind == "line" and 2 < len(self.points) <= _MOST_MARKERS)


def figure(curve: Curve, number: int) -> str:
    """The `<figure>` of a curve; `number` makes its ids unique on the page."""
    drawn = _drawn(curve.series)
    caption = f'<figcaption id="figure-{number}"><h3>{escaped(curve.title)}</h3>{_legend(drawn)}</figcaption>'
    note = f'<p class="note">{escaped(curve.note)}</p>' if curve.note else ""
    if not any(each.points for each in drawn):
        return f"<figure>{caption}<p>Nothing was measured.</p>{note}</figure>"
    plots = "".join(
        f'<div class="plot {size}" tabindex="0" role="group" aria-labelledby="figure-{number}" aria-describedby="steps">'
        f'{_plot(curve, drawn, width, height)}<div class="tip" role="status"></div></div>'
        for size, width, height in (("wide", 560, 350), ("narrow", 350, 300))
    )
    return f"<figure>{caption}{plots}{note}{_numbers(curve, drawn)}</figure>"


def _drawn(series: Sequence[Series]) -> list[_Drawn]:
    drawn = []
    row = others = 0
    for each in series:
        finite = [i for i, point in enumerate(each.points) if all(map(math.isfinite, point))]
        if each.kind == "line" and len(finite) > _MOST_POINTS:
            finite = [finite[round(i * (len(finite) - 1) / (_MOST_POINTS - 1))] for i in range(_MOST_POINTS)]
        labels = tuple(each.labels[i] if i < len(each.labels) else "" for i in finite)
        if each.ours:
            style, marker = "ours", "diamond" if each.kind == "points" else "circle"
        else:
            style, marker = f"c{others % _COLOURS + 1}", _MARKERS[others % len(_MARKERS)]
            others += 1
        drawn.append(_Drawn(each, tuple(each.points[i] for i in finite), labels, style, marker, row))
        row += len(finite)
    return drawn


def _legend(drawn: Sequence[_Drawn]) -> str:
    if len(drawn) < 2:
        return ""
    entries = []
    for each in drawn:
        mark = _LEGEND[each.series.kind]
        width = 30 if each.series.kind == "line" else 14
        if each.has_markers:
            mark += f'<g class="marker" transform="translate({width / 2:g} 8)">{_SHAPES[each.marker]}</g>'
        drawing = f'<svg viewBox="0 0 {width} 16" width="{width}" height="16" aria-hidden="true">{mark}</svg>'
        entries.append(f'<li class="{each.style}">{drawing}{escaped(each.series.name)}</li>')
    return f'<ul class="legend">{"".join(entries)}</ul>'


def _plot(curve: Curve, drawn: Sequence[_Drawn], width: int, height: int) -> str:
    bars = [each for each in drawn if each.series.kind == "bars"]
    xs = [x for each in drawn for x, _ in each.points]
    ys = [y for each in drawn for _, y in each.points]
    gap = _bar_gap(bars)
    top, bottom = 30, height - 46
    y = _scale(ys, bottom, top, wanted=5 if height > 320 else 4, from_zero=bool(bars))
    left = max(34, 14 + _LETTER * max(len(y.tick(tick)) for tick in y.ticks))
    right = width - 14
    wanted = 8 if width > 400 else 4
    if bars:
        x = _Scale(min(xs) - gap / 2, max(xs) + gap / 2, left, right, ())
        x = _Scale(x.low, x.high, left, right, _ticks_between(x.low, x.high, wanted, whole=all(value.is_integer() for value in xs)))
    else:
        x = _scale(xs, left, right, wanted=wanted)
    parts = [_axes(curve, x, y, left, right, bottom)]
    ordered = sorted(drawn, key=lambda each: each.series.ours)  # ours above the others
    for each in ordered:
        at = [(x(px), y(py)) for px, py in each.points]
        parts.append(f'<g class="series {each.style}" data-row="{each.first}" data-at="{" ".join(f"{px:.1f},{py:.1f}" for px, py in at)}">')
        if each.series.kind == "bars":
            share = (x(gap) - x(0)) * 0.82 / len(bars)
            offset = share * (bars.index(each) - len(bars) / 2)
            size = f'width="{max(share - 1, 0.5):.1f}" height='
            parts += [f'<rect class="bars" x="{px + offset:.1f}" y="{py:.1f}" {size}"{max(0.0, bottom - py):.1f}"/>' for px, py in at]
        elif each.series.kind == "line" and at:
            parts.append(f'<path class="line" d="M{"L".join(f"{px:.1f} {py:.1f}" for px, py in at)}"/>')
        if each.series.kind == "points" and each.series.ours:
            parts += [f'<path class="drop" d="M{left:.1f} {py:.1f}H{px:.1f}V{bottom:.1f}"/>' for px, py in at]
        if each.has_markers:
            parts += [f'<g class="marker" transform="translate({px:.1f} {py:.1f})">{_SHAPES[each.marker]}</g>' for px, py in at]
        parts.append("</g>")
    parts.append(_point_labels(ordered, x, y, (left, top, right, bottom)))
    parts.append('<circle class="here" r="9" visibility="hidden"/>')
    return f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escaped(_in_words(curve, drawn))}">{"".join(parts)}</svg>'


def _axes(curve: Curve, x: _Scale, y: _Scale, left: float, right: float, bottom: float) -> str:
    parts = ['<g class="axes">']
    for tick in y.ticks:
        at = y(tick)
        parts.append(f'<path class="grid" d="M{left:.1f} {at:.1f}H{right:.1f}"/>')
        parts.append(f'<text x="{left - 8:.1f}" y="{at + 4:.1f}" text-anchor="end">{y.tick(tick)}</text>')
    for tick in x.ticks:
        at = x(tick)
        parts.append(f'<path class="mark" d="M{at:.1f} {bottom:.1f}v5"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 19:.1f}" text-anchor="middle">{x.tick(tick)}</text>')
    parts.append(f'<path class="base" d="M{left:.1f} {bottom:.1f}H{right:.1f}"/>')
    parts.append(f'<text class="axis" x="0" y="13">{escaped(curve.y)}</text>')
    parts.append(f'<text class="axis" x="{right:.1f}" y="{bottom + 39:.1f}" text-anchor="end">{escaped(curve.x)}</text></g>')
    return "".join(parts)


def _scale(values: Sequence[float], start: float, end: float, *, wanted: int, from_zero: bool = False) -> _Scale:
    """From tick to tick around the values; from zero where they come near it."""
    low, high = min(values), max(values)
    if low >= 0 and (from_zero or low <= 0.35 * high):
        low = 0.0
    if high - low <= 1e-9 * max(1.0, abs(high)):
        low, high = (low - 0.5 * abs(low), high + 0.5 * abs(high)) if abs(high) > 1e-9 else (min(low, 0.0), 1.0)
    step = _step(low, high, wanted)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    return _Scale(first * step, last * step, start, end, tuple(i * step for i in range(first, last + 1)))


def _ticks_between(low: float, high: float, wanted: int, *, whole: bool) -> tuple[float, ...]:
    step = max(_step(low, high, wanted), 1.0 if whole else 0.0)
    return tuple(i * step for i in range(math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6) + 1))


def _step(low: float, high: float, wanted: int) -> float:
    """1, 2 or 5 times a power of ten, so that about `wanted` ticks stand between."""
    raw = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)


def _bar_gap(bars: Sequence[_Drawn]) -> float:
    """The least distance between two places of bars (of places that are one but for rounding, enough to divide by)."""
    places = sorted({x for each in bars for x, _ in each.points})
    least = min((after - before for before, after in pairwise(places)), default=1.0)
    return max(least, 1e-6 * max(map(abs, places), default=0.0), 1e-6)


def _point_labels(drawn: Sequence[_Drawn], x: _Scale, y: _Scale, frame: tuple[float, float, float, float]) -> str:
    """Short labels beside their points, where there is room: ours first, then single points, then points of lines."""
    left, top, right, bottom = frame
    sizes = [(12 if each.series.ours else 5, point) for each in drawn for point in each.points if each.series.kind == "points"]
    taken = [(x(px) - size, y(py) - size, x(px) + size, y(py) + size) for size, (px, py) in sizes]
    wanted = []
    for each in drawn:
        for i, (px, py) in enumerate(each.points):
            text = each.labels[i] or (each.series.name if len(each.points) == 1 else "")
            if len(each.points) > 1:  # "fixed k = 3" on the line "fixed k" is 3
                text = text.removeprefix(each.series.name).lstrip(" =:,") or text
            if each.has_markers and len(each.points) <= _MOST_MARKERS and 0 < len(text) <= _LONGEST_LABEL[each.series.kind]:
                wanted.append((not each.series.ours, each.series.kind == "line", each.style, text, x(px), y(py)))
    lines = [(x(a[0]), y(a[1]), x(b[0]), y(b[1])) for each in drawn if each.series.kind == "line" for a, b in pairwise(each.points)]
    parts = []
    for _, of_line, style, text, px, py in sorted(wanted, key=lambda each: each[:2]):
        width = len(text) * _LETTER
        away = 15 if style == "ours" else 8
        right_of, left_of, middle = px + away, px - away - width, px - width / 2
        beside = [(right_of, py + 4), (left_of, py + 4)]
        above_or_below = [(middle, py - away), (middle, py + away + 9)]
        corners = [(right_of - 2, py - away + 2), (left_of + 2, py - away + 2), (right_of - 2, py + away + 6), (left_of + 2, py + away + 6)]
        order = above_or_below + corners + beside if of_line else beside + above_or_below + corners
        spots = [(lx, ly, (lx - 2, ly - 11, lx + width + 2, ly + 3)) for lx, ly in order]
        inside = [each for each in spots if left <= each[2][0] and each[2][2] <= right + 12 and top - 8 <= each[2][1] and each[2][3] < bottom]
        free = [each for each in inside if not any(_overlap(each[2], other) for other in taken)]
        clear = [each for each in free if not any(_crosses(line, each[2]) for line in lines)]
        for lx, ly, spot in (clear or ([] if of_line else free))[:1]:
            taken.append(spot)
            parts.append(f'<text class="label {style}" x="{lx:.1f}" y="{ly:.1f}">{escaped(text)}</text>')
    return "".join(parts)


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _crosses(line: tuple[float, float, float, float], spot: tuple[float, float, float, float]) -> bool:
    """Whether a line runs through a spot, by a few places along it."""
    x0, y0, x1, y1 = line
    steps = max(2, int(max(abs(x1 - x0), abs(y1 - y0)) / 6))
    return any(
        spot[0] < x0 + (x1 - x0) * i / steps < spot[2] and spot[1] < y0 + (y1 - y0) * i / steps < spot[3] for i in range(steps + 1)
    )


def _in_words(curve: Curve, drawn: Sequence[_Drawn]) -> str:
    """What a person who does not see the drawing is told first; its numbers stand in the table below."""
    parts = []
    for each in drawn:
        if len(each.points) == 1:
            (x, y), = each.points
            parts.append(f"{each.series.name}: {curve.y} {plain(y)} at {curve.x} {plain(x)}")
        elif each.points:
            ys = [y for _, y in each.points]
            parts.append(f"{each.series.name}: {len(ys)} points, {curve.y} from {plain(min(ys))} to {plain(max(ys))}")
    return f"{curve.y} by {curve.x}. {'; '.join(parts)}."


def _numbers(curve: Curve, drawn: Sequence[_Drawn]) -> str:
    rows = []
    for each in drawn:
        head = f'<tr><th scope="row">{escaped(each.series.name)}</th>'
        for label, point in zip(each.labels, each.points, strict=True):
            cells = "".join(f'<td class="figure">{plain(value)}</td>' for value in point)
            rows.append(f"{head}<td>{escaped(label)}</td>{cells}</tr>")
    thinned = any(len(each.points) < len(each.series.points) for each in drawn)
    note = f"<p>Lines of more than {_MOST_POINTS} points are thinned here.</p>" if thinned else ""
    axes = "".join(f'<th scope="col" class="figure">{escaped(axis)}</th>' for axis in (curve.x, curve.y))
    return (
        f'<details class="numbers"><summary>The numbers of this figure</summary>{note}'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escaped(curve.title)}"><table><thead><tr><th scope="col">series</th>'
        f'<th scope="col">point</th>{axes}</tr></thead><tbody>{"".join(rows)}</tbody></table></div></details>'
    )
