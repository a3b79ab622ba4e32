"""The derived Chroma index: versions are complete, follow the store, survive damage, and are let go of."""

from __future__ import annotations

import os
import random
import runpy
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.errors import PasselError, UsageError
from passel.tools.vectors import IndexFailed, Recent, Server, Versions, nearest_rows
from passel.tools.vectors.versions import KEPT, Label

worker = runpy.run_path(str(Path(__file__).with_name("corpus_worker.py")))
ENCODER = worker["HashEncoder"]()


def documents(count: int, *, start: int = 0, **metadata: Any) -> list[Document]:
    chance = random.Random(start)
    texts = (" ".join(chance.choices(worker["WORDS"], k=20)) for _ in range(count))
    return [Document(f"d{i}", f"{text} number{i}", metadata=metadata) for i, text in enumerate(texts, start)]


@pytest.fixture
def corpus(tmp_path: Path) -> Iterator[Corpus]:
    with Corpus.open(tmp_path / "corpus", encoder=ENCODER, create=True) as made:
        yield made


def versions(corpus: Corpus) -> list[int]:
    assert isinstance(corpus._index, Versions)
    return corpus._index.published()


def ids_in_index(corpus: Corpus) -> set[str]:
    with corpus._index.view() as view:
        return set(view.collection.get(include=[])["ids"]) if view else set()


def ids_in_store(corpus: Corpus) -> set[str]:
    with corpus._store.reading() as reading:
        return set(reading.vectors_after(0)[0])


def test_what_is_published_stays_as_it_is_while_it_is_read(corpus: Corpus) -> None:
    for count in (1, 2, 99, 300):
        corpus.add(documents(count))
        folder = corpus.path / "versions" / str(corpus.seq)
        label = Label.read(folder)
        for _ in range(2):
            with Corpus.open(corpus.path, encoder=ENCODER) as reader:
                self_found(reader, 3)
                assert reader.info().version == corpus.seq
            corpus._index.close()
        assert label is not None
        assert Label.checksums(folder) == label.files


def self_found(corpus: Corpus, passages: int = 20) -> None:
    """Passages are found by their own vectors, with a cosine of one."""
    with corpus._store.reading() as reading:
        ids, _, matrix = reading.vectors_after(0)
    for i in range(0, len(ids), max(1, len(ids) // passages)):
        best, score = corpus.dense(matrix[i], 1)[0]
        assert (best, score) == (ids[i], pytest.approx(1, abs=1e-5))


def test_a_version_holds_what_the_store_holds_after_each_run(corpus: Corpus) -> None:
    assert corpus.dense(np.ones(32), 5) == []
    corpus.add(documents(120))
    corpus.add([*documents(30, start=120), Document("d5", "another text now")])
    corpus.delete("d7")
    assert corpus.delete("d7") == 0
    assert ids_in_index(corpus) == ids_in_store(corpus)
    assert len(ids_in_store(corpus)) == 149
    assert versions(corpus)[0] == corpus.seq
    self_found(corpus)


def test_changed_metadata_replaces_the_old_in_the_index(corpus: Corpus) -> None:
    corpus.add(documents(5, year=1, open=True))
    corpus.add(documents(5, year=2))
    with corpus._index.view() as view:
        assert view is not None
        assert {frozenset(one) for one in view.collection.get(include=["metadatas"])["metadatas"]} == {frozenset({"source", "year"})}
        assert len(view.collection.get(where={"year": 2})["ids"]) == 5


def test_only_the_newest_versions_stay_and_no_leftover(corpus: Corpus) -> None:
    folder = corpus.path / "versions"
    for i in range(KEPT + 2):
        corpus.add(documents(3, start=10 * i))
        (folder / "tmp-of-a-killed-writer").mkdir()
    corpus.add(documents(1, start=900))
    assert sorted(path.name for path in folder.iterdir()) == sorted(map(str, versions(corpus)))
    assert len(versions(corpus)) == KEPT


@pytest.mark.parametrize("damage", ["data_level0.bin", "header.bin", "index_metadata.pickle", "chroma.sqlite3", "label.json", "truncated"])
def test_a_damaged_version_is_searched_around_and_made_anew(corpus: Corpus, damage: str) -> None:
    corpus.add(documents(150))
    before = corpus.dense(ENCODER.encode(["kabar lodin"])[0], 10)
    corpus._index.close()
    folder = corpus.path / "versions" / str(corpus.seq)
    for file in folder.rglob("*"):
        if damage == "truncated" and file.suffix == ".bin":
            os.truncate(file, file.stat().st_size // 2)
        elif file.name == damage:
            file.write_bytes(b"garbage" * 40)
    answer = subprocess.run(  # a broken graph may end the process that loads it, and must not
        [sys.executable, "-c", READ, str(corpus.path)], capture_output=True, text=True, check=False, env={**os.environ, "WORKER": worker["__file__"]}
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == [id_ for id_, _ in before]
    assert [id_ for id_, _ in corpus.dense(ENCODER.encode(["kabar lodin"])[0], 10)] == [id_ for id_, _ in before]
    corpus.add([])
    assert versions(corpus) == [corpus.seq]
    assert ids_in_index(corpus) == ids_in_store(corpus)
    self_found(corpus)


READ = """
import os, runpy, sys
from passel.tools.corpus import Corpus
encoder = runpy.run_path(os.environ["WORKER"])["HashEncoder"]()
with Corpus.open(sys.argv[1], encoder=encoder) as corpus:
    print(*(id_ for id_, _ in corpus.dense(encoder.encode(["kabar lodin"])[0], 10)))
"""


def test_a_lost_index_is_made_anew_and_missed_by_nobody(corpus: Corpus) -> None:
    corpus.add(documents(50))
    corpus._index.close()
    shutil.rmtree(corpus.path / "versions")
    self_found(corpus)
    assert corpus.info().chroma == 0
    assert corpus.add([]).chroma == 50
    self_found(corpus)


def test_a_version_from_the_future_is_no_version(corpus: Corpus) -> None:
    corpus.add(documents(10))
    shutil.copytree(corpus.path / "versions" / "1", corpus.path / "versions" / "9")
    corpus.add(documents(10, start=10))
    assert versions(corpus)[0] == corpus.seq == 2
    assert ids_in_index(corpus) == ids_in_store(corpus)


def test_much_deleted_means_a_new_graph(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passel.tools.vectors.versions.REMOVED", 10)
    corpus.add(documents(40))
    labels = []
    for start in range(0, 30, 6):
        corpus.add([Document(f"d{i}", f"another text {i}") for i in range(start, start + 6)])
        label = Label.read(corpus.path / "versions" / str(corpus.seq))
        assert label is not None
        labels.append(label.removed)
        self_found(corpus, 4)
    assert max(labels) <= 12
    assert labels != sorted(labels)  # it began anew at some time


def test_the_open_version_is_shared_superseded_and_closed(corpus: Corpus) -> None:
    corpus.add(documents(20))
    with corpus._index.view() as one, corpus._index.view() as other:
        assert one is other is not None
        corpus.add(documents(5, start=50))
        with corpus._index.view() as newer:
            assert newer is not one
            assert newer is not None
            assert newer.seq == 2
        assert one.count() == 20  # still asked, so still open
    with pytest.raises(IndexFailed):
        one.count()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_and_files_stay_flat_over_many_reopenings(tmp_path: Path) -> None:
    environment = {**os.environ, "WORKER": worker["__file__"], "MALLOC_ARENA_MAX": "2"}  # else each new thread of Chroma's takes an arena of its own
    answer = subprocess.run([sys.executable, "-c", REOPEN, str(tmp_path)], capture_output=True, text=True, check=False, env=environment)
    assert answer.returncode == 0, answer.stderr
    memory, files, clients = map(int, answer.stdout.split())
    assert memory < 20_000  # kB; measured without closing: 86,000
    assert files <= 2
    assert clients == 1


REOPEN = """
import gc, os, runpy, sys
from passel.tools.corpus import Corpus
from passel.tools.document import Document
worker = runpy.run_path(os.environ["WORKER"])
encoder = worker["HashEncoder"]()
def memory():
    gc.collect()
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])
with Corpus.open(sys.argv[1] + "/c", encoder=encoder, create=True) as writer, Corpus.open(sys.argv[1] + "/c", encoder=encoder) as reader:
    writer.add([Document(f"d{i}", f"number{i} " + " ".join(worker["WORDS"][i % 80:])) for i in range(100)])
    for i in range(26):
        writer.add([Document("changing", f"number{i}")])
        assert reader.dense(encoder.encode([f"number{i}"])[0], 1)[0][1] > 0.999
        if i == 5:
            before, files = memory(), len(os.listdir("/proc/self/fd"))
from chromadb.api.client import SharedSystemClient
with Corpus.open(sys.argv[1] + "/c", encoder=encoder) as reader:
    reader.dense(encoder.encode(["x"])[0], 1)
    print(memory() - before, len(os.listdir("/proc/self/fd")) - files, len(SharedSystemClient._identifier_to_system))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_reads_with_connections_of_its_own(corpus: Corpus) -> None:
    corpus.add(documents(30))
    self_found(corpus, 2)
    child = os.fork()
    if child == 0:
        try:
            self_found(corpus, 2)
            os._exit(0 if corpus._index._newest and not corpus._index._broken else 2)
        except BaseException:
            os._exit(1)
    until = time.monotonic() + 20
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
        time.sleep(0.05)
    if ended == (0, 0):
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert ended == (child, 0)
    self_found(corpus, 2)


# ---- what was written since ----


def test_recent_rows_are_loaded_once_and_begin_anew_with_a_version(corpus: Corpus) -> None:
    recent = Recent()
    corpus.add(documents(10))
    with corpus._store.reading() as reading:
        assert len(recent.rows(reading, 0)[0]) == 10
    corpus.add(documents(4, start=20))
    with corpus._store.reading() as reading:
        rows = recent.rows(reading, 0)
        assert len(rows[0]) == len(rows[2]) == 14
        assert recent.rows(reading, 0) is rows
        assert len(recent.rows(reading, 1)[0]) == 4
        assert recent.rows(reading, 2)[0] == []


def test_exact_search_is_sorted_and_bounded() -> None:
    matrix = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    rows = ([f"{i:03}" for i in range(100)], list(range(100)), matrix)
    scores = matrix @ matrix[3]
    for n in (1, 7, 99, 100, 1000):
        expected = sorted(range(100), key=lambda i: -scores[i])[:n]
        assert [seq for _, _, seq in nearest_rows(rows, matrix[3], n)] == expected
    assert nearest_rows(([], [], np.empty((0, 0), np.float32)), matrix[3], 5) == []


# ---- a Chroma server ----


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = shutil.which("chroma", path=str(Path(sys.executable).parent)) or shutil.which("chroma")
    assert command, "chromadb brings the command chroma"
    process = subprocess.Popen(
        [command, "run", "--host", "127.0.0.1", "--port", str(port), "--path", str(tmp_path_factory.mktemp("server"))],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_a_server_takes_the_place_of_the_versions(tmp_path: Path, server: str) -> None:
    with (
        Corpus.open(tmp_path / "c", encoder=ENCODER, create=True, server=server) as writer,
        Corpus.open(tmp_path / "c", encoder=ENCODER, server=server) as reader,
    ):
        assert reader.dense(ENCODER.encode(["kabar"])[0], 3) == []
        assert writer.add(documents(60, tenant="a")).chroma == 60
        writer.add([Document("d5", "another text now"), *documents(20, start=60, tenant="b")])
        writer.delete("d7")
        for one in (writer, reader):
            assert ids_in_index(one) == ids_in_store(one)
            self_found(one)
            found = one.get([id_ for id_, _ in one.dense(np.ones(32), 50, {"tenant": "b"})])
            assert {passage.source for passage in found} == {f"d{i}" for i in range(60, 80)}
        assert not (tmp_path / "c" / "versions").exists()
        assert reader.info().version == reader.seq


def test_readers_see_what_the_server_does_not_have_yet(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Corpus.open(tmp_path / "c", encoder=ENCODER, create=True, server=server) as corpus:
        corpus.add(documents(30))
        monkeypatch.setattr(Server, "publish", lambda self, report=None: 0)
        corpus.add([Document("d3", "entirely new words"), Document("d99", "number99 alone")])
        corpus.delete("d4")
        assert corpus.get([corpus.dense(ENCODER.encode(["number99 alone"])[0], 1)[0][0]])[0].source == "d99"
        assert len(corpus.dense(np.ones(32), 100)) == 30
        self_found(corpus)


def test_a_collection_that_the_server_lost_is_made_anew(tmp_path: Path, server: str) -> None:
    with Corpus.open(tmp_path / "c", encoder=ENCODER, create=True, server=server) as corpus:
        corpus.add(documents(30))
        with corpus._index.view() as view:
            assert view is not None
            view.client.delete_collection(view.collection.name)
        self_found(corpus)
        assert corpus.add([]).chroma == 30
        assert len(ids_in_index(corpus)) == 30
        with corpus._index.view() as view:
            assert view is not None
            mine = [one.name for one in view.client.list_collections() if one.name.startswith(view.collection.name.rsplit("-", 1)[0])]
            assert mine == [view.collection.name]


def test_no_server_is_one_clear_line(tmp_path: Path) -> None:
    for wrong in ("localhost:8000", "http://localhost:99999", "http://localhost:80a", "http://[::1:8000"):
        with pytest.raises(UsageError, match="http://host:port"):
            Corpus.open(tmp_path / "c", encoder=ENCODER, create=True, server=wrong)
    with Corpus.open(tmp_path / "c", encoder=ENCODER, create=True, server="http://127.0.0.1:9") as corpus:
        with pytest.raises(PasselError, match=r"no Chroma server answers at http://127\.0\.0\.1:9") as caught:
            corpus.dense(np.ones(32), 3)
        assert "chroma run" in caught.value.hint


def test_threads_share_one_corpus_while_it_is_written(corpus: Corpus) -> None:
    corpus.add(documents(50))
    failures: list[BaseException] = []
    stop = threading.Event()

    def ask() -> None:
        try:
            while not stop.is_set():
                assert len(corpus.dense(ENCODER.encode(["kabar lodin"])[0], 5)) == 5
                assert len(corpus.lexical("number1 number2", 5)) == 2
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(6):
        corpus.add(documents(3, start=100 + 10 * i))
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures, failures


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root, to read as somebody who may not write")
@pytest.mark.skipif(
    any(not folder.stat().st_mode & 0o005 for folder in (Path(sys.prefix), *Path(sys.prefix).parents)),
    reason="another user could not read this Python's packages",
)
def test_a_corpus_that_cannot_be_written_to_can_be_read(corpus: Corpus) -> None:
    corpus.add(documents(40))
    expected = [id_ for id_, _ in corpus.dense(ENCODER.encode(["kabar lodin"])[0], 10)]
    corpus.close()
    for folder in (corpus.path, *corpus.path.parents):
        if folder.stat().st_uid == 0 and folder != Path(folder.anchor):
            folder.chmod(folder.stat().st_mode | 0o555)
    answer = subprocess.run(
        [sys.executable, "-c", "import passel.tools.vectors, chromadb, os; os.setuid(65534)" + READ, str(corpus.path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "WORKER": worker["__file__"]},
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == expected
