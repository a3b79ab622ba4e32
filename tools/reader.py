"""Extractive reader: the answer that stands in the chosen passages, by the pair model's spans. No forward pass happens here.

A question that compares is answered by comparing what was read in each option's passages; every other one by the best span of all. A passage may be
read with the sentence that names it only where the passage with that sentence is chosen too: an answer must follow from what is cited.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from math import log

from .answers import contains_answer, normalised
from .comparing import compare, value_at
from .comparison import Comparison, comparison
from .pair import AnswerSpan
from .proper_names import COMMA, COMMA_THE

RELEVANCE = 0.5
"""Weight of a passage's log-odds of being evidence, where they are below 0, beside its span's."""
_VALUES = 4
"""Spans of one option that are tried as what a comparison compares."""
_COMBINED = 256
"""Of several options fewer, so that no more than this many combinations are tried."""


@dataclass(frozen=True, slots=True)
class ReadAs:
    """What the pair model said of one way to read a passage, without its vector."""

    relevance: float
    yes: float
    spans: tuple[AnswerSpan, ...]


@dataclass(frozen=True, slots=True)
class ReadPassage:
    title: str
    text: str
    bare: ReadAs
    named: ReadAs
    """With the sentence that names it; as `bare` where there is none."""
    namer: int | None = None
    """The place of the passage with that sentence."""


@dataclass(frozen=True, slots=True)
class Found:
    """An answer. `places` are passages, `spans` what stands there: the answer itself, or what a comparison compared."""

    text: str
    score: float
    """Log-odds against "no answer here", about; of a comparison the worst of what it compared."""
    places: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]


def find_answer(question: str, passages: Sequence[ReadPassage], chosen: Collection[int]) -> Found | None:
    """The best answer from the chosen passages, however unlikely; None where they hold no word."""
    asked = comparison(question)
    if asked is not None and (compared := _compared(asked, passages, chosen)):
        return compared
    spans = [(score, place, span) for place in chosen for score, span in scored_spans(passages, place, chosen)]
    if not spans:
        return None
    score, place, span = max(spans, key=lambda each: (each[0], -each[1]))
    return Found(passages[place].text[span.start : span.end], score, (place,), ((span.start, span.end),))


def ways(passages: Sequence[ReadPassage], place: int, chosen: Collection[int]) -> Iterator[ReadAs]:
    """How the passage may be read, given what is chosen."""
    passage = passages[place]
    if passage.namer is not None and passage.namer in chosen:
        yield passage.named
    yield passage.bare


def scored_spans(
    passages: Sequence[ReadPassage], place: int, chosen: Collection[int], *, most: int | None = 1
) -> Iterator[tuple[float, AnswerSpan]]:
    """What one passage may answer, but for punctuation alone, each with the log-odds that `Found.score` is made of. `most`: of each way to read it;
    None means all.
    """
    for way in ways(passages, place, chosen):
        worded = (span for span in way.spans if any(map(str.isalnum, passages[place].text[span.start : span.end])))
        for span in islice(worded, most):
            yield span.score + RELEVANCE * min(0.0, way.relevance), span


def _compared(asked: Comparison, passages: Sequence[ReadPassage], chosen: Collection[int]) -> Found | None:
    """None where what is compared is not there, so that the best span has to do."""
    if not asked.options:
        chosen = sorted(chosen)  # no option says which passage comes first
    if asked.asks == "all":
        return _all_of(passages, chosen)
    options = _taken_apart(asked.options, passages, chosen)
    groups = [_best_values(passages, group, chosen) for group in _of_options(options, passages, chosen)]
    there = [group for group in groups if group]
    if len(there) < 2 or (asked.yes_no and len(there) < len(groups)):
        return _guessed(options, passages, chosen)
    asked = replace(asked, options=tuple(option for option, group in zip(options, groups, strict=False) if group))
    most = int(_COMBINED ** (1 / len(there)))
    for values in sorted(product(*(group[:most] for group in there)), key=lambda values: -sum(score for score, _, _ in values)):
        text = compare(asked, [value_at(asked, passages[place].text, span.start, span.end) for _, place, span in values])
        if text is not None:
            found = _found(text, values)
            return found if len(there) == len(groups) else _at_most_even(found, options)
    if asked.yes_no:
        return _all_of(passages, chosen)
    if not asked.options:
        return None
    likeliest = max(range(len(there)), key=lambda option: there[option][0][0])  # whose passage speaks most surely of what is asked
    return _at_most_even(_found(asked.options[likeliest], there[likeliest][:1]), options)


def _taken_apart(options: Sequence[str], passages: Sequence[ReadPassage], chosen: Collection[int]) -> list[str]:
    """ "Tarn Light, the Karse Light" as two where a passage is titled as a later part; else without what only describes it, "Ann Lee, the CEO". Whole
    where a passage is titled so, as "Paris, Texas" may be.
    """
    titles = {_called(passages[place].title) for place in chosen} - {""}
    apart = []
    for option in options:
        parts = COMMA.split(option)
        if any(f" {normalised(option)} " in f" {title} " for title in titles):
            apart.append(option)
        elif "," not in options[-1] and any(normalised(part) in titles for part in parts[1:]):
            apart += parts
        else:
            apart.append(COMMA_THE.split(option)[0])
    return apart


def _guessed(options: Sequence[str], passages: Sequence[ReadPassage], chosen: Collection[int]) -> Found | None:
    """Where one option alone has a passage, that option: as likely as the other, and likelier than any stretch of its passage."""
    for option in options:
        values = _best_values(passages, [place for place in chosen if _titled(passages[place].title, option)], chosen)
        if values:
            return _at_most_even(_found(option, values[:1]), options)
    return None


def _at_most_even(found: Found, options: Sequence[str]) -> Found:
    """One option where all could not be held against each other: however surely its passage speaks, each other one is as likely."""
    return replace(found, score=min(-log(max(1, len(options) - 1)), found.score))


def _best_values(passages: Sequence[ReadPassage], group: Collection[int], chosen: Collection[int]) -> list[tuple[float, int, AnswerSpan]]:
    """What may be the attribute of one option, likeliest first: the best span may be no date, the next be one."""
    spans = [(score, place, span) for place in group for score, span in scored_spans(passages, place, chosen, most=_VALUES)]
    return sorted(spans, key=lambda each: -each[0])[:_VALUES]


def _found(text: str, values: Sequence[tuple[float, int, AnswerSpan]]) -> Found:
    spans = tuple((span.start, span.end) for _, _, span in values)
    return Found(text, min(score for score, _, _ in values), tuple(place for _, place, _ in values), spans)


def _all_of(passages: Sequence[ReadPassage], chosen: Collection[int]) -> Found | None:
    """Yes where every chosen passage says yes. What stands there is the likeliest span of the reading that speaks, else the whole passage."""
    if not chosen:
        return None
    says = {place: max(ways(passages, place, chosen), key=lambda way: way.yes) for place in chosen}
    worst = min(way.yes for way in says.values())
    relevance = min(max(way.relevance for way in ways(passages, place, chosen)) for place in chosen)
    spans = tuple((way.spans[0].start, way.spans[0].end) if way.spans else (0, len(passages[place].text)) for place, way in says.items())
    return Found("yes" if worst > 0 else "no", relevance, tuple(says), spans)


def _of_options(options: Sequence[str], passages: Sequence[ReadPassage], chosen: Collection[int]) -> list[list[int]]:
    """For each option where its attribute may stand: in the passage titled after it, else those of no option's title that name it alone, and in those
    that these name.

    Where the options cannot be told, or have no passage, each of the two chosen passages that nothing names stands for one: of a passage that is
    titled after an option, for that one.
    """
    titled = [[place for place in chosen if _titled(passages[place].title, option)] for option in options]
    untitled = [place for place in chosen if not any(place in places for places in titled)]
    told = [[place for place in untitled if _of_one(passages[place].text, option, options)] for option in options]
    own = [places or others for places, others in zip(titled, told, strict=True)]
    if len(own) < 2 or (len(own) == 2 and not all(own)):
        roots = [place for place in chosen if passages[place].namer not in chosen]
        others = [place for place in roots if not any(place in places for places in own)]
        own = [places or others[:1] for places in own] if any(own) and others else [[place] for place in roots[:2]]
    groups = []
    for places in own:
        led = [place for place in chosen if passages[place].namer in places and not any(place in others for others in own)]
        groups.append([*places, *led])
    return groups


def _of_one(text: str, option: str, options: Sequence[str]) -> bool:
    """Whether the text names this option and no other."""
    return contains_answer(text, [option]) and not any(contains_answer(text, [other]) for other in options if other != option)


def _titled(title: str, option: str) -> bool:
    one, other = _called(title), _called(option)
    return bool(one) and bool(other) and (one == other or f" {one} " in f" {other} " or f" {other} " in f" {one} ")


def _called(title: str) -> str:
    """In normal form, without the parenthesis that tells it from others: "Crash (1996 film)"."""
    return normalised(title.partition(" (")[0])
