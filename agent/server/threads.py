"""/threads: the conversations that the server remembers. Each belongs to one corpus."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel

from ..agent import Agent
from .asking import ThreadName
from .errors import ApiError
from .running import finish
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

    @router.get("/{id:path}")
    async def read_thread(id: Name, request: Request, corpus: OfCorpus = None) -> Thread:
        """The last turns, oldest first; questions as they were understood, answers without their citations."""
        agent = await serving.aagent(corpus)
        turns = await finish(request, agent.aturns(id), serving.limits.seconds)
        if not turns:
            raise ApiError(404, "There is no such thread.", param="id", code="thread_not_found")
        return Thread(id=id, corpus=agent.corpus.name, turns=[Turn(question=question, answer=answer) for question, answer in turns])

    @router.delete("/{id:path}")
    async def delete_thread(id: Name, request: Request, corpus: OfCorpus = None) -> DeletedThread:
        """Waits for a run that is under way on it. `deleted` is false where there was none."""
        agent = await serving.aagent(corpus)
        return DeletedThread(id=id, deleted=await finish(request, _deleted(agent, id), serving.limits.seconds))

    return router


async def _deleted(agent: Agent, id: str) -> bool:
    there = bool(await agent.aturns(id))
    await agent.aforget(id)
    return there
