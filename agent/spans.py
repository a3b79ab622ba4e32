"""OpenTelemetry spans of a run: one for the run, one for each node, one for each call of a chat model, by the GenAI semantic conventions.

Recorded where the process has set a tracer provider, and only there: what is not recorded costs a look into `sys.modules`, and OpenTelemetry is never
imported from here. No question, passage or answer stands in a span.

Source: https://github.com/open-telemetry/semantic-conventions-genai (spans "invoke_agent", "retrieval", "chat").
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import merge_configs
from langgraph.errors import GraphBubbleUp

from ..graphs.answer import Answer
from ..graphs.events import Answered, Event, Waiting
from ..graphs.state import RagInput
from ..tools.chat.failures import endings

if TYPE_CHECKING:
    from opentelemetry.trace import Span

NAME = "passel"


class Spans(BaseCallbackHandler):
    """A LangChain callback handler for one run. Make it by `recording`, `close` it in the end, with the answer where there is one."""

    run_inline = True  # in order, and not in a thread

    def __init__(self, corpus: str) -> None:
        from opentelemetry import context, trace  # there already: see `recording`

        self._trace, self._corpus = trace, corpus
        self._tracer = trace.get_tracer(NAME)
        outer = trace.get_current_span().get_span_context()
        given = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": NAME, "gen_ai.data_source.id": corpus}
        self._run = self._tracer.start_span(f"invoke_agent {NAME}", attributes=given)
        self._open: dict[UUID, Span] = {}
        """Spans that have not ended."""
        self._under: dict[UUID, Span] = {}
        """Of each LangChain run, the span that its children stand under."""
        context.attach(trace.set_span_in_context(self._run))  # for instrumented clients; the run's task ends with it, so nothing is detached
        self.trace_id = None if outer.is_valid else format(self._run.get_span_context().trace_id, "032x")
        """OpenTelemetry's own, where the run is the whole trace; None where it is a part of a larger one, which may hold other answers."""

    def name_trace(self, trace_id: str) -> None:
        """The answer's, as an attribute."""
        self._run.set_attribute("passel.trace_id", trace_id)

    def wait(self) -> None:
        """Closes it: the run goes on in a trace of its own, once a person has decided."""
        self._run.set_attribute("passel.outcome", "waiting")
        self._run.end()

    def close(self, answer: Answer | None) -> None:
        """None: the run was cancelled, unless it is closed already."""
        if not self._run.is_recording():
            return
        for span in self._open.values():
            span.end()
        self._open.clear()
        if answer is not None:
            usage = answer.usage
            self._run.set_attributes(
                {
                    "passel.outcome": answer.outcome,
                    "passel.selected": len(answer.selected),
                    "gen_ai.usage.input_tokens": usage.tokens_in,
                    "gen_ai.usage.output_tokens": usage.tokens_out,
                    "passel.calls": usage.calls,
                    "passel.searches": usage.searches,
                    "passel.evidence_tokens": usage.evidence_tokens,
                }
            )
        if answer is None or answer.outcome == "failed":
            self._run.set_status(self._trace.StatusCode.ERROR, "" if answer is not None else "cancelled")
        self._run.end()

    def _start(self, name: str, run_id: UUID, parent_run_id: UUID | None, attributes: Mapping[str, Any], **options: Any) -> None:
        above = self._under.get(parent_run_id, self._run) if parent_run_id else self._run
        known = {name: value for name, value in attributes.items() if value is not None}
        span = self._tracer.start_span(name, self._trace.set_span_in_context(above), attributes=known, **options)
        self._open[run_id] = self._under[run_id] = span

    def _end(self, run_id: UUID, attributes: Mapping[str, Any], error: BaseException | None = None) -> None:
        span = self._open.pop(run_id, None)
        if span is None:
            return
        span.set_attributes({name: value for name, value in attributes.items() if value is not None})
        if error is not None:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()

    # ---- nodes ----

    def on_chain_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002
        inputs: dict[str, Any],  # noqa: ARG002
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        node = (metadata or {}).get("langgraph_node")
        if node is None or kwargs.get("name") != node:  # the graph itself, or a step within a node
            if parent_run_id in self._under:
                self._under[run_id] = self._under[parent_run_id]
            return
        searches = {"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": self._corpus} if node in ("search", "link") else {}
        self._start(str(node), run_id, parent_run_id, {"passel.node": node, **searches})

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        self._end(run_id, _of_node(outputs))

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        self._end(run_id, {}, None if isinstance(error, GraphBubbleUp) else error)  # a run that waits for a person has no fault

    # ---- the chat model ----

    def on_chat_model_start(
        self,
        serialized: dict[str, Any],  # noqa: ARG002
        messages: list[list[BaseMessage]],  # noqa: ARG002
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,  # noqa: ARG002
    ) -> None:
        known = metadata or {}
        model = known.get("ls_model_name")
        asked = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": known.get("ls_provider"),
            "gen_ai.request.model": model,
            "gen_ai.request.temperature": known.get("ls_temperature"),
            "gen_ai.request.max_tokens": known.get("ls_max_tokens"),
        }
        self._start(f"chat {model}" if model else "chat", run_id, parent_run_id, asked, kind=self._trace.SpanKind.CLIENT)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        self._end(run_id, _of_reply(response.generations))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002
        self._end(run_id, {}, error)


async def recorded(
    corpus: str,
    asked: RagInput,
    config: RunnableConfig,
    begin: Callable[[RagInput, RunnableConfig], AsyncIterator[Event]],
    *,
    going_on: bool = False,
) -> AsyncGenerator[Event, None]:
    """The events of the run that `begin` makes of input and configuration; these get the trace id and, where spans are recorded, their recorder.

    `going_on`: the run began earlier, maybe in another process, and keeps the trace id that it has.
    """
    spans = recording(corpus)
    callbacks: list[BaseCallbackHandler] = []
    if spans is not None:
        if spans.trace_id is not None and not going_on:
            asked = {**asked, "trace_id": spans.trace_id}
        spans.name_trace(asked["trace_id"])
        callbacks = [spans]
    known = merge_configs(config, RunnableConfig(metadata={"passel_trace_id": asked["trace_id"]}, callbacks=callbacks))
    try:
        async with aclosing(cast("AsyncGenerator[Event, None]", begin(asked, known))) as events:
            async for event in events:
                if isinstance(event, Answered) and spans is not None:
                    spans.close(event.answer)  # now: whoever has the answer may stop listening
                if isinstance(event, Waiting) and spans is not None:
                    spans.wait()
                yield event
    finally:
        if spans is not None:
            spans.close(None)


def recording(corpus: str) -> Spans | None:
    """Spans for a run that begins, where this process records any."""
    trace = sys.modules.get("opentelemetry.trace")  # whoever has set a provider has imported it
    if trace is None or isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return None
    return Spans(corpus)


def _of_node(outputs: Any) -> dict[str, Any]:
    """What a node's update tells in figures and words of our own."""
    if not isinstance(outputs, Mapping):
        return {}
    told: dict[str, Any] = {}
    if isinstance(outputs.get("candidates"), list):
        told["passel.found"] = len(outputs["candidates"])
    if isinstance(selection := outputs.get("selection"), Mapping):
        told |= {"passel.selected": len(selection["ids"]), "passel.stop_reason": selection["stop_reason"]}
    if isinstance(verdict := outputs.get("verdict"), Mapping):
        told |= {"passel.verdict": verdict["kind"], "passel.why": verdict["why"].partition(" (")[0]}  # behind it may stand what a person typed
    return told


def _of_reply(generations: Sequence[Sequence[Any]]) -> dict[str, Any]:
    first = generations[0][0] if generations and generations[0] else None
    message = first.message if isinstance(first, ChatGeneration) else None
    if not isinstance(message, AIMessage):
        return {}
    usage, details = message.usage_metadata, message.response_metadata
    return {
        "gen_ai.usage.input_tokens": usage["input_tokens"] if usage else None,
        "gen_ai.usage.output_tokens": usage["output_tokens"] if usage else None,
        "gen_ai.response.model": details.get("model_name"),
        "gen_ai.response.id": details.get("id") or message.id,
        "gen_ai.response.finish_reasons": endings(message) or None,
    }
