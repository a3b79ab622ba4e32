"""Getting a split: our questions out of the official set, by the ids in `evals/splits`; and whether a file at hand is that split.

`evals/splits/*.json` are made by `describe_all`. Where nothing can be fetched, the error says which file to put where.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ...tools.errors import UsageError
from ..question import Question
from . import hub, load
from .describe import content_of, describe, match_key
from .records import sha256_of
from .trec import Request, read_requests

SPLITS = Path(__file__).parents[1] / "splits"
OFFICIAL = "official"
"""Folder (in the data folder) where official files are looked for before the hub is asked."""

State = Literal["same file", "same content", "another file", "not there"]


@dataclass(frozen=True, slots=True)
class Split:
    name: str
    files: tuple[str, ...]
    """Relative to a data folder."""
    source: Mapping[str, Any]
    """`set` and `splits`: of an official set of `hub`; `match`: "content" where its ids are not the official ones. Else `file` and `page`."""
    questions: int
    sha256: str
    content: str
    ids: tuple[str, ...]
    keys: tuple[str, ...] = ()
    """`match_key` of each question, where `match` is "content"."""

    def paths(self, folder: Path) -> tuple[Path, ...]:
        return tuple(folder / file for file in self.files)


def splits() -> list[Split]:
    """All that are described, by name."""
    return sorted((_read(path) for path in SPLITS.glob("*.json")), key=lambda split: split.name)


def split_of(name: str) -> Split:
    path = _file_of(name)
    if path.parent != SPLITS or not path.is_file():
        raise UsageError(f"no split is called {name!r}", "All there are: passel data list")
    return _read(path)


def _file_of(name: str) -> Path:
    return SPLITS / f"{name.replace('/', '-')}.json"


def _read(path: Path) -> Split:
    fields: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    fields |= {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
    return Split(**fields)


# ---- what is at hand ----


def state_of(split: Split, folder: Path) -> State:
    """Whether the files below `folder` are the split: to the byte, or in all that is measured."""
    paths = split.paths(folder)
    if not all(path.is_file() for path in paths):
        return "not there"
    if sha256_of(*paths) == split.sha256:
        return "same file"
    try:
        return "same content" if _content(paths) == split.content else "another file"
    except UsageError:
        return "another file"


def _content(paths: Sequence[Path]) -> str:
    if _is_ranking(paths[0]):
        return digest_of_requests(read_requests(paths[0]))
    return content_of(load(paths[0] if len(paths) == 1 else paths[0].parent))


def _is_ranking(path: Path) -> bool:
    return path.suffix == ".json"


def digest_of_requests(requests: Sequence[Request]) -> str:
    """SHA-256 of queries and passages, each in its order."""
    whole = hashlib.sha256()
    for request in requests:
        hits = [[hit.docid, hit.title, hit.text] for hit in request.hits]
        whole.update(json.dumps([request.qid, request.query, hits]).encode() + b"\n")
    return whole.hexdigest()


# ---- getting one ----


def data_get(name: str, folder: Path) -> tuple[Path, State]:
    """Writes the split below `folder` unless it is there; gives its path and how it compares with ours. Raises UsageError."""
    split = split_of(name)
    path = split.paths(folder)[0]
    found = state_of(split, folder)
    if found == "another file":
        raise UsageError(f"{path} is there already and holds something else", "Move it away, or give --data another folder.")
    if found != "not there":
        return path, found
    if "set" not in split.source:
        places = " and ".join(map(str, split.paths(folder)))
        raise UsageError(f"{name} cannot be fetched", f"It is {split.source['file']} ({split.source['page']}): put it at {places}.")
    questions = _chosen(split, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    beside.write_text("".join(json.dumps(as_record(question), ensure_ascii=False) + "\n" for question in questions), encoding="utf-8")
    beside.replace(path)
    return path, state_of(split, folder)


def _chosen(split: Split, folder: Path) -> list[Question]:
    """The split's questions in its order, under its ids."""
    wanted = split.keys or split.ids
    found: dict[str, Question] = {}
    for part in split.source["splits"]:
        for question in _official(split.source["set"], part, folder):
            found.setdefault(match_key(question) if split.keys else question.id, question)
        if all(key in found for key in wanted):
            return [replace(found[key], id=id) for key, id in zip(wanted, split.ids, strict=True)]
    missing = sum(key not in found for key in wanted)
    raise UsageError(f"{missing:,} of the {len(wanted):,} questions of {split.name} are not in the official set {split.source['set']}")


def _official(name: str, part: str, folder: Path) -> Sequence[Question]:
    official = hub.SETS[name]
    place = folder / OFFICIAL / name
    file = official.files.get(part)
    if file and (place / file).is_file():
        return load(place / file).questions
    try:
        return hub.load_set(official, name, part).questions
    except UsageError as error:
        raise UsageError(str(error), f"Or fetch {file} from {official.page}, put it into {place}, and run this again.") from error


def as_record(question: Question) -> dict[str, Any]:
    """The line of our own form that `multihop` reads again as this question."""
    passages = [{"title": passage.title, "text": passage.text, "is_supporting": passage.gold} for passage in question.passages]
    titles = {passage.source: passage.title for passage in question.passages}
    evidences = [[titles[hop.source], hop.relation, hop.answer] for hop in question.hops if hop.relation]
    steps = [{"question": step.question, "answer": step.answer} for step in question.decomposition]
    return {
        "id": question.id,
        "question": question.question,
        "answers": list(question.answers),
        "answerable": question.answerable,
        "type": question.type,
        "passages": passages,
        **({"gold_titles": list(question.gold_titles)} if question.gold_titles else {}),
        **({"evidences": evidences} if evidences else {}),
        **({"decomposition": steps} if steps else {}),
    }


# ---- describing ours ----

_HOTPOT_TRAIN = {"set": "hotpotqa", "splits": ["train"]}
_HOTPOT_DEV = {"set": "hotpotqa", "splits": ["validation"]}
_RETRIEVED = {"file": "HotpotQA questions with what a retriever returned for them", "page": "published nowhere: from this project's data folder"}
_MUSIQUE = {"set": "musique", "splits": ["validation", "train"]}
_SQUAD = {"set": "squad_v2", "splits": ["validation", "train"], "match": "content"}
_RANKLLM = "https://github.com/castorini/rank_llm/tree/main/retrieve_results"
_CLAPNQ = "https://github.com/primeqa/clapnq/tree/main/annotated_data/dev"

SOURCES: Mapping[str, Mapping[str, Any]] = {
    "2wiki/dev.jsonl": {"set": "2wikimultihopqa", "splits": ["validation"]},
    "2wiki/train.jsonl": {"set": "2wikimultihopqa", "splits": ["train"]},
    "2wiki_open": {"file": "2wikimultihopqa_corpus.json with its questions", "page": "https://github.com/OSU-NLP-Group/HippoRAG/tree/main/reproduce/dataset"},
    "clapnq/dev_answerable.jsonl": {"file": "clapnq_dev_answerable.jsonl (150 of its questions)", "page": _CLAPNQ},
    "clapnq/dev_unanswerable.jsonl": {"file": "clapnq_dev_unanswerable.jsonl (150 of its questions)", "page": _CLAPNQ},
    "decomposition/fanoutqa_dev.jsonl": {"file": "the FanOutQA dev set", "page": "https://github.com/zhudotexe/fanoutqa"},
    "decomposition/musique.jsonl": {"file": "musique_ans_v1.0_dev.jsonl without passages", "page": "https://github.com/StonyBrookNLP/musique"},
    "decomposition/strategyqa_train.jsonl": {"file": "strategyqa_train.json (2,061 of its questions)", "page": "https://allenai.org/data/strategyqa"},
    "hotpotqa/dev.jsonl": _HOTPOT_DEV,
    "hotpotqa/extra_train.jsonl": _HOTPOT_DEV,
    "hotpotqa/insufficient_dev.jsonl": _RETRIEVED,
    "hotpotqa/insufficient_train.jsonl": _RETRIEVED,
    "hotpotqa/train.jsonl": _HOTPOT_TRAIN,
    "mtrag/tasks.jsonl": {"file": "250 of the generation tasks", "page": "https://github.com/IBM/mt-rag-benchmark"},
    "musique/dev.jsonl": _MUSIQUE,
    "musique/train.jsonl": _MUSIQUE,
    "nfcorpus/queries.jsonl": {"file": "queries.jsonl of nfcorpus", "page": "https://huggingface.co/datasets/BeIR/nfcorpus"},
    "noveleval/data.json": {"file": "data.json", "page": "https://github.com/sunnweiwei/RankGPT/tree/main/NovelEval"},
    "nq/oracle.jsonl": {"file": "nq-open-oracle.jsonl.gz, unpacked", "page": "https://github.com/nelson-liu/lost-in-the-middle/tree/main/qa_data"},
    "squad2/dev.jsonl": _SQUAD,
    "squad2/train.jsonl": _SQUAD,
    "squad2/xquad_en.jsonl": {"set": "xquad_en", "splits": ["validation"]},
    "trec_dl/BM25_dl19.json": {"file": "BM25/retrieve_results_dl19.json", "page": _RANKLLM},
    "trec_dl/BM25_dl21.json": {"file": "BM25/retrieve_results_dl21.json", "page": _RANKLLM},
    "trec_dl/SPLADE_dl19.json": {"file": "SPLADE_P_P_ENSEMBLE_DISTIL/retrieve_results_dl19.json", "page": _RANKLLM},
    "trec_dl/SPLADE_dl21.json": {"file": "SPLADE_P_P_ENSEMBLE_DISTIL/retrieve_results_dl21.json", "page": _RANKLLM},
    "trec_dl/TASB_dl19.json": {"file": "D_BERT_KD_TASB/retrieve_results_dl19.json", "page": _RANKLLM},
}
"""Where each file of the data folder comes from. The requests of TREC DL are the first 100 hits of those files."""


def describe_all(folder: Path) -> Iterator[tuple[Path, str]]:
    """(file of `evals/splits`, its text) for every split of a data folder. Writing the texts to the files is all that remaking them takes."""
    for place, source in SOURCES.items():
        path = folder / place
        if _is_ranking(path):
            requests = read_requests(path)
            described = {
                "name": place.removesuffix(path.suffix),
                "source": dict(source),
                "questions": len(requests),
                "sha256": sha256_of(path),
                "content": digest_of_requests(requests),
                "ids": [request.qid for request in requests],
            }
        else:
            described = describe(load(path), source)
        described["files"] = [place] if path.is_file() else [f"{place}/corpus.jsonl", f"{place}/queries.jsonl"]
        yield _file_of(str(described["name"])), json.dumps(described, separators=(",", ":"), ensure_ascii=False) + "\n"
