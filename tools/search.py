"""Search: from a question to the passages that may hold its evidence. Two channels find what is alike, linking adds what is named.

A channel is a function; `search` asks several and fuses their lists by reciprocal rank. `link` follows names, with no model call: the second hop
of a multi-hop question is usually named by the question or by a passage that the first search has found, though it resembles neither.
Three kinds of link, surest first:

- the question names the passage's document (or a heading above it);
- one of the first passages found names it;
- one of the first few passages found shares a rare name with it, that no document is titled after.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from .candidate import Candidate, Hit, fuse
from .filters import Filter
from .names import Mention, mentions, name_key
from .passage import Passage
from .sentences import sentences

if TYPE_CHECKING:
    from .corpus import Corpus
    from .encoder import Encoder

FOUND = 30
"""Passages that `search` keeps of the fused lists."""
LINKED = 20
"""Passages that `link` adds to those found: 50 candidates in all."""
ASKED = 4
HOP = 0
HOPSHARE = False
NAMING = 6
"""So many of the found passages are read for names of documents,"""
SHARING = 3
"""and so many for names that other passages mention too."""
SHARED_BY = 15
"""A name that more passages mention links nothing with nothing."""
PER_NAME = 4
"""A name that many passages carry leads to so many of them, those closest to the question."""
COMMON_HEADING = 8
"""A heading that more passages carry is no name."""
MOST_SHARED = 160
"""Names looked up in the whole corpus's texts for one question."""


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


async def asearch(
    corpus: Corpus, query: str, *, n: int = FOUND, channels: Sequence[Channel] = (dense, lexical), filters: Filter | None = None
) -> list[Candidate]:
    """`search` in a thread."""
    return await asyncio.to_thread(search, corpus, query, n=n, channels=channels, filters=filters)


def link(corpus: Corpus, question: str, found: Sequence[Candidate], *, n: int = LINKED, filters: Filter | None = None) -> list[Candidate]:
    """The passages that `question` or the first of `found` name or share a rare name with, likeliest evidence first.

    At most `n` that are not among `found`; those that are come along too, since a link is evidence for them as well. Each has one hit of the
    channel "linked": `score` is the cosine to the question, `via` the passage that names it and `naming` the sentence there that does.
    """
    vector = _vector(corpus.encoder, question)
    links: dict[str, _Link] = {}
    asked = mentions(question, every_ngram=True)
    _follow_names(corpus, links, {"": asked}, filters)
    texts = _first_texts(corpus, links, found, vector, filters)
    named = {id_: mentions(text) for id_, text in texts.items()}
    _follow_names(corpus, links, named, filters)
    _follow_shared_names(corpus, links, texts, named, {key for key, _, _ in asked}, filters)
    cosines = corpus.similarity(vector, list(links))

    places = {candidate.passage_id: place for place, candidate in enumerate(found)}
    order = _keep_closest(links, cosines, places)
    if HOP:
        further = {p.id: p.text for p in corpus.get([id_ for id_ in order if id_ not in texts][:HOP], filters)}
        texts |= further
        more = {id_: mentions(text) for id_, text in further.items()}
        _follow_names(corpus, links, more, filters, len(named))
        if HOPSHARE: _follow_shared_names(corpus, links, texts, more, {key for key, _, _ in asked}, filters)
        cosines = corpus.similarity(vector, list(links))
        order = _keep_closest(links, cosines, places)

    kept: list[str] = []
    new = 0
    for id_ in order:
        new += id_ not in places
        if new > n:
            break
        kept.append(id_)
    passages = {passage.id: passage for passage in corpus.get(kept, filters)}
    spans = {id_: sentences(texts[id_]) for id_ in {links[id_].via for id_ in kept} if id_}
    linked: list[Candidate] = []
    for id_ in kept:
        if id_ in passages:
            via, place = links[id_].via, links[id_].place
            naming = next((span for span in spans[via] if span[0] <= place < span[1]), None) if via else None
            hit = Hit("linked", question, len(linked), cosines[id_], via, naming)
            linked.append(Candidate(id_, (hit,), passages[id_]))
    return linked


async def alink(corpus: Corpus, question: str, found: Sequence[Candidate], *, n: int = LINKED, filters: Filter | None = None) -> list[Candidate]:
    """`link` in a thread."""
    return await asyncio.to_thread(link, corpus, question, found, n=n, filters=filters)


def search_linked(corpus: Corpus, question: str, *, filters: Filter | None = None) -> list[Candidate]:
    """`search`, then `link`: at most `FOUND + LINKED` candidates, fused."""
    found = search(corpus, question, filters=filters)
    return fuse([found, link(corpus, question, found, filters=filters)])


_NEVER = 1_000


@dataclass(slots=True)
class _Link:
    """Why one passage is linked."""

    asked: bool = False
    named: int = _NEVER
    """The place among those found of the first that names it,"""
    carriers: int = 1
    """and how many passages carry that name."""
    shared: int = _NEVER
    """The place of the first with which it shares a rare name,"""
    holders: int = SHARED_BY
    """and how many passages mention that name."""
    via: str = ""
    """The passage whose text names it; "" for the question."""
    place: int = 0
    """Where in that text."""
    groups: tuple[str, ...] = ()
    """The names that it was reached by."""


def _first_texts(
    corpus: Corpus, links: Mapping[str, _Link], found: Sequence[Candidate], vector: NDArray[np.float32], filters: Filter | None
) -> dict[str, str]:
    """The texts to read for names: those that the question names and the first of those found."""
    cosines = corpus.similarity(vector, list(links))
    asked = sorted(cosines, key=lambda id_: (-cosines[id_], id_))[:ASKED]
    first = [candidate.passage_id for candidate in found[:NAMING]]
    known = {candidate.passage_id: candidate.passage for candidate in found[:NAMING] if candidate.passage}
    order = list(dict.fromkeys([*first[:2], *asked, *first]))
    rest = {passage.id: passage for passage in corpus.get([id_ for id_ in order if id_ not in known], filters)}
    return {id_: passage.text for id_ in order if (passage := known.get(id_) or rest.get(id_))}


def _follow_names(corpus: Corpus, links: dict[str, _Link], named: Mapping[str, Sequence[Mention]], filters: Filter | None, after: int = 0) -> None:
    """Link the passages that carry a name which stands in one of the texts; `named`: the mentions of each text by passage id, "" is the question."""
    carriers: dict[str, list[str]] = {}
    for key, id_, kind in corpus.named(list({mention[0] for found in named.values() for mention in found}), filters):
        carriers.setdefault(f"{kind} {key}" if kind == "heading" else key, []).append(id_)
    for key in [key for key, ids in carriers.items() if key.startswith("heading ")]:
        ids = carriers.pop(key)
        if len(ids) <= COMMON_HEADING:
            carriers.setdefault(key.removeprefix("heading "), []).extend(ids)
    for rank, (via, found) in enumerate(named.items()):
        for key, start, _ in _longest(found, carriers):
            for id_ in carriers[key]:
                if id_ == via:
                    continue
                one = links.setdefault(id_, _Link())
                one.groups += (key,)
                if not via:
                    one.asked, one.carriers = True, len(carriers[key])
                elif one.named == _NEVER:
                    one.named = after + rank
                    if not one.asked:
                        one.carriers, one.via, one.place = len(carriers[key]), via, start


def _longest(found: Sequence[Mention], known: Mapping[str, object]) -> Iterable[Mention]:
    """The mentions whose name is known; at one place only the longest of them."""
    covered = -1
    for key, start, end in found:  # by place, longest first
        if end > covered and key in known:
            yield key, start, end
            covered = end


def _follow_shared_names(
    corpus: Corpus, links: dict[str, _Link], texts: Mapping[str, str], named: Mapping[str, Sequence[Mention]], asked: set[str], filters: Filter | None
) -> None:
    """Link the passages whose text holds a name that few others hold, and that stands in one of the first texts (not in the question: it was searched for)."""
    places: dict[str, tuple[int, str, int]] = {}
    for rank, (via, found) in enumerate(list(named.items())[:SHARING]):
        for key, start, end in found:
            if key not in asked and not key[0].isdigit() and not key.startswith(("the ", "a ")) and len(places) < MOST_SHARED:
                places.setdefault(texts[via][start:end], (rank, via, start))
    holders: dict[str, list[str]] = {}
    for phrase, id_ in corpus.mentioning(list(places), SHARED_BY + 1, filters):
        holders.setdefault(phrase, []).append(id_)
    for phrase, ids in holders.items():
        if len(ids) > SHARED_BY:
            continue
        rank, via, start = places[phrase]
        for id_ in ids:
            if id_ == via:
                continue
            one = links.setdefault(id_, _Link())
            if (rank, len(ids)) < (one.shared, one.holders) or one.shared == _NEVER:
                one.shared = min(one.shared, rank)
                if not one.asked and one.named == _NEVER:
                    one.via, one.place = via, start
            one.holders = min(one.holders, len(ids))


def _keep_closest(links: Mapping[str, _Link], cosines: Mapping[str, float], places: Mapping[str, int]) -> list[str]:
    """Ids of the links, likeliest evidence first; of a name that many passages carry, only those closest to the question."""
    order = sorted((id_ for id_ in links if id_ in cosines), key=lambda id_: (-cosines[id_], id_))
    taken: dict[str, int] = {}
    kept: list[str] = []
    for id_ in order:
        for key in links[id_].groups:
            taken[key] = taken.get(key, 0) + 1
        if links[id_].shared < _NEVER or any(taken[key] <= PER_NAME for key in links[id_].groups):
            kept.append(id_)
    return sorted(kept, key=lambda id_: (-_log_odds(links[id_], cosines[id_], places.get(id_, _NEVER)), id_))


def _log_odds(link: _Link, cosine: float, place: int) -> float:
    """How likely a linked passage is evidence.

    A logistic regression over all links of the 1,705 questions of the train files of 2WikiMultiHopQA, HotpotQA and MuSiQue, each over the pool of its file.
    """
    odds = 4.0 * cosine + 5.7 / (5 + place)
    if link.asked:
        odds += 0.8
    if link.named < _NEVER:
        odds += 1.7 + 2.9 / (1 + link.named)
    if link.asked or link.named < _NEVER:
        odds -= 1.85 * math.log(link.carriers)
    if link.shared < _NEVER:
        odds += 2.2 + 2.0 / (1 + link.shared) - 1.3 * math.log(link.holders)
    return odds


def _candidates(channel: str, query: str, found: Iterable[tuple[str, float]]) -> list[Candidate]:
    return [Candidate(id_, (Hit(channel, query, rank, score),)) for rank, (id_, score) in enumerate(found)]


def _with_passages(corpus: Corpus, candidates: Sequence[Candidate], filters: Filter | None) -> list[Candidate]:
    """The candidates with their passages; those that are gone or filtered out are left out."""
    missing = [candidate.passage_id for candidate in candidates if candidate.passage is None]
    passages = {passage.id: passage for passage in corpus.get(missing, filters)} if missing else {}
    texts = ((candidate, candidate.passage or passages.get(candidate.passage_id)) for candidate in candidates)
    return [Candidate(candidate.passage_id, candidate.hits, passage) for candidate, passage in texts if passage]


@lru_cache(maxsize=64)
def _vector(encoder: Encoder, text: str) -> NDArray[np.float32]:
    """[dimension]; search and link ask for the same question one after the other."""
    vector = encoder.encode([text])[0]
    vector.flags.writeable = False
    return vector
