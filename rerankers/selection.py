"""Selection: which passages the generator sees, in what order and how many, and why it stopped there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from ..tools.candidate import Candidate


@dataclass(frozen=True, slots=True)
class Selection:
    """Ids are unique and come from the candidates. Empty is legal: "nothing here helps"."""

    ids: tuple[str, ...]
    relevance: tuple[float, ...]
    """For each id, P(it is evidence) given question and list, in [0, 1]."""
    stop_reason: str
    tokens: int
    """Evidence tokens: the texts of the passages, counted with the embedded encoder's tokenizer."""
    ranked: tuple[str, ...] = ()
    """Every candidate in the order in which it was ranked, the selected ones among them."""
    scores: tuple[float, ...] = ()
    """For each of `ranked`, the score in [0, 1] by which it stands there."""
    judged: tuple[float, ...] = ()
    """For each of `ranked`, P(it is evidence), where the selector can tell of what it leaves out."""
    nothing: float = 0.0
    """P(nothing here helps), where the selector can tell."""
    fallback: bool = False
    most: int | None = None
    """Passages that it may hold, where there is such a limit: what is put beside the chosen ones keeps to it."""

    def __post_init__(self) -> None:
        if len(set(self.ids)) != len(self.ids):
            raise ValueError("a selection names each passage once")
        if len(self.ids) != len(self.relevance) or not all(0.0 <= p <= 1.0 for p in self.relevance):
            raise ValueError("a selection holds one probability for each passage")

    @property
    def known(self) -> dict[str, float]:
        """P(it is evidence) of each id that was judged, selected or not."""
        return {**dict(zip(self.ranked, self.judged, strict=False)), **dict(zip(self.ids, self.relevance, strict=True))}

    def to_state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Selection:
        given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in state.items()}
        return cls(**given)


EMPTY = Selection((), (), "no candidates", 0)


class Selector(Protocol):
    """What the node `select` needs. Candidates carry their passages and come best first by fused score."""

    def select(self, question: str, candidates: Sequence[Candidate], *, token_budget: int) -> Selection: ...
