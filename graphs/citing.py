"""From a written sentence to the quotes that support it, and from quotes to numbered citations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..tools.answers import normalised
from ..tools.passage import Passage
from ..tools.proper_names import proper_names
from ..tools.sentences import sentences
from ..tools.words import content_words, covered
from .answer import Citation, Claim
from .state import DraftSentence, Quote, SubQuestionState

_NUMBERS = re.compile(r"\s*\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
_NEGATION = re.compile(r"\b(?:not|never|no|none|nor|neither|without|cannot)\b|n['’]t\b", re.IGNORECASE)
_QUOTED = re.compile(r"[“\"«„]([^“”\"«»„]+)[”\"»“]\s*((?:\[\d{1,3}(?:\s*[,;]\s*\d{1,3})*\]\s*)+)")
LEAST_SUPPORT = 0.5
"""Share of a sentence's content words that the passage it cites must hold."""
SAYS_SO = "Sources disagree"
"""How a sentence begins that shows a contradiction: Sources disagree: “A” [1], “B” [2]."""


def cite(sentence: str, passages: Sequence[Passage]) -> DraftSentence | None:
    """The sentence with the quotes that support it, or None where no passage does.

    A sentence names its passages by number ("… [2]"); one that names none, or a wrong one, gets the passage that holds most of its words.
    One that tells of a disagreement of which a single side stands is that side.
    """
    if SAYS_SO.casefold() in sentence.casefold():
        sides = _sides(sentence, passages)
        return disagreement(sides) if len(sides) > 1 else next(iter(sides), None)
    text = _NUMBERS.sub("", sentence).strip()
    words = content_words(text)
    if not words:
        return None
    named = [int(n) - 1 for group in _NUMBERS.findall(sentence) for n in re.split(r"\D+", group)]
    supported = [n for n in dict.fromkeys(named) if 0 <= n < len(passages) and _support(text, words, passages[n]) >= LEAST_SUPPORT]
    if not supported and passages:
        best = max(range(len(passages)), key=lambda n: _support(text, words, passages[n]))
        supported = [best] if _support(text, words, passages[best]) >= LEAST_SUPPORT else []
    if not supported:
        return None
    return {"text": text, "quotes": [_quote(words, passages[n]) for n in supported]}


def disagreement(claims: Sequence[DraftSentence]) -> DraftSentence:
    """The sentence that shows what each side says, in this order."""
    said = ", ".join(f"“{claim['text']}”" for claim in claims)
    return {"text": f"{SAYS_SO}: {said}.", "quotes": [quote for claim in claims for quote in claim["quotes"]], "claims": list(claims)}


def _sides(sentence: str, passages: Sequence[Passage]) -> list[DraftSentence]:
    """What a written disagreement quotes, each side that stands with its passage; none where two stand in one document: it does not disagree."""
    sources = {passage.id: passage.source for passage in passages}
    sides: dict[str, DraftSentence] = {}
    for said, numbers in _QUOTED.findall(sentence):
        side = cite(f"{said} {numbers}", passages)
        if side is not None and normalised(said):
            sides.setdefault(normalised(said), side)
    where = {sources[side["quotes"][0]["passage_id"]] for side in sides.values()}
    return list(sides.values()) if len(where) > 1 or len(sides) < 2 else []


def _support(text: str, words: Sequence[str], passage: Passage) -> float:
    """The share of the words that the passage holds; 0 where a number, a name or a negation is not the passage's: no paraphrase changes those.
    (Names may differ in their ending, as all words may: Bremen, Bremener; so Alexander passes for Alexandra.)"""
    there = content_words(passage.embedded_text)
    must = {word for word in words if word.isdigit()} | {word for name in proper_names(text) for word in content_words(name)}
    if covered(list(must), there) < 1.0 and must:
        return 0.0
    quote = _quote(words, passage)
    if bool(_NEGATION.search(text)) != bool(_NEGATION.search(passage.text[quote["start"] : quote["end"]])):
        return 0.0
    return covered(words, there)


def _quote(words: Sequence[str], passage: Passage) -> Quote:
    """The passage's sentence that shares most words with the written one."""
    spans = sentences(passage.text) or [(0, len(passage.text))]
    start, end = max(spans, key=lambda span: covered(words, content_words(passage.text[span[0] : span[1]])))
    return {"passage_id": passage.id, "start": start, "end": end, "sub_question": None}


def standing(sentence: DraftSentence, lengths: Mapping[str, int]) -> DraftSentence | None:
    """The sentence with those of its quotes that stand in their passages, or None where none does. `lengths`: of the passages' texts, by id.

    A disagreement of which one side is left is that side's sentence.
    """
    if claims := sentence.get("claims"):
        left = [claim for one in claims if (claim := standing(one, lengths)) is not None]
        return disagreement(left) if len(left) > 1 else next(iter(left), None)
    quotes = [quote for quote in sentence["quotes"] if 0 <= quote["start"] < quote["end"] <= lengths.get(quote["passage_id"], -1)]
    return {**sentence, "quotes": quotes} if quotes else None


def numbered_citations(
    draft: Sequence[DraftSentence], passages: Sequence[Passage], subs: Sequence[SubQuestionState]
) -> tuple[list[Citation], list[str]]:
    """The citations in order of first use, and each sentence's text with its numbers: "… [1][3]"."""
    numbers = _Numbers(passages, subs)
    return numbers.citations, [_marked(sentence, numbers) for sentence in draft]


def disagreements(draft: Sequence[DraftSentence], passages: Sequence[Passage], subs: Sequence[SubQuestionState]) -> list[Claim]:
    """What the sides of the draft's disagreements say, numbered as by `numbered_citations`."""
    numbers = _Numbers(passages, subs)
    claims: list[Claim] = []
    for sentence in draft:
        numbers.of(sentence)
        claims += [Claim(answer=claim["text"], citations=numbers.of(claim)) for claim in sentence.get("claims", ())]
    return claims


class _Numbers:
    """Numbers quotes as they come."""

    def __init__(self, passages: Sequence[Passage], subs: Sequence[SubQuestionState]) -> None:
        self.citations: list[Citation] = []
        self._numbers: dict[tuple[str, int, int], int] = {}
        self._by_id = {passage.id: passage for passage in passages}
        self._questions = {sub["id"]: sub["question"] for sub in subs}

    def of(self, sentence: DraftSentence) -> list[int]:
        """Of its quotes, each once; those whose passage is not there have none."""
        found = (self._number(quote) for quote in sentence["quotes"])
        return list(dict.fromkeys(number for number in found if number is not None))

    def _number(self, quote: Quote) -> int | None:
        key = (quote["passage_id"], quote["start"], quote["end"])
        passage = self._by_id.get(quote["passage_id"])
        if passage is None:
            return None
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers) + 1
            sub = quote["sub_question"]
            self.citations.append(
                Citation(
                    passage_id=passage.id,
                    title=passage.title,
                    source=passage.source,
                    span=(passage.start + quote["start"], passage.start + quote["end"]),
                    quote=passage.text[quote["start"] : quote["end"]],
                    sub_question=None if sub is None else self._questions.get(sub),
                )
            )
        return self._numbers[key]


def _marked(sentence: DraftSentence, numbers: _Numbers) -> str:
    if claims := sentence.get("claims"):
        said = ", ".join(f"“{claim['text']}” {_marks(claim, numbers)}".rstrip() for claim in claims)
        return f"{SAYS_SO}: {said}."
    return f"{sentence['text']} {_marks(sentence, numbers)}".rstrip()


def _marks(sentence: DraftSentence, numbers: _Numbers) -> str:
    return "".join(f"[{n}]" for n in numbers.of(sentence))
