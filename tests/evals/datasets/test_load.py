"""`load`: every form by its keys, folders, names, faults with their place, and what labels and split may not change."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passel.evals.datasets import hub, is_val, load
from passel.evals.question import DataPassage, pool_of
from passel.tools.errors import UsageError

ARN = {"title": "Arn", "text": "Arn is a port. Its ferry sails at nine."}
SEDGE = {"title": "Sedge", "text": "Sedge has a mill."}
MILL = {"title": "Mill", "text": "The mill of Sedge was built in 1790."}

MULTIHOP = {
    "id": "a1",
    "question": "When was the mill of the village on the Till built?",
    "answers": ["1790"],
    "type": "bridge",
    "passages": [{**ARN, "is_supporting": False}, {**SEDGE, "is_supporting": True}, {**MILL, "is_supporting": True}],
}
SQUAD = {"id": "s1", "title": "Arn", "context": ARN["text"], "question": "When?", "is_impossible": False, "answers": ["at nine", "nine"]}
SQUAD_OFFICIAL = {
    "version": "v2.0",
    "data": [
        {
            "title": "Arn",
            "paragraphs": [
                {
                    "context": ARN["text"],
                    "qas": [
                        {"id": "q1", "question": "When?", "is_impossible": False, "answers": [{"text": "nine", "answer_start": 34}]},
                        {"id": "q2", "question": "Why?", "is_impossible": True, "answers": []},
                    ],
                }
            ],
        }
    ],
}
NQ = {"question": "where does the ferry sail", "answers": ["Arn"], "ctxs": [{**ARN, "hasanswer": True, "isgold": True}]}
CLAPNQ = {
    "id": "-3",
    "input": "what is arn",
    "passages": [{**ARN, "sentences": ["Arn is a port.", "Its ferry sails at nine."]}, {**SEDGE, "sentences": ["Sedge has a mill."]}],
    "output": [{"answer": "A port with a ferry.", "selected_sentences": ["Arn is a port."], "meta": {}}],
}
MTRAG = {
    "task_id": "c<::>2",
    "input": [
        {"speaker": "user", "text": "What is Arn?"},
        {"speaker": "agent", "text": "A port."},
        {"speaker": "user", "text": "Does it have a ferry?"},
    ],
    "contexts": [{"document_id": "d", "text": ARN["text"]}],
    "targets": [{"speaker": "agent", "text": "Yes, at nine."}],
    "answerability": ["ANSWERABLE"],
}
HOTPOT = {
    "_id": "h1",
    "question": "Which port has a ferry?",
    "answer": "Arn",
    "type": "bridge",
    "supporting_facts": [["Arn", 0]],
    "context": [["Arn", ["Arn is a port.", " Its ferry sails."]], ["Sedge", ["Sedge has a mill."]]],
}
MUSIQUE = {
    "id": "2hop__1_2",
    "question": "When was the mill built?",
    "answer": "1790",
    "answer_aliases": ["in 1790"],
    "answerable": True,
    "paragraphs": [{"idx": 0, "title": "Mill", "paragraph_text": MILL["text"], "is_supporting": True}],
}
NQ_OPEN = {"question": "where does the ferry sail", "answer": ["Arn", "the port of Arn"]}
MULTIHOP_RAG = {"query": "Who wrote both?", "answer": "Ilse", "question_type": "inference_query", "evidence_list": [{"title": "Sedge", "fact": "…"}]}
TRIVIA_QA = {
    "question": "Which port has a ferry?",
    "question_id": "tc_1",
    "entity_pages": {"title": ["Arn"], "wiki_context": [ARN["text"]]},
    "search_results": [{"title": "Sedge", "search_context": SEDGE["text"]}],
    "answer": {"value": "Arn", "aliases": ["Arn", "the port of Arn"]},
}
BEIR_QUERY = {"_id": "q9", "text": "ferry times"}
FORMS = {
    "multihop": MULTIHOP,
    "squad": SQUAD,
    "squad official": SQUAD_OFFICIAL,
    "nq": NQ,
    "clapnq": CLAPNQ,
    "mtrag": MTRAG,
    "hotpot": HOTPOT,
    "musique": MUSIQUE,
    "nq_open": NQ_OPEN,
    "trivia_qa": TRIVIA_QA,
    "multihop-rag": MULTIHOP_RAG,
    "beir queries": BEIR_QUERY,
}

LABELS = frozenset(
    "answer answers answer_aliases answerable is_impossible is_supporting supporting_facts hasanswer isgold output targets answerability "
    "evidence_list question_type type gold_titles".split()
)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def lines(*records: Any, name: str = "set/dev.jsonl") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return path

    return lines


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_known_by_its_keys(write: Write, form: str) -> None:
    dataset = load(write(FORMS[form]))
    assert dataset.questions
    assert dataset.name == "set/dev"
    assert all(question.dataset == "set/dev" for question in dataset.questions)
    assert dataset.pool == pool_of(dataset.questions)
    assert all(passage.gold is None for passage in dataset.pool)


@pytest.mark.parametrize("form", FORMS)
def test_a_list_and_a_pretty_object_are_read_as_lines_are(tmp_path: Path, form: str) -> None:
    record = FORMS[form]
    for n, text in enumerate((json.dumps([record]), json.dumps(record, indent=2), json.dumps(record) + "\n\n", "\ufeff" + json.dumps(record))):
        path = tmp_path / f"{n}.json"
        path.write_text(text, encoding="utf-8")
        assert load(path).questions[0].question


def _unlabelled(value: Any, gone: bool) -> Any:
    """Without its labels: their keys gone, or null for each."""
    if isinstance(value, list):
        return [_unlabelled(each, gone) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: None if key in LABELS else _unlabelled(each, gone) for key, each in value.items() if not (gone and key in LABELS)}


@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize("form", FORMS)
def test_without_labels_it_is_the_same_question_and_nothing_is_known(write: Write, form: str, gone: bool) -> None:
    labelled = load(write(FORMS[form])).questions
    questions = load(write(_unlabelled(FORMS[form], gone))).questions
    for question, other in zip(questions, labelled, strict=True):
        assert (question.id, question.question, question.history) == (other.id, other.question, other.history)
        assert [(passage.title, passage.text) for passage in question.passages] == [(passage.title, passage.text) for passage in other.passages]
        assert (question.answers, question.answerable, question.gold, question.gold_titles) == ((), None, None, ())
        assert all(passage.gold is None for passage in question.passages)


def test_hotpotqas_test_set_keeps_its_passages(write: Write) -> None:
    """Its official form: `_id`, `question`, `context`."""
    question = load(write({key: HOTPOT[key] for key in ("_id", "question", "context")})).questions[0]
    assert [(passage.title, passage.text) for passage in question.passages] == [
        ("Arn", "Arn is a port. Its ferry sails."),
        ("Sedge", "Sedge has a mill."),
    ]


def test_the_first_record_of_a_file_may_be_the_one_without_labels(write: Write) -> None:
    for form, other in ((NQ_OPEN, "where does the mill stand"), (MULTIHOP_RAG, "Who else?"), (MULTIHOP, "What else?")):
        key = "query" if "query" in form else "question"
        first = _unlabelled(form | {key: other, "id": "first"}, gone=False)
        assert [bool(question.answers) for question in load(write(first, form)).questions] == [False, True]


def test_other_sets_with_a_query_are_not_taken_for_multihop_rag(write: Write) -> None:
    with pytest.raises(UsageError, match="no known form"):
        load(write({"query": "Which port?", "query_id": 3, "answers": ["Arn"], "passages": [ARN]}))


def test_a_split_cuts_the_questions_and_never_the_pool(write: Write) -> None:
    records = [{**MULTIHOP, "id": f"q{n}", "passages": [{"title": f"T{n}", "text": "words"}]} for n in range(60)]
    path = write(*records)
    whole = load(path)
    val, train = load(path, split="val"), load(path, split="train")
    assert [question.id for question in val.questions] == [record["id"] for record in records if is_val(record["id"])]
    assert sorted(val.questions + train.questions, key=lambda question: question.id) == sorted(whole.questions, key=lambda question: question.id)
    assert val.questions
    assert train.pool == val.pool == whole.pool
    assert len(whole.pool) == 60
    assert val.sha256 == whole.sha256


def test_a_folder_with_corpus_and_queries_is_an_open_set(write: Write) -> None:
    write(ARN | {"id": "0"}, SEDGE | {"id": "1"}, SEDGE | {"id": "2"}, name="open/corpus.jsonl")
    queries = write({"id": "a", "question": "Which port?", "answers": ["Arn"], "gold_titles": ["Arn"]}, name="open/queries.jsonl")
    dataset = load(queries.parent)
    assert dataset.name == "open"
    assert [passage.title for passage in dataset.pool] == ["Arn", "Sedge"]
    assert dataset.questions[0].gold_titles == ("Arn",)
    assert dataset.questions[0].answerable is True
    assert dataset.questions[0].gold == {dataset.pool[0].source}
    assert not dataset.questions[0].by_title
    alone = load(queries)
    assert alone.pool == ()
    assert alone.questions[0].gold_titles == ("Arn",)
    assert alone.questions[0].gold_sources == ()


@pytest.mark.parametrize(
    ("titles", "sources"),
    [
        (["Arn", "Sedge"], (DataPassage(**ARN).source, DataPassage(**SEDGE).source)),
        (["Arn", "Kell"], (DataPassage(**ARN).source, DataPassage("Kell", "").source)),  # none is called Kell: it will be missed
        (None, ()),
    ],
)
def test_titles_become_sources_where_each_is_one_passage_of_the_corpus(write: Write, titles: list[str] | None, sources: tuple[str, ...]) -> None:
    write(ARN, SEDGE, MILL, SEDGE, name="open/corpus.jsonl")
    folder = write({"id": "a", "question": "Which port?", "gold_titles": titles}, name="open/queries.jsonl").parent
    question = load(folder).questions[0]
    assert (question.gold_titles, question.gold_sources, question.by_title) == (tuple(titles or ()), sources, False)
    assert question.gold == (frozenset(sources) or None)


@pytest.mark.parametrize("titles", [["Arn", "Sedge"], ["Arn", "Mill"], None])
def test_where_a_title_is_there_twice_all_evidence_is_known_by_title_whatever_the_labels(write: Write, titles: list[str] | None) -> None:
    write(ARN, SEDGE, MILL, MILL | {"text": "Another mill."}, name="open/corpus.jsonl")
    folder = write({"id": "a", "question": "Which port?", "gold_titles": titles}, name="open/queries.jsonl").parent
    question = load(folder).questions[0]
    assert (question.gold_titles, question.gold_sources, question.by_title) == (tuple(titles or ()), (), True)


def test_a_question_of_an_open_set_with_passages_of_its_own_is_left_as_it_is(write: Write) -> None:
    write(ARN, name="open/corpus.jsonl")
    folder = write(MULTIHOP | {"gold_titles": ["Arn"]}, name="open/queries.jsonl").parent
    question = load(folder).questions[0]
    assert (question.gold_sources, question.by_title) == ((), False)


def test_a_beir_folder_is_an_open_set_too(write: Write) -> None:
    folder = write({"_id": "d1", **ARN}, {"_id": "d2", **SEDGE}, {"_id": "d3", "title": "", "text": "untitled"}, name="b/corpus.jsonl").parent
    write({"_id": "q1", "text": "port"}, {"_id": "q2", "text": "mill"}, {"_id": "q3", "text": "never judged"}, name="b/queries.jsonl")
    (folder / "qrels").mkdir()
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td3\t1\n")
    dataset = load(folder)
    arn, _, untitled = dataset.pool
    assert [(question.id, question.gold) for question in dataset.questions] == [("q1", {arn.source}), ("q2", {untitled.source})]
    assert not any(question.gold_titles or question.by_title for question in dataset.questions)


def test_beirs_evidence_is_documents_and_not_titles(write: Write) -> None:
    documents = [{"_id": "d1", **ARN}, {"_id": "d2", "title": "Arn", "text": "A name."}, {"_id": "d3", "text": "a"}, {"_id": "d4", "text": "b"}]
    folder = write(*documents, name="b/corpus.jsonl").parent
    write(*({"_id": f"q{n}", "text": "port"} for n in range(5)), name="b/queries.jsonl")
    judged = ["q0\td2\t1", "q1\td3\t1\nq1\td4\t2", "q2\tgone\t1", "q3\tgone\t1\nq3\td1\t1", "q4\td1\t0"]
    (folder / "qrels").mkdir()
    (folder / "qrels" / "test.tsv").write_text("\n".join(judged))
    dataset = load(folder)
    assert [(passage.title, passage.text) for passage in dataset.pool] == [(each.get("title", ""), each["text"]) for each in documents]
    first, second, third, fourth = (passage.source for passage in dataset.pool)
    lacking = "lacking gone"  # what the corpus does not have counts as missed
    assert [question.gold for question in dataset.questions] == [{second}, {third, fourth}, {lacking}, {first, lacking}, None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("[]", "is empty"),
        ("{bad", ":1: not JSON"),
        ('{"question": "\t"}', ":1: not JSON: Invalid control character at character 15"),
        (json.dumps(MULTIHOP) + "\n{bad\n", ":2: not JSON"),
        (json.dumps(MULTIHOP) + "\n\n[1]\n", ":3: not a JSON object"),
        (json.dumps(MULTIHOP) + '\n{"id": "b"}\n', ":2: it has no `question`"),
        (json.dumps(MULTIHOP | {"passages": [{"title": "T"}]}), ":1: passages[0]: it has no `text`"),
        (json.dumps(MULTIHOP | {"passages": [ARN | {"is_supporting": "yes"}]}), ":1: passages[0]: its `is_supporting` is neither true nor false"),
        (json.dumps(MULTIHOP | {"answers": [1]}), ":1: its `answers` is not a list of strings"),
        (json.dumps(MULTIHOP) + "\n" + json.dumps(MULTIHOP), "the id 'a1' is there twice"),
        ('{"colour": "red", "size": 3}', "no known form (keys: colour, size)"),
        ('{"query": "q", "hits": []}', "a file of rankings"),
        (json.dumps(ARN), "is a corpus"),
        ('{"data": []}', "holds no question"),
        ("19335 Q0 1017759 0\n", "not JSON"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "dev.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as raised:
        load(path)
    assert said in str(raised.value)
    assert "dev" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_not_there_and_folders_without_data_are_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file and no folder") as raised:
        load(tmp_path / "nothing.jsonl")
    assert "hotpotqa" in raised.value.hint
    (tmp_path / "dev.jsonl").write_text("{}")
    with pytest.raises(UsageError, match=r"without corpus\.jsonl") as raised:
        load(tmp_path)
    assert "dev.jsonl" in raised.value.hint


def test_not_utf8_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(b'{"question": "\xff"}')
    with pytest.raises(UsageError, match="byte 0xff"):
        load(tmp_path / "x.jsonl")


def test_names_of_official_sets_go_to_the_hub(monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    asked = []
    dataset = load(write(MULTIHOP))
    monkeypatch.setattr(hub, "load", lambda spec: asked.append(spec) or dataset)
    assert load("hotpotqa:train").questions == dataset.questions
    assert asked == ["hotpotqa:train"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _reads_or_says(path: Path) -> None:
    try:
        dataset = load(path)
    except UsageError as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert str(path) in said or "there twice" in said
        return
    assert all(question.question.strip() and question.id for question in dataset.questions)
    assert len({question.id for question in dataset.questions}) == len(dataset.questions)
    for question in dataset.questions:
        assert question.gold is None or all(source in {passage.source for passage in question.passages} for source in question.gold)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(content=st.binary() | st.text().map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_content_gives_questions_or_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.jsonl"
    path.write_bytes(content)
    _reads_or_says(path)
    path = tmp_path / "any.json"
    path.write_bytes(content)
    _reads_or_says(path)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in _places(each, (*path, key)))]


def _replaced(value: Any, path: tuple[Any, ...], by: Any) -> Any:
    if not path:
        return by
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = _replaced(value[path[0]], path[1:], by)
    return copied


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400, deadline=None)
@given(data=st.data(), form=st.sampled_from(sorted(FORMS)), by=JSON)
def test_a_record_with_anything_in_the_place_of_anything_is_read_or_named(tmp_path: Path, data: st.DataObject, form: str, by: Any) -> None:
    record = FORMS[form]
    changed = _replaced(record, data.draw(st.sampled_from(_places(record)[1:])), by)
    path = tmp_path / "changed.jsonl"
    path.write_text(json.dumps(changed) + "\n")
    _reads_or_says(path)
