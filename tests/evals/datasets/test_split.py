from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from passel.evals.datasets.split import is_val


def test_it_is_the_rule_of_the_data_readme() -> None:
    ids = [f"question-{n}" for n in range(2000)]
    val = [id for id in ids if is_val(id)]
    assert val == [id for id in ids if int(hashlib.sha256(id.encode()).hexdigest(), 16) % 10 == 0]
    assert 150 < len(val) < 250


@given(st.text())
def test_any_id_has_its_place_for_good(id: str) -> None:
    assert is_val(id) is is_val(id)
