"""The predictions file: appended, resumed, cut where a process was killed, and never mixed."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.evals.predictions import Predictions, failed_line, key_of, ranked_line, select_in
from passel.evals.question import Question
from passel.tools.candidate import Candidate, Hit
from passel.tools.errors import UsageError
from passel.tools.passage import Passage

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "answer.schema.json").read_text())


def _question(n: int) -> Question:
    return Question(f"q{n}", f"Who built the tower {n}?", dataset="set")


def _line(n: int, k: int = 2) -> dict:
    candidates = [Candidate(f"p{i}", (Hit("dense", "q", i, 0.5),), Passage(f"p{i}", "s", f"Text {i}.", f"Title {i}")) for i in range(3)]
    return select_in(ranked_line(_question(n), candidates, [0.9, 0.5, 0.1], [3, 4, 5]), range(k), reason="fixed")


def test_a_line_fits_the_published_schema_and_tells_what_was_selected() -> None:
    line = _line(1)
    jsonschema.validate(line, SCHEMA)
    jsonschema.validate(failed_line(_question(1), "no"), SCHEMA)
    assert [passage["title"] for passage in line["selected"]] == ["Title 0", "Title 1"]
    assert line["usage"]["evidence_tokens"] == 7
    assert _line(1, k=0)["outcome"] == "abstained"


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "p.jsonl"
    with Predictions(file, "run") as predictions:
        predictions.add(_line(1))
        predictions.add(_line(2))
    with Predictions(file, "run") as again:
        assert list(again.lines) == [("set", "q1", "selector"), ("set", "q2", "selector")]
        again.add(_line(3))
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == ["q1", "q2", "q3"]
    assert [path.name for path in file.parent.iterdir()] == ["p.jsonl"]


@given(cut=st.integers(1, 400))
def test_the_half_of_a_line_that_a_killed_process_left_is_cut_off(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    file = tmp_path_factory.mktemp("cut") / "p.jsonl"
    with Predictions(file, "run") as predictions:
        predictions.add(_line(1))
        predictions.add(_line(2))
    whole = file.read_bytes()
    file.write_bytes(whole[:-cut])
    with Predictions(file, "run") as predictions:
        assert list(predictions.lines) == [("set", "q1", "selector")]
        predictions.add(_line(2))
    assert file.read_bytes() == whole


def test_another_runs_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    with Predictions(file, "one") as predictions:
        predictions.add(_line(1))
    before = file.read_bytes()
    with pytest.raises(UsageError, match="another run"):
        Predictions(file, "two")
    assert file.read_bytes() == before
    with Predictions(file, "one"):  # and the lock is free again
        pass


@pytest.mark.parametrize("content", ["not json\n", '{"question": "no id"}\n', "[1, 2]\n", "12\n"])
def test_a_file_of_something_else_is_refused_by_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "notes.txt"
    file.write_text(content)
    with pytest.raises(UsageError, match=r"notes\.txt:1 is no prediction"):
        Predictions(file, "run")
    assert file.read_text() == content


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    with Predictions(tmp_path / "p.jsonl", "run"), pytest.raises(UsageError, match="another process"):
        Predictions(tmp_path / "p.jsonl", "run")


def test_replacing_keeps_the_order_given(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    with Predictions(file, "run") as predictions:
        predictions.add(_line(2))
        predictions.replace([_line(1), _line(2), {**_line(1), "variant": "fixed"}])
        predictions.add(_line(3))
    keys = [key_of(json.loads(line)) for line in file.read_text().splitlines()]
    assert keys == [("set", "q1", "selector"), ("set", "q2", "selector"), ("set", "q1", "fixed"), ("set", "q3", "selector")]


def test_without_a_file_lines_are_remembered() -> None:
    with Predictions(None, "run") as predictions:
        predictions.add(_line(1))
        assert len(predictions.lines) == 1
