"""The pool: made once, finished when it was interrupted, and each passage in it exactly as the data set gives it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from passel.evals import pool as pools
from passel.evals.pool import open_pool
from passel.evals.question import DataPassage
from passel.tools.corpus import Corpus, Progress
from passel.tools.passage import Passage, passage_ids

pytestmark = pytest.mark.usefixtures("quick")

TEN = tuple(DataPassage(f"Weir {n}", f"The weir number {n} was built in {1800 + n}.") for n in range(10))
ODD = (
    DataPassage("", "No title at all."),
    DataPassage(" Title with spaces \t", "\n  Text with\ttabs,\r\nline ends,\r and   spaces.  \n\n"),
    DataPassage("Cité", "é is one character and e\u0301 two; ﬁ is a ligature, Ａ is wide, İ and ß fold badly."),
    DataPassage("שלום", "עברית, العربية, 漢字 and 🜚👩‍👩‍👧 with a joiner, \u200b\u2028\u2029\ufeff and \x0b\x0c\x1b inside."),
    DataPassage("# Not a heading", "# Nor this\n\n---\ntitle: no front matter\n---\n<b>&amp;</b> [bold]no markup[/bold]"),
    DataPassage("Same", "One text."),
    DataPassage("Same", "Another text."),
    DataPassage("Other", "One text."),
    DataPassage("Long", "A very long passage, which is one all the same. " * 200),
)


def _passage(corpus: Corpus, passage: DataPassage) -> Passage:
    (stored,) = corpus.get(list(passage_ids(passage.source, [passage.text])))
    return stored


def _random_text(rng: random.Random) -> str:
    alphabet = "aZ9 .,;\t\n\r\u00a0\u2003éß\u0301\u200d漢🜚\U0010ffff\x7f\x01"
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 60)))


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PASSEL_HOME", str(tmp_path))
    return tmp_path / "evals" / "pools"


def test_every_passage_is_one_candidate_and_comes_back_as_it_was() -> None:
    rng = random.Random(7)
    given = (*ODD, *(DataPassage(_random_text(rng), _random_text(rng) + "x") for _ in range(120)))
    with open_pool(given) as corpus:
        assert corpus.info().passages == corpus.info().chroma == len(given)
        assert corpus.sources() == sorted(passage.source for passage in given)
        for passage in given:
            stored = _passage(corpus, passage)
            assert (stored.title, stored.text, stored.source) == (passage.title, passage.text, passage.source)
            assert corpus.document(passage.source) == passage.text


def test_what_cannot_be_stored_is_left_out() -> None:
    unstorable = (DataPassage("Blank", " \n\t"), DataPassage("Empty", ""), DataPassage("Null", "a\0b"), DataPassage("Half", "a \ud83d pair"))
    with open_pool((*TEN[:2], *unstorable)) as corpus:
        assert corpus.sources() == sorted(passage.source for passage in TEN[:2])
    with open_pool(unstorable) as corpus:  # and nothing at all is a pool too
        assert corpus.sources() == []


def test_it_is_made_once_whatever_the_order(own_home: Path) -> None:
    told: list[Progress] = []
    with open_pool(TEN, progress=told.append) as corpus:
        made, seq = corpus.path, corpus.seq
    assert told
    told.clear()
    with open_pool((*reversed(TEN), TEN[0]), progress=told.append) as corpus:
        assert (corpus.path, corpus.seq) == (made, seq)
    assert told == []
    with open_pool(TEN[:9]) as corpus:
        assert corpus.path != made
        assert len(corpus.sources()) == 9
    assert len(list(own_home.iterdir())) == 2


def test_an_interrupted_one_is_finished(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("passel.tools.indexing.BATCH", 4)

    def interrupted(step: Progress) -> None:
        if step.done > 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_pool(TEN, progress=interrupted)
    (folder,) = own_home.iterdir()
    assert not (folder / "complete").exists()
    with Corpus.open(folder) as corpus:
        begun = len(corpus.sources())
    assert 0 < begun < len(TEN)
    with open_pool(TEN) as corpus:
        assert corpus.path == folder
        assert corpus.sources() == sorted(passage.source for passage in TEN)
        assert corpus.info().chroma == len(TEN)
    assert (folder / "complete").exists()


def test_of_many_pools_the_least_recently_used_go(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(pools, "MOST_KEPT", 2)
    made: list[Any] = []
    for n, passage in enumerate((TEN[0], TEN[1], TEN[0], TEN[2])):  # the first one is used again
        with open_pool([passage]) as corpus:
            made.append(corpus.path)
        os.utime(corpus.path / "complete", (n, n))
    assert set(own_home.iterdir()) == {made[0], made[3]}
