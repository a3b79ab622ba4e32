"""Drop gold: what is taken is gone, everything else stays, and nothing but the evidence tells the two kinds of question apart."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Literal

import numpy as np
import pytest

from passel.evals.drop_gold import Dropped, drop_gold
from passel.evals.metrics.bootstrap import interval_of
from passel.evals.metrics.calibration import auroc
from passel.evals.question import DataPassage, Question, pool_of
from passel.tools.errors import UsageError

# The gold first, then others; "Cressing" is the answer.
FERRY = DataPassage("Lapwing", "The ferry Lapwing was built by Ida Farrow.", gold=True)
FARROW = DataPassage("Ida Farrow", "Ida Farrow was born in Cressing.", gold=True)
LIGHT = DataPassage("Mole Light", "The light stands on the mole.", gold=False)
ASKED = Question("q1", "Where was the builder of the Lapwing born?", ("Cressing",), True, "bridge", (LIGHT, FERRY, FARROW), dataset="d")
NEXT = tuple(DataPassage(f"Quay {n}", f"The quay number {n} is long.") for n in range(60))


def ranking(*passages: DataPassage) -> Any:
    return lambda question: iter(passages)


def dropped(question: Question, *following: DataPassage, **options: Any) -> Dropped:
    given = {"which": "all", "rate": 1.0, "seed": 0, "setting": "distractor"} | options
    return drop_gold([question], next_ranked=ranking(*following), **given)


def test_all_gold_is_replaced_at_its_place() -> None:
    found = dropped(ASKED, FERRY, *NEXT)
    expected = tuple(replace(p, gold=False) for p in (LIGHT, NEXT[0], NEXT[1]))
    assert found == Dropped((replace(ASKED, passages=expected, answerable=False),), 0, 0)
    assert found.questions[0].gold == frozenset()


def test_one_gold_is_the_one_whose_loss_hides_the_answer() -> None:
    for seed in range(8):
        (question,) = dropped(ASKED, *NEXT, which="one", seed=seed).questions
        assert question.passages == (LIGHT, FERRY, replace(NEXT[0], gold=False))
        assert question.gold == {FERRY.source}
        assert question.answerable is False
        assert question.answers == ASKED.answers


def test_one_gold_is_chosen_by_seed_where_any_would_do() -> None:
    yes = replace(ASKED, answers=("yes",))
    left = [set(dropped(yes, *NEXT, which="one", seed=seed).questions[0].passages) for seed in range(20)]
    assert {passage.title for passages in left for passage in yes.passages if passage not in passages} == {"Lapwing", "Ida Farrow"}


def test_in_a_pool_dropped_gold_is_kept_from_every_search() -> None:
    (question,) = dropped(replace(ASKED, without=("other",)), FERRY, FARROW, *NEXT, setting="pool").questions
    assert question.passages == (LIGHT,)
    assert question.without == ("other", FERRY.source, FARROW.source)
    assert question.answerable is False
    (question,) = dropped(ASKED, FERRY, FARROW, *NEXT, setting="pool", which="one").questions
    assert (question.passages, question.without, question.gold) == ((LIGHT, FERRY), (FARROW.source,), {FERRY.source})


@pytest.mark.parametrize(
    ("question", "following"),
    [
        (replace(ASKED, passages=(DataPassage("Cressing", "A town.", gold=False), FERRY, FARROW)), NEXT),
        (replace(ASKED, passages=(replace(LIGHT, text="The keeper came from Cressing's harbour."), FERRY, FARROW)), NEXT),
        (ASKED, (DataPassage("Harbours", "Cressing has one."), *NEXT)),
        (replace(ASKED, answers=("Grace", "mole")), NEXT),
    ],
)
@pytest.mark.parametrize("setting", ["distractor", "pool"])
@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_left_out_where_the_answer_still_stands_dropped_or_not(
    question: Question, following: Sequence[DataPassage], setting: str, rate: float
) -> None:
    assert dropped(question, *following, setting=setting, rate=rate) == Dropped((), 1, 0)


def test_the_answer_in_both_gold_passages_leaves_no_one_to_take() -> None:
    both = replace(ASKED, passages=(LIGHT, replace(FERRY, text="The Lapwing came to Cressing."), FARROW))
    assert dropped(both, *NEXT, which="one") == Dropped((), 1, 0)
    assert len(dropped(both, *NEXT).questions) == 1


def test_yes_and_no_are_not_looked_for() -> None:
    spoken = replace(ASKED, answers=("no",), passages=(replace(LIGHT, text="There is no light."), FERRY, FARROW))
    assert len(dropped(spoken, *NEXT).questions) == 1


def test_in_a_pool_the_first_fifty_are_read() -> None:
    late = DataPassage("Harbours", "Cressing has one.")
    assert dropped(ASKED, *NEXT[:49], late, setting="pool").left_out == 1
    assert dropped(ASKED, *NEXT[:50], late, setting="pool").left_out == 0


@pytest.mark.parametrize(
    "question",
    [
        replace(ASKED, answers=(), answerable=None),
        replace(ASKED, passages=(LIGHT, FERRY, replace(FARROW, gold=None))),
        replace(ASKED, passages=()),
    ],
)
def test_without_labels_a_question_is_left_out_as_unlabelled(question: Question) -> None:
    assert dropped(question, *NEXT) == Dropped((), 0, 1)


@pytest.mark.parametrize("question", [replace(ASKED, answers=(), answerable=False), replace(ASKED, passages=(LIGHT,))])
def test_what_never_was_answerable_is_left_out(question: Question) -> None:
    assert dropped(question, *NEXT) == Dropped((), 1, 0)


def test_left_out_where_the_pool_has_no_other_passage() -> None:
    assert dropped(ASKED, NEXT[0]) == Dropped((), 1, 0)


def test_a_rate_that_is_no_share_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--rate 1\.5"):
        dropped(ASKED, *NEXT, rate=1.5)


def test_the_ranking_is_read_no_further_than_needed() -> None:
    read: list[DataPassage] = []

    def lazily(question: Question) -> Iterator[DataPassage]:
        for passage in NEXT:
            read.append(passage)
            yield passage

    drop_gold([ASKED], which="all", rate=1.0, seed=0, next_ranked=lazily, setting="distractor")
    assert len(read) == 2
    read.clear()
    still = replace(ASKED, answers=("mole",))
    drop_gold([still], which="all", rate=1.0, seed=0, next_ranked=lazily, setting="distractor")
    assert read == []


def titles_of(question: Question) -> list[str]:
    return [passage.title for passage in question.passages]


def test_a_unique_title_gives_way_to_a_new_one() -> None:
    same = [DataPassage(title, "Another text.") for title in ("Lapwing", "Mole Light", "Ida Farrow")]
    (question,) = dropped(ASKED, *same, *NEXT).questions
    assert titles_of(question) == ["Mole Light", "Quay 0", "Quay 1"]


@pytest.mark.parametrize(
    ("following", "expected"),
    [
        (["Quay", "Cape", "Isle"], "Isle"),  # there once, so that again one is there twice
        (["Quay", "Tern"], "Tern"),
        (["Quay", "Cape"], None),  # the list's titles would repeat otherwise than they did: the question is left out
        (["Quay"], None),
    ],
)
def test_a_repeated_title_gives_way_to_one_of_the_list(following: Sequence[str], expected: str | None) -> None:
    others = [DataPassage(title, f"Text {n}.", gold=False) for n, title in enumerate(["Tern", "Cape", "Cape", "Cape", "Isle"])]
    question = replace(ASKED, passages=(DataPassage("Tern", "She was of Cressing.", gold=True), *others))
    found = dropped(question, *(DataPassage(title, "Further on.") for title in following))
    if expected is None:
        assert found == Dropped((), 1, 0)
    else:
        assert titles_of(found.questions[0]) == [expected, *titles_of(question)[1:]]


def test_titles_are_counted_as_they_are_after_each_replacement() -> None:
    first, second = (DataPassage("Tern", f"Evidence {n}.", gold=True) for n in range(2))
    question = replace(ASKED, passages=(first, second, DataPassage("Isle", "Text.", gold=False), LIGHT))
    following = [DataPassage("Isle", "A."), DataPassage("Isle", "B."), DataPassage("Tern", "C."), DataPassage("Quay", "D.")]
    (poorer,) = dropped(question, following[0], following[1], following[3]).questions
    assert titles_of(poorer) == ["Isle", "Quay", "Isle", "Mole Light"]  # "Tern" had become unique
    (poorer,) = dropped(question, *following[2:], following[0]).questions
    assert titles_of(poorer) == ["Tern", "Isle", "Isle", "Mole Light"]


def test_what_did_not_fit_one_gold_may_fit_the_next() -> None:
    twice = (DataPassage("Tern", "Evidence.", gold=True), DataPassage("Tern", "Text.", gold=False))
    question = replace(ASKED, passages=(FERRY, *twice, LIGHT))
    (poorer,) = dropped(question, DataPassage("Tern", "Further on."), *NEXT).questions
    assert titles_of(poorer) == ["Quay 0", "Tern", "Tern", "Mole Light"]
    assert poorer.passages[1].text == "Further on."


# A pool in which everything would tell if it were done carelessly: gold ranks first; lists differ in length and in how often titles occur; and the
# answer stands elsewhere mostly where lists are long.
@cache
def synthetic() -> tuple[list[Question], Mapping[str, Sequence[DataPassage]]]:
    choose = random.Random(11)
    questions, rankings = [], {}
    for number in range(2_500):
        length, repeats = choose.choice([6, 10, 20]), choose.random() < 0.4
        gold = [DataPassage(f"Gold {number}.{i}", f"Evidence {i}.", gold=True) for i in range(choose.choice([2, 2, 3]))]
        gold[-1] = replace(gold[-1], text=f"It is answer{number}.")
        rest = [DataPassage(f"Rest {number}.{i}", f"Nothing {i}.", gold=False) for i in range(length - len(gold))]
        if repeats:
            rest[0] = replace(rest[0], title=gold[0].title)
            rest[2] = replace(rest[2], title=rest[1].title)
        if choose.random() < length / 22:
            rest[-1] = replace(rest[-1], text=f"Also answer{number}.")
        more = [DataPassage(choose.choice([f"More {number}.{i}", gold[0].title, rest[-1].title]), f"Further {number}.{i}.") for i in range(40)]
        rankings[f"s{number}"] = [*gold, *choose.sample(rest, len(rest)), *more]
        kind = "bridge" if length == 6 else "comparison"
        questions.append(Question(f"s{number}", "?", (f"answer{number}",), True, kind, tuple(choose.sample(gold + rest, length)), dataset="s"))
    return questions, rankings


def rank_of(question: Question) -> Sequence[DataPassage]:
    return synthetic()[1][question.id]


def signals(question: Question) -> list[float]:
    """List length; different titles, the most frequent one, titles that occur twice; the first-stage rank, within the list, at each place."""
    counts = Counter(titles_of(question))
    order = {replace(passage, gold=None): rank for rank, passage in enumerate(replace(one, gold=None) for one in rank_of(question))}
    ranks = np.argsort(np.argsort([order[replace(passage, gold=None)] for passage in question.passages]))
    twice = sum(count == 2 for count in counts.values())
    return [len(question.passages), len(counts), max(counts.values()), twice, *ranks, *[0] * (20 - len(ranks))]


def told_apart(questions: Sequence[Question]) -> Any:
    """AUROC of a classifier fitted on every other question, on the rest."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    seen, lost = np.array([signals(question) for question in questions], dtype=float), np.array([not question.answerable for question in questions])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(seen[::2], lost[::2])
    return interval_of(auroc, model.predict_proba(seen[1::2])[:, 1], lost[1::2])


@pytest.mark.parametrize("which", ["all", "one"])
def test_list_length_titles_and_ranks_tell_nothing(which: Literal["all", "one"]) -> None:
    made = drop_gold(synthetic()[0], which=which, rate=0.5, seed=3, next_ranked=rank_of, setting="distractor")
    assert 0.4 < np.mean([not question.answerable for question in made.questions]) < 0.6
    assert made.left_out > 1_000
    found = told_apart(made.questions)
    assert found.low < 0.5 < found.high
    assert found.high - found.low < 0.12


def test_the_classifier_would_see_careless_ways() -> None:
    made = drop_gold(synthetic()[0], which="all", rate=0.5, seed=3, next_ranked=rank_of, setting="distractor")
    whole = {question.id: question for question in synthetic()[0]}
    shorter = [q if q.answerable else replace(q, passages=tuple(p for p in whole[q.id].passages if not p.gold)) for q in made.questions]
    assert told_apart(shorter).low > 0.6
    used = {question.id for question in made.questions}
    left_out = [question for question in synthetic()[0] if question.id not in used]
    only_dropped_left_out = sorted([*made.questions, *left_out[::2]], key=lambda question: question.id)
    assert told_apart(only_dropped_left_out).low > 0.55
    any_title = []
    for question in made.questions:
        if not question.answerable:
            spare = iter([p for p in rank_of(question) if p not in whole[question.id].passages])
            question = replace(question, passages=tuple(next(spare) if p.gold else p for p in whole[question.id].passages))
        any_title.append(question)
    assert told_apart(any_title).low > 0.55


@pytest.mark.parametrize("which", ["all", "one"])
def test_what_holds_for_every_question(which: Literal["all", "one"]) -> None:
    made = drop_gold(synthetic()[0], which=which, rate=0.5, seed=3, next_ranked=rank_of, setting="distractor")
    whole = {question.id: question for question in synthetic()[0]}
    assert len(made.questions) + made.left_out == len(synthetic()[0])
    for question in made.questions:
        before = whole[question.id]
        if question.answerable:
            assert question == before
            continue
        assert len(question.passages) == len(before.passages)
        assert len({passage.source for passage in question.passages}) == len(question.passages)
        assert sorted(Counter(titles_of(question)).values()) == sorted(Counter(titles_of(before)).values())
        changed = [(old, new) for old, new in zip(before.passages, question.passages, strict=True) if old != new]
        assert all(old.gold and new.gold is False for old, new in changed)
        assert not {new.source for _, new in changed} & {passage.source for passage in before.passages}
        assert len(changed) == (1 if which == "one" else len(before.gold or ()))
        assert not any(before.answers[0] in passage.text for passage in question.passages)


def test_neither_order_nor_company_matters() -> None:
    def by_id(questions: Sequence[Question], setting: Literal["distractor", "pool"], seed: int = 3) -> dict[str, Question]:
        made = drop_gold(questions, which="one", rate=0.3, seed=seed, next_ranked=rank_of, setting=setting)
        return {question.id: question for question in made.questions}

    for setting in ("distractor", "pool"):
        everything = by_id(synthetic()[0][:200], setting)
        assert by_id(synthetic()[0][199::-1], setting) == everything
        assert by_id(synthetic()[0][50:80], setting).items() <= everything.items()
        assert by_id(synthetic()[0][:200], setting, seed=4) != everything


def test_a_higher_rate_drops_the_same_questions_and_more() -> None:
    def lost(rate: float) -> set[str]:
        made = drop_gold(synthetic()[0][:300], which="all", rate=rate, seed=1, next_ranked=rank_of, setting="pool")
        return {question.id for question in made.questions if not question.answerable}

    everyone = {q.id for q in drop_gold(synthetic()[0][:300], which="all", rate=0.0, seed=1, next_ranked=rank_of, setting="pool").questions}
    assert lost(0.0) == set()
    assert lost(0.2) < lost(0.6) < lost(1.0) == everyone


def test_the_pool_keeps_its_passages() -> None:
    made = drop_gold(synthetic()[0][:50], which="all", rate=1.0, seed=0, next_ranked=rank_of, setting="pool")
    everything = {passage.source for passage in pool_of(synthetic()[0][:50])}
    for question in made.questions:
        assert set(question.without) <= everything
        assert question.gold == frozenset()
