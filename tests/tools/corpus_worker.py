"""What the corpus tests run in processes of their own (and kill), and the small encoder that they share.

index CORPUS PATH BATCH      index PATH in batches of that size, telling after each how many passages are committed
write CORPUS FOLDER SECONDS  index a file in FOLDER again and again, with more records each time, and some that change
read CORPUS SECONDS SEED     ask all the time; fails when something that was found once is not found any more
hold CORPUS SECONDS          hold the write lock
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class HashEncoder:
    """A sum of one fixed random vector a word: no model, but texts of the same words are near each other and equal texts are equal."""

    name = "hash"
    digest = "0" * 64
    dimension = 32
    max_tokens = 256

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, texts: Sequence[str], *, progress: Any = None, remember: bool = True) -> NDArray[np.float32]:
        self.encoded += len(texts)
        vectors = np.stack([sum((self._word(word) for word in text.lower().split()), np.full(self.dimension, 1e-3)) for text in texts])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def _word(self, word: str) -> NDArray[np.float64]:
        seed = int.from_bytes(hashlib.md5(word.encode()).digest()[:8])
        return np.random.default_rng(seed).normal(size=self.dimension)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


_LAST = ("bar", "din", "fel", "gor", "hup", "jas", "kit", "lom", "mun", "pex")
WORDS = [first + last for first in ("ka", "lo", "mi", "ru", "te", "vo", "sa", "ne") for last in _LAST]


def write_records(path: Path, count: int, *, changing: int = 0, state: int = 0) -> None:
    """A jsonl file, put in place at once: `count` records of invented words that never change, and `changing` ones that differ in each state."""
    draft = path.with_suffix(".draft")
    with draft.open("w") as file:
        for i in range(count):
            text = " ".join(random.Random(i).choices(WORDS, k=30)) + f" number{i}."
            file.write(json.dumps({"id": f"r{i}", "title": f"Title {i}", "text": text, "tenant": "ab"[i % 2]}) + "\n")
        for i in range(changing):
            file.write(json.dumps({"id": f"c{i}", "text": f"{random.Random(state + i).choice(WORDS)} in state {state}"}) + "\n")
    draft.rename(path)


def _set_batches(size: int) -> None:
    from passel.tools import indexing

    indexing.BATCH, indexing.PUBLISH_EVERY = size, 6 * size


def index(corpus: str, path: str, batch: str) -> None:
    from passel.tools.corpus import Corpus

    _set_batches(int(batch))

    def tell(progress: Any) -> None:
        print("committed" if progress.phase == "reading" else "publishing", progress.passages, flush=True)

    with Corpus.open(corpus, encoder=HashEncoder(), create=True) as opened:
        print(json.dumps(opened.index([path], progress=tell, wait=30).to_dict()), flush=True)


def write(corpus: str, folder: str, seconds: str) -> None:
    from passel.tools.corpus import Corpus

    _set_batches(16)
    until, file = time.monotonic() + float(seconds), Path(folder) / "records.jsonl"
    count = sum(1 for line in file.open() if '"r' in line) if file.exists() else 0
    with Corpus.open(corpus, encoder=HashEncoder(), create=True) as opened:
        while time.monotonic() < until:
            count += 20
            write_records(file, count, changing=10, state=count)
            opened.index([file], wait=30)
    print(count)


def read(corpus: str, seconds: str, seed: str) -> None:
    from passel.tools.corpus import Corpus
    from passel.tools.errors import UsageError

    until, chance, encoder = time.monotonic() + float(seconds), random.Random(int(seed)), HashEncoder()
    asked, slowest, seen = 0, 0.0, {}
    opened = None
    while opened is None:
        try:
            opened = Corpus.open(corpus, encoder=encoder)
        except UsageError:  # the writer has not made it yet
            time.sleep(0.02)
    with opened:
        while time.monotonic() < until:
            began = time.perf_counter()
            for passage in opened.get([id_ for id_, _ in opened.dense(encoder.encode([" ".join(chance.choices(WORDS, k=5))])[0], 5)]):
                if passage.source.startswith("r"):
                    seen[passage.id] = passage
            if seen:
                id_, passage = chance.choice(list(seen.items()))
                assert opened.get([id_]) == [passage], f"{passage.source} has vanished"
                assert id_ in dict(opened.dense(encoder.encode([passage.embedded_text])[0], 10)), f"{passage.source} is not found by its vector"
                assert id_ in dict(opened.lexical(passage.text.split()[-1], 5)), f"{passage.source} is not found by its words"
            slowest = max(slowest, time.perf_counter() - began if asked else 0)  # the first one imports chromadb
            asked += 1
    print(json.dumps({"asked": asked, "seen": len(seen), "slowest": round(slowest, 3)}), flush=True)


def hold(corpus: str, seconds: str) -> None:
    from passel.tools.lock import write_lock

    with write_lock(Path(corpus)):
        print("holding", flush=True)
        time.sleep(float(seconds))


if __name__ == "__main__":
    {"index": index, "write": write, "read": read, "hold": hold}[sys.argv[1]](*sys.argv[2:])
