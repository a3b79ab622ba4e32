"""What the network knows of a candidate, by hand."""

from __future__ import annotations

from math import log1p
from typing import Any

import numpy as np
import pytest

from passel.rerankers.selector.features import FEATURES, VECTOR, ListInput, list_input
from passel.tools.candidate import Candidate, Hit
from passel.tools.pair import AnswerSpan, PairReading
from passel.tools.passage import Passage

RELEVANCE_NAMED, RELEVANCE_BARE, SPAN_NAMED, SPAN_BARE, DENSE, LEXICAL, LINKED, NAMING = range(8)
SCORE, TOKENS, TITLE, IS_NAMED, BY_QUESTION, PLACE, BEHIND, LIKE_FIRST, SIZE, SIBLINGS, COMPARES = range(8, 19)


def reading(direction: tuple[float, ...], relevance: float, yes: float = 0.0, *spans: float) -> PairReading:
    vector = np.zeros(VECTOR, np.float32)
    vector[: len(direction)] = direction
    return PairReading(vector, relevance, yes, tuple(AnswerSpan(0, 1, score) for score in spans))


HALL = Candidate(
    "hall",
    (Hit("dense", "q", 3, 0.5), Hit("dense", "q2", 1, 0.6), Hit("lexical", "q", 0, 9.0), Hit("linked", "q", 4, 0.5, via=None)),
    Passage("hall", "hall", "Ilse Marn designed it.", title="Harbour Hall (building)"),
)
MARN = Candidate(
    "marn", (Hit("linked", "q", 2, 0.4, via="hall", naming=(0, 21)),), Passage("marn", "marn", "She was born in Sedge.", title="Ilse Marn")
)
MILL = Candidate(
    "mill", (Hit("naming", "q", 1, 0.3, via="marn"), Hit("linked", "q", 0, 0.3, via="gone", naming=(0, 4))), Passage("mill", "mill", "A mill.")
)
NAMED = [reading((3, 0), 2.0, 0.4, 5.0, 1.0), reading((0, 2), 6.0, -0.8, -20.0), reading((1, 1), -4.0)]
BARE = [reading((9, 9), 1.0, 0.0, 4.0), reading((9, 9), -2.0, 0.0, -5.0), reading((9, 9), 0.0)]


@pytest.fixture
def listed() -> ListInput:
    return list_input("Who designed the HARBOUR HALL?", [HALL, MARN, MILL], NAMED, BARE, [6, 5, 0])


def test_every_figure_by_hand(listed: ListInput) -> None:
    wanted = np.array([1 + 0 + 0.5**0.5, 0 + 1 + 0.5**0.5]) / 3  # all three are the first three
    units = [(1, 0), (0, 1), (0.5**0.5, 0.5**0.5)]
    expected: dict[int, list[float]] = {
        RELEVANCE_NAMED: [0.5, 1.5, -1.0],
        RELEVANCE_BARE: [0.25, -0.5, 0.0],
        SPAN_NAMED: [1.0, -2.0, -2.0],
        SPAN_BARE: [0.8, -1.0, -2.0],
        DENSE: [1 / 2, 0, 0],
        LEXICAL: [1, 0, 0],
        LINKED: [1 / 5, 1 / 3, 1],
        NAMING: [0, 0, 1 / 2],
        SCORE: [1, 2 / 63 / (1 / 64 + 1 / 62 + 1 / 61 + 2 / 65), 2 / 61 / (1 / 64 + 1 / 62 + 1 / 61 + 2 / 65)],
        TOKENS: [log1p(6) / 5, log1p(5) / 5, 0],
        TITLE: [1, 0, 0],
        IS_NAMED: [0, 1, 0],
        BY_QUESTION: [1, 0, 0],
        PLACE: [1 / 2, 1, 1 / 3],
        BEHIND: [-1, 0, -2.5],
        LIKE_FIRST: [float(np.dot(unit, wanted)) for unit in units],
        SIZE: [log1p(3) / 4] * 3,
        SIBLINGS: [0, 0, 0],
        COMPARES: [0, 0, 0],
    }
    assert len(expected) == FEATURES == listed.features.shape[1]
    for feature, values in expected.items():
        assert listed.features[:, feature].tolist() == pytest.approx(values, abs=1e-5), feature


def test_who_names_whom(listed: ListInput) -> None:
    assert np.argwhere(listed.names).tolist() == [[0, 1], [1, 2]]  # hall names marn, marn stands beside mill; "gone" is not here


def test_vectors_are_those_read_with_the_naming_sentence_and_tokens_as_given(listed: ListInput) -> None:
    assert listed.vectors[:, :2].tolist() == [[3, 0], [0, 2], [1, 1]]
    assert listed.tokens.tolist() == [6, 5, 0]
    assert (listed.vectors.dtype, listed.features.dtype, listed.names.dtype, listed.tokens.dtype) == (np.float32, np.float32, np.bool_, np.int64)


def test_only_the_first_three_by_relevance_stand_for_what_is_wanted() -> None:
    found = [Candidate(str(n), (), Passage(str(n), "s", "text")) for n in range(5)]
    read = [reading((0, 1), -9.0), *(reading((1, 0), 5.0 - n) for n in range(3)), reading((0, -7), -8.0)]
    features = list_input("q", found, read, read, [1] * 5).features
    assert features[:, LIKE_FIRST].tolist() == pytest.approx([0, 1, 1, 1, 0], abs=1e-6)
    assert features[:, PLACE].tolist() == pytest.approx([1 / 5, 1, 1 / 2, 1 / 3, 1 / 4], abs=1e-6)


@pytest.mark.parametrize(
    ("title", "question", "there"),
    [("Ilse Marn", "where was ilse marn born", 1), ("Marn (river)", "How long is the Marn?", 1), ("", "anything", 0), ("Sedge", "The mill", 0)],
)
def test_a_title_in_the_question(title: str, question: str, there: float) -> None:
    found = [Candidate("a", (), Passage("a", "a", "text", title=title))]
    assert list_input(question, found, NAMED[:1], BARE[:1], [1]).features[0, TITLE] == there


def test_passages_of_one_title_are_siblings() -> None:
    titles = ["Sedge", "Arn", "Sedge", "", "", "Sedge"]
    found = [Candidate(str(n), (), Passage(str(n), str(n), "text", title=title)) for n, title in enumerate(titles)]
    listed = list_input("q", found, NAMED[:1] * 6, BARE[:1] * 6, [1] * 6)
    assert np.argwhere(listed.siblings).tolist() == [[0, 2], [0, 5], [2, 0], [2, 5], [5, 0], [5, 2]]
    assert listed.features[:, SIBLINGS].tolist() == pytest.approx([log1p(2), 0, log1p(2), 0, 0, log1p(2)])


@pytest.mark.parametrize(("question", "compares"), [("Which film came out first, The Salt Mirror or Red Ferry?", 1), ("Who made Red Ferry?", 0)])
def test_a_comparison_is_told(question: str, compares: float) -> None:
    assert list_input(question, [HALL], NAMED[:1], BARE[:1], [1]).features[0, COMPARES] == compares


def test_no_candidates() -> None:
    nothing = list_input("q", [], [], [], [])
    assert nothing.vectors.shape == (0, VECTOR)
    assert nothing.features.shape == (0, FEATURES)
    assert nothing.names.shape == nothing.siblings.shape == (0, 0)
    assert nothing.tokens.shape == (0,)
    assert nothing.tokens.dtype == np.int64


def test_a_vector_of_nothing_but_zeros_is_no_division_by_zero() -> None:
    zero: Any = reading((0.0,), 0.0)
    features = list_input("q", [HALL], [zero], [zero], [1]).features
    assert np.isfinite(features).all()
    assert features[0, LIKE_FIRST] == 0
