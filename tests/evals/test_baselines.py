"""Baselines: what each keeps on lists worked out by hand, which parameter is best, what cannot be beaten, and equal tokens."""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.evals import baselines
from passel.evals.baselines import FAMILIES, LEGAL, VALUES, Baseline, Ranked, Rule
from passel.rerankers import cuts
from passel.tools.errors import UsageError

#                    1: gold  2      3: gold  4     5
LIST = Ranked((True, False, True, False, False), (0.9, 0.8, 0.7, 0.2, 0.1), (100, 50, 80, 200, 10), gold_count=3)
EMPTY = Ranked((), (), (), gold_count=2)
NO_GOLD = Ranked((False, False), (0.6, 0.5), (10, 20), gold_count=0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fixed:2", (0, 1)),
        ("fixed:9", (0, 1, 2, 3, 4)),
        ("threshold:0.5", (0, 1, 2)),
        ("threshold:1", ()),
        ("gap", (0, 1, 2)),
        ("knee", (0, 1, 2)),
        ("tokens:230", (0, 1, 2)),
        ("tokens:229", (0, 1)),
        ("oracle", (0, 1, 2)),
        ("oracle_set", (0, 2)),
    ],
)
def test_kept_as_worked_out_by_hand(name: str, expected: tuple[int, ...]) -> None:
    assert baselines.kept(baselines.parse(name), LIST) == expected


def test_nothing_to_keep() -> None:
    for name in ("fixed:2", "threshold:0", "gap", "knee", "tokens:100", "oracle", "oracle_set"):
        assert baselines.kept(baselines.parse(name), EMPTY) == ()
    assert baselines.kept(Rule("oracle"), NO_GOLD) == baselines.kept(Rule("oracle_set"), NO_GOLD) == ()


def test_an_oracle_prefix_is_the_shortest_of_equals() -> None:
    hidden = Ranked((False, False), (0.6, 0.5), (10, 20), gold_count=2)
    assert baselines.kept(Rule("oracle"), hidden) == ()
    even = Ranked((True, False, False, True), (0.9, 0.8, 0.7, 0.6), (1, 1, 1, 1), gold_count=2)  # F1 2/3 after one and after four
    assert baselines.kept(Rule("oracle"), even) == (0,)


def test_values_are_those_of_what_is_kept() -> None:
    found = baselines.apply(baselines.parse("fixed:2"), [LIST, NO_GOLD, EMPTY])
    assert tuple(found.values) == VALUES
    rows = list(zip(*found.values.values(), strict=True))
    assert rows[0] == pytest.approx((2 / 5, 1 / 2, 1 / 3, 0, 0, pytest.approx(rows[0][5]), 2, 150))
    assert rows[1] == (0, 0, 0, 0, 0, 0, 2, 30)
    assert rows[2] == (0, 0, 0, 0, 0, 0, 0, 0)
    found = baselines.apply(Rule("oracle_set"), [LIST, NO_GOLD, Ranked((True,), (0.5,), (7,), 1)])
    assert list(zip(*found.values.values(), strict=True))[1:] == [(1, 1, 1, 1, 1, 1, 0, 0), (1, 1, 1, 1, 1, 1, 1, 7)]


@pytest.mark.parametrize("name", LEGAL)
def test_legal_names_are_read(name: str) -> None:
    rule = baselines.parse(name)
    assert rule.family == name.split(":")[0]
    assert (rule.parameter is None) == (":" not in name)
    assert rule.label


@pytest.mark.parametrize(
    "name",
    [
        *("", "fix", "Fixed", "fixed:", "fixed:0", "fixed:2.5", "fixed:-1", "fixed:x", "fixed:inf", "fixed:nan", "fixed:5:5"),
        *("threshold:1.1", "threshold:-0.1", "threshold:nan", "gap:2", "knee:1", "knee:", "tokens:0", "tokens:many", "oracle:3", "oracle_set:1"),
    ],
)
def test_other_names_are_refused_with_what_is_legal(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        baselines.parse(name)
    assert f"'{name}'" in str(caught.value)
    assert all(legal in caught.value.hint for legal in LEGAL)


def test_labels() -> None:
    shown = [baselines.parse(name).label for name in ("fixed:5", "threshold:0.3", "gap", "knee", "tokens:1750", "oracle", "oracle_set", "fixed")]
    assert shown == ["fixed k = 5", "threshold 0.3", "score gap", "knee", "token budget 1750", "oracle k", "oracle set", "fixed k"]


def test_lists_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="2 labels, 1 scores"):
        Ranked((True, False), (0.5,), (1, 2), 1)
    with pytest.raises(ValueError, match="2 gold candidates of 1"):
        Ranked((True, True), (0.5, 0.4), (1, 2), 1)
    with pytest.raises(ValueError, match="cannot cut"):
        baselines.kept(Rule("fixed"), LIST)


def test_the_best_parameter_by_hand() -> None:
    first = Ranked((True, True, False, False), (0.9, 0.8, 0.4, 0.3), (60, 60, 60, 60), 2)
    second = Ranked((True, False, True, False), (0.9, 0.6, 0.5, 0.1), (60, 60, 60, 60), 2)
    # k = 2: (1 + 1/2) / 2 = 0.75; k = 3: (0.8 + 0.8) / 2 = 0.8
    assert baselines.choose(Rule("fixed"), [first, second]) == Rule("fixed", 3)
    assert baselines.choose(Rule("fixed", 7), [first, second]) == Rule("fixed", 7)
    assert baselines.choose(Rule("gap"), [first]) == Rule("gap")
    # at 0.5 two and three are kept: (1 + 0.8) / 2
    assert baselines.choose(Rule("threshold"), [first, second]) == Rule("threshold", 0.5)
    assert baselines.choose(Rule("tokens"), [first]) == Rule("tokens", 150)


def test_of_equally_good_parameters_the_one_with_fewer_tokens() -> None:
    assert baselines.choose(Rule("fixed"), [Ranked((False, False, False), (0.9, 0.8, 0.7), (5, 5, 5), 1)]) == Rule("fixed", 1)
    even = Ranked((True, False, False, True), (0.9, 0.8, 0.7, 0.6), (1, 1, 1, 1), gold_count=2)
    assert baselines.choose(Rule("fixed"), [even]) == Rule("fixed", 1)
    unfindable = Ranked((False, False), (0.9, 0.8), (60, 60), 1)
    assert baselines.apply(Rule("tokens"), [unfindable]).kept == ((),)


def test_no_questions_no_failure() -> None:
    for baseline in baselines.table([]):
        assert baseline.kept == ()
    assert all(baseline.kept == ((),) for baseline in baselines.table([EMPTY]))
    for questions, ids in (([], []), ([EMPTY], ["e"])):
        settable = [family for family in FAMILIES if baselines.at_tokens(family, questions, ids, 100.0) is not None]
        assert settable == ["fixed", "threshold", "tokens"]


def some(n: int, seed: int) -> list[Ranked]:
    choose = random.Random(seed)
    made = []
    for _ in range(n):
        scores = sorted((choose.random() ** 3 for _ in range(choose.randint(0, 20))), reverse=True)
        gold = tuple(choose.random() < score for score in scores)
        made.append(Ranked(gold, tuple(scores), tuple(choose.randint(20, 200) for _ in scores), sum(gold) + choose.randint(0, 1)))
    return made


def f1_of(baseline: Baseline) -> float:
    return mean(baseline.values["support_f1"])


def test_the_table() -> None:
    questions = some(60, seed=1)
    rows = baselines.table(questions)
    assert [row.family for row in rows] == ["fixed"] * 10 + ["threshold", "gap", "knee", "tokens", "oracle", "oracle_set"]
    (best,) = (row for row in rows if row.best)
    assert f1_of(best) == max(f1_of(row) for row in rows if row.family == "fixed")
    for rule in ("threshold:0.2", "threshold:0.5", "threshold:0.8"):
        chosen = next(row for row in rows if row.family == "threshold")
        assert f1_of(chosen) >= f1_of(baselines.apply(baselines.parse(rule), questions)) - 0.01  # the grid is not every score


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 12), st.integers(0, 10_000))
def test_nothing_beats_the_oracles(n: int, seed: int) -> None:
    questions = some(n, seed)
    rows = baselines.table(questions)
    prefix, whole = rows[-2:]
    for at in range(n):
        assert whole.values["support_f1"][at] >= prefix.values["support_f1"][at] >= max(row.values["support_f1"][at] for row in rows[:-2])
    for row in rows:
        for ranked, places in zip(questions, row.kept, strict=True):
            assert list(places) == sorted(set(places))
            assert set(places) <= set(range(len(ranked.gold)))


def test_the_rules_are_those_of_the_selectors() -> None:
    for ranked in some(40, seed=2):
        for name, cut in (("fixed:3", cuts.fixed(3)), ("threshold:0.3", cuts.threshold(0.3)), ("gap", cuts.gap()), ("knee", cuts.knee())):
            assert len(baselines.kept(baselines.parse(name), ranked)) == cut(ranked.scores, ranked.tokens)[0]


def mean_tokens(baseline: Baseline | None) -> float:
    assert baseline is not None
    return mean(baseline.values["tokens"])


@pytest.mark.parametrize("wanted", [0.0, 35.0, 180.0, 444.4, 900.0])
def test_equal_tokens(wanted: float) -> None:
    questions = some(400, seed=3)
    ids = [f"q{n}" for n in range(400)]
    mixed = baselines.at_tokens("fixed", questions, ids, wanted)
    assert mean_tokens(mixed) == pytest.approx(wanted, abs=100 / 400)  # nearer than one passage of one question
    assert mixed is not None
    lengths = {len(places) for places, ranked in zip(mixed.kept, questions, strict=True) if len(places) < len(ranked.gold)}
    assert max(lengths) - min(lengths) <= 1
    for family in ("threshold", "tokens"):
        found = baselines.at_tokens(family, questions, ids, wanted)
        assert wanted - 25 < mean_tokens(found) <= wanted


@pytest.mark.parametrize("seed", range(6))
def test_no_other_parameter_comes_nearer_without_exceeding(seed: int) -> None:
    questions = some(5, seed)
    ids = [str(n) for n in range(5)]
    scores = sorted({score for ranked in questions for score in ranked.scores})
    tried = {
        "threshold": [*(Rule("threshold", score) for score in scores), Rule("threshold", 1.0)],
        "tokens": [Rule("tokens", limit) for limit in range(4_000)],
    }
    for family in ("threshold", "tokens"):
        sizes = {mean_tokens(baselines.apply(rule, questions)) for rule in tried[family]}
        for wanted in (30.0, 150.0, 151.5, 400.0, 777.0):
            found = baselines.at_tokens(family, questions, ids, wanted)
            assert mean_tokens(found) == max(size for size in sizes if size <= wanted)


def test_more_tokens_than_there_are_keeps_everything() -> None:
    questions = some(30, seed=4)
    for family in ("fixed", "threshold", "tokens"):
        found = baselines.at_tokens(family, questions, [str(n) for n in range(30)], 1e6)
        assert found is not None
        assert [len(places) for places in found.kept] == [len(ranked.gold) for ranked in questions]


def test_who_gets_one_more_depends_on_the_id_alone() -> None:
    questions = some(200, seed=5)
    ids = [f"q{n}" for n in range(200)]

    def by_id(order: Sequence[int]) -> dict[str, tuple[int, ...]]:
        found = baselines.at_tokens("fixed", [questions[n] for n in order], [ids[n] for n in order], 250.0)
        assert found is not None
        assert found.label == "fixed k = 2 or 3"
        return dict(zip([ids[n] for n in order], found.kept, strict=True))

    assert by_id(range(200)) == by_id(range(199, -1, -1))


def test_no_family_but_these_can_be_set_to_a_size() -> None:
    for family in ("gap", "knee", "oracle", "oracle_set"):
        assert baselines.at_tokens(family, [LIST], ["q"], 100.0) is None
