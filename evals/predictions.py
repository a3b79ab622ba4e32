"""Predictions: one JSON line a question (and variant) in the published form, appended as they come; what a file holds already is not asked again.

A line is an Answer (docs/answer.schema.json) with a few keys beside it: `dataset`, `variant` ("selector" is ours), `gold_answerable`, `scores` and
`tokens` of the candidates, and `run`, the digest of everything that the line depends on.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from ..graphs.answer import Answer, CandidatePassage, SelectedPassage, Usage
from ..rerankers.selection import Selection
from ..tools.candidate import Candidate
from ..tools.errors import UsageError
from .question import DataPassage, Question

OURS = "selector"
"""The variant that every other is compared with."""

Line = dict[str, Any]
Key = tuple[str, str, str]
"""(dataset, question id, variant)"""


def key_of(line: Mapping[str, Any]) -> Key:
    return str(line.get("dataset", "")), str(line["id"]), str(line.get("variant", OURS))


def digest_of(settings: Mapping[str, Any]) -> str:
    """Of what predictions depend on; a file of one digest is not continued under another."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


def line_of(answer: Answer, question: Question, **beside: Any) -> Line:
    return {**answer.model_dump(mode="json"), "dataset": question.dataset, "variant": OURS, **beside}


def failed_line(question: Question, error: str) -> Line:
    return line_of(Answer(id=question.id, question=question.question, outcome="failed", answer="", error=error), question, scores=[], tokens=[])


def ranked_line(question: Question, candidates: Sequence[Candidate], scores: Sequence[float], tokens: Sequence[int], **fields: Any) -> Line:
    """A line of candidates (with their passages, in ranked order) that nothing was selected from yet."""
    listed = [
        CandidatePassage(passage_id=c.passage_id, title=c.passage.title, text=c.passage.text, channels=list(c.channels), score=c.score)
        for c in candidates
        if c.passage is not None
    ]
    answer = Answer(id=question.id, question=question.question, outcome="answered", answer="", candidates=listed, **fields)
    return line_of(answer, question, scores=[round(score, 6) for score in scores], tokens=list(tokens))


def select_in(line: Line, places: Sequence[int], *, reason: str, relevance: Sequence[float] | None = None, variant: str = OURS) -> Line:
    """The same line with the candidates at `places` selected, in that order."""
    chosen = [line["candidates"][place] for place in places]
    chances = relevance if relevance is not None else [line["scores"][place] for place in places]
    selected = [
        SelectedPassage(passage_id=c["passage_id"], title=c["title"], text=c["text"], relevance=min(1.0, max(0.0, p))).model_dump(mode="json")
        for c, p in zip(chosen, chances, strict=True)
    ]
    usage = {**line["usage"], "evidence_tokens": sum(line["tokens"][place] for place in places)}
    outcome = line["outcome"] if line["outcome"] == "failed" else "answered" if places else "abstained"
    return {**line, "selected": selected, "outcome": outcome, "stop_reason": reason, "usage": usage, "variant": variant}


def selection_line(
    question: Question, candidates: Sequence[Candidate], selection: Selection, tokens: Mapping[str, int], *, latency_ms: float
) -> Line:
    """What a selector made of the candidates. `tokens`: evidence tokens of each passage id."""
    by_id = {candidate.passage_id: candidate for candidate in candidates}
    order = list(dict.fromkeys([*(selection.ranked or selection.ids), *by_id]))
    known = {**dict(zip(selection.ids, selection.relevance, strict=True)), **dict(zip(selection.ranked, selection.scores, strict=False))}
    scores = [known.get(id, 0.0) for id in order]  # a selector may keep to itself what it thinks of what it left
    usage = Usage(searches=1, pairs=len(candidates))
    line = ranked_line(question, [by_id[id] for id in order], scores, [tokens[id] for id in order], usage=usage, latency_ms=latency_ms)
    line["fallback"] = selection.fallback
    return select_in(line, [order.index(id) for id in selection.ids], reason=selection.stop_reason, relevance=selection.relevance)


def source_of(passage: Mapping[str, Any]) -> str:
    """The `DataPassage.source` of a candidate or selected passage of a line."""
    return DataPassage(passage["title"], passage["text"]).source


class Predictions:
    """The lines of one run, kept in a file where `path` names one. Threads may share it; a second process is refused."""

    def __init__(self, path: Path | None, run: str) -> None:
        """Reads what the file holds. Raises UsageError where that is something else, or of another run, or in use."""
        self._path, self._run = path, run
        self._writing = threading.Lock()
        self._open = contextlib.ExitStack()
        self.lines: dict[Key, Line] = {}
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as opening:
            opening.callback(self._open.close)
            self._lock(path)
            for line in _complete(path):
                if line.get("run") != run:
                    what = f"{path} holds predictions of another run: other data, options or version"
                    raise UsageError(what, "Give --predictions another file, or delete this one.")
                self.lines[key_of(line)] = line
            self._file = self._open.enter_context(path.open("a", encoding="utf-8"))
            opening.pop_all()

    def _lock(self, path: Path) -> None:
        from filelock import FileLock, Timeout

        beside = path.with_name(path.name + ".lock")
        lock = FileLock(beside)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(f"{path} is being written by another process", "Wait for it, or give --predictions another file.") from None
        self._open.callback(lock.release)
        self._open.callback(lambda: beside.unlink(missing_ok=True))  # first, while it is held: nobody else may take it from under us

    def add(self, line: Line) -> None:
        """Appends; a process that is killed after this returns has kept the line."""
        line = {**line, "run": self._run}
        with self._writing:
            self.lines[key_of(line)] = line
            if self._path is not None:
                self._file.write(json.dumps(line) + "\n")
                self._file.flush()

    def forget(self, stale: Callable[[Line], bool]) -> None:
        """Lines of which `stale` is true are made again."""
        self.lines = {key: line for key, line in self.lines.items() if not stale(line)}

    def replace(self, lines: Iterable[Line]) -> None:
        """The file holds these lines and no other, in their order; it is whole at every moment."""
        kept = [{**line, "run": self._run} for line in lines]
        with self._writing:
            self.lines = {key_of(line): line for line in kept}
            if self._path is None:
                return
            beside = self._path.with_name(self._path.name + ".new")
            with beside.open("w", encoding="utf-8") as file:
                for line in kept:
                    file.write(json.dumps(line) + "\n")
            self._file.close()
            os.replace(beside, self._path)
            self._file = self._open.enter_context(self._path.open("a", encoding="utf-8"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()


def _complete(path: Path) -> Iterator[Line]:
    """The lines of a file; the half of one that a killed process left at its end is cut off."""
    if not path.exists():
        return
    good = 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.endswith(b"\n"):
                break
            try:
                line = dict(json.loads(raw))
                key_of(line)
            except (ValueError, TypeError, KeyError):
                raise UsageError(f"{path}:{number} is no prediction", "Give --predictions another file, or delete this one.") from None
            good += len(raw)
            yield line
    if good < path.stat().st_size:
        os.truncate(path, good)
