"""Serving: what the routes work with. The corpora that are served, an agent for each that is asked, and the limits."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ...tools.corpus import Corpus
from ...tools.encoder import Encoder
from ...tools.errors import CorpusMismatch
from ...tools.lock import write_lock
from ..agent import Agent
from ..corpora import corpora, delete_corpus
from ..settings import Settings, corpora_folder
from .errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...rerankers.selector.selector import LearnedSelector

T = TypeVar("T")


@dataclass(slots=True)
class _Open:
    agent: Agent
    closing: contextlib.ExitStack


class Serving:
    """Safe to share between threads. Close it: what still runs is then cancelled.

    The settings' corpus is the one that is asked where a request names none; those with a name under `$PASSEL_HOME/corpora` are served beside it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.limits = settings, settings.limits
        self.began = int(time.time())
        self._own = Path(os.path.abspath(settings.corpus_path()))  # "." has a name too
        self.default = self._own.name
        self._open: dict[str, _Open] = {}
        self._opening = threading.Lock()

    @cached_property
    def encoder(self) -> Encoder:
        """One for all corpora that were made with it."""
        return Encoder.load(self.settings.encoder, device=self.settings.device)

    @cached_property
    def selector(self) -> LearnedSelector:
        return self.settings.selector(self.encoder)

    def folders(self) -> dict[str, Path]:
        """Every corpus that is served, by name. Names of requests are looked up here and never made into paths."""
        return {folder.name: folder for folder in corpora()} | {self.default: self._own}

    def agent(self, name: str | None = None) -> Agent:
        """The agent of a corpus, opened when it is first asked for; None for the default. Raises ApiError 404 where there is no such corpus."""
        name = name or self.default
        with self._opening:
            known = self._known(name)
            if known is None:
                self._shut(name)
                known = self._open[name] = self._opened(self._folder(name))
            return known.agent

    async def aagent(self, name: str | None = None) -> Agent:
        """`agent`; the first time, which takes a while, in a thread."""
        known = self._known(name or self.default)
        return known.agent if known else await asyncio.to_thread(self.agent, name)

    async def on(self, name: str, do: Callable[[Corpus], T]) -> T:
        """What `do` gives of a corpus, in a thread. One that nobody has asked yet is opened for this alone. Raises ApiError 404."""
        known = self._known(name)
        return await asyncio.to_thread(do, known.agent.corpus) if known else await asyncio.to_thread(self._on, name, do)

    def _on(self, name: str, do: Callable[[Corpus], T]) -> T:
        with self._corpus(self._folder(name)) as corpus:
            return do(corpus)

    def create(self, name: str) -> None:
        """Raises ApiError 409 where there is one of that name, or where there are as many as are allowed."""
        with self._opening:
            folders = self.folders()
            if name in folders or (corpora_folder() / name).exists():
                raise ApiError(409, f"There is a corpus {name} already.", param="name", code="corpus_exists")
            if len(folders) >= self.limits.corpora:
                raise ApiError(409, f"There are {len(folders)} corpora: no more are made here.", code="too_many_corpora")
            Corpus.open(corpora_folder() / name, encoder=self.encoder, create=True).close()

    def delete(self, name: str) -> None:
        """What runs on the corpus is cancelled. Raises ApiError 404 and 409, and CorpusBusy while something is written to it: then nothing is."""
        if name == self.default:
            raise ApiError(409, "The corpus that this server was started with cannot be deleted while it runs.", code="corpus_served")
        with self._opening:
            folder = self._folder(name)
            with write_lock(folder):
                self._shut(name)
            delete_corpus(folder)

    def close(self) -> None:
        with self._opening, contextlib.ExitStack() as stack:
            for known in self._open.values():
                stack.push(known.closing)
            self._open.clear()

    def _known(self, name: str) -> _Open | None:
        """None where nobody has asked it yet, or another process has deleted it, or made it anew, since."""
        known = self._open.get(name)
        return known if known and not known.agent.corpus.replaced else None

    def _shut(self, name: str) -> None:
        if known := self._open.pop(name, None):
            known.closing.close()

    def _folder(self, name: str) -> Path:
        folder = self.folders().get(name)
        if folder is None:
            raise no_corpus(name)
        return folder

    def _corpus(self, folder: Path) -> Corpus:
        try:
            return Corpus.open(folder, encoder=self.encoder, server=self.settings.chroma_server)
        except CorpusMismatch:
            if self.settings.encoder:
                raise
            return Corpus.open(folder, server=self.settings.chroma_server)  # made with another encoder, whose name it knows

    def _opened(self, folder: Path) -> _Open:
        with contextlib.ExitStack() as stack:
            corpus = stack.enter_context(self._corpus(folder))
            agent = stack.enter_context(Agent.over(corpus, self.settings, selector=self.selector))
            return _Open(agent, stack.pop_all())


def no_corpus(name: str) -> ApiError:
    return ApiError(404, f"There is no corpus {name!r} here; GET /corpora lists them.", code="corpus_not_found")
