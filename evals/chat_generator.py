"""ChatGenerator: a chat model as the generator whose answers are rewarded in training.

Answers are kept, by whoever made the model (tools/chat/cache.py), by the whole prompt: the question and the passages in their order. A failure is no
answer, and is kept nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..graphs.prompts import RESOLVE, UNKNOWN, numbered
from ..rerankers.selector.examples import ListExample
from ..rerankers.selector.grpo import Unanswered
from ..tools import chat
from ..tools.errors import PasselError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_SECONDS = 120.0
"""For one answer."""
_GIVE_UP, _GIVE_UP_LATER = 5, 50
"""Failures in a row, before the first answer and after it."""


class ChatGenerator:
    """None where the model declines. Raises Unanswered where it fails, and PasselError where it does nothing else any more."""

    def __init__(self, model: BaseChatModel) -> None:
        self._model = model
        self.asked = 0
        self.progress: Callable[[int], None] | None = None
        """Told each time how often it was asked: an answer may take seconds, and a training step wants hundreds."""
        self.failed = 0
        """Answers that did not come."""
        self._in_a_row, self._answered = 0, False

    def __call__(self, example: ListExample, chosen: tuple[int, ...]) -> str | None:
        self.asked += 1
        if self.progress:
            self.progress(self.asked)
        passages = [(example.read.passages[place].title, example.read.passages[place].text) for place in chosen]
        reply = asyncio.run(chat.ask(self._model, RESOLVE, numbered(passages, example.question), timeout=_SECONDS))
        if reply.error:
            self.failed, self._in_a_row = self.failed + 1, self._in_a_row + 1
            if self._in_a_row == (_GIVE_UP_LATER if self._answered else _GIVE_UP):
                raise PasselError(f"the chat model answers nothing: {reply.error}", "Once it does, the same command goes on where it was.")
            raise Unanswered(reply.error)
        self._in_a_row, self._answered = 0, True
        text = reply.text.strip()
        return None if not text or UNKNOWN in text else text
