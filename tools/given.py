"""Given: passages that a caller brings along, made candidates as a search over them finds them.

The selector was trained on what searches find: at which rank each channel found a passage, and which passages name which. A bare list tells none of
this, and the selector then takes far too little of it: on 70 shuffled lists of HotpotQA and MuSiQue (train files, which flatters both figures),
support F1 of what it chose was 0.12 where the place in the list passed for a rank, and is 0.88 with the search that is done here.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from .candidate import Candidate, fuse
from .corpus import Corpus
from .document import SURROGATE, Document
from .encoder import Encoder
from .search import link, search

_AT_A_TIME = 64
"""Passages between two calls of `check`."""
Given = tuple[str, str]
"""(title, text); the title may be ""."""


def given_candidates(encoder: Encoder, question: str, passages: Sequence[Given], *, check: Callable[[], None] = lambda: None) -> list[Candidate]:
    """A candidate for each passage with text in it, best first by fused score. Its `passage.source` is the place in `passages`, as a text.

    They are indexed for this one question, in a temporary folder: about 0.1 s and the encoding of the texts. `check` is called now and then
    meanwhile; what it raises ends the work.
    """
    documents = [
        Document.from_text(_storable(text), source=str(place), title=_storable(title))
        for place, (title, text) in enumerate(passages)
        if _storable(text)
    ]
    if not documents:
        return []
    with tempfile.TemporaryDirectory(prefix="passel-given-") as folder, Corpus.open(Path(folder) / "given", encoder=encoder, create=True) as corpus:
        for start in range(0, len(documents), _AT_A_TIME):
            check()
            corpus.add(documents[start : start + _AT_A_TIME], split=False, briefly=True)
        found = search(corpus, question, n=len(documents))
        return fuse([found, link(corpus, question, found)])


def _storable(text: str) -> str:
    return SURROGATE.sub(" ", text.replace("\0", " ")).strip()
