"""Perturbations: each changes what it says and nothing else, the same way every time, and labels nothing as gold."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.evals.perturbations import (
    DISTRACTORS,
    FAMILIES,
    LONG,
    Perturbed,
    contradiction,
    distractors,
    instruction,
    keyword_stuffing,
    kind_of,
    moved,
    near_duplicate,
    typos,
)
from passel.evals.question import DataPassage, Question
from passel.tools.answers import contains_answer
from passel.tools.candidate import Candidate, Hit
from passel.tools.passage import Passage

FERRY = DataPassage("Lapwing", "The Lapwing is a ferry. It was built in 1902 by Ida Farrow and sank near the mole.", gold=True)
FARROW = DataPassage("Ida Farrow", "Ida Farrow was an engineer and a rower. She was born in Cressing. She often sailed after dark.", gold=True)
LIGHT = DataPassage("Mole Light", "The light stands on the mole. It is small.", gold=False)
QUAY = DataPassage("Long Quay", "The quay is long and wet. Nobody built it twice.", gold=False)
WORDING = "In what village was the engineer of the ferry Lapwing from 1902 born?"
ASKED = Question("q1", WORDING, ("Cressing",), True, "bridge", (LIGHT, FERRY, FARROW, QUAY), dataset="d")
OTHERS = (
    ASKED,
    Question("q2", "In what village does the goose live?", ("Tamsey",), dataset="d"),
    Question("q3", "Who rowed to Skarrow?", ("Odo Tressin",), dataset="d"),
    Question("q4", "When was the quay built?", ("1874",), dataset="d"),
    Question("q5", "Is it wet?", ("yes",), dataset="d"),
)
NEXT = tuple(DataPassage(f"Quay {n}", f"The quay number {n} is long.") for n in range(30))

PLANTING: dict[str, Callable[[Question, int], Perturbed | None]] = {
    "near_duplicate": near_duplicate,
    "keyword_stuffing": keyword_stuffing,
    "contradiction": lambda question, seed: contradiction(question, seed, OTHERS),
    **{family: lambda question, seed, family=family: instruction(question, seed, family) for family in FAMILIES},  # type: ignore[misc]
}


def planted_in(perturbed: Perturbed | None) -> DataPassage:
    assert perturbed is not None
    (passage,) = [passage for passage in perturbed.question.passages if passage.source in perturbed.planted]
    return passage


@pytest.mark.parametrize("name", PLANTING)
@pytest.mark.parametrize("seed", range(6))
def test_a_planted_passage_takes_the_place_of_a_false_one_and_all_else_stays(name: str, seed: int) -> None:
    perturbed = PLANTING[name](ASKED, seed)
    assert perturbed is not None
    assert perturbed == PLANTING[name](ASKED, seed)
    planted = planted_in(perturbed)
    assert planted.gold is False
    (place,) = [n for n, (new, old) in enumerate(zip(perturbed.question.passages, ASKED.passages, strict=True)) if new != old]
    assert perturbed.question.passages[place] == planted
    assert ASKED.passages[place].source == perturbed.replaced
    assert ASKED.passages[place].gold is False
    assert perturbed.question.gold == ASKED.gold
    assert replace(perturbed.question, passages=ASKED.passages) == ASKED
    assert planted.title in {"Lapwing", "Ida Farrow", "Mole Light", "Long Quay"}


@pytest.mark.parametrize("name", PLANTING)
def test_seeds_and_ids_make_a_difference(name: str) -> None:
    def lists(asked: list[tuple[str, int]]) -> set[tuple[DataPassage, ...]]:
        made = [PLANTING[name](replace(ASKED, id=id), seed) for id, seed in asked]
        return {perturbed.question.passages for perturbed in made if perturbed}

    assert len(lists([("q1", seed) for seed in range(12)])) > 1
    assert len(lists([(f"q{n}", 0) for n in range(12)])) > 1


@pytest.mark.parametrize("name", PLANTING)
@pytest.mark.parametrize(
    "passages",
    [
        (),
        (FERRY, FARROW),
        (FERRY, FARROW, replace(LIGHT, gold=None)),
        (FERRY, FARROW, replace(LIGHT, text=" ")),
        (FERRY, FARROW, replace(LIGHT, text="Its keeper came from Cressing.")),
    ],
)
def test_nothing_is_planted_where_no_passage_is_known_to_be_false(name: str, passages: tuple[DataPassage, ...]) -> None:
    assert PLANTING[name](replace(ASKED, passages=passages), 0) is None


def test_a_near_duplicate_is_nearly_its_original_and_leaves_the_answer_out() -> None:
    for seed in range(20):
        copy = planted_in(near_duplicate(ASKED, seed))
        original = {"Lapwing": FERRY, "Ida Farrow": FARROW}[copy.title]
        assert copy.text != original.text
        assert not contains_answer(copy.text, ["Cressing"])
        kept = set(original.text.split()) & set(copy.text.split())
        assert len(kept) >= 0.5 * len(copy.text.split())
    twice = replace(FARROW, text="She was born in Cressing. She rowed. Cressing was small. She often sailed after dark in winter.")
    for seed in range(20):
        copy = planted_in(near_duplicate(replace(ASKED, passages=(twice, LIGHT)), seed))
        assert "rowed" in copy.text
        assert "Cressing" not in copy.text
    only = replace(ASKED, passages=(replace(FARROW, text="Cressing."), LIGHT))
    assert near_duplicate(only, 0) is None  # one sentence, no small word: it would be the same passage
    assert near_duplicate(replace(ASKED, passages=(LIGHT, QUAY)), 0) is None


def test_keyword_stuffing_copies_the_question_and_keeps_the_passage() -> None:
    perturbed = keyword_stuffing(ASKED, 0)
    stuffed = planted_in(perturbed)
    original = {"Mole Light": LIGHT, "Long Quay": QUAY}[stuffed.title]
    assert stuffed.text.startswith("In what village was the engineer of the ferry Lapwing from 1902 born. ")
    assert original.text in stuffed.text
    assert stuffed.text.lower().count("lapwing") == 2


def test_a_contradiction_says_another_answer_where_the_true_one_stood() -> None:
    perturbed = contradiction(ASKED, 0, OTHERS)
    copy = planted_in(perturbed)
    assert perturbed is not None
    assert perturbed.wanted == "Tamsey"  # a name too, and of a question that asks alike
    assert (copy.title, copy.text) == ("Ida Farrow", FARROW.text.replace("Cressing", "Tamsey"))
    year = replace(ASKED, question="When was the Lapwing built?", answers=("1902",))
    assert planted_in(contradiction(year, 0, OTHERS)).text == FERRY.text.replace("1902", "1874")
    who = replace(ASKED, question="Who built the Lapwing?", answers=("Farrow", "Ida Farrow"))
    assert "by Odo Tressin and" in planted_in(contradiction(who, 0, OTHERS)).text


@pytest.mark.parametrize(
    ("change", "others"),
    [
        ({"answers": ("no",)}, OTHERS),
        ({"answers": ("a rower",)}, OTHERS),  # of no kind
        ({"answers": ("Skarrow",)}, OTHERS),  # in no gold passage
        ({"question": "Was she born in Cressing or in Tamsey?"}, OTHERS),
        ({"question": "Who was born in Tamsey, where she built the Lapwing with Odo Tressin?"}, OTHERS),  # both stand in the question
        ({}, OTHERS[:1]),
        ({}, OTHERS[3:]),  # of other kinds
        ({"answers": ("St. Cressing",), "passages": (LIGHT, replace(FARROW, text="Born in St Cressing."))}, OTHERS),  # written otherwise
    ],
)
def test_where_nothing_can_be_contradicted_nothing_is_planted(change: dict, others: tuple[Question, ...]) -> None:
    assert contradiction(replace(ASKED, **change), 0, others) is None


def test_donors_come_in_any_order() -> None:
    for n in range(10):
        asked = replace(ASKED, id=f"q{n}")
        assert contradiction(asked, 0, OTHERS) == contradiction(asked, 0, tuple(reversed(OTHERS)))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("1874", "year"),
        ("3 May 1874", "date"),
        ("July 22", "date"),
        ("1,200", "number"),
        ("15 miles", "number"),
        ("Ida Farrow", "name"),
        ("Bank of the Isles", "name"),
        ("Lee Kyoung-mi", "name"),
        ("rower", None),
        ("about 15 miles", None),
        ("", None),
        ("?", None),
    ],
)
def test_the_kind_of_an_answer(answer: str, kind: str | None) -> None:
    assert kind_of(answer) == kind


def test_the_four_instructions_stand_in_the_same_passage_and_want_the_same_word() -> None:
    for seed in range(12):
        made = [instruction(ASKED, seed, family) for family in FAMILIES]
        assert len({perturbed.wanted for perturbed in made if perturbed}) == 1
        assert len({perturbed.replaced for perturbed in made if perturbed}) == 1
        assert len({planted_in(perturbed).text for perturbed in made}) == 4
        for perturbed in made:
            planted = planted_in(perturbed)
            assert perturbed is not None
            original = {"Mole Light": LIGHT, "Long Quay": QUAY}[planted.title]
            assert contains_answer(planted.text, [perturbed.wanted])
            assert re.fullmatch("[A-Z][a-z]{6}", perturbed.wanted)
            assert not re.search(r"\{(?:word|question)\}", planted.text)
            assert not Counter(original.text.split()) - Counter(planted.text.split())  # every word of it is still there


def test_distractors_are_the_next_ranked_that_hold_no_answer() -> None:
    holding = DataPassage("Harbours", "Cressing has one.")
    perturbed = distractors(ASKED, (FERRY, NEXT[0], holding, LIGHT, *NEXT[1:]))
    assert perturbed is not None
    assert perturbed.question.passages == (*ASKED.passages, *(replace(passage, gold=False) for passage in NEXT[:DISTRACTORS]))
    assert perturbed.planted == {passage.source for passage in NEXT[:DISTRACTORS]}
    assert perturbed.question.gold == ASKED.gold
    assert (perturbed.wanted, perturbed.replaced) == ("", "")
    assert distractors(ASKED, NEXT[: DISTRACTORS - 1]) is None


@given(text=st.text(alphabet=st.sampled_from("aeinrstEQ é19-'’ß?"), max_size=80), seed=st.integers(0, 50))
def test_a_typo_is_one_letter_and_never_a_number(text: str, seed: int) -> None:
    perturbed = typos(replace(ASKED, question=text), seed)
    if perturbed is None:
        assert not re.search(r"(?<![\w'’])[^\W\d_]{4,}(?!\w)", text)
        return
    assert perturbed == typos(replace(ASKED, question=text), seed)
    assert replace(perturbed.question, question=text) == replace(ASKED, question=text)
    new, old = perturbed.question.question.split(" "), text.split(" ")
    assert len(new) == len(old)
    for wrong, right in zip(new, old, strict=True):
        parts = len(re.findall(r"[^\W\d_]{4,}", right))  # of "rein-Erste" each
        assert abs(len(wrong) - len(right)) <= parts
        assert wrong[:1] == right[:1]
        assert re.findall(r"\d+", wrong) == re.findall(r"\d+", right)


def test_long_words_get_a_typo_each() -> None:
    question = replace(ASKED, question="Which lighthousekeeper and which constable of Old Cressing met in 1902?")
    for seed in range(30):
        perturbed = typos(question, seed)
        assert perturbed is not None
        pairs = list(zip(question.question.split(), perturbed.question.question.split(), strict=True))
        assert all(wrong != right for right, wrong in pairs if len(right) >= LONG)
        assert ("1902?", "1902?") in pairs
        assert ("Old", "Old") in pairs
    short = typos(replace(question, question="Who met them?"), 0)
    assert short is not None
    assert short.question.question != "Who met them?"  # always one
    assert typos(replace(question, question="Is it 1902 or 12?"), 0) is None


def _candidate(n: int, *hits: Hit) -> Candidate:
    return Candidate(f"p{n}", hits, Passage(f"p{n}", f"s{n}", f"Text {n}.", f"Title {n}"))


CANDIDATES = [
    _candidate(0, Hit("dense", "q", 0, 0.9), Hit("linked", "q", 1, 0.5, "p2", (0, 7))),
    _candidate(1, Hit("dense", "q", 1, 0.8)),
    _candidate(2, Hit("dense", "q", 2, 0.7), Hit("linked", "q", 0, 0.6, "p0", (0, 7))),
    _candidate(3, Hit("lexical", "q", 0, 3.0)),
]


def test_a_moved_passage_gets_the_hits_of_its_new_place_and_keeps_who_names_it() -> None:
    first = moved(CANDIDATES, "s2", 0)
    assert [candidate.passage_id for candidate in first] == ["p2", "p0", "p1", "p3"]
    assert first[0].hits == (Hit("dense", "q", 0, 0.9), Hit("linked", "q", 1, 0.5, "p0", (0, 7)))
    assert first[1].hits == (Hit("dense", "q", 1, 0.8),)
    assert first[2].hits == (Hit("dense", "q", 2, 0.7), Hit("linked", "q", 0, 0.6))  # nothing named it
    assert first[3] == CANDIDATES[3]


@pytest.mark.parametrize("place", range(6))
def test_only_the_moved_passage_changes_its_order(place: int) -> None:
    order = [candidate.passage_id for candidate in moved(CANDIDATES, "s1", place)]
    assert order.index("p1") == min(place, 3)
    assert [id for id in order if id != "p1"] == ["p0", "p2", "p3"]
    assert [c.score for c in moved(CANDIDATES, "s1", place)] == [c.score for c in CANDIDATES]


def test_a_passage_moved_to_its_own_place_or_not_there_changes_nothing() -> None:
    assert moved(CANDIDATES, "s2", 2) == CANDIDATES
    assert moved(CANDIDATES, "elsewhere", 0) == CANDIDATES
