"""Reading: one consistent state of the corpus, and all that is asked of it: documents, passages, vectors, words and names."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..filters import Filter, to_sql
from ..passage import Passage, Scalar
from ..words import STOP_WORDS

_PASSAGE = "p.id, p.source, p.text, p.title, p.headings, p.first, p.last, p.page, p.metadata"
_IDS = "(SELECT value FROM json_each(?))"  # any number of ids in one parameter

# Of the query's terms the rarest find the passages and all of them score: a passage that holds only frequent terms never ranks high, but
# scoring tens of thousands of such passages is what makes a query slow. Questions of 2Wiki, HotpotQA and MuSiQue over 54k passages: the same
# share with all gold among the first 30 (0.426, 0.823, 0.300; without: 0.426, 0.819, 0.300) in 5-6 ms instead of 11-16.
_MATCHED = 3_000
_MAX_TERMS = 48
_MAX_QUERY = 4_000  # characters

Vectors = NDArray[np.float32]
Rows = tuple[list[str], list[int], Vectors]
"""ids, the seq of each, and their unit vectors [n, dimension]."""


class Reading:
    """One consistent state of the corpus: everything read from it belongs to the same committed `seq`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    # ---- the corpus ----

    @property
    def manifest(self) -> dict[str, str]:
        return dict(self._db.execute("SELECT key, value FROM manifest"))

    def value(self, key: str, default: str = "") -> str:
        """One value of the manifest."""
        row = self._db.execute("SELECT value FROM manifest WHERE key = ?", (key,)).fetchone()
        return row[0] if row else default

    @property
    def seq(self) -> int:
        return int(self.value("seq", "0"))

    def count(self) -> int:
        """Passages."""
        return int(self._db.execute("SELECT count(*) FROM passages").fetchone()[0])

    def count_lexical(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM passages_fts_docsize").fetchone()[0])

    # ---- documents ----

    def count_documents(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM documents").fetchone()[0])

    def sources(self) -> list[str]:
        return [source for (source,) in self._db.execute("SELECT source FROM documents ORDER BY source")]

    def titles(self) -> set[str]:
        return {title for (title,) in self._db.execute("SELECT DISTINCT title FROM documents")}

    def text(self, source: str) -> str | None:
        """The document's converted text."""
        row = self._db.execute("SELECT text FROM documents WHERE source = ?", (source,)).fetchone()
        return row[0] if row else None

    def stamp(self, source: str) -> tuple[str, str] | None:
        """(origin, sha256) of a document."""
        row = self._db.execute("SELECT origin, sha256 FROM documents WHERE source = ?", (source,)).fetchone()
        return (row[0], row[1]) if row else None

    def sources_from(self, origin: str, *, limit: int = -1) -> list[str]:
        """Documents that came from the file `origin`."""
        return [source for (source,) in self._db.execute("SELECT source FROM documents WHERE origin = ? ORDER BY source LIMIT ?", (origin, limit))]

    def under(self, path: str) -> Iterator[tuple[str, str]]:
        """(source, origin) of every document that came from the file `path` or from a file below the folder `path`."""
        below = path.rstrip(os.sep) + os.sep
        after = below[:-1] + chr(ord(os.sep) + 1)
        yield from self._db.execute("SELECT source, origin FROM documents WHERE origin = ? OR (origin >= ? AND origin < ?)", (path, below, after))

    # ---- passages ----

    def passages(self, ids: Sequence[str], filters: Filter | None = None) -> list[Passage]:
        """In the order of `ids`; missing and filtered-out ones are left out."""
        where, values = _where(filters)
        rows = self._db.execute(f"SELECT {_PASSAGE} FROM passages p WHERE p.id IN {_IDS} AND {where}", (json.dumps(list(ids)), *values))
        found = {row[0]: _passage(row) for row in rows}
        return [found[id_] for id_ in ids if id_ in found]

    def has_field(self, name: str) -> bool:
        """Whether any passage has this metadata field."""
        return self._db.execute("SELECT 1 FROM passages WHERE json_type(metadata, ?) IS NOT NULL LIMIT 1", (f'$."{name}"',)).fetchone() is not None

    def heads(self, source: str) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Title and headings of each passage of a document: with its text, which its id stands for, what its vector was made of."""
        rows = self._db.execute("SELECT id, title, headings FROM passages WHERE source = ?", (source,))
        return {id_: (title, tuple(json.loads(headings))) for id_, title, headings in rows}

    def live(self, ids: Iterable[str], filters: Filter | None = None) -> dict[str, int]:
        """The seq of each of `ids` that exists and passes the filter."""
        where, values = _where(filters)
        return dict(self._db.execute(f"SELECT p.id, p.seq FROM passages p WHERE p.id IN {_IDS} AND {where}", (json.dumps(list(ids)), *values)))

    def vectors(self, ids: Iterable[str]) -> Rows:
        return _rows(self._db.execute(f"SELECT p.id, p.seq, p.vector FROM passages p WHERE p.id IN {_IDS}", (json.dumps(list(ids)),)))

    def vectors_where(self, filters: Filter | None, *, limit: int = -1) -> Rows | None:
        """All that pass the filter; None where these are more than `limit`."""
        where, values = _where(filters)
        most = limit + 1 if limit >= 0 else -1
        rows = [row for (row,) in self._db.execute(f"SELECT p.rowid FROM passages p WHERE {where} LIMIT ?", (*values, most))]
        if 0 <= limit < len(rows):
            return None
        return _rows(self._db.execute(f"SELECT p.id, p.seq, p.vector FROM passages p WHERE p.rowid IN {_IDS}", (json.dumps(rows),)))

    def vectors_after(self, seq: int) -> Rows:
        return _rows(self._db.execute("SELECT p.id, p.seq, p.vector FROM passages p WHERE p.seq > ? ORDER BY p.seq, p.rowid", (seq,)))

    # ---- what a derived index needs to come in step ----

    def deleted_after(self, seq: int) -> list[str]:
        return [id_ for (id_,) in self._db.execute("SELECT DISTINCT id FROM deletions WHERE seq > ?", (seq,))]

    def count_deletions(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM deletions").fetchone()[0])

    def count_after(self, seq: int) -> int:
        return int(self._db.execute("SELECT count(*) FROM passages WHERE seq > ?", (seq,)).fetchone()[0])

    def changed_after(self, seq: int, size: int) -> Iterator[tuple[list[str], Vectors, list[dict[str, Scalar]]]]:
        """(ids, unit vectors, metadata with the source id) of the rows written after `seq`, at most `size` at a time."""
        cursor = self._db.execute("SELECT p.id, p.vector, p.source, p.metadata FROM passages p WHERE p.seq > ? ORDER BY p.seq, p.rowid", (seq,))
        while rows := cursor.fetchmany(size):
            yield [row[0] for row in rows], _matrix([row[1] for row in rows]), [{**json.loads(row[3]), "source": row[2]} for row in rows]

    # ---- lexical search and names ----

    def lexical(self, query: str, n: int, filters: Filter | None = None) -> list[tuple[str, float]]:
        """The n best by BM25: (id, score), best first. Any text is a legal query."""
        terms = sorted((count, term) for term in _terms(query) if (count := self._holding(term)))[:_MAX_TERMS]
        rare, matched = [], 0
        for count, term in terms:
            if matched >= max(10 * n, _MATCHED // 4) and matched + count > _MATCHED:
                break
            rare.append(term)
            matched += count
        frequent = [term for _, term in terms[len(rare) :]]
        if not frequent:
            return self._match(_any(rare), 1.0, n, filters) if rare else []
        # FTS5 scores every phrase that stands in the expression: the rare ones twice here, so the frequent ones are written twice too.
        found = self._match(f"({_any(rare)}) AND ({_any(rare + frequent + frequent)})", 0.5, n, filters)
        return found if len(found) == n else self._match(_any(rare + frequent), 1.0, n, filters)

    def _holding(self, term: str) -> int:
        return int(self._db.execute("SELECT count(*) FROM passages_fts WHERE passages_fts MATCH ?", (_any([term]),)).fetchone()[0])

    def _match(self, expression: str, weight: float, n: int, filters: Filter | None) -> list[tuple[str, float]]:
        where, values = _where(filters)
        rows = self._db.execute(
            "SELECT p.id, f.rank FROM passages_fts f CROSS JOIN passages p ON p.rowid = f.rowid "
            f"WHERE passages_fts MATCH ? AND {where} ORDER BY f.rank LIMIT ?",
            (expression, *values, n),
        )
        return [(id_, -rank * weight) for id_, rank in rows]

    def named(self, names: Sequence[str], filters: Filter | None = None) -> list[tuple[str, str, str]]:
        """(name, passage id, kind) of the passages that carry one of the names; by name, and in the order of their documents."""
        where, values = _where(filters)
        rows = self._db.execute(
            f"SELECT n.name, p.id, n.kind FROM names n JOIN passages p ON p.rowid = n.passage WHERE n.name IN {_IDS} AND {where} "
            "ORDER BY n.name, p.source, p.ordinal",
            (json.dumps(list(names)), *values),
        )
        return list(rows)

    def mentioning(self, phrases: Sequence[str], n: int, filters: Filter | None = None) -> list[tuple[str, str]]:
        """(phrase, passage id) of the passages that hold a phrase word for word: at most n for each phrase, by no particular rank."""
        where, values = _where(filters)
        query = f"SELECT p.id FROM passages_fts f CROSS JOIN passages p ON p.rowid = f.rowid WHERE passages_fts MATCH ? AND {where} LIMIT ?"
        return [(phrase, id_) for phrase in phrases for (id_,) in self._db.execute(query, (_phrase(phrase), *values, n))]


def _where(filters: Filter | None) -> tuple[str, list[Scalar]]:
    return to_sql(filters) if filters else ("1", [])


def _passage(row: tuple[Any, ...]) -> Passage:
    id_, source, text, title, headings, first, last, page, metadata = row
    return Passage(id_, source, text, title, tuple(json.loads(headings)), first, last, page, json.loads(metadata))


def _matrix(blobs: Sequence[bytes]) -> Vectors:
    """Unit vectors [n, dimension] as they were before they were rounded to float16 (cosine to them > 0.99999)."""
    if not blobs:
        return np.empty((0, 0), np.float32)
    rows = np.frombuffer(b"".join(blobs), "<f2").reshape(len(blobs), -1).astype(np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(norms > 0, norms, 1)
    return rows


def _rows(cursor: sqlite3.Cursor) -> Rows:
    rows = cursor.fetchall()
    return [row[0] for row in rows], [row[1] for row in rows], _matrix([row[2] for row in rows])


def _terms(query: str) -> list[str]:
    """The words of a query, each once; function words only where there is nothing else."""
    composed = unicodedata.normalize("NFC", query[:_MAX_QUERY])  # a letter and its accent must not come apart
    words = list(dict.fromkeys(word.lower() for word in re.findall(r"[^\W_]+", composed)))
    return [word for word in words if word not in STOP_WORDS] or words


def _any(terms: Sequence[str]) -> str:
    """An FTS5 expression: one of the terms."""
    return " OR ".join(map(_phrase, terms))


def _phrase(text: str) -> str:
    """Any text as an FTS5 phrase, in which AND, OR, NOT and NEAR are plain words; FTS5 reads it with the index's own tokenizer."""
    plain = text.replace('"', " ").replace("\0", " ")
    return f'"{plain}"'.encode("utf-8", "replace").decode()
