"""Sources that disagree are both shown, in a form that a program can read; sources that say the same are not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from passel.graphs.answer import Answer
from passel.tools.corpus import Corpus
from passel.tools.loaders import Document

HALL = "The Harbour Hall in Arn was designed by Ilse Marn and opened in 1871. Its tower is 41 metres high. Otto Vane built its clock."
WHO = "Who designed the Harbour Hall in Arn?"
WHOLE = json.dumps({"sub_questions": []})


@pytest.fixture
def told(ask: Any, tmp_path: Path) -> Any:
    """`await told(question, [(source, title, text), …])`: the Answer over these documents."""
    made = iter(range(100))

    async def answer(question: str, documents: Sequence[tuple[str, str, str]], **options: Any) -> Answer:
        with Corpus.open(tmp_path / f"c{next(made)}", create=True) as corpus:
            corpus.add(Document.from_text(text, source=source, title=title) for source, title, text in documents)
            return (await ask(question, corpus=corpus, **options))[-1].answer

    return answer


MARN = ("marn.md", "Ilse Marn", "Ilse Marn was an architect. She was born in the village of Sedge in 1832 and died in 1904.")
ARN = ("arn.md", "Arn", "Arn is a port with a fish market. Its ferry crosses to the island of Kell twice a day.")


async def test_two_versions_with_two_answers_are_both_shown(told: Any) -> None:
    other = HALL.replace("Ilse Marn", "Joss Harl")
    answer = await told(WHO, [("new.md", "Harbour Hall", HALL), ("old.md", "Harbour Hall", other), MARN, ARN])
    assert answer.outcome == "answered"
    assert answer.answer.startswith("Sources disagree: “")
    assert {claim.answer for claim in answer.disagreement} == {"Ilse Marn", "Joss Harl"}
    for claim in answer.disagreement:
        cited = [answer.citations[number - 1] for number in claim.citations]
        assert any(claim.answer in citation.quote for citation in cited)
        assert f"“{claim.answer}” " + "".join(f"[{number}]" for number in claim.citations) in answer.answer
    assert {"new.md", "old.md"} <= {citation.source for citation in answer.citations}
    assert Answer.model_validate_json(answer.model_dump_json()) == answer


@pytest.mark.parametrize(
    "other",
    [
        ("copy.md", "Harbour Hall", HALL),  # says the same
        ("copy.md", "Harbour Hall", HALL.replace("and opened", "and was opened").replace(" high", " tall")),  # in other words
        ("copy.md", "Harbour Hall", HALL.partition(" Its tower")[0]),  # less
        ("kell.md", "Kell Hall", HALL.replace("Harbour Hall in Arn", "Kell Hall in Kell").replace("Ilse Marn", "Joss Harl").replace("41", "30")),
        ("kell.md", "Harbour Hall", HALL.replace("Ilse Marn", "the architect Ilse Marn")),  # a part of it
    ],
)
async def test_what_is_no_contradiction_is_none(told: Any, other: tuple[str, str, str]) -> None:
    answer = await told(WHO, [("new.md", "Harbour Hall", HALL), other, MARN, ARN])
    assert answer.disagreement == []
    assert "Ilse Marn" in answer.answer


async def test_things_of_other_names_do_not_contradict_each_other(told: Any) -> None:
    built = {"Fell": "Jon Ostane", "Tarn": "Mirel Harl"}
    lights = [(name.lower(), f"{name} Light", f"The {name} Light was built by {who}.") for name, who in built.items()]
    answer = await told("Who built the Fell Light?", lights)
    assert (answer.disagreement, answer.answer) == ([], "Jon Ostane [1]")


async def test_one_document_does_not_contradict_itself(told: Any) -> None:
    twice = f"{HALL}\n\n{HALL.replace('Ilse Marn', 'Joss Harl')}"
    assert (await told(WHO, [("new.md", "Harbour Hall", twice), MARN])).disagreement == []


async def test_a_comparison_is_answered_and_not_disputed(told: Any) -> None:
    documents = [MARN, ("vane.md", "Otto Vane", "Otto Vane was a clockmaker of Arn, born in 1840. He built eleven tower clocks."), ARN]
    answer = await told("Who was born earlier, Ilse Marn or Otto Vane?", documents)
    assert answer.disagreement == []


async def test_a_disagreement_that_a_chat_model_does_not_tell_is_added(told: Any, fake_chat: Any) -> None:
    documents = [("new.md", "Harbour Hall", HALL), ("old.md", "Harbour Hall", HALL.replace("Ilse Marn", "Joss Harl"))]
    answer = await told(WHO, documents, model=fake_chat.of(WHOLE, "The Harbour Hall in Arn was designed by Ilse Marn. [1]"))
    assert answer.outcome == "answered"
    assert "Sources disagree: “" in answer.answer
    assert {claim.answer for claim in answer.disagreement} == {"Ilse Marn", "Joss Harl"}
    agreeing = await told(WHO, documents[:1], model=fake_chat.of(WHOLE, "The Harbour Hall in Arn was designed by Ilse Marn. [1]"))
    assert agreeing.disagreement == []


async def test_neither_side_cites_the_others_document(told: Any) -> None:
    text = "Otto Klemm designed the Harl Tower. It stands in Arn and was opened in 1871. Its clock is by Otto Vane, they say."
    klemm = ("klemm.md", "Otto Klemm", "Otto Klemm was an architect of Arn. He was born in the village of Sedge and died in 1904.")
    documents = [("tower.md", "Harl Tower", text), ("guide.md", "Harl Tower", text.replace("Otto Klemm", "Anna Brisk")), klemm]
    answer = await told("Who designed the Harl Tower?", documents)
    for claim in answer.disagreement:
        assert all(claim.answer in answer.citations[number - 1].quote for number in claim.citations)
    assert len(answer.disagreement) == 2


async def test_a_chat_model_sees_both_versions_and_its_disagreement_is_read(told: Any, fake_chat: Any) -> None:
    other = HALL.replace("Ilse Marn", "Joss Harl")
    documents = [("new.md", "Harbour Hall", HALL), ("old.md", "Harbour Hall", other), MARN, ARN]
    seen: list[str] = []

    def write(messages: list[Any]) -> str:
        prompt = str(messages[-1].content)
        seen.append(prompt)
        numbers = [next(n for n in range(1, 9) if f"[{n}] <passage>\nHarbour Hall: {text}" in prompt) for text in (HALL, other)]
        return f"Sources disagree: “Ilse Marn” [{numbers[0]}], “Joss Harl” [{numbers[1]}]."

    answer = await told(WHO, documents, model=fake_chat.of(WHOLE, write))
    assert len(seen) == 1
    assert [claim.answer for claim in answer.disagreement] == ["Ilse Marn", "Joss Harl"]
    assert [answer.citations[claim.citations[0] - 1].source for claim in answer.disagreement] == ["new.md", "old.md"]
    assert answer.answer == "Sources disagree: “Ilse Marn” [1], “Joss Harl” [2]."


FORM = "The {} branch is open from 8 to 16. The branch manager is {}. Its telephone number is {}. Visitors report at the front desk."
BRANCHES = {"Riga": ("Olga Berzins", "555 0101"), "Oslo": ("Kari Moe", "555 0202"), "Turku": ("Pekka Salo", "555 0303")}


@pytest.mark.parametrize("question", ["Who is the manager of the Riga branch?", "who is the manager of the riga branch?"])
async def test_the_same_form_of_another_branch_is_no_other_version(told: Any, question: str) -> None:
    letters = [(f"{place.lower()}/contact.txt", "contact", FORM.format(place, *filled)) for place, filled in BRANCHES.items()]
    answer = await told(question, letters)
    assert (answer.disagreement, answer.answer) == ([], "Olga Berzins [1]")


async def test_the_list_of_another_year_is_no_other_version(told: Any) -> None:
    text = "This is the price list for {}. It was written by {} and holds the prices of all lamps and lenses that the Lumen plant sells."
    lists = [("a.md", "Price list", text.format(2024, "Ilse Marn")), ("b.md", "Price list", text.format(2023, "Otto Vane"))]
    answer = await told("Who wrote the price list for 2024?", lists)
    assert (answer.disagreement, answer.answer) == ([], "Ilse Marn [1]")
    assert len((await told("Who wrote the price list?", lists)).disagreement) == 2


async def test_a_small_number_of_the_question_says_nothing_of_versions(told: Any) -> None:
    text = "Leave policy, version {}. All crews get {} days of paid leave in each full year. Leave is agreed with the harbour master."
    documents = [(f"{n}.md", "Leave policy", text.format(n, days)) for n, days in ((1, 20), (2, 25))]
    answer = await told("How many days of paid leave do crews get after 2 years?", documents)
    assert len(answer.disagreement) == 2


async def test_what_a_yes_or_no_is_asked_about_may_be_disputed(told: Any) -> None:
    documents = [("new.md", "Harbour Hall", HALL), ("old.md", "Harbour Hall", HALL.replace("1871", "1881"))]
    answer = await told("Was the Harbour Hall opened in 1871?", documents)
    assert sorted(year for claim in answer.disagreement for year in ("1871", "1881") if year in claim.answer) == ["1871", "1881"]
