"""Official sets on the Hugging Face hub, by name: where each is, and what becomes of a row. A file in a set's own form is read in the same way.

Schemas, as the cards and files of the repositories give them (read July 2026 in stored copies of huggingface.co; no script runs, all are data files):

- hotpotqa/hotpot_qa, config distractor: id, question, answer, type, level, supporting_facts {title[], sent_id[]}, context {title[], sentences[][]}.
  The official JSON (hotpotqa.github.io) has `_id`, and lists of pairs in the place of both objects. A sentence begins with its own space.
- framolfese/2WikiMultihopQA: the original 2WikiMultihopQA in HotpotQA's layout, and `evidences`; sentences without spaces around them.
- dgslibisey/MuSiQue: the authors' musique_ans_v1.0 files: id, question, answer, answer_aliases[], answerable, question_decomposition,
  paragraphs [{idx, title, paragraph_text, is_supporting}].
- google-research-datasets/nq_open: question, answer[]. Without ids and passages.
- mandarjoshi/trivia_qa, config rc: question, question_id, entity_pages {title[], wiki_context[], …}, search_results {title[], search_context[], …},
  answer {value, aliases[], …}. Whole documents; that one of them holds the answer string does not make it evidence, so gold is unknown.
- yixuantt/MultiHopRAG, split train, configs MultiHopRAG (query, answer, question_type, evidence_list [{title, fact, …}]) and corpus (title, body, …).
  Whole articles; evidence is known by title. A null_query has no evidence: not answerable.
- rajpurkar/squad_v2 and google/xquad (xquad.en): id, title, context, question, answers {text[], answer_start[]}.

Any label may be absent or null, as test sets have it: unknown. So a form is known by what is asked and searched, never by a label.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...tools.errors import UsageError
from ..question import DataPassage, Dataset, Question, distinct, pool_of
from . import squad2
from .describe import content_digest
from .multihop import over, way_of
from .records import Record, ids_of

INSTALL = 'pip install "passel[hub]"'


# ---- rows ----


def hotpotqa(records: Sequence[Record]) -> tuple[Question, ...]:
    """Rows of HotpotQA and of 2WikiMultihopQA."""
    ids = ids_of(records, [record.text("question") for record in records])
    return tuple(_hotpotqa(record, id) for record, id in zip(records, ids, strict=True))


def _hotpotqa(record: Record, id: str) -> Question:
    gold = {fact.string("title") for fact in record.records("supporting_facts", ("title", "sent_id"))}  # empty: a test set, without labels
    passages = distinct(
        [
            DataPassage(title, joined(each.strings("sentences")), title in gold if gold else None)
            for each in record.records("context", ("title", "sentences"))
            for title in [each.string("title")]
        ]
    )
    answers = record.answers("answer")
    whole = bool(gold) and gold <= {passage.title for passage in passages}
    hops, _ = way_of(record, passages)
    return Question(
        id, record.text("question"), answers, True if answers and whole else None, type=record.string("type", ""), passages=passages, hops=hops
    )


def joined(sentences: Sequence[str]) -> str:
    """Where sentences bring their own spaces, as they are; else with one between them."""
    return ("" if any(sentence[:1].isspace() for sentence in sentences[1:]) else " ").join(sentences)


def musique(records: Sequence[Record]) -> tuple[Question, ...]:
    """MuSiQue-Ans. MuSiQue-Full is refused: each question has a twin of the same id there, and what is chosen by ids would part the two."""
    ids = ids_of(records, [record.text("question") for record in records])
    return tuple(_musique(record, id) for record, id in zip(records, ids, strict=True))


def _musique(record: Record, id: str) -> Question:
    passages = distinct(
        [DataPassage(each.string("title"), each.string("paragraph_text"), each.flag("is_supporting")) for each in record.records("paragraphs")]
    )
    answerable = record.flag("answerable")
    answers = tuple(dict.fromkeys([*record.answers("answer"), *record.answers("answer_aliases")]))
    known = answers and any(passage.gold for passage in passages)
    hops, steps = way_of(record, passages, key="question_decomposition")
    return Question(
        id,
        record.text("question"),
        answers,
        answerable if answerable is False or known else None,
        type=id.split("__")[0] if "__" in id else "",  # "3hop1__…": the shape of its decomposition
        passages=passages,
        hops=hops,
        decomposition=steps,
    )


def nq_open(records: Sequence[Record]) -> tuple[Question, ...]:
    questions = [record.text("question") for record in records]
    ids = ids_of(records, questions)
    return tuple(Question(id, question, record.answers("answer")) for id, question, record in zip(ids, questions, records, strict=True))


def trivia_qa(records: Sequence[Record]) -> tuple[Question, ...]:
    return tuple(_trivia_qa(record) for record in records)


def _trivia_qa(record: Record) -> Question:
    id = record.id("question_id")
    if id is None:
        raise record.fault("it has no `question_id`")
    labels = [record.record("answer")] if record.fields.get("answer") is not None else []
    wordings = dict.fromkeys(wording for answer in labels for wording in (*answer.answers("value"), *answer.answers("aliases")))
    documents = [
        DataPassage(each.string("title", ""), each.string(content, ""))
        for pages, content in (("entity_pages", "wiki_context"), ("search_results", "search_context"))
        for each in record.records(pages)
    ]
    return Question(
        id,
        record.text("question"),
        tuple(wording for wording in wordings if wording != "<unk>"),  # the test set's
        passages=distinct([document for document in documents if document.text.strip()]),
    )


def multihop_rag(records: Sequence[Record]) -> tuple[Question, ...]:
    queries = [record.text("query") for record in records]
    return tuple(_multihop_rag(record, id) for record, id in zip(records, ids_of(records, queries), strict=True))


def _multihop_rag(record: Record, id: str) -> Question:
    titles = tuple(dict.fromkeys(each.text("title") for each in record.records("evidence_list")))
    kind = record.string("question_type", "")
    answerable = False if kind == "null_query" else True if titles else None
    return Question(id, record.text("query"), record.answers("answer") if answerable is not False else (), answerable, type=kind, gold_titles=titles)


def multihop_rag_corpus(records: Sequence[Record]) -> tuple[DataPassage, ...]:
    return distinct([DataPassage(record.string("title", ""), record.string("body")) for record in records])


# ---- sets ----

Read = Callable[[Sequence[Record]], tuple[Question, ...]]


@dataclass(frozen=True, slots=True)
class OfficialSet:
    repo: str
    """On the hub, or a local folder in the hub's layout."""
    read: Read
    page: str
    """Where the files are published outside the hub,"""
    files: Mapping[str, str]
    """and which file each split is; read by `load` too."""
    config: str | None = None
    split: str = "validation"
    """What is measured where no split is named."""
    corpus: str | None = None
    """The config that holds the corpus."""


SETS: Mapping[str, OfficialSet] = {
    "hotpotqa": OfficialSet(
        "hotpotqa/hotpot_qa",
        hotpotqa,
        "https://hotpotqa.github.io",
        {"train": "hotpot_train_v1.1.json", "validation": "hotpot_dev_distractor_v1.json"},
        config="distractor",
    ),
    "2wikimultihopqa": OfficialSet(
        "framolfese/2WikiMultihopQA", hotpotqa, "https://github.com/Alab-NII/2wikimultihop", {"train": "train.json", "validation": "dev.json"}
    ),
    "musique": OfficialSet(
        "dgslibisey/MuSiQue",
        musique,
        "https://github.com/StonyBrookNLP/musique",
        {"train": "musique_ans_v1.0_train.jsonl", "validation": "musique_ans_v1.0_dev.jsonl"},
    ),
    "nq_open": OfficialSet(
        "google-research-datasets/nq_open",
        nq_open,
        "https://github.com/google-research-datasets/natural-questions/tree/master/nq_open",
        {"train": "NQ-open.train.jsonl", "validation": "NQ-open.dev.jsonl"},
    ),
    "trivia_qa": OfficialSet("mandarjoshi/trivia_qa", trivia_qa, "https://nlp.cs.washington.edu/triviaqa", {}, config="rc"),
    "multihop-rag": OfficialSet(
        "yixuantt/MultiHopRAG",
        multihop_rag,
        "https://github.com/yixuantt/MultiHop-RAG",
        {"train": "MultiHopRAG.json"},
        config="MultiHopRAG",
        split="train",
        corpus="corpus",
    ),
    "squad_v2": OfficialSet(
        "rajpurkar/squad_v2",
        squad2.read,
        "https://rajpurkar.github.io/SQuAD-explorer",
        {"train": "train-v2.0.json", "validation": "dev-v2.0.json"},
        config="squad_v2",
    ),
    "xquad_en": OfficialSet(
        "google/xquad", squad2.read, "https://github.com/google-deepmind/xquad", {"validation": "xquad.en.json"}, config="xquad.en"
    ),
}


_MULTIHOP_RAG = {"id", "_id", "qid", "query", "answer", "question_type", "evidence_list"}
"""Its query alone has the key of many other sets: these keys and no others are its own."""
_OURS = ("answers", "passages", "gold_titles")


def reader_of(record: Record) -> Read | None:
    """The converter for a file of such records, labelled or not; None where they are no official set's."""
    fields, keys = record.fields, record.fields.keys()
    if "question" in keys and isinstance(fields.get("context"), list | Mapping):
        return hotpotqa
    if {"question", "paragraphs"} <= keys:
        return musique
    if "question_id" in keys and not keys.isdisjoint(("entity_pages", "search_results")):
        return trivia_qa
    if "query" in keys and ("evidence_list" in keys or keys <= _MULTIHOP_RAG):
        return multihop_rag
    if {"question", "answer"} <= keys and keys.isdisjoint(_OURS) and isinstance(fields["answer"], list | None):
        return nq_open  # without `answer` it is our own form, which reads the same
    return None


def is_official(spec: str) -> bool:
    return spec.partition(":")[0] in SETS


def load(spec: str) -> Dataset:
    """By name ("hotpotqa"), or name and split ("hotpotqa:train"). Raises UsageError where the hub cannot be reached."""
    name, _, split = spec.partition(":")
    return load_set(SETS[name], spec, split)


def load_set(official: OfficialSet, name: str, split: str = "") -> Dataset:
    """`name`: of the Dataset. Its sha256 is that of the content: there is no one file."""
    split = split or official.split
    questions = official.read(_records(official, official.config, split))
    questions = tuple(replace(question, dataset=name) for question in questions)
    if official.corpus is None:
        return Dataset(name, questions, pool_of(questions), content_digest(questions))
    pool = multihop_rag_corpus(_records(official, official.corpus, split))
    return Dataset(name, over(questions, pool), pool, content_digest(questions, pool))


def _records(official: OfficialSet, config: str | None, split: str) -> list[Record]:
    return [Record(f"{official.repo} {split}[{n}]", row) for n, row in enumerate(_rows(official, config, split))]


def _rows(official: OfficialSet, config: str | None, split: str) -> Iterable[Mapping[str, Any]]:
    try:
        import datasets
    except ImportError:
        raise UsageError("official sets need the package `datasets`", f"Install it: {INSTALL}") from None
    file = official.files.get(split)
    elsewhere = f"Fetch {file} from {official.page} and name that file instead." if file else f"What {official.page} has is of another form."
    _reach(official, elsewhere)
    try:
        rows: Iterable[Mapping[str, Any]] = datasets.load_dataset(official.repo, config, split=split)
    except ValueError as error:  # no such split, with those that there are
        raise UsageError(f"{official.repo}: {' '.join(str(error).split())}") from None
    except Exception as error:  # of requests, httpx, fsspec, pyarrow …: what went wrong underneath is for the log
        raise UsageError(f"{official.repo} cannot be fetched: {_line(error)}", elsewhere) from error
    return rows


def _reach(official: OfficialSet, elsewhere: str) -> None:
    """Asks the hub once, so that being offline is said in seconds and not after five retries. With HF_HUB_OFFLINE its cache alone is read."""
    from huggingface_hub import HfApi, constants

    if Path(official.repo).is_dir() or constants.HF_HUB_OFFLINE:
        return
    try:
        HfApi().dataset_info(official.repo, timeout=10)
    except Exception as error:
        hint = f"{elsewhere} With HF_HUB_OFFLINE=1 what was fetched before is read."
        raise UsageError(f"the Hugging Face hub cannot be reached for {official.repo}: {_line(error)}", hint) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


