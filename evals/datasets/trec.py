"""Rankings and judgements: RankLLM's request files, TREC runs and qrels, BEIR folders.

A request is a query with a first stage's passages in the order in which it left them, best first; nothing sorts them again but a TREC run, which is
ordered by score as trec_eval does it, equal scores by rank.

Forms of requests: RankLLM's [{query, hits: [{content, qid, docid, rank, score}]}] (also as noveleval has it), its newer {query: {text, qid},
candidates: [{docid, score, doc: {…}}]} in one list or one a line, and TREC runs (qid Q0 docid rank score tag), whose texts stand in a BEIR folder.
Source: Pradeep, Sharifymoghaddam and Lin, "RankZephyr" (2023), whose release rank_llm has the first two; trec_eval;
Thakur et al., "BEIR" (NeurIPS 2021).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...tools.errors import UsageError
from ..question import DataPassage, Question, distinct
from .records import Record, read_records, read_text

_CONTENT = ("text", "segment", "contents", "content", "body", "passage")
"""Where RankLLM looks for a document's text, in this order."""
_SPLITS = ("test", "dev", "train")
"""Which qrels of a BEIR folder are meant where none is named: the first of these that is there."""

Qrels = dict[str, dict[str, int]]
"""Query id -> document id -> relevance. Below 1 means judged and not relevant."""


@dataclass(frozen=True, slots=True)
class RankedText:
    docid: str
    title: str
    text: str
    score: float
    """The first stage's, in its own unit."""


@dataclass(frozen=True, slots=True)
class Request:
    qid: str
    query: str
    hits: tuple[RankedText, ...]
    """Best first, each document once."""


def is_beir(folder: Path) -> bool:
    return all((folder / name).exists() for name in ("corpus.jsonl", "queries.jsonl", "qrels"))


# ---- requests ----


def read_requests(path: Path, texts: Path | None = None) -> tuple[Request, ...]:
    """At least one, each query once. Raises UsageError.

    texts: for a TREC run, the folder with corpus.jsonl (or .tsv) and queries.jsonl (or .tsv); None: the run's own folder.
    """
    if path.is_dir():
        hint = "Name the run file of a first stage beside it, or a request file with the passages in it."
        raise UsageError(f"{path} holds no ranking: a folder has nothing to rerank", hint)
    opening = read_text(path).lstrip()[:1]
    if not opening:
        raise UsageError(f"{path} is empty")
    requests = [_request(record) for record in read_records(path)] if opening in "[{" else _of_run(path, texts or path.parent)
    places: set[str] = set()
    for request in requests:
        if request.qid in places:
            raise UsageError(f"{path}: the query {request.qid!r} is there twice")
        places.add(request.qid)
    return tuple(requests)


def _request(record: Record) -> Request:
    if "hits" in record.fields:
        found = record.records("hits")
        own = [hit.id("qid") for hit in found]
        qid = record.id("qid") or next(filter(None, own), None)
        if qid is None:
            raise record.fault("it has no `qid`")
        if any(each not in (None, qid) for each in own):
            raise record.fault("its hits are of several queries")
        hits = [RankedText(_docid(hit), hit.string("title", ""), hit.string("content"), hit.number("score")) for hit in found]
        return Request(qid, record.text("query"), _once(record, hits))
    if "candidates" in record.fields:
        query = record.record("query")
        qid = query.id("qid")
        if qid is None:
            raise query.fault("it has no `qid`")
        return Request(qid, query.text("text"), _once(record, [_candidate(each) for each in record.records("candidates")]))
    raise record.fault("neither `hits` nor `candidates` in it", "Request files are RankLLM's; see docs, or name a TREC run.")


def _candidate(record: Record) -> RankedText:
    doc = record.record("doc")
    key = next((key for key in _CONTENT if key in doc.fields), None)
    if key is None:
        raise doc.fault(f"no text in it; looked for {', '.join(_CONTENT)}")
    return RankedText(_docid(record), doc.string("title", ""), doc.string(key), record.number("score"))


def _docid(record: Record) -> str:
    id = record.id("docid")
    if id is None:
        raise record.fault("it has no `docid`")
    return id


def _once(record: Record, hits: Sequence[RankedText]) -> tuple[RankedText, ...]:
    seen: set[str] = set()
    for hit in hits:
        if hit.docid in seen:
            raise record.fault(f"the document {hit.docid!r} is there twice")
        seen.add(hit.docid)
    return tuple(hits)


def _of_run(path: Path, texts: Path) -> list[Request]:
    ranked: dict[str, dict[str, tuple[float, float]]] = {}  # qid -> docid -> (score, rank)
    for where, columns in _rows(path, "a TREC run: qid Q0 docid rank score tag", (6,)):
        qid, _, docid, rank, score, _ = columns
        if docid in ranked.setdefault(qid, {}):
            raise UsageError(f"{where}: the document {docid!r} is there twice for the query {qid!r}")
        ranked[qid][docid] = (_number(where, score), _number(where, rank))
    queries = _texts(texts, "queries", ranked)
    corpus = _texts(texts, "corpus", {docid for docids in ranked.values() for docid in docids})
    requests = []
    for qid, docids in ranked.items():
        order = sorted(docids, key=lambda docid: (-docids[docid][0], docids[docid][1]))
        requests.append(Request(qid, queries[qid][1], tuple(RankedText(docid, *corpus[docid], docids[docid][0]) for docid in order)))
    return requests


def _number(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e300:
        raise UsageError(f"{where}: {text!r} is not a number")
    return value


def _texts(folder: Path, name: str, wanted: Collection[str]) -> dict[str, tuple[str, str]]:
    """id -> (title, text) of those that are wanted, all of them."""
    path = next((path for suffix in (".jsonl", ".tsv") if (path := folder / f"{name}{suffix}").is_file()), None)
    if path is None:
        raise UsageError(f"{folder} has no {name}.jsonl and no {name}.tsv", "A TREC run has no texts: name the BEIR folder that has them.")
    found = {id: texts for id, texts in _all_texts(path) if id in wanted}
    missing = [id for id in wanted if id not in found]
    if missing:
        raise UsageError(f"{path} does not hold {missing[0]!r}" + (f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""))
    return found


def _all_texts(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    if path.suffix == ".jsonl":
        for record in read_records(path):
            yield _id(record), (record.string("title", ""), record.string("text"))
        return
    for where, line in _lines(path):
        id, tab, text = line.partition("\t")
        if not tab:
            raise UsageError(f"{where}: no tab between id and text")
        yield id, ("", text)


def _id(record: Record) -> str:
    id = record.id()
    if id is None:
        raise record.fault("it has no `_id`")
    return id


# ---- qrels ----


def read_qrels(path: Path) -> Qrels:
    """TREC's four columns (qid 0 docid relevance) or BEIR's three (query-id corpus-id score, with or without that heading); of a folder its `qrels`.

    Raises UsageError.
    """
    if path.is_dir():
        path = _qrels_file(path)
    qrels: Qrels = {}
    for where, columns in _rows(path, "qrels: qid 0 docid relevance, or query-id corpus-id score", (3, 4)):
        qid, docid, relevance = columns[0], columns[-2], columns[-1]
        try:
            qrels.setdefault(qid, {})[docid] = int(relevance)
        except ValueError:
            raise UsageError(f"{where}: the relevance {relevance!r} is not a whole number") from None
    return qrels


def _qrels_file(folder: Path) -> Path:
    inside = folder / "qrels" if (folder / "qrels").is_dir() else folder
    found = next((path for split in _SPLITS if (path := inside / f"{split}.tsv").is_file()), None)
    if found is None:
        raise UsageError(f"{inside} has none of {', '.join(f'{split}.tsv' for split in _SPLITS)}", "Name the qrels file itself.")
    return found


def _rows(path: Path, form: str, widths: Sequence[int]) -> Iterator[tuple[str, list[str]]]:
    """(place, columns) of each line; at least one. Columns are parted by tabs if there are any, else by white space. BEIR's heading is left out."""
    empty = True
    for where, line in _lines(path):
        columns = [column.strip() for column in line.split("\t")] if "\t" in line else line.split()
        if empty and columns[0].lower() in ("query-id", "query_id"):
            continue
        if len(columns) not in widths or not all(columns):
            raise UsageError(f"{where}: not a line of {form}")
        empty = False
        yield where, columns
    if empty:
        raise UsageError(f"{path} is empty")


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            yield f"{path}:{number}", line


# ---- as questions ----


def read_beir(folder: Path) -> tuple[tuple[Question, ...], tuple[DataPassage, ...], tuple[Path, ...]]:
    """(questions, corpus, the files read): the judged queries over the corpus.

    Evidence is known by source: every document judged relevant (1 or more). One that the corpus lacks can never be found, and counts as missed.
    """
    files = (folder / "corpus.jsonl", folder / "queries.jsonl", _qrels_file(folder))
    corpus = [(id, DataPassage(*texts)) for id, texts in _all_texts(files[0])]
    passages = dict(corpus)
    qrels = read_qrels(files[2])
    questions = []
    for record in read_records(files[1]):
        id = _id(record)
        if id in qrels:
            relevant = [passages[docid].source if docid in passages else f"lacking {docid}" for docid, grade in qrels[id].items() if grade >= 1]
            questions.append(Question(id, record.text("text"), gold_sources=tuple(dict.fromkeys(relevant))))
    return tuple(questions), distinct([passage for _, passage in corpus]), files


def read_queries(records: Sequence[Record]) -> tuple[Question, ...]:
    """BEIR's queries alone, without labels."""
    return tuple(Question(_id(record), record.text("text")) for record in records)
