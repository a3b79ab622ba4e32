"""What the corpus tests run in processes of their own (and kill), and the small encoder that they share.

python corpus_worker.py index CORPUS PATH [PAUSE]   index PATH, printing "committed N" after each batch
python corpus_worker.py read CORPUS SECONDS SEED    ask all the time; prints a JSON line of what was asked, or the failure
python corpus_worker.py hold CORPUS SECONDS         hold the write lock
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

    def encode(self, texts: Sequence[str], *, progress: Any = None) -> NDArray[np.float32]:
        self.encoded += len(texts)
        vectors = np.stack([sum((self._word(word) for word in text.lower().split()), np.full(self.dimension, 1e-3)) for text in texts])
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def _word(self, word: str) -> NDArray[np.float64]:
        seed = int.from_bytes(hashlib.md5(word.encode()).digest()[:8])
        return np.random.default_rng(seed).normal(size=self.dimension)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]


WORDS = [f"{a}{b}" for a in ("ka", "lo", "mi", "ru", "te", "vo", "sa", "ne") for b in ("bar", "din", "fel", "gor", "hup", "jas", "kit", "lom", "mun", "pex")]


def write_records(path: Path, count: int, *, seed: int = 0) -> None:
    """A jsonl file of `count` short records of invented words."""
    chance = random.Random(seed)
    with path.open("w") as file:
        for i in range(count):
            record = {"id": f"r{i}", "title": f"Title {i}", "text": " ".join(chance.choices(WORDS, k=30)) + f" number{i}.", "tenant": "ab"[i % 2]}
            file.write(json.dumps(record) + "\n")


def index(corpus: str, path: str, pause: str = "0") -> None:
    from passel.tools.corpus import Corpus

    def tell(progress: Any) -> None:
        print("committed" if progress.phase == "reading" else "publishing", progress.passages, flush=True)
        time.sleep(float(pause))

    with Corpus.open(corpus, encoder=HashEncoder(), create=True) as opened:
        report = opened.index([path], progress=tell, wait=30)
        print(json.dumps(report.to_dict()), flush=True)


def read(corpus: str, seconds: str, seed: str) -> None:
    """Whatever was found once must be found ever after: by id, by its words and by its vector."""
    from passel.tools.corpus import Corpus
    from passel.tools.errors import UsageError

    until, chance, encoder = time.monotonic() + float(seconds), random.Random(int(seed)), HashEncoder()
    while True:
        try:
            opened = Corpus.open(corpus, encoder=encoder)
            break
        except UsageError:  # the writer has not made it yet
            time.sleep(0.02)
    asked, slowest, seen = 0, 0.0, {}
    print("reading", flush=True)
    while time.monotonic() < until:
        began = time.perf_counter()
        for id_, _ in opened.dense(encoder.encode([" ".join(chance.choices(WORDS, k=5))])[0], 5):
            if id_ not in seen:
                seen[id_] = opened.get([id_])[0].embedded_text
        if seen:
            id_ = chance.choice(list(seen))
            assert [passage.embedded_text for passage in opened.get([id_])] == [seen[id_]], f"{id_} has vanished"
            assert id_ in dict(opened.dense(encoder.encode([seen[id_]])[0], 10)), f"{id_} is not found by its vector"
            number = seen[id_].split()[-1].rstrip(".")
            assert id_ in dict(opened.lexical(number, 5)), f"{id_} is not found by its words"
        slowest = max(slowest, time.perf_counter() - began)
        asked += 1
    opened.close()
    print(json.dumps({"asked": asked, "seen": len(seen), "slowest": slowest}), flush=True)


def hold(corpus: str, seconds: str) -> None:
    from passel.tools.lock import write_lock

    with write_lock(Path(corpus)):
        print("holding", flush=True)
        time.sleep(float(seconds))


if __name__ == "__main__":
    {"index": index, "read": read, "hold": hold}[sys.argv[1]](*sys.argv[2:])
