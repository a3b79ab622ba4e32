"""gaps: what to search for where the evidence does not suffice, without a chat model.

A name of the question that the evidence lacks is asked for itself. Else the next hop is: what the reader would answer from the best passages is
often the entity on the way ("Who is the mother of the director of …?" finds the director first), so it is asked for with those words of the question
that no passage holds.

Source: ReZero (arXiv 2504.11001) rewards searching again after a failure; here the search must be another one, for something that can be named.
"""

from __future__ import annotations

import re

from ..tools.answers import YES_NO, normalised
from ..tools.reader import ways
from ..tools.sentences import sentences
from .answer import Query
from .evidence import Missing, Read

MOST_GAPS = 2
"""Queries of one look."""
_HOPS = 3
_MOST_WORDS = 6
"""Of an entity. What the reader finds unsurely may be a stretch of several sentences, which is no query."""
_AROUND = re.compile(r"^[\s*_`|,;:\"'“”‘’]+|(?<=\w{4})\.$|[\s*_`|,;:\"'“”‘’]+$")
"""Marks that are none of a name, as those of "C++" and "D.C." are."""


def gaps(read: Read, missing: Missing) -> list[Query]:
    """Likeliest to help first; those that were asked before are among them. `read`: the selection, or where it is empty the best candidates."""
    names = [Query(query=name, reason="gap") for name in missing.names]
    hops = [Query(query=" ".join([entity, *missing.words]), reason="gap") for entity in _on_the_way(read) if missing.words]
    return [*names, *hops]


def _on_the_way(read: Read) -> list[str]:
    """What the reader finds in the passages and the question does not name, surest first."""
    asked = f" {normalised(read.question)} "
    everything = range(len(read.passages))
    found = sorted(
        (
            (span.score + min(0.0, way.relevance), passage.text[span.start : span.end])
            for place, passage in enumerate(read.passages)
            for way in ways(read.passages, place, everything)
            for span in way.spans[:2]
        ),
        reverse=True,
    )
    names: dict[str, str] = {}
    for _, words in found:
        text = _AROUND.sub("", words)
        key = normalised(text)
        new = key and f" {key} " not in asked and key not in YES_NO
        if new and text[0].isupper() and len(text.split()) <= _MOST_WORDS and len(sentences(text)) == 1:
            names.setdefault(key, " ".join(text.split()))
    return list(names.values())[:_HOPS]
