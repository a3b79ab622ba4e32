"""/v1/rerank: passages that the caller brings, in Cohere's and Jina's form.

The model `selector` chooses: results may be fewer than `top_n`, or none, and stand in the order in which a reader should see them. The model
`pointwise` scores every passage by itself and leaves none out.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from ...rerankers.pointwise import rank_pointwise
from ...rerankers.selector.selector import MOST_READ
from ...tools.candidate import Candidate
from ...tools.given import given_candidates
from ...tools.pair import PairModel
from ...tools.pair_text import readings_of
from ...tools.passage import Passage
from ..asked import MOST_QUESTION_CHARACTERS
from .body import Body
from .errors import ApiError
from .running import finish, threaded
from .serving import Serving

Scored = list[tuple[int, float]]
"""(place among the documents, relevance), best first."""
_AT_A_TIME = 32
"""Passages between two looks at whether the answer is still wanted."""


class Text(BaseModel):
    model_config = ConfigDict(extra="allow")

    text: str
    title: str = Field(default="", description="what the passage is about: names lead from one passage to another")


class RerankRequest(Body):
    model_config = ConfigDict(extra="allow")

    model: Literal["selector", "pointwise"] = "selector"
    query: str = Field(min_length=1, max_length=MOST_QUESTION_CHARACTERS)
    documents: list[str | Text] = Field(description="at most 1,000, unless the server was told otherwise")
    top_n: int | None = Field(default=None, ge=1, description="results at most")
    return_documents: bool | None = Field(default=None, description="whether each result holds its text")
    token_budget: int | None = Field(default=None, gt=0, description="selector: tokens of the chosen texts at most")


class Result(BaseModel):
    index: int = Field(description="place in `documents`")
    relevance_score: float = Field(ge=0, le=1, description="P(it is evidence); with the selector, given the question and all documents")
    document: Text | None = None


class BilledUnits(BaseModel):
    search_units: int = 1


class Version(BaseModel):
    version: str


class Meta(BaseModel):
    api_version: Version
    billed_units: BilledUnits = BilledUnits()


class RerankUsage(BaseModel):
    total_tokens: int = Field(description="of the documents, by the embedded encoder's tokenizer")


class Rerank(BaseModel):
    id: str
    object: Literal["list"] = "list"
    model: str
    results: list[Result]
    stop_reason: str = Field(default="", description="selector: why it chose no more")
    meta: Meta
    usage: RerankUsage


def routes(serving: Serving) -> APIRouter:
    router = APIRouter(tags=["rerank"])

    async def rerank(asked: RerankRequest, request: Request, version: str) -> Rerank:
        most = serving.limits.passages
        if len(asked.documents) > most:
            message = f"There are {len(asked.documents):,} documents; at most {most:,} are taken."
            raise ApiError(400, message, param="documents", code="too_many_documents")
        texts = [Text(text=document) if isinstance(document, str) else document for document in asked.documents]
        scored, why, tokens = await finish(request, threaded(partial(_scored, serving, asked, texts)), serving.limits.seconds)
        results = [Result(index=place, relevance_score=score, document=texts[place] if asked.return_documents else None) for place, score in scored]
        return Rerank(
            id=str(uuid.uuid4()),
            model=asked.model,
            results=results[: asked.top_n],
            stop_reason=why,
            meta=Meta(api_version=Version(version=version)),
            usage=RerankUsage(total_tokens=tokens),
        )

    @router.post("/v1/rerank", response_model_exclude_none=True)
    async def rerank_v1(asked: RerankRequest, request: Request) -> Rerank:
        """As Cohere's v1 and Jina have it."""
        return await rerank(asked, request, "1")

    @router.post("/v2/rerank", response_model_exclude_none=True)
    async def rerank_v2(asked: RerankRequest, request: Request) -> Rerank:
        """As Cohere's v2 has it."""
        return await rerank(asked, request, "2")

    return router


def _scored(serving: Serving, asked: RerankRequest, texts: Sequence[Text], check: Callable[[], None]) -> tuple[Scored, str, int]:
    """The results, why they are no more, and the tokens that were read. `check` raises once they are no longer wanted."""
    if not texts:
        return [], "no candidates", 0
    selector, tokens = serving.selector, 0
    for start in range(0, len(texts), _AT_A_TIME):
        check()
        tokens += sum(serving.encoder.count_tokens([text.text for text in texts[start : start + _AT_A_TIME]]))
    if asked.model == "pointwise":
        candidates = [Candidate(str(place), (), Passage(str(place), str(place), text.text, text.title)) for place, text in enumerate(texts)]
        _read(selector.pair, asked.query, candidates, check)
        ranking = rank_pointwise(selector.pair, asked.query, candidates)
        return [(int(each.passage_id), score) for each, score in zip(ranking.candidates, ranking.scores, strict=True)], "", tokens
    candidates = given_candidates(serving.encoder, asked.query, [(text.title, text.text) for text in texts], check=check)
    _read(selector.pair, asked.query, candidates[:MOST_READ], check)
    budget = asked.token_budget or serving.settings.budget.evidence_tokens
    selection = selector.select(asked.query, candidates, token_budget=budget)
    places = {each.passage_id: int(each.passage.source) for each in candidates if each.passage is not None}
    return [(places[id], score) for id, score in zip(selection.ids, selection.relevance, strict=True)], selection.stop_reason, tokens


def _read(pair: PairModel, query: str, candidates: Sequence[Candidate], check: Callable[[], None]) -> None:
    """A few passages at a time; the pair model remembers what it has read."""
    readings = readings_of(candidates)
    for start in range(0, len(readings), _AT_A_TIME):
        check()
        pair.read(query, readings[start : start + _AT_A_TIME])
