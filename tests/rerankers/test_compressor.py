"""Selectors and rankers as LangChain's document compressors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ValidationError

from passel.rerankers import cuts
from passel.rerankers.compressor import RankerCompressor, SelectorCompressor, as_candidates
from passel.rerankers.cosine import rank_cosine
from passel.rerankers.cut_selector import CutSelector
from passel.rerankers.default import default_selector, pair_model
from passel.rerankers.pointwise import rank_pointwise
from passel.rerankers.ranking import Ranking
from passel.tools.candidate import Candidate
from passel.tools.encoder import Encoder

QUESTION = "Who built the Tarn Light?"
DOCUMENTS = [
    Document(id="cake", page_content="A cake needs flour, eggs and sugar.", metadata={"title": "Cake", "year": 1990}),
    Document(id="light", page_content="The Tarn Light was built by Mirel Ostane in 1840.", metadata={"title": "Tarn Light", "tenant": "a"}),
    Document(page_content="Brackwater is a town of 4,100 people.", metadata={}),
]


def by_length(question: str, candidates: Sequence[Candidate]) -> Ranking:
    return Ranking.by_score(candidates, [-len(candidate.passage.text) / 1000 + 1 if candidate.passage else 0.0 for candidate in candidates])


async def test_the_learned_selector_gives_a_subset_and_keeps_what_it_was_given(encoder: Encoder) -> None:
    compressor = SelectorCompressor(selector=default_selector(encoder))
    assert isinstance(compressor, BaseDocumentCompressor)
    before = [document.model_copy(deep=True) for document in DOCUMENTS]
    chosen = compressor.compress_documents(DOCUMENTS, QUESTION)
    assert [document.id for document in chosen] == ["light"]
    assert 0.5 < chosen[0].metadata["relevance_score"] <= 1
    assert (chosen[0].page_content, chosen[0].metadata["tenant"]) == (DOCUMENTS[1].page_content, "a")
    assert before == DOCUMENTS, "the caller's documents are left as they were"
    assert await compressor.acompress_documents(DOCUMENTS, QUESTION) == chosen


def test_a_list_from_elsewhere_is_searched_before_it_is_chosen_from(encoder: Encoder) -> None:
    """The second hop is named by the first; a bare list does not tell, and its order tells nothing."""
    question = "When was the builder of the Tarn Light born?"
    others = [Document(page_content=f"Beacon {n} was lit in {1700 + n}.", metadata={"title": f"Beacon {n}"}) for n in range(8)]
    mirel = Document(page_content="Mirel Ostane was an engineer, born in Brackwater in 1811.", metadata={"title": "Mirel Ostane"})
    listed = [*others, mirel, DOCUMENTS[0], DOCUMENTS[1], Document(page_content=" ")]
    chosen = SelectorCompressor(selector=default_selector(encoder), encoder=encoder).compress_documents(listed, question)
    assert {document.metadata["title"] for document in chosen} == {"Tarn Light", "Mirel Ostane"}
    assert all(document.page_content in [each.page_content for each in listed] for document in chosen)


def test_nothing_to_select_is_an_empty_list(encoder: Encoder) -> None:
    compressor = SelectorCompressor(selector=default_selector(encoder))
    assert compressor.compress_documents([], QUESTION) == []
    assert compressor.compress_documents(DOCUMENTS[:1], QUESTION) == []


def test_any_ranker_with_any_cut(encoder: Encoder) -> None:
    selector = CutSelector(by_length, encoder.count_tokens, cuts.fixed(2))
    chosen = SelectorCompressor(selector=selector).compress_documents(DOCUMENTS, QUESTION)
    assert [len(document.page_content) for document in chosen] == sorted(len(document.page_content) for document in DOCUMENTS)[:2]
    few = SelectorCompressor(selector=selector, token_budget=1).compress_documents(DOCUMENTS, QUESTION)
    assert few == []


async def test_every_ranker_orders_and_drops_nothing(encoder: Encoder) -> None:
    for rank in (partial(rank_cosine, encoder), partial(rank_pointwise, pair_model())):
        compressor = RankerCompressor(rank=rank)
        ranked = compressor.compress_documents(DOCUMENTS, QUESTION)
        assert ranked[0].id == "light"
        assert sorted(document.page_content for document in ranked) == sorted(document.page_content for document in DOCUMENTS)
        scores = [document.metadata["relevance_score"] for document in ranked]
        assert scores == sorted(scores, reverse=True)
        assert await compressor.acompress_documents(DOCUMENTS, QUESTION) == ranked
        assert RankerCompressor(rank=rank, top_n=1).compress_documents(DOCUMENTS, QUESTION) == ranked[:1]
    with pytest.raises(ValidationError):
        RankerCompressor(rank=by_length, top_n=0)


def test_documents_without_ids_and_with_equal_ones_stay_apart() -> None:
    twins = [Document(id="a", page_content="one"), Document(id="a", page_content="two"), Document(page_content="three")]
    candidates = as_candidates(twins, QUESTION)
    assert [candidate.passage.text for candidate in candidates if candidate.passage] == ["one", "two", "three"]
    assert len({candidate.passage_id for candidate in candidates}) == 3
    ranked = RankerCompressor(rank=by_length).compress_documents(twins, QUESTION)
    assert {(document.id, document.page_content) for document in ranked} == {("a", "one"), ("a", "two"), (None, "three")}
