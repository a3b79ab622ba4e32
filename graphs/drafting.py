"""drafting: what is kept of a chat model's sentences, one after the other, as they are written."""

from __future__ import annotations

from collections.abc import Sequence

from ..tools.pair import PairModel
from ..tools.passage import Passage
from .prompts import UNKNOWN
from .state import Draft
from .support import checked

MOST_SENTENCES = 12
"""Of an answer; what a chat model writes beyond them is not said, and the answer is a part."""


def empty_draft() -> Draft:
    return {"sentences": [], "refused": 0, "failure": None}


def why_nothing(draft: Draft) -> str:
    """Why nothing could be said, of a draft without sentences."""
    return "what the chat model wrote is supported by no passage" if draft["refused"] else "no answer was found in the evidence"


def add_half(draft: Draft, half: str) -> None:
    """What a sentence came to that broke off: it is not said, and the answer is a part, but for the beginning of what was said already."""
    if not any(said["text"].startswith(half.strip()) for said in draft["sentences"]):
        draft["refused"] += 1


def add_written(draft: Draft, sentence: str, question: str, passages: Sequence[Passage], reader: PairModel) -> bool:
    """Adds a written sentence to the draft where a passage supports it, and says whether it did. Refused ones are counted there."""
    if UNKNOWN in sentence:
        return False
    if (kept := checked(sentence, question, passages, reader)) is None:
        draft["refused"] += any(map(str.isalpha, sentence))  # not a lone "[2]"
    elif len(draft["sentences"]) >= MOST_SENTENCES:
        draft["refused"] += 1
    elif all(kept["text"] != said["text"] for said in draft["sentences"]):  # weak models repeat themselves
        draft["sentences"].append(kept)
        return True
    return False
