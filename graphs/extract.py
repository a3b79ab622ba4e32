"""extract: the answer without a chat model: words of a passage, with the sentences that lead there as citations.

A question that wants a yes or a no, and compares nothing, gets the sentence that has most of its words: the pair model knows yes and no of
comparisons alone.
Where the passages disagree about it, what each of them says.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ..tools.answers import bare
from ..tools.comparison import comparison
from ..tools.pair_text import namer_of
from ..tools.polar import is_polar
from ..tools.reader import Found
from ..tools.sentences import sentences
from ..tools.words import content_words, covered
from .citing import disagreement
from .disagreement import Disagreement, disagreement_in
from .evidence import Read
from .state import DraftSentence, Quote


def extract(whole: Read, parts: Sequence[tuple[int, Read | None]]) -> tuple[list[DraftSentence], list[int]]:
    """The extractive answer: of the question as a whole, or of its last sub-questions (id, reading) where it asks for several things; and the ids of
    those that stay open. A reading is None where what the sub-question depends on was not found.

    A comparison is one thing. Of a single last sub-question and the whole, the one that is answered more surely is said.
    """
    answered = [(number, read, found) for number, read in parts if read is not None and (found := read.found) is not None and found.score > 0]
    if comparison(whole.question) is None and len(parts) > 1 and answered:
        closed = {number for number, _, _ in answered}
        sentences_of = [sentence for number, read, found in answered for sentence in _said(read, found, number, end=".")]
        return sentences_of, [number for number, _ in parts if number not in closed]
    said = [(None, whole, whole.found), *(answered if len(parts) == 1 else ())]
    likeliest = max(said, key=lambda one: one[2].score if one[2] else float("-inf"))
    number, read, best = likeliest
    return (_said(read, best, number) if best is not None else []), []


def _said(read: Read, found: Found, sub_question: int | None, end: str = "") -> list[DraftSentence]:
    """The answer; or what each side says in its place, where the passages disagree about it, and behind it where they do about something else."""
    differing = disagreement_in(read)
    if differing is None:
        return [_drafted(read, found, sub_question, end)]
    told = told_apart(read, differing, sub_question)
    return [told] if differing.of_answer else [_drafted(read, found, sub_question, "."), told]


def told_apart(read: Read, differing: Disagreement, sub_question: int | None = None) -> DraftSentence:
    """What each side says, and where: no side is led to by what the other says."""
    places = [side.place for side in differing.sides]
    return disagreement(
        [
            _drafted(read, Found(read.passages[side.place].text[slice(*side.span)], 0.0, (side.place,), (side.span,)), sub_question, without=places)
            for side in differing.sides
        ]
    )


def _drafted(read: Read, found: Found, sub_question: int | None, end: str = "", *, without: Collection[int] = ()) -> DraftSentence:
    """The answer, with the sentences in which it stands and before each those that lead to its passage, none out of passages `without`."""
    if is_polar(read.question) and comparison(read.question) is None:
        found = _spoken_of(read, found)
    quotes: dict[tuple[str, int, int], None] = {}
    for place, span in zip(found.places, found.spans, strict=True):
        quotes |= dict.fromkeys(_led_by(read, place, without))
        quotes[(read.candidates[place].passage_id, *_sentence(read.passages[place].text, *span))] = None
    made: list[Quote] = [{"passage_id": id, "start": start, "end": stop, "sub_question": sub_question} for id, start, stop in quotes]
    text = " ".join(found.text.split())
    return {"text": text if text.endswith((".", "!", "?")) else text + end, "quotes": made}


def _spoken_of(read: Read, found: Found) -> Found:
    """Of each passage the sentence that has most of the question's words, in the place of its span; of equal ones that in which the span stands."""
    asked = content_words(read.question)
    spans = []
    for place, span in zip(found.places, found.spans, strict=True):
        text = read.passages[place].text
        of_span = _sentence(text, *span)
        spans.append(max([of_span, *sentences(text)], key=lambda one: covered(asked, content_words(text[slice(*one)]))))
    texts = [bare(read.passages[place].text[slice(*span)]) for place, span in zip(found.places, spans, strict=True)]
    return replace(found, text=" ".join(texts).lstrip("-*• "), spans=tuple(spans))


def _led_by(read: Read, place: int, without: Collection[int]) -> list[tuple[str, int, int]]:
    """The naming sentences through which the passage is reached, first hop first; none where it speaks for itself."""
    steps: list[tuple[str, int, int]] = []
    known = {candidate.passage_id for candidate in read.candidates}
    met = {place, *without}
    while read.passages[place].named.relevance > read.passages[place].bare.relevance:
        hit, namer = namer_of(read.candidates[place], known), read.passages[place].namer
        if hit is None or hit.via is None or hit.naming is None or namer is None or namer in met:
            break
        steps.insert(0, (hit.via, *hit.naming))
        place = namer
        met.add(place)
    return steps


def _sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """The sentences that hold `text[start:end]`."""
    holding = [span for span in sentences(text) if span[0] < end and span[1] > start]
    return (holding[0][0], holding[-1][1]) if holding else (start, end)
