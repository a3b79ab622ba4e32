"""PasselRetriever: search and link as a LangChain retriever, for whoever has a chain of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field

from .candidate import Candidate
from .corpus import Corpus
from .search import FOUND, search, search_linked

HITS = "passel_hits"
"""The metadata key of all that found a passage, ranks and links included: what a selector wants to know of it."""


class PasselRetriever(BaseRetriever):
    """`PasselRetriever(corpus=corpus, k=10, filters={"tenant": "a"}, link=True).invoke("Who ...?")`; `k` may also be given to `invoke`.

    A LangChain document has the passage's id and text. Its metadata holds the passage's own metadata beside source, title, headings, span (start and
    end in the document's converted text), page, channels, score (fused) and, for a compressor, `HITS`; own metadata of one of these names is kept
    under "own_" + name.
    """

    corpus: Corpus
    k: int = Field(default=10, gt=0)
    """Documents returned."""
    filters: Mapping[str, Any] | None = None
    """Which passages may be seen: see filters.py."""
    link: bool = True
    """Whether passages that the question or the first hits name are found too."""

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None) -> list[Document]:  # noqa: ARG002
        return self._find(query, k)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002
        k: int | None = None,
    ) -> list[Document]:
        return await asyncio.to_thread(self._find, query, k)

    def _find(self, query: str, k: int | None) -> list[Document]:
        n = self.k if k is None else k
        if self.link:
            found = search_linked(self.corpus, query, n=max(FOUND, n), filters=self.filters)
        else:
            found = search(self.corpus, query, n=n, filters=self.filters)
        return [_document(candidate) for candidate in found[:n]]


def _document(candidate: Candidate) -> Document:
    passage = candidate.passage
    assert passage is not None, "search gives its candidates their passages"
    metadata: dict[str, Any] = {
        "source": passage.source,
        "title": passage.title,
        "headings": list(passage.headings),
        "span": [passage.start, passage.end],
        "page": passage.page,
        "channels": list(candidate.channels),
        HITS: candidate.to_state()["hits"],
        "score": candidate.score,
    }
    for name, value in passage.metadata.items():
        metadata[f"own_{name}" if name in metadata else name] = value
    return Document(id=passage.id, page_content=passage.text, metadata=metadata)
