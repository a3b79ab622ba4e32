"""The list below an answer: its citations, and what a part leaves open."""

from __future__ import annotations

from passel.agent.server.sources import block, without_block
from passel.graphs.answer import Answer, Citation

CITED = Citation(passage_id="p", title="Mole Light", source="mole.md", span=(0, 9), quote="It was lit\nin 1871.")


def test_each_citation_is_a_line() -> None:
    answer = Answer(question="q", outcome="answered", answer="1871 [1]", citations=[CITED])
    assert block(answer) == "\n\nSources:\n- [1] Mole Light (mole.md): “It was lit in 1871.”"
    assert without_block(answer.answer + block(answer)) == "1871 [1]"


def test_a_part_says_what_it_leaves_open() -> None:
    answer = Answer(question="q", outcome="partial", answer="1871 [1]", citations=[CITED], missing=["Who lit it?", "Why?"])
    assert block(answer).startswith("\n\nNot found: Who lit it?; Why?\n\nSources:\n- [1] ")


def test_without_citations_there_is_none() -> None:
    assert block(Answer(question="q", outcome="abstained", answer="I don't know: …", missing=["Vantia"])) == ""
