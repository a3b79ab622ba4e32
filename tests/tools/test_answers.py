"""Answers: the official normal form and scores, worked out by hand and against scikit-learn, and what counts as standing in a text."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.tools.answers import Overlap, bare, contains_answer, exact_match, f1, normalised

WORDS = st.lists(st.sampled_from(["lapwing", "ferry", "the", "Mole", "light", "1887", "a", "of"]), max_size=6).map(" ".join)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("The Lapwing, a ferry.", "lapwing ferry"),
        ("  An   Apple\tTree ", "apple tree"),
        ("theatre", "theatre"),
        ("U.S.A.", "usa"),
        ("Stenmouth-on-Sea", "stenmouthonsea"),
        ("1,250", "1250"),
        ("The The", ""),
        ("1990–1995", "1990–1995"),
        ("Étoile", "étoile"),
        ("!?", ""),
    ],
)
def test_normal_form(text: str, form: str) -> None:
    assert normalised(text) == form


@given(st.text())
def test_the_normal_form_has_single_spaces_and_no_ascii_punctuation(text: str) -> None:
    form = normalised(text)
    assert form == " ".join(form.split())
    assert not set("!?.,'\"-()") & set(form)


@pytest.mark.parametrize(
    ("prediction", "golds", "em", "scores"),
    [
        ("the Lapwing", ("Lapwing",), 1.0, (1.0, 1.0, 1.0)),
        ("Lapwing ferry", ("the ferry Lapwing of Stenmouth",), 0.0, (2 * 1.0 * 0.5 / 1.5, 1.0, 0.5)),
        ("ferry ferry", ("ferry",), 0.0, (2 / 3, 0.5, 1.0)),
        ("Ida Farrow", ("I. Farrow", "Ida M. Farrow", "Farrow"), 0.0, (0.8, 1.0, 2 / 3)),
        ("Ida Farrow", ("Grace", "ida farrow!"), 1.0, (1.0, 1.0, 1.0)),
        ("1887", ("in 1888",), 0.0, (0.0, 0.0, 0.0)),
        # HotpotQA: yes, no and noanswer are whole answers
        ("yes", ("Yes.",), 1.0, (1.0, 1.0, 1.0)),
        ("yes it was", ("yes",), 0.0, (0.0, 0.0, 0.0)),
        ("no", ("no keeper",), 0.0, (0.0, 0.0, 0.0)),
        ("noanswer given", ("noanswer",), 0.0, (0.0, 0.0, 0.0)),
        ("yes it was", ("yes", "it was"), 0.0, (0.8, 2 / 3, 1.0)),
        # SQuAD 2.0: no answer
        ("", (), 1.0, (1.0, 1.0, 1.0)),
        ("something", (), 0.0, (0.0, 0.0, 0.0)),
        ("", ("Lapwing",), 0.0, (0.0, 0.0, 0.0)),
        ("the", ("",), 1.0, (1.0, 1.0, 1.0)),
        ("", ("The The",), 1.0, (1.0, 1.0, 1.0)),
        ("", ("The", "Lapwing"), 0.0, (0.0, 0.0, 0.0)),
    ],
)
def test_scores_worked_out_by_hand(prediction: str, golds: tuple[str, ...], em: float, scores: tuple[float, float, float]) -> None:
    assert exact_match(prediction, golds) == em
    assert f1(prediction, golds) == pytest.approx(Overlap(*scores))


@settings(deadline=None)  # the first example imports scikit-learn
@given(WORDS, st.lists(WORDS, min_size=1, max_size=3))
def test_agrees_with_scikit_learn_on_multisets_of_words(prediction: str, golds: list[str]) -> None:
    from sklearn.metrics import f1_score
    from sklearn.preprocessing import MultiLabelBinarizer

    def counted(text: str) -> set[tuple[str, int]]:
        words = normalised(text).split()
        return {(word, words[:n].count(word)) for n, word in enumerate(words)}

    forms = [gold for gold in golds if normalised(gold)] or [""]
    expected = []
    for gold in forms:
        if not normalised(gold) or not normalised(prediction):
            expected.append(float(normalised(gold) == normalised(prediction)))
            continue
        marks = MultiLabelBinarizer().fit_transform([counted(gold), counted(prediction)])
        expected.append(f1_score(marks[0], marks[1], zero_division=0))
    found = f1(prediction, golds)
    assert found.f1 == pytest.approx(max(expected))
    assert exact_match(prediction, golds) == float(any(normalised(prediction) == normalised(gold) for gold in forms))


@given(st.text(), st.lists(st.text(), max_size=3))
def test_any_text_gives_scores_in_bounds(prediction: str, golds: list[str]) -> None:
    found, em = f1(prediction, golds), exact_match(prediction, golds)
    assert all(0.0 <= score <= 1.0 for score in found)
    assert em <= found.f1


def test_citation_marks_are_no_part_of_an_answer() -> None:
    assert bare("The Lapwing [1][3].") == "The Lapwing."
    assert bare("1887 [2, 12] and 1888 [4; 5]") == "1887 and 1888"
    assert bare("[sic] f[x] [1234]") == "[sic] f[x] [1234]"
    assert exact_match(bare("Lapwing [1]"), ["Lapwing"]) == 1.0


@pytest.mark.parametrize(
    ("text", "answers", "stands"),
    [
        ("The ferry Lapwing left Stenmouth.", ("lapwing",), True),
        ("Two lapwings were seen.", ("lapwing",), False),
        ("Lapwing's captain", ("Lapwing",), True),
        ("the Stenmouth–Sedge line", ("Sedge",), True),
        ("built in 1887/88", ("1887",), True),
        ("built in 18870", ("1887",), False),
        ("the Mole-Light", ("Mole Light",), True),
        ("the Mole of Light", ("Mole Light",), False),
        ("U.S. harbours", ("US",), True),
        ("Ida Farrow", ("Grace", "Farrow, Ida"), False),
        ("Ida Farrow", ("Grace", "Ida  Farrow"), True),
        ("Farrow, the Ida", ("Farrow Ida",), True),
        ("a record by The The", ("The The",), True),
        ("a record by the others", ("The The",), False),
        ("marked (a", ("(a",), True),
        ("marked b", ("(a",), False),
        ("anything", ("", " "), False),
        ("anything", (), False),
        ("", ("Ida",), False),
    ],
)
def test_an_answer_stands_in_a_text_as_whole_words(text: str, answers: tuple[str, ...], stands: bool) -> None:
    assert contains_answer(text, answers) is stands


@given(st.text(), st.text(), st.text())
def test_an_answer_put_into_a_text_is_found_there(before: str, answer: str, after: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # no pattern is made of an answer unescaped
        found = contains_answer(f"{before} {answer} {after}", [answer])
    assert found or not normalised(answer)
