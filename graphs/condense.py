"""condense: one standalone question out of a chat thread, and a clean slate for it.

With a chat model: a rewrite. Without one, a follow-up carries over the names that were last spoken of.
"""

from __future__ import annotations

import re

from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from ..tools import chat
from ..tools.proper_names import proper_names
from .context import RagContext, spent_on
from .prompts import CONDENSE, conversation
from .state import FRESH, RagState, RagUpdate, Turn

_POINTS_BACK = re.compile(
    r"\b(he|she|it|they|him|her|them|his|hers|its|their|theirs|this|that|these|those|there|then|one|ones|same|former|latter|else|another|both)\b"
    r"|^(and|but|so|also|what about|how about|or)\b",
    re.IGNORECASE,
)
_MOST_CARRIED = 3


async def condense(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads `question` and the caller's `history`, or else the thread's `turns`; writes `standalone` and resets every per-run key."""
    question = state["question"].strip()
    history = state.get("history")
    turns = state.get("turns", []) if history is None else history
    fresh = {**FRESH, "standalone": question}
    if not turns:
        return fresh
    model, context = runtime.context.model, runtime.context
    if model is None:
        return {**fresh, "standalone": carry_over(question, turns)}
    recent = [(turn["question"], turn["answer"]) for turn in turns[-6:]]
    reply = await chat.ask(model, CONDENSE, conversation(recent, question), timeout=context.time_left())
    rewritten = reply.text.strip().strip('"').split("\n")[0].strip()
    usable = reply.error is None and 0 < len(rewritten) <= 4 * len(question) + 400
    # `spent` was just reset by FRESH: what this call cost is its first entry
    return {**fresh, "standalone": rewritten if usable else carry_over(question, turns), "spent": Overwrite(spent_on([reply]))}


def carry_over(question: str, turns: list[Turn]) -> str:
    """A question that points back, or names nothing, gets the names of the last turn added: first those the answer brought up.

    >>> carry_over("When was she born?", [{"question": "Who built the Tarn Light?", "answer": "Mirel Ostane built it."}])
    'When was she born? (Mirel Ostane; Tarn Light)'
    """
    if not _POINTS_BACK.search(question) and proper_names(question):
        return question
    last = turns[-1]
    asked, answered = proper_names(last["question"]), proper_names(last["answer"])
    brought_up = [name for name in answered if name.casefold() not in last["question"].casefold()]
    carried = [name for name in dict.fromkeys(brought_up[:1] + asked + brought_up[1:]) if name.casefold() not in question.casefold()]
    if not carried and len(turns) > 1:
        return carry_over(question, turns[:-1])
    return f"{question} ({'; '.join(carried[:_MOST_CARRIED])})" if carried else question
