from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from passel.evals.datasets.split import fold_of, is_val


def test_it_is_the_rule_of_the_data_readme() -> None:
    ids = [f"question-{n}" for n in range(2000)]
    val = [id for id in ids if is_val(id)]
    assert val == [id for id in ids if int(hashlib.sha256(id.encode()).hexdigest(), 16) % 10 == 0]
    assert 150 < len(val) < 250


@given(st.text())
def test_any_id_has_its_place_for_good(id: str) -> None:
    assert is_val(id) is is_val(id)


def test_the_folds_are_two_halves_that_have_nothing_to_do_with_val() -> None:
    ids = [f"question-{n}" for n in range(4000)]
    assert {fold_of(id) for id in ids} == {0, 1}
    for of_kind in ([id for id in ids if is_val(id)], [id for id in ids if not is_val(id)]):
        assert 0.4 < sum(map(fold_of, of_kind)) / len(of_kind) < 0.6


def test_the_folds_never_change() -> None:
    assert [fold_of(f"question-{n}") for n in range(12)] == [0, 1, 1, 1, 0, 1, 0, 0, 0, 1, 0, 1]


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_any_id_has_its_fold(id: str) -> None:
    assert fold_of(id) in (0, 1)
