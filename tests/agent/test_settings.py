"""Settings: where they come from, which one wins, and what a person is told of a bad one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from passel.agent.settings import Settings, corpus_path
from passel.tools.budget import Budget
from passel.tools.errors import UsageError


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting from outside the test: neither the environment's nor a file's."""
    for name in os.environ:
        if name.startswith("PASSEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PASSEL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def test_the_defaults_need_no_key_no_server_and_no_model() -> None:
    settings = Settings.load()
    assert (settings.model, settings.base_url, settings.encoder, settings.chroma_server) == (None, None, None, None)
    assert settings.budget == Budget()
    assert settings.corpus_path() == Path(os.environ["PASSEL_HOME"]) / "corpora" / "default"


def test_given_beats_environment_beats_dotenv_beats_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("passel.toml").write_text('corpus = "toml"\npassages = 3\n[budget]\nseconds = 5\n')
    assert Settings.load().corpus == "toml"
    Path(".env").write_text("PASSEL_CORPUS=dotenv\nSOMETHING_ELSE=1\n")
    assert Settings.load().corpus == "dotenv"
    monkeypatch.setenv("PASSEL_CORPUS", "environment")
    assert Settings.load().corpus == "environment"
    settings = Settings.load(corpus="given", model=None)
    assert settings.corpus == "given"
    assert settings.passages == 3


def test_limits_of_the_budget_add_up_from_all_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("passel.toml").write_text("[budget]\nseconds = 5\ncalls = 9\n")
    Path(".env").write_text("PASSEL_BUDGET__TOKENS=700\n")
    monkeypatch.setenv("PASSEL_BUDGET__CALLS", "4")
    assert Settings.load().budget == Budget(calls=4, tokens=700, seconds=5.0)


def test_an_empty_variable_is_as_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSEL_CORPUS", "")
    assert Settings.load().corpus == "default"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PASSEL_PASSAGES", "0", "passages"),
        ("PASSEL_PASSAGES", "many", "'many'"),
        ("PASSEL_BUDGET__CALLS", "0", "calls must be more than 0"),
        ("PASSEL_BUDGET__CALLS", "some", "budget.calls"),
        ("PASSEL_BUDGET__SECONDS", "nan", "seconds must be more than 0"),
        ("PASSEL_BUDGET", "four", "budget"),
    ],
)
def test_a_bad_value_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(UsageError) as caught:
        Settings.load()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)
    assert caught.value.hint


def test_all_bad_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSEL_PASSAGES", "0")
    monkeypatch.setenv("PASSEL_BUDGET__SECONDS", "soon")
    with pytest.raises(UsageError, match=r"(?s)(?=.*passages)(?=.*budget\.seconds)"):
        Settings.load()


@pytest.mark.parametrize("name", ["PASSEL_MODLE", "passel_api_keys", "PASSEL_HOME"])
def test_a_misspelt_name_in_the_env_file_does_not_go_unnoticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(f"{name}=x\nSOMETHING_ELSE=1\n")
    with pytest.raises(UsageError, match=rf"\.env sets {name.lower().removeprefix('passel_')}, which (is no setting|belongs in the environment)"):
        Settings.load()
    monkeypatch.setenv("PASSEL_HOME", "x")
    if name == "PASSEL_HOME":  # exported too, as docker does it: then it is in force
        assert Settings.load().corpus == "default"


@pytest.mark.parametrize("content", [b"corpus = \n", b"corpus = '\xff'\n"])
def test_a_broken_toml_file_is_a_usage_error(content: bytes) -> None:
    Path("passel.toml").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        Settings.load()
    assert "passel.toml" in caught.value.hint


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().corpus = "other"  # type: ignore[misc]


def test_a_corpus_is_a_path_where_it_looks_like_one_else_a_name(tmp_path: Path) -> None:
    assert corpus_path("wiki") == tmp_path / "home" / "corpora" / "wiki"
    assert corpus_path("./wiki") == Path("wiki")
    assert corpus_path("~/wiki") == Path.home() / "wiki"
    assert corpus_path(str(tmp_path / "x")) == tmp_path / "x"


@pytest.mark.parametrize("name", ["", "  ", "-x"])
def test_what_can_be_no_name_of_a_corpus_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no name"):
        corpus_path(name)
