"""Reading examples made up for the pair model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from passel.rerankers.reader.examples import LabelledPassage, ReadingExample
from passel.tools.pair import PairNetwork
from passel.tools.pair_text import Reading

PEOPLE = ("Ilse Marn", "Odo Tressin", "Runa Castrell", "Lambert Crode", "Nan Ottery", "Silvan Korde")


@pytest.fixture(scope="session")
def untrained() -> PairNetwork:
    torch.manual_seed(0)
    return PairNetwork.untrained()


@pytest.fixture(scope="session")
def hall() -> Callable[..., ReadingExample]:
    """`hall(3)`: who designed hall 3, with one gold passage and some about geese."""

    def make(n: int, others: int = 2) -> ReadingExample:
        person = PEOPLE[n % len(PEOPLE)]
        gold = LabelledPassage(Reading(f"Hall {n}", f"Hall {n} was designed by {person}."), True, (person,))
        geese = [LabelledPassage(Reading("Goose", f"Goose {k} eats grass."), False) for k in range(others)]
        return ReadingExample(f"q{n}", f"Who designed hall {n}?", (gold, *geese), "list")

    return make
