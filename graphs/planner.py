"""The embedded planner: finds the parts of comparisons and conjunctions without a chat model.

Bridges need no plan here: the nodes link and resolve find them. A question with no pattern stays whole.
"""

from __future__ import annotations

import re

from .condense import CARRIED, carry_over
from .state import SubQuestionState, turn

_NAME = r"(?:the\s+|an?\s+)?[^\s,;:?][^,;:?]{0,80}?"
_QUESTION_WORD = r"(?:who|what|when|where|which|whose|whom|how|why)"

_EITHER_OR = re.compile(rf"^(?P<stem>.+?)[,:]\s*(?P<a>{_NAME}),?\s+or\s+(?P<b>{_NAME})$", re.IGNORECASE)
"""Which …, A or B?"""
_OF_ALL = re.compile(rf"^(?:of|among|between|out of)\s+(?P<a>{_NAME}(?:,\s*{_NAME})*?),?\s+and\s+(?P<b>{_NAME}),\s*(?P<stem>.+?)$", re.IGNORECASE)
"""Between A and B, which …? Of A, B and C, which …?"""
_ASKS = re.compile(rf"\b{_QUESTION_WORD}\b", re.IGNORECASE)
_MARK = re.compile(r"[,:]\s*")
_CAPITAL = re.compile(r"(?:the\s+|an?\s+)?(?-i:[^\W_a-z])", re.IGNORECASE)
_THE = re.compile(r"the\s", re.IGNORECASE)
_THE_NEXT = re.compile(r",\s*(?=the\s)", re.IGNORECASE)
_MOST_PARTS = 5
_VERB = r"(?P<verb>are|were|is|was|do|did|does|have|has|had|can|could)"
_BOTH = (
    re.compile(rf"^{_VERB}\s+(?:both\s+)?(?P<a>{_NAME})\s+and\s+(?P<b>{_NAME}),?\s+both\s+(?P<rest>.+?)$", re.IGNORECASE),
    re.compile(
        rf"^{_VERB}\s+(?:both\s+)?(?P<a>{_NAME})\s+and\s+(?P<b>{_NAME}),?\s+"
        r"(?P<rest>(?-i:located|situated|from|the same|born|made|written|built|founded|named|"
        r"have|share|use|die|live|come|work|lie|stand|belong|originate)\b.*?)$",
        re.IGNORECASE,
    ),
)
"""Were A and B both …? Do A and B share …?"""
_EARLIER_THAN = re.compile(
    rf"^{_VERB}\s+(?P<a>{_NAME})\s+(?P<rel>(?-i:[^\W\dA-Z_])\S*(?:\s+\S+){{0,3}}?\s+than)\s+(?P<b>{_NAME})$", re.IGNORECASE
)
"""Was A older than B?"""
_OR_INSIDE = re.compile(rf"^{_VERB}\s+(?P<a>{_NAME})\s+or\s+(?P<b>{_NAME})\s+(?P<rest>\S+(?:\s+\S+)?)$", re.IGNORECASE)
"""Was A or B built earlier?"""
_CONJUNCTION = re.compile(rf"^(?P<one>{_QUESTION_WORD}\b.+?),?\s+and\s+(?P<two>{_QUESTION_WORD}\b.+?)$", re.IGNORECASE)
"""Who …, and when …?"""


def plan_embedded(question: str) -> list[SubQuestionState]:
    """Independent sub-questions, or none where the question is best left whole."""
    if carried := CARRIED.search(question):  # what condense has added belongs to every part
        return [{**sub, "question": sub["question"] + carried[0]} for sub in plan_embedded(question[: carried.start()])]
    text = " ".join(question.split()).rstrip("? ")
    if several := _one_of(text):
        return _of_each(*several)
    if match := _EITHER_OR.match(text) or _OF_ALL.match(text):
        return _of_each(match["stem"], match["a"], match["b"])
    if match := _BOTH[0].match(text) or _BOTH[1].match(text):
        return _numbered(f"{match['verb']} {match['a']} {match['rest']}?", f"{match['verb']} {match['b']} {match['rest']}?")
    if match := _EARLIER_THAN.match(text):
        relation = match["rel"].removesuffix("than").strip()
        return _numbered(f"{match['verb']} {match['a']} {relation}?", f"{match['verb']} {match['b']} {relation}?")
    if match := _OR_INSIDE.match(text):
        return _numbered(f"{match['verb']} {match['a']} {match['rest']}?", f"{match['verb']} {match['b']} {match['rest']}?")
    if match := _CONJUNCTION.match(text):
        one, two = f"{match['one']}?", f"{match['two']}?"
        return _numbered(one, carry_over(two, [turn(one, "")]))  # "… and when was it built?"
    return []


def _one_of(text: str) -> tuple[str, str, str] | None:
    """Which …, A, B or C? The stem, all options but the last, the last; None where these are not three or more."""
    before, _, last = text.rpartition(" or ")
    before = before.rstrip(", ")
    asks = _ASKS.search(before)
    if asks is None or not last or _MARK.search(last):
        return None
    marks = list(_MARK.finditer(before, asks.end()))
    first = len(marks)
    while first and _CAPITAL.match(before, marks[first - 1].end()):
        first -= 1
    for begins in marks[first:-1]:  # not in "… in Riga, Latvia, the A or the B?"
        end = begins.start()
        if before[before.rfind(" ", 0, end) + 1 : end].islower() or _THE.match(before, begins.end()):
            return before[:end], before[begins.end() :], last
    return None


def _of_each(stem: str, options: str, last: str) -> list[SubQuestionState]:
    """The stem asked of each: "A, the B" are two options, "A, B" may be one name with a comma in it and stays together."""
    parts = [*_THE_NEXT.split(options), last]
    return _numbered(*(f"{stem} {part}?" for part in parts)) if len(parts) <= _MOST_PARTS else []


def _numbered(*questions: str) -> list[SubQuestionState]:
    return [
        {"id": n, "question": question[0].upper() + question[1:], "depends_on": [], "answer": None} for n, question in enumerate(questions, 1)
    ]
