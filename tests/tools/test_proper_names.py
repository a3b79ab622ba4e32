"""Proper names: whole, without articles, lists taken apart; and none made of half a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.proper_names import proper_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Was the founder of the Tarn Light older than Ilse Marn?", ["Tarn Light", "Ilse Marn"]),
        ("Which is cheapest, the Merlin, the Osprey or the Heron?", ["Merlin", "Osprey", "Heron"]),
        ("Who designed the Heron, Merlin, and Osprey?", ["Heron", "Merlin", "Osprey"]),
        ("Which band was formed in Arn, Of Sedge or Vib Gyor?", ["Arn", "Of Sedge", "Vib Gyor"]),
        ("Which light is older, the Tarn Light, or the Karse Light?", ["Tarn Light", "Karse Light"]),
        ("Where is Paris, Texas?", ["Paris, Texas"]),
        ("Is Paris, Texas, or Rome, Italy, larger?", ["Paris, Texas", "Rome, Italy"]),
        ("Lighthouses of what?", []),
    ],
)
def test_names(text: str, names: list[str]) -> None:
    assert proper_names(text) == names


@pytest.mark.parametrize("text", ["東京の支店長は誰ですか", "谁是里加分行的经理？", "ใครเป็นผู้จัดการสาขาในริกา"])
def test_a_question_without_spaces_loses_no_character(text: str) -> None:
    assert all(text.startswith(name) for name in proper_names(text))


@given(st.text(max_size=200))
def test_names_stand_in_the_text(text: str) -> None:
    names = proper_names(text)
    assert len(set(names)) == len(names)
    assert all(name and name in " ".join(text.split()) for name in names)
