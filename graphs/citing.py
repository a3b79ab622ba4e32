"""From a written sentence to the quotes that support it, and from quotes to numbered citations."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..tools.passage import Passage
from ..tools.proper_names import proper_names
from ..tools.sentences import sentences
from ..tools.words import content_words, covered
from .answer import Citation
from .state import DraftSentence, Quote, SubQuestionState

_NUMBERS = re.compile(r"\s*\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
_NEGATION = re.compile(r"\b(?:not|never|no|none|nor|neither|without|cannot)\b|n['’]t\b", re.IGNORECASE)
LEAST_SUPPORT = 0.5
"""Share of a sentence's content words that the passage it cites must hold."""


def cite(sentence: str, passages: Sequence[Passage]) -> DraftSentence | None:
    """The sentence with the quotes that support it, or None where no passage does.

    A sentence names its passages by number ("… [2]"); one that names none, or a wrong one, gets the passage that holds most of its words.
    """
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


def _support(text: str, words: Sequence[str], passage: Passage) -> float:
    """The share of the words that the passage holds; 0 where a number, a name or a negation is not the passage's: no paraphrase changes those."""
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


def numbered_citations(
    draft: Sequence[DraftSentence], passages: Sequence[Passage], subs: Sequence[SubQuestionState]
) -> tuple[list[Citation], list[str]]:
    """The citations in order of first use, and each sentence's text with its numbers: "… [1][3]"."""
    by_id = {passage.id: passage for passage in passages}
    questions = {sub["id"]: sub["question"] for sub in subs}
    numbers: dict[tuple[str, int, int], int] = {}
    citations: list[Citation] = []
    texts: list[str] = []
    for sentence in draft:
        marks: list[int] = []
        for quote in sentence["quotes"]:
            key = (quote["passage_id"], quote["start"], quote["end"])
            passage = by_id.get(quote["passage_id"])
            if passage is None:
                continue
            if key not in numbers:
                numbers[key] = len(numbers) + 1
                sub = quote["sub_question"]
                citations.append(
                    Citation(
                        passage_id=passage.id,
                        title=passage.title,
                        source=passage.source,
                        span=(passage.start + quote["start"], passage.start + quote["end"]),
                        quote=passage.text[quote["start"] : quote["end"]],
                        sub_question=None if sub is None else questions.get(sub),
                    )
                )
            marks.append(numbers[key])
        texts.append(f"{sentence['text']} {''.join(f'[{n}]' for n in dict.fromkeys(marks))}".rstrip())
    return citations, texts
