"""Search: from a question to the passages that may hold its evidence. Two channels find what is alike, linking adds what is named.

A channel is a function; `search` asks several and fuses their lists by reciprocal rank. `link` follows names, with no model call: the second hop
of a multi-hop question is usually named by the question or by a passage that the first search has found, though it resembles neither.
Three kinds of link, surest first:

- the question names the passage's document (or a heading above it);
- one of the first passages found names it;
- one of the first few passages found shares a rare name with it, that no document is titled after.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from .candidate import Candidate, Hit, fuse
from .filters import Filter
from .names import Mention, mentions
from .sentences import sentences

if TYPE_CHECKING:
    from .corpus import Corpus
    from .encoder import Encoder

FOUND = 30
"""Passages that `search` keeps of the fused lists."""
LINKED = 20
"""Passages that `link` adds to those found: 50 candidates in all."""
NAMING = 6
"""So many of the found passages are read for names of other documents,"""
ASKED = 4
"""with so many of those that the question itself names;"""
SHARING = 3
"""and so many of all these for names that other passages mention too."""
SHARED_BY = 15
"""A name that more passages mention links nothing with nothing."""
PER_NAME = 4
"""A name that many passages carry leads to so many of them, those closest to the question."""
MOST_CARRIERS = 500
"""So many of them are compared with the question,"""
MOST_SHARED = 160
"""and so many names are looked up in the corpus's texts."""


class Channel(Protocol):
    """A way to find passages: at most `n` candidates with one hit each, best first, none that `filters` excludes."""

    def __call__(self, corpus: Corpus, query: str, n: int, filters: Filter | None) -> list[Candidate]: ...


def dense(corpus: Corpus, query: str, n: int, filters: Filter | None = None) -> list[Candidate]:
    """By meaning: cosine between the vectors of query and passage."""
    return _candidates("dense", query, corpus.dense(_vector(corpus.encoder, query), n, filters))


def lexical(corpus: Corpus, query: str, n: int, filters: Filter | None = None) -> list[Candidate]:
    """By words: BM25 over title, headings and text."""
    return _candidates("lexical", query, corpus.lexical(query, n, filters))


def search(
    corpus: Corpus, query: str, *, n: int = FOUND, channels: Sequence[Channel] = (dense, lexical), filters: Filter | None = None
) -> list[Candidate]:
    """The n best of all channels, fused (see candidate.py), with their passages. `filters` bind every channel."""
    fused = fuse(channel(corpus, query, n, filters) for channel in channels)
    return _with_passages(corpus, fused[:n], filters)


def link(
    corpus: Corpus, question: str, found: Sequence[Candidate], *, n: int = LINKED, filters: Filter | None = None, without: Container[str] = ()
) -> list[Candidate]:
    """The passages that `question` or the first of `found` name or share a rare name with, likeliest evidence first.

    At most `n` that are not among `found`; those that are come along too, since a link is evidence for them as well. Each has its passage and one
    hit of the channel "linked": `score` is the cosine to the question, `via` the passage that names it and `naming` the sentence there that does.
    A passage of `found` that names some of them comes last, with a hit of the channel "naming" at the rank of the first: it must not fall behind.
    Passages of `without` are neither linked nor read for names; they are not among `found`.
    """
    vector = _vector(corpus.encoder, question)
    asked = mentions(question, every_ngram=True)
    links: dict[str, _Link] = {}
    _follow_names(corpus, links, {"": asked}, filters)
    texts = _first_texts(corpus, [id_ for id_ in links if id_ not in without], found, vector, filters)
    named = {id_: mentions(text) for id_, text in texts.items()}
    known = _follow_names(corpus, links, named, filters)
    _follow_shared_names(corpus, links, texts, named, known, {key for key, _, _ in asked}, filters)

    cosines = corpus.similarity(vector, [id_ for id_ in links if id_ not in without])
    kept = _first_new(_by_odds(links, cosines), {candidate.passage_id for candidate in found}, n)
    passages = {passage.id: passage for passage in corpus.get(kept, filters)}
    spans = {via: sentences(texts[via]) for via in {links[id_].via for id_ in kept} if via}
    linked: list[Candidate] = []
    for id_ in kept:
        if id_ in passages:
            via, place = links[id_].via, links[id_].place
            naming = next((span for span in spans[via] if span[0] <= place < span[1]), None) if via else None
            hit = Hit("linked", question, len(linked), cosines[id_], via or None, naming)
            linked.append(Candidate(id_, (hit,), passages[id_]))
    return [*linked, *_naming(question, found, linked)]


def _naming(question: str, found: Sequence[Candidate], linked: Sequence[Candidate]) -> Iterator[Candidate]:
    first: dict[str | None, int] = {}
    for hit in (hit for candidate in linked for hit in candidate.hits):
        first.setdefault(hit.via, hit.rank)
    for candidate in found:
        if candidate.passage_id in first:
            score = max((hit.score for hit in candidate.hits if hit.channel == "dense"), default=0.0)
            yield Candidate(candidate.passage_id, (Hit("naming", question, first[candidate.passage_id], score),), candidate.passage)


def search_linked(corpus: Corpus, question: str, *, n: int = FOUND, filters: Filter | None = None) -> list[Candidate]:
    """`search`, then `link`: at most `n + LINKED` candidates, fused."""
    found = search(corpus, question, n=n, filters=filters)
    return fuse([found, link(corpus, question, found, filters=filters)])


_NEVER = 1_000
_VAGUE = 8


@dataclass(slots=True)
class _Link:
    """Why one passage is linked."""

    asked: bool = False
    named: int = _NEVER
    """Which of the first texts, counted from 0, is the first that names it,"""
    carriers: int = 1
    """and how many passages carry that name."""
    shared: int = _NEVER
    """Which of the first texts is the first with which it shares a rare name,"""
    holders: int = SHARED_BY
    """and how many passages hold the rarest of those names."""
    names: set[str] = field(default_factory=set)
    """Those of its own names that it was reached by."""
    via: str = ""
    """The passage whose text names it, "" for the question,"""
    place: int = 0
    """and where in that text."""


def _first_texts(
    corpus: Corpus, linked: Sequence[str], found: Sequence[Candidate], vector: NDArray[np.float32], filters: Filter | None
) -> dict[str, str]:
    """The texts to read for names, by passage id: the two best found, those that the question names, the next found."""
    cosines = corpus.similarity(vector, linked)
    asked = sorted(cosines, key=lambda id_: (-cosines[id_], id_))[:ASKED]
    first = [candidate.passage_id for candidate in found[:NAMING]]
    order = list(dict.fromkeys([*first[:2], *asked, *first]))
    return {passage.id: passage.text for passage in corpus.get(order, filters)}


def _follow_names(
    corpus: Corpus, links: dict[str, _Link], named: Mapping[str, Sequence[Mention]], filters: Filter | None
) -> Container[str]:
    """Link the passages that carry a name which stands in a text; returns those names.

    `named`: the mentions of each text by passage id, "" is the question.
    """
    carriers: dict[str, list[str]] = {}
    for key, id_, _ in corpus.named(list({mention[0] for found in named.values() for mention in found}), filters):
        ids = carriers.setdefault(key, [])
        if len(ids) < MOST_CARRIERS:
            ids.append(id_)
    for rank, (via, found) in enumerate(named.items()):
        for key, start, _ in _outermost(found, carriers):
            for id_ in carriers.get(key, ()):
                if id_ == via:
                    continue
                one = links.setdefault(id_, _Link())
                one.names.add(key)
                if not via:
                    one.asked, one.carriers = True, len(carriers[key])
                elif one.named == _NEVER:
                    one.named = rank
                    if not one.asked:
                        one.carriers, one.via, one.place = len(carriers[key]), via, start
    return carriers


def _outermost(found: Sequence[Mention], known: Container[str]) -> Iterator[Mention]:
    """The mentions but for those that are part of a longer known name: "Bava" where "Mario Bava" stands and is known."""
    covered = -1
    for mention in found:  # by place, longest first
        key, _, end = mention
        if end > covered:
            yield mention
            if key in known:
                covered = end


def _follow_shared_names(
    corpus: Corpus,
    links: dict[str, _Link],
    texts: Mapping[str, str],
    named: Mapping[str, Sequence[Mention]],
    known: Container[str],
    asked: Container[str],
    filters: Filter | None,
) -> None:
    """Link the passages that hold a rare name of the first texts, though no document may be titled after it.

    `known`: names that documents carry; `asked`: names in the question, which are left out, since search has looked for those.
    """
    places: dict[str, tuple[int, str, int]] = {}
    for rank, (via, found) in enumerate(list(named.items())[:SHARING]):
        for key, start, end in _outermost(found, known):
            if key not in asked and not key[0].isdigit() and not key.startswith(("the ", "a ")):
                places.setdefault(texts[via][start:end], (rank, via, start))
    holders: dict[str, list[str]] = {}
    for phrase, id_ in corpus.mentioning(list(places)[:MOST_SHARED], SHARED_BY + 1, filters):
        holders.setdefault(phrase, []).append(id_)
    for phrase, ids in holders.items():
        rank, via, start = places[phrase]
        if len(ids) > SHARED_BY:
            continue
        for id_ in ids:
            if id_ == via:
                continue
            one = links.setdefault(id_, _Link())
            if not one.asked and one.named == _NEVER and (rank, len(ids)) < (one.shared, one.holders):
                one.via, one.place = via, start
            one.shared, one.holders = min(one.shared, rank), min(one.holders, len(ids))


def _by_odds(links: Mapping[str, _Link], cosines: Mapping[str, float]) -> list[str]:
    """Ids of the links, likeliest evidence first; of a name that many passages carry, only those closest to the question."""
    taken: Counter[str] = Counter()
    kept: list[str] = []
    for id_ in sorted((id_ for id_ in links if id_ in cosines), key=lambda id_: (-cosines[id_], id_)):
        taken.update(links[id_].names)
        if links[id_].shared < _NEVER or any(taken[name] <= PER_NAME for name in links[id_].names):
            kept.append(id_)
    return sorted(kept, key=lambda id_: (-_log_odds(links[id_], cosines[id_]), id_))


def _log_odds(link: _Link, cosine: float) -> float:
    """How likely a linked passage is to be evidence, on a scale of its own.

    A logistic regression, rounded, over what the 2,738 questions of the train files of 2WikiMultiHopQA, HotpotQA and MuSiQue link, each file's
    passages being its corpus. Recall is flat around these numbers.
    """
    odds = 8 * cosine
    if link.asked:
        odds += 1
    if link.named < _NEVER:
        odds += 3 + 2.5 / (1 + link.named)
    if link.asked or link.named < _NEVER:
        odds -= 2 * math.log(min(link.carriers, _VAGUE))  # bounded: the passages of one long document all carry its title
    if link.shared < _NEVER:
        odds += 4 + 2.5 / (1 + link.shared) - 2 * math.log(link.holders)
    return odds


def _first_new(order: Sequence[str], known: Container[str], n: int) -> list[str]:
    """The start of `order` that holds `n` ids which are not known, and all known ones."""
    new = 0
    kept: list[str] = []
    for id_ in order:
        if id_ in known:
            kept.append(id_)
        elif new < n:
            kept.append(id_)
            new += 1
    return kept


def _candidates(channel: str, query: str, found: Iterable[tuple[str, float]]) -> list[Candidate]:
    return [Candidate(id_, (Hit(channel, query, rank, score),)) for rank, (id_, score) in enumerate(found)]


def _with_passages(corpus: Corpus, candidates: Sequence[Candidate], filters: Filter | None) -> list[Candidate]:
    """The candidates with their passages; those that are gone or filtered out are left out, whatever a channel may have said."""
    passages = {passage.id: passage for passage in corpus.get([candidate.passage_id for candidate in candidates], filters)}
    return [replace(candidate, passage=passages[candidate.passage_id]) for candidate in candidates if candidate.passage_id in passages]


@lru_cache(maxsize=64)
def _vector(encoder: Encoder, text: str) -> NDArray[np.float32]:
    """[dimension]; search and link ask for the same question one after the other."""
    vector: NDArray[np.float32] = encoder.encode([text], remember=False)[0]
    vector.flags.writeable = False
    return vector
