"""Documents that a program brings along: every form becomes one, and what is none is refused."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document as LangChainDocument

from passel.agent.agent import Agent
from passel.agent.documents import checked_documents
from passel.tools.document import Document
from passel.tools.errors import UsageError


def test_every_form() -> None:
    given: list[Any] = [
        "A text.",
        {"text": "Another.", "title": "Its title", "id": 7, "tenant": "a", "metadata": {"year": 1840, "tenant": "of the metadata"}},
        LangChainDocument("A third.", metadata={"source": "third.md", "title": "Third", "page": 3}),
        LangChainDocument("Its second page.", metadata={"source": "third.md"}),
        LangChainDocument("A fourth.", id="fourth"),
        LangChainDocument("Of its metadata.", metadata={"id": "mine", "source": "third.md"}),
        Document.from_text("A fifth.", source="fifth"),
    ]
    made = list(checked_documents(given))
    assert [each.source for each in made] == ["document-1", "7", "third.md", "third.md#4", "fourth", "mine", "fifth"]
    assert [each.text for each in made][2:5] == ["A third.", "Its second page.", "A fourth."]
    assert (made[1].title, dict(made[1].metadata)) == ("Its title", {"year": 1840, "tenant": "a"})
    assert (made[2].title, made[2].metadata["page"]) == ("Third", 3)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("A text.", "one alone was given"),
        ({"text": "A text."}, "one alone was given"),
        ([{"title": "T"}], "document 1 has no text"),
        (["A text.", {"text": None}], "document 2 has no text"),
        ([7], "of type int"),
        ([{"id": "a", "text": "A."}, {"id": "a", "text": "B."}], "documents 1 and 2 have the same id, 'a'"),
        (["A.", {"id": "document-1", "text": "B."}], "documents 1 and 2 have the same id"),
        ([" "], "no text in it"),
        ([Document("a", " ")], "no text in it"),
    ],
)
def test_what_is_none_is_refused(given: Any, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        Agent.from_documents(given)
