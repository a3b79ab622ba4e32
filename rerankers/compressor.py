"""Every selector and every ranker as LangChain's document compressor.

A selector wants to know how passages were found. Documents of `PasselRetriever` bring that along, so the selector judges them as in the graph; other
documents are searched first, for this question alone (`tools/given.py` tells what that is worth). Versions of one text, which the graph settles once
the selector has chosen (`versions.py`), stay as it chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import BaseDocumentCompressor, Document
from pydantic import ConfigDict, Field, SkipValidation

from ..tools.budget import Budget
from ..tools.candidate import Candidate, Hit
from ..tools.encoder import Encoder
from ..tools.given import given_candidates
from ..tools.passage import Passage
from ..tools.retriever import HITS
from .cut_selector import Ranker
from .selection import Selector

RELEVANCE = "relevance_score"
"""The metadata key in which LangChain's own rerankers leave a document's score."""


class SelectorCompressor(BaseDocumentCompressor):
    """`SelectorCompressor(selector=…).compress_documents(documents, query)`: a subset in the selector's order, perhaps none.

    The documents keep their ids and metadata; `relevance_score` is P(it is evidence), given question and list.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    selector: SkipValidation[Selector]
    encoder: SkipValidation[Encoder | None] = None
    """Searches documents that bring no hits along; None: their order is taken for that of a search, which is enough for a selector that looks at the
    passages alone, as a `CutSelector` does."""
    token_budget: int = Field(default=Budget().evidence_tokens, gt=0)
    """Of the documents' texts together, by the embedded encoder's tokenizer."""

    def compress_documents(self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None) -> Sequence[Document]:  # noqa: ARG002
        candidates = as_candidates(documents, query)
        by_id = {candidate.passage_id: document for candidate, document in zip(candidates, documents, strict=True)}
        if self.encoder is not None and not all(HITS in document.metadata for document in documents):
            titled = [(candidate.passage.title, candidate.passage.text) for candidate in candidates if candidate.passage]
            candidates = given_candidates(self.encoder, query, titled)
            by_id = {candidate.passage_id: documents[int(candidate.passage.source)] for candidate in candidates if candidate.passage}
        selection = self.selector.select(query, candidates, token_budget=self.token_budget)
        return [_scored(by_id[id], p) for id, p in zip(selection.ids, selection.relevance, strict=True)]


class RankerCompressor(BaseDocumentCompressor):
    """`RankerCompressor(rank=partial(rank_pointwise, pair_model()), top_n=5)`: the documents in the ranker's order, with its scores."""

    rank: SkipValidation[Ranker]
    top_n: int | None = Field(default=None, gt=0)
    """None: all of them."""

    def compress_documents(self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None) -> Sequence[Document]:  # noqa: ARG002
        candidates = as_candidates(documents, query)
        by_id = {candidate.passage_id: document for candidate, document in zip(candidates, documents, strict=True)}
        ranking = self.rank(query, candidates)
        ranked = [_scored(by_id[candidate.passage_id], score) for candidate, score in zip(ranking.candidates, ranking.scores, strict=True)]
        return ranked[: self.top_n]


def as_candidates(documents: Sequence[Document], query: str) -> list[Candidate]:
    """One for each document, in their order. A document without an id, or with an earlier one's, gets its place as id."""
    taken: set[str] = set()
    candidates: list[Candidate] = []
    for place, document in enumerate(documents):
        id = document.id if document.id and document.id not in taken else f"#{place}"
        taken.add(id)
        metadata = document.metadata
        title = metadata.get("title")
        passage = Passage(id, str(metadata.get("source") or id), document.page_content, title if isinstance(title, str) else "", _headings(metadata))
        given = metadata.get(HITS)
        hits = Candidate.from_state({"id": id, "hits": given}).hits if given else (Hit("lexical", query, place, 0.0),)
        candidates.append(Candidate(id, hits, passage))
    return candidates


def _headings(metadata: dict[str, Any]) -> tuple[str, ...]:
    given = metadata.get("headings")
    return tuple(map(str, given)) if isinstance(given, list) else ()


def _scored(document: Document, score: float) -> Document:
    return Document(id=document.id, page_content=document.page_content, metadata={**document.metadata, RELEVANCE: score})
