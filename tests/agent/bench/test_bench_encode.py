"""The benchmark compares like with like: the peer's vectors are ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from passel.agent.bench.encode import read_texts, run
from passel.tools.errors import UsageError


def test_both_embed_the_same_texts(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    file = tmp_path / "corpus.jsonl"
    records = [{"title": f"Town {n}", "text": f"Town {n} lies on the river. " * (12 * n + 1)} for n in range(6)]  # some beyond 256 tokens
    file.write_text("\n".join(json.dumps(record) for record in [*records, records[0]]))
    result = run(file, n=100, rounds=2)
    assert (result.passages, result.rounds) == (6, 2)
    assert result.min_cosine >= 0.999
    assert result.ours_per_second > 0
    assert result.ratio > 0
    assert result.peer.startswith("sentence-transformers ")


def test_texts_are_distinct_and_titled(tmp_path: Path) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_text('{"title": "A", "text": "b\u2028c"}\n\n{"text": "d"}\n{"text": "d"}\n{"text": "e"}', encoding="utf-8")
    assert read_texts(file, 2) == ["A. b\u2028c", "d"]
    (tmp_path / "lines.txt").write_text("one\ntwo\none\n")
    assert read_texts(tmp_path / "lines.txt", 10) == ["one", "two"]


@pytest.mark.parametrize("content", ["", "no json", '{"title": "no text"}', "[1]", "\udcff"])
def test_a_file_without_texts_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "corpus.jsonl"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError):
        read_texts(file, 10)
    with pytest.raises(UsageError):
        read_texts(tmp_path / "absent.jsonl", 10)
