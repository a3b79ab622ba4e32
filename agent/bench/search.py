"""How long a question's search takes, its encoding included, and how that grows with the corpus; beside a plain Chroma query over the same vectors.

Ours does more than the peer (words, names, the passages' texts), so the ratio says what that costs. The two take turns, question by question.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...tools.corpus import Corpus
from ...tools.document import Document
from ...tools.encoder import Encoder
from ...tools.errors import UsageError
from ...tools.search import FOUND, link, search

DEFAULT_DATA = Path("../shared/data")
DEFAULT_SIZES = (5_000, 20_000, 50_000)

Text = tuple[str, str]
"""title, text"""


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds a question."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Parts:
    """Over one corpus; `dense` includes no encoding, `whole` is encoding, search and link as a user meets them."""

    passages: int
    encode: Timing
    dense: Timing
    lexical: Timing
    link: Timing
    whole: Timing


@dataclass(frozen=True, slots=True)
class SearchBench:
    peer: str
    questions: int
    rounds: int
    parts: Parts
    """Over the 2Wiki corpus."""
    peer_whole: Timing
    """Encoding and one Chroma query for as many passages as `search` finds, with their texts."""
    ratio: float
    """`parts.whole` to `peer_whole`, medians: how many times longer ours takes."""
    growth: tuple[Parts, ...]
    """Over so many distinct passages of all data sets."""


def run(data: Path | None = None, *, sizes: Sequence[int] = DEFAULT_SIZES, rounds: int = 3) -> SearchBench:
    """Times the 180 questions of 2wiki_open `rounds` times over its corpus, then over growing ones; None = ../shared/data.

    The first run encodes every passage (minutes at 50,000), later ones take the vectors from the encoder's cache. Raises UsageError without the data.
    """
    import chromadb

    data = data or DEFAULT_DATA
    texts = _distinct(_records(data / "2wiki_open" / "corpus.jsonl"))
    questions = [record["question"] for record in _records(data / "2wiki_open" / "queries.jsonl")]
    cached, fresh = Encoder.load(), Encoder.load(cache=False)  # vectors of passages are kept, those of questions made anew each time
    with tempfile.TemporaryDirectory() as folder:
        with Corpus.open(Path(folder) / "wiki", encoder=cached, create=True) as corpus:
            _fill(corpus, texts)
        peer = _peer(texts, cached, folder)
        with Corpus.open(Path(folder) / "wiki", encoder=fresh) as corpus:
            parts, peer_whole = _time(corpus, questions, rounds, peer)
        growth: list[Parts] = []
        distinct = _distinct(_passages(data)) if sizes else []
        start = 0
        for size in sorted(size for size in sizes if size <= len(distinct)):
            with Corpus.open(Path(folder) / "grown", encoder=cached, create=True) as corpus:
                _fill(corpus, distinct[start:size], start)
            with Corpus.open(Path(folder) / "grown", encoder=fresh) as corpus:
                growth.append(_time(corpus, questions, rounds, None)[0])
            start = size
    return SearchBench(
        peer=f"chromadb {chromadb.__version__}",
        questions=len(questions),
        rounds=rounds,
        parts=parts,
        peer_whole=peer_whole,
        ratio=parts.whole.p50 / peer_whole.p50,
        growth=tuple(growth),
    )


def _time(corpus: Corpus, questions: Sequence[str], rounds: int, peer: Callable[[Any], Any] | None) -> tuple[Parts, Timing]:
    """`peer` is asked with the question's vector."""
    seconds: dict[str, list[float]] = {name: [] for name in ("encode", "dense", "lexical", "link", "whole", "peer")}
    encoder = corpus.encoder
    for question in questions[:20]:
        link(corpus, question, search(corpus, question))
    for turn in range(rounds):
        for asked in questions:
            question = asked + " " * (turn + 1)  # nothing may remember it
            start = time.perf_counter()
            found = search(corpus, question)
            middle = time.perf_counter()
            link(corpus, question, found)
            end = time.perf_counter()
            seconds["whole"].append(end - start)
            seconds["link"].append(end - middle)
            start = time.perf_counter()
            vector = encoder.encode([question])[0]
            middle = time.perf_counter()
            if peer:
                peer(vector)
                seconds["peer"].append(time.perf_counter() - start)
            seconds["encode"].append(middle - start)
            start = time.perf_counter()
            corpus.dense(vector, FOUND)
            middle = time.perf_counter()
            corpus.lexical(question, FOUND)
            seconds["dense"].append(middle - start)
            seconds["lexical"].append(time.perf_counter() - middle)
    timings = {name: _timing(values) for name, values in seconds.items()}
    peer_whole = timings.pop("peer")
    return Parts(passages=corpus.info().passages, **timings), peer_whole


def _timing(seconds: Sequence[float]) -> Timing:
    if not seconds:
        return Timing(float("nan"), float("nan"))
    p50, p95 = np.percentile(seconds, [50, 95]) * 1_000
    return Timing(round(float(p50), 2), round(float(p95), 2))


def _fill(corpus: Corpus, texts: Sequence[Text], first: int = 0) -> None:
    corpus.add((Document.from_text(text, source=str(first + i), title=title) for i, (title, text) in enumerate(texts)), split=False)


def _peer(texts: Sequence[Text], encoder: Encoder, folder: str) -> Callable[[Any], Any]:
    """Chroma as its documentation shows it, with the same vectors."""
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(path=str(Path(folder) / "peer"), settings=Settings(anonymized_telemetry=False))
    collection = client.create_collection("peer", embedding_function=None, configuration={"hnsw": {"space": "cosine"}})
    embedded = [f"{title}. {text}" if title else text for title, text in texts]
    vectors = encoder.encode(embedded)
    for start in range(0, len(texts), 5_000):
        rows = range(start, min(start + 5_000, len(texts)))
        collection.add(ids=[str(i) for i in rows], embeddings=vectors[rows.start : rows.stop], documents=[embedded[i] for i in rows])
    return lambda vector: collection.query(query_embeddings=[vector], n_results=FOUND)


def _passages(data: Path) -> Iterator[dict[str, Any]]:
    """The passages of every data set, those of the 2Wiki corpus first."""
    yield from _records(data / "2wiki_open" / "corpus.jsonl")
    for file in sorted(data.rglob("*.jsonl")):
        for record in _records(file):
            passages = record.get("passages")
            if isinstance(passages, list):
                yield from (passage for passage in passages if isinstance(passage, dict) and passage.get("text"))


def _distinct(records: Iterator[dict[str, Any]]) -> list[Text]:
    return list(dict.fromkeys((str(record.get("title") or ""), str(record["text"])) for record in records))


def _records(file: Path) -> Iterator[dict[str, Any]]:
    try:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error}", "bench search measures with the data sets of ../shared/data.") from error
