"""Open WebUI: what it puts around its users' questions, and what it asks of the same model beside them.

It has the model write titles, tags, follow-up questions and search queries: one user's message with instructions, the form of the answer and the
chat. Passel answers from documents; taken for a question, such a message costs several times the real one, and parts of the instructions come back as
titles and suggestions. It gets the form with nothing in it, as a title the first words of the chat. What stands around a question is taken away: the
files of a message are not read here.

Read off the wire of Open WebUI 0.12.4.
"""

from __future__ import annotations

import json
import re

from ...tools.shorten import shorten

_TASK = "### Task:\n"
_CHAT = re.compile(r"<chat_history>\s*(?:USER: )?")
_FORM = re.compile(r'\{\s*"(title|tags|follow_ups|queries)":')
_FILES = re.compile(r"\s*<attached_files>.*?</attached_files>\s*", re.DOTALL)
_CONTEXT_END = "</context>"
_LONGEST_TITLE = 60


def chore(text: str) -> str | None:
    """The answer to what is no question of a user; None for everything else."""
    chat = _CHAT.search(text) if text.startswith(_TASK) else None
    form = _FORM.search(text, 0, chat.start()) if chat else None
    if chat is None or form is None:
        return None
    return json.dumps({form[1]: _title(text[chat.end() :]) if form[1] == "title" else []}, ensure_ascii=False)


def unwrapped(text: str) -> str:
    """The question as its user typed it."""
    if text.startswith(_TASK) and _CONTEXT_END in text:
        text = text.rpartition(_CONTEXT_END)[2]
    files = _FILES.match(text)
    return text[files.end() :] if files else text


def _title(chat: str) -> str:
    return shorten(unwrapped(chat).partition("</chat_history>")[0].strip().partition("\n")[0], _LONGEST_TITLE)
