"""FeedbackFile: what people think of answers, each kept with the whole answer, so that one sees what was searched, selected and cited.

One SQLite file for all corpora under PASSEL_HOME. Every call opens it anew: threads and processes may share it, and it costs nothing where nobody
gives feedback.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ..graphs.answer import Answer
from ..tools.document import clean
from ..tools.errors import PasselError, UsageError

FEEDBACK = "feedback.sqlite3"
MOST_KEPT = 1_000
"""Answers that nobody has judged yet; older ones are forgotten."""
_TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    trace_id TEXT PRIMARY KEY,
    corpus TEXT NOT NULL,
    at REAL NOT NULL,      -- seconds since 1970, of the last change
    answer TEXT NOT NULL,  -- the published JSON form
    good INTEGER,          -- NULL: kept, not judged
    note TEXT NOT NULL DEFAULT ''
)"""
_JUDGED = "SELECT answer, good, note, corpus, at FROM answers WHERE good IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Feedback:
    answer: Answer
    good: bool
    note: str
    corpus: str
    """The folder of the corpus that was asked."""
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class FeedbackFile:
    """Raises PasselError where the file cannot be used. `corpus`: the folder of the corpus that new answers are of."""

    path: Path
    corpus: str = ""

    def keep(self, answer: Answer) -> None:
        """Makes an answer known by its trace id: of a run that went on, the last one. One that was judged stays as it is."""
        with self._open() as database:
            row = (_trace_id(answer), self.corpus, time.time(), _dumped(answer))
            database.execute(
                "INSERT INTO answers (trace_id, corpus, at, answer) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET answer = excluded.answer, at = excluded.at WHERE good IS NULL",
                row,
            )
            newest = "SELECT trace_id FROM answers WHERE good IS NULL ORDER BY at DESC, rowid DESC LIMIT ?"
            database.execute(f"DELETE FROM answers WHERE good IS NULL AND trace_id NOT IN ({newest})", (MOST_KEPT,))

    def judge(self, answer: Answer | str, *, good: bool, note: str = "") -> None:
        """`answer`, or the trace id of a known one, is good or not. The last word counts. Raises UsageError for a trace id that is not known."""
        with self._open() as database:
            if isinstance(answer, Answer):
                row = (_trace_id(answer), self.corpus, time.time(), _dumped(answer), good, clean(note))
                database.execute(
                    "INSERT INTO answers (trace_id, corpus, at, answer, good, note) VALUES (?, ?, ?, ?, ?, ?) "
                    "ON CONFLICT DO UPDATE SET at = excluded.at, answer = excluded.answer, good = excluded.good, note = excluded.note",
                    row,
                )
                return
            said = (time.time(), good, clean(note), clean(answer))
            if not database.execute("UPDATE answers SET at = ?, good = ?, note = ? WHERE trace_id = ?", said).rowcount:
                raise UsageError(f"no answer with the trace id {answer!r} is kept", "Hand in the answer itself, or keep answers: agent.keep(answer).")

    def all(self, corpus: str | None = None) -> list[Feedback]:
        """Oldest first; of one corpus, or of all."""
        if not self.path.is_file():
            return []
        with self._open() as database:
            of_one = (" AND corpus = ?", (corpus,)) if corpus is not None else ("", ())
            rows = database.execute(f"{_JUDGED}{of_one[0]} ORDER BY at, rowid", of_one[1]).fetchall()
        return [Feedback(_loaded(answer, self.path), bool(good), note, where, at) for answer, good, note, where, at in rows]

    def delete(self, trace_id: str) -> None:
        """Raises UsageError where there is none."""
        with self._open() as database:
            if not database.execute("DELETE FROM answers WHERE trace_id = ?", (trace_id,)).rowcount:
                raise UsageError(f"no answer with the trace id {trace_id!r} is kept", "Those that are: passel feedback list")

    def forget_unjudged(self) -> None:
        """The answers of the corpus that nobody judged."""
        if self.path.is_file():
            with self._open() as database:
                database.execute("DELETE FROM answers WHERE good IS NULL AND corpus = ?", (self.corpus,))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is there afterwards, or nothing. Others wait for it."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self.path, timeout=30, isolation_level="IMMEDIATE")) as database, database:
                database.execute(_TABLE)
                yield database
        except (OSError, sqlite3.Error) as error:
            raise PasselError(f"cannot use the feedback in {self.path}: {error}", "Move that file away to begin anew.") from error


def _trace_id(answer: Answer) -> str:
    if not answer.trace_id:
        raise UsageError("the answer has no trace id, so it is of no run", "Give feedback on what an agent answered.")
    return answer.trace_id


def _dumped(answer: Answer) -> str:
    return json.dumps(answer.model_dump())  # ASCII: broken characters of a model's survive


def _loaded(text: str, path: Path) -> Answer:
    try:
        return Answer.model_validate(json.loads(text))
    except ValidationError as error:
        raise PasselError(f"{path} holds an answer of another form ({error.error_count()} faults)", "It is of another version of Passel.") from error
