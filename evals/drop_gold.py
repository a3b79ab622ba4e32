"""Drop gold: makes questions unanswerable by taking evidence away, so that nothing but the missing evidence tells them from the others.

Every gold passage that is taken from a question's own list is replaced at its place by the next-ranked passage of the pool, chosen so that the
list's length and how often titles occur in it stay as they were. In the pool setting it is kept from every search instead. A question on
which this cannot be done, or whose answer could still be read, is left out *whether or not* its turn has come: were only dropped questions left out,
the kind of question that remains would tell the two classes apart.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Literal

from ..tools.answers import YES_NO, contains_answer, normalised
from ..tools.errors import UsageError
from .question import DataPassage, Question

READ_IN_POOL = 50
"""First passages of the first stage that are read for the answer in the pool setting, beside the question's own."""

Which = Literal["all", "one"]
NextRanked = Callable[[Question], Iterable[DataPassage]]
"""The pool's passages in first-stage order for a question; read no further than needed."""


@dataclass(frozen=True, slots=True)
class Dropped:
    questions: tuple[Question, ...]
    """In their order; `answerable` says which of them lost gold. `answers` stay."""
    left_out: int
    """The answer would still stand in a remaining passage; or no passage could stand in for the gold; or it had no gold, or no answer, before."""
    unlabelled: int
    """Gold or answers unknown."""


def drop_gold(
    questions: Sequence[Question],
    *,
    which: Which,
    rate: float,
    seed: int,
    next_ranked: NextRanked,
    setting: Literal["distractor", "pool"],
) -> Dropped:
    """Takes all gold passages, or one, from about `rate` of the questions.

    Which questions, and which gold, follows from a hash of seed and id alone: neither order, limit nor the other questions matter.
    The gold that a question keeps stays labelled as gold. Raises UsageError where `rate` is no share.
    """
    if not 0.0 <= rate <= 1.0:
        raise UsageError(f"--rate {rate:g} is no share of the questions", "Give a number from 0 to 1.")
    made: list[Question] = []
    left_out = unlabelled = 0
    for question in questions:
        if question.gold is None or (not question.answers and question.answerable is not False):
            unlabelled += 1
            continue
        poorer = _poorer(question, which, seed, next_ranked, setting)
        if poorer is None:
            left_out += 1
        elif _share(seed, "question", question.id) < rate:
            made.append(poorer)
        else:
            made.append(replace(question, answerable=True))
    return Dropped(tuple(made), left_out, unlabelled)


def _poorer(
    question: Question, which: Which, seed: int, next_ranked: NextRanked, setting: Literal["distractor", "pool"]
) -> Question | None:
    """The question without gold, unanswerable; None where that cannot be had."""
    if not question.gold or question.answerable is False:
        return None
    answers = [answer for answer in question.answers if normalised(answer) not in YES_NO]
    ranked = _replayed(_lazily(next_ranked, question))
    choices = [question.gold]
    if which == "one":
        choices = [frozenset({source}) for source in sorted(question.gold, key=lambda source: _share(seed, "gold", question.id, source))]
    for gold in choices:
        if _readable(answers, (passage for passage in question.passages if passage.source not in gold)):
            continue
        poorer = _replaced(question, gold, ranked) if setting == "distractor" else _hidden(question, gold)
        if poorer is None:
            continue
        found = poorer.passages if setting == "distractor" else islice(ranked(), READ_IN_POOL)
        if not _readable(answers, (passage for passage in found if passage.source not in poorer.without)):
            return replace(poorer, answerable=False)
    return None


def _hidden(question: Question, gold: frozenset[str]) -> Question:
    """Without these passages, in its list and in every search."""
    hidden = (source for source in question.gold_sources if source in gold)
    return replace(
        question,
        passages=tuple(passage for passage in question.passages if passage.source not in gold),
        gold_sources=tuple(source for source in question.gold_sources if source not in gold),
        without=(*question.without, *(passage.source for passage in question.passages if passage.source in gold), *hidden),
    )


def _replaced(question: Question, gold: frozenset[str], ranked: Callable[[], Iterator[DataPassage]]) -> Question | None:
    """With another passage at the place of each of these; None where the pool has none that fits."""
    passages = list(question.passages)
    used = {passage.source for passage in passages}
    titles = Counter(passage.title for passage in passages)
    for place, passage in enumerate(question.passages):
        if passage.source not in gold:
            continue
        other = _stand_in(passage.title, titles, (candidate for candidate in ranked() if candidate.source not in used))
        if other is None:
            return None
        passages[place] = replace(other, gold=False)
        used.add(other.source)
        titles[passage.title] -= 1  # stays a key: a title that is gone does not count as new
        titles[other.title] += 1
    return replace(question, passages=tuple(passages))


def _stand_in(title: str, titles: Counter[str], candidates: Iterable[DataPassage]) -> DataPassage | None:
    """The first candidate whose title keeps the list's titles as they are; None where there is none: how titles repeat must tell nothing.

    For a title that is there once: a new one. For one that is there n times: itself, or one that is there n - 1 times, so that again some title
    is there n times and some n - 1 times.
    """
    if titles[title] == 1:
        return next((candidate for candidate in candidates if candidate.title not in titles), None)
    return next((candidate for candidate in candidates if candidate.title == title or titles[candidate.title] == titles[title] - 1), None)


def _readable(answers: Sequence[str], passages: Iterable[DataPassage]) -> bool:
    """Whether an answer stands in a title or a text."""
    return any(contains_answer(text, answers) for text in chain.from_iterable((passage.title, passage.text) for passage in passages))


def _lazily(next_ranked: NextRanked, question: Question) -> Iterator[DataPassage]:
    """Not even asked for before the first is read."""
    yield from next_ranked(question)


def _replayed(ranked: Iterator[DataPassage]) -> Callable[[], Iterator[DataPassage]]:
    """Gives the same passages again from the first on, however often, and reads none that nobody came to."""
    seen: list[DataPassage] = []

    def again() -> Iterator[DataPassage]:
        yield from seen  # grows while it is read: what another reader has fetched since is in it
        for passage in ranked:
            seen.append(passage)
            yield passage

    return again


def _share(*parts: object) -> float:
    """Evenly spread over [0, 1): a hash of the parts."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
