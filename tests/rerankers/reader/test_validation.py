"""Validation: each figure by hand, and that the bundled model does well on what is easy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.rerankers.default import pair_model
from passel.rerankers.reader.examples import LabelledPassage, ReadingExample
from passel.rerankers.reader.validation import LISTED, validate
from passel.tools.pair import AnswerSpan, PairReading
from passel.tools.pair_text import Reading

SEDGE = LabelledPassage(Reading("Ilse Marn", "Born in Sedge."), True, ("Sedge", "the village of Sedge"))
HALL = LabelledPassage(Reading("Harbour Hall", "By Ilse Marn."), True)
GEESE = LabelledPassage(Reading("Goose", "Geese eat grass."), False)
ARN = LabelledPassage(Reading("Arn", "Arn has a mill."), False)
Said = tuple[float, str | None, float]
"""Relevance, the best span's words, its score."""


class FakePair:
    """Says of each passage, by title, what it is told to."""

    def __init__(self, said: Mapping[str, Said]) -> None:
        self.said = said

    def read_pairs(self, pairs: Sequence[tuple[str, Reading]]) -> list[PairReading]:
        return [self._one(reading) for _, reading in pairs]

    def _one(self, reading: Reading) -> PairReading:
        relevance, words, score = self.said[reading.title]
        spans = () if words is None else (AnswerSpan(start := reading.text.index(words), start + len(words), score), AnswerSpan(0, 1, score - 1))
        return PairReading(np.zeros(384, np.float32), relevance, 0.0, spans)


def figures(example: ReadingExample | Sequence[ReadingExample], **said: Said) -> dict[str, float]:
    """said: by the first letter of the title."""
    titles = {"I": "Ilse Marn", "H": "Harbour Hall", "G": "Goose", "A": "Arn"}
    of_set = [example] if isinstance(example, ReadingExample) else example
    return validate(FakePair({titles[letter]: what for letter, what in said.items()}), {"d": of_set})  # type: ignore[arg-type]


def example(*passages: LabelledPassage, reads: str = "list") -> ReadingExample:
    return ReadingExample("q", "Where?", passages, reads)  # type: ignore[arg-type]


ALL = example(HALL, SEDGE, GEESE, ARN)


def test_all_of_it_right() -> None:
    found = figures(ALL, I=(4.0, "Sedge", 6.0), H=(3.0, "Ilse Marn", 1.0), G=(-3.0, None, 0.0), A=(-4.0, "mill", -5.0))
    assert found == {"score": 1.0, "d rprec": 1.0, "d gold_f1": 1.0, "d f1": 1.0}


@pytest.mark.parametrize(("relevance", "expected"), [((4, 3, 2, 1), 1.0), ((4, 1, 3, 2), 0.5), ((1, 2, 3, 4), 0.0)])
def test_r_precision(relevance: tuple[int, int, int, int], expected: float) -> None:
    said = {letter: (float(value), "n", 0.0) for letter, value in zip("HIGA", relevance, strict=True) if letter != "G"}
    found = figures(ALL, G=(float(relevance[2]), None, 0.0), **said)
    assert found["d rprec"] == expected


@pytest.mark.parametrize("passages", [(GEESE, ARN), (HALL, SEDGE)])
def test_a_list_of_one_kind_has_no_precision(passages: tuple[LabelledPassage, ...]) -> None:
    said: Said = (1.0, None, 0.0)
    assert "d rprec" not in figures(example(*passages), I=said, H=said, G=said, A=said)


def test_an_answer_from_another_passage_counts_in_f1_alone() -> None:
    found = figures(ALL, I=(4.0, "Sedge", 6.0), H=(3.0, None, 0.0), G=(0.0, "grass", 7.0), A=(-4.0, None, 0.0))
    assert (found["d gold_f1"], found["d f1"]) == (1.0, 0.0)
    unlikely = figures(ALL, I=(4.0, "Sedge", 6.0), H=(3.0, None, 0.0), G=(-2.0, "grass", 7.0), A=(-4.0, None, 0.0))
    assert unlikely["d f1"] == 1.0  # its passage is hardly evidence
    partly = figures(ALL, I=(4.0, "in Sedge", 6.0), H=(3.0, None, 0.0), G=(-2.0, None, 0.0), A=(-4.0, None, 0.0))
    assert partly["d f1"] == pytest.approx(2 / 3)
    silent = figures(ALL, I=(4.0, None, 0.0), H=(3.0, None, 0.0), G=(-2.0, None, 0.0), A=(-4.0, None, 0.0))
    assert silent["d gold_f1"] == silent["d f1"] == 0.0


def test_spans_in_each_passage() -> None:
    hall = LabelledPassage(HALL.reading, True, ("Ilse Marn",))
    said: dict[str, Said] = {"G": (-3.0, "grass", 9.0), "I": (3.0, "Born in", 1.0), "H": (2.0, "Ilse Marn", -4.0)}
    found = figures(example(hall, SEDGE, GEESE, reads="each"), **said)
    assert found == {"score": 0.75, "d rprec": 1.0, "d each_f1": 0.5}
    none = figures(example(hall, SEDGE, GEESE, reads="each"), **{**said, "H": (2.0, None, 0.0)})
    assert none["d each_f1"] == 0.0


def test_where_no_answer_is_none_is_claimed() -> None:
    without = example(GEESE, ARN)
    assert figures(without, G=(1.0, "grass", -0.5), A=(1.0, None, 0.0)) == {"score": 1.0, "d none": 1.0}
    assert figures(without, G=(1.0, "grass", -0.5), A=(1.0, "mill", 0.5)) == {"score": 0.0, "d none": 0.0}
    assert "d none" not in figures(example(GEESE, reads="nothing"), G=(1.0, "grass", 9.0))


def test_means_over_the_examples_of_each_set_and_over_all_figures() -> None:
    said: dict[str, Said] = {"I": (4.0, "Sedge", 6.0), "H": (-5.0, None, 0.0), "G": (1.0, "grass", -9.0), "A": (0.0, "mill", 2.0)}
    found = figures([example(SEDGE, GEESE), example(HALL, GEESE), example(GEESE), example(ARN)], **said)
    assert found == pytest.approx({"score": (0.5 + 1.0 + 1.0 + 2 / 3) / 4, "d rprec": 0.5, "d gold_f1": 1.0, "d f1": 1.0, "d none": 2 / 3})


def test_nothing_to_measure_on() -> None:
    model = FakePair({"Goose": (0.0, None, 0.0)})
    assert validate(model, {}) == {}  # type: ignore[arg-type]
    assert validate(model, {"d": []}) == {}  # type: ignore[arg-type]
    assert validate(model, {"d": [example(GEESE, reads="nothing")]}) == {}  # type: ignore[arg-type]


def test_only_the_first_passages_are_read() -> None:
    others = [LabelledPassage(Reading(f"Goose {n}", "A goose."), False) for n in range(LISTED + 9)]
    said: dict[str, Said] = {f"Goose {n}": (float(n), None, 0.0) for n in range(LISTED - 1)}  # more would be a KeyError
    model = FakePair({"Harbour Hall": (LISTED - 1.5, None, 0.0), **said})
    assert validate(model, {"d": [example(HALL, *others)]}) == {"score": 1.0, "d rprec": 1.0, "d none": 1.0}  # type: ignore[arg-type]


relevances = st.floats(-9, 9)
scores = st.floats(-20, 20)


@given(st.fixed_dictionaries({letter: st.tuples(relevances, st.none() | st.just("n"), scores) for letter in "IHA"}), relevances)
def test_every_figure_is_a_share(said: dict[str, Said], relevance: float) -> None:
    examples = [ALL, example(HALL, SEDGE, GEESE, ARN, reads="each"), example(GEESE, ARN)]
    found = figures(examples, G=(relevance, None, 0.0), **said)
    assert found.keys() == {"score", *(f"d {name}" for name in ("rprec", "gold_f1", "f1", "each_f1", "none"))}
    assert all(0 <= value <= 1 for value in found.values())


def test_the_bundled_model_reads_what_is_easy(hall: Callable[..., ReadingExample]) -> None:
    found = validate(pair_model(device="cpu"), {"halls": [hall(n) for n in range(6)]})
    assert found.keys() == {"score", "halls rprec", "halls gold_f1", "halls f1"}
    assert found["score"] > 0.9
