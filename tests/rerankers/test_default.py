"""The trained weights that come with the package: loaded once, shared, and replaced by a folder of one's own."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from passel.rerankers.calibration import CALIBRATION, Calibration
from passel.rerankers.default import WEIGHTS, calibration, default_selector, digest, pair_model
from passel.rerankers.selection import EMPTY
from passel.rerankers.selector.policy import MOST
from passel.rerankers.selector.selector import SELECTOR, load_network, save_network
from passel.tools.candidate import Candidate, Hit
from passel.tools.errors import PasselError, UsageError
from passel.tools.pair import PAIR
from passel.tools.passage import Passage

TEXTS = {
    "Tarn Light": "The Tarn Light is a lighthouse that Mirel Ostane built in 1840.",
    "Mirel Ostane": "Mirel Ostane was an engineer, born in Brackwater in 1811.",
    "Goose": "A goose eats grass.",
    "Barn": "The barn was painted red in 1802.",
}


@pytest.fixture
def candidates() -> list[Candidate]:
    passages = [Passage(id=title, source=title, title=title, text=text) for title, text in TEXTS.items()]
    return [Candidate(passage.id, (Hit("dense", "q", rank, 0.5 - rank / 10),), passage) for rank, passage in enumerate(passages)]


def stopping(folder: Path, shift: float) -> Path:
    """A folder with a selector of one's own, the bundled one with `shift` on STOP, and no pair model."""
    network = load_network(WEIGHTS / SELECTOR)
    with torch.no_grad():
        network.stop_bias.add_(shift)
        network.empty_bias.add_(shift)
    folder.mkdir()
    save_network(network, folder / SELECTOR)
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """One that stops at once."""
    return stopping(tmp_path / "own", 100.0)


def test_the_bundled_selector_chooses_evidence(encoder: Any, candidates: list[Candidate]) -> None:
    found = default_selector(encoder).select("Who built the Tarn Light?", candidates, token_budget=2000)
    assert found.ids[0] == "Tarn Light"
    assert "Goose" not in found.ids
    assert set(found.ranked) == set(TEXTS)
    assert found.tokens == sum(encoder.count_tokens([TEXTS[id] for id in found.ids]))


def test_a_calibration_promises_of_one_generator_alone(tmp_path: Path) -> None:
    bundled = calibration()
    assert bundled.least_confidence(0.2, None, None) > 0
    assert bundled.least_confidence(None, None, "openai:some") == 0.0
    with pytest.raises(UsageError, match="embedded generator") as error:
        bundled.least_confidence(0.2, None, "openai:some")
    assert "train calibrator … --model openai:some" in error.value.hint
    of_chat = replace(bundled, model="openai:some")
    of_chat.save(tmp_path / CALIBRATION)
    assert Calibration.load(tmp_path / CALIBRATION) == of_chat
    assert of_chat.least_confidence(0.2, None, "openai:some") > 0
    for other in (None, "openai:another"):
        with pytest.raises(UsageError, match="is of openai:some"):
            of_chat.least_confidence(0.2, None, other)


def test_there_is_one_pair_model_for_the_whole_process(encoder: Any, own: Path) -> None:
    assert pair_model() is pair_model(WEIGHTS) is default_selector(encoder).pair
    assert default_selector(encoder, weights=own).pair is pair_model(own) is pair_model()  # a folder without one uses the bundled one
    assert default_selector(encoder).network is default_selector(encoder).network


def test_a_folder_of_one_s_own_is_used(encoder: Any, own: Path, candidates: list[Candidate]) -> None:
    found = default_selector(encoder, weights=own).select("Who built the Tarn Light?", candidates, token_budget=2000)
    assert found.ids == EMPTY.ids == ()
    assert found.stop_reason.startswith("stop")
    shutil.copyfile(WEIGHTS / PAIR, own / PAIR)
    assert pair_model(own) is not pair_model()


def test_no_more_passages_than_asked_for(encoder: Any, candidates: list[Candidate], tmp_path: Path) -> None:
    greedy = stopping(tmp_path / "greedy", -100.0)
    chosen = default_selector(encoder, weights=greedy).select("Who built the Tarn Light?", candidates, token_budget=2000)
    two = default_selector(encoder, weights=greedy, most=2).select("Who built the Tarn Light?", candidates, token_budget=2000)
    assert set(chosen.ids) == set(TEXTS)
    assert two.ids == chosen.ids[:2]
    assert two.stop_reason == "at most 2 passages"
    assert default_selector(encoder).most == MOST


def test_a_folder_without_a_selector_is_one_clear_line(encoder: Any, tmp_path: Path) -> None:
    with pytest.raises(PasselError, match=SELECTOR) as told:
        default_selector(encoder, weights=tmp_path / "none")
    assert "\n" not in str(told.value)
    (tmp_path / SELECTOR).write_bytes(b"this is no safetensors file")
    with pytest.raises(PasselError, match="holds no list policy") as told:
        default_selector(encoder, weights=tmp_path)
    assert "passel train selector" in told.value.hint


def test_the_digest_tells_weights_apart_and_not_folders(own: Path, tmp_path: Path) -> None:
    bundled = digest()
    assert len(bundled) == 16
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in (PAIR, SELECTOR):
        shutil.copyfile(WEIGHTS / name, copy / name)
    assert digest(copy) == bundled
    assert digest(own) != bundled
    shutil.copyfile(WEIGHTS / PAIR, own / PAIR)
    with_pair = digest(own)
    (own / PAIR).write_bytes((own / PAIR).read_bytes() + b" ")
    assert digest(own) != with_pair
