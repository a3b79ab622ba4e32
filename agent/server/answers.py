"""/v1/answer: Passel's own way to be asked. The published Answer, or with `stream` every event of the run as it happens."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field

from ...graphs.answer import Answer
from .asking import Asking, checked_question
from .errors import ApiError
from .feedback import keeping, kept
from .running import as_sse, each, event_stream, finish, streamed
from .serving import Serving

Text = Annotated[str, Field(max_length=20_000)]


class AnswerRequest(Asking):
    model_config = ConfigDict(extra="forbid")

    question: str = Field(examples=["Who built the Tarn Light?"])
    corpus: str | None = Field(default=None, description="by name; none: the one that the server was started with")
    history: list[tuple[Text, Text]] | None = Field(
        default=None,
        max_length=1_000,
        description="the caller's own conversation, [question, answer] pairs, oldest first; no thread's memory is then used",
    )
    id: str | None = Field(default=None, max_length=200, description="comes back in the answer")
    evidence_only: bool = Field(default=False, description="end with the selected passages, outcome partial; not with a thread")
    stream: bool = False


def routes(serving: Serving) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["answer"])

    @router.post(
        "/answer",
        response_model=Answer,
        responses=event_stream("events, the last one answered or error"),
    )
    async def answer(asked: AnswerRequest, request: Request) -> Answer | StreamingResponse:
        """A run that fails, abstains or runs out of budget is an answer too: see its `outcome`.

        Streamed, each event has its type as name and its JSON form as data: planned, searched, linked, selected, resolved, judged, sentence, and
        last answered (or error, in the form of any error).
        """
        question = checked_question(asked.question, "question")
        if asked.evidence_only and asked.thread is not None:
            raise ApiError(400, "A conversation remembers answers, and there is none.", param="evidence_only", code="invalid_request")
        agent = await serving.aagent(asked.corpus)
        own = {"history": asked.history, "id": asked.id, "evidence_only": asked.evidence_only}
        options: dict[str, Any] = {**asked.options(agent.budget), **own}
        if asked.stream:
            return streamed(as_sse(each(request, keeping(agent, agent.astream(question, **options)), serving.limits.seconds)))
        return await finish(request, kept(agent, agent.aask(question, **options)), serving.limits.seconds)

    return router
