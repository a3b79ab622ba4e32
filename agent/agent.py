"""Agent: the face of Passel in Python. Ask a corpus a question; get an answer with citations, or an honest "I don't know".

    with Agent.from_corpus("wiki") as agent:
        print(agent.ask("Who is the child of the director of …?").answer)
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ..graphs.answer import Answer
from ..graphs.context import RagContext
from ..graphs.events import Answered, Event
from ..graphs.rag import build_graph
from ..graphs.run import Graph, new_question, run
from ..graphs.state import RagInput
from ..rerankers.default import default_selector, pair_model
from ..rerankers.selection import Selector
from ..tools.budget import Budget
from ..tools.corpus import Corpus
from ..tools.errors import UsageError
from ..tools.filters import Filter, to_sql
from ..tools.home import passel_home
from .inherited import inherited
from .loop import OwnLoop
from .settings import Settings, corpus_path
from .spans import recorded
from .threads import Threads

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableConfig
    from langchain_core.tools import BaseTool

    from ..rerankers.compressor import SelectorCompressor
    from ..tools.loaders import Document
    from ..tools.pair import PairModel
    from ..tools.retriever import PasselRetriever
    from .subgraph import Asks, Gives, Subgraph

MOST_QUESTION_CHARACTERS = 8_000
History = Sequence[tuple[str, str]]
"""A conversation as (question, answer) pairs, oldest first."""


class Agent:
    """Answers questions over one corpus. Safe to share between threads and event loops; close it, or use it in a `with`.

    model: a LangChain chat model, or its name ("openai:gpt-…", "local:PATH.gguf"); None for the embedded planner and generator.
    selector, reader: what chooses the passages, and what reads them where no chat model does; None for the trained ones.
    threads: the SQLite file that remembers conversations; only touched when a `thread` is named.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        model: BaseChatModel | str | None = None,
        selector: Selector | None = None,
        reader: PairModel | None = None,
        budget: Budget | None = None,
        threads: Path | None = None,
        base_url: str | None = None,
    ) -> None:
        self.corpus = corpus
        self.budget = budget or Budget()
        self.selector: Selector = selector or default_selector(corpus.encoder)
        self._reader = reader or pair_model()
        self._model = _chat_model(model, base_url)
        self._threads_file = threads or passel_home() / "threads.sqlite3"
        self._threads: Threads | None = None
        self._opening = asyncio.Lock()
        self._loop = OwnLoop()
        self._graph = build_graph().compile(checkpointer=False)
        self._remembering: Graph | None = None
        self._closing = contextlib.ExitStack()

    @classmethod
    def from_corpus(cls, corpus: str | Path, **options: Any) -> Self:
        """Opens a corpus by name or folder; `options` as of the class. The agent closes it."""
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(Corpus.open(corpus_path(str(corpus))))
            agent = cls(opened, **options)
            agent._closing = stack.pop_all()
        return agent

    @classmethod
    def from_documents(cls, documents: Iterable[Document | str | Mapping[str, Any]], **options: Any) -> Self:
        """Indexes documents (texts, mappings with `text` and perhaps `title`, `id` and metadata, or Documents) into a temporary corpus."""
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="passel-"))
            opened = Corpus.open(Path(folder) / "corpus", create=True)
            stack.callback(opened.close)
            opened.add(_document(document, n) for n, document in enumerate(documents, 1))
            agent = cls(opened, **options)
            agent._closing = stack.pop_all()
        return agent

    @classmethod
    def from_settings(cls, settings: Settings | None = None) -> Self:
        """As `Settings` say: corpus, model, encoder, budget."""
        from ..tools.encoder import Encoder

        chosen = settings or Settings.load()
        encoder = Encoder.load(chosen.encoder, device=chosen.device) if chosen.encoder or chosen.device else None
        with contextlib.ExitStack() as stack:
            opened = stack.enter_context(Corpus.open(chosen.corpus_path(), encoder=encoder, server=chosen.chroma_server))
            selector = chosen.selector(opened.encoder)
            agent = cls(
                opened, model=chosen.model, selector=selector, reader=selector.pair, budget=chosen.budget, base_url=chosen.base_url
            )
            agent._closing = stack.pop_all()
        return agent

    # Asking. All of these take the same keywords:
    #   history  the caller's own conversation; then the thread's memory is not used
    #   filters  metadata that every searched, linked and cited passage must match, in Chroma's `where` form
    #   budget   limits of this run
    #   thread   name of a conversation to remember; an unfinished run of the same question is continued
    #   id       comes back in `Answer.id`
    #   config   LangChain's: its callbacks, tags and metadata; those of a surrounding LangChain run are taken over by themselves
    #   evidence_only  ends the run with the selected passages: no answer is written, and the outcome is "partial" (not with a thread)

    def ask(self, question: str, **options: Any) -> Answer:
        """Answers one question; every run ends in an Answer. Raises UsageError on a bad question or filter."""
        return self._loop.run(_last(self._events(question, **options)))

    async def aask(self, question: str, **options: Any) -> Answer:
        """As `ask`. Cancelling it stops the run, the chat model's request included."""
        return await self._loop.arun(_last(self._events(question, **options)))

    def stream(self, question: str, **options: Any) -> Iterator[Event]:
        """Events as they happen, the last one `Answered`."""
        return self._loop.iterate(self._events(question, **options))

    def astream(self, question: str, **options: Any) -> AsyncIterator[Event]:
        """As `stream`, from any event loop."""
        return self._loop.aiterate(self._events(question, **options))

    def batch(self, questions: Iterable[str], *, concurrency: int = 2, **options: Any) -> list[Answer]:
        """Answers in the order of the questions."""
        return self._loop.run(self._all(questions, concurrency, options))

    async def abatch(self, questions: Iterable[str], *, concurrency: int = 2, **options: Any) -> list[Answer]:
        return await self._loop.arun(self._all(questions, concurrency, options))

    # For LangChain and LangGraph; docs/agents.md shows each.

    def as_tool(self, *, name: str = "", description: str = "", filters: Filter | None = None, budget: Budget | None = None) -> BaseTool:
        """A LangChain tool that takes a question. It gives readable text with its sources, and as artifact the answer's JSON form.

        filters, budget: of every call; the model that calls cannot change them.
        """
        from .tool import answering_tool

        return answering_tool(self, name=name, description=description, filters=filters, budget=budget)

    def as_subgraph(self, asks: Asks | None = None, gives: Gives | None = None) -> Subgraph:
        """A node for another graph: `parent.add_node("research", agent.as_subgraph(lambda state: state["topic"], lambda answer: {…}))`.

        asks: of the parent's state, the question, or a mapping of `question`, `history`, `filters`, `id`; else the key `question`.
        gives: of the answer, the parent's update; else `answer` in its JSON form.
        """
        from .subgraph import Subgraph, answer_to, question_of

        return Subgraph(self, asks or question_of, gives or answer_to)

    def as_retriever(self, **options: Any) -> PasselRetriever:
        """A LangChain retriever over the corpus; `options` (`k`, `filters`, `link`) as of PasselRetriever."""
        from ..tools.retriever import PasselRetriever

        return PasselRetriever(corpus=self.corpus, **options)

    def as_compressor(self, *, token_budget: int | None = None) -> SelectorCompressor:
        """The selector as LangChain's document compressor: what of these documents to show, in what order and how many."""
        from ..rerankers.compressor import SelectorCompressor

        budget = token_budget or self.budget.evidence_tokens
        return SelectorCompressor(selector=self.selector, encoder=self.corpus.encoder, token_budget=budget)

    def turns(self, thread: str) -> list[tuple[str, str]]:
        """What a thread remembers: (question, answer) pairs, oldest first."""
        return self._loop.run(self._turns(thread))

    def forget(self, thread: str) -> None:
        """Deletes a conversation."""
        self._loop.run(self._forget(thread))

    def close(self) -> None:
        """Cancels what still runs, closes the corpus if this agent opened it. Asking afterwards is an error."""
        try:
            self._loop.close(last=self._close_threads)
        finally:
            self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def context(self, budget: Budget | None = None) -> RagContext:
        """What a run of the state machine works with; its clock begins now."""
        return RagContext(self.corpus, self.selector, self._model, budget or self.budget, reader=self._reader)

    async def _events(
        self,
        question: str,
        *,
        history: History | None = None,
        filters: Filter | None = None,
        budget: Budget | None = None,
        thread: str | None = None,
        id: str | None = None,
        config: RunnableConfig | None = None,
        evidence_only: bool = False,
    ) -> AsyncIterator[Event]:
        asked = checked_input(question, history=history, filters=filters, id=id)
        if evidence_only and thread is not None:
            raise UsageError("evidence_only and thread do not go together", "A conversation remembers answers, and there is none.")
        context = self.context(budget)

        def begin(asked: RagInput, config: RunnableConfig) -> AsyncIterator[Event]:
            if thread is None:
                return run(self._graph, context, asked, config=config, evidence_only=evidence_only)
            return self._on_thread(thread, context, asked, config)

        async with contextlib.aclosing(recorded(self.corpus.name, asked, inherited(config), begin)) as events:
            async for event in events:
                yield event

    async def _on_thread(self, thread: str, context: RagContext, asked: RagInput, config: RunnableConfig) -> AsyncIterator[Event]:
        threads = await self._open_threads()
        graph, kept = self._remembering or build_graph().compile(checkpointer=threads.saver), threads.config(self._key(thread))
        self._remembering = graph
        async with threads.alone(self._key(thread)):
            left = await graph.aget_state(kept)
            resume = bool(left.next) and all(left.values.get(key) == asked[key] for key in ("question", "history", "filters"))
            async for event in run(graph, context, asked, config={**config, **kept}, resume=resume):
                if isinstance(event, Answered):
                    await threads.prune(self._key(thread))
                yield event

    def _key(self, thread: str) -> str:
        """A conversation belongs to one corpus: another corpus's, under the same name, is another conversation."""
        return f"{hashlib.sha256(str(self.corpus.path.resolve()).encode()).hexdigest()[:12]}:{thread}"

    async def _all(self, questions: Iterable[str], concurrency: int, options: dict[str, Any]) -> list[Answer]:
        gate = asyncio.Semaphore(max(1, concurrency))

        async def one(question: str) -> Answer:
            async with gate:
                return await _last(self._events(question, **options))

        checked = [checked_question(question) for question in questions]  # before any of them costs something
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(question)) for question in checked]
        return [task.result() for task in tasks]

    async def _open_threads(self) -> Threads:
        async with self._opening:
            if self._threads is None:
                self._threads = await Threads.open(self._threads_file)
            return self._threads

    async def _turns(self, thread: str) -> list[tuple[str, str]]:
        values = await (await self._open_threads()).values(self._key(thread))
        return [(turn["question"], turn["answer"]) for turn in values.get("turns", [])]

    async def _forget(self, thread: str) -> None:
        threads = await self._open_threads()
        async with threads.alone(self._key(thread)):  # a run under way would write it back
            await threads.delete(self._key(thread))

    async def _close_threads(self) -> None:
        if self._threads is not None:
            await self._threads.close()
            self._threads = None


def _chat_model(model: BaseChatModel | str | None, base_url: str | None) -> BaseChatModel | None:
    if not isinstance(model, str):
        return model
    from ..tools.chat import load_chat_model

    return load_chat_model(model, **({"base_url": base_url} if base_url else {}))


def _document(given: Document | str | Mapping[str, Any], n: int) -> Document:
    from ..tools.loaders import Document

    if isinstance(given, str):
        return Document.from_text(given, source=f"document-{n}")
    if isinstance(given, Mapping):
        metadata = {key: value for key, value in given.items() if key not in ("text", "title", "id")}
        return Document.from_text(given["text"], source=str(given.get("id", f"document-{n}")), title=given.get("title", ""), metadata=metadata)
    return given


def checked_question(question: str) -> str:
    """The question without white space around it. Raises UsageError where it is empty or far too long."""
    text = question.strip()
    if not text:
        raise UsageError("the question is empty", 'Ask one: passel ask "Who …?"')
    if len(text) > MOST_QUESTION_CHARACTERS:
        raise UsageError(f"the question has {len(text)} characters; at most {MOST_QUESTION_CHARACTERS} are read", "Put long texts into the corpus.")
    return text


def checked_input(
    question: str, *, history: History | None = None, filters: Filter | None = None, id: str | None = None
) -> RagInput:
    """The state machine's input. Raises UsageError for a bad question or filter, an empty one too, before anything runs."""
    if filters is not None:
        to_sql(filters)
    return new_question(checked_question(question), history=None if history is None else list(history), filters=filters, id=id)


async def _last(events: AsyncIterator[Event]) -> Answer:
    async for event in events:
        if isinstance(event, Answered):
            return event.answer
    raise RuntimeError("a run ended without an Answered event")
