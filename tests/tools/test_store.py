"""The SQLite truth: what one transaction does, and what searches in it find."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passel.tools.document import Document
from passel.tools.errors import PasselError, UsageError
from passel.tools.passage import Passage, passage_ids
from passel.tools.store import Store
from passel.tools.store.file import _AsItLies
from passel.tools.store.reading import _any, _terms

MANIFEST = {"id": "x", "encoder": "hash", "digest": "0", "dimension": "4", "splitter": "{}"}


def document(source: str, *texts: str, title: str = "", headings: tuple[str, ...] = (), **metadata: Any) -> tuple[Document, list[Passage]]:
    """A document and its passages, one for each text."""
    whole = "\n".join(texts)
    passages, start = [], 0
    for id_, text in zip(passage_ids(source, texts), texts, strict=True):
        passages.append(Passage(id_, source, text, title, headings, start, start + len(text), metadata=metadata))
        start += len(text) + 1
    return Document(source, whole, title, metadata, f"/docs/{source}", f"sha of {whole}"), passages


def put(store: Store, *documents: tuple[Document, list[Passage]]) -> None:
    """As a writing run does: vectors only for what the store does not know."""
    with store.reading() as reading:
        known = {id_: head for made, _ in documents for id_, head in reading.heads(made.source).items()}
    with store.writing() as writing:
        for made, passages in documents:
            fresh = [passage for passage in passages if known.get(passage.id) != (passage.title, passage.headings)]
            writing.put(made, passages, {passage.id: vector(passage.embedded_text) for passage in fresh})


def vector(text: str) -> np.ndarray:
    row = np.random.default_rng(sum(text.encode())).normal(size=4)
    return (row / np.linalg.norm(row)).astype(np.float16)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store.create(tmp_path / "corpus" / "corpus.sqlite3", MANIFEST)
    yield made
    made.close()


def found(store: Store, query: str, n: int = 10, filters: Any = None) -> list[str]:
    with store.reading() as reading:
        return [passage.text for passage in reading.passages([id_ for id_, _ in reading.lexical(query, n, filters)])]


def test_what_is_put_can_be_read_back(store: Store) -> None:
    made, passages = document("a.md", "First text.", "Second\x00 text ☂.", title="A", headings=("Top", "Low"), year=1990, open=True)
    put(store, (made, passages))
    with store.reading() as reading:
        assert reading.passages([passages[1].id, "missing", passages[0].id]) == [passages[1], passages[0]]
        assert reading.text("a.md") == made.text
        assert reading.sources() == ["a.md"]
        assert reading.count() == reading.count_lexical() == 2
        ids, seqs, matrix = reading.vectors([passages[0].id])
        assert (ids, seqs, reading.seq) == ([passages[0].id], [1], 1)
        assert matrix[0] @ vector(passages[0].embedded_text) == pytest.approx(1, abs=1e-3)
        assert np.linalg.norm(matrix[0]) == pytest.approx(1, abs=1e-6)


def test_a_changed_document_keeps_the_rows_that_did_not_change(store: Store) -> None:
    put(store, document("a", "one", "two", "three"))
    with store.reading() as reading:
        before = reading.live(passage_ids("a", ["one", "two", "three"]))
    changed = document("a", "zero", "one", "three")
    put(store, changed)
    with store.reading() as reading:
        after = reading.live(passage.id for passage in changed[1])
        gone = set(before) - set(after)
        assert {before.get(id_, 2) for id_ in after} == {1, 2}
        assert [after[passage.id] for passage in changed[1]] == [2, 1, 1]  # "one" and "three" were not written again, though they moved
        assert [passage.start for passage in reading.passages([passage.id for passage in changed[1]])] == [0, 5, 9]
        assert set(reading.deleted_after(1)) == gone
        assert len(gone) == 1
        assert reading.count() == reading.count_lexical() == 3
    assert found(store, "two") == []
    assert found(store, "zero") == ["zero"]


def test_another_title_or_metadata_marks_the_row_as_written(store: Store) -> None:
    put(store, document("a", "one", title="Old"))
    put(store, document("a", "one", title="New"))
    assert found(store, "old") == []
    assert found(store, "new") == ["one"]
    put(store, document("a", "one", title="New", year=1))
    with store.reading() as reading:
        (id_,) = passage_ids("a", ["one"])
        assert reading.live([id_], {"year": 1}) == {id_: 3}


def test_removing_leaves_nothing_behind(store: Store) -> None:
    put(store, document("a", "one", "two", title="Alpha"), document("b", "one", title="Beta"))
    with store.writing() as writing:
        assert writing.remove("a") == 2
        assert writing.remove("a") == 0
    with store.writing() as writing:
        assert writing.remove("nothing") == 0
    with store.reading() as reading:
        assert reading.seq == 2
        assert (reading.count(), reading.count_lexical(), reading.count_documents()) == (1, 1, 1)
        assert reading.named(["alpha"]) == []
        assert len(reading.deleted_after(0)) == 2
    assert found(store, "two") == []


def test_a_failed_transaction_changes_nothing(store: Store) -> None:
    put(store, document("a", "one"))

    def fail() -> None:
        with store.writing() as writing:
            writing.put(*document("b", "two"), {next(passage_ids("b", ["two"])): vector("two")})
            writing.remove("a")
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        fail()
    with store.reading() as reading:
        assert (reading.seq, reading.sources(), reading.count_lexical()) == (1, ["a"], 1)


def test_only_content_raises_the_seq(store: Store) -> None:
    put(store, document("a", "one"))
    with store.writing() as writing:
        writing.set("server", "{}")
        writing.merge_lexical()
        writing.move("a", "/elsewhere/a")
    with store.reading() as reading:
        assert reading.seq == 1
        assert reading.sources_from("/elsewhere/a") == ["a"]


def test_a_reading_is_one_state_while_others_write(store: Store) -> None:
    put(store, document("a", "one"))
    with store.reading() as reading:
        assert reading.seq == 1
        writer = threading.Thread(target=put, args=(store, document("b", "two")))
        writer.start()
        writer.join()
        assert (reading.seq, reading.count()) == (1, 1)
    with store.reading() as reading:
        assert (reading.seq, reading.count()) == (2, 2)


def test_names_are_those_of_the_document_and_of_the_headings_above(store: Store) -> None:
    put(store, document("a", "The harbour (also known as Port Vell) is old.", "More.", title="Old Harbour (Barcelona)", headings=("Lighthouse",)))
    first, second = passage_ids("a", ["The harbour (also known as Port Vell) is old.", "More."])
    with store.reading() as reading:
        assert reading.named(["old harbour barcelona"]) == [("old harbour barcelona", first, "title"), ("old harbour barcelona", second, "title")]
        assert ("old harbour", first, "alias") in reading.named(["old harbour", "nothing"])
        assert ("port vell", second, "alias") in reading.named(["port vell"])
        assert ("lighthouse", second, "heading") in reading.named(["lighthouse"])
        assert reading.named(["lighthouse"], {"source": "b"}) == []


def test_filters_bind_every_search(store: Store) -> None:
    put(store, *(document(f"{tenant}{i}", f"the same text {tenant}{i}", title="Harbour", tenant=tenant) for i in range(20) for tenant in "ab"))
    with store.reading() as reading:
        for filters, size in (({"tenant": "a"}, 20), ({"source": {"$in": ["a1", "b1"]}}, 2), ({"tenant": "a", "source": "b1"}, 0)):
            allowed = {id_ for i in range(20) for tenant in "ab" for id_ in passage_ids(f"{tenant}{i}", [f"the same text {tenant}{i}"])}
            live = reading.live(allowed, filters)
            assert len(live) == size
            assert {id_ for id_, _ in reading.lexical("same text", 100, filters)} == set(live)
            assert {id_ for _, id_, _ in reading.named(["harbour"], filters)} == set(live)
            assert set(reading.vectors_where(filters)[0]) == set(reading.vectors_where(filters, limit=size)[0]) == set(live)
            assert reading.vectors_where(filters, limit=size - 1) is None or size == 0
            assert {passage.id for passage in reading.passages(sorted(allowed), filters)} == set(live)


def test_what_was_opened_as_it_lies_serves_once(store: Store) -> None:
    """A reader that may not write, where no writer is: it would not see what is written later."""
    for kind, kept in ((sqlite3.Connection, 1), (_AsItLies, 0)):
        store._idle.clear()
        store._give(sqlite3.connect(":memory:", factory=kind))
        assert len(store._idle) == kept


def test_documents_under_a_path(store: Store) -> None:
    put(store, *(document(source, "text") for source in ("a/b.md", "a/c/d.md", "a-b.md", "ab/c.md", "z")))
    with store.reading() as reading:
        assert sorted(source for source, _ in reading.under("/docs/a")) == ["a/b.md", "a/c/d.md"]
        assert sorted(source for source, _ in reading.under("/docs/a/b.md")) == ["a/b.md"]
        assert len(list(reading.under("/docs/"))) == 5


# ---- lexical ----


def bm25(texts: Sequence[str], query: Sequence[str]) -> dict[int, float]:
    """Okapi BM25 with FTS5's constants (k1 = 1.2, b = 0.75), in plain Python: the judge of what `lexical` returns."""
    words = [text.lower().split() for text in texts]
    mean = sum(map(len, words)) / len(words)
    scores: dict[int, float] = {}
    for term in query:
        holding = [i for i, row in enumerate(words) if term in row]
        idf = max(1e-6, np.log((len(words) - len(holding) + 0.5) / (len(holding) + 0.5)))
        for i in holding:
            count = words[i].count(term)
            scores[i] = scores.get(i, 0) + idf * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * len(words[i]) / mean))
    return scores


def test_scores_are_bm25_with_and_without_frequent_terms(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(0)
    words = [f"w{i}" for i in range(40)]
    texts = [" ".join(chance.choices(words, weights=[40 / (i + 1) for i in range(40)], k=12)) + f" u{n}" for n in range(300)]
    put(store, *(document(f"{i}", text) for i, text in enumerate(texts)))
    query = ["w0", "w1", "w20", "w30"]
    expected = bm25(texts, query)
    for matched in (3_000, 40):  # at 40 the terms w0 and w1 are frequent ones, which score but do not find
        monkeypatch.setattr("passel.tools.store.reading._MATCHED", matched)
        with store.reading() as reading:
            answer = reading.lexical(" ".join(query), 3)
            texts_found = [passage.text for passage in reading.passages([id_ for id_, _ in answer])]
        assert [score for _, score in answer] == pytest.approx(sorted(expected.values(), reverse=True)[:3], rel=1e-6)
        assert [expected[texts.index(text)] for text in texts_found] == pytest.approx([score for _, score in answer])


def test_frequent_terms_find_when_rare_ones_do_not(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passel.tools.store.reading._MATCHED", 4)
    put(store, *(document(f"s{i}", f"river number {i}", tenant="a") for i in range(50)), document("rare", "lighthouse", tenant="b"))
    assert len(found(store, "river lighthouse", 30)) == 30
    assert found(store, "river lighthouse", 30, {"tenant": "b"}) == ["lighthouse"]
    assert len(found(store, "river lighthouse", 30, {"tenant": "a"})) == 30


def test_words_are_stemmed_and_folded_and_operators_are_words(store: Store) -> None:
    put(store, document("a", "Étienne was running."), document("b", "NEAR the bay, NOT far"), document("c", "The who and the what"))
    assert found(store, "etienne") == found(store, "e\u0301tienne") == found(store, "RUNS") == ["Étienne was running."]
    assert found(store, 'bay NOT "far') == ["NEAR the bay, NOT far"]
    assert found(store, "who what") == ["The who and the what"]  # nothing but function words: then they count
    assert found(store, "?!") == found(store, "") == []


SYNTAX = ["one", "AND", "NOT", "NEAR(", '"', "*", "^", ":", "body", "-", "(", "\0"]


@given(query=st.text(max_size=60) | st.lists(st.sampled_from(SYNTAX)).map(" ".join))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_a_legal_query(query: str, store: Store) -> None:
    with store.reading() as reading:
        if not reading.count():
            put(store, document("a", "one two AND three", "NOT body"))
    found(store, query)


def test_phrases_are_found_word_for_word(store: Store) -> None:
    put(store, *(document(f"s{i}", f"Mario Bava number {i}", title="Film", tenant="a") for i in range(5)))
    put(store, document("t", "Bava, Mario (b. 1914)", tenant="b"))
    with store.reading() as reading:
        assert [phrase for phrase, _ in reading.mentioning(["Mario Bava", "nobody", "Film"], 3)] == ["Mario Bava"] * 3 + ["Film"] * 3
        assert reading.mentioning(["mario bava"], 9, {"tenant": "b"}) == []
        assert len(reading.mentioning(['"Bava" Mario', "bava\0mario", "b. 1914)"], 9)) == 3
        assert reading.mentioning(["", '"', "\ud800", "?!", "a AND b"], 9) == []


def test_a_whole_book_as_query_is_cut(store: Store) -> None:
    put(store, document("a", "w7 one"))
    assert found(store, " ".join(f"w{i}" for i in range(100_000))) == ["w7 one"]
    assert len(_terms("x" * 100_000)) == 1
    assert _any(["a", "b"]) == '"a" OR "b"'


# ---- the file ----


def test_an_interrupted_creation_is_no_corpus(tmp_path: Path) -> None:
    file = tmp_path / "c" / "corpus.sqlite3"
    assert not Store.exists(file)
    file.parent.mkdir()
    file.touch()
    assert not Store.exists(file)
    Store.create(file, MANIFEST).close()
    assert Store.exists(file)
    Store.create(file, {**MANIFEST, "id": "another"}).close()
    with Store(file).reading() as reading:
        assert reading.value("id") == "x"


def test_a_file_of_another_kind_is_refused_in_words(tmp_path: Path) -> None:
    file = tmp_path / "corpus.sqlite3"
    file.write_text("this is no database, " * 100)
    with pytest.raises(PasselError, match="cannot be read as a corpus"):
        Store.exists(file)


def test_a_closed_and_a_replaced_store_say_so(tmp_path: Path) -> None:
    file = tmp_path / "c" / "corpus.sqlite3"
    store = Store.create(file, MANIFEST)
    file.rename(file.with_name("old"))
    with pytest.raises(PasselError, match="deleted or made anew"), store.reading():
        pass
    Store.create(file, MANIFEST).close()
    with pytest.raises(PasselError, match="deleted or made anew"), store.reading():
        pass
    store.close()
    with pytest.raises(UsageError, match="closed"), store.reading():
        pass


def test_connections_are_used_again(store: Store) -> None:
    for _ in range(50):
        with store.reading() as reading:
            reading.count()
    assert len(store._idle) == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to read as somebody who may not write")
def test_a_folder_that_cannot_be_written_to_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "c" / "corpus.sqlite3"
    store = Store.create(file, MANIFEST)
    put(store, document("a", "one"))
    store.close()
    assert not file.with_name("corpus.sqlite3-wal").exists()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path(folder.anchor):
            folder.chmod(folder.stat().st_mode | 0o555)
    code = (
        "import os, sys, sqlite3; from passel.tools.store import Store; from pathlib import Path; os.setuid(65534);"
        "file = Path(sys.argv[1]); store = Store(file); reading = store.reading(); print(Store.exists(file), reading.__enter__().sources())"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False)
    assert answer.stdout == "True ['a']\n", answer.stderr


def test_sqlite_has_what_is_needed() -> None:
    database = sqlite3.connect(":memory:")
    database.execute("CREATE VIRTUAL TABLE f USING fts5 (body, tokenize = 'porter unicode61 remove_diacritics 2')")
    database.close()
