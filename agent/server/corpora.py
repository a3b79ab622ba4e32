"""/corpora: make them, fill them with uploads, look into them, delete them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, File, Query, Request, UploadFile
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from ...tools.corpus import Corpus, IndexReport, Progress
from ...tools.document import Refusal
from ...tools.errors import PasselError
from .asking import CorpusName
from .body import Body
from .errors import ApiError, from_exception
from .running import as_sse, cancelled, each, event_stream, finish, streamed, threaded
from .serving import Serving
from .uploads import FILES, read, save

Source = Annotated[str, Query(min_length=1, max_length=2_000, description="the document's source id")]
_WAIT = 20.0
"""Seconds to wait while another process writes to the corpus."""


class CorpusForm(BaseModel):
    name: str
    default: bool = Field(description="whether it is the one that is asked where a request names none")
    documents: int
    passages: int
    seq: int = Field(description="raised by each change")
    encoder: str
    bytes: int
    error: str | None = Field(default=None, description="why nothing else can be told of it")


class CorpusList(BaseModel):
    object: Literal["list"] = "list"
    data: list[CorpusForm]


class NewCorpus(Body):
    model_config = ConfigDict(extra="forbid")

    name: CorpusName


class DeletedCorpus(BaseModel):
    name: str
    deleted: Literal[True] = True


class Documents(BaseModel):
    object: Literal["list"] = "list"
    data: list[str] = Field(description="source ids, sorted")
    total: int


class RefusedFile(BaseModel):
    path: str
    reason: str


class Indexed(BaseModel):
    """Documents; `passages` is what the corpus holds now."""

    type: Literal["indexed"] = "indexed"
    added: int
    unchanged: int
    updated: int
    refused: list[RefusedFile]
    passages: int
    seconds: float


class IndexProgress(BaseModel):
    type: Literal["progress"] = "progress"
    phase: Literal["converting", "reading", "publishing"] = Field(description="files, then documents, then passages")
    done: int
    total: int
    source: str = ""
    passages: int = Field(default=0, description="in the corpus now")


class DeletedDocument(BaseModel):
    source: str
    passages: int = Field(description="that went with it")


class PassageForm(BaseModel):
    """`text` is what stands at `span` in the document's text (characters, not UTF-16 units)."""

    id: str
    source: str
    title: str
    headings: list[str]
    text: str
    span: tuple[int, int]
    page: int | None
    metadata: dict[str, str | int | float | bool]


def routes(serving: Serving) -> APIRouter:
    router = APIRouter(prefix="/corpora", tags=["corpora"])

    async def info(name: str) -> CorpusForm:
        found = await serving.on(name, Corpus.info)
        return CorpusForm(
            name=name,
            default=name == serving.default,
            documents=found.documents,
            passages=found.passages,
            seq=found.seq,
            encoder=found.encoder,
            bytes=found.bytes,
        )

    async def looked_at(name: str) -> CorpusForm:
        """One broken corpus must not hide the others."""
        try:
            return await info(name)
        except PasselError as error:
            own = name == serving.default
            return CorpusForm(name=name, default=own, documents=0, passages=0, seq=0, encoder="", bytes=0, error=from_exception(error).body.message)

    @router.get("")
    async def list_corpora() -> CorpusList:
        return CorpusList(data=[await looked_at(name) for name in sorted(serving.folders())])

    @router.post("", status_code=201)
    async def create_corpus(new: NewCorpus) -> CorpusForm:
        await asyncio.to_thread(serving.create, new.name)
        return await info(new.name)

    @router.get("/{name}")
    async def read_corpus(name: str) -> CorpusForm:
        return await info(name)

    @router.delete("/{name}")
    async def delete_corpus(name: str) -> DeletedCorpus:
        """Questions that are being answered from it are cancelled. The corpus that the server was started with stays."""
        await asyncio.to_thread(serving.delete, name)
        return DeletedCorpus(name=name)

    @router.get("/{name}/documents")
    async def list_documents(
        name: str,
        after: Annotated[str, Query(max_length=2_000, description="only sources that sort behind this one: the last of the page before")] = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    ) -> Documents:
        sources = await serving.on(name, Corpus.sources)
        return Documents(data=[source for source in sources if source > after][:limit], total=len(sources))

    @router.post(
        "/{name}/documents",
        response_model=Indexed,
        responses=event_stream("progress …, then indexed or error"),
        form_limits={"max_files": serving.limits.files},
    )
    async def upload_documents(
        name: str,
        request: Request,
        files: Annotated[list[UploadFile], File(description="Markdown, text, PDF, Word, HTML …, or .jsonl with a document a line")],
        stream: Annotated[bool, Query(description="tell the progress as server-sent events")] = False,
    ) -> Indexed | StreamingResponse:
        """Indexes files. An upload that is known already under its name is replaced, a file that was indexed is not; bad ones are refused by name,
        and never stop the rest."""
        agent = await serving.aagent(name)
        events = _index(agent.corpus, files, serving)
        if stream:
            return streamed(as_sse(each(request, events, serving.limits.upload_seconds)))
        return await finish(request, _last(events), serving.limits.upload_seconds)

    @router.get("/{name}/document", response_model=None, responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
    async def read_document(name: str, source: Source) -> PlainTextResponse:
        """The converted text that citations point into."""
        text = await serving.on(name, lambda corpus: corpus.document(source))
        if text is None:
            raise _no_document()
        return PlainTextResponse(text)

    @router.delete("/{name}/document")
    async def delete_document(name: str, source: Source) -> DeletedDocument:
        gone = await serving.on(name, lambda corpus: corpus.delete(source, wait=_WAIT))
        if not gone:
            raise _no_document()
        return DeletedDocument(source=source, passages=gone)

    @router.get("/{name}/passages/{id}")
    async def read_passage(name: str, id: str) -> PassageForm:
        found = await serving.on(name, lambda corpus: corpus.get([id]))
        if not found:
            raise ApiError(404, "There is no such passage.", param="id", code="passage_not_found")
        passage = found[0]
        return PassageForm(
            id=passage.id,
            source=passage.source,
            title=passage.title,
            headings=list(passage.headings),
            text=passage.text,
            span=(passage.start, passage.end),
            page=passage.page,
            metadata=dict(passage.metadata),
        )

    return router


async def _index(corpus: Corpus, files: list[UploadFile], serving: Serving) -> AsyncGenerator[IndexProgress | Indexed]:
    """Progress, and last what came of it. Closed early, it stops before the next batch; what is committed by then stays."""
    yield IndexProgress(phase="converting", done=0, total=len(files))
    here, told = asyncio.get_running_loop(), asyncio.Queue[Progress | None]()
    with tempfile.TemporaryDirectory(prefix="passel-upload-") as work:
        folder = Path(work) / FILES
        folder.mkdir()
        names, refused = await save(files, folder, serving.limits)
        documents, unread = await read(Path(work), names, serving.limits)
        yield IndexProgress(phase="converting", done=len(files), total=len(files))

        def add(check: Callable[[], None]) -> IndexReport:
            def tell(step: Progress) -> None:
                check()
                here.call_soon_threadsafe(told.put_nowait, step)

            try:
                return corpus.add(documents, wait=_WAIT, progress=tell)
            finally:
                here.call_soon_threadsafe(told.put_nowait, None)

        adding = asyncio.ensure_future(threaded(add))
        try:
            while (step := await told.get()) is not None:
                yield IndexProgress(phase=step.phase, done=step.done, total=step.total, source=step.source, passages=step.passages)
            yield _indexed(await adding, [*refused, *unread])
        finally:
            await cancelled(adding)


def _indexed(report: IndexReport, refused: list[Refusal]) -> Indexed:
    return Indexed(
        added=report.added,
        unchanged=report.unchanged,
        updated=report.updated,
        refused=[RefusedFile(path=refusal.path, reason=refusal.reason) for refusal in [*refused, *report.refused]],
        passages=report.passages,
        seconds=report.seconds,
    )


async def _last(events: AsyncGenerator[IndexProgress | Indexed]) -> Indexed:
    async with aclosing(events):
        async for event in events:
            if isinstance(event, Indexed):
                return event
    raise RuntimeError("an upload ended without a report")


def _no_document() -> ApiError:
    return ApiError(404, "There is no such document.", param="source", code="document_not_found")
