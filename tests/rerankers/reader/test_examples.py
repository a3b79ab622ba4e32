"""What is drawn from an example, and where in a window its answers stand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.rerankers.reader.examples import (
    LISTED,
    LISTED_OF_ONE,
    LabelledPassage,
    ReadingExample,
    Target,
    answer_tokens,
    draw,
    occurrences,
    without_answer,
)
from passel.tools.pair_text import OVERLAP, Reading, windows

QUESTION = "Where was the designer of the Harbour Hall born?"
GOLD = (
    LabelledPassage(Reading("Harbour Hall", "Ilse Marn designed it."), True),
    LabelledPassage(Reading("Ilse Marn", "She was born in Sedge.", "Harbour Hall: Ilse Marn designed it."), True, ("Sedge",)),
)
OTHERS = tuple(LabelledPassage(Reading(f"Goose {n}", f"Goose {n} eats grass."), False) for n in range(30))
EXAMPLE = ReadingExample("q", QUESTION, (*GOLD, *OTHERS), "list")
words = st.sampled_from(["Sedge", "sedge", "Arn", "St. Arn", "Arnsedge", "1,911", "'s", "(a)", "água", "港", " ", "\n", "_", ".", "*+?["])
made_of_words = st.lists(words, max_size=14).map(" ".join)


# Where an answer stands


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        ("Sedge, sedge and SEDGE; Sedgemoor.", ["Sedge"], ["Sedge", "sedge", "SEDGE"]),
        ("born in New \n Sedge.", ["new sedge"], ["New \n Sedge"]),
        ("Sedge's mill", ["Sedge"], ["Sedge"]),
        ("of 1,911 geese", ["911"], ["911"]),
        ("of 1911 geese", ["911", "19"], []),
        ("the (old) mill", ["(old)"], ["(old)"]),
        ("He is St. Arn.", ["St. Arn", "Arn"], ["St. Arn", "Arn"]),
        ("He is St. Arn.", ["", "  ", "Arn", "Arn"], ["Arn"]),
        ("nothing", [], []),
    ],
)
def test_occurrences(text: str, answers: list[str], expected: list[str]) -> None:
    assert [text[start:end] for start, end in occurrences(text, answers)] == expected


@given(text=made_of_words | st.text(max_size=60), answers=st.lists(words | st.text(max_size=5), max_size=3))
def test_occurrences_are_answers_and_whole_words(text: str, answers: list[str]) -> None:
    spans = occurrences(text, answers)
    assert spans == sorted(set(spans))
    for start, end in spans:
        assert start < end
        found = " ".join(text[start:end].split())
        assert any(re.fullmatch(re.escape(" ".join(answer.split())), found, re.IGNORECASE) for answer in answers)
        assert not re.match(r"\w", text[end:])
        assert not re.match(r"\w", text[:start][::-1])


@given(before=made_of_words, answer=words.filter(str.strip), after=made_of_words)
def test_an_answer_that_stands_there_is_found(before: str, answer: str, after: str) -> None:
    text = f"{before} {answer} {after}"
    assert any(start <= len(before) + 1 < end for start, end in occurrences(text, [answer]))


def label(text: str, *answers: str) -> LabelledPassage:
    return LabelledPassage(Reading("Title", text), True, answers)


@settings(max_examples=60, deadline=None)
@given(text=made_of_words, answers=st.lists(words, max_size=2), reading=st.sampled_from([("Sedge", ""), ("", "Sedge"), ("", "")]))
def test_answer_tokens_cover_the_answers(text: str, answers: list[str], reading: tuple[str, str]) -> None:
    title, naming = reading
    passage = LabelledPassage(Reading(title, text, naming), True, tuple(answers))
    ((window,),) = windows([("Sedge?", passage.reading)])
    starts, ends = answer_tokens(window, passage)
    spans = occurrences(text, answers)
    assert len(starts) == len(ends) == len(spans)
    for (start, end), first, last in zip(spans, starts, ends, strict=True):
        assert window.text <= first <= last < window.text + len(window.offsets)
        assert window.offsets[first - window.text][0] <= start < window.offsets[first - window.text][1]
        assert window.offsets[last - window.text][0] < end <= window.offsets[last - window.text][1]


def test_an_answer_cut_by_a_window_s_edge_stands_in_the_other_window() -> None:
    ((first, *_),) = windows([("q", Reading("Title", "goose " * 400))])
    room = len(first.offsets)
    for before, windows_with_it in ((room - 1, 1), (room - 4, 2), (room - OVERLAP - 1, 1)):  # of four tokens
        passage = label("goose " * before + "Ilse Marn " + "goose " * 200, "Ilse Marn")
        (of_pair,) = windows([("q", passage.reading)])
        found = [(window, *answer_tokens(window, passage)) for window in of_pair]
        held = [(window, starts, ends) for window, starts, ends in found if starts]
        assert len(held) == windows_with_it
        for window, (start,), (end,) in held:
            assert passage.reading.text[window.offsets[start - window.text][0] : window.offsets[end - window.text][1]] == "Ilse Marn"


# What is drawn


def drawn(example: ReadingExample, count: int = 200) -> list[tuple[Target, ...]]:
    return [one.targets for one in draw([example] * count, Random(0))]


def golds(targets: tuple[Target, ...]) -> int:
    return sum(target.gold is True for target in targets)


def test_the_gold_passages_and_others_that_change() -> None:
    lists = drawn(EXAMPLE)
    assert {len(targets) for targets in lists} == {LISTED}
    assert {tuple(target.gold for target in targets[golds(targets) :]) for targets in lists} == {(False,) * 6, (False,) * 7}
    assert len({tuple(tuple(target.window.tokens) for target in targets if not target.gold) for targets in lists}) > 150
    assert all(len({tuple(target.window.tokens) for target in targets}) == LISTED for targets in lists)  # none twice


def test_hard_negatives_are_drawn_more_often_and_easy_ones_too() -> None:
    goose = {tuple(windows([(QUESTION, passage.reading)])[0][0].tokens): n for n, passage in enumerate(OTHERS)}
    counts = Counter(goose[tuple(target.window.tokens)] for targets in drawn(EXAMPLE, 400) for target in targets if not target.gold)
    assert len(counts) == len(OTHERS)
    assert sum(counts[n] for n in range(5)) > 1.8 * sum(counts[n] for n in range(25, 30))


@pytest.mark.parametrize(
    ("passages", "sizes"),
    [
        ((GOLD[1], *OTHERS), {LISTED_OF_ONE}),
        (OTHERS, {LISTED_OF_ONE}),
        ((*GOLD, *OTHERS[:2]), {3, 4}),
        ((GOLD[1],), {1}),
        ((), {0}),
        ((*(replace(GOLD[0], reading=Reading(f"Hall {n}", "A hall.")) for n in range(LISTED + 3)), *OTHERS), {LISTED + 3}),
    ],
)
def test_how_many(passages: tuple[LabelledPassage, ...], sizes: set[int]) -> None:
    lists = drawn(replace(EXAMPLE, passages=passages), 60)
    assert {len(targets) for targets in lists} == sizes


def test_now_and_then_the_answer_is_not_there() -> None:
    lists = drawn(EXAMPLE, 400)
    without = [targets for targets in lists if golds(targets) == 1]
    assert 0.06 < len(without) / len(lists) < 0.2
    assert all(not target.starts and target.labelled for targets in without for target in targets)
    assert all(len(targets[1].starts) == 1 for targets in lists if golds(targets) == 2)
    single = drawn(replace(EXAMPLE, passages=(GOLD[1], *OTHERS)), 100)
    assert {golds(targets) for targets in single} == {1}
    each = drawn(replace(EXAMPLE, reads="each"), 100)
    assert {golds(targets) for targets in each} == {2}


def test_now_and_then_the_sentence_with_the_answer_is_not_there() -> None:
    text = "Ilse Marn was an architect. She was born in Sedge. Her brother painted ships."
    example = replace(EXAMPLE, passages=(LabelledPassage(Reading("Ilse Marn", text), True, ("Sedge",)), *OTHERS))
    copy = replace(example.passages[0].reading, text="Ilse Marn was an architect. Her brother painted ships.")
    ((stripped,),) = windows([(QUESTION, copy)])
    lists = drawn(example, 400)
    held = [targets for targets in lists if any(target.window.tokens == stripped.tokens for target in targets)]
    assert 0.22 < len(held) / len(lists) < 0.38
    assert 0.35 < sum(golds(targets) for targets in held) / len(held) < 0.65, "beside the passage itself, or in its place"
    copies = [target for targets in held for target in targets if target.window.tokens == stripped.tokens]
    assert {target.gold for target in copies} == {None}, "the way to the answer, or not: nobody knows"
    assert all(target.labelled and not target.starts for target in copies)
    assert {len(targets) for targets in lists} == {LISTED_OF_ONE}
    for reads in ("each", "nothing"):
        assert {golds(targets) for targets in drawn(replace(example, reads=reads), 100)} == {1}


@pytest.mark.parametrize(
    ("title", "text", "naming", "left"),
    [
        ("Ilse", "She was born in Sedge. She painted. Sedge is old.", "", "She painted."),
        ("Ilse", "She was born in Sedge.", "", None),
        ("Sedge", "Sedge is old. It has a mill.", "", None),
        ("Ilse", "She was born in Sedge. She painted.", "Sedge: Ilse was born here.", None),
        ("Ilse", "She was born in Sedge. She painted.", "Harbour Hall: Ilse designed it.", "She painted."),
    ],
)
def test_a_passage_without_its_answer(title: str, text: str, naming: str, left: str | None) -> None:
    copy = without_answer(LabelledPassage(Reading(title, text, naming), True, ("Sedge",)))
    assert copy == (left and LabelledPassage(Reading(title, left, naming), False, ranked=False))


def test_now_and_then_the_naming_sentence_is_not_read() -> None:
    named, bare = (windows([(QUESTION, replace(GOLD[1].reading, naming=naming))])[0][0].tokens for naming in (GOLD[1].reading.naming, ""))
    read = [target.window.tokens for targets in drawn(EXAMPLE, 300) for target in targets if target.starts]
    assert all(tokens in (named, bare) for tokens in read)
    assert 0.1 < read.count(bare) / len(read) < 0.3


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    one, same, other = (draw([EXAMPLE] * 5, Random(seed)) for seed in (1, 1, 2))
    assert one == same != other
    assert [each.example for each in one] == [EXAMPLE] * 5
    assert all(each.tokens == sum(len(target.window.tokens) for target in each.targets) for each in one)
    assert draw([], Random(0)) == []


def test_what_the_lack_of_an_answer_means() -> None:
    held, lacking, no_label = label("Born in Sedge.", "Sedge"), label("Born in Arn.", "Sedge"), LabelledPassage(Reading("", "Geese."), False)
    for reads, expected in (("list", [True, False, True]), ("each", [True, False, False]), ("nothing", [False, False, False])):
        (targets,) = drawn(ReadingExample("q", "Where?", (replace(held, gold=False), replace(lacking, gold=False), no_label), reads), 1)
        by_tokens = {tuple(target.window.tokens): target for target in targets}
        read = [by_tokens[tuple(windows([("Where?", passage.reading)])[0][0].tokens)] for passage in (held, lacking, no_label)]
        assert [target.labelled for target in read] == expected
        assert [bool(target.starts) for target in read] == [True, False, False]


def test_of_a_long_passage_a_window_with_the_answer_is_read() -> None:
    long = label("goose " * 500 + "Ilse Marn " + "goose " * 500, "Ilse Marn")
    chosen = drawn(ReadingExample("q", "Who?", (long,), "list"), 30)
    assert all(len(target.starts) == 1 for (target,) in chosen)
    plain = drawn(ReadingExample("q", "Who?", (label("goose " * 500),), "list"), 30)
    assert len({target.window.offsets[0] for (target,) in plain}) > 1
    assert all(target.labelled for (target,) in plain)


def test_examples_do_not_mix(hall: Callable[..., ReadingExample]) -> None:
    examples = [hall(n) for n in range(9)]
    for example, one in zip(examples, draw(examples, Random(3)), strict=True):
        assert one.example is example
        mine = {tuple(windows([(example.question, passage.reading)])[0][0].tokens) for passage in example.passages}
        assert {tuple(target.window.tokens) for target in one.targets} <= mine
