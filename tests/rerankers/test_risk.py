"""Risk control: thresholds by hand, what cannot be promised, and promises that hold on new questions."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.rerankers.risk import Reference
from passel.tools.errors import UsageError


def _of(rights: str) -> Reference:
    """"+" right, "-" wrong, from the most confident on."""
    return Reference(tuple(1 - n / 100 for n in range(len(rights))), tuple(mark == "+" for mark in rights))


def test_by_hand() -> None:
    reference = _of("+" * 19 + "-" + "-" * 10)
    assert reference.at_most_wrong(0.15) == pytest.approx(0.81)  # 1 wrong of 20: (1 + 2) / 21 = 0.143; of 21 it would be 4 / 22
    assert reference.at_most_wrong(0.1) == pytest.approx(0.82)  # (0 + 2) / 20
    assert reference.at_most_wrong(0.99) == pytest.approx(0.71)


def test_what_cannot_be_promised_is_said_with_what_can() -> None:
    with pytest.raises(UsageError, match="at most 5% wrong answers cannot be promised") as error:
        _of("+" * 15 + "-" * 5).at_most_wrong(0.05)
    assert "12.5%" in error.value.hint  # (0 + 2) / 16


@given(rights=st.lists(st.booleans(), min_size=10, max_size=60))
def test_the_share_that_is_told_can_be_wished_for(rights: list[bool]) -> None:
    reference = Reference(tuple(1 - n / 100 for n in range(len(rights))), tuple(rights))
    for of in (reference.at_most_wrong, reference.at_most_abstained):
        with pytest.raises(UsageError) as error:
            of(1e-6)
        told = float(error.value.hint.rsplit(" ", 1)[1].rstrip("%.")) / 100
        if told < 1:
            of(told)


@given(st.integers(20, 400), st.data())
def test_the_share_of_abstentions_that_is_told_can_be_wished_for(size: int, data: st.DataObject) -> None:
    without = data.draw(st.integers(0, size - 1))
    reference = Reference((0.0,) * without + (0.5,) * (size - without), (True,) * size)
    with pytest.raises(UsageError) as error:
        reference.at_most_abstained(without / (size + 2))
    told = float(error.value.hint.rsplit(" ", 1)[1].rstrip("%.")) / 100
    if told < 1:
        assert reference.at_most_abstained(told) >= 0.5


def test_few_references_promise_nothing() -> None:
    with pytest.raises(UsageError, match="cannot be promised"):
        _of("+" * 9).at_most_wrong(0.5)


def test_abstentions_by_hand() -> None:
    reference = _of("+" * 9)
    assert reference.at_most_abstained(0.1) == pytest.approx(0.92)  # one of ten: the next question itself
    assert reference.at_most_abstained(0.2) == pytest.approx(0.93)  # the two least sure of ten
    assert reference.at_most_abstained(0.99) == pytest.approx(1.0)
    with pytest.raises(UsageError, match="at most 5% abstentions cannot be promised") as error:
        reference.at_most_abstained(0.05)
    assert "10.0%" in error.value.hint


def test_nothing_is_answered_from_nothing() -> None:
    """Two in ten without a selection: they are abstained on whatever the threshold, and none of the answers of which a share may be wrong."""
    reference = Reference((*(1 - n / 100 for n in range(16)), 0.0, 0.0, 0.0), (True,) * 19)
    assert reference.at_most_abstained(0.2) == pytest.approx(0.85)  # four of twenty
    with pytest.raises(UsageError, match="3 had nothing to answer from") as error:
        reference.at_most_abstained(0.15)
    assert "20.0%" in error.value.hint
    assert reference.at_most_wrong(0.2) == pytest.approx(0.85)


@pytest.mark.parametrize("wish", [-0.1, 0.0, 1.0, 1.5, float("nan")])
def test_a_wish_is_a_share(wish: float) -> None:
    for wishes in ((wish, None), (None, wish)):
        with pytest.raises(UsageError, match=r"risk is|abstentions is"):
            _of("+" * 20).least(*wishes)


def test_one_wish_at_a_time() -> None:
    assert _of("+" * 20).least(None, None) == 0.0
    assert _of("+" * 20).least(0.1, None) == _of("+" * 20).at_most_wrong(0.1)
    with pytest.raises(UsageError, match="cannot both"):
        _of("+" * 20).least(0.1, 0.1)


def test_what_is_promised_is_kept_on_new_questions() -> None:
    """On average over draws of the reference: what conformal risk control says."""
    random = Random(5)

    def drawn(count: int) -> Reference:
        sure = [random.random() for _ in range(count)]
        return Reference(tuple(sure), tuple(random.random() < one for one in sure))

    wrong = answered = missed = asked = 0
    for _ in range(200):
        reference, new = drawn(150), drawn(150)
        few = reference.at_most_abstained(0.3)
        try:
            least = reference.at_most_wrong(0.2)
        except UsageError:  # a few references are too poor to promise anything
            least = 1.0
        above = [right for one, right in zip(new.confidence, new.right, strict=True) if one >= least]
        wrong, answered = wrong + above.count(False), answered + len(above)
        missed, asked = missed + sum(one < few for one in new.confidence), asked + 150
    assert 0.15 < wrong / answered <= 0.2
    assert 0.27 < missed / asked <= 0.3


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_no_threshold_exceeds_the_wish_on_the_reference(pairs: list[tuple[float, bool]], wish: float) -> None:
    reference = Reference(tuple(one for one, _ in pairs), tuple(right for _, right in pairs))
    with suppress(UsageError):
        few = reference.at_most_abstained(wish)
        assert few > 0
        assert sum(one < few for one, _ in pairs) <= wish * (len(pairs) + 1)
    try:
        least = reference.at_most_wrong(wish)
    except UsageError:
        return
    assert least > 0
    above = [right for one, right in pairs if one >= least]
    assert (above.count(False) + 2) / (len(above) + 1) <= wish
