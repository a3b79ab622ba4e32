"""Pieces: every word is kept, evidence stays evidence, and where it stands is where the answer is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from passel.evals.pieces import in_pieces
from passel.evals.question import DataPassage, Dataset, Hop, Question, pool_of
from passel.tools.answers import contains_answer

HALL = DataPassage(
    "Harbour Hall",
    "The Harbour Hall is a concert hall on the quay of Arn, with a roof of green copper, seats for nine hundred and a clock that is never right. "
    "It opened in 1902 after a fire had taken the hall before it, and has been closed twice since then for floods and once for a wedding. "
    "Its architect was Ilse Marn, who also drew the steps down to the water, the lamps along the quay and the doors of the customs house.",
    True,
)
MARN = DataPassage("Ilse Marn (architect)", "Ilse Marn was an architect. She was born in Sedge.", True)
GEESE = DataPassage("Goose", "Geese eat grass. " * 40, False)
QUESTION = Question("q", "Where was the architect of the Harbour Hall born?", ("Sedge",), passages=(HALL, MARN, GEESE))


def cut(question: Question) -> Question:
    made = in_pieces(Dataset("made/up", (question,), pool_of([question]), "0"))
    assert {passage.source for passage in made.questions[0].passages} == {passage.source for passage in made.pool}
    assert all(passage.gold is None for passage in made.pool)
    return made.questions[0]


def gold_texts(question: Question) -> list[str]:
    return [passage.text for passage in question.passages if passage.gold]


def test_a_long_passage_is_cut_between_sentences_and_a_short_one_is_not() -> None:
    pieces = cut(QUESTION).passages
    of_hall = [piece.text for piece in pieces if piece.title == "Harbour Hall"]
    assert len(of_hall) == 2
    assert " ".join(of_hall) == HALL.text
    assert all(text.endswith(".") for text in of_hall)
    assert [piece.text for piece in pieces if piece.title == MARN.title] == [MARN.text]


def test_evidence_is_the_piece_that_names_the_next() -> None:
    texts = gold_texts(cut(QUESTION))
    assert len(texts) == 2
    assert "architect was Ilse Marn" in texts[0]
    assert texts[1] == MARN.text


def test_a_hop_says_more_than_a_name() -> None:
    hop = Hop("When did the Harbour Hall open?", "concert hall", HALL.source)
    question = cut(Question(QUESTION.id, QUESTION.question, QUESTION.answers, passages=QUESTION.passages, hops=(hop,)))
    assert "concert hall" in gold_texts(question)[0]
    (moved,) = question.hops
    assert moved.source == next(passage.source for passage in question.passages if passage.gold)


def test_without_a_clue_the_first_piece() -> None:
    question = cut(Question("q", "Is the Harbour Hall older than Arn?", ("yes",), passages=(HALL, GEESE)))
    (text,) = gold_texts(question)
    assert HALL.text.startswith(text)


def test_unknown_evidence_stays_unknown() -> None:
    unknown = tuple(DataPassage(passage.title, passage.text) for passage in QUESTION.passages)
    assert {passage.gold for passage in cut(Question("q", "Where?", ("Sedge",), passages=unknown)).passages} == {None}


WORDS = st.lists(st.sampled_from(["Arn", "mill", "1902", "quay.", "roof?", "Sedge!", "Dr.", "\n\n"]), max_size=160).map(" ".join)


@given(texts=st.lists(st.tuples(st.sampled_from(["a", "b"]), WORDS, st.booleans()), max_size=5), answer=st.sampled_from(["Arn", "1902", "none"]))
def test_no_word_is_lost_and_every_gold_passage_has_a_gold_piece(texts: list[tuple[str, str, bool]], answer: str) -> None:
    passages = {(title, text): DataPassage(title, text, gold) for title, text, gold in texts}
    question = Question("q", "What?", (answer,), passages=tuple(passages.values()))
    made = cut(question)
    for passage in question.passages:
        pieces = [piece for piece in made.passages if piece.title == passage.title and piece.text in passage.text]
        words = {word for piece in pieces for word in piece.text.split()}
        assert words == set(passage.text.split())
        if passage.gold:
            gold = [piece for piece in pieces if piece.gold]
            assert gold
            if contains_answer(passage.text, [answer]) and any(contains_answer(piece.text, [answer]) for piece in pieces):
                assert any(contains_answer(piece.text, [answer]) for piece in gold)
