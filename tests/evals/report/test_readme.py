"""README's table: between its marks, made of the kept runs, and the committed one is what the shipped runs give."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from passel.evals.report import readme
from passel.evals.report.readme import BEGIN, END, SHIPPED
from passel.evals.report.results import SUFFIX, keep, load
from passel.evals.result import Estimate, Result
from passel.tools.errors import UsageError

ROOT = Path(__file__).parents[3]
MADE = {"command": "passel eval selection invented/dev.jsonl", "date": "2026-01-31", "commit": "abc1234"}


def result(experiment: str = "selection", name: str = "harbour/dev", **headline: Any) -> Result:
    settings = {"data": [{"name": name}], "setting": "pool", **MADE}
    return Result(experiment, settings, headline=headline, counts={"questions": 1_234})


# ---- the table ----


def test_a_table_by_experiment_with_a_row_by_run() -> None:
    found = [
        result("qa", "harbour/dev", EM=Estimate(0.5, 0.25, 0.75), failed=3),
        result("selection", "harbour/dev", tokens=Estimate(1234.4, 1100.0, 1300.0)),
        result("qa", "isles/dev", EM=Estimate(12.34, 11.0, 13.0), rival=None),
    ]
    text = readme.markdown(found)
    assert text.index("**Selection") < text.index("**Answers")  # in the order of the issue, not of the files
    assert "| data | questions | EM | failed | rival |\n| --- | --- | --- | --- | --- |\n" in text
    assert "| harbour/dev (pool) | 1234 | 0.500 (0.250 to 0.750) | 3 | – |" in text
    assert "| isles/dev (pool) | 1234 | 12.3 (11.0 to 13.0) | – | – |" in text
    assert "| 1,234 (1,100 to 1,300) |" in text
    assert "- `passel eval selection invented/dev.jsonl`: 2026-01-31 at commit abc1234\n" in text


def test_dropped_gold_and_the_reranker_stand_in_the_name() -> None:
    dropped = result()
    dropped = replace(dropped, settings={**dropped.settings, "drop_gold": "one", "rate": 0.25})
    assert "| harbour/dev (pool; one gold dropped in 25%) |" in readme.markdown([dropped])
    reranked = result("rerank")
    reranked = replace(reranked, settings={**reranked.settings, "reranker": "pointwise"})
    assert "| harbour/dev (reranker pointwise) |" in readme.markdown([reranked])


@pytest.mark.usefixtures("quick")
def test_a_run_of_an_experiment_of_ones_own_is_named(invented: Any, measure: Callable[..., Any], tmp_path: Path) -> None:
    run = measure("retrieval", invented.dev, setting="pool")
    kept = keep(replace(run.result, experiment="first", settings={**run.result.settings, **MADE}), run.setup.questions, run.lines, tmp_path)
    with pytest.raises(UsageError, match="no table here") as raised:
        readme.results(tmp_path)
    assert str(kept) in str(raised.value)


@pytest.mark.usefixtures("quick")
def test_it_is_made_of_the_kept_runs(invented: Any, measure: Callable[..., Any], tmp_path: Path) -> None:
    rows = []
    for experiment, options in (("retrieval", {"setting": "pool"}), ("qa", {"limit": 16}), ("abstain", {"drop": "one", "rate": 0.5})):
        run = measure(experiment, invented.dev, **options)
        kept = replace(run.result, settings={**run.result.settings, **MADE})
        keep(kept, run.setup.questions, run.lines, tmp_path)
        rows.append(kept)
    found = readme.results(tmp_path)
    assert {one.experiment for one in found} == {"retrieval", "qa", "abstain"}
    text = readme.markdown(found)
    assert text == readme.markdown(rows)  # of the runs themselves
    assert "nan" not in text.lower()
    assert len(re.findall(r"^\| invented/dev", text, re.MULTILINE)) == 3


def test_a_folder_without_kept_runs_is_said(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError, match="no kept runs"):
            readme.results(folder)


# ---- the file ----


def test_only_what_is_between_the_marks_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    before, after = "# Häven\r\n\nTables below.\n\n", "\n\n## Limits\n\nNone \\1 \\g<0>.\n"
    file.write_bytes(f"{before}{BEGIN}\nold\n| table |\n{END}{after}".encode())
    readme.write_into(file, r"new \1 \g<0> table")
    made = file.read_bytes().decode()
    assert made == f"{before}{BEGIN}\n\nnew \\1 \\g<0> table\n\n{END}{after}"
    readme.write_into(file, r"new \1 \g<0> table")
    assert file.read_bytes().decode() == made


@pytest.mark.parametrize("content", ["", "no marks", f"{BEGIN} alone", f"{END} alone", f"{END} the wrong way round {BEGIN}"])
def test_a_file_without_the_marks_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    file = tmp_path / "README.md"
    file.write_text(content)
    with pytest.raises(UsageError, match="no place for the results"):
        readme.write_into(file, "new")
    assert file.read_text() == content


# ---- the committed one ----


@pytest.fixture
def committed() -> str:
    if not sorted(SHIPPED.glob(f"*{SUFFIX}")):
        pytest.skip(f"no runs are shipped in {SHIPPED}: passel eval … --results DIR makes them")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    return text.partition(BEGIN)[2].partition(END)[0].strip()


@pytest.mark.slow
def test_the_committed_table_is_what_the_shipped_runs_give(committed: str) -> None:
    """Half a minute: the figures of all dev files with all their intervals."""
    assert committed == readme.markdown(readme.results())


def test_the_committed_table_has_a_row_for_each_shipped_run(committed: str, tmp_path: Path) -> None:
    """And the rows of the smallest are what these runs give: the quick part of the test above."""
    files = sorted(SHIPPED.glob(f"*{SUFFIX}"), key=lambda file: file.stat().st_size)
    runs = [load(file) for file in files]
    rows = [line for line in committed.splitlines() if line.startswith("| ") and not line.startswith(("| data ", "| --- "))]
    assert len(rows) == len(runs)
    for run in runs:
        assert f"`{run.settings['command']}`" in committed
        assert f"{run.settings['date']} at commit {run.settings['commit']}" in committed
    for file in files[:3]:
        (tmp_path / file.name).write_bytes(file.read_bytes())
    for line in readme.markdown(readme.results(tmp_path)).splitlines():
        if line.startswith("| ") and not line.startswith(("| data ", "| --- ")):
            assert any(set(line.split("|")) <= set(row.split("|")) for row in rows)  # a column may be there for the others' sake
