"""Calibrator: a logistic regression that keeps its word on what it did not see, and survives being written down."""

from __future__ import annotations

import json
from math import exp, isfinite
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.rerankers.calibrator import Calibrator, Weight, out_of_fold


def _rows(count: int) -> tuple[list[dict[str, float]], list[bool]]:
    """Truth follows `signal`; `noise` says nothing."""
    random = Random(3)
    rows = [{"signal": random.gauss(0, 2), "noise": random.gauss(5, 1)} for _ in range(count)]
    return rows, [random.random() < 1 / (1 + exp(-row["signal"])) for row in rows]


def test_by_hand() -> None:
    calibrator = Calibrator(0.5, {"a": Weight(1.0, 2.0, 3.0)})
    assert calibrator({"a": 2.0}) == pytest.approx(1 / (1 + exp(-2.0)))
    assert calibrator({}) == calibrator({"a": 1.0, "unknown": 9.0}) == pytest.approx(1 / (1 + exp(-0.5)))


def test_it_finds_what_matters_and_says_how_likely_it_is() -> None:
    rows, truth = _rows(4000)
    fitted = Calibrator.fit(rows, truth, strength=1.0)
    assert fitted.weights["signal"].of > 10 * abs(fitted.weights["noise"].of)
    for least, most in ((0.1, 0.3), (0.4, 0.6), (0.7, 0.9)):
        inside = [right for row, right in zip(rows, truth, strict=True) if least <= fitted(row) < most]
        assert least - 0.05 < sum(inside) / len(inside) < most + 0.05


def test_a_count_is_worth_as_many_rows() -> None:
    rows, truth = _rows(60)
    doubled = Calibrator.fit([*rows, *rows[:20]], [*truth, *truth[:20]])
    counted = Calibrator.fit(rows, truth, [2.0] * 20 + [1.0] * 40)
    # only the centres differ: what counts twice in the fit is not counted twice in the mean
    assert counted({"signal": 1.0, "noise": 5.0}) == pytest.approx(doubled({"signal": 1.0, "noise": 5.0}), abs=0.03)


def test_out_of_fold_sees_no_row_of_its_fold() -> None:
    """A signal that is the row's own name: known by heart inside, useless outside."""
    rows = [{f"row {n}": 1.0, "all": 0.0} for n in range(40)]
    truth = [n % 2 == 0 for n in range(40)]
    told = out_of_fold(rows, truth, [n % 4 for n in range(40)], strength=100.0)
    assert all(abs(chance - 0.5) < 0.2 for chance in told)


def test_out_of_fold_may_be_told_less_than_it_learned_from() -> None:
    rows = [{"told": float(n % 2), "later": float(n % 2)} for n in range(40)]
    truth, folds = [n % 2 == 0 for n in range(40)], [n % 4 for n in range(40)]
    whole, part = (out_of_fold(rows, truth, folds, leaving_out=left) for left in ((), {"later"}))
    assert all(abs(less - 0.5) < abs(more - 0.5) for less, more in zip(part, whole, strict=True))


def test_one_kind_alone_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="both kinds"):
        Calibrator.fit([{"a": 1.0}, {"a": 2.0}], [True, True])


@given(
    st.floats(-50, 50),
    st.dictionaries(st.text(max_size=5), st.tuples(st.floats(-9, 9), st.floats(0.1, 9), st.floats(-9, 9)), max_size=4),
    st.dictionaries(st.text(max_size=5), st.floats(-1e6, 1e6), max_size=4),
)
def test_always_a_probability_and_the_same_after_json(bias: float, weights: dict[str, tuple[float, float, float]], signals: dict[str, float]) -> None:
    calibrator = Calibrator(bias, {name: Weight(*three) for name, three in weights.items()})
    chance = calibrator(signals)
    assert isfinite(chance)
    assert 0.0 <= chance <= 1.0
    assert Calibrator.from_json(json.loads(json.dumps(calibrator.to_json())))(signals) == chance
