"""One writer, many readers, all of them killed at any moment: nothing acknowledged is lost, nothing is doubled, nobody fails."""

from __future__ import annotations

import json
import random
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.errors import CorpusBusy
from passel.tools.lock import write_lock

WORKER = Path(__file__).with_name("corpus_worker.py")
worker = runpy.run_path(str(WORKER))
DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def start(processes: list[subprocess.Popen[str]], *words: object) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, str(WORKER), *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    processes.append(process)
    return process


def finished(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate()
    assert process.returncode == 0, err
    return out.splitlines()


def contents(path: Path) -> tuple[list[str], list[str], list[str], int]:
    """Ids in SQLite, in the lexical index and in Chroma, and the number of names: what two equal corpora share."""
    with Corpus.open(path, encoder=worker["HashEncoder"]()) as corpus, corpus._store.reading() as reading, corpus._index.view() as view:
        assert view is not None
        assert view.seq == reading.seq
        lexical = reading._db.execute("SELECT p.id FROM passages_fts f JOIN passages p ON p.rowid = f.rowid ORDER BY p.id").fetchall()
        names = reading._db.execute("SELECT count(*) FROM names").fetchone()[0]
        reading._db.execute("INSERT INTO passages_fts (passages_fts) VALUES ('integrity-check')")
        return sorted(reading.vectors_after(0)[0]), [id_ for (id_,) in lexical], sorted(view.collection.get(include=[])["ids"]), names


def kill_and_run_again(folder: Path, records: Path, kills: int, batch: int, processes: list[subprocess.Popen[str]]) -> None:
    began = time.monotonic()
    whole = json.loads(finished(start(processes, "index", folder / "undisturbed", records, batch))[-1])
    seconds = time.monotonic() - began
    assert 0 < whole["added"] <= whole["passages"] == whole["chroma"] == whole["lexical"]

    chance, killed, corpus = random.Random(batch), 0, folder / "killed"
    while killed < kills:
        process = start(processes, "index", corpus, records, batch)
        timer = threading.Timer(chance.uniform(0.2, 0.9) * seconds / (1 if killed % 2 else 2), process.kill)
        timer.start()
        out, err = process.communicate()
        timer.cancel()
        assert process.returncode in (-9, 0), err
        killed += process.returncode == -9
        acknowledged = [int(line.split()[1]) for line in out.splitlines() if line.startswith("committed") and line.split()[1:]]
        if acknowledged:
            with Corpus.open(corpus, encoder=worker["HashEncoder"]()) as opened:
                assert opened.info().passages >= acknowledged[-1]
        if process.returncode == 0:  # it was done before the kill: once more from the beginning
            corpus = folder / f"killed{killed}-{time.monotonic_ns()}"
    report = json.loads(finished(start(processes, "index", corpus, records, batch))[-1])
    assert report["added"] + report["unchanged"] == whole["added"]
    assert contents(corpus) == contents(folder / "undisturbed")
    again = json.loads(finished(start(processes, "index", corpus, records, batch))[-1])
    assert (again["added"], again["updated"], again["removed"], again["unchanged"]) == (0, 0, 0, whole["added"])


def test_a_killed_writer_run_again_ends_with_the_same_corpus(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    worker["write_records"](tmp_path / "records.jsonl", 300)
    kill_and_run_again(tmp_path, tmp_path / "records.jsonl", 4, 16, processes)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.timeout(900)
@pytest.mark.skipif(not (DATA / "2wiki_open").is_dir(), reason="needs ../shared/data/2wiki_open")
def test_ten_kills_over_the_2wiki_corpus(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    kill_and_run_again(tmp_path, DATA / "2wiki_open" / "corpus.jsonl", 10, 256, processes)


def write_and_read_under_kills(folder: Path, seconds: float, seed: int, processes: list[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    """One writer and four readers for a while; now and then one of them is killed and replaced. Returns what the readers tell in the end."""
    chance, until, corpus = random.Random(seed), time.monotonic() + seconds, folder / "corpus"

    def left() -> float:
        return max(0.5, until - time.monotonic())

    def reader() -> subprocess.Popen[str]:
        return start(processes, "read", corpus, left(), chance.randrange(1000))

    writer, readers, told = start(processes, "write", corpus, folder, left()), [reader() for _ in range(4)], []
    while time.monotonic() < until - 1:
        time.sleep(chance.uniform(0.5, 2.5))
        unlucky = chance.randrange(5)
        if unlucky == 4:
            writer.kill()
            assert writer.wait() in (-9, 0), writer.stderr and writer.stderr.read()
            writer = start(processes, "write", corpus, folder, left())
        elif readers[unlucky].poll() is None:
            readers[unlucky].kill()
            readers[unlucky].wait()
            readers[unlucky] = reader()
        else:
            told.append(json.loads(finished(readers[unlucky])[-1]))
            readers[unlucky] = reader()
    told += [json.loads(finished(one)[-1]) for one in readers]
    finished(writer)
    return told


def test_a_writer_and_four_readers_under_kills(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    told = write_and_read_under_kills(tmp_path, 8, 3, processes)
    assert sum(one["asked"] for one in told) > 20
    assert max(one["seen"] for one in told) > 20


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_minutes_of_a_writer_and_four_readers_under_kills(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    told = write_and_read_under_kills(tmp_path, 120, 5, processes)
    print(told)
    assert max(one["seen"] for one in told) > 200


# ---- the write lock ----


def test_a_second_writer_waits_or_is_told_who_writes(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    with Corpus.open(tmp_path / "wiki", encoder=worker["HashEncoder"](), create=True) as corpus:
        holder = start(processes, "hold", corpus.path, 1.5)
        assert holder.stdout
        assert holder.stdout.readline() == "holding\n"
        with pytest.raises(CorpusBusy) as caught:
            corpus.add([Document("d", "text")])
        assert str(caught.value).startswith(f"cannot write to corpus 'wiki': process {holder.pid} (corpus_worker.py hold) has been writing since ")
        assert caught.value.hint == "Wait for it and run this again (passel index --wait does). Asking questions is possible meanwhile."
        assert corpus.lexical("text", 3) == []
        with pytest.raises(CorpusBusy):
            corpus.add([Document("d", "text")], wait=0.2)
        assert corpus.add([Document("d", "text")], wait=60).added == 1


def test_a_killed_writer_holds_nobody_up(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    with Corpus.open(tmp_path / "wiki", encoder=worker["HashEncoder"](), create=True) as corpus:
        holder = start(processes, "hold", corpus.path, 60)
        assert holder.stdout
        holder.stdout.readline()
        holder.kill()
        holder.wait()
        assert (corpus.path / "writer.json").exists()
        with write_lock(corpus.path):
            (corpus.path / "writer.json").write_text(json.dumps({"pid": holder.pid, "command": "dead", "since": 0}))
            failures: list[str] = []

            def second() -> None:
                try:
                    corpus.add([Document("d", "text")])
                except CorpusBusy as error:
                    failures.append(str(error))

            thread = threading.Thread(target=second)
            thread.start()
            thread.join()
            assert failures == ["cannot write to corpus 'wiki': another process is writing."]
        assert corpus.add([Document("d", "text")]).added == 1
        assert not (corpus.path / "writer.json").exists()


def test_a_writer_does_not_wait_for_itself(tmp_path: Path) -> None:
    with Corpus.open(tmp_path / "wiki", encoder=worker["HashEncoder"](), create=True) as corpus:

        def nested(progress: Any) -> None:
            with pytest.raises(CorpusBusy):
                corpus.delete("d", wait=float("inf"))

        assert corpus.add([Document("d", "text")], progress=nested).added == 1
