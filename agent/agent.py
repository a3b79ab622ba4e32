"""Agent: the face of Passel in Python. Ask a corpus a question; get an answer with citations, or an honest "I don't know".

    with Agent.from_corpus("wiki") as agent:
        print(agent.ask("Who is the child of the director of …?").answer)
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, cast, overload

from langgraph.types import StateSnapshot

from ..graphs.answer import Answer
from ..graphs.approve import check
from ..graphs.context import RagContext
from ..graphs.decision import Decision, Step
from ..graphs.events import Answered, Event, Waiting
from ..graphs.rag import build_graph
from ..graphs.run import Graph, run, to_waiting
from ..graphs.state import RagInput
from ..rerankers.calibration import Calibration
from ..rerankers.default import calibration as bundled_calibration
from ..rerankers.default import default_selector, pair_model
from ..rerankers.selection import Selector
from ..tools.budget import Budget
from ..tools.corpus import Corpus
from ..tools.errors import UsageError
from ..tools.filters import Filter
from ..tools.home import passel_home
from .asked import History, checked_budget, checked_input, checked_steps
from .documents import checked_documents
from .feedback import FEEDBACK, FeedbackFile
from .inherited import inherited
from .loop import OwnLoop
from .settings import Settings, corpus_path
from .spans import recorded
from .threads import THREADS, Threads, thread_key

if TYPE_CHECKING:
    from langchain_core.documents import Document as LangChainDocument
    from langchain_core.language_models import BaseChatModel
    from langchain_core.runnables import RunnableConfig
    from langchain_core.tools import BaseTool

    from ..rerankers.compressor import SelectorCompressor
    from ..rerankers.selector.selector import LearnedSelector
    from ..tools.document import Document
    from ..tools.pair import PairModel
    from ..tools.retriever import PasselRetriever
    from .subgraph import Asks, Gives, Subgraph

_ASKED: tuple[Literal["question", "history", "filters", "approve", "given_plan", "seq"], ...] = (
    "question",
    "history",
    "filters",
    "approve",
    "given_plan",
    "seq",
)
"""What makes it the same question, whose unfinished run is continued. Asked again of a corpus that was written to since, it is searched for anew;
a person's decision is about what that person saw, and goes on with it (`resume`)."""


class Agent:
    """Answers questions over one corpus. Safe to share between threads and event loops; close it, or use it in a `with`.

    model: a LangChain chat model, or its name ("openai:gpt-…", "local:PATH.gguf"); None for the embedded planner and generator.
    selector, reader: what chooses the passages, and what reads them where no chat model does; None for the trained ones.
    threads: the SQLite file that remembers conversations; only touched when a `thread` is named.
    calibration: what makes probabilities; None for the bundled one.
    risk, abstentions: the share of answers that may be wrong, or of questions that may go without one. UsageError where that cannot be promised.
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
        calibration: Calibration | None = None,
        risk: float | None = None,
        abstentions: float | None = None,
    ) -> None:
        self.corpus = corpus
        self.budget = budget or Budget()
        self.selector: Selector = selector or default_selector(corpus.encoder)
        self._reader = reader or pair_model()
        self._model = _chat_model(model, base_url)
        if selector is not None and calibration is None and (risk is not None or abstentions is not None):
            raise UsageError("risk and abstentions need a calibration of this selector", "Give it as calibration, made by `passel train calibrator`.")
        self._calibration = calibration or bundled_calibration()
        self._least_confidence = self._calibration.least_confidence(risk, abstentions, _name(model))
        self._threads_file = threads or passel_home() / THREADS
        self._threads: Threads | None = None
        self._opening = asyncio.Lock()
        self._loop = OwnLoop()
        self._graph = build_graph().compile(checkpointer=False)
        self._remembering: Graph | None = None
        self._feedback = FeedbackFile(passel_home() / FEEDBACK, str(corpus.path.resolve()))
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
    def from_documents(cls, documents: Iterable[Document | LangChainDocument | str | Mapping[str, Any]], **options: Any) -> Self:
        """Indexes texts, mappings with `text` and perhaps `title`, `id` and metadata, LangChain's documents or ours into a temporary corpus.

        Raises UsageError where one is none of these, or has no text, or another one's id.
        """
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="passel-"))
            opened = Corpus.open(Path(folder) / "corpus", create=True)
            stack.callback(opened.close)
            opened.add(checked_documents(documents))
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
            agent = cls.over(opened, chosen)
            agent._closing = stack.pop_all()
        return agent

    @classmethod
    def over(cls, corpus: Corpus, settings: Settings, *, selector: LearnedSelector | None = None) -> Self:
        """As `Settings` say, over a corpus that is open already and stays so; `selector` instead of loading theirs."""
        selector = selector or settings.selector(corpus.encoder)
        return cls(
            corpus,
            model=settings.model,
            selector=selector,
            reader=selector.pair,
            budget=settings.budget,
            base_url=settings.base_url,
            calibration=settings.calibration(),
            risk=settings.risk,
            abstentions=settings.abstentions,
        )

    # Asking. All of these take the same keywords:
    #   history  the caller's own conversation; then the thread's memory is not used
    #   filters  metadata that every searched, linked and cited passage must match, in Chroma's `where` form
    #   budget   limits of this run: a Budget, or a mapping such as {"calls": 4}
    #   thread   name of a conversation to remember; an unfinished run of the same question is continued while the corpus is the same
    #   id       comes back in `Answer.id`
    #   plan     the caller's own sub-questions, "#1" for the answer to the first: ["Who wrote X?", "Where was #1 born?"]; [] for none
    #   approve  "look", "answer" or both: the run ends in a `Waiting` before each such step, and `resume` goes on. It needs a thread.
    #   config   LangChain's: its callbacks, tags and metadata; those of a surrounding LangChain run are taken over by themselves
    #   evidence_only  ends the run with the selected passages: no answer is written, and the outcome is "partial" (not with a thread)
    # Another question on the thread drops a run that waits; the same one, asked in the same way, waits once more.

    @overload
    def ask(self, question: str, *, approve: None = None, **options: Any) -> Answer: ...
    @overload
    def ask(self, question: str, *, approve: Collection[Step], **options: Any) -> Answer | Waiting: ...
    def ask(self, question: str, *, approve: Collection[Step] | None = None, **options: Any) -> Answer | Waiting:
        """Answers one question; every run ends in an Answer, or waits. Raises UsageError on a bad question, filter or plan."""
        return self._loop.run(_last(self._events(question, approve=approve, **options)))

    @overload
    async def aask(self, question: str, *, approve: None = None, **options: Any) -> Answer: ...
    @overload
    async def aask(self, question: str, *, approve: Collection[Step], **options: Any) -> Answer | Waiting: ...
    async def aask(self, question: str, *, approve: Collection[Step] | None = None, **options: Any) -> Answer | Waiting:
        """As `ask`. Cancelling it stops the run, the chat model's request included."""
        return await self._loop.arun(_last(self._events(question, approve=approve, **options)))

    def stream(self, question: str, **options: Any) -> Iterator[Event]:
        """Events as they happen, the last one `Answered`, or `Waiting`."""
        return self._loop.iterate(self._events(question, **options))

    def astream(self, question: str, **options: Any) -> AsyncIterator[Event]:
        """As `stream`, from any event loop."""
        return self._loop.aiterate(self._events(question, **options))

    def waiting(self, thread: str) -> Waiting | None:
        """What a thread's run waits for, in whatever process it was asked; None where nothing waits."""
        return self._loop.run(self._waiting(thread))

    def resume(self, thread: str, decision: Decision) -> Answer | Waiting:
        """Goes on with the run that waits, under the budget it was asked with; it may wait again. The time that it waited is not counted.

        Raises UsageError where nothing waits, or the decision does not fit; what waits then goes on waiting.
        """
        return self._loop.run(_last(self._going_on(thread, decision)))

    async def aresume(self, thread: str, decision: Decision) -> Answer | Waiting:
        return await self._loop.arun(_last(self._going_on(thread, decision)))

    def stream_resume(self, thread: str, decision: Decision) -> Iterator[Event]:
        """The events from `Decided` on."""
        return self._loop.iterate(self._going_on(thread, decision))

    def astream_resume(self, thread: str, decision: Decision) -> AsyncIterator[Event]:
        return self._loop.aiterate(self._going_on(thread, decision))

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

    async def aturns(self, thread: str) -> list[tuple[str, str]]:
        return await self._loop.arun(self._turns(thread))

    def forget(self, thread: str) -> None:
        """Deletes a conversation, once no run is under way on it."""
        self._loop.run(self._forget(thread))

    async def aforget(self, thread: str) -> None:
        """Cancelling it ends the wait."""
        await self._loop.arun(self._forget(thread))

    def keep(self, answer: Answer) -> None:
        """Makes an answer known by its trace id to `feedback`, in every process, while it is among the last 1,000 that were kept."""
        self._feedback.keep(answer)

    def feedback(self, answer: Answer | str, *, good: bool, note: str = "") -> None:
        """Keeps what a person thinks of an answer, together with the answer itself; `passel feedback export` makes training questions of it.

        answer: the Answer, or the trace id of one that was kept. What was said of it before is replaced.
        Raises UsageError where the trace id is not known.
        """
        self._feedback.judge(answer, good=good, note=note)

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
        return RagContext(
            self.corpus,
            self.selector,
            self._model,
            budget or self.budget,
            reader=self._reader,
            calibration=self._calibration,
            least_confidence=self._least_confidence,
        )

    def _events(self, question: str, **options: Any) -> AsyncIterator[Event]:
        """One run, for every way of asking. Raises UsageError, before anything runs, on an option that there is not and on a bad one."""
        known = inspect.getfullargspec(self._checked).kwonlyargs
        if unknown := [name for name in options if name not in known]:
            raise UsageError(f"ask has no option {unknown[0]!r}", f"There are {', '.join(sorted(known))}.")
        return self._checked(question, **{**options, "budget": checked_budget(options.get("budget"))})

    def _checked(
        self,
        question: str,
        *,
        history: History | None = None,
        filters: Filter | None = None,
        budget: Budget | None = None,
        thread: str | None = None,
        id: str | None = None,
        approve: Collection[Step] | None = None,
        plan: Sequence[str] | None = None,
        config: RunnableConfig | None = None,
        evidence_only: bool = False,
    ) -> AsyncIterator[Event]:
        asked = checked_input(question, history=history, filters=filters, id=id, approve=checked_steps(approve, thread), plan=plan)
        if evidence_only and thread is not None:
            raise UsageError("evidence_only and thread do not go together", "A conversation remembers answers, and there is none.")
        return self._run(asked, budget, thread, config, evidence_only)

    async def _run(
        self, asked: RagInput, budget: Budget | None, thread: str | None, config: RunnableConfig | None, evidence_only: bool
    ) -> AsyncIterator[Event]:
        context = self.context(budget)

        def begin(asked: RagInput, config: RunnableConfig) -> AsyncIterator[Event]:
            return run(self._graph, context, asked, config=config, evidence_only=evidence_only)

        callers = inherited(config)
        running = recorded(self.corpus.name, asked, callers, begin) if thread is None else self._on_thread(thread, context, asked, callers)
        async with contextlib.aclosing(running) as events:
            async for event in events:
                yield event

    async def _on_thread(self, thread: str, context: RagContext, asked: RagInput, config: RunnableConfig) -> AsyncGenerator[Event, None]:
        threads, graph = await self._open_threads()
        kept = threads.config(self._key(thread))
        async with threads.alone(self._key(thread)):
            asked["seq"] = await asyncio.to_thread(lambda: self.corpus.seq)
            left = await graph.aget_state(kept)
            resume = bool(left.next) and all(left.values.get(key) == asked[key] for key in _ASKED)
            if resume:
                asked["trace_id"] = left.values["trace_id"]
                context = self._context_of(left) if left.interrupts else context

            def begin(asked: RagInput, callers: RunnableConfig) -> AsyncIterator[Event]:
                return self._pruned(thread, run(graph, context, asked, config={**callers, **kept}, resume=resume))

            async with contextlib.aclosing(recorded(self.corpus.name, asked, config, begin, going_on=resume)) as events:
                async for event in events:
                    yield event

    async def _going_on(self, thread: str, decision: Decision) -> AsyncIterator[Event]:
        threads, graph = await self._open_threads()
        config = threads.config(self._key(thread))
        async with threads.alone(self._key(thread)):
            left = await graph.aget_state(config)
            if not left.interrupts:
                raise UsageError(f"nothing waits on the thread {thread!r}", "It was decided already, or another question was asked there.")
            check(decision, await self._waits(left))
            context = self._context_of(left)
            asked = cast(RagInput, {key: left.values[key] for key in RagInput.__annotations__ if key in left.values})

            def go_on(asked: RagInput, callers: RunnableConfig) -> AsyncIterator[Event]:
                return self._pruned(thread, run(graph, context, asked, config={**callers, **config}, decision=decision))

            async with contextlib.aclosing(recorded(self.corpus.name, asked, inherited(None), go_on, going_on=True)) as events:
                async for event in events:
                    yield event

    async def _pruned(self, thread: str, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
        """An answered run keeps its newest checkpoint alone."""
        async for event in events:
            if isinstance(event, Answered) and self._threads is not None:
                await self._threads.prune(self._key(thread))
            yield event

    async def _waiting(self, thread: str) -> Waiting | None:
        threads, graph = await self._open_threads()
        left = await graph.aget_state(threads.config(self._key(thread)))
        return await self._waits(left) if left.interrupts else None

    def _context_of(self, left: StateSnapshot) -> RagContext:
        """Of a run that waits: under the budget that it was asked with, of which the time until it waited is spent. See approve.py."""
        kept = left.interrupts[0].value
        return replace(self.context(Budget(**kept["budget"])), started=time.monotonic() - kept["seconds"])

    async def _waits(self, left: StateSnapshot) -> Waiting:
        return await asyncio.to_thread(to_waiting, left.values, self.context(), left.interrupts[0])

    def _key(self, thread: str) -> str:
        return thread_key(self.corpus.id, thread)

    async def _all(self, questions: Iterable[str], concurrency: int, options: dict[str, Any]) -> list[Answer]:
        if options.get("approve"):
            raise UsageError("a batch cannot wait for a person", "Ask the questions one by one, each on a thread of its own.")
        if options.get("plan") is not None:
            raise UsageError("one plan cannot serve a batch of questions", "Ask the questions one by one, each with a plan of its own.")
        gate = asyncio.Semaphore(max(1, concurrency))

        async def one(events: AsyncIterator[Event]) -> Answer:
            async with gate:
                return cast(Answer, await _last(events))

        runs = [self._events(question, **options) for question in questions]  # refused before any of them costs something
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(events)) for events in runs]
        return [task.result() for task in tasks]

    async def _open_threads(self) -> tuple[Threads, Graph]:
        """The memory of conversations, and the graph that writes into it."""
        async with self._opening:
            if self._threads is None or self._remembering is None:
                self._threads = await Threads.open(self._threads_file)
                self._remembering = build_graph().compile(checkpointer=self._threads.saver)
            return self._threads, self._remembering

    async def _turns(self, thread: str) -> list[tuple[str, str]]:
        threads, _ = await self._open_threads()
        values = await threads.values(self._key(thread))
        return [(turn["question"], turn["answer"]) for turn in values.get("turns", [])]

    async def _forget(self, thread: str) -> None:
        threads, _ = await self._open_threads()
        async with threads.alone(self._key(thread)):  # a run under way would write it back
            await threads.delete(self._key(thread))

    async def _close_threads(self) -> None:
        if self._threads is not None:
            await self._threads.close()
            self._threads = self._remembering = None


def _chat_model(model: BaseChatModel | str | None, base_url: str | None) -> BaseChatModel | None:
    if not isinstance(model, str):
        return model
    from ..tools.chat import load_chat_model

    return load_chat_model(model, **({"base_url": base_url} if base_url else {}))


def _name(model: BaseChatModel | str | None) -> str | None:
    """As one would name it: "openai:gpt-…"."""
    if model is None or isinstance(model, str):
        return model
    from ..tools.chat import describe

    return describe(model).partition(" at ")[0]


async def _last(events: AsyncIterator[Event]) -> Answer | Waiting:
    last: Event | None = None
    async for event in events:
        last = event
    if isinstance(last, Waiting):
        return last
    if isinstance(last, Answered):
        return last.answer
    raise RuntimeError("a run ended without an Answered event")
