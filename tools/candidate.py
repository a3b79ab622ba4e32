"""Candidate: a passage that some search found, with every hit that found it.

Raw scores of different channels are never compared; what is compared is the reciprocal rank fusion of the hits.
Source: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual rank learning
methods" (SIGIR 2009), with their constant 60.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from .passage import Passage

RRF_CONSTANT = 60
LINKS = ("linked", "naming")
"""Two ends of a link: a passage that another one names, and the passage that names it. Of both the better rank counts,"""
LINK_WEIGHT = 2
"""and as much as a hit of both other channels together; chosen on `val` (docs/systems.md)."""


def query_key(query: str) -> str:
    """The query itself, or the beginning and a hash of a long one. The key of a key is the key."""
    return query if len(query) <= 80 else f"{query[:63]}…{hashlib.sha256(query.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Hit:
    """One channel found the passage at `rank` (0 is best) for `query`."""

    channel: str
    query: str
    """As `query_key` gives it: a long one is not repeated in every hit."""
    rank: int
    score: float
    """In the channel's own unit: cosine (dense, linked, naming) or BM25 (lexical, higher is better)."""
    via: str | None = None
    """Linked hits: the id of the passage that names this one; None where the question itself does."""
    naming: tuple[int, int] | None = None
    """Linked hits: where the naming sentence stands in the text of `via`."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "query", query_key(self.query))


@dataclass(frozen=True, slots=True)
class Candidate:
    """All hits of one passage. The text travels beside them outside the graph's state, never inside it."""

    passage_id: str
    hits: tuple[Hit, ...]
    passage: Passage | None = None

    @property
    def score(self) -> float:
        """Reciprocal rank fusion over all lists (channel, query) in which the passage was found; see `LINKS`."""
        places = [hit.rank for hit in self.hits if hit.channel not in LINKS]
        links: dict[str, int] = {}
        for hit in self.hits:
            if hit.channel in LINKS:
                links[hit.query] = min(hit.rank, links.get(hit.query, hit.rank))
        return sum(1 / (RRF_CONSTANT + 1 + rank) for rank in places) + sum(LINK_WEIGHT / (RRF_CONSTANT + 1 + rank) for rank in links.values())

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(hit.channel for hit in self.hits))

    def to_state(self) -> dict[str, Any]:
        """Ids and numbers only; a hit is a plain list, since a checkpoint holds hundreds of them."""
        return {"id": self.passage_id, "hits": [list(astuple(hit)) for hit in self.hits]}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Candidate:
        return cls(state["id"], tuple(_hit(*row) for row in state["hits"]))


def fuse(lists: Iterable[Sequence[Candidate]]) -> list[Candidate]:
    """Join candidate lists: hits of one passage are united, a hit of the same list (channel, query) counts once, at its best rank.

    Best first by fused score; ties by passage id, so that the order never depends on the order of the lists.
    """
    united: dict[str, Candidate] = {}
    for candidate in (candidate for found in lists for candidate in found):
        known = united.get(candidate.passage_id)
        united[candidate.passage_id] = candidate if known is None else _unite(known, candidate)
    return sorted(united.values(), key=lambda c: (-c.score, c.passage_id))


def _unite(one: Candidate, other: Candidate) -> Candidate:
    hits: dict[tuple[str, str], Hit] = {}
    for hit in (*one.hits, *other.hits):
        key = (hit.channel, hit.query)
        if key not in hits or _place(hit) < _place(hits[key]):
            hits[key] = hit
    return replace(one, hits=tuple(hits[key] for key in sorted(hits)), passage=one.passage or other.passage)


def _hit(channel: str, query: str, rank: int, score: float, via: str | None, naming: Sequence[int] | None) -> Hit:
    """A checkpoint gives tuples back as lists."""
    return Hit(channel, query, rank, score, via, (naming[0], naming[1]) if naming else None)


def _place(hit: Hit) -> tuple[int, float, str, tuple[int, int]]:
    """A total order, so that fusing does not depend on the order of the lists."""
    return hit.rank, -hit.score, hit.via or "", hit.naming or (-1, -1)
