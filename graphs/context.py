"""RagContext: what a run works with and may spend. Not part of the state, so never in a checkpoint."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..rerankers.calibration import Calibration
from ..rerankers.default import calibration, pair_model
from ..rerankers.selection import Selector
from ..tools.budget import Budget, Spent
from ..tools.candidate import Candidate
from ..tools.pair import PairModel
from ..tools.passage import Passage
from ..tools.search import FOUND
from .state import RagState

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ..tools.chat import Reply
    from ..tools.corpus import Corpus


@dataclass(frozen=True, slots=True)
class RagContext:
    corpus: Corpus
    selector: Selector
    model: BaseChatModel | None = None
    """None: the embedded planner and the extractive generator."""
    budget: Budget = field(default_factory=Budget)
    found: int = FOUND
    """Passages that one search keeps."""
    reader: PairModel = field(default_factory=pair_model)
    """What the embedded generator, resolve and judge read the selected passages with; one with the selector's, so that it remembers them."""
    calibration: Calibration = field(default_factory=calibration)
    """What makes probabilities of a run's signals."""
    least_confidence: float = 0.0
    """To answer with: what keeps a wished risk."""
    started: float = field(default_factory=time.monotonic)

    def seconds(self) -> float:
        """Wall clock since the run (or its resumption) began."""
        return time.monotonic() - self.started

    def exhausted(self, spent: Mapping[str, float]) -> str | None:
        """The limit that leaves no room for another call of the chat model."""
        return self.budget.exhausted(spent, self.seconds())

    def calls_left(self, spent: Mapping[str, float]) -> int:
        return max(0, self.budget.calls - int(spent.get("calls", 0)))

    def time_left(self) -> float:
        return max(0.01, self.budget.seconds - self.seconds())


def with_passages(candidates: Iterable[Mapping[str, Any]], corpus: Corpus, filters: Mapping[str, Any] | None) -> list[Candidate]:
    """The state's candidates with their texts, in the state's order. Those deleted meanwhile, or outside the filters, are left out."""
    known = [Candidate.from_state(state) for state in candidates]
    passages = {passage.id: passage for passage in corpus.get([c.passage_id for c in known], filters)}
    return [Candidate(c.passage_id, c.hits, passages[c.passage_id]) for c in known if c.passage_id in passages]


def usable(state: RagState, corpus: Corpus) -> list[Candidate]:
    """All candidates of a run with their texts, but for those that a person left out."""
    dropped = state.get("dropped", ())
    return with_passages([candidate for candidate in state["candidates"] if candidate["id"] not in dropped], corpus, state.get("filters"))


def selected_passages(selection: Mapping[str, Any] | None, corpus: Corpus, filters: Mapping[str, Any] | None) -> list[Passage]:
    """The passages of the state's selection, in its order."""
    return corpus.get(selection["ids"], filters) if selection else []


def spent_on(replies: Iterable[Reply]) -> Spent:
    spent: Spent = {"calls": 0, "tokens_in": 0, "tokens_out": 0, "seconds": 0.0}
    for reply in replies:
        spent["calls"] += 1
        spent["tokens_in"] += reply.tokens_in
        spent["tokens_out"] += reply.tokens_out
        spent["seconds"] += reply.seconds
    return spent
