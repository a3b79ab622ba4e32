"""A training's page: every column of what a trainer wrote is drawn, whatever is missing from it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from passel.evals.report import training
from passel.evals.report.training import write_page
from passel.evals.result import Result

IMITATION = "epoch,loss,score,films pool\n1,2.5,0.25,0.5\n2,1.5,0.75,0.5\n"
GRPO = "step,reward,length,kl,val reward,alarm\n0.0,,,,0.5,\n1.0,0.4,2.0,0.1,,\n2.0,0.6,2.5,nan,0.7,1.0\n"


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    """What was made into pages."""
    results: list[Result] = []
    page = training.page

    def watched(result: Result, questions: Any) -> str:
        results.append(result)
        return page(result, questions)

    monkeypatch.setattr(training, "page", watched)
    return results


def curves(result: Result) -> dict[str, dict[str, tuple[tuple[float, float], ...]]]:
    return {curve.title: {series.name: series.points for series in curve.series} for curve in result.curves}


def test_every_column_is_drawn_over_its_steps(tmp_path: Path, drawn: list[Result]) -> None:
    (tmp_path / "imitation.csv").write_text(IMITATION)
    (tmp_path / "grpo.csv").write_text(GRPO.replace("nan", "0.3"))
    assert write_page(tmp_path, "train selector", {}) == tmp_path / "training.html"
    assert curves(drawn[0]) == {
        "imitation": {"score": ((1.0, 0.25), (2.0, 0.75)), "films pool": ((1.0, 0.5), (2.0, 0.5))},
        "imitation: loss": {"loss": ((1.0, 2.5), (2.0, 1.5))},
        "GRPO: reward and its terms": {
            "reward": ((1.0, 0.4), (2.0, 0.6)),
            "val reward": ((0.0, 0.5), (2.0, 0.7)),
            "alarm": ((2.0, 1.0),),
        },
        "GRPO: length": {"length": ((1.0, 2.0), (2.0, 2.5))},
        "GRPO: kl": {"kl": ((1.0, 0.1), (2.0, 0.3))},
    }
    assert {curve.x for curve in drawn[0].curves} == {"epoch", "step"}


def test_the_reader_s_curves(tmp_path: Path, drawn: list[Result]) -> None:
    (tmp_path / "curves.csv").write_text("step,examples,seconds,norm,relevance,span\n20,400,12.5,1.5,0.5,2.0\n40,800,25.0,1.25,0.25,1.0\n")
    (tmp_path / "val.csv").write_text("epoch,score,films rprec\n1,0.5,0.75\n")
    write_page(tmp_path, "train reader", {})
    found = curves(drawn[0])
    assert found["losses"] == {"relevance": ((20.0, 0.5), (40.0, 0.25)), "span": ((20.0, 2.0), (40.0, 1.0))}
    assert found["losses: examples"] == {"examples": ((20.0, 400.0), (40.0, 800.0))}
    assert found["on val"] == {"score": ((1.0, 0.5),), "films rprec": ((1.0, 0.75),)}


def test_the_page_says_what_was_trained_on_what(tmp_path: Path) -> None:
    (tmp_path / "imitation.csv").write_text(IMITATION)
    page = write_page(tmp_path, "train selector", {"data": "films/<dev>.jsonl", "corpus": None, "answers only": True, "seed": 0}).read_text()
    for words in ("<!DOCTYPE html>", "Train selector", "films/&lt;dev&gt;.jsonl", "Answers only", "Seed", "films pool", "imitation: loss"):
        assert words in page
    assert "Corpus" not in re.sub(r"<(script|style)[^>]*>.*?</\1>", "", page, flags=re.DOTALL)


def test_the_page_says_what_the_curves_do_not(tmp_path: Path) -> None:
    assert "as they &lt;were&gt;" in write_page(tmp_path, "train selector", {}, ["the bundled weights, as they <were>"]).read_text()


def test_what_is_no_number_leaves_a_gap(tmp_path: Path) -> None:
    (tmp_path / "grpo.csv").write_text(GRPO)
    page = write_page(tmp_path, "train selector", {}).read_text()
    assert "GRPO: kl" in page
    assert not re.search(r'(?:d|points|cx|cy|x|y|x1|y1)="[^"]*\b(?:nan|inf)', page)


@pytest.mark.parametrize("content", [None, "", "epoch,loss\n"])
def test_where_nothing_was_drawn_there_is_a_page_all_the_same(tmp_path: Path, drawn: list[Result], content: str | None) -> None:
    if content is not None:
        (tmp_path / "imitation.csv").write_text(content)
    assert write_page(tmp_path, "train selector", {"data": "films"}).read_text().startswith("<!DOCTYPE html>")
    assert drawn[0].curves == []


def test_it_is_written_anew_each_time(tmp_path: Path) -> None:
    (tmp_path / "imitation.csv").write_text(IMITATION)
    first = write_page(tmp_path, "train selector", {}).read_text()
    (tmp_path / "imitation.csv").write_text(IMITATION + "3,1.0,0.875,0.5\n")
    assert write_page(tmp_path, "train selector", {}).read_text() != first
    (tmp_path / "imitation.csv").write_text(IMITATION)
    assert write_page(tmp_path, "train selector", {}).read_text() == first
