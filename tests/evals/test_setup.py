"""Setup: what a user named becomes questions and corpora, or one clear line that says what is wrong."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from passel.evals.datasets import is_val
from passel.evals.first_stage import candidates
from passel.evals.predictions import digest_of
from passel.evals.setup import Setup, prepare
from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.errors import UsageError

pytestmark = pytest.mark.usefixtures("quick")


def ready(*data: Path, setting: Any = "distractor", **options: Any) -> Setup:
    with prepare([str(file) for file in data], setting=setting, **options) as setup:
        return setup


def alone(invented: Any) -> Path:
    """The questions without passages."""
    return invented.write("alone", [{name: value for name, value in row.items() if name != "passages"} for row in invented.rows])


def test_the_questions_and_their_pool(invented: Any) -> None:
    with prepare([str(invented.dev)], setting="pool") as setup:
        assert [question.id for question in setup.questions] == [row["id"] for row in invented.rows]
        assert {question.dataset for question in setup.questions} == {"invented/dev"}
        passages = {(passage["title"], passage["text"]) for row in invented.rows for passage in row["passages"]}
        assert setup.corpus(setup.questions[0]).info().passages == len(passages)
        assert sum(len(row["passages"]) for row in invented.rows) > len(passages)
    assert setup.settings["data"] == [{"name": "invented/dev", "sha256": hashlib.sha256(invented.dev.read_bytes()).hexdigest()}]


def test_each_data_set_has_its_own_pool(invented: Any) -> None:
    other = invented.write("other", [{**invented.rows[3], "passages": invented.rows[3]["passages"][:2]}])
    with prepare([str(invented.dev), str(other)], setting="pool") as setup:
        assert len(setup.questions) == 25
        assert [len(setup.corpora[name].sources()) for name in ("invented/dev", "invented/other")][1] == 2
        assert setup.corpus(setup.questions[-1]) is setup.corpora["invented/other"]


def test_a_limit_is_of_each_file_and_leaves_the_pool_whole(invented: Any) -> None:
    whole, limited = ready(invented.dev), ready(invented.dev, limit=3)
    assert limited.questions == whole.questions[:3]
    assert limited.corpus(limited.questions[0]).path == whole.corpus(whole.questions[0]).path
    assert digest_of(limited.settings) == digest_of(whole.settings)  # a longer run may go on from a shorter one's predictions
    assert len(ready(invented.dev, invented.unlabelled, limit=3).questions) == 6


def test_a_split_is_by_hash(invented: Any) -> None:
    val, train = ([question.id for question in ready(invented.dev, split=split).questions] for split in ("val", "train"))
    assert val
    assert val == [row["id"] for row in invented.rows if is_val(row["id"])]
    assert train == [row["id"] for row in invented.rows if not is_val(row["id"])]
    with pytest.raises(UsageError, match="no question is left"):
        ready(invented.write("untouched", [row for row in invented.rows if not is_val(row["id"])]), split="val")


@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_questions_alone_need_a_corpus(invented: Any, setting: str) -> None:
    with pytest.raises(UsageError, match="no passages") as told:
        ready(alone(invented), setting=setting)
    assert "--corpus" in told.value.hint


def test_questions_alone_over_a_corpus(invented: Any, tmp_path: Path) -> None:
    with Corpus.open(tmp_path / "isles", create=True) as corpus:
        corpus.add([Document.from_text("Cressing is a town.", source="c", title="Cressing")])
    with prepare([str(alone(invented))], setting="corpus", corpus=tmp_path / "isles") as setup:
        before = setup.settings["corpus"]
        assert {name: before[name] for name in ("name", "documents", "passages")} == {"name": "isles", "documents": 1, "passages": 1}
        assert setup.corpus(setup.questions[0]).sources() == ["c"]
    with Corpus.open(tmp_path / "isles") as corpus:
        corpus.add([Document.from_text("Cressing is a village.", source="c", title="Cressing")])
    with prepare([str(alone(invented))], setting="corpus", corpus=tmp_path / "isles") as setup:
        assert setup.settings["corpus"] != before, "predictions of other texts are another run's"
    with pytest.raises(UsageError, match="no corpus"):
        ready(alone(invented), setting="corpus", corpus=tmp_path / "none")


def test_gold_is_not_dropped_from_a_corpus(invented: Any, tmp_path: Path) -> None:
    """Its documents have other names and other pieces than a data set's passages: they would be found all the same."""
    with Corpus.open(tmp_path / "isles", create=True) as corpus:
        corpus.add([Document.from_text("Cressing is a town.", source="c", title="Cressing")])
    with pytest.raises(UsageError, match="not from a corpus"):
        ready(invented.dev, setting="corpus", corpus=tmp_path / "isles", drop="all")


def test_nothing_to_ask(invented: Any) -> None:
    for options in ({"limit": 0}, {"drop": "all", "limit": 0}):
        with pytest.raises(UsageError, match="no question is left"):
            ready(invented.dev, **options)
    with pytest.raises(UsageError, match="no question is left"):  # nothing is known of any gold
        ready(invented.unlabelled, drop="all")
    with pytest.raises(UsageError, match="named twice"):
        ready(invented.dev, invented.dev)
    with pytest.raises(UsageError, match="no file"):
        ready(invented.folder / "nothing.jsonl")
    with pytest.raises(UsageError, match="no share"):
        ready(invented.dev, drop="all", rate=1.5)


def test_what_predictions_depend_on_is_in_the_digest(invented: Any) -> None:
    given: list[dict[str, Any]] = [
        {},
        {"drop": "all", "rate": 0.5},
        {"drop": "one", "rate": 0.5},
        {"drop": "all", "rate": 0.25},
        {"drop": "all", "rate": 0.5, "seed": 1},
        {"seed": 1},
        {"setting": "pool"},
        {"split": "train"},
        {"described": {"experiment": "qa"}},
        {"described": {"experiment": "selection"}},
    ]
    digests = [digest_of(ready(invented.dev, limit=4, **options).settings) for options in given]
    assert len(set(digests)) == len(given)
    assert digest_of(ready(invented.permuted, limit=4).settings) not in digests
    assert digest_of(ready(invented.dev, limit=5, **given[1]).settings) == digests[1]


@pytest.mark.parametrize("setting", ["distractor", "pool"])
@pytest.mark.parametrize("which", ["all", "one"])
def test_dropped_gold_is_counted(invented: Any, setting: Any, which: Any) -> None:
    mixed = invented.write("partly", [{**invented.rows[0], "answers": None}, *invented.rows[1:14]])
    setup = ready(mixed, setting=setting, drop=which, rate=0.5)
    there, gone = ([q for q in setup.questions if q.answerable is kind] for kind in (True, False))
    assert len(there) + len(gone) + setup.left_out + setup.unlabelled == 14
    assert setup.unlabelled == 1
    assert setup.left_out > 0  # "Cressing" stands in another director's passage
    assert there
    assert gone
    rows = {row["id"]: row for row in invented.rows}
    for question in (*there, *gone):
        gold = {(p["title"], p["text"]) for p in rows[question.id]["passages"] if p["is_supporting"]}
        missing = gold - {(p.title, p.text) for p in question.passages}
        assert len(missing) == (0 if question.answerable else len(gold) if which == "all" else 1)
        assert bool(question.without) == (question.answerable is False and setting == "pool")
        assert question.answers == tuple(rows[question.id]["answers"])


def test_gold_of_an_open_set_is_kept_from_every_search(invented: Any) -> None:
    folder = invented.open_set("dropped", invented.gold_titles, namesakes=False)
    with prepare([str(folder)], setting="pool", drop="all") as setup:
        assert setup.questions
        for question in setup.questions:
            titles = {candidate.passage.title for candidate in candidates(setup.corpus(question), question, "pool") if candidate.passage}
            (gold,) = (titles for row, titles in zip(invented.rows, invented.gold_titles, strict=True) if row["id"] == question.id)
            assert titles.isdisjoint(gold)
            assert len(question.without) == len(gold)
            assert (question.answerable, question.gold) == (False, frozenset())
    one = ready(folder, setting="pool", drop="one")
    assert {len(question.without) for question in one.questions} == {1}
    for question in one.questions:
        assert question.gold
        assert question.gold.isdisjoint(question.without)


def test_progress_is_told(invented: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSEL_HOME", str(tmp_path))
    told: list[tuple[str, int, int]] = []
    ready(invented.dev, drop="all", progress=lambda *step: told.append(step))
    assert {what for what, _, _ in told} == {"the pool: reading", "the pool: publishing", "dropping gold"}
    assert all(0 <= done <= total for what, done, total in told if what == "dropping gold")
