"""passel train: what a command line makes of questions, that a killed run goes on where it was, and that an agent uses what was made."""

from __future__ import annotations

import json
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from passel.agent import cli
from passel.agent.agent import Agent
from passel.agent.settings import Settings
from passel.evals import calibrating, training
from passel.evals.datasets import is_val
from passel.evals.datasets.get import split_of
from passel.evals.datasets.split import fold_of
from passel.graphs.prompts import RESOLVE
from passel.rerankers.calibration import CALIBRATION
from passel.rerankers.default import WEIGHTS, digest
from passel.rerankers.reader import trainer as reading
from passel.rerankers.reader.losses import RANKING
from passel.rerankers.selector import examples as list_examples
from passel.rerankers.selector import grpo, imitation, trainer
from passel.rerankers.selector.selector import SELECTOR, load_network, save_network
from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.errors import UsageError
from passel.tools.pair import PAIR, PairNetwork

pytestmark = pytest.mark.usefixtures("quick")

Row = dict[str, Any]
PARTS = ["distractor", "distractor dropped", "pool", "pool dropped", "pieces", "pieces dropped"]


@pytest.fixture
def passel(command_line: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch) -> Callable[..., SimpleNamespace]:
    """Runs `passel train …`; a training is short."""
    monkeypatch.setattr(imitation, "ImitationConfig", partial(_short, imitation.ImitationConfig))
    monkeypatch.setattr(grpo, "GrpoConfig", partial(grpo.GrpoConfig, lists=8, samples=4))
    return partial(command_line, "train")


def _short(config: Any, **given: Any) -> Any:
    return config(**{**given, "epochs": 2})


@pytest.fixture(scope="module")
def rows(invented: Any) -> list[Row]:
    """Six questions to learn from, of both folds, and what there is of val."""
    val = [row for row in invented.rows if is_val(row["id"])]
    learned = [row for row in invented.rows if not is_val(row["id"])]
    assert {fold_of(row["id"]) for row in learned[:6]} == {0, 1}
    return [*learned[:6], *val[:2]]


def write(file: Path, rows: Sequence[Row]) -> Path:
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def without_labels(row: Row) -> Row:
    return {**row, "passages": [{"title": each["title"], "text": each["text"]} for each in row["passages"]]}


@pytest.fixture
def films(rows: list[Row], tmp_path: Path) -> Path:
    return write(tmp_path / "films" / "train.jsonl", rows)


@pytest.fixture
def corpus(rows: list[Row], tmp_path: Path) -> Path:
    """The passages of the questions, as somebody indexed them."""
    found = {(each["title"], each["text"]) for row in rows for each in row["passages"]}
    with Corpus.open(tmp_path / "isles", create=True) as opened:
        opened.add(Document.from_text(text, source=f"{n}", title=title) for n, (title, text) in enumerate(sorted(found)))
    return tmp_path / "isles"


@pytest.fixture
def asked(rows: list[Row], tmp_path: Path) -> Path:
    """The questions alone, with the titles of their evidence."""
    alone = []
    for row in rows:
        titles = [each["title"] for each in row["passages"] if each["is_supporting"]]
        alone.append({"id": row["id"], "question": row["question"], "answers": row["answers"], "gold_titles": sorted(set(titles))})
    return write(tmp_path / "mine" / "questions.jsonl", alone)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parts whose lists were read, by what comes behind the data's name."""
    names: list[str] = []
    list_part = training.list_part

    def watched(part: training.Part, *given: Any, **options: Any) -> Any:
        names.append(part.name.removeprefix("films train "))
        return list_part(part, *given, **options)

    monkeypatch.setattr(training, "list_part", watched)
    return names


def interrupted(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("this was to be known already")


def choices(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "choices.json").read_text())
    assert isinstance(found, dict)
    return found


def is_wrong_usage(done: SimpleNamespace, said: str) -> None:
    assert done.code == 2, done.err
    assert done.out == ""
    told = [line for line in done.err.strip().splitlines() if not line.startswith(("the pool: ", "reading ", "dropping gold ", "searching "))]
    assert told[0].startswith("passel: ")
    assert said in told[0]
    assert all(line.startswith(" ") for line in told[1:])  # the hint
    assert "Traceback" not in done.err


# ---- the selector ----


def test_from_data_sets(passel: Any, films: Path, read: list[str], tmp_path: Path) -> None:
    done = passel("selector", films, "--out", "new/out", "--steps", 2)
    assert done.code == 0, done.err
    out = tmp_path / "new" / "out"
    assert read == PARTS
    assert {file.name for file in out.iterdir()} == {
        SELECTOR, "imitation.safetensors", "imitation.csv", "grpo.csv", "choices.json", "training.html", "lists"
    }  # fmt: skip
    assert sorted(file.name for file in (out / "lists").iterdir()) == sorted(f"films train {part}.pickle" for part in PARTS)
    assert "PASSEL_WEIGHTS=new/out" in done.err
    shown = [line.split() for line in done.out.splitlines()]
    assert [line[0] for line in shown[1:]] == ["imitation", "GRPO"]
    assert shown[2][1] == f"{choices(out)['grpo']['val reward']:.3f}"
    page = (out / "training.html").read_text()
    assert "GRPO: reward and its terms" in page
    assert str(films) in page
    groups = {name for name in choices(out)["grpo"] if name.startswith("films ")}
    assert groups == {f"films {part}" for part in PARTS}


def test_an_agent_uses_what_was_trained(passel: Any, films: Path, tarn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert passel("selector", films, "-o", "out", "--steps", 0).code == 0
    bundled = Settings.load().digest()
    monkeypatch.setenv("PASSEL_WEIGHTS", str(tmp_path / "out"))
    settings = Settings.load(corpus=str(tarn))
    assert settings.digest() != bundled
    trained = load_network(tmp_path / "out" / SELECTOR).state_dict()
    used = settings.selector(Agent.from_corpus(tarn).corpus.encoder).network.state_dict()
    assert all(weight.equal(trained[name]) for name, weight in used.items())
    with Agent.from_settings(settings) as agent:
        answer = agent.ask("Who built the Tarn Light?")
        assert {event.type for event in agent.stream("Who built the Tarn Light?")} >= {"selected", "answered"}
    assert answer.outcome in ("answered", "partial", "abstained")
    assert answer.error is None


def test_weights_that_are_not_there_are_one_clear_line(passel: Any, tarn: Path, tmp_path: Path, capfd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSEL_WEIGHTS", str(tmp_path / "none"))
    assert cli.run(["ask", "--corpus", str(tarn), "Who?"]) == 1
    told = capfd.readouterr()
    assert told.err.startswith("passel: cannot read")
    assert f"none/{SELECTOR}" in told.err


def test_on_one_s_own_corpus_the_bundled_selector_is_trained_further(
    passel: Any, corpus: Path, asked: Path, read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = []
    imitate = trainer.imitate
    monkeypatch.setattr(trainer, "imitate", lambda *given, **options: (began.append(options["start"]), imitate(*given, **options))[1])
    done = passel("selector", asked, "--corpus", corpus, "--out", "out", "--steps", 1)
    assert done.code == 0, done.err
    assert read == ["mine questions corpus"]
    bundled = load_network(WEIGHTS / SELECTOR).state_dict()
    assert all(weight.equal(bundled[name]) for name, weight in began[0].state_dict().items())
    trained = load_network(tmp_path / "out" / SELECTOR).state_dict()
    chosen = ("stop_bias", "empty_bias", "sharpness")
    differences = [float((weight - bundled[name]).abs().max()) for name, weight in trained.items() if name not in chosen]
    assert max(differences) < 0.05
    assert (max(differences) == 0.0) == choices(tmp_path / "out")["kept the start"], "what earns no more on val stays as it was"
    kept = all(weight.equal(bundled[name]) for name, weight in trained.items())
    for told in (done.err, (tmp_path / "out" / "training.html").read_text()):
        assert ("these are the bundled weights" in told) == kept
    assert "mine corpus" in choices(tmp_path / "out")["grpo"]
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == ["before", "imitation", "GRPO"]


def test_where_nothing_was_learned_it_is_said_that_the_bundled_weights_were_kept(
    passel: Any, corpus: Path, asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "imitate", lambda train, val, config, *, start, progress: (start, [{"epoch": 0.0, "score": 0.5}]))
    done = passel("selector", asked, "--corpus", corpus, "--out", "out", "--steps", 0, "--answers-only")
    assert done.code == 0, done.err
    assert len({tuple(line.split()[1:]) for line in done.out.splitlines()[1:]}) == 1  # the same figures three times
    for told in (done.err, (tmp_path / "out" / "training.html").read_text()):
        assert "these are the bundled weights, as they were" in told


def test_when_the_corpus_has_changed_its_lists_are_read_again(passel: Any, corpus: Path, asked: Path, read: list[str], tmp_path: Path) -> None:
    command = ("selector", asked, "--corpus", corpus, "--out", "out", "--steps", 0)
    for _ in range(2):
        assert passel(*command).code == 0
    assert len(read) == 1
    first = choices(tmp_path / "out")
    with Corpus.open(corpus) as opened:
        opened.add([Document.from_text("The Salt Mirror is shown on Sundays.", source="new", title="Sundays")])
    assert passel(*command).code == 0
    assert len(read) == 2
    assert choices(tmp_path / "out")["config"] != first["config"]


def test_questions_whose_evidence_the_corpus_lacks_are_left_out_and_said(
    passel: Any, corpus: Path, asked: Path, rows: list[Row], tmp_path: Path
) -> None:
    alone = [json.loads(line) for line in asked.read_text().splitlines()]
    alone[0]["gold_titles"] = ["Sundays", *alone[0]["gold_titles"]]
    write(asked, alone)
    done = passel("selector", asked, "--corpus", corpus, "--out", "out", "--steps", 0)
    assert done.code == 0, done.err
    assert f"{asked}: 1 of {len(rows)} questions are left out: no document of the corpus 'isles' is titled 'Sundays'\n" in done.err
    (kept,) = (tmp_path / "out" / "lists").iterdir()
    lists = pickle.loads(kept.read_bytes())["lists"]
    assert {one.id for one in lists} == {row["id"] for row in rows[1:]}
    assert passel("selector", asked, "--corpus", corpus, "--out", "answers", "--steps", 0, "--answers-only").code == 0  # where titles play no part


def test_evidence_that_the_corpus_lacks_of_every_question_is_wrong_usage(passel: Any, corpus: Path, asked: Path) -> None:
    alone = [json.loads(line) for line in asked.read_text().splitlines()]
    write(asked, [{**row, "gold_titles": [f"No {n}", *row["gold_titles"]]} for n, row in enumerate(alone)])
    done = passel("selector", asked, "--corpus", corpus, "--out", "out")
    is_wrong_usage(done, "every question has evidence that is not there: no document of the corpus 'isles' is titled 'No 0', 'No 1', 'No 2' …")
    assert "letter for letter" in done.err


def learned_by_the_bundled_one(rows: Sequence[Row], count: int) -> list[Row]:
    """The same rows, the first of which have ids of questions that the bundled pair model was trained on."""
    ids = iter([id for id in split_of("2wiki/train").ids if not is_val(id)])
    return [{**row, "id": next(ids)} if n < count else row for n, row in enumerate(rows)]


def test_questions_that_the_bundled_reader_was_trained_on_are_left_out_and_said(passel: Any, films: Path, rows: list[Row], tmp_path: Path) -> None:
    write(films, learned_by_the_bundled_one(rows, 2))
    done = passel("selector", films, "--out", "out", "--steps", 0)
    assert done.code == 0, done.err
    assert f"{films}: 2 of {len(rows)} questions are left out, as the bundled pair model was trained on them\n" in done.err
    for kept in (tmp_path / "out" / "lists").iterdir():
        assert {one.id for one in pickle.loads(kept.read_bytes())["lists"]} <= {row["id"] for row in rows[2:]}


def test_where_it_was_trained_on_all_of_them_another_reader_is_needed(
    passel: Any, films: Path, corpus: Path, rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(films, learned_by_the_bundled_one(rows, 6))  # what remains is of val
    monkeypatch.setattr(training, "list_part", never)
    done = passel("selector", films, "--out", "out")
    is_wrong_usage(done, "the bundled pair model was trained on these questions")
    assert f"passel train reader {films} --folds" in done.err
    of_corpus = passel("selector", films, "--corpus", corpus, "--out", "out")
    is_wrong_usage(of_corpus, "the bundled pair model was trained on these questions")
    assert "--folds" not in of_corpus.err


def test_a_corpus_is_known_wherever_it_lies_and_another_in_its_place_is_not(
    passel: Any, corpus: Path, asked: Path, read: list[str], tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    assert passel("selector", asked, "--corpus", corpus, "--out", "out", "--steps", 0).code == 0
    with Corpus.open(corpus) as opened:
        titles, seq = sorted(opened.titles()), opened.seq
    corpus.rename(moved)
    assert passel("selector", asked, "--corpus", moved, "--out", "out", "--steps", 0).code == 0
    assert len(read) == 1
    with Corpus.open(corpus, create=True) as opened:
        opened.add(Document.from_text(f"Of {title}.", source=title, title=title) for title in titles)
        assert opened.seq == seq
    assert passel("selector", asked, "--corpus", corpus, "--out", "out", "--steps", 0).code == 0
    assert len(read) == 2


def test_lists_of_another_version_are_read_again(
    passel: Any, corpus: Path, asked: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        assert passel("selector", asked, "--corpus", corpus, "--out", "out", "--steps", 0).code == 0
    assert len(read) == 1
    monkeypatch.setattr(list_examples, "FORMAT", list_examples.FORMAT + 1)
    assert passel("selector", asked, "--corpus", corpus, "--out", "out", "--steps", 0).code == 0
    assert len(read) == 2


@pytest.mark.parametrize("where", ["own passages", "corpus"])
def test_from_answers_alone(passel: Any, rows: list[Row], corpus: Path, read: list[str], tmp_path: Path, where: str) -> None:
    """Nobody knows the evidence: neither of passages nor by title."""
    if where == "corpus":
        file = write(tmp_path / "films" / "train.jsonl", [{key: row[key] for key in ("id", "question", "answers")} for row in rows])
        options: list[object] = ["--corpus", corpus]
    else:
        file, options = write(tmp_path / "films" / "train.jsonl", [without_labels(row) for row in rows]), []
    done = passel("selector", file, "--out", "out", "--steps", 1, "--answers-only", *options)
    assert done.code == 0, done.err
    assert read == (["corpus"] if where == "corpus" else ["distractor", "pool", "pieces"])
    chosen = choices(tmp_path / "out")
    assert chosen["config"]["answers_only"] is True
    assert chosen["cut rule"]["answer F1"] > 0
    assert "support" not in done.out  # nobody knows it
    assert (tmp_path / "out" / SELECTOR).is_file()


def test_evidence_that_is_unknown_is_not_taken_for_none(passel: Any, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --answers-only there is nothing to learn: a policy that always stops would be the outcome."""
    file = write(tmp_path / "films" / "train.jsonl", [without_labels(row) for row in rows])
    monkeypatch.setattr(training, "list_part", never)  # minutes to hours, for nothing
    is_wrong_usage(passel("selector", file, "--out", "out"), "0 usable lists")
    assert not (tmp_path / "out" / SELECTOR).exists()


def test_a_chat_model_writes_the_answers(passel: Any, films: Path, tmp_path: Path, fake_chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSEL_HOME", str(tmp_path / "home"))
    model = fake_chat.of("Cressing")
    named = []
    monkeypatch.setattr("passel.tools.chat.load_chat_model", lambda name, **options: (named.append((name, options)), model)[1])
    command = ("selector", films, "--out", "out", "--steps", 1, "--model", "openai:any", "--base-url", "http://127.0.0.1:9/v1", "--limit", 40)
    done = passel(*command)
    assert done.code == 0, done.err
    assert named == [("openai:any", {"base_url": "http://127.0.0.1:9/v1"})]
    assert model.calls
    assert {str(call[0].content) for call in model.calls} == {RESOLVE}
    prompts = [str(call[1].content) for call in model.calls]
    assert len(set(prompts)) == len(prompts)  # the same thing is never asked twice
    assert all("<passage>" in prompt for prompt in prompts)
    assert choices(tmp_path / "out")["config"]["generator"] == "openai:any"
    assert "openai:any" in (tmp_path / "out" / "training.html").read_text()
    asked = len(model.calls)
    (tmp_path / "out" / "choices.json").unlink()
    assert passel(*command).code == 0
    assert len(model.calls) == asked  # nor in another run


def test_a_chat_model_that_does_not_answer_ends_the_training(
    passel: Any, films: Path, tmp_path: Path, fake_chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSEL_HOME", str(tmp_path / "home"))
    model = fake_chat.of(RuntimeError("no such model"))
    monkeypatch.setattr("passel.tools.chat.load_chat_model", lambda *_, **__: model)
    done = passel("selector", films, "--out", "out", "--model", "openai:any", "--answers-only", "--limit", 20)
    assert done.code == 1
    told = done.err[done.err.index("passel: ") :]
    assert "the chat model answers nothing" in told
    assert "no such model" in told
    assert len(model.calls) < 10


def test_a_limit_takes_its_share_of_every_part(passel: Any, films: Path, tmp_path: Path) -> None:
    """A trial must not be of the first file's first questions, of which none is of val."""
    done = passel("selector", films, "--out", "out", "--steps", 0, "--limit", 30)
    assert done.code == 0, done.err
    assert 0 < sum(len(pickle.loads(file.read_bytes())["lists"]) for file in (tmp_path / "out" / "lists").iterdir()) <= 30
    assert {f"films {part}" for part in PARTS} >= {name for name in choices(tmp_path / "out")["grpo"] if name.startswith("films ")} != set()
    other = passel("selector", films, "--out", "whole", "--steps", 0)
    assert other.code == 0
    configs = [choices(tmp_path / name)["config"]["learned from"] for name in ("out", "whole")]
    assert configs[0] != configs[1]
    assert passel("selector", films, "--out", "out", "--steps", 0).code == 0  # what the trial kept is not taken for all
    assert choices(tmp_path / "out")["config"]["learned from"] == configs[1]


def test_of_a_trial_no_more_is_read_than_its_limit_and_that_once(
    passel: Any, films: Path, read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists: list[str] = []
    list_example = training.list_example
    monkeypatch.setattr(training, "list_example", lambda question, *given: (lists.append(question.id), list_example(question, *given))[1])
    for limit in (12, 12, 3):
        assert passel("selector", films, "--out", "out", "--steps", 0, "--limit", limit).code == 0
    assert len(lists) <= 12 + 3
    assert {is_val(id) for id in lists} == {False, True}
    assert read == [*PARTS, *PARTS]


def test_the_same_seed_gives_the_same_weights(passel: Any, films: Path, tmp_path: Path) -> None:
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert passel("selector", films, "--out", out, "--steps", 1, "--seed", seed).code == 0
    a, b, c = ((tmp_path / name / SELECTOR).read_bytes() for name in "abc")
    assert a == b
    assert a != c


# ---- killed, and run again ----


def test_lists_that_were_read_are_not_read_again(
    passel: Any, films: Path, read: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert passel("selector", films, "--out", "whole", "--steps", 1).code == 0
    read.clear()
    watched = training.list_part
    with monkeypatch.context() as patch:
        patch.setattr(training, "list_part", lambda part, *given, **options: (interrupted if len(read) == 2 else watched)(part, *given, **options))
        done = passel("selector", films, "--out", "out", "--steps", 1)
    assert (done.code, done.err.splitlines()[-1]) == (130, "passel: interrupted")
    assert read == PARTS[:2]
    (tmp_path / "out" / "lists" / f"films train {PARTS[2]}.part").write_bytes(b"half of it")
    assert passel("selector", films, "--out", "out", "--steps", 1).code == 0
    assert read == PARTS
    assert (tmp_path / "out" / SELECTOR).read_bytes() == (tmp_path / "whole" / SELECTOR).read_bytes()


def test_a_stage_that_was_finished_is_not_trained_again(passel: Any, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert passel("selector", films, "--out", "whole", "--steps", 1).code == 0
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "grpo", interrupted)
        assert passel("selector", films, "--out", "out", "--steps", 1).code == 130
    assert not (tmp_path / "out" / SELECTOR).exists()
    monkeypatch.setattr(training, "list_part", never)
    monkeypatch.setattr(trainer, "imitate", never)
    done = passel("selector", films, "--out", "out", "--steps", 1)
    assert done.code == 0, done.err
    assert (tmp_path / "out" / SELECTOR).read_bytes() == (tmp_path / "whole" / SELECTOR).read_bytes()
    monkeypatch.setattr(trainer, "grpo", never)
    again = passel("selector", films, "--out", "out", "--steps", 1)
    assert (again.code, again.out) == (0, done.out)  # a finished run says what it reached


SLOW = """
import sys, time
from passel.agent import cli
from passel.evals import calibrating, training
list_part = training.list_part
def slowly(part, *given, **options):
    if part.drop:
        time.sleep(100)
    return list_part(part, *given, **options)
training.list_part = slowly
sys.exit(cli.run(sys.argv[1:]))
"""
"""The command line, waiting at the second part until it is killed."""


def test_a_run_that_was_killed_goes_on(passel: Any, films: Path, read: list[str], tmp_path: Path) -> None:
    first = tmp_path / "out" / "lists" / f"films train {PARTS[0]}.pickle"
    arguments = [sys.executable, "-c", SLOW, "train", "selector", str(films), "--out", str(tmp_path / "out")]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 100
        while not first.exists():
            assert running.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.02)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
    assert passel("selector", films, "--out", "out", "--steps", 0).code == 0
    assert read == PARTS[1:]


def test_other_questions_in_the_same_folder_are_another_training(passel: Any, films: Path, rows: list[Row], read: list[str], tmp_path: Path) -> None:
    assert passel("selector", films, "--out", "out", "--steps", 0).code == 0
    before = choices(tmp_path / "out")
    write(films, [{**rows[0], "question": f"Once more: {rows[0]['question']}"}, *rows[1:]])
    read.clear()
    assert passel("selector", films, "--out", "out", "--steps", 0).code == 0
    assert read == PARTS
    assert choices(tmp_path / "out")["config"] != before["config"]


# ---- the reader ----


@pytest.mark.usefixtures("one_layer")
def test_reader_and_then_selector(passel: Any, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "NEGATIVES", 2)
    done = passel("reader", films, "--out", "reader", "--epochs", 2, "--folds")
    assert done.code == 0, done.err
    reader, out = tmp_path / "reader", tmp_path / "out"
    weights = [(folder / PAIR).read_bytes() for folder in (reader, reader / "fold0", reader / "fold1")]
    assert len(set(weights)) == 3
    assert (reader / "training.html").read_text().startswith("<!DOCTYPE html>")
    assert not list(reader.rglob("checkpoint*"))
    assert (reader / "val.csv").is_file()
    assert f"reader/{PAIR}" in done.err
    done = passel("selector", films, "--reader", "reader", "--out", "out", "--steps", 0)
    assert done.code == 0, done.err
    assert (out / PAIR).read_bytes() == weights[0]  # PASSEL_WEIGHTS=out needs both
    monkeypatch.setattr(training, "list_part", never)  # the lists lie with the reader: another seed is minutes
    assert passel("selector", films, "--reader", "reader", "--out", "other", "--steps", 0, "--seed", 1).code == 0
    assert not (out / "lists").exists()
    shutil.copytree(out, reader, dirs_exist_ok=True)  # so that nothing is trained again
    done = passel("selector", films, "--reader", "reader", "--out", "reader", "--steps", 0)  # as README has it
    assert done.code == 0, done.err
    assert (reader / PAIR).read_bytes() == weights[0]
    assert (reader / SELECTOR).is_file()
    before = {folder: (folder / PAIR).stat().st_mtime_ns for folder in (reader, reader / "fold0", reader / "fold1")}
    assert passel("reader", films, "--out", "reader", "--epochs", 2, "--folds").code == 0  # finished: nothing is trained again
    assert {folder: (folder / PAIR).stat().st_mtime_ns for folder in before} == before


@pytest.fixture
def begun(one_layer: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders in which a reader's training began; it ends at once, with what it began with."""
    names: list[str] = []

    def train_reader(examples: Any, folder: Path, *_: Any, **__: Any) -> Path:
        names.append(folder.name)
        folder.mkdir(exist_ok=True)
        PairNetwork.untrained().save(folder / PAIR)
        return folder / PAIR

    monkeypatch.setattr(reading, "train_reader", train_reader)
    return names


def test_a_ranker_learns_no_spans_and_is_another_training(
    passel: Any, films: Path, tmp_path: Path, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[Any, Any]] = []
    train_reader = reading.train_reader
    monkeypatch.setattr(
        reading, "train_reader", lambda *told, validate, **options: (given.append((told[2], validate)), train_reader(*told, **options))[1]
    )
    assert passel("reader", films, "--out", "ranker", "--ranking-only").code == 0
    ((config, validate),) = given
    assert config.weights == RANKING
    assert {name.rpartition(" ")[2] for name in validate(PairNetwork.untrained())} == {"score", "rprec"}
    is_wrong_usage(passel("reader", films, "--out", "ranker"), "ranker")


@pytest.mark.usefixtures("begun")
def test_lists_are_read_by_the_model_that_has_not_seen_their_question(passel: Any, films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert passel("reader", films, "--out", "reader", "--folds").code == 0
    found: dict[str, str] = {}

    def fake(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(folder=folder)

    def watched(question: Any, corpus: Any, setting: Any, model: Any) -> None:
        found[question.id] = str(model.folder)

    monkeypatch.setattr("passel.rerankers.default.pair_model", fake)
    monkeypatch.setattr(training, "list_example", watched)
    is_wrong_usage(passel("selector", films, "--reader", "reader", "--out", "out"), "0 usable lists")
    assert found == {id: "reader" if is_val(id) else f"reader/fold{1 - fold_of(id)}" for id in found}
    assert len(set(found.values())) == 3


def test_a_reader_s_training_that_was_killed_goes_on_with_the_fold_it_was_at(
    passel: Any, films: Path, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_reader = reading.train_reader

    def watched(examples: Any, folder: Path, *given: Any, **options: Any) -> Any:
        return (interrupted if begun == ["fold0"] else train_reader)(examples, folder, *given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(reading, "train_reader", watched)
        assert passel("reader", films, "--out", "reader", "--folds").code == 130
    assert begun == ["fold0"]
    assert passel("reader", films, "--out", "reader", "--folds").code == 0
    assert begun == ["fold0", "fold1", "reader"]


def test_a_reader_of_other_data_options_or_version_is_left_alone(
    passel: Any, films: Path, begun: list[str], rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert passel("reader", films, "--out", "reader", "--epochs", 1).code == 0
    for options in (["--epochs", 2], ["--epochs", 1, "--seed", 1]):
        is_wrong_usage(passel("reader", films, "--out", "reader", *options), "holds a reader of other data or options")
    with monkeypatch.context() as patch:
        patch.setattr("passel.rerankers.reader.examples.FORMAT", 0)
        is_wrong_usage(passel("reader", films, "--out", "reader", "--epochs", 1), "or of another version")
    write(films, rows[1:])
    is_wrong_usage(passel("reader", films, "--out", "reader", "--epochs", 1), "holds a reader of other data or options")
    assert begun == ["reader"]


def test_without_labels_there_is_nothing_to_read(passel: Any, rows: list[Row], tmp_path: Path) -> None:
    file = write(tmp_path / "films" / "train.jsonl", [without_labels(row) for row in rows])
    is_wrong_usage(passel("reader", file, "--out", "reader"), "too few questions whose evidence is known")
    assert not list((tmp_path / "reader").iterdir())


def test_a_question_that_a_file_asks_twice_is_learned_from_once(
    passel: Any, corpus: Path, asked: Path, read: list[str], tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in asked.read_text().splitlines()]
    again = [{**row, "id": f"{row['id']}-again", "question": f" {row['question'].upper()}"} for row in rows]
    done = passel("selector", write(tmp_path / "twice" / "questions.jsonl", [*rows, *again]), "--corpus", corpus, "--out", "out", "--steps", 1)
    assert done.code == 0, done.err
    assert f"{len(rows)} of {2 * len(rows)} questions are left out: the file asks them more than once" in done.err
    val = sum(is_val(row["id"]) for row in rows)
    assert f"chosen by {val} of val, a tenth of the questions; they are too few" in " ".join(done.err.split())


def test_a_reader_needs_passages_and_says_who_does_not(passel: Any, asked: Path, tmp_path: Path) -> None:
    is_wrong_usage(passel("reader", asked, "--out", "out"), "has no passages to make a pool of")
    assert not (tmp_path / "out").exists()


def test_a_misspelt_label_is_what_is_lacking(passel: Any, corpus: Path, asked: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in asked.read_text().splitlines()]
    misspelt = [{"gold_titels" if key == "gold_titles" else key: value for key, value in row.items()} for row in rows]
    done = passel("selector", write(tmp_path / "mine" / "misspelt.jsonl", misspelt), "--corpus", corpus, "--out", "out")
    is_wrong_usage(done, "0 usable lists")
    assert "No question has labelled evidence: `gold_titles` names it" in done.err
    assert not (tmp_path / "out").exists()


def test_a_fold_without_questions_is_said(passel: Any, rows: list[Row], tmp_path: Path) -> None:
    file = write(tmp_path / "films" / "train.jsonl", [row for row in rows if fold_of(row["id"]) == 0])
    is_wrong_usage(passel("reader", file, "--out", "reader", "--folds"), "too few questions")


# ---- wrong usage ----


@pytest.mark.parametrize("command", ["reader", "selector"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "DATA"),
        (["FILMS"], "--out"),
        (["no-such.jsonl", "--out", "out"], "no-such.jsonl"),
        (["FILMS", "FILMS", "--out", "out"], "named twice"),
        (["FILMS", "--out", "FILMS"], "cannot be a folder"),
        (["FILMS", "--out", "FILMS/below"], "cannot be a folder"),
        (["FILMS", "--out", "out", "--seed", "many"], "--seed"),
        (["FILMS", "--out", "out", "--nonsense"], "--nonsense"),
    ],
)
def test_wrong_usage_is_told_in_one_line_and_ends_with_2(passel: Any, films: Path, command: str, arguments: list[str], said: str) -> None:
    is_wrong_usage(passel(command, *(word.replace("FILMS", str(films)) for word in arguments)), said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["reader", "--epochs", "0"], "--epochs"),
        (["selector", "--steps", "-1"], "--steps"),
        (["selector", "--limit", "1"], "--limit"),
        (["selector", "--corpus", "no-such"], "no corpus"),
        (["selector", "--corpus", "no-such", "--reader", "out"], "--reader is for training from data sets"),
        (["selector", "--reader", "no-such"], f"no-such/{PAIR} is not there"),
        (["selector", "--model", "nothing"], "'nothing' does not name a chat model"),
        (["selector", "--model", "nobody:any"], "nobody"),
    ],
)
def test_wrong_options_are_told_before_the_work(
    passel: Any, films: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.setattr(training, "list_part", never)
    is_wrong_usage(passel(arguments[0], films, "--out", "out", *arguments[1:]), said)


def test_a_file_that_is_not_there_is_said_with_a_corpus_too(passel: Any, corpus: Path) -> None:
    is_wrong_usage(passel("selector", "no-such.jsonl", "--corpus", corpus, "--out", "out"), "no-such.jsonl")


def test_questions_alone_need_a_corpus(passel: Any, asked: Path) -> None:
    is_wrong_usage(passel("selector", asked, "--out", "out"), "no passages to make a pool of")
    is_wrong_usage(passel("reader", asked, "--out", "out"), "no passages to make a pool of")


def test_half_of_the_folds_is_not_enough(passel: Any, films: Path, tmp_path: Path) -> None:
    (tmp_path / "reader").mkdir()
    (tmp_path / "reader" / PAIR).write_bytes(b"")
    done = passel("selector", films, "--reader", "reader", "--out", "out")
    is_wrong_usage(done, f"reader/fold0/{PAIR} is not there")
    assert "--folds" in done.err


def test_a_question_that_stands_in_two_files_of_one_folder_is_said(passel: Any, films: Path, rows: list[Row]) -> None:
    other = write(films.with_name("more.jsonl"), rows[:2])
    is_wrong_usage(passel("selector", films, other, "--out", "out"), f"both have a question {rows[0]['id']!r}")


def test_without_a_question_of_val_nothing_can_be_chosen(passel: Any, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "list_part", never)
    file = write(tmp_path / "films" / "train.jsonl", rows[:4])
    done = passel("selector", file, "--out", "out", "--steps", 0)
    is_wrong_usage(done, "none of them of a question of val")
    assert "a tenth" in done.err


# ---- help ----


def test_help_says_what_there_is(passel: Any) -> None:
    done = passel("--help")
    assert done.code == 0
    assert {"reader", "selector"} <= set(done.out.split())
    for command, options in (("reader", ["--epochs", "--folds"]), ("selector", ["--reader", "--corpus", "--answers-only", "--model", "--steps"])):
        done = passel(command, "--help")
        assert done.code == 0
        assert all(option in done.out for option in [*options, "--out", "--seed"])


def test_help_imports_nothing_heavy() -> None:
    helps = "cli.run(['train', '--help']); cli.run(['train', 'selector', '--help'])"
    code = f"import sys; from passel.agent import cli; {helps}; sys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--answers-only" in done.stdout
    heavy = {"torch", "transformers", "chromadb", "langgraph", "langchain_core", "numpy", "scipy", "sklearn"}
    assert not heavy & set(done.stderr.split())


def test_a_calibration_of_data_sets_is_used(
    passel: Callable[..., SimpleNamespace], invented: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    ended = passel("calibrator", str(invented.dev), "--split", "all", "--limit", "8", "--out", str(out))
    assert ended.code == 0, ended.err
    assert "answerable" in ended.out
    assert ended.out.count("--risk") == 4
    made = Settings.load(weights=out)
    assert made.calibration().answerable.weights.keys() >= {"nothing", "highest", "names"}
    lines = sorted(path.name for path in (out / "runs").iterdir() if path.suffix == ".jsonl")
    assert [name.rpartition("dev ")[2].rpartition(" ")[0] for name in lines] == ["as it is", "none", "part"]
    before = {name: (out / "runs" / name).stat().st_mtime_ns for name in lines}
    assert passel("calibrator", str(invented.dev), "--split", "all", "--limit", "8", "--out", str(out)).out == ended.out
    assert {name: (out / "runs" / name).stat().st_mtime_ns for name in lines} == before, "asked again"
    monkeypatch.setenv("PASSEL_WEIGHTS", str(out))
    again = passel("calibrator", str(invented.dev), "--split", "all", "--limit", "8", "--out", str(out))
    assert again.out == ended.out, again.err + "the calibration in the folder changes no run"
    monkeypatch.setenv("PASSEL_PASSAGES", "1")
    other = passel("calibrator", str(invented.dev), "--split", "all", "--limit", "8", "--out", str(out))
    assert "another run" not in other.err
    assert {name for name in lines if not (out / "runs" / name).is_file()} == set()
    assert len(list((out / "runs").glob("*.jsonl"))) == 2 * len(lines)


@pytest.mark.parametrize("folder", [False, True])
def test_what_the_bundled_reader_was_trained_on_calibrates_nothing(
    passel: Any, films: Path, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: bool
) -> None:
    write(films, learned_by_the_bundled_one(rows, 2))
    only_calibrated = tmp_path / "calibrated"
    only_calibrated.mkdir()
    shutil.copy(WEIGHTS / CALIBRATION, only_calibrated)
    if folder:
        monkeypatch.setenv("PASSEL_WEIGHTS", str(only_calibrated))
    done = passel("calibrator", films, "--split", "all", "--out", "out")
    assert done.code == 0, done.err
    assert f"2 of {len(rows)} questions are left out, as the bundled pair model was trained on them\n" in done.err
    for kept in (tmp_path / "out" / "runs").glob("*.jsonl"):
        asked = {json.loads(line)["id"] for line in kept.read_text().splitlines()}
        assert asked <= {row["id"] for row in rows[2:]}


def test_of_an_own_corpus_every_question_calibrates_and_the_weights_come_with_it(
    passel: Callable[..., SimpleNamespace], corpus: Path, rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, made_for, told = tmp_path / "weights", tmp_path / "calibrated", {}
    weights.mkdir()
    shutil.copy(WEIGHTS / SELECTOR, weights)
    monkeypatch.setenv("PASSEL_WEIGHTS", str(weights))
    asked = [{"id": row["id"], "question": row["question"], "answers": row["answers"]} for row in rows]
    wrong = [{**row, "id": f"{row['id']}-x", "answers": ["nobody at all"], "question": f"{row['question']} And why?"} for row in asked]
    questions = write(tmp_path / "mine" / "questions.jsonl", [*asked, *wrong])

    def watched(rows: Any, *given: Any, **options: Any) -> Any:
        told["rows"] = len(rows)
        return calibrate(rows, *given, **options)

    calibrate = calibrating.calibrate
    monkeypatch.setattr(calibrating, "calibrate", watched)
    ended = passel("calibrator", questions, "--corpus", corpus, "--out", made_for)
    assert ended.code == 0, ended.err
    assert told["rows"] == len(asked) + len(wrong), "all of them, not `val` alone"
    assert (made_for / SELECTOR).read_bytes() == (weights / SELECTOR).read_bytes()
    assert Settings.load(weights=made_for, risk=0.9).calibration().weights == digest(made_for, calibrated=False)
    own = load_network(WEIGHTS / SELECTOR)
    with torch.no_grad():
        own.stop_bias += 1.0
    save_network(own, made_for / SELECTOR)  # trained further, and not calibrated again
    assert Settings.load(weights=made_for).calibration().weights
    with pytest.raises(UsageError, match="made with other weights") as error:
        Settings.load(weights=made_for, risk=0.9).calibration()
    assert "passel train calibrator" in error.value.hint


def test_questions_whose_evidence_the_corpus_lacks_calibrate_nothing(
    passel: Callable[..., SimpleNamespace], corpus: Path, rows: list[Row], tmp_path: Path
) -> None:
    asked = [{"id": row["id"], "question": row["question"], "answers": row["answers"], "gold_titles": ["No Such Title"]} for row in rows]
    ended = passel("calibrator", write(tmp_path / "mine" / "questions.jsonl", asked), "--corpus", corpus, "--out", tmp_path / "out")
    assert ended.code == 2
    assert "every question has evidence that is not there" in ended.err
    assert "'No Such Title'" in ended.err


def test_too_few_questions_to_calibrate_with(passel: Callable[..., SimpleNamespace], invented: Any, tmp_path: Path) -> None:
    ended = passel("calibrator", str(invented.unlabelled), "--split", "all", "--limit", "2", "--out", str(tmp_path / "out"))
    assert ended.code == 2
    assert "too few to calibrate with: it takes several answers that are right and several that are wrong, and 0 and " in ended.err
