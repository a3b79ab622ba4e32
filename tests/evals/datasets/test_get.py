"""Splits: described once, found again, rebuilt out of the official set; never silently another file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from passel.evals.datasets import get, hub, load
from passel.evals.datasets.describe import content_digest, describe, match_key
from passel.evals.question import DataPassage, Question
from passel.tools.errors import UsageError

DATA = Path(__file__).parents[4] / "shared" / "data"

RECORDS = [
    {
        "id": f"h{n}",
        "question": f"Where was person {n} born?",
        "answers": [f"Town {n}", f"town of {n}"],
        "type": "bridge",
        "passages": [
            {"title": f"Person {n}", "text": f"Born in Town {n}.  Twice.", "is_supporting": True},
            {"title": "Arn", "text": "A port.", "is_supporting": False},
        ],
    }
    for n in range(3)
]


def official(record: dict[str, Any], id: str) -> dict[str, Any]:
    """The same question as HotpotQA publishes it: sentences, other white space, another order of passages."""
    return {
        "_id": id,
        "question": record["question"],
        "answer": record["answers"][0],
        "type": "bridge",
        "supporting_facts": [[record["passages"][0]["title"], 0]],
        "context": [["Arn", ["A port."]], [record["passages"][0]["title"], [record["passages"][0]["text"].removesuffix("  Twice."), " Twice."]]],
    }


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with one split, described, from an official set that is out of reach."""
    folder = tmp_path / "data"
    path = folder / "hotpotqa" / "dev.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(record | {"answers": record["answers"][:1]}) + "\n" for record in RECORDS))
    monkeypatch.setattr(get, "SPLITS", tmp_path / "splits")
    monkeypatch.setattr(get, "SOURCES", {"hotpotqa/dev.jsonl": {"set": "hotpotqa", "splits": ["validation"]}})
    monkeypatch.setattr(hub, "_rows", _out_of_reach)
    (tmp_path / "splits").mkdir()
    for file, text in get.describe_all(folder):
        file.write_text(text)
    return folder


def _out_of_reach(*_: Any) -> Any:
    raise UsageError("the hub cannot be reached")


def put_official(folder: Path, records: list[dict[str, Any]]) -> None:
    place = folder / "official" / "hotpotqa"
    place.mkdir(parents=True)
    (place / "hotpot_dev_distractor_v1.json").write_text(json.dumps(records))


def test_a_split_tells_its_ids_and_digests(ours: Path) -> None:
    split = get.split_of("hotpotqa/dev")
    assert (split.questions, split.ids, split.files) == (3, ("h0", "h1", "h2"), ("hotpotqa/dev.jsonl",))
    assert [each.name for each in get.splits()] == ["hotpotqa/dev"]
    assert get.state_of(split, ours) == "same file"


def test_what_counts_and_what_does_not(ours: Path) -> None:
    split, path = get.split_of("hotpotqa/dev"), ours / "hotpotqa" / "dev.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n\n".join(reversed(lines)))
    assert get.state_of(split, ours) == "same content"
    path.write_text("\n".join(lines).replace("A port.", "A harbour."))
    assert get.state_of(split, ours) == "another file"
    path.write_text("{")
    assert get.state_of(split, ours) == "another file"
    path.unlink()
    assert get.state_of(split, ours) == "not there"


def test_rebuilt_out_of_the_official_file(ours: Path) -> None:
    path = ours / "hotpotqa" / "dev.jsonl"
    before = load(path)
    path.unlink()
    another = official(RECORDS[1] | {"question": "Other?"}, "x")
    put_official(ours, [official(RECORDS[2], "h2"), another, official(RECORDS[0], "h0"), official(RECORDS[1], "h1")])
    assert get.data_get("hotpotqa/dev", ours) == (path, "same content")
    rebuilt = load(path)
    assert [question.id for question in rebuilt.questions] == ["h0", "h1", "h2"]
    assert [question.answers for question in rebuilt.questions] == [question.answers for question in before.questions]
    assert not list(path.parent.glob("*.new"))
    assert get.data_get("hotpotqa/dev", ours) == (path, "same content")  # it is there


def test_another_edition_is_written_and_said(ours: Path) -> None:
    (ours / "hotpotqa" / "dev.jsonl").unlink()
    put_official(ours, [official(record | {"question": record["question"] + "!"}, record["id"]) for record in RECORDS])
    assert get.data_get("hotpotqa/dev", ours)[1] == "another file"


def test_out_of_reach_says_which_file_to_put_where(ours: Path) -> None:
    (ours / "hotpotqa" / "dev.jsonl").unlink()
    with pytest.raises(UsageError, match="cannot be reached") as raised:
        get.data_get("hotpotqa/dev", ours)
    assert "hotpot_dev_distractor_v1.json" in raised.value.hint
    assert str(ours / "official" / "hotpotqa") in raised.value.hint
    assert not (ours / "hotpotqa" / "dev.jsonl").exists()


def test_questions_that_are_not_there_are_counted(ours: Path) -> None:
    (ours / "hotpotqa" / "dev.jsonl").unlink()
    put_official(ours, [official(RECORDS[0], "h0")])
    with pytest.raises(UsageError, match="2 of the 3 questions"):
        get.data_get("hotpotqa/dev", ours)


def test_another_file_is_never_overwritten(ours: Path) -> None:
    path = ours / "hotpotqa" / "dev.jsonl"
    path.write_text('{"question": "mine?"}')
    with pytest.raises(UsageError, match="holds something else"):
        get.data_get("hotpotqa/dev", ours)
    assert path.read_text() == '{"question": "mine?"}'


@pytest.mark.parametrize("name", ["nothing", "../splits/hotpotqa-dev", "", "hotpotqa/dev.json"])
def test_unknown_names_are_said(ours: Path, name: str) -> None:
    with pytest.raises(UsageError, match="no split is called"):
        get.split_of(name)


def test_ids_of_our_own_are_matched_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(get, "SPLITS", tmp_path)
    mine = tmp_path / "mine.jsonl"
    labels = {"answers": ["a port"], "is_impossible": False}
    mine.write_text(json.dumps({"id": "our-1", "title": "Arn", "context": "Arn is a port.", "question": "What is Arn?", **labels}))
    source = {"set": "squad_v2", "splits": ["validation"], "match": "content"}
    described = describe(load(mine), source) | {"name": "s/dev", "files": ["s/dev.jsonl"]}
    (tmp_path / "s-dev.json").write_text(json.dumps(described))
    place = tmp_path / "official" / "squad_v2"
    place.mkdir(parents=True)
    qas = [{"id": "theirs", "question": "What is  Arn?", "is_impossible": False, "answers": [{"text": "a port", "answer_start": 7}]}]
    (place / "dev-v2.0.json").write_text(json.dumps({"data": [{"title": "Arn", "paragraphs": [{"context": "Arn is a port.", "qas": qas}]}]}))
    path, state = get.data_get("s/dev", tmp_path)
    assert state == "same content"
    assert load(path).questions[0].id == "our-1"


def test_what_is_published_in_no_known_form_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="cannot be fetched") as raised:
        get.data_get("clapnq/dev_answerable", tmp_path)
    assert "github.com/primeqa/clapnq" in raised.value.hint
    assert str(tmp_path / "clapnq" / "dev_answerable.jsonl") in raised.value.hint


def test_a_written_question_is_read_again_as_it_was(tmp_path: Path) -> None:
    passages = (DataPassage("T", " text\u2028 ", True), DataPassage("", "other", None))
    question = Question("1", "What?", ("a", "b"), False, "bridge", passages, ("T",))
    (tmp_path / "q.jsonl").write_text(json.dumps(get.as_record(question)))
    assert replace(load(tmp_path / "q.jsonl").questions[0], dataset="") == question


def test_the_way_to_the_answer_is_written_too(tmp_path: Path) -> None:
    texts = {"Hall": "Ilse built it.", "Ilse": "Born in Sedge."}
    passages = [{"title": title, "text": text, "is_supporting": True} for title, text in texts.items()]
    of_all = {"question": "Where was the builder of the hall born?", "answers": ["Sedge"], "passages": passages}
    steps = [{"question": "Hall >> builder", "answer": "Ilse"}, {"question": "Where was #1 born?", "answer": "Sedge"}]
    triples = [["hall", "builder", "Ilse"], ["Ilse", "born", "Sedge"]]
    rows = [{"id": "m", **of_all, "decomposition": steps}, {"id": "w", **of_all, "evidences": triples}]
    first, second = tmp_path / "a" / "q.jsonl", tmp_path / "b" / "q.jsonl"
    for path in (first, second):
        path.parent.mkdir()
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        questions = load(path).questions
        assert [len(question.hops) for question in questions] == [2, 2]
        assert [len(question.decomposition) for question in questions] == [2, 0]
        rows = [get.as_record(question) for question in questions]
    assert [replace(one, dataset="").hops[1] for one in load(first).questions] == [replace(one, dataset="").hops[1] for one in load(second).questions]


def test_the_content_digest() -> None:
    question = Question("1", "What is it?", ("a", "b"), True, passages=(DataPassage("T", "one two", True), DataPassage("U", "three", False)))
    same = [
        replace(question, answers=("b", "a", "b")),
        replace(question, passages=question.passages[::-1]),
        replace(question, type="bridge", dataset="x", question="What  is it? "),
        replace(question, passages=(DataPassage("T", "one\ntwo ", True), question.passages[1])),
    ]
    other = [
        replace(question, id="2"),
        replace(question, answers=("a",)),
        replace(question, passages=question.passages[:1]),
        replace(question, passages=(replace(question.passages[0], gold=None), question.passages[1])),
        replace(question, gold_titles=("T",)),
        replace(question, gold_sources=("0f",)),
    ]
    assert {content_digest([each]) for each in same} == {content_digest([question])}
    assert len({content_digest([each]) for each in (question, *other)}) == 1 + len(other)
    assert content_digest([question]) != content_digest([question], question.passages)
    assert match_key(question) == match_key(replace(question, id="9", passages=question.passages[:1]))


def test_the_described_splits_are_whole() -> None:
    splits = get.splits()
    assert {split.name for split in splits} == {source.removesuffix(".jsonl").removesuffix(".json") for source in get.SOURCES}
    for split in splits:
        assert len(split.ids) == len(set(split.ids)) == split.questions
        assert len(split.keys) in (0, split.questions)
        assert len(split.sha256) == len(split.content) == 64
        assert "set" not in split.source or split.source["set"] in hub.SETS
        assert {"set", "splits"} <= split.source.keys() or {"file", "page"} <= split.source.keys()
        assert get.split_of(split.name) == split
    assert sum(file.stat().st_size for file in get.SPLITS.glob("*.json")) < 700_000


@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_the_data_at_hand_is_what_was_described() -> None:
    for file, text in get.describe_all(DATA):
        assert file.read_text(encoding="utf-8") == text, file.name
