"""First stage: where a question's candidates come from, and what a search for it may return.

distractor: the question's own passages are the candidates. pool: all passages of its file. corpus: an indexed corpus of the user's.
Whichever it is, the same search and the same linking work on one corpus; a filter says what they may see.
"""

from __future__ import annotations

from typing import Literal

from ..tools.candidate import Candidate, fuse
from ..tools.corpus import Corpus
from ..tools.filters import Filter
from ..tools.search import FOUND, link, search
from .question import Question

Setting = Literal["distractor", "pool", "corpus"]


def scope(question: Question, setting: Setting) -> Filter | None:
    """The filter that binds every search for this question. None: everything may be found."""
    if setting == "distractor":
        return {"source": {"$in": [passage.source for passage in question.passages] or [""]}}
    return {"source": {"$nin": list(question.without)}} if question.without else None


def candidates(corpus: Corpus, question: Question, setting: Setting) -> list[Candidate]:
    """Dense, lexical and linked, fused, best first, with their passages. In the distractor setting every passage of the question is among them."""
    filters = scope(question, setting)
    n = max(FOUND, len(question.passages)) if setting == "distractor" else FOUND
    found = search(corpus, question.question, n=n, filters=filters)
    return fuse([found, link(corpus, question.question, found, filters=filters)])
