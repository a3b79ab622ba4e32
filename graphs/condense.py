"""condense: one standalone question out of a chat thread, and a clean slate for it.

With a chat model: a rewrite. Without one, a follow-up carries over the names that were last spoken of, or the last question.
"""

from __future__ import annotations

import re

from langgraph.runtime import Runtime
from langgraph.types import Overwrite

from ..tools import chat
from ..tools.polar import INTERROGATIVE, is_polar
from ..tools.proper_names import proper_names
from ..tools.small_talk import is_small_talk
from ..tools.words import STOP_WORDS, content_words, covered
from .context import RagContext, spent_on
from .prompts import CONDENSE, conversation
from .state import DONT_KNOW, FRESH, RagState, RagUpdate, Turn

_POINTS_BACK = re.compile(r"\b(he|she|they|him|her|them|his|hers|its|their|theirs)\b", re.IGNORECASE)
_ANOTHER = re.compile(
    r"^(?:(?:(?:and|but|so)\s+)?(?:what|how)\s+about|and)\s+(?P<name>[^,;?]+?)(?:,?\s+(?:then|instead|too|though|please))?[\s?.!]*$", re.IGNORECASE
)
"""What about the Heron Bridge? And in 1871? The last question again, of something else."""
_YEAR = re.compile(r"(?<=\bin )(?:1\d{3}|20\d{2})\b|(?<=\bfor )(?:1\d{3}|20\d{2})\b|(?<=\bduring )(?:1\d{3}|20\d{2})\b")
_YEAR_ALONE = re.compile(r"(?:in\s+|for\s+|during\s+)?(1\d{3}|20\d{2})", re.IGNORECASE)
_MOST_CARRIED = 3
CARRIED = re.compile(r"(?<=\?) \([^()]*\)$")
"""What is added to a question that points back: names or a question for the search, which no answer has to hold."""


async def condense(state: RagState, runtime: Runtime[RagContext]) -> RagUpdate:
    """Reads `question` and the caller's `history`, or else the thread's `turns`; writes `standalone` and resets every per-run key."""
    question = state["question"].strip()
    history = state.get("history")
    remembered = [one for one in state.get("turns", []) if one.get("filters") == state.get("filters")]
    turns = remembered if history is None else history
    fresh = {**FRESH, "standalone": question}
    if not turns or is_small_talk(question):
        return fresh
    model, context = runtime.context.model, runtime.context
    if model is None:
        return {**fresh, "standalone": carry_over(question, turns)}
    recent = [(turn["question"], turn["answer"]) for turn in turns[-6:]]
    reply = await chat.ask(model, CONDENSE, conversation(recent, question), timeout=context.time_left())
    known = content_words(" ".join([question, *(text for turn in recent for text in turn)]))
    lines = (line.strip().strip('"') for line in reply.whole_lines())
    rewritten = next((line for line in lines if 0 < len(line) <= 4 * len(question) + 400 and covered(content_words(line), known) >= 0.5), None)
    standalone = rewritten if rewritten and reply.error is None else carry_over(question, turns)
    # `spent` was just reset by FRESH: what this call cost is its first entry
    return {**fresh, "standalone": standalone, "spent": Overwrite(spent_on([reply]))}


def carry_over(question: str, turns: list[Turn]) -> str:
    """A question that points back, or names nothing, gets the names of the last turn added: first those the answer brought up.

    "What about X?" is the last question with X in the place of its name; where X is no name, the last question is added to it.
    What an abstention names was only searched for, and is not spoken of.

    >>> carry_over("When was she born?", [{"question": "Who built the Tarn Light?", "answer": "Mirel Ostane built it."}])
    'When was she born? (Mirel Ostane; Tarn Light)'
    """
    turns = [one for one in turns if not is_small_talk(one["question"])]
    if not turns:
        return question
    last = turns[-1]
    said = "" if last["answer"].startswith(DONT_KNOW) else last["answer"]
    asked, answered = proper_names(last["question"]), proper_names(said.replace(": ", ". "))
    named = proper_names(question)
    another = _ANOTHER.match(question)
    if another and (again := _asked_of_another(last["question"], another["name"], asked, named)):
        return again
    points_back = bool(_POINTS_BACK.search(question))
    if named and not points_back:
        return question
    of_another = another is not None and not points_back and not INTERROGATIVE.match(another["name"]) and not is_polar(another["name"])
    if of_another and (before := _asked_before(turns)):
        return f"{question.rstrip(' ?')}? ({before})"
    brought_up = [name for name in answered if name.casefold() not in last["question"].casefold()]
    carried = [name for name in dict.fromkeys(brought_up[:1] + asked + brought_up[1:]) if name.casefold() not in question.casefold()]
    if not carried and len(turns) > 1:
        return carry_over(question, turns[:-1])
    return f"{question.rstrip(' ?')}? ({'; '.join(carried[:_MOST_CARRIED])})" if carried else question


def _asked_before(turns: list[Turn]) -> str:
    """The last question that is no "And B?" itself, in one line without parentheses; of "And B? (what is A)" what was asked of A."""
    for asked in reversed([one["question"] for one in turns]):
        carried = CARRIED.search(asked)
        if not _ANOTHER.match(asked[: carried.start()] if carried else asked):
            first, _, rest = re.sub(r"[\s()]+", " ", asked).strip(" ?").partition(" ")
            return f"{first.lower() if first.casefold() in STOP_WORDS else first} {rest}".strip()
        if carried:
            return carried[0][2:-1]
    return ""


def _asked_of_another(question: str, another: str, asked: list[str], named: list[str]) -> str | None:
    """The question with another name, or another year, in the place of its only one; None where what is asked about is more than that.

    More than a name is still none but that where the question says it as well: "the Oslo office", and now "the Bergen office".
    """
    if (year := _YEAR_ALONE.fullmatch(another)) and len(_YEAR.findall(question)) == 1:
        return _YEAR.sub(year[1], question)
    if not named or len(asked) != 1 or asked[0] not in question or INTERROGATIVE.match(another):
        return None
    again = re.sub(r"\bthe the\b", "the", question.replace(asked[0], named[0]), flags=re.IGNORECASE)
    said = re.sub(r"^the\s+", "", another, flags=re.IGNORECASE)
    more = re.sub(r"\W+", "", said.replace(named[0], ""))
    return again if not more or re.search(rf"\b{re.escape(said)}\b", again, re.IGNORECASE) else None
