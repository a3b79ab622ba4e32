"""/v1/chat/completions and /v1/models: the agent as a chat model of OpenAI's API. A model is a corpus.

Beside OpenAI's fields a request may hold `thread`, `filters` and `budget`, and an answer holds `passel`, the whole published Answer.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from ...graphs.answer import Answer
from ...graphs.events import Answered, Event, Sentence
from .asking import Asking
from .errors import ApiError, from_exception
from .feedback import keeping, kept
from .messages import Message, chore_of, read
from .running import STILL_HERE, each, event_stream, finish, sse, streamed
from .serving import Serving
from .sources import Annotation, annotate, block

MODEL = "passel"
"""The default corpus; another one is `passel/NAME`."""


class ResponseFormat(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str = "text"


class StreamOptions(BaseModel):
    model_config = ConfigDict(extra="allow")

    include_usage: bool | None = None


class ChatRequest(Asking):
    """OpenAI's fields that say how a model samples (temperature, seed, max_tokens …) are accepted and change nothing."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(description="passel, or passel/CORPUS", examples=[MODEL])
    messages: list[Message] = Field(min_length=1, max_length=2_000)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    response_format: ResponseFormat | None = None
    tool_choice: str | dict[str, Any] | None = None
    sources: bool = Field(default=True, description="whether a list of the sources stands below the answer")


class ChatUsage(BaseModel):
    """Of the chat model behind the server; 0 with the embedded default, which has none."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    annotations: list[Annotation] = []


class Choice(BaseModel):
    index: int = 0
    message: ChatMessage
    finish_reason: Literal["stop"] = "stop"
    logprobs: None = None


class ChatCompletion(BaseModel):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: ChatUsage
    passel: Answer


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["passel"] = "passel"


class Models(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


def routes(serving: Serving) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["chat"])

    @router.post(
        "/chat/completions",
        response_model=ChatCompletion,
        responses=event_stream("chunks, then [DONE]; `stream`"),
    )
    async def chat_completions(asked: ChatRequest, request: Request) -> ChatCompletion | StreamingResponse:
        """Answers the last message; the messages before it are the conversation, and then no thread's memory is added to them."""
        _refuse_unknown(asked)
        made = _Made(asked, f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), document_url(request, corpus := corpus_of(asked.model, serving)))
        if done := chore_of(asked.messages):
            answer = Answer(question="", outcome="answered", answer=done)
            return streamed(_chunks(made, _at_once(answer))) if asked.stream else _completion(made, answer)
        question, turns = read(asked.messages)
        agent = await serving.aagent(corpus)
        options: dict[str, Any] = {**asked.options(agent.budget), "history": turns or None}
        if asked.stream:
            return streamed(_chunks(made, each(request, keeping(agent, agent.astream(question, **options)), serving.limits.seconds)))
        return _completion(made, await finish(request, kept(agent, agent.aask(question, **options)), serving.limits.seconds))

    @router.get("/models")
    async def models() -> Models:
        """The corpora that can be asked."""
        return Models(data=[_model(name, serving) for name in (MODEL, *(f"{MODEL}/{corpus}" for corpus in sorted(serving.folders())))])

    @router.get("/models/{model:path}")
    async def model(model: str) -> Model:
        corpus_of(model, serving)
        return _model(model, serving)

    return router


def corpus_of(model: str, serving: Serving) -> str:
    """The corpus that a model stands for. Raises ApiError 404."""
    name = serving.default if model == MODEL else model.removeprefix(f"{MODEL}/")
    if model != MODEL and (name == model or name not in serving.folders()):
        message = f"The model {model[:100]!r} does not exist. Models are {MODEL} and {MODEL}/CORPUS; GET /v1/models lists them."
        raise ApiError(404, message, param="model", code="model_not_found")
    return name


def document_url(request: Request, corpus: str) -> str:
    """The address of a corpus's documents, up to the document's source."""
    return f"{request.base_url}corpora/{quote(corpus, safe='')}/document?source="


@dataclass(frozen=True, slots=True)
class _Made:
    """What all chunks of one answer share."""

    asked: ChatRequest
    id: str
    created: int
    documents: str

    def chunk(self, delta: dict[str, Any], *, finish_reason: str | None = None, **more: Any) -> str:
        return self.event([{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}], **more)

    def event(self, choices: list[dict[str, Any]], **more: Any) -> str:
        head = {"id": self.id, "object": "chat.completion.chunk", "created": self.created, "model": self.asked.model}
        return sse(json.dumps({**head, "choices": choices, **more}))


async def _at_once(answer: Answer) -> AsyncGenerator[Event | None]:
    yield Answered(answer=answer)


def _completion(made: _Made, answer: Answer) -> ChatCompletion:
    _raise_failed(answer)
    text = answer.answer + (block(answer) if made.asked.sources else "")
    message = ChatMessage(content=text, annotations=annotate(answer.answer, answer.citations, made.documents))
    return ChatCompletion(
        id=made.id, created=made.created, model=made.asked.model, choices=[Choice(message=message)], usage=_usage(answer), passel=answer
    )


async def _chunks(made: _Made, events: AsyncGenerator[Event | None]) -> AsyncGenerator[str]:
    """The answer's sentences as they are checked, then its sources with their annotations, the end, and [DONE]."""
    said: list[str] = []
    answer: Answer | None = None
    try:
        async with aclosing(events):
            yield made.chunk({"role": "assistant", "content": ""})
            async for event in events:
                if event is None:
                    yield STILL_HERE
                elif isinstance(event, Sentence):
                    yield made.chunk({"content": f" {event.text}" if said else event.text})
                    said.append(event.text)
                elif isinstance(event, Answered):
                    answer = event.answer
        if answer is None:
            return  # the client has gone
        _raise_failed(answer)
    except Exception as error:
        yield sse(json.dumps(from_exception(error).form()))
        return
    text = " ".join(said)
    if text != answer.answer:  # nothing was streamed, or verify saw it otherwise: what was said stays, the answer that counts comes after it
        rest = f"\n\n{answer.answer}" if text else answer.answer
        text += rest
        yield made.chunk({"content": rest})
    if answer.citations:
        sources = block(answer) if made.asked.sources else ""
        marks = annotate(answer.answer, answer.citations, made.documents, offset=len(text) - len(answer.answer))
        yield made.chunk({"content": sources, "annotations": [mark.model_dump() for mark in marks]})
    yield made.chunk({}, finish_reason="stop", passel=answer.model_dump(mode="json"))
    if made.asked.stream_options and made.asked.stream_options.include_usage:
        yield made.event([], usage=_usage(answer).model_dump())
    yield sse("[DONE]")


def _raise_failed(answer: Answer) -> None:
    if answer.outcome == "failed":
        raise ApiError(502, f"The run failed: {answer.error}", code="run_failed")


def _refuse_unknown(asked: ChatRequest) -> None:
    """What would otherwise be ignored without a word, though the caller counts on it."""
    if asked.n not in (None, 1):
        raise ApiError(400, "Only n = 1 answers are made.", param="n", code="unsupported_value")
    if asked.response_format and asked.response_format.type != "text":
        raise ApiError(400, "Answers are text.", param="response_format", code="unsupported_value")
    if isinstance(asked.tool_choice, dict) or asked.tool_choice not in (None, "auto", "none"):
        raise ApiError(400, "The server calls no tools of the caller's.", param="tool_choice", code="unsupported_value")


def _usage(answer: Answer) -> ChatUsage:
    sent, received = answer.usage.tokens_in, answer.usage.tokens_out
    return ChatUsage(prompt_tokens=sent, completion_tokens=received, total_tokens=sent + received)


def _model(id: str, serving: Serving) -> Model:
    return Model(id=id, created=serving.began)
