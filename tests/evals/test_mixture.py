"""The mixture: questions of several passages, of one and of none, each asked where it is at home."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from passel.evals.experiments import selection
from passel.evals.mixture import mixture
from passel.evals.predictions import Predictions, digest_of
from passel.evals.question import Question
from passel.evals.run import predict_all
from passel.evals.setup import Setup
from passel.rerankers.default import default_selector
from passel.tools.errors import UsageError

pytestmark = pytest.mark.usefixtures("quick")


def squad(folder: Path, count: int = 9, *, blank: bool = False) -> Path:
    """Questions in SQuAD 2's form, every third unanswerable; `blank`: the first paragraph is one."""
    contexts = [f"The barn with the number {n} was painted by Odo Tressin in {1700 + n}." for n in range(count)]
    rows = [
        {
            "id": f"barn-{n}",
            "title": "Barns",
            "context": " \n" if blank and n == 2 else context,
            "question": f"When was the barn with the number {n} painted?" if n % 3 != 2 else f"Who sold the barn with the number {n}?",
            "answers": {"text": [f"{1700 + n}"], "answer_start": [context.index(f"{1700 + n}")]} if n % 3 != 2 else {"text": [], "answer_start": []},
        }
        for n, context in enumerate(contexts)
    ]
    folder.mkdir(exist_ok=True)
    (folder / "dev.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder / "dev.jsonl"


@pytest.fixture
def files(invented: Any, tmp_path: Path) -> list[str]:
    """24 multi-hop questions, 4 others, and 9 single-evidence ones."""
    few = tmp_path / "few"
    few.mkdir()
    (few / "dev.jsonl").write_text("".join(json.dumps({**row, "id": f"few {row['id']}"}) + "\n" for row in invented.rows[:4]))
    return [str(invented.dev), str(few / "dev.jsonl"), str(squad(tmp_path / "barns"))]


def mixed(files: list[str], **options: Any) -> Setup:
    with mixture(files, **{"setting": "distractor", **options}) as setup:
        return setup


def counts(setup: Setup) -> dict[str, int]:
    return dict(Counter(question.dataset for question in setup.questions))


def ids(setup: Setup, dataset: str) -> list[str]:
    return [question.id for question in setup.questions if question.dataset == dataset]


def test_all_multi_hop_questions_and_of_the_others_as_many_as_the_smallest_set(files: list[str]) -> None:
    setup = mixed(files)
    found = counts(setup)
    assert (found["invented/dev"], found["few/dev"], found["barns/dev"]) == (24, 4, 4)
    assert sum(count for name, count in found.items() if name.endswith(" dropped")) == 4
    assert setup.settings["mixed"] == "all"


def test_even_takes_as_many_of_every_set_as_of_the_smallest(files: list[str]) -> None:
    setup = mixed(files, even=True)
    found = counts(setup)
    assert (found["invented/dev"], found["few/dev"], found["barns/dev"]) == (4, 4, 4)
    assert sum(found.values()) == 16
    assert setup.settings["mixed"] == "even"
    order = [row.id for row in mixed(files).questions if row.dataset == "invented/dev"]
    chosen = ids(setup, "invented/dev")
    assert chosen == [id for id in order if id in chosen]  # in the order of the file
    assert chosen != order[:4]  # and not its beginning


def test_what_is_chosen_hangs_on_the_ids_alone(files: list[str], tmp_path: Path) -> None:
    one = mixed(files, even=True)
    for file in files:
        path = Path(file)
        path.with_name("turned.jsonl").write_text("\n".join(reversed(path.read_text().splitlines())))
    other = mixed([str(Path(file).with_name("turned.jsonl")) for file in files], even=True)
    assert {question.id for question in one.questions} == {question.id for question in other.questions}
    for file in files:
        Path(file).with_name("turned.jsonl").unlink()


def test_single_evidence_questions_have_an_answer_and_are_asked_of_their_pool(files: list[str]) -> None:
    setup = mixed(files)
    single = [question for question in setup.questions if question.dataset == "barns/dev"]
    for question in single:
        assert question.answers
        assert len(question.gold or ()) == 1
        assert setup.setting_of(question) == "pool"
    assert {setup.setting_of(question) for question in setup.questions if len(question.passages) > 1} == {"distractor"}
    assert {mixed(files, setting="pool").setting_of(question) for question in setup.questions} == {"pool"}


@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_dropped_questions_are_without_their_evidence(invented: Any, files: list[str], setting: Any) -> None:
    gold = {row["id"]: {(p["title"], p["text"]) for p in row["passages"] if p["is_supporting"]} for row in invented.rows}
    gold |= {f"few {id}": passages for id, passages in gold.items()}
    setup = mixed(files, setting=setting)
    dropped = [question for question in setup.questions if question.dataset.endswith(" dropped")]
    assert dropped
    for question in dropped:
        assert (question.answerable, question.gold) == (False, frozenset())
        assert gold[question.id].isdisjoint((passage.title, passage.text) for passage in question.passages)
    assert all(question.gold for question in setup.questions if question not in dropped)


def test_every_question_can_be_asked_and_each_has_one_line(files: list[str]) -> None:
    with mixture(files, setting="distractor", even=True) as setup, Predictions(None, "") as kept:
        lines = predict_all(setup.questions, selection.predictor(setup, default_selector(setup.encoder), 2000), kept)
        result, _ = selection.summarize(setup, lines)
        pool = len(setup.corpora["barns/dev"].sources())
    assert not any(line["outcome"] == "failed" for line in lines)
    assert len({(line["dataset"], line["id"]) for line in lines}) == len(lines) == 16
    assert result.counts["scored"] == 16
    for question, line in zip(setup.questions, lines, strict=True):
        if question.dataset == "barns/dev":
            assert 1 < len(line["candidates"]) <= pool
        elif not question.dataset.endswith(" dropped"):
            assert len(line["candidates"]) == len(question.passages)


def test_mixtures_differ_in_their_digest(files: list[str]) -> None:
    settings = [mixed(files, **options).settings for options in ({}, {"even": True}, {"setting": "pool"}, {"split": "train"}, {"seed": 1})]
    assert len({digest_of(each) for each in settings}) == len(settings)
    assert digest_of(mixed(files).settings) == digest_of(settings[0])
    assert [one["name"] for one in settings[0]["data"]] == ["invented/dev", "few/dev", "barns/dev"]
    assert mixed(files, described={"experiment": "selection"}).settings["experiment"] == "selection"


def test_a_mixture_of_val_has_no_question_of_train(files: list[str]) -> None:
    from passel.evals.datasets import is_val

    def single(question: Question) -> bool:
        return question.dataset == "barns/dev"

    setup = mixed([files[0], files[2]], split="train")
    assert not any(is_val(question.id) for question in setup.questions)
    assert any(map(single, setup.questions))


@pytest.mark.parametrize(("chosen", "lacking"), [([0, 1], "single-evidence"), ([2], "multi-hop")])
def test_both_kinds_are_needed(files: list[str], chosen: list[int], lacking: str) -> None:
    with pytest.raises(UsageError, match=f"--mixed needs {lacking}") as told:
        mixed([files[n] for n in chosen])
    assert "squad2" in told.value.hint


def test_passages_that_cannot_be_stored_are_counted(invented: Any, tmp_path: Path) -> None:
    assert mixed([str(invented.dev), str(squad(tmp_path / "blank", blank=True))]).unreadable == 1


def test_progress_is_told(files: list[str]) -> None:
    told: list[str] = []
    mixed(files, progress=lambda what, done, total: told.append(what))
    assert "dropping gold" in told
