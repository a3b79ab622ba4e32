"""Support: worked out by hand, against scikit-learn, and at the ends where something is empty."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.evals.metrics.support import Match, f1_of_counts, joint, of_counts, support
from passel.tools.answers import Overlap

SOURCES = [f"p{n}" for n in range(8)]
SOME = st.frozensets(st.sampled_from(SOURCES))


@pytest.mark.parametrize(
    ("selected", "gold", "expected"),
    [
        (("p1", "p2"), {"p1", "p2"}, Match(1.0, 1.0, 1.0, 1.0)),
        (("p2", "p1"), {"p1", "p2"}, Match(1.0, 1.0, 1.0, 1.0)),
        (("p1", "p2", "p3", "p4"), {"p1", "p2"}, Match(0.5, 1.0, 2 / 3, 0.0)),
        (("p1",), {"p1", "p2", "p3"}, Match(1.0, 1 / 3, 0.5, 0.0)),
        (("p1", "p1"), {"p1"}, Match(1.0, 1.0, 1.0, 1.0)),
        (("p4",), {"p1"}, Match(0.0, 0.0, 0.0, 0.0)),
        ((), {"p1"}, Match(0.0, 0.0, 0.0, 0.0)),
        ((), set(), Match(1.0, 1.0, 1.0, 1.0)),
        (("p1",), set(), Match(0.0, 0.0, 0.0, 0.0)),
    ],
)
def test_support_worked_out_by_hand(selected: tuple[str, ...], gold: set[str], expected: Match) -> None:
    assert support(selected, frozenset(gold)) == expected


@settings(deadline=None)  # the first example imports scikit-learn
@given(SOME, SOME.filter(bool))
def test_agrees_with_scikit_learn(selected: frozenset[str], gold: frozenset[str]) -> None:
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support

    truth, told = [[source in chosen for source in SOURCES] for chosen in (gold, selected)]
    precision, recall, f1, _ = precision_recall_fscore_support(truth, told, average="binary", zero_division=0)
    assert support(sorted(selected), gold) == Match(*map(pytest.approx, (precision, recall, f1)), em=float(accuracy_score(truth, told) == 1.0))


@given(SOME, SOME)
def test_counts_are_enough(selected: frozenset[str], gold: frozenset[str]) -> None:
    counts = (len(selected & gold), len(selected), len(gold))
    assert support(selected, gold) == of_counts(*counts)
    assert of_counts(*counts).f1 == f1_of_counts(*counts)


def test_joint_multiplies_precision_and_recall() -> None:
    found = joint(Overlap(f1=2 / 3, precision=0.5, recall=1.0), 0.0, Match(precision=1.0, recall=0.5, f1=2 / 3, em=0.0))
    assert found == Match(precision=0.5, recall=0.5, f1=0.5, em=0.0)
    whole = Overlap(1.0, 1.0, 1.0)
    assert joint(whole, 1.0, Match(1.0, 1.0, 1.0, 1.0)) == Match(1.0, 1.0, 1.0, 1.0)
    assert joint(whole, 1.0, Match(0.5, 1.0, 2 / 3, 0.0)) == Match(0.5, 1.0, pytest.approx(2 / 3), 0.0)
    assert joint(whole, 1.0, Match(0.0, 0.0, 0.0, 0.0)) == Match(0.0, 0.0, 0.0, 0.0)
