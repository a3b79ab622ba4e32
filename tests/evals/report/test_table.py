"""A Result on a terminal: no cell is ever broken, nothing of the data is read as markup, and every figure is there."""

from __future__ import annotations

import io
import re
from typing import Literal

import pytest
from rich.console import Console

from passel.evals.report.table import tables
from passel.evals.result import Estimate, Result, Row, Table

HOSTILE = "[bold red]Mole[/] [link=x] \x1b[31m\u202edeh"


def estimate(value: float, half: float = 0.015) -> Estimate:
    return Estimate(value, value - half, value + half)


def sweep(columns: int = 7) -> Table:
    rows = [Row("selector", tuple(estimate(0.8 + i / 100) for i in range(columns)), ours=True)]
    rows += [Row(f"fixed k = {k}", tuple(estimate(0.5 + i / 100 + k / 1000) for i in range(columns)), best=k == 3) for k in range(1, 11)]
    names = tuple(f"metric number {i}" for i in range(columns))
    return Table("Fixed k and the selector", names, tuple(rows), note="Baselines chose on the measured file.")


def result(*sheets: Table) -> Result:
    return Result(
        "selection",
        {"data": {"name": "harbour/dev", "questions": 1200}, "setting": "distractor", "seed": 0},
        metrics={"support_f1": Estimate(0.731, 0.702, 0.758), "evidence_tokens": Estimate(1204.46, 1100.0, 1300.0)},
        tables=list(sheets),
        counts={"questions": 1200, "failed": 3},
        latency={"p50": 41.2, "p95": 12_400.0},
        notes=["A failure counts as wrong."],
    )


def printed(result: Result, width: int = 100, *, colour: bool = False) -> str:
    out = io.StringIO()
    system: Literal["standard"] | None = "standard" if colour else None
    console = Console(file=out, width=width, force_terminal=colour, markup=True, emoji=True, highlight=False, color_system=system)
    for part in tables(result):
        console.print(part)
    return out.getvalue()


def test_headline_counts_latency_and_notes_are_printed() -> None:
    text = printed(result())
    assert "Selection on harbour/dev" in text
    assert re.search(r"support F1\s+0\.731  \[0\.702, 0\.758\]", text)
    assert re.search(r"evidence tokens\s+1,204\.5  \[1,100\.0, 1,300\.0\]", text)
    assert "1,200 questions · 3 failed" in text
    assert "p50 41 ms · p95 12.4 s" in text
    assert "A failure counts as wrong." in text


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_no_line_is_wider_and_no_cell_is_broken(width: int) -> None:
    text = printed(result(sweep()), width)
    assert max(map(len, text.splitlines())) <= width
    rows = [line for line in text.splitlines() if re.match(r"\s*(▸ selector|fixed k = \d+)", line)]
    assert len(rows) % 11 == 0  # each block has all rows, each in one line
    for k in range(1, 11):
        cells = " ".join(line for line in rows if re.match(rf"\s*fixed k = {k}\b", line))
        for i in range(7):
            value = 0.5 + i / 100 + k / 1000
            low, high = f"{value - 0.015:.3f}", f"{value + 0.015:.3f}"
            assert f"{value:.3f} [{low}, {high}]" in cells or f"{value:.3f} {low[1:]}–{high[1:]}" in cells


def test_a_wide_table_takes_as_few_blocks_as_it_can() -> None:
    assert printed(result(sweep(4)), 120).count("fixed k = 1 ") == 1
    assert printed(result(sweep(4)), 100).count("fixed k = 1 ") == 1  # with short intervals
    assert printed(result(sweep(9)), 100).count("fixed k = 1 ") == 3
    assert printed(result(sweep(2)), 100).count("[") > 20  # full intervals where there is room


def test_a_short_interval_never_lets_a_dash_look_like_a_minus() -> None:
    table = Table("Differences", tuple("abcde"), (Row("against knee", tuple(Estimate(-0.012, -0.031, 0.007) for _ in range(5))),))
    assert "-.031 to .007" in printed(result(table), 125)


def test_ours_and_the_best_are_marked_without_colour() -> None:
    text = printed(result(sweep()))
    assert "▸ selector" in text
    assert "fixed k = 3 (best)" in text
    assert "\x1b" not in text


def test_cells_of_every_kind() -> None:
    table = Table("Mixed", ("f1", "n", "rule", "tokens"), (Row("a", (0.5, 12345, "knee", 212.44)), Row("b", (None, None, None, 3.0))))
    lines = printed(result(table)).splitlines()
    assert any(re.search(r"\ba\s+0\.500\s+12,345\s+knee\s+212\.4", line) for line in lines)
    assert any(re.search(r"\bb\s+–\s+–\s+–\s+3\.0", line) for line in lines)


def test_nothing_from_data_is_markup_and_nothing_moves_the_cursor() -> None:
    table = Table(HOSTILE, (HOSTILE,), (Row(HOSTILE, (HOSTILE,)),), note=HOSTILE)
    hostile = Result(HOSTILE, {"data": HOSTILE, "note": HOSTILE}, {HOSTILE: estimate(0.5)}, [table], [], {HOSTILE: 1}, {HOSTILE: 1.0}, [HOSTILE])
    text = printed(hostile, 160)
    assert text.count("[bold red]Mole[/]") >= 9
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", text)
    assert "\u202e" not in printed(hostile, 160, colour=True)


def test_an_empty_result_and_a_table_without_rows_print() -> None:
    assert "Abstain" in printed(Result("abstain", {}))
    assert "Nothing here" in printed(result(Table("Nothing here", ("a", "b"), ())))


def test_a_long_label_is_folded_and_kept() -> None:
    label = "a variant with a name that says every setting it was run with, and more"
    text = " ".join(printed(result(Table("Long", ("f1",), (Row(label, (0.5,)),))), 60).split())
    assert all(word in text for word in label.split())
