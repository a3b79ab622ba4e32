"""/threads: the conversations that the server remembers. Each belongs to one corpus."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from .asking import ThreadName
from .errors import ApiError
from .serving import Serving

Name = Annotated[ThreadName, Path(description="the name that the questions gave as `thread`")]
OfCorpus = Annotated[str | None, Query(description="by name; none: the one that the server was started with")]


class Turn(BaseModel):
    question: str
    answer: str


class Thread(BaseModel):
    id: str
    corpus: str
    turns: list[Turn]


class DeletedThread(BaseModel):
    id: str
    deleted: bool


def routes(serving: Serving) -> APIRouter:
    router = APIRouter(prefix="/threads", tags=["threads"])

    @router.get("/{id}")
    async def read_thread(id: Name, corpus: OfCorpus = None) -> Thread:
        """The last turns, oldest first; questions as they were understood, answers without their citations."""
        agent = await serving.aagent(corpus)
        turns = await asyncio.to_thread(agent.turns, id)
        if not turns:
            raise ApiError(404, "There is no such thread.", param="id", code="thread_not_found")
        return Thread(id=id, corpus=agent.corpus.name, turns=[Turn(question=question, answer=answer) for question, answer in turns])

    @router.delete("/{id}")
    async def delete_thread(id: Name, corpus: OfCorpus = None) -> DeletedThread:
        """`deleted` is false where there was none."""
        agent = await serving.aagent(corpus)
        there = bool(await asyncio.to_thread(agent.turns, id))
        await asyncio.to_thread(agent.forget, id)
        return DeletedThread(id=id, deleted=there)

    return router
