"""passel data: the list, the comparison, and the one clear line where nothing can be fetched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from passel.agent.commands.data import data
from passel.evals.datasets import get, hub
from passel.tools.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one described split of our own."""
    place = tmp_path / "data"
    (place / "mine").mkdir(parents=True)
    (place / "mine" / "dev.jsonl").write_text(json.dumps({"id": "a", "question": "Which port?", "answers": ["Arn"]}) + "\n")
    monkeypatch.setattr(get, "SPLITS", tmp_path)
    monkeypatch.setattr(get, "SOURCES", {"mine/dev.jsonl": {"set": "hotpotqa", "splits": ["validation"]}})
    for file, text in get.describe_all(place):
        file.write_text(text)
    return place


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(data, list(arguments))


def test_the_list_names_every_split_with_its_digests() -> None:
    result = invoke("list", "--json")
    assert result.exit_code == 0
    found = {each["name"]: each for each in json.loads(result.stdout)["splits"]}
    assert found["hotpotqa/dev"]["questions"] == 700
    assert len(found["hotpotqa/dev"]["sha256"]) == 64
    assert "at_hand" not in found["hotpotqa/dev"]


def test_with_data_it_says_what_is_at_hand(folder: Path) -> None:
    assert json.loads(invoke("list", "--data", str(folder), "--json").stdout)["splits"][0]["at_hand"] == "same file"
    (folder / "mine" / "dev.jsonl").unlink()
    result = invoke("list", "--data", str(folder))
    assert "mine/dev" in result.stdout
    assert "not there" in result.stdout


def test_get_says_that_it_is_there(folder: Path) -> None:
    result = invoke("get", "mine/dev", "--data", str(folder))
    assert result.exit_code == 0
    assert "the very file" in result.stdout


def test_get_without_a_hub_says_what_to_put_where(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_reach(*_: Any) -> Any:
        raise UsageError("the hub cannot be reached")

    monkeypatch.setattr(hub, "_rows", out_of_reach)
    (folder / "mine" / "dev.jsonl").unlink()
    result = invoke("get", "mine/dev", "--data", str(folder))
    assert isinstance(result.exception, UsageError)
    assert str(folder / "official" / "hotpotqa") in result.exception.hint
