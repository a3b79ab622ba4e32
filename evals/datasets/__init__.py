"""Data sets: `load` reads every form that there is, by path or by the official name.

Each form is a file here; adding one is a file and a line in `_reader`, which looks at the first record's keys alone, never at those of its labels:
a question whose labels are unknown is legal. Nothing is dropped in silence: a
record that does not fit is named with its place.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from ...tools.errors import UsageError
from ..question import DataPassage, Dataset, Question, pool_of
from . import clapnq, hub, mtrag, multihop, nq, squad2, trec
from .records import Record, read_records, sha256_of
from .split import is_val

__all__ = ["is_val", "load"]

_FORMS = (
    "Known forms: a line a question with `question`, `answers`, `passages`; SQuAD 2; NQ (`ctxs`); CLAP NQ; MTRAG; HotpotQA, 2WikiMultihopQA, "
    "MuSiQue, NQ-open, MultiHop-RAG (its folder) as published; TriviaQA as on the Hugging Face hub; folders with corpus.jsonl and queries.jsonl."
)


def load(spec: str | Path, *, split: Literal["all", "train", "val"] = "all") -> Dataset:
    """The questions of a file, a folder, or an official set by name ("hotpotqa", "hotpotqa:train").

    split: `is_val` decides; it does not make the pool smaller.
    Raises UsageError: for what is not there, for a form that is not known, for a line that is not of its form, for an id that is there twice.
    """
    path = Path(spec)
    if path.is_dir():
        dataset = _folder(path)
    elif path.exists():
        dataset = _file(path)
    elif hub.is_official(str(spec)):
        dataset = hub.load(str(spec))
    else:
        raise UsageError(f"there is no file and no folder {spec}", f"Official sets by name: {', '.join(hub.SETS)}.")
    _each_once(dataset)
    chosen = [question for question in dataset.questions if split == "all" or is_val(question.id) == (split == "val")]
    return replace(dataset, questions=tuple(chosen))


def _file(path: Path) -> Dataset:
    records = read_records(path)
    questions = _reader(records[0], path)(records)
    return _dataset(f"{path.absolute().parent.name}/{path.stem}", questions, pool_of(questions), (path,))


def _folder(path: Path) -> Dataset:
    """A BEIR folder, or an open set: queries.jsonl over corpus.jsonl, or MultiHop-RAG's files. The file of queries can be named too: the questions
    alone, without a pool."""
    name = path.absolute().name
    if trec.is_beir(path):
        questions, pool, files = trec.read_beir(path)
        return _dataset(name, questions, pool, files)
    corpus, queries = path / "corpus.jsonl", path / "queries.jsonl"
    if corpus.is_file() and queries.is_file():
        pool = multihop.read_corpus(read_records(corpus))
        return _dataset(name, multihop.over(multihop.read(read_records(queries)), pool), pool, (corpus, queries))
    corpus, queries = path / "corpus.json", path / "MultiHopRAG.json"
    if corpus.is_file() and queries.is_file():
        pool = hub.multihop_rag_corpus(read_records(corpus))
        return _dataset(name, multihop.over(hub.multihop_rag(read_records(queries)), pool), pool, (corpus, queries))
    inside = ", ".join(sorted(file.name for file in path.iterdir() if file.suffix in (".json", ".jsonl"))[:8])
    raise UsageError(f"{path} is a folder without corpus.jsonl and queries.jsonl", f"Name one of its files: {inside}" if inside else _FORMS)


def _reader(record: Record, path: Path) -> hub.Read:
    """Which form has such a first record. Raises UsageError where none has."""
    keys = record.fields.keys()
    if "data" in keys:
        return squad2.read_official
    if {"question", "context"} <= keys and isinstance(record.fields["context"], str):
        return squad2.read
    if {"question", "ctxs"} <= keys:
        return nq.read
    if {"input", "contexts"} <= keys:
        return mtrag.read
    if {"input", "passages"} <= keys:
        return clapnq.read
    if official := hub.reader_of(record):
        return official
    if "question" in keys:
        return multihop.read
    if {"_id", "text"} <= keys and "title" not in keys:
        return trec.read_queries
    if "hits" in keys or "candidates" in keys:
        raise UsageError(f"{path} is a file of rankings, not of questions", f"Use it so: passel eval rerank {path} --qrels FILE")
    if "text" in keys:
        raise UsageError(f"{path} is a corpus, not a file of questions", "Name its folder, or index it: passel index PATH")
    raise UsageError(f"{path}: its first record is of no known form (keys: {', '.join(map(str, keys)) or 'none'})", _FORMS)


def _dataset(name: str, questions: tuple[Question, ...], pool: tuple[DataPassage, ...], files: tuple[Path, ...]) -> Dataset:
    if not questions:
        raise UsageError(f"{files[-1]} holds no question")
    return Dataset(name, tuple(replace(question, dataset=name) for question in questions), pool, sha256_of(*files))


def _each_once(dataset: Dataset) -> None:
    seen: set[str] = set()
    for question in dataset.questions:
        if question.id in seen:
            raise UsageError(f"{dataset.name}: the id {question.id!r} is there twice", "Give each question an id of its own.")
        seen.add(question.id)
