"""Requests, runs and qrels in all their forms; any text is read or named."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passel.evals.datasets.trec import RankedText, read_qrels, read_requests
from passel.tools.errors import UsageError

HITS = [
    {"content": "Arn has one.", "qid": 7, "docid": "d1", "rank": 1, "score": 3.5},
    {"content": "Kell.", "qid": 7, "docid": 2, "rank": 2, "score": 3.5},
]
OLD = {"query": "ferry", "hits": HITS}
NEW = {"query": {"text": "ferry", "qid": "7"}, "candidates": [{"docid": "d1", "score": 3.5, "doc": {"title": "Arn", "contents": "Arn has one."}}]}


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "beir"
    documents = [{"_id": "d1", "title": "Arn", "text": "Arn has a ferry."}, {"_id": "d2", "title": "", "text": "Kell."}]
    documents.append({"_id": "d3", "text": "Till."})
    put(folder / "corpus.jsonl", "".join(json.dumps(document) + "\n" for document in documents))
    put(folder / "queries.jsonl", '{"_id": "q1", "text": "ferry"}\n{"_id": "q2", "text": "river"}\n')
    put(folder / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t2\nq2\td3\t1\n")
    return folder


def test_rankllms_two_forms(tmp_path: Path) -> None:
    old = read_requests(put(tmp_path / "old.json", json.dumps([OLD], indent=1)))[0]
    assert (old.qid, old.query) == ("7", "ferry")
    assert old.hits == (RankedText("d1", "", "Arn has one.", 3.5), RankedText("2", "", "Kell.", 3.5))
    for name, text in (("new.json", json.dumps([NEW])), ("new.jsonl", json.dumps(NEW) + "\n")):
        assert read_requests(put(tmp_path / name, text))[0].hits == (RankedText("d1", "Arn", "Arn has one.", 3.5),)


def test_the_given_order_stays_whatever_ranks_and_scores_say(tmp_path: Path) -> None:
    hits = [{"content": "a", "qid": 1, "docid": "a", "rank": 9, "score": 1.0}, {"content": "b", "qid": 1, "docid": "b", "rank": 1, "score": 2.0}]
    request = read_requests(put(tmp_path / "r.json", json.dumps([{"query": "q", "hits": hits}])))[0]
    assert [hit.docid for hit in request.hits] == ["a", "b"]


def test_a_run_takes_its_texts_from_the_beir_folder(beir: Path, tmp_path: Path) -> None:
    lines = "q2 Q0 d3 1 5.0 tag\nq1 Q0 d2 2 1.5 tag\nq1 Q0 d1 1 1.5 tag\nq1\tQ0\td3\t0\t9\ttag\n"
    requests = read_requests(put(tmp_path / "elsewhere" / "first.trec", lines), beir)
    assert [(request.qid, request.query) for request in requests] == [("q2", "river"), ("q1", "ferry")]
    assert [hit.docid for hit in requests[1].hits] == ["d3", "d1", "d2"]  # by score, equal scores by rank
    assert requests[1].hits[1] == RankedText("d1", "Arn", "Arn has a ferry.", 1.5)
    assert read_requests(put(beir / "first.trec", lines)) == requests


def test_texts_may_be_tsv(tmp_path: Path) -> None:
    put(tmp_path / "corpus.tsv", "d1\tArn has a ferry.\n")
    put(tmp_path / "queries.tsv", "q1\tferry\n")
    assert read_requests(put(tmp_path / "run.txt", "q1 Q0 d1 1 2.5 t\n"))[0].hits[0].text == "Arn has a ferry."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("q1 Q0 d1 1 2.5\n", ":1: not a line of a TREC run"),
        ("q1 Q0 d1 1 2.5 t\nq1 Q0 d1 2 2.4 t\n", ":2: the document 'd1' is there twice"),
        ("q1 Q0 d1 1 high t\n", ":1: 'high' is not a number"),
        ("q1 Q0 d1 1 nan t\n", ":1: 'nan' is not a number"),
        ("q1 Q0 d9 1 2 t\n", "does not hold 'd9'"),
        ("q9 Q0 d1 1 2 t\n", "does not hold 'q9'"),
        (json.dumps([OLD, OLD]), "the query '7' is there twice"),
        (json.dumps([{"query": "q", "hits": []}]), "record 1: it has no `qid`"),
        (json.dumps([{"query": "q", "hits": [HITS[0], {**HITS[1], "qid": 8}]}]), "of several queries"),
        (json.dumps([{"query": "q", "hits": [HITS[0]] * 2}]), "the document 'd1' is there twice"),
        (json.dumps([{**NEW, "candidates": [{"docid": "d", "score": 1, "doc": {"url": "x"}}]}]), "no text in it"),
        (json.dumps([{"question": "q"}]), "neither `hits` nor `candidates`"),
    ],
)
def test_what_is_wrong_with_a_ranking_is_said(beir: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_requests(put(beir / "r", text))
    assert said in str(raised.value)


def test_a_folder_has_nothing_to_rerank(beir: Path) -> None:
    with pytest.raises(UsageError, match="no ranking"):
        read_requests(beir)


def test_qrels_of_trec_and_beir(tmp_path: Path, beir: Path) -> None:
    assert read_qrels(put(tmp_path / "q.txt", "1 Q0 a 2\n1 Q0 b -1\n2 0 a 0\n")) == {"1": {"a": 2, "b": -1}, "2": {"a": 0}}
    expected = {"q1": {"d1": 2}, "q2": {"d3": 1}}
    assert read_qrels(beir / "qrels" / "test.tsv") == expected
    assert read_qrels(beir) == expected
    assert read_qrels(put(tmp_path / "no-heading.tsv", "q1\td1\t2\nq2\td3\t1")) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("query-id\tcorpus-id\tscore\n", "is empty"),
        ("1 Q0 a 2\n1 Q0\n", ":2: not a line of qrels"),
        ("1 Q0 a 2.5\n", ":1: the relevance '2.5' is not a whole number"),
    ],
)
def test_what_is_wrong_with_qrels_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_qrels(put(tmp_path / "q", text))
    assert said in str(raised.value)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(data=st.data())
def test_any_text_is_read_or_named(beir: Path, data: st.DataObject) -> None:
    record: dict[str, Any] = data.draw(st.sampled_from([OLD, NEW]))
    changed = {**record, data.draw(st.sampled_from(sorted(record))): data.draw(JSON)}
    text = data.draw(st.text() | st.just(json.dumps([changed])) | st.from_regex(r"(q[12] Q0 d[123] [0-9] [0-9a.]{1,3} t\n){1,3}", fullmatch=True))
    path = put(beir / "any", text)
    for read in (read_requests, read_qrels):
        with contextlib.suppress(UsageError):
            assert read(path)
