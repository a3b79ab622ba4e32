"""Lists of candidates made up for the policy, networks whose every weight matters, and a task that a network learns in seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pytest
import torch

from passel.rerankers.selector.examples import ListExample, ReadCandidates
from passel.rerankers.selector.features import FEATURES, VECTOR, ListInput, siblings_of
from passel.rerankers.selector.imitation import ImitationConfig, imitate
from passel.rerankers.selector.network import ListNetwork
from passel.tools.pair import AnswerSpan, PairReading
from passel.tools.pair_text import Reading
from passel.tools.reader import ReadAs, ReadPassage


@pytest.fixture(scope="session")
def network() -> Callable[..., ListNetwork]:
    """`network(seed, biases=True, stop=0.0)`: no weight is zero, so nothing that is read can go unnoticed; `stop` is added to STOP's bias."""

    def make(seed: int = 0, *, biases: bool = True, stop: float = 0.0) -> ListNetwork:
        torch.manual_seed(seed)
        made = ListNetwork(biases=biases)
        with torch.no_grad():
            for name, weight in made.named_parameters():
                weight.add_(torch.randn_like(weight) * (0.5 if weight.numel() < 100 else 0.03))
                if name in ("stop_bias", "empty_bias"):
                    weight.add_(stop)
        return made.requires_grad_(False).eval()

    return make


@pytest.fixture(scope="session")
def made_up() -> Callable[..., ListInput]:
    """`made_up(n, seed, tokens=[…])`: n candidates by chance, some of which name others."""

    def make(n: int, seed: int = 0, tokens: Sequence[int] | None = None) -> ListInput:
        chance = np.random.default_rng(seed)
        names = (chance.random((n, n)) < 0.3) & ~np.eye(n, dtype=bool)
        return ListInput(
            chance.normal(size=(n, VECTOR)).astype(np.float32),
            chance.normal(size=(n, FEATURES)).astype(np.float32),
            names,
            np.array(chance.integers(1, 60, n) if tokens is None else tokens, np.int64),
            siblings_of([f"title {number}" for number in chance.integers(0, max(1, n // 2), n)]),
        )

    return make


@pytest.fixture(scope="session")
def example() -> Callable[..., ListExample]:
    """`example(input, gold, …)`: each passage holds one span, its place in words: "stone 0", "stone 1", …"""

    def make(given: ListInput, gold: Sequence[int] = (), *, id: str = "q", gold_in_all: int | None = None, **options: Any) -> ListExample:
        passages = []
        for place in range(len(given.tokens)):
            text = f"stone {place} lies here"
            read = ReadAs(0.0, 0.0, (AnswerSpan(0, len(f"stone {place}"), float(place)),))
            passages.append(ReadPassage(f"Title {place}", text, read, read))
        in_all = len(gold) if gold_in_all is None else gold_in_all
        return ListExample(id, "Which stone lies here?", ReadCandidates(given, tuple(passages)), tuple(gold), in_all, **options)

    return make


@pytest.fixture(scope="session")
def toy(example: Callable[..., ListExample]) -> Callable[..., list[ListExample]]:
    """`toy(count, seed)`: lists of 5 candidates. Feature 1 marks the first hop's passage, feature 2 the second's; every third list holds neither.

    Gold stands in hop order, the first hop anywhere in the list.
    """

    def make(count: int, seed: int = 0, *, n: int = 5, ordered: bool = False, empty_every: int = 3) -> list[ListExample]:
        chance = np.random.default_rng(seed)
        made = []
        for number in range(count):
            vectors = (np.linspace(-1, 1, VECTOR) + 0.1 * chance.normal(size=(n, VECTOR))).astype(np.float32)
            features = (0.05 * chance.normal(size=(n, FEATURES))).astype(np.float32)
            gold: list[int] = []
            if not empty_every or number % empty_every:
                gold = chance.permutation(n)[: 1 + number % 2].tolist()
            for hop, place in enumerate(gold):
                features[place, 1 + hop] += 2.0
            nobody = np.zeros((n, n), np.bool_)
            given = ListInput(vectors, features, nobody, np.full(n, 50, np.int64), nobody)
            answers = (f"stone {gold[-1]}",) if gold else ()
            group = "with" if gold else "without"
            made.append(example(given, gold, id=f"{seed}-{number}", ordered=ordered, answers=answers, group=group))
        return made

    return make


@pytest.fixture(scope="session")
def half_learned(toy: Callable[..., list[ListExample]]) -> ListNetwork:
    """A policy that picks one piece of evidence where two are, and is not sure of it."""
    begun, _ = imitate(toy(96, seed=1), toy(24, seed=2), ImitationConfig(epochs=2, lists=16, learning_rate=5e-4, seed=3))
    return begun


@pytest.fixture(scope="session")
def ordered_subsets() -> Callable[[int, int], list[list[int]]]:
    """`ordered_subsets(n, most)`: every list of different places below n, of at most `most`."""
    return lambda n, most=12: [list(one) for size in range(min(n, most) + 1) for one in permutations(range(n), size)]


class FakePair:
    """Readings by chance, always the same for the same question and reading, without a forward pass."""

    def read(self, question: str, readings: Sequence[Reading], *, exact: bool = False) -> list[PairReading]:
        return [self._one(question, reading) for reading in readings]

    def _one(self, question: str, reading: Reading) -> PairReading:
        key = "\x1f".join((question, reading.title, reading.text, reading.naming)).encode("utf-8", "surrogatepass")
        chance = np.random.default_rng(int.from_bytes(hashlib.sha256(key).digest()[:8], "little"))
        return PairReading(
            chance.normal(size=VECTOR).astype(np.float32), float(chance.normal() * 4), float(chance.normal()), tuple(self._spans(chance, reading))
        )

    def _spans(self, chance: np.random.Generator, reading: Reading) -> Iterator[AnswerSpan]:
        for _ in range(min(2, len(reading.text))):
            start = int(chance.integers(0, len(reading.text)))
            yield AnswerSpan(start, min(len(reading.text), start + 5), float(chance.normal() * 9))


@pytest.fixture(scope="session")
def pair() -> Any:
    return FakePair()
