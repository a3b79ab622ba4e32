"""Question: one question of a data set with what is known about it. Dataset: the questions of one file and the passages of their pool.

Labels (answers, answerable, gold) may be unknown: such a question is asked and not scored. What predicts gets `blind()`, which has none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class DataPassage:
    """A passage as the data set gives it: one candidate, never split, its title and text never changed."""

    title: str
    text: str
    gold: bool | None = None
    """Whether it is evidence; None: unknown."""

    @property
    def source(self) -> str:
        """Names it in a corpus: equal for equal title and text, whatever file it stands in."""
        return hashlib.sha256(f"{self.title}\x1f{self.text}".encode("utf-8", "surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of the way to the answer, in the order of the steps."""

    question: str
    """A question of its own, earlier answers filled in."""
    answer: str
    source: str
    """The gold passage in which the answer stands."""
    step: int = 0
    """Its number in the decomposition, from 1; 0: it is no step of one."""
    relation: str = ""
    """Where it is no step: of the triple (title of the passage, relation, answer) that it was made of."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a question's decomposition as the data set has it."""

    question: str
    """"#1" stands for the answer to the first step."""
    answer: str


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    question: str
    answers: tuple[str, ...] = ()
    """All accepted wordings. (): unknown, or there is none (`answerable` is False)."""
    answerable: bool | None = None
    """Whether the evidence for an answer is there; None: unknown."""
    type: str = ""
    passages: tuple[DataPassage, ...] = ()
    """The question's own candidates (the distractor setting), each (title, text) once."""
    gold_titles: tuple[str, ...] = ()
    """Evidence known by title alone (questions that are asked of an indexed corpus)."""
    gold_sources: tuple[str, ...] = ()
    """Evidence known by source in the data set's pool, for questions without passages of their own."""
    hops: tuple[Hop, ...] = ()
    """(): unknown. Only those whose passage is known."""
    decomposition: tuple[Step, ...] = ()
    """(): unknown. All of its steps."""
    plan: tuple[str, ...] | None = None
    """Sub-questions that it is asked with. No label: a prediction may depend on it. None: whoever is asked makes its own."""
    by_title: bool = False
    """Evidence and candidates are known by title: an indexed corpus has split its documents. No label: a prediction may depend on it."""
    history: tuple[tuple[str, str], ...] = ()
    """The conversation before it: (question, answer) pairs, oldest first."""
    without: tuple[str, ...] = ()
    """Sources that no search may return: gold that was dropped."""
    dataset: str = ""

    @property
    def gold(self) -> frozenset[str] | None:
        """Sources of the evidence; None where that is unknown. The passages' own labels come before titles."""
        if not self.passages:
            return frozenset(self.gold_sources) if self.gold_sources or self.without else None  # `without`: all that it had was dropped
        if any(passage.gold is None for passage in self.passages):
            named = frozenset(passage.source for passage in self.passages if passage.title in self.gold_titles)
            return named or None
        return frozenset(passage.source for passage in self.passages if passage.gold)

    def decomposed(self) -> Question:
        """To be asked with the sub-questions of its decomposition, never with their answers."""
        return replace(self, plan=tuple(step.question for step in self.decomposition))

    def blind(self) -> Question:
        """Without its labels: all that a prediction may depend on."""
        passages = tuple(replace(passage, gold=None) for passage in self.passages)
        unlabelled = replace(self, answers=(), answerable=None, type="", gold_titles=(), gold_sources=(), hops=(), decomposition=())
        return replace(unlabelled, passages=passages)


@dataclass(frozen=True, slots=True)
class Dataset:
    name: str
    """Folder and stem of its file ("hotpotqa/dev"), or the name it is published under."""
    questions: tuple[Question, ...]
    pool: tuple[DataPassage, ...]
    """Each (title, text) once, `gold` None: what is searched in the pool setting."""
    sha256: str
    """Of the file's bytes (of several: of their digests, in order)."""

    @property
    def has_distractors(self) -> bool:
        """Whether its questions have several passages of their own to choose from; else they are asked of the pool."""
        return any(len(question.passages) > 1 for question in self.questions)


def distinct(passages: Sequence[DataPassage]) -> tuple[DataPassage, ...]:
    """Each (title, text) once, at its first place; gold where any of the equal ones is."""
    united: dict[str, DataPassage] = {}
    for passage in passages:
        known = united.get(passage.source)
        if known is None or (passage.gold and not known.gold):
            united[passage.source] = passage
    return tuple(united.values())


def pool_of(questions: Sequence[Question]) -> tuple[DataPassage, ...]:
    """The deduplicated passages of all questions, without their labels."""
    return distinct([replace(passage, gold=None) for question in questions for passage in question.passages])
