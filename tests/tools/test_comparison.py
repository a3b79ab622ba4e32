"""Comparison questions: what they compare and how, and what is no comparison."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.comparison import Asks, Reads, comparison

QUESTION_WORDS = """
    Which who of between both Are Was Do Does film films director first older same the country more than before or and , : A Bo “The Moon” al- in
    1956 share have located nationality ? longer lived born from American"""
questions = st.text(max_size=200) | st.lists(st.sampled_from(QUESTION_WORDS.split()), max_size=20).map(" ".join)


@pytest.mark.parametrize(
    ("question", "options", "asks", "reads"),
    [
        ("Which film came out first, I'M Not Angry! or Żołnierz Zwycięstwa?", ("I'M Not Angry!", "Żołnierz Zwycięstwa"), "least", "start"),
        ("Which film has the director born later, The Rack or Nenjil Or Aalayam?", ("The Rack", "Nenjil Or Aalayam"), "most", "start"),
        ("Which film has the director who is older than the other, High Heels or Ali?", ("High Heels", "Ali"), "least", "start"),
        ("Which film has the director died first, Believe, Ann or Dance, Fools, Dance?", ("Believe, Ann", "Dance, Fools, Dance"), "least", "end"),
        ("Which film was released more recently, True Bromance or V Trestném Území?", ("True Bromance", "V Trestném Území"), "most", "start"),
        ("Who is younger, Daniel Darc or Thomas Worthington (Governor)?", ("Daniel Darc", "Thomas Worthington (Governor)"), "most", "start"),
        ("Who was born first out of Arthur Schneider and Julien Cardy?", ("Arthur Schneider", "Julien Cardy"), "least", "start"),
        ("Who lived longer, Leonid Khachiyan or Nikolai Lobachevsky?", ("Leonid Khachiyan", "Nikolai Lobachevsky"), "most", "span"),
        ("Which magazine has been around longer, Time or Life?", ("Time", "Life"), "least", "start"),
        ("which magazine was started first Arthur's Magazine or First for Women", ("Arthur's Magazine", "First for Women"), "least", "start"),
        ("which magazine was started first arthur's magazine or first for women", ("arthur's magazine", "first for women"), "least", "start"),
        ("Was Kurt Szilier or Lee Zeldin born first?", ("Kurt Szilier", "Lee Zeldin"), "least", "start"),
        ("Does Lucio Silla or Pelléas et Mélisande have more acts?", ("Lucio Silla", "Pelléas et Mélisande"), "most", "number"),
        ("Which band The Innocence Mission or Starflyer 59 was formed first ?", ("The Innocence Mission", "Starflyer 59"), "least", "start"),
        ("Which band, A Silent Film or The Frames, has fewer members?", ("A Silent Film", "The Frames"), "least", "number"),
        ("Between Everest and K2, which is higher?", ("Everest", "K2"), "most", "number"),
        ("Which is located along a river, Ruijin or Ruichang?", ("Ruijin", "Ruichang"), "which", "text"),
    ],
)
def test_a_choice_of_two(question: str, options: tuple[str, str], asks: Asks, reads: Reads) -> None:
    found = comparison(question)
    assert found is not None
    assert (found.options, found.asks, found.reads, found.yes_no) == (options, asks, reads, False)


@pytest.mark.parametrize(
    ("question", "options", "asks", "reads"),
    [
        ("Were Joe Gallivan and John Loone from the same country?", ("Joe Gallivan", "John Loone"), "same", "country"),
        ("Do both films: Young Winston and Ekangi have the directors from the same country?", ("Young Winston", "Ekangi"), "same", "country"),
        ("Do both Ali and While Mexico Sleeps films have the directors from the same country?", ("Ali", "While Mexico Sleeps"), "same", "country"),
        ("Are director of film A Few Hours Of Spring and director of film The New Hotel both from the same country?",
         ("A Few Hours Of Spring", "The New Hotel"), "same", "country"),
        ("Are both villages, Stanari and Krasnoye, Belgorod, located in the same country?", ("Stanari", "Krasnoye, Belgorod"), "same", "country"),
        ("Did the movies The Wrath Of Silence and A Touch Of The Other, originate from the same country?",
         ("The Wrath Of Silence", "A Touch Of The Other"), "same", "country"),
        ("Does Seán Brosnahan have the same nationality as Julia Leigh?", ("Seán Brosnahan", "Julia Leigh"), "same", "country"),
        ("Are Charles de Gaulle and Vincent van Gogh from the same country?", ("Charles de Gaulle", "Vincent van Gogh"), "same", "country"),
        ("Were both Luis Alzaa and Gennadi Gerasimov, born in the same place?", ("Luis Alzaa", "Gennadi Gerasimov"), "same", "place"),
        ("Did Kubrick and Hitchcock die in the same year?", ("Kubrick", "Hitchcock"), "same", "year"),
        ("Do both movies have the same director?", (), "same", "text"),
        ("Were Scott Derrickson and Ed Wood both American?", ("Scott Derrickson", "Ed Wood"), "all", "country"),
        ("Are both Jonathan Marray and Wayne Black British?", ("Jonathan Marray", "Wayne Black"), "all", "country"),
        ("Was the film Splash released before the film Tangled?", ("Splash", "Tangled"), "least", "start"),
        ("Is Gangkhar Puensum taller than Apsarasas Kangri?", ("Gangkhar Puensum", "Apsarasas Kangri"), "most", "number"),
        ("Did Mozart die later than Beethoven?", ("Mozart", "Beethoven"), "most", "end"),
    ],
)  # fmt: skip
def test_yes_or_no(question: str, options: tuple[str, ...], asks: Asks, reads: Reads) -> None:
    found = comparison(question)
    assert found is not None
    assert (found.options, found.asks, found.reads, found.yes_no) == (options, asks, reads, True)


@pytest.mark.parametrize(
    "question",
    [
        "Who directed The Prairie King or one of its remakes?",
        "Who was the first president of the United States?",
        "What is the difference between a comet and an asteroid?",
        "What do Boyce Avenue and John Butler Trio have in common?",
        "McCarran International Airport and Niagara Falls International Airport, are located in which country?",
        "Which year was the more recent engine series, the Honda K or Honda H, introduced?",
        "Was the Eiffel Tower built before 1900?",
        "Did Kemal write more than 100 books?",
        "Are Paris and Rome in different countries?",
        "When did Richard Howell and his son die?",
        "Can a packet be lost and if so, then where does it go?",
        "Which film came out first?",
        "Who for most of his career was an actor, and best known for Fred?",
        "",
        "?",
    ],
)
def test_no_comparison(question: str) -> None:
    assert comparison(question) is None


@given(questions)
def test_any_question_gives_a_comparison_that_holds_together(question: str) -> None:
    found = comparison(question)
    if found is None:
        return
    assert len(found.options) in (0, 2)
    assert all(option and option in " ".join(question.split()) for option in found.options)
    assert len(set(found.options)) == len(found.options)
    assert found.yes_no or found.options
    assert bool(found.predicate) == (found.asks in ("all", "which"))
    assert found.yes_no or found.asks in ("least", "most", "which")
