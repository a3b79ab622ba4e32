"""The agent for other agents, over the Model Context Protocol: tools `answer`, `search`, `select` and, where a folder is named for it, `index`.

Every result is structured (the forms below, for `answer` the published one) and readable. A failure is a result too, with `error` in it: the library
hides exceptions' texts from clients. Passages and documents are resources.

Hosts start a server and wait for its greeting, so nothing heavy is imported here; what the tools need is there once the agent is open.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, Field

from .. import __version__
from ..graphs.answer import Answer, SelectedPassage
from ..graphs.events import Answered, Event
from ..rerankers.selection import Selection
from ..tools.candidate import Candidate
from ..tools.errors import PasselError, UsageError, told
from ..tools.walk import Ignore
from . import terminal
from .budget_form import BudgetForm
from .readable import listed, readable

if TYPE_CHECKING:
    from ..tools.corpus import Corpus, Progress
    from .agent import Agent

log = logging.getLogger("passel")

INSTRUCTIONS = (
    "A collection of documents that can be questioned. Use `answer` for a question of any number of steps: it searches, follows names from passage "
    "to passage, and answers with citations or says that the documents do not tell. With evidence_only it returns the selected passages, for you to "
    "answer from. `search` is for looking around, `select` for choosing among passages of your own. Passages can be read as "
    "passel://passages/{passage_id}, whole documents as passel://documents/{source}; a citation's span counts characters in the latter."
)
MOST_FOUND = 50
MOST_GIVEN = 200
MOST_CHARACTERS = 100_000
"""Of a passage that is given to `select`."""
WAIT = 10.0
"""Seconds for which `index` waits while another process writes."""

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)


class Found(BaseModel):
    """A passage that a search found: `text` is characters span[0] to span[1] of the document `source`."""

    passage_id: str
    title: str
    source: str
    span: tuple[int, int]
    text: str
    channels: list[str]
    score: float


class SearchResult(BaseModel):
    query: str
    passages: list[Found] = []
    error: str | None = None


class GivenPassage(BaseModel):
    text: str = Field(max_length=MOST_CHARACTERS)
    title: str = Field(default="", max_length=1_000)
    id: str = Field(default="", max_length=1_000, description="comes back as passage_id; its place in the list, from 0, where there is none")


class SelectResult(BaseModel):
    """The subset that helps, in the order in which it should be shown; empty where nothing does."""

    question: str
    selected: list[SelectedPassage] = []
    stop_reason: str = ""
    evidence_tokens: int = 0
    error: str | None = None


class Refused(BaseModel):
    path: str
    reason: str


class IndexResult(BaseModel):
    """Documents added, unchanged … by this call, and the passages that the corpus holds after it."""

    added: int = 0
    unchanged: int = 0
    updated: int = 0
    removed: int = 0
    refused: list[Refused] = []
    passages: int = 0
    chroma: int = 0
    lexical: int = 0
    seconds: float = 0.0
    error: str | None = None


class Opening:
    """An agent that is being opened in a thread: a host that starts a server wants to be greeted before torch is loaded. For one event loop.

    What could not be opened, or whose corpus was deleted or made anew since, is opened again at the next call.
    """

    def __init__(self, open_agent: Callable[[], Agent]) -> None:
        self._open_agent = open_agent
        self._agent = self._begun()

    def _begun(self) -> Future[Agent]:
        opened: Future[Agent] = Future()

        def work() -> None:
            try:
                opened.set_result(self._open_agent())
            except BaseException as error:
                opened.set_exception(error)

        threading.Thread(target=work, name="passel-opening", daemon=True).start()
        return opened

    async def agent(self) -> Agent:
        """Raises what opening it raised."""
        before = self._agent
        if before.done() and (before.exception() or before.result().corpus.replaced):
            self._agent = self._begun()
            await asyncio.to_thread(_close, before)
        return await asyncio.shield(asyncio.wrap_future(self._agent))

    def close(self) -> None:
        """Closes the agent, as soon as it is open."""
        _close(self._agent)


def _close(opening: Future[Agent]) -> None:
    opening.add_done_callback(lambda opened: None if opened.exception() else opened.result().close())


def build_server(open_agent: Callable[[], Agent], *, folder: Path | None = None) -> tuple[MCPServer, Opening]:
    """The server, and what to close after it. The agent begins to open at once.

    folder: what `index` may read; None: there is no such tool.
    """
    opening = Opening(open_agent)
    server = MCPServer("passel", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")

    @server.tool(title="Answer a question from the documents", annotations=READS)
    async def answer(
        question: Annotated[str, Field(description="One question in plain language that can be understood by itself.")],
        ctx: Context,
        filters: Annotated[dict[str, Any] | None, Field(description="Only passages with this metadata, e.g. {'year': {'$gte': 1990}}")] = None,
        budget: BudgetForm | None = None,
        evidence_only: Annotated[bool, Field(description="Return the selected passages and write no answer.")] = False,
    ) -> Annotated[CallToolResult, Answer]:
        """Answers from the documents with citations, or says what they do not tell. Breaks questions of several steps up by itself.

        `outcome`: answered, partial, abstained, out_of_budget or failed; with evidence_only partial (the evidence in `selected`) or abstained.
        """
        try:
            agent = await opening.agent()
            limits = budget.within(agent.budget) if budget else None
            last: Event | None = None
            done = 0
            async for event in agent.astream(question, filters=filters, budget=limits, evidence_only=evidence_only):
                last, done = event, done + 1
                if not isinstance(event, Answered):
                    await ctx.report_progress(done, message=happened(event))
            assert isinstance(last, Answered), "a run ends in Answered"
            # the passages that were not chosen are what `search` is for: here they would fill the caller's context
            answered = last.answer.model_copy(update={"candidates": []})
            return _result(answered, readable(answered), failed=answered.outcome == "failed")
        except Exception as error:
            line = _line(error)
            return _result(Answer(question=question, outcome="failed", answer="", error=line), line, failed=True)

    @server.tool(title="Search the documents", annotations=READS)
    async def search(
        query: Annotated[str, Field(description="A question, or a few words.")],
        n: Annotated[int, Field(ge=1, le=MOST_FOUND, description="passages wanted")] = 10,
        filters: Annotated[dict[str, Any] | None, Field(description="Only passages with this metadata.")] = None,
    ) -> Annotated[CallToolResult, SearchResult]:
        """Finds passages by meaning, by words and by the names in them, best first. Nothing is selected or answered."""
        try:
            agent = await opening.agent()
            passages = [_found(candidate) for candidate in (await asyncio.to_thread(_search, agent, query, filters))[:n]]
            text = listed([(passage.title, passage.text) for passage in passages]) if passages else "Nothing was found."
            return _result(SearchResult(query=query, passages=passages), text)
        except Exception as error:
            line = _line(error)
            return _result(SearchResult(query=query, error=line), line, failed=True)

    @server.tool(title="Select the passages that help", annotations=READS)
    async def select(
        question: Annotated[str, Field(description="What the passages should help to answer.")],
        passages: Annotated[list[GivenPassage], Field(max_length=MOST_GIVEN, description="in any order")],
        evidence_tokens: Annotated[int | None, Field(gt=0, description="size of the selection at most")] = None,
    ) -> Annotated[CallToolResult, SelectResult]:
        """Chooses among passages of your own: which of them are evidence for the question, in what order, and how many. None is a legal answer."""
        try:
            agent = await opening.agent()
            ids = [given.id or str(place) for place, given in enumerate(passages)]
            if len(set(ids)) < len(ids):
                raise UsageError("two passages have the same id")
            budget = min(evidence_tokens or agent.budget.evidence_tokens, agent.budget.evidence_tokens)
            selection, places = await asyncio.to_thread(_select, agent, question, passages, budget)
            chosen = [
                SelectedPassage(passage_id=ids[place], title=passages[place].title, text=passages[place].text, relevance=p)
                for place, p in zip(places, selection.relevance, strict=True)
            ]
            result = SelectResult(question=question, selected=chosen, stop_reason=selection.stop_reason, evidence_tokens=selection.tokens)
            return _result(result, listed([(passage.title or passage.passage_id, passage.text) for passage in chosen]))
        except Exception as error:
            line = _line(error)
            return _result(SelectResult(question=question, error=line), line, failed=True)

    if folder is not None:
        root = folder.resolve()

        @server.tool(title="Index documents", annotations=WRITES)
        async def index(
            ctx: Context,
            path: Annotated[str, Field(description="A file or folder, relative to the folder that may be indexed; nothing for all of it.")] = "",
        ) -> Annotated[CallToolResult, IndexResult]:
            """Brings the documents in step with a file or folder: reads what is new or changed, removes what vanished under it."""
            try:
                target = confined(root, path)
                agent = await opening.agent()
                report = await _index(agent.corpus, target, ctx)
                for refusal in report["refused"]:
                    refusal["path"] = refusal["path"].removeprefix(f"{root}/")
                result = IndexResult.model_validate(report)
                counts = ", ".join(f"{report[word]} {word}" for word in ("added", "unchanged", "updated", "removed"))
                refused = "".join(f"\nRefused: {each.path}: {each.reason}" for each in result.refused)
                return _result(result, f"Documents: {counts}, {len(result.refused)} refused. The corpus holds {result.passages} passages.{refused}")
            except Exception as error:
                line = _line(error)
                return _result(IndexResult(error=line), line, failed=True)

    @server.resource("passel://corpus", title="What can be questioned", mime_type="application/json")
    async def corpus() -> str:
        """Name, number of documents and passages."""
        agent = await opening.agent()
        info = await asyncio.to_thread(agent.corpus.info)
        return json.dumps({"name": info.name, "documents": info.documents, "passages": info.passages})

    @server.resource("passel://passages/{passage_id}", title="A passage", mime_type="text/plain")
    async def passage(passage_id: str) -> str:
        """A passage with its title, headings and place."""
        agent = await opening.agent()
        known = await asyncio.to_thread(agent.corpus.get, [passage_id])
        if not known:
            raise ResourceNotFoundError(f"there is no passage {passage_id!r}")
        one = known[0]
        return "\n".join(part for part in (one.head, f"{one.source}, characters {one.start}-{one.end}", "", one.text))

    @server.resource("passel://documents/{+source}", title="A document", mime_type="text/plain")
    async def document(source: str) -> str:
        """The converted text of a document: what the spans of passages and citations count characters in."""
        agent = await opening.agent()
        text = await asyncio.to_thread(agent.corpus.document, source)
        if text is None:
            raise ResourceNotFoundError(f"there is no document {source!r}")
        return text

    return server, opening


def confined(root: Path, path: str) -> Path:
    """What `path` names under `root`, a resolved folder. Raises UsageError where it leads out, or to what indexing passes over."""
    try:
        target = (root / path).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise UsageError(f"there is no {path!r} in the folder that may be indexed") from None
    if not target.is_relative_to(root):
        raise UsageError(f"{path!r} lies outside the folder that may be indexed")
    if target != root and Ignore.read(root).hides(target.relative_to(root).as_posix()):
        raise UsageError(f"{path!r} is hidden, and hidden files are not indexed")
    return target


def happened(event: Event) -> str:
    """An event in a few words, for a progress line."""
    match event.type:
        case "planned":
            return f"planned {len(event.sub_questions)} sub-questions" if event.sub_questions else "asking the question as a whole"
        case "searched":
            return f"searched for “{event.query.query}”: {event.found} passages"
        case "linked":
            return f"followed names to {len(event.names)} more passages"
        case "selected":
            return f"selected {len(event.selected)} of {event.candidates} passages"
        case "resolved":
            return f"found out: {event.sub_question.question} {event.sub_question.answer or '–'}"
        case "judged":
            return f"{event.verdict.kind}: {event.verdict.why}"
        case _:
            return "writing"


class _Stopped(Exception):
    """Ends an indexing run whose caller has gone."""


async def _index(corpus: Corpus, target: Path, ctx: Context) -> dict[str, Any]:
    """The report's JSON form. When the caller cancels, the run ends at its next document; what was committed stays."""
    newest: deque[Progress] = deque(maxlen=1)  # a long run has thousands of steps; the caller is told a few a second
    gone = threading.Event()
    told = 0

    def step(progress: Progress) -> None:
        if gone.is_set():
            raise _Stopped
        newest.append(progress)

    async def tell() -> None:
        nonlocal told
        if newest:
            at, told = newest.pop(), told + 1
            await ctx.report_progress(told, message=f"{at.phase} {at.done}{f' of {at.total}' if at.total else ''} {at.source}".rstrip())

    running = asyncio.create_task(asyncio.to_thread(corpus.index, target, wait=WAIT, progress=step))
    running.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # nobody asks once the caller has gone
    try:
        while not (await asyncio.wait([running], timeout=0.2))[0]:
            await tell()
        await tell()
        return (await running).to_dict()
    finally:
        gone.set()


def _search(agent: Agent, query: str, filters: dict[str, Any] | None) -> list[Candidate]:
    from ..tools.search import search_linked
    from .asked import checked_question

    return search_linked(agent.corpus, checked_question(query), filters=filters)


def _select(agent: Agent, question: str, passages: list[GivenPassage], token_budget: int) -> tuple[Selection, list[int]]:
    """What the selector chooses of them, and the places of the chosen in the list."""
    from ..tools.given import given_candidates
    from .asked import checked_question

    candidates = given_candidates(agent.corpus.encoder, checked_question(question), [(given.title, given.text) for given in passages])
    place = {candidate.passage_id: int(candidate.passage.source) for candidate in candidates if candidate.passage}
    selection = agent.selector.select(question, candidates, token_budget=token_budget)
    return selection, [place[id] for id in selection.ids]


def _found(candidate: Candidate) -> Found:
    passage = candidate.passage
    assert passage is not None, "search gives its candidates their passages"
    return Found(
        passage_id=passage.id,
        title=passage.title,
        source=passage.source,
        span=(passage.start, passage.end),
        text=passage.text,
        channels=list(candidate.channels),
        score=candidate.score,
    )


def _result(form: BaseModel, text: str, *, failed: bool = False) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=form.model_dump(mode="json"), is_error=failed)


def _line(error: Exception) -> str:
    if not isinstance(error, PasselError):
        log.exception("a call over MCP failed")
    return terminal.one_line(told(error))
