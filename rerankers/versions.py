"""Versions of one text among the candidates: both are selected where they disagree, one of them where they do not.

A selector takes one of two passages that say nearly the same, and whichever it takes: a copy with another name or number in it is left out unseen, or
pushes the original out. So what it chose is gone through once more. A version that differs in a value is put beside the chosen one, that the
generator may show both. Of two chosen versions without such a difference the poorer in words goes, unless it reads better; and one chosen alone
gives its place to a richer one that reads better, unless it holds an answer of its own surely: a copy with more in it may have been made to take its
place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ..tools.candidate import Candidate
from ..tools.pair import PairModel
from ..tools.passage import Passage
from ..tools.read_passages import read_passages
from ..tools.reader import ReadPassage
from ..tools.versions import Versions, same_subject, versions
from .selection import Selection

_SURE = 0.0
"""Log-odds of an answer."""
_TOLD = 2
"""Versions that are put beside one passage: more tell nothing more."""


def with_versions(
    selection: Selection,
    question: str,
    candidates: Sequence[Candidate],
    reader: PairModel,
    count_tokens: Callable[[Sequence[str]], list[int]],
    *,
    token_budget: int,
) -> Selection:
    """The selection with versions settled, its other passages in their order, within the budget and `selection.most`.

    `candidates` come with their passages.
    """
    passages = {candidate.passage_id: candidate.passage for candidate in candidates if candidate.passage is not None}
    alike = {id: _versions_of(passages[id], passages.values()) for id in selection.ids}
    if not any(alike.values()):
        return selection
    involved = {*alike, *(other for found in alike.values() for other in found)}
    among = [candidate for candidate in candidates if candidate.passage_id in involved]
    read = dict(zip((candidate.passage_id for candidate in among), read_passages(reader, question, among), strict=True))
    tokens = dict(zip(involved, count_tokens([passages[id].text for id in involved]), strict=True))
    chosen = list(selection.ids)
    for id in selection.ids:
        copies = {other: differing for other, differing in alike[id].items() if not differing.values}
        better = [other for other, differing in copies.items() if other not in chosen and differing.poorer and _better(read[other], read[id])]
        if any(other in chosen and not differing.richer and not _best(read[id], read[other]) for other, differing in copies.items()):
            chosen.remove(id)
        elif better:
            chosen[chosen.index(id)] = max(better, key=lambda other: read[other].bare.relevance)
    spent, kept = sum(tokens[id] for id in chosen), len(chosen)
    room = len(passages) if selection.most is None else selection.most
    for id in tuple(chosen):
        for other in [other for other, differing in alike.get(id, {}).items() if differing.values][:_TOLD]:
            if other not in chosen and len(chosen) < room and spent + tokens[other] <= token_budget:
                chosen.insert(chosen.index(id) + 1, other)
                spent += tokens[other]
    if tuple(chosen) == selection.ids or spent > token_budget:
        return selection
    added, known = len(chosen) - kept, selection.known
    why = selection.stop_reason + (f"; {added} other version{'s' * (added != 1)} added" if added else "")
    return replace(selection, ids=tuple(chosen), relevance=tuple(known.get(id, 0.0) for id in chosen), stop_reason=why, tokens=spent)


def _versions_of(passage: Passage, others: Iterable[Passage]) -> dict[str, Versions]:
    """The versions of a passage in other documents, by id, with how they differ from it."""
    found: dict[str, Versions] = {}
    for other in others:
        differing = versions(passage.text, other.text) if other.source != passage.source else None
        if differing is not None:
            values = [(passage.text[slice(*mine)], other.text[slice(*theirs)]) for mine, theirs in differing.values]
            if same_subject(passage.title, other.title, values):
                found[other.id] = differing
    return found


def _better(other: ReadPassage, one: ReadPassage) -> bool:
    """Whether the other is better evidence than one that holds no sure answer."""
    return _surest(one) <= _SURE and (other.bare.relevance > one.bare.relevance or _surest(other) > _surest(one))


def _best(one: ReadPassage, other: ReadPassage) -> bool:
    """Whether the one is better evidence by both, its relevance and its likeliest answer."""
    return one.bare.relevance > other.bare.relevance and _surest(one) > _surest(other)


def _surest(passage: ReadPassage) -> float:
    return max((span.score for way in (passage.bare, passage.named) for span in way.spans), default=float("-inf"))
