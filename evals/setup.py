"""Setup: the questions of an evaluation and the corpora they are asked of, made from what a user named."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from ..tools.candidate import Candidate
from ..tools.corpus import Corpus
from ..tools.corpus import Progress as Indexing
from ..tools.encoder import Encoder
from ..tools.errors import UsageError
from ..tools.search import search
from .datasets import load
from .drop_gold import drop_gold
from .first_stage import Setting, candidates, scope
from .pieces import in_pieces
from .pool import open_pool, readable
from .question import DataPassage, Dataset, Question

_FURTHER = (200, 1_000)
"""How far the search for passages in the place of dropped gold goes beyond what a question's search and links find, step by step."""


class NothingToAsk(UsageError):
    """No question was chosen, or none was left without its gold."""


@dataclass(frozen=True, slots=True)
class Setup:
    questions: tuple[Question, ...]
    setting: Setting
    corpora: Mapping[str, Corpus]
    """By data set."""
    settings: Mapping[str, Any]
    """What the predictions depend on, fit to be printed."""
    encoder: Encoder
    left_out: int = 0
    """Questions whose answer would still have stood in the evidence after its gold was dropped,"""
    unlabelled: int = 0
    """and those whose gold is not known and could not be dropped."""
    unreadable: int = 0
    """Passages of the data that cannot be stored, and so are no candidates."""
    of_pool: frozenset[str] = frozenset()
    """Data sets that are asked of their pool whatever the setting."""

    @property
    def dropping(self) -> dict[str, int]:
        """Counts that belong to a run with dropped gold, and to no other."""
        return {"left out": self.left_out, "without labels to drop": self.unlabelled} if {"drop_gold", "mixed"} & self.settings.keys() else {}

    def corpus(self, question: Question) -> Corpus:
        return self.corpora[question.dataset]

    def setting_of(self, question: Question) -> Setting:
        return "pool" if question.dataset in self.of_pool else self.setting


@contextlib.contextmanager
def prepare(
    data: Sequence[str],
    *,
    setting: Setting,
    corpus: Path | None = None,
    limit: int | None = None,
    split: Literal["all", "train", "val"] = "all",
    drop: Literal["all", "one"] | None = None,
    rate: float = 1.0,
    seed: int = 0,
    pieces: bool = False,
    described: Mapping[str, Any] | None = None,
    encoder: Encoder | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Iterator[Setup]:
    """Loads the data, makes or opens the corpora, drops gold where that is asked for. Raises UsageError.

    corpus: an indexed corpus in which all questions are asked; then `setting` is "corpus".
    pieces: long passages are cut, as an indexed document would be.
    described: settings of the experiment itself, put before those of the data.
    encoder: of the corpora that are made, by default the embedded one; an indexed corpus has its own.
    progress: told (what, done, total) of what takes long.
    """
    if corpus and drop:
        raise UsageError("gold can be dropped from a data set's own passages, not from a corpus", "Leave out --corpus, or --drop-gold.")
    tell = progress or _say_nothing
    datasets = [in_pieces(dataset) if pieces else dataset for dataset in (load(one, split=split) for one in data)]
    _check(datasets, setting)
    questions: list[Question] = []
    left_out = unlabelled = 0
    with contextlib.ExitStack() as stack:
        opened = stack.enter_context(Corpus.open(corpus)) if corpus else None
        encoder = opened.encoder if opened else encoder or Encoder.load()
        settings: dict[str, Any] = {
            **(described or {}),
            "data": [{"name": dataset.name, "sha256": dataset.sha256} for dataset in datasets],
            "setting": setting,
            "split": split,
            "seed": seed,
            "encoder": encoder.name,
        }
        if pieces:
            settings["pieces"] = True
        if drop:
            settings |= {"drop_gold": drop, "rate": rate}
        if opened:
            known = opened.info()
            settings["corpus"] = {"name": opened.name, "id": opened.id, "seq": known.seq, "documents": known.documents, "passages": known.passages}
        corpora: dict[str, Corpus] = {}
        for dataset in datasets:
            pool = opened or stack.enter_context(open_pool(dataset.pool, encoder=encoder, progress=partial(_indexing, tell)))
            corpora[dataset.name] = pool
            chosen = dataset.questions[:limit]
            if opened:
                chosen = tuple(map(of_corpus, chosen))
            if drop:
                following = _Next(pool, partial(tell, "dropping gold"), len(chosen))
                among: Literal["distractor", "pool"] = "distractor" if setting == "distractor" else "pool"
                dropped = drop_gold(chosen, which=drop, rate=rate, seed=seed, next_ranked=following, setting=among)
                chosen, left_out, unlabelled = dropped.questions, left_out + dropped.left_out, unlabelled + dropped.unlabelled
            questions += chosen
        if not questions:
            raise NothingToAsk("no question is left to ask", "Look at --limit, --split and --drop-gold.")
        blank = 0 if opened else sum(not readable(passage) for dataset in datasets for passage in dataset.pool)
        yield Setup(tuple(questions), setting, corpora, settings, encoder, left_out, unlabelled, blank)


def of_corpus(question: Question) -> Question:
    """Asked of an indexed corpus: its own passages are no candidates, and what they were split into is known by title."""
    titles = question.gold_titles or tuple(sorted({passage.title for passage in question.passages if passage.gold and passage.title}))
    return replace(question, passages=(), gold_sources=(), gold_titles=titles, by_title=True)


def _say_nothing(what: str, done: int, total: int) -> None:
    """What is told where nobody listens."""


def _indexing(tell: Callable[[str, int, int], None], step: Indexing) -> None:
    tell(f"the pool: {step.phase}", step.done, step.total)


class _Next:
    """The passages of the pool in first-stage order for one question, lazily."""

    def __init__(self, pool: Corpus, tell: Callable[[int, int], None], total: int) -> None:
        self._pool, self._tell, self._done, self._total = pool, tell, 0, total

    def __call__(self, question: Question) -> Iterator[DataPassage]:
        self._done += 1
        self._tell(self._done, self._total)
        given: set[str] = set()
        for found in chain([candidates(self._pool, question, "pool")], (_searched(self._pool, question, n) for n in _FURTHER)):
            for candidate in found:
                if candidate.passage is not None and candidate.passage_id not in given:
                    given.add(candidate.passage_id)
                    yield DataPassage(candidate.passage.title, candidate.passage.text)


def _searched(pool: Corpus, question: Question, n: int) -> list[Candidate]:
    return search(pool, question.question, n=n, filters=scope(question, "pool"))


def _check(datasets: Sequence[Dataset], setting: Setting) -> None:
    names = [dataset.name for dataset in datasets]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"the data set {twice} is named twice")
    for dataset in datasets:
        if setting == "distractor" and dataset.questions and not any(question.passages for question in dataset.questions):
            where = "Where the command has them: --setting pool, or --corpus C."
            raise UsageError(f"the questions of {dataset.name} have no passages of their own", where)
        if setting == "pool" and not dataset.pool:
            raise UsageError(f"{dataset.name} has no passages to make a pool of", "Index its documents (passel index …) and use --corpus C.")
