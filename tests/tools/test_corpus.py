"""The corpus as its users see it: indexing files again and again, searching, filters, errors in words."""

from __future__ import annotations

import json
import math
import os
import runpy
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passel.tools.corpus import Corpus, IndexReport, Progress
from passel.tools.document import Document
from passel.tools.encoder import Encoder
from passel.tools.errors import CorpusMismatch, UsageError
from passel.tools.passage import passage_ids
from passel.tools.vectors import nearest_rows

worker = runpy.run_path(str(Path(__file__).with_name("corpus_worker.py")))
HashEncoder = worker["HashEncoder"]
DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Corpus]:
    with Corpus.open(tmp_path / "corpora" / "wiki", encoder=HashEncoder(), create=True) as made:
        yield made


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    for name, text in {
        "harbour.md": "# Harbour\n\nThe old harbour lies in the north.\n",
        "people/mayor.md": "# Mayor\n\nThe mayor keeps the lighthouse.\n",
        "people/poet.txt": "The poet wrote about the sea.\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def changes(report: IndexReport) -> tuple[int, int, int, int, int]:
    """added, unchanged, updated, removed, refused"""
    assert report.passages == report.chroma == report.lexical
    return report.added, report.unchanged, report.updated, report.removed, len(report.refused)


def texts(corpus: Corpus, query: str, n: int = 5, filters: Any = None) -> list[str]:
    return [passage.text for passage in corpus.get([id_ for id_, _ in corpus.lexical(query, n, filters)])]


# ---- files ----


def test_a_folder_is_indexed_and_again_adds_nothing(corpus: Corpus, docs: Path) -> None:
    assert changes(corpus.index([docs])) == (3, 0, 0, 0, 0)
    assert corpus.sources() == ["harbour.md", "people/mayor.md", "people/poet.txt"]
    seq, encoded = corpus.seq, corpus.encoder.encoded
    assert changes(corpus.index(str(docs))) == (0, 3, 0, 0, 0)
    assert (corpus.seq, corpus.encoder.encoded) == (seq, encoded)


def test_every_passage_stands_at_its_place_in_the_stored_text(corpus: Corpus, docs: Path) -> None:
    corpus.index([docs])
    with corpus._store.reading() as reading:
        passages = reading.passages(reading.vectors_after(0)[0])
    assert len(passages) == 3
    for passage in passages:
        text = corpus.document(passage.source)
        assert text is not None
        assert text[passage.start : passage.end] == passage.text


def test_only_what_changed_is_encoded_again(corpus: Corpus, docs: Path) -> None:
    paragraphs = [f"## Part {i}\n\n" + " ".join(f"word{i}x{j}" for j in range(150)) + "." for i in range(6)]
    (docs / "long.md").write_text("# Long\n\n" + "\n\n".join(paragraphs))
    corpus.index([docs])
    before, encoded = {id_ for id_, _ in corpus.dense(np.ones(32), 100)}, corpus.encoder.encoded
    (docs / "long.md").write_text("# Long\n\n" + "\n\n".join([*paragraphs[:3], "## New\n\nSomething new.", *paragraphs[3:5]]))
    assert changes(corpus.index([docs])) == (0, 3, 1, 0, 0)
    after = {id_ for id_, _ in corpus.dense(np.ones(32), 100)}
    assert corpus.encoder.encoded - encoded == len(after - before) < len(after & before)
    assert texts(corpus, "word5x3") == []
    assert len(texts(corpus, "something")) == 1


def test_only_what_vanished_under_the_path_is_removed(corpus: Corpus, docs: Path) -> None:
    corpus.index([docs])
    (docs / "people" / "poet.txt").unlink()
    assert changes(corpus.index([docs / "harbour.md"])) == (0, 1, 0, 0, 0)
    assert changes(corpus.index([docs / "people"])) == (0, 1, 0, 1, 0)
    assert corpus.sources() == ["harbour.md", "people/mayor.md"]


def test_a_path_that_is_gone_is_emptied_if_it_was_indexed_and_else_refused(corpus: Corpus, docs: Path) -> None:
    corpus.index([docs])
    assert changes(corpus.index([docs / "nothing"])) == (0, 0, 0, 0, 1)
    shutil.rmtree(docs / "people")
    report = corpus.index([docs / "people", docs / "harbour.md"])
    assert changes(report) == (0, 1, 0, 2, 0)
    assert changes(corpus.index([docs / "people"])) == (0, 0, 0, 0, 1)


def test_a_file_that_is_refused_now_keeps_its_old_content(corpus: Corpus, docs: Path) -> None:
    corpus.index([docs])
    (docs / "harbour.md").write_text("")
    report = corpus.index([docs])
    assert changes(report) == (0, 2, 0, 0, 1)
    assert "harbour.md" in report.refused[0].path
    assert report.refused[0].reason == "empty; as it was indexed before, it stays"
    assert len(texts(corpus, "harbour north")) == 1
    assert json.loads(json.dumps(report.to_dict()))["refused"] == [{"path": report.refused[0].path, "reason": report.refused[0].reason}]


def test_a_file_that_is_refused_under_another_root_keeps_its_old_content(corpus: Corpus, docs: Path) -> None:
    corpus.index([docs])
    (docs / "people" / "mayor.md").write_text("")
    assert changes(corpus.index([docs / "people"])) == (0, 1, 0, 0, 1)
    assert "people/mayor.md" in corpus.sources()
    (docs / "people" / "mayor.md").unlink()
    assert changes(corpus.index([docs / "people"])) == (0, 1, 0, 1, 0)


def test_a_record_that_changed_in_a_file_of_another_name_is_that_record(corpus: Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "dumps"
    folder.mkdir()
    worker["write_records"](folder / "january.jsonl", 3, changing=1, state=1)
    corpus.index([folder])
    (folder / "january.jsonl").unlink()
    worker["write_records"](folder / "february.jsonl", 2, changing=1, state=2)
    assert changes(corpus.index([folder])) == (0, 2, 1, 1, 0)
    assert changes(corpus.index([folder])) == (0, 3, 0, 0, 0)


def test_records_behind_a_link_to_a_file_without_a_suffix(corpus: Corpus, tmp_path: Path) -> None:
    blob, snapshot = tmp_path / "blobs" / "5f3a", tmp_path / "snapshots" / "train.jsonl"
    for file in (blob, snapshot):
        file.parent.mkdir()
    worker["write_records"](blob, 5)
    snapshot.symlink_to(blob)
    assert changes(corpus.index([snapshot])) == (5, 0, 0, 0, 0)
    assert changes(corpus.index([snapshot])) == (0, 5, 0, 0, 0)
    snapshot.unlink()
    assert changes(corpus.index([snapshot])) == (0, 0, 0, 5, 0)


def test_paths_that_can_be_no_file_are_refused_by_name(corpus: Corpus, docs: Path) -> None:
    (docs / "loop").symlink_to(docs / "loop")
    odd = [docs / "loop", Path("a\0b"), Path("~nobody-of-that-name"), Path("caf\udce9.md")]
    assert changes(corpus.index([docs / "harbour.md", *odd])) == (1, 0, 0, 0, 4)
    assert changes(corpus.index([docs / "harbour.md", *odd])) == (0, 1, 0, 0, 4)


def test_what_lay_in_a_folder_that_is_something_else_now_is_removed(corpus: Corpus, docs: Path) -> None:
    corpus.index([docs])
    shutil.rmtree(docs / "people")
    os.mkfifo(docs / "people")
    assert changes(corpus.index([docs])) == (0, 1, 0, 2, 1)


def test_records_that_vanish_from_a_jsonl_file_are_removed(corpus: Corpus, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    worker["write_records"](file, 5, changing=2, state=1)
    assert changes(corpus.index([file])) == (7, 0, 0, 0, 0)
    worker["write_records"](file, 4, changing=2, state=2)
    assert changes(corpus.index([file])) == (0, 4, 2, 1, 0)
    assert corpus.sources() == ["c0", "c1", "r0", "r1", "r2", "r3"]


def test_a_refused_record_keeps_its_old_content_and_the_others_go_on(corpus: Corpus, tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    worker["write_records"](file, 4)
    corpus.index([file])
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], json.dumps({"id": "r1", "text": ""}), lines[3]]) + "\n")
    assert changes(corpus.index([file])) == (0, 2, 0, 1, 1)
    assert corpus.sources() == ["r0", "r1", "r3"]
    file.write_text(lines[0] + "\n{broken\n")  # which record this was nobody knows
    assert changes(corpus.index([file])) == (0, 1, 0, 0, 1)
    assert corpus.sources() == ["r0", "r1", "r3"]


def test_equal_relative_paths_of_two_folders_are_told_apart(corpus: Corpus, tmp_path: Path) -> None:
    for folder in ("one", "two", "other/two"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "readme.md").write_text(f"This is the readme of {folder}.")
    assert changes(corpus.index([tmp_path / "one", tmp_path / "two"])) == (2, 0, 0, 0, 0)
    assert corpus.sources() == ["readme.md", "two/readme.md"]
    report = corpus.index([tmp_path / "other" / "two"])
    assert changes(report) == (0, 0, 0, 0, 1)
    assert "is taken by" in report.refused[0].reason
    assert changes(corpus.index([tmp_path / "two", tmp_path / "one"])) == (0, 2, 0, 0, 0)
    assert corpus.sources() == ["readme.md", "two/readme.md"]


def test_a_record_whose_id_is_taken_by_another_file_is_refused(corpus: Corpus, tmp_path: Path) -> None:
    worker["write_records"](tmp_path / "one.jsonl", 2)
    worker["write_records"](tmp_path / "two.jsonl", 3)
    report = corpus.index([tmp_path / "one.jsonl", tmp_path / "two.jsonl"])
    assert changes(report) == (3, 0, 0, 0, 2)
    assert all("one.jsonl" in refusal.reason for refusal in report.refused)


def test_a_folder_that_was_moved_is_not_indexed_twice(corpus: Corpus, docs: Path) -> None:
    corpus.index([docs])
    moved = docs.rename(docs.with_name("moved"))
    assert changes(corpus.index([moved])) == (0, 3, 0, 0, 0)
    (moved / "harbour.md").unlink()
    assert changes(corpus.index([moved])) == (0, 2, 0, 1, 0)


def test_overlapping_paths_count_once(corpus: Corpus, docs: Path) -> None:
    assert changes(corpus.index([docs, docs / "people", docs / "people" / "poet.txt", docs])) == (3, 0, 0, 0, 0)
    assert corpus.sources() == ["harbour.md", "people/mayor.md", "people/poet.txt"]


def test_an_interrupted_run_keeps_its_batches_and_goes_on(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passel.tools.indexing.BATCH", 10)
    worker["write_records"](tmp_path / "records.jsonl", 45)

    def interrupt(progress: Progress) -> None:
        if progress.passages >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        corpus.index([tmp_path / "records.jsonl"], progress=interrupt)
    assert corpus.info().passages == 20
    assert len(texts(corpus, "number7")) == 1  # a reader sees what was committed, though no index is published yet
    vector = corpus.encoder.encode([corpus.get([corpus.lexical("number7", 1)[0][0]])[0].embedded_text])[0]
    assert corpus.dense(vector, 1)[0][0] == corpus.lexical("number7", 1)[0][0]
    assert changes(corpus.index([tmp_path / "records.jsonl"])) == (25, 20, 0, 0, 0)


def test_progress_grows_and_ends_complete(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passel.tools.indexing.BATCH", 10)
    monkeypatch.setattr("passel.tools.indexing.PUBLISH_EVERY", 20)
    worker["write_records"](tmp_path / "records.jsonl", 45)
    told: list[Progress] = []
    corpus.index([tmp_path / "records.jsonl"], progress=told.append)
    reading = [one for one in told if one.phase == "reading"]
    assert [one.done for one in reading] == sorted(one.done for one in reading)
    assert (reading[-1].done, reading[-1].total, reading[-1].passages) == (45, 45, 45)
    assert len([one for one in told if one.phase == "publishing"]) >= 3  # within the run, and at its end
    assert told[-1].phase == "publishing"
    told.clear()
    corpus.index([tmp_path / "records.jsonl"], progress=told.append)
    assert told[-1].done > 30  # though there was nothing to commit


def test_a_reader_follows_a_writer_of_its_own_process(corpus: Corpus) -> None:
    with Corpus.open(corpus.path, encoder=HashEncoder()) as reader:
        corpus.add([Document("a", "one text")])
        (first,) = (id_ for id_, _ in reader.dense(np.ones(32), 5))
        corpus.add([Document("a", "another text"), Document("b", "more")])
        assert len(reader.dense(np.ones(32), 5)) == 2
        assert reader.get([first]) == []
        corpus.delete("a")
        assert len(reader.dense(np.ones(32), 5)) == 1
        assert reader.seq == corpus.seq


# ---- documents in memory ----


def test_documents_in_memory_are_added_replaced_and_deleted(corpus: Corpus) -> None:
    long = " ".join(f"Sentence number{i} of a long text goes on for some while here." for i in range(80))
    assert changes(corpus.add([Document("a", long), Document("b", "short")])) == (2, 0, 0, 0, 0)
    split = corpus.info().passages
    assert split > 3
    assert changes(corpus.add([Document("a", long), Document("b", "short")])) == (0, 2, 0, 0, 0)
    assert changes(corpus.add((document for document in [Document("a", long)]), split=False)) == (0, 0, 1, 0, 0)
    assert corpus.info().passages == 2
    assert changes(corpus.add([Document("a", "new"), Document("a", "newer")])) == (0, 0, 2, 0, 0)
    assert corpus.document("a") == "newer"
    assert corpus.delete("a") == 1
    assert corpus.document("a") is None
    assert corpus.info().documents == 1


def test_a_document_in_memory_does_not_take_the_place_of_a_file(corpus: Corpus, docs: Path) -> None:
    corpus.index([docs])
    report = corpus.add([Document.from_text("Another harbour.", source="harbour.md"), Document.from_text("A port.", source="port.md")])
    assert changes(report) == (1, 0, 0, 0, 1)
    assert "taken by a file" in report.refused[0].reason
    assert corpus.document("harbour.md") == (docs / "harbour.md").read_text()


def test_what_cannot_be_stored_is_refused_and_the_rest_is_taken(corpus: Corpus) -> None:
    bad = [
        Document("a", "lone \ud800 surrogate"),
        Document("b", "text", metadata={"x": math.nan}),
        Document("c", "text", metadata={"x": [1]}),  # type: ignore[dict-item]
        Document("d", "  \n"),
        Document("", "text"),
    ]
    report = corpus.add([*bad, Document("good", "text")])
    assert changes(report) == (1, 0, 0, 0, 5)
    assert all(refusal.reason for refusal in report.refused)


def test_an_empty_run_is_harmless(corpus: Corpus) -> None:
    assert changes(corpus.add([])) == (0, 0, 0, 0, 0)
    assert changes(corpus.index([])) == (0, 0, 0, 0, 0)
    assert corpus.dense(np.ones(32), 3) == corpus.lexical("x", 3) == corpus.named(["x"]) == []
    corpus.add([Document("a", "x")])
    corpus.delete("a")
    assert corpus.dense(np.ones(32), 3) == corpus.lexical("x", 3) == []
    assert (corpus.info().passages, corpus.info().chroma, corpus.info().lexical) == (0, 0, 0)


# ---- searching ----


def brute(documents: Sequence[Document], vector: Any, n: int, filters: dict[str, Any] | None) -> list[str]:
    allowed = [d for d in documents if not filters or all(d.metadata.get(key) == value for key, value in filters.items())]
    if not allowed:
        return []
    rows = HashEncoder().encode([d.text for d in allowed]).astype(np.float16).astype(np.float32)
    return [allowed[i].source for i in np.argsort(-(rows @ vector) / np.linalg.norm(rows, axis=1))[:n]]


@pytest.mark.parametrize("exact", [5_000, 3])
def test_dense_search_is_right_before_during_and_after_publishing(corpus: Corpus, monkeypatch: pytest.MonkeyPatch, exact: int) -> None:
    monkeypatch.setattr("passel.tools.corpus.EXACT", exact)
    words = worker["WORDS"]
    made = [Document(f"d{i}", f"{words[i % 80]} {words[i * 7 % 80]} n{i}", metadata={"tenant": "abc"[i % 3], "one": i == 5}) for i in range(90)]
    vector = corpus.encoder.encode(["kabar lodin number7"])[0]

    def check(documents: Sequence[Document]) -> None:
        b, one = {"tenant": "b"}, {"one": True}
        for n, filters in ((5, None), (100, None), (6, b), (40, b), (3, one), (2, {**b, **one})):
            found = [passage.source for passage in corpus.get([id_ for id_, _ in corpus.dense(vector, n, filters)])]
            assert found == brute(documents, vector, n, filters), (n, filters)

    corpus.add(made[:60])
    check(made[:60])
    monkeypatch.setattr(type(corpus._index), "publish", lambda self, report=None: 0)
    corpus.add([*made[60:], Document("d1", "other words now", metadata={"tenant": "b"})])
    corpus.delete("d4")
    check([made[0], Document("d1", "other words now", metadata={"tenant": "b"}), *made[2:4], *made[5:]])
    monkeypatch.undo()
    monkeypatch.setattr("passel.tools.corpus.EXACT", exact)
    corpus.add([])
    check([made[0], Document("d1", "other words now", metadata={"tenant": "b"}), *made[2:4], *made[5:]])


def test_a_filter_that_chroma_cannot_run_costs_nothing_but_time(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passel.tools.corpus.EXACT", 5)
    corpus.add(Document.from_text(f"Goose {n} eats grass.", source=str(n), metadata={"n": n}) for n in range(40))
    vector = corpus.encoder.encode(["goose"])[0]
    found = corpus.dense(vector, 3, {"n": {"$in": [39, 38, 37, 36, 35, 34, *range(1_000, 40_000)]}})
    assert {id_ for id_, _ in found} <= {id_ for n in range(34, 40) for id_ in passage_ids(str(n), [f"Goose {n} eats grass."])}
    assert len(found) == 3
    with corpus._index.view() as view:
        assert view is not None, "the index is not taken for a broken one"


def test_a_closed_corpus_opens_nothing(corpus: Corpus) -> None:
    corpus.add([Document.from_text("A goose eats grass.", source="goose")])
    vector = corpus.encoder.encode(["goose"])[0]
    corpus.close()
    with pytest.raises(UsageError, match="is closed"):
        corpus.dense(vector, 1)
    assert corpus._index._newest is None  # type: ignore[attr-defined]


def test_a_vector_that_was_replaced_since_the_index_was_published_counts_no_more(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.add([Document(f"d{i}", f"text {i}", "kabar lodin mifel") for i in range(8)])
    before = corpus.encoder.encode(["kabar lodin mifel. text 3"])[0]
    assert corpus.get([corpus.dense(before, 1)[0][0]])[0].source == "d3"
    monkeypatch.setattr(type(corpus._index), "publish", lambda self, report=None: 0)
    corpus.add([Document("d3", "text 3", "rugor tehup")])  # the same passage id, under another title
    found = corpus.dense(before, 8)
    assert len(found) == 8
    assert corpus.get([found[-1][0]])[0].source == "d3"
    assert dict(found) == pytest.approx(corpus.similarity(before, [id_ for id_, _ in found]), abs=1e-5)


def test_no_filter_lets_another_tenant_through(corpus: Corpus) -> None:
    corpus.add([Document(f"{tenant}{i}", f"the same text about harbours {i}", "Harbour", {"tenant": tenant}) for i in range(30) for tenant in "ab"])
    vector = corpus.encoder.encode(["the same text about harbours 7"])[0]
    for filters in ({"tenant": "a"}, {"source": {"$in": [f"a{i}" for i in range(30)]}}, {"$and": [{"tenant": {"$ne": "b"}}, {"tenant": "a"}]}):
        ids = [id_ for id_, _ in corpus.dense(vector, 100, filters)] + [id_ for id_, _ in corpus.lexical("harbours text", 100, filters)]
        ids += [id_ for _, id_, _ in corpus.named(["harbour"], filters)] + [id_ for _, id_ in corpus.mentioning(["about harbours"], 100, filters)]
        assert len(ids) == 120
        assert {passage.source[0] for passage in corpus.get(ids)} == {"a"}
    everything = [id_ for id_, _ in corpus.dense(vector, 100)]
    assert len(everything) == 60
    assert len(corpus.get(everything, {"tenant": "a"})) == 30
    for bad in ({"tenant": None}, {"tenant": object()}, {3: "a"}):
        for ask in (lambda bad=bad: corpus.dense(vector, 3, bad), lambda bad=bad: corpus.lexical("harbours", 3, bad)):
            with pytest.raises(UsageError, match="filter"):
                ask()


def test_scores_are_cosines_of_the_stored_vectors(corpus: Corpus) -> None:
    corpus.add([Document(f"d{i}", f"{worker['WORDS'][i]} {worker['WORDS'][i + 9]}") for i in range(30)])
    vector = 3 * corpus.encoder.encode(["kabar lodin mifel"])[0]
    found = dict(corpus.dense(vector, 30))
    assert corpus.similarity(vector, [*found, "missing"]) == pytest.approx(found, abs=1e-5)
    passages = {passage.id: passage.embedded_text for passage in corpus.get(list(found))}
    cosines = corpus.encoder.encode(list(passages.values())) @ (vector / 3)
    assert list(cosines) == pytest.approx([found[id_] for id_ in passages], abs=1e-3)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert corpus.dense(vector, 0) == corpus.lexical("kabar", 0) == corpus.mentioning(["kabar"], 0) == []
    for wrong in (np.ones(31), np.full(32, np.nan), np.ones((2, 32))):
        with pytest.raises(ValueError, match="32 finite numbers"):
            corpus.dense(wrong, 3)


operations = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 5), st.text("abc ", min_size=1, max_size=8)),
        st.tuples(st.just("delete"), st.integers(0, 5), st.just("")),
        st.tuples(st.just("publish"), st.just(0), st.just("")),
    ),
    max_size=12,
)


@given(steps=operations)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_history_ends_in_the_same_corpus_as_its_last_state(steps: list[tuple[str, int, str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    expected: dict[str, str] = {}
    with Corpus.open(tmp_path_factory.mktemp("history") / "c", encoder=HashEncoder(), create=True) as corpus:
        publish = type(corpus._index).publish
        for step, number, text in steps:
            with pytest.MonkeyPatch.context() as patch:
                if step != "publish":
                    patch.setattr(type(corpus._index), "publish", lambda self, report=None: 0)
                if step == "add" and text.strip():
                    corpus.add([Document(f"d{number}", text)])
                    expected[f"d{number}"] = text
                elif step == "delete":
                    assert corpus.delete(f"d{number}") == (f"d{number}" in expected)
                    expected.pop(f"d{number}", None)
                else:
                    corpus.add([])
            assert len(corpus.dense(np.ones(32), 50)) == len(expected)
            for source, text in expected.items():
                best = corpus.get([id_ for id_, score in corpus.dense(corpus.encoder.encode([text])[0], 6) if score > 0.999])
                assert source in [passage.source for passage in best]
        assert publish is type(corpus._index).publish
        assert {source: corpus.document(source) for source in corpus.sources()} == expected
        report = corpus.add([])
        assert report.passages == report.chroma == report.lexical == len(expected)


# ---- opening ----


def test_an_absent_corpus_is_a_usage_error_that_helps(corpus: Corpus) -> None:
    with pytest.raises(UsageError) as caught:
        Corpus.open(corpus.path.with_name("wikki"))
    assert str(caught.value) == "there is no corpus 'wikki' (there is wiki)"
    assert caught.value.hint == f"Make it: passel index PATH --corpus {corpus.path.with_name('wikki')}."
    assert not corpus.path.with_name("wikki").exists()


def test_a_folder_of_documents_is_no_corpus_yet(docs: Path) -> None:
    with pytest.raises(UsageError, match="something else than a corpus") as caught:
        Corpus.open(docs)
    assert caught.value.hint == f"Index its documents first: passel index {docs} --corpus NAME"


@pytest.mark.parametrize(("name", "command"), [("demo", "passel demo"), ("mine", "passel index PATH --corpus mine")])
def test_an_absent_corpus_of_a_name_is_made_by_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, command: str) -> None:
    monkeypatch.setenv("PASSEL_HOME", str(tmp_path))
    with pytest.raises(UsageError) as caught:
        Corpus.open(tmp_path / "corpora" / name)
    assert caught.value.hint == f"Make it: {command}."


def test_another_encoder_format_or_splitter_is_a_mismatch(corpus: Corpus) -> None:
    other = HashEncoder()
    other.digest, other.name = "1" * 64, "other"
    with pytest.raises(CorpusMismatch, match="was made with the encoder hash, which is not this other") as caught:
        Corpus.open(corpus.path, encoder=other, create=True)
    assert caught.value.hint == f"Make it anew: passel corpus delete {corpus.path}, then passel index PATH --corpus {corpus.path}."
    for key, value in (("format", "999"), ("splitter", "{}")):
        with corpus._store.writing() as writing:
            before = writing.value(key)
            writing.set(key, value)
        with pytest.raises(CorpusMismatch, match=key if key == "format" else "split"):
            Corpus.open(corpus.path)
        with corpus._store.writing() as writing:
            writing.set(key, before)
    Corpus.open(corpus.path).close()


def test_a_corpus_is_told_about_in_numbers(corpus: Corpus) -> None:
    corpus.add([Document("a", "one"), Document("b", "two")])
    info = corpus.info()
    assert (info.name, info.documents, info.passages, info.chroma, info.lexical, info.encoder, info.dimension) == ("wiki", 2, 2, 2, 2, "hash", 32)
    assert info.version == info.seq == 1
    assert info.bytes > 10_000
    assert json.loads(json.dumps(info.to_dict()))["path"] == str(corpus.path)


# ---- the embedded encoder ----


def test_the_embedded_encoder_is_the_default_and_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSEL_HOME", str(tmp_path / "home"))
    made = [
        Document("1", "Mario Bava was an Italian filmmaker. His son Lamberto Bava is a director too.", "Mario Bava"),
        Document("2", "The Girl Bombs is a 1966 comedy directed by Mario Bava.", "Dr. Goldfoot and the Girl Bombs"),
        Document("3", "Photosynthesis turns light into sugar.", "Photosynthesis"),
    ]
    with Corpus.open(tmp_path / "c", create=True) as corpus:
        corpus.add(made)
    with Corpus.open(tmp_path / "c") as corpus:
        vector = corpus.encoder.encode(["Who is the son of the Italian director Bava?"])[0]
        found = corpus.get([id_ for id_, _ in corpus.dense(vector, 3)])
        assert [passage.title for passage in found] == ["Mario Bava", "Dr. Goldfoot and the Girl Bombs", "Photosynthesis"]
        assert corpus.info().dimension == 384


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not (DATA / "2wiki_open").is_dir(), reason="needs ../shared/data/2wiki_open")
def test_the_graph_finds_what_exact_search_finds(tmp_path: Path) -> None:
    with Corpus.open(tmp_path / "c", encoder=Encoder.load(), create=True) as corpus:
        report = corpus.index([DATA / "2wiki_open" / "corpus.jsonl"])
        assert report.added == 6119
        questions = [json.loads(line)["question"] for line in (DATA / "2wiki_open" / "queries.jsonl").open()]
        vectors = corpus.encoder.encode(questions)
        with corpus._store.reading() as reading, corpus._index.view() as view:
            assert view is not None
            rows = reading.vectors_after(0)
            found = [{id_ for id_, _, _ in view.nearest(vector, 10, None)} for vector in vectors]
            exact = [{id_ for id_, _, _ in nearest_rows(rows, vector, 10)} for vector in vectors]
    assert sum(len(one & other) for one, other in zip(found, exact, strict=True)) / (10 * len(questions)) >= 0.98
