"""Citing: a written sentence is kept only with a quote that stands in a passage."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from passel.graphs.citing import cite, disagreements, numbered_citations, standing
from passel.tools.passage import Passage

PASSAGES = [
    Passage("a", "hall.md", "The Harbour Hall was designed by Ilse Marn. It opened in 1871.", title="Harbour Hall", start=100),
    Passage("b", "marn.md", "She was born in Sedge in 1832. Her brother painted ships.", title="Ilse Marn", start=7),
]


def test_a_named_passage_that_supports_the_sentence_is_quoted() -> None:
    sentence = cite("Ilse Marn was born in Sedge [2].", PASSAGES)
    assert sentence == {"text": "Ilse Marn was born in Sedge.", "quotes": [{"passage_id": "b", "start": 0, "end": 30, "sub_question": None}]}


def test_a_wrong_or_missing_number_is_mended() -> None:
    for written in ("The Harbour Hall opened in 1871.", "The Harbour Hall opened in 1871. [2]", "The Harbour Hall opened in 1871 [9]."):
        sentence = cite(written, PASSAGES)
        assert sentence is not None
        assert [quote["passage_id"] for quote in sentence["quotes"]] == ["a"]


def test_what_no_passage_holds_is_refused() -> None:
    assert cite("The hall was bought by a Dutch bank.", PASSAGES) is None
    assert cite("The Harbour Hall opened in 1872. [1]", PASSAGES) is None, "a wrong date is no paraphrase"
    assert cite("[1]", PASSAGES) is None
    assert cite("Anything at all.", []) is None


def test_numbers_follow_first_use() -> None:
    one, two = cite("It opened in 1871. [1]", PASSAGES), cite("Ilse Marn was born in Sedge. [2]", PASSAGES)
    assert one is not None
    assert two is not None
    citations, texts = numbered_citations([two, one, two], PASSAGES, [])
    assert texts == ["Ilse Marn was born in Sedge. [1]", "It opened in 1871. [2]", "Ilse Marn was born in Sedge. [1]"]
    assert [(c.source, c.span, c.quote) for c in citations] == [
        ("marn.md", (7, 37), "She was born in Sedge in 1832."),
        ("hall.md", (144, 162), "It opened in 1871."),
    ]


@given(st.text(max_size=200))
def test_any_text_is_cited_by_real_quotes_or_refused(text: str) -> None:
    sentence = cite(text, PASSAGES)
    if sentence is not None:
        citations, _ = numbered_citations([sentence], PASSAGES, [])
        assert citations
        by_id = {passage.id: passage for passage in PASSAGES}
        for citation in citations:
            passage = by_id[citation.passage_id]
            assert passage.text[citation.span[0] - passage.start : citation.span[1] - passage.start] == citation.quote


OTHER = Passage("c", "old.md", "The Harbour Hall was designed by Otto Vane. It opened in 1869.", title="Harbour Hall", start=5)


def test_a_written_disagreement_cites_each_side_by_itself() -> None:
    told = cite("Sources disagree: “Ilse Marn” [1], “Otto Vane” [3].", [*PASSAGES, OTHER])
    assert told is not None
    assert [claim["text"] for claim in told["claims"]] == ["Ilse Marn", "Otto Vane"]
    citations, texts = numbered_citations([told], [*PASSAGES, OTHER], [])
    assert texts == ["Sources disagree: “Ilse Marn” [1], “Otto Vane” [2]."]
    claims = disagreements([told], [*PASSAGES, OTHER], [])
    assert [(claim.answer, claim.citations) for claim in claims] == [("Ilse Marn", [1]), ("Otto Vane", [2])]
    assert [citation.source for citation in citations] == ["hall.md", "old.md"]


def test_a_disagreement_needs_two_answers_in_two_documents() -> None:
    passages = [*PASSAGES, OTHER]
    for written in (
        "Sources disagree: “Ilse Marn” [1], “1871” [1].",
        "Sources disagree: “Ilse Marn” [1], “1871” [3].",  # mended: it stands in the first
        "Sources disagree about the Harbour Hall. [1]",
        "Sources disagree: Ilse Marn designed the Harbour Hall [1], or Otto Vane did [3].",
    ):
        assert cite(written, passages) is None, written
    for written, said in {
        "Sources disagree: “Ilse Marn” [1].": "Ilse Marn",
        "Sources disagree: “1871” [1], “1871” [1].": "1871",
        "Sources disagree: “Nobody Known” [1], “Otto Vane” [3].": "Otto Vane",
    }.items():
        left = cite(written, passages)
        assert left is not None
        assert (left["text"], "claims" in left) == (said, False), written
    assert disagreements([], passages, []) == []


def test_of_a_disagreement_stands_what_is_left() -> None:
    passages = [*PASSAGES, OTHER]
    told = cite("Sources disagree: “Ilse Marn” [1], “Otto Vane” [3].", passages)
    assert told is not None
    lengths = {passage.id: len(passage.text) for passage in passages}
    assert standing(told, lengths) == told
    left = standing(told, {"c": lengths["c"]})
    assert left is not None
    assert "claims" not in left
    assert left["text"] == "Otto Vane"
    assert standing(told, {}) is None
