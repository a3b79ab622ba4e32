"""PasselRetriever: what LangChain gets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from langchain_core.documents import Document as LangChainDocument
from pydantic import ValidationError

from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.encoder import Encoder
from passel.tools.retriever import PasselRetriever

QUESTION = "Where was the designer of the Tarn Light born?"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    with Corpus.open(tmp_path_factory.mktemp("corpora") / "tarn", encoder=Encoder.load(cache=False), create=True) as made:
        light = "# Tarn Light\n\n## Building\n\nIt was designed by Ilse Marn.\n"
        ilse = {"tenant": "a", "score": 7, "year": 1871}
        made.add(
            [
                Document.from_text(light, source="light.md", title="Tarn Light", metadata={"tenant": "a"}),
                Document.from_text("Ilse Marn is a native of Ostrey.", source="ilse", title="Ilse Marn", metadata=ilse),
                *(Document.from_text(f"Lit in {1800 + i}.", source=f"b{i}", title=f"Beacon {i}", metadata={"tenant": "b"}) for i in range(40)),
            ]
        )
        yield made


def test_documents_carry_their_way_back(corpus: Corpus) -> None:
    documents = PasselRetriever(corpus=corpus).invoke(QUESTION)
    assert len(documents) == 10
    assert all(isinstance(document, LangChainDocument) for document in documents)
    (ilse,) = (document for document in documents if document.metadata["source"] == "ilse")
    (passage,) = corpus.get([ilse.id or ""])
    assert ilse.page_content == passage.text
    start, end = ilse.metadata["span"]
    assert (corpus.document("ilse") or "")[start:end] == ilse.page_content
    assert ilse.metadata["title"] == "Ilse Marn"
    assert ilse.metadata["page"] is None
    assert "linked" in ilse.metadata["channels"]
    (light,) = (document for document in documents if document.metadata["source"] == "light.md")
    assert light.metadata["headings"] == ["Building"]


def test_own_metadata_is_neither_dropped_nor_changed(corpus: Corpus) -> None:
    documents = PasselRetriever(corpus=corpus).invoke("Ilse Marn")
    (ilse,) = (document for document in documents if document.metadata["source"] == "ilse")
    assert (ilse.metadata["tenant"], ilse.metadata["year"], ilse.metadata["own_score"]) == ("a", 1871, 7)
    assert 0 < ilse.metadata["score"] < 1  # the fused one
    assert corpus.get([ilse.id or ""])[0].metadata == {"tenant": "a", "score": 7, "year": 1871}


def test_k_is_given_to_the_retriever_or_to_the_call(corpus: Corpus) -> None:
    assert len(PasselRetriever(corpus=corpus, k=3).invoke(QUESTION)) == 3
    assert len(PasselRetriever(corpus=corpus, k=3).invoke(QUESTION, k=1)) == 1
    assert len(PasselRetriever(corpus=corpus, k=35, link=False).invoke(QUESTION)) == 35
    with pytest.raises(ValidationError):
        PasselRetriever(corpus=corpus, k=0)


def test_without_link_only_the_channels_of_search_are_asked(corpus: Corpus) -> None:
    channels = {channel for document in PasselRetriever(corpus=corpus, link=False).invoke(QUESTION) for channel in document.metadata["channels"]}
    assert channels == {"dense", "lexical"}


def test_filters_bind(corpus: Corpus) -> None:
    documents = PasselRetriever(corpus=corpus, k=50, filters={"tenant": "b"}).invoke(QUESTION)
    assert {document.metadata["tenant"] for document in documents} == {"b"}
    assert {document.metadata["source"] for document in PasselRetriever(corpus=corpus, filters={"source": "ilse"}).invoke(QUESTION)} == {"ilse"}


async def test_async_gives_the_same(corpus: Corpus) -> None:
    retriever = PasselRetriever(corpus=corpus, k=5)
    assert await retriever.ainvoke(QUESTION, k=4) == retriever.invoke(QUESTION)[:4]
