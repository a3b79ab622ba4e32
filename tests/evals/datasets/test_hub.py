"""Official sets in their real schema: small files of our own in the hub's layout, loaded by `datasets.load_dataset` itself, without a network."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from passel.evals.datasets import hub, load
from passel.evals.datasets.records import Record
from passel.evals.question import Dataset, Step
from passel.tools.errors import UsageError

hf = pytest.importorskip("datasets", reason="the extra `hub` is not installed")

Make = Callable[..., Dataset]

TEXT, INT = hf.Value("string"), hf.Value("int32")
HOTPOT = hf.Features(
    dict.fromkeys(("id", "question", "answer", "type", "level"), TEXT)
    | {
        "supporting_facts": hf.Sequence({"title": TEXT, "sent_id": INT}),
        "context": hf.Sequence({"title": TEXT, "sentences": hf.Sequence(TEXT)}),
    }
)
ROW = {
    "id": "5a",
    "question": "Where was the architect of the Harbour Hall born?",
    "answer": "Sedge",
    "type": "bridge",
    "level": "hard",
    "supporting_facts": {"title": ["Harbour Hall", "Ilse Marn", "Ilse Marn"], "sent_id": [0, 0, 1]},
    "context": {
        "title": ["Arn", "Harbour Hall", "Ilse Marn"],
        "sentences": [
            ["Arn is a port."],
            ["The hall was designed by Ilse Marn.", " It has a clock."],
            ["Ilse Marn was an architect.", " She was born in Sedge."],
        ],
    },
}


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A local repository in the hub's layout, read as the official set of that name."""
    monkeypatch.setattr(hf.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    hf.disable_progress_bars()

    def made(name: str, rows: list[dict[str, Any]], features: Any = None, corpus: list[dict[str, Any]] | None = None, asked: str = "") -> Dataset:
        official = hub.SETS[name]
        split = official.split
        folder = tmp_path / f"repo {len(list(tmp_path.iterdir()))}"  # the library's cache knows a repository by its path
        configs = []
        for config, listed, schema in ((official.config or "default", rows, features), (official.corpus, corpus, None)):
            if config is None or listed is None:
                continue
            place = folder / config
            place.mkdir(parents=True)
            if schema is None:
                (place / f"{split}.json").write_text(json.dumps(listed), encoding="utf-8")
            else:
                hf.Dataset.from_list(listed, features=schema).to_parquet(place / f"{split}-00000-of-00001.parquet")
            configs.append(f"- config_name: {config}\n  data_files:\n  - split: {split}\n    path: {config}/{split}*\n")
        (folder / "README.md").write_text("---\nconfigs:\n" + "".join(configs) + "---\n")
        return hub.load_set(replace(official, repo=str(folder)), name, asked)

    return made


def test_hotpotqa_as_parquet(make: Make) -> None:
    dataset = make("hotpotqa", [ROW], HOTPOT)
    question = dataset.questions[0]
    assert (dataset.name, question.id, question.dataset, question.type) == ("hotpotqa", "5a", "hotpotqa", "bridge")
    assert question.answers == ("Sedge",)
    assert question.answerable is True
    assert [(passage.title, passage.gold) for passage in question.passages] == [("Arn", False), ("Harbour Hall", True), ("Ilse Marn", True)]
    assert question.passages[1].text == "The hall was designed by Ilse Marn. It has a clock."
    assert len(dataset.pool) == 3


def test_hotpotqas_official_json_gives_the_same_questions(make: Make, tmp_path: Path) -> None:
    hub_set = make("hotpotqa", [ROW], HOTPOT)
    official = {key: value for key, value in ROW.items() if key not in ("id", "context", "supporting_facts")} | {
        "_id": "5a",
        "supporting_facts": [list(pair) for pair in zip(*ROW["supporting_facts"].values(), strict=True)],
        "context": [list(pair) for pair in zip(*ROW["context"].values(), strict=True)],
    }
    file = tmp_path / "hotpot_dev_distractor_v1.json"
    file.write_text(json.dumps([official]))
    assert [replace(question, dataset="hotpotqa") for question in load(file).questions] == list(hub_set.questions)


def test_a_test_set_without_labels_is_unknown(make: Make) -> None:
    question = make("hotpotqa", [ROW | {"answer": None, "supporting_facts": {"title": [], "sent_id": []}}], HOTPOT).questions[0]
    assert question.answers == ()
    assert question.answerable is None
    assert question.gold is None


def test_2wikimultihopqa_joins_its_sentences_with_a_space(make: Make) -> None:
    row = ROW | {"context": {"title": ["Ilse Marn"], "sentences": [["Ilse Marn was an architect.", "She was born in Sedge."]]}}
    question = make("2wikimultihopqa", [row], HOTPOT).questions[0]
    assert question.passages[0].text == "Ilse Marn was an architect. She was born in Sedge."
    assert question.answerable is None  # the other evidence is not there
    for triples in ([["Ilse Marn", "place of birth", "Sedge"]], {"fact": ["Ilse Marn"], "relation": ["place of birth"], "entity": ["Sedge"]}):
        known = hub.hotpotqa([Record("a row", row | {"evidences": triples})])[0]
        assert [(hop.question, hop.answer) for hop in known.hops] == [("What is the place of birth of Ilse Marn?", "Sedge")]


def test_musique_as_its_authors_release_it(make: Make) -> None:
    paragraphs = [
        {"idx": 0, "title": "Sedge", "paragraph_text": "Sedge has a mill.", "is_supporting": True},
        {"idx": 1, "title": "Sedge", "paragraph_text": "Sedge is also a plant.", "is_supporting": False},
    ]
    row = {
        "id": "3hop1__12_34_56",
        "paragraphs": paragraphs,
        "question": "When was the mill built?",
        "question_decomposition": [{"id": 12, "question": "mill >> built", "answer": "1790", "paragraph_support_idx": 0}],
        "answer": "1790",
        "answer_aliases": ["in 1790", "1790"],
        "answerable": True,
    }
    answered, not_answered = make("musique", [row, row | {"id": "2hop__1_2", "answerable": False}]).questions
    assert answered.answers == ("1790", "in 1790")
    assert answered.type == "3hop1"
    assert [passage.gold for passage in answered.passages] == [True, False]  # a passage, never a title
    assert answered.answerable is True
    assert not_answered.answerable is False
    assert answered.decomposition == (Step("mill built", "1790"),)


def test_nq_open_gets_ids_from_its_texts(make: Make) -> None:
    features = hf.Features({"question": TEXT, "answer": hf.Sequence(TEXT)})
    rows = [{"question": "one", "answer": ["1", "I"]}, {"question": "two", "answer": ["2"]}]
    dataset = make("nq_open", rows, features)
    assert [(question.id, question.answers, question.answerable) for question in dataset.questions] == [
        ("7692c3ad3540bb80", ("1", "I"), None),
        ("3fc4ccfe745870e2", ("2",), None),
    ]
    assert dataset.pool == ()


def test_trivia_qas_documents_are_passages_of_unknown_worth(make: Make) -> None:
    pages = dict.fromkeys(("doc_source", "filename", "title", "wiki_context"), TEXT)
    found = dict.fromkeys(("description", "filename", "title", "url", "search_context"), TEXT) | {"rank": INT}
    names = ("matched_wiki_entity_name", "normalized_matched_wiki_entity_name", "normalized_value", "type", "value")
    answer = dict.fromkeys(names, TEXT) | {"aliases": hf.Sequence(TEXT), "normalized_aliases": hf.Sequence(TEXT)}
    documents = {"entity_pages": hf.Sequence(pages), "search_results": hf.Sequence(found)}
    features = hf.Features({"question": TEXT, "question_id": TEXT, "question_source": TEXT, **documents, "answer": answer})
    row = {
        "question": "Which river passes Sedge?",
        "question_id": "tc_1",
        "question_source": "",
        "entity_pages": {"doc_source": ["TagMe"], "filename": ["Sedge.txt"], "title": ["Sedge"], "wiki_context": ["Sedge lies on the Till."]},
        "search_results": {name: ["Till"] for name in found if name != "rank"} | {"rank": [0]},
        "answer": dict.fromkeys(names, "") | {"value": "Till", "aliases": ["The Till", "Till"], "normalized_aliases": ["till"]},
    }
    of_a_test_set = row | {"question_id": "tc_2", "answer": row["answer"] | {"value": "<unk>", "aliases": []}}
    question, unknown = make("trivia_qa", [row, of_a_test_set], features).questions
    assert question.answers == ("Till", "The Till")
    assert [(passage.title, passage.gold) for passage in question.passages] == [("Sedge", None), ("Till", None)]
    assert question.gold is None
    assert unknown.answers == ()


def test_multihop_rag_is_an_open_set(make: Make) -> None:
    about = {"author": "a", "url": "u", "source": "s", "category": "c", "published_at": "2023"}
    evidence = [{"title": title, **about, "fact": "f"} for title in ("Port", "Mill", "Port")]
    rows = [
        {"query": "Which paper wrote of both?", "answer": "Arn Post", "question_type": "inference_query", "evidence_list": evidence},
        {"query": "Who is nobody?", "answer": "Insufficient information.", "question_type": "null_query", "evidence_list": []},
    ]
    corpus = [{"title": title, **about, "body": f"{title} news"} for title in ("Port", "Mill")]
    dataset = make("multihop-rag", rows, corpus=corpus)
    assert dataset.questions[0].gold_titles == ("Port", "Mill")
    assert dataset.questions[0].gold == {passage.source for passage in dataset.pool}
    assert [question.answerable for question in dataset.questions] == [True, False]
    assert dataset.questions[1].answers == ()
    assert [(passage.title, passage.text) for passage in dataset.pool] == [("Port", "Port news"), ("Mill", "Mill news")]


def test_multihop_rag_as_its_authors_publish_it(tmp_path: Path) -> None:
    asked = {"query": "Which paper?", "answer": "Arn Post", "question_type": "inference_query", "evidence_list": [{"title": "Port", "fact": "f"}]}
    (tmp_path / "MultiHopRAG.json").write_text(json.dumps([asked]))
    (tmp_path / "corpus.json").write_text(json.dumps([{"title": title, "body": f"{title} news", "url": "u"} for title in ("Port", "Mill")]))
    dataset = load(tmp_path)
    assert dataset.questions[0].gold == {dataset.pool[0].source}
    assert len(dataset.pool) == 2


def test_squad_v2(make: Make) -> None:
    features = hf.Features(
        dict.fromkeys(("id", "title", "context", "question"), TEXT) | {"answers": hf.Sequence({"text": TEXT, "answer_start": INT})}
    )
    base = {"title": "Arn", "context": "Arn is a port."}
    rows = [
        base | {"id": "a", "question": "What is it?", "answers": {"text": ["a port", "a port"], "answer_start": [7, 7]}},
        base | {"id": "b", "question": "Why?", "answers": {"text": [], "answer_start": []}},
    ]
    dataset = make("squad_v2", rows, features)
    assert [(question.answers, question.answerable) for question in dataset.questions] == [(("a port",), True), ((), False)]
    assert len(dataset.pool) == 1


def test_the_same_content_has_the_same_digest_and_other_content_another(make: Make) -> None:
    first = make("hotpotqa", [ROW], HOTPOT)
    again = make("hotpotqa", [ROW | {"level": "easy"}], HOTPOT)
    other = make("hotpotqa", [ROW | {"answer": "Arn"}], HOTPOT)
    assert first.sha256 == again.sha256 != other.sha256


def test_a_split_that_is_not_there_is_said(make: Make) -> None:
    with pytest.raises(UsageError, match="validation"):
        make("hotpotqa", [ROW], HOTPOT, asked="test")


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UsageError) as raised:
        hub.load("hotpotqa")
    assert 'pip install "passel[hub]"' in raised.value.hint


def test_out_of_reach_says_which_file_to_name_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def no_network(*_: Any, **__: Any) -> None:
        raise ConnectionError("[Errno -2] Name or service not known")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", no_network)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(UsageError, match=r"hub cannot be reached for hotpotqa/hotpot_qa: .*Name or service") as raised:
        hub.load("hotpotqa")
    assert "hotpot_dev_distractor_v1.json from https://hotpotqa.github.io" in raised.value.hint
    with pytest.raises(UsageError) as raised:
        hub.load("trivia_qa")
    assert "None" not in raised.value.hint
