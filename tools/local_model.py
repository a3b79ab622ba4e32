"""local_model: a GGUF file as a LangChain chat model, in this process, through xllamacpp (llama.cpp, MIT).

The file brings its own chat template. Generation runs in a worker thread: tokens are streamed as they are made, and a caller who goes away ends it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field, field_validator

from .document import clean
from .errors import PasselError, UsageError

_MAGIC = b"GGUF"
_BATCH = 512
"""Prompt tokens between two looks at whether the caller is still there."""


def _cores_but_one() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


class LocalChatModel(BaseChatModel):
    """Made from a path; the weights are read at the first call, once per process, and shared by all models of that path.

    The same prompt gives the same answer at temperature 0, whatever was asked before: llama.cpp's prompt cache is off, as its batches change the
    last bits of the scores. Raises UsageError where the file is missing or no GGUF, or xllamacpp is not installed; PasselError at the first call
    where llama.cpp does not accept the file.
    """

    constrains_json: ClassVar[bool] = True
    """`json_schema=` of a call constrains the decoding."""

    path: Path
    max_tokens: int = Field(default=512, ge=1)
    """Of one answer."""
    temperature: float = Field(default=0.0, ge=0)
    stop: list[str] = Field(default_factory=list)
    n_ctx: int = Field(default=8192, ge=256)
    """Tokens of prompt and answer together; llama.cpp caps it at what the model was trained with. Memory grows with it."""
    threads: int = Field(default_factory=_cores_but_one, ge=1)
    """llama.cpp's threads wait for each other at every step, so one core taken by another process slows all. Measured on two cores, SmolLM2-135M:
    two threads make 93 tokens/s where nothing else runs, but 1 to 9 where other processes compute; one thread then still makes 18 to 46."""
    seed: int = 0

    @field_validator("path", mode="before")
    @classmethod
    def _checked(cls, given: Any) -> Path:
        path = Path(given).expanduser().absolute()
        if not path.is_file():
            raise UsageError(f"there is no model file {path}", "Give the path of a GGUF file: local:PATH.gguf")
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise UsageError(f"{path} is no GGUF file", "local: runs GGUF files only; other models are named provider:model.")
        if find_spec("xllamacpp") is None:
            raise UsageError("local models need a package that is not installed", 'Run: pip install "passel[local]"')
        return path

    @property
    def _llm_type(self) -> str:
        return "local"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("path", "max_tokens", "temperature", "stop", "n_ctx", "seed")}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return {**super()._get_ls_params(stop, **kwargs), "ls_provider": "local", "ls_model_name": self.path.name}

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  LangChain reports the tokens itself
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        waiting: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        gone = threading.Event()
        self._start(messages, stop, kwargs, waiting.put, gone)
        try:
            while (item := waiting.get()) is not None:
                yield from self._chunks(item)
        finally:
            gone.set()

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        waiting: asyncio.Queue[_Item] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        gone = threading.Event()

        def put(item: _Item) -> None:
            with suppress(RuntimeError):  # the caller's loop is closed: nobody waits any more
                loop.call_soon_threadsafe(waiting.put_nowait, item)

        self._start(messages, stop, kwargs, put, gone)
        try:
            while (item := await waiting.get()) is not None:
                for chunk in self._chunks(item):
                    yield chunk
        finally:
            gone.set()

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002  LangChain reports the tokens itself
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, **kwargs))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(iter([chunk async for chunk in self._astream(messages, stop, **kwargs)]))

    def _start(
        self, messages: Sequence[BaseMessage], stop: list[str] | None, options: dict[str, Any], put: Callable[[_Item], None], gone: threading.Event
    ) -> None:
        request = {
            "messages": [{"role": _ROLES.get(message.type, "user"), "content": clean(str(message.text))} for message in messages],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
            "stop": [*self.stop, *(stop or [])],
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,  # a sign of life between the batches of a long prompt, at which a run can be ended
            "cache_prompt": False,
            "logprobs": True,  # 2 to 3% of SmolLM2-135M's time, less of a larger model's
            "top_logprobs": 1,  # llama.cpp gives none at 0
            "chat_template_kwargs": {"enable_thinking": False},
            **options,
        }
        thread = threading.Thread(target=self._work, args=(request, put, gone), name="passel-local-model", daemon=True)
        _running[thread] = gone
        thread.start()

    def _work(self, request: dict[str, Any], put: Callable[[_Item], None], gone: threading.Event) -> None:
        """The worker thread: puts llama.cpp's chunks, or the exception that ended it, and last None."""

        def take(chunk: dict[str, Any]) -> bool:
            put(chunk)
            return gone.is_set()  # True ends the generation

        try:
            engine = _engine(str(self.path), self.n_ctx, self.threads, os.getpid())
            while not engine.turn.acquire(timeout=0.05):
                if gone.is_set():
                    return
            try:
                if not gone.is_set():
                    engine.server.handle_chat_completions(request, take)
            finally:
                engine.turn.release()
        except Exception as fault:  # raised again where the caller waits
            put(fault if isinstance(fault, PasselError) else PasselError(f"llama.cpp refused the request: {fault}", _REPORT))
        finally:
            put(None)
            _running.pop(threading.current_thread(), None)

    def _chunks(self, item: dict[str, Any] | Exception) -> Iterator[ChatGenerationChunk]:
        if isinstance(item, Exception):
            raise item
        if error := item.get("error"):
            if error.get("type") == "exceed_context_size_error":
                window = f"the prompt has {error['n_prompt_tokens']} tokens, the model's window {error['n_ctx']}"
                raise PasselError(window, "Give it fewer or shorter passages, or a larger n_ctx.")
            raise PasselError(f"llama.cpp failed: {error.get('message', error)}", _REPORT)
        if usage := item.get("usage"):
            counted = UsageMetadata(input_tokens=usage["prompt_tokens"], output_tokens=usage["completion_tokens"], total_tokens=usage["total_tokens"])
            yield ChatGenerationChunk(message=AIMessageChunk(content="", usage_metadata=counted))
        for choice in item.get("choices", []):
            text, ending = choice["delta"].get("content") or "", choice.get("finish_reason")
            tokens = (choice.get("logprobs") or {}).get("content")
            details: dict[str, Any] = {"finish_reason": ending, "model_name": self.path.name} if ending else {}
            if tokens:
                details["logprobs"] = {"content": [{"token": token["token"], "logprob": token["logprob"]} for token in tokens]}
            if text or details:
                yield ChatGenerationChunk(message=AIMessageChunk(content=text, response_metadata=details))


_Item = dict[str, Any] | Exception | None
"""What the worker thread hands over: a chunk of llama.cpp's server, a failure, or None at the end."""
_ROLES = {"system": "system", "human": "user", "ai": "assistant"}
_REPORT = "Try another model file."


_running: dict[threading.Thread, threading.Event] = {}


@atexit.register
def _end_all() -> None:
    """The interpreter must not end around a thread inside llama.cpp, nor wait until it has said all."""
    running = list(_running.items())
    for _, gone in running:
        gone.set()
    for thread, _ in running:
        thread.join()


@dataclass(frozen=True, slots=True)
class _Engine:
    server: Any
    turn: threading.Lock = field(default_factory=threading.Lock)
    """One generation at a time: two would share the cores and the window."""


_loading = threading.Lock()


def _engine(path: str, n_ctx: int, threads: int, process: int) -> _Engine:
    with _loading:  # two first calls at once load one model
        return _load(path, n_ctx, threads, process)


@cache
def _load(path: str, n_ctx: int, threads: int, process: int) -> _Engine:  # noqa: ARG001  a forked process needs threads of its own
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx, params.n_parallel, params.n_batch = n_ctx, 1, _BATCH
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.cache_ram_mib = 0
    params.warmup, params.verbosity = False, -1
    # the library also listens on a loopback port: closed to others
    params.api_keys, params.ui, params.endpoint_slots = [secrets.token_hex(16)], False, False
    try:
        return _Engine(xllamacpp.Server(params))
    except RuntimeError as fault:
        hint = "It may be cut off, or of a kind that this version of xllamacpp does not know; download it again, or update xllamacpp."
        raise PasselError(f"cannot load the model {path}: llama.cpp does not accept the file", hint) from fault
