"""Messages: a chat as OpenAI's clients send it, read as a question and the conversation before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .asking import checked_question
from .errors import ApiError
from .open_webui import chore, unwrapped
from .sources import without_block


class Part(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: str
    text: str | None = None


class Message(BaseModel):
    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = Field(default=None, description="text; pictures and sound are not read")


def chore_of(messages: Sequence[Message]) -> str | None:
    """What a chat app that asks for a title or the like is answered, without asking anything; see `open_webui.py`."""
    only = messages[0] if len(messages) == 1 else None
    return chore(_text(only)) if only is not None and only.role == "user" else None


def read(messages: Sequence[Message]) -> tuple[str, list[tuple[str, str]]]:
    """(question, [(earlier question, its answer), …]). The last message must be the user's.

    Instructions (system, developer) and the output of tools are left out: what Passel says rests on its passages alone. Raises ApiError 400.
    """
    spoken = [message for message in messages if message.role in ("user", "assistant")]
    if not spoken or spoken[-1].role != "user":
        raise ApiError(400, "The last message must be the user's question.", param="messages", code="invalid_request")
    turns: list[tuple[str, str]] = []
    for message in spoken[:-1]:
        text = _text(message)
        if message.role == "user":
            turns.append((unwrapped(text), ""))
        elif turns:
            asked, answered = turns[-1]
            turns[-1] = (asked, "\n\n".join(filter(None, (answered, without_block(text)))))
    return checked_question(unwrapped(_text(spoken[-1])), "messages"), turns


def _text(message: Message) -> str:
    if not isinstance(message.content, list):
        return message.content or ""
    if other := next((part.type for part in message.content if part.type not in ("text", "input_text", "refusal")), None):
        raise ApiError(400, f"Content of the type {other[:40]!r} is not read here, only text.", param="messages", code="invalid_request")
    return "\n".join(part.text or "" for part in message.content)
