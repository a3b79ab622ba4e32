"""A cache saves time and never costs a result: whatever happens to its file, `get` and `put` return."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from passel.tools.vector_cache import VectorCache


def key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def vector(number: int) -> NDArray[np.float16]:
    return np.full(8, number, np.float16)


def use(cache: VectorCache) -> None:
    assert cache.get([key(1)]) == {}
    cache.put(some(1))
    assert cache.get([key(1)]) == {}


def some(*numbers: int) -> dict[bytes, NDArray[np.float16]]:
    return {key(number): vector(number) for number in numbers}


@pytest.fixture
def cache(tmp_path: Path) -> VectorCache:
    return VectorCache(tmp_path / "deep" / "cache.sqlite", 8)


def test_gives_back_what_was_put_and_only_that(cache: VectorCache) -> None:
    cache.put(some(*range(1500)))  # more than one query's worth of keys
    found = cache.get([key(number) for number in range(1490, 2500)])
    assert set(found) == set(some(*range(1490, 1500)))
    assert all(np.array_equal(found[key(number)], vector(number)) for number in range(1490, 1500))
    assert VectorCache(cache.file, 8).get([key(3)]).keys() == {key(3)}  # and keeps it for the next process


@given(key=st.binary(min_size=32, max_size=32), content=st.binary(min_size=16, max_size=16))
@settings(max_examples=20, deadline=None)
def test_vectors_come_back_bit_by_bit(tmp_path_factory: pytest.TempPathFactory, key: bytes, content: bytes) -> None:
    cache = VectorCache(tmp_path_factory.mktemp("cache") / "c.sqlite", 8)
    cache.put({key: np.frombuffer(content, np.float16)})
    assert cache.get([key])[key].tobytes() == content


def test_the_oldest_rows_go_first(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "c.sqlite", 8, max_bytes=100 * 116)
    for start in range(0, 300, 10):
        cache.put(some(*range(start, start + 10)))
    left = cache.get([key(number) for number in range(300)])
    assert set(left) == set(some(*range(200, 300)))


def test_the_size_limit_is_about_the_files_size(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "c.sqlite", 384, max_bytes=2_000_000)
    rng = np.random.default_rng(0)
    for _ in range(50):
        cache.put({rng.bytes(32): rng.normal(size=384).astype(np.float16) for _ in range(100)})
    cache.close()
    assert 1_600_000 < cache.file.stat().st_size < 2_400_000


def test_a_corrupt_file_warns_once_and_is_replaced_for_the_next(cache: VectorCache) -> None:
    cache.file.parent.mkdir()
    cache.file.write_bytes(b"this is no database " * 1000)
    with pytest.warns(UserWarning, match=r"vector cache .* goes on without it") as caught:
        use(cache)
    assert len(caught) == 1
    fresh = VectorCache(cache.file, 8)
    fresh.put(some(1))
    assert fresh.get([key(1)])


def test_damaged_pages_do_no_harm(cache: VectorCache) -> None:
    cache.put(some(*range(2000)))
    cache.close()
    content = bytearray(cache.file.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    cache.file.write_bytes(content)
    with pytest.warns(UserWarning, match="vector cache"):
        found = VectorCache(cache.file, 8).get([key(number) for number in range(2000)])
    assert found == {}


def test_an_unusable_place_warns_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "c.sqlite", tmp_path):  # a folder that cannot be made; a folder where the file should be
        cache = VectorCache(place, 8)
        with pytest.warns(UserWarning, match="vector cache") as caught:
            use(cache)
        assert len(caught) == 1


def test_a_read_only_file_is_no_cache(cache: VectorCache) -> None:
    cache.put(some(1))
    connection = cache._connection
    assert connection is not None
    connection.execute("PRAGMA query_only = ON")  # file permissions do not bind root
    with pytest.warns(UserWarning, match="readonly"):
        cache.put(some(2))
    assert cache.get([key(1)]) == {}


def test_vectors_of_another_length_are_not_ours(cache: VectorCache) -> None:
    cache.put(some(1))
    assert VectorCache(cache.file, 16).get([key(1)]) == {}


def test_a_locked_file_is_passed_over_and_tried_again(cache: VectorCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passel.tools.vector_cache._BUSY_SECONDS", 0.05)
    cache.put(some(1))
    other = sqlite3.connect(cache.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.warns(UserWarning, match="locked"):
        cache.put(some(2))
    assert cache.get([key(1), key(2)]).keys() == {key(1)}  # reading goes on
    other.execute("ROLLBACK")
    other.close()
    cache.put(some(2))
    assert cache.get([key(2)])


_FILL = """
import hashlib, sys, warnings
from pathlib import Path
import numpy as np
from passel.tools.vector_cache import VectorCache

def key(number):
    return hashlib.sha256(str(number).encode()).digest()

warnings.simplefilter("error")
cache, start = VectorCache(Path(sys.argv[1]), 8), int(sys.argv[2])
for number in range(start, start + 200, 20):
    cache.put({key(n): np.full(8, n, np.float16) for n in range(number, number + 20)})
    assert cache.get([key(number)])
cache.close()
"""


def test_processes_share_the_file(cache: VectorCache) -> None:
    # half of each one's keys are the next one's too
    children = [subprocess.Popen([sys.executable, "-c", _FILL, str(cache.file), str(100 * n)]) for n in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    assert len(cache.get([key(number) for number in range(400)])) == 400
