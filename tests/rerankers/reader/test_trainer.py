"""The trainer: it learns, keeps the best, goes on where it was killed, and cleans up."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from passel.rerankers.reader import trainer
from passel.rerankers.reader.examples import ReadingExample, TargetList, draw
from passel.rerankers.reader.losses import losses
from passel.rerankers.reader.trainer import ReaderConfig, train_reader
from passel.rerankers.reader.validation import validate
from passel.tools.errors import PasselError
from passel.tools.pair import PAIR, PairModel, PairNetwork

pytestmark = pytest.mark.usefixtures("one_layer")

QUICK = ReaderConfig(epochs=2, tokens=150)


class Killed(Exception):
    pass


@pytest.fixture
def trained_on(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[Any, ...]]]:
    """What the losses were computed of, list by list: the example's id and its windows."""
    seen: list[tuple[str, tuple[Any, ...]]] = []

    def kept(network: PairNetwork, lists: Sequence[TargetList], device: str) -> dict[str, torch.Tensor]:
        seen.extend((one.example.id, tuple(tuple(target.window.tokens) for target in one.targets)) for one in lists)
        return losses(network, lists, device)

    monkeypatch.setattr(trainer, "losses", kept)
    return seen


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as content:
        return list(csv.DictReader(content))


def weights(network: PairNetwork) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone().half() for name, weight in network.state_dict().items()}


def equal(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> bool:
    return all(torch.equal(weight, other[name]) for name, weight in one.items() if name != "bert.words")


def test_it_learns(tmp_path: Path, hall: Callable[..., ReadingExample]) -> None:
    examples = [hall(n) for n in range(8)]
    lists = draw(examples, Random(0))
    before = {name: float(term.detach()) for name, term in losses(PairNetwork.untrained(), lists, "cpu").items()}
    torch.manual_seed(0)
    begun = weights(PairNetwork.untrained())
    config = ReaderConfig(epochs=12, tokens=120, learning_rate=1e-3, head_learning_rate=5e-3)
    file = train_reader(examples, tmp_path / "new" / "folder", config, device="cpu")
    assert file == tmp_path / "new" / "folder" / "pair.safetensors"
    network = PairNetwork.load(file)
    after = {name: float(term.detach()) for name, term in losses(network, lists, "cpu").items()}
    assert after.keys() == before.keys() == {"relevance", "order", "list_span", "each_span"}
    assert all(after[name] < 0.7 * before[name] for name in before)
    assert torch.equal(network.bert.words, PairNetwork.untrained().bert.words)
    changed = {name for name, weight in weights(network).items() if not torch.equal(weight, begun[name])}
    assert "bert.words" not in changed
    assert {"bert.positions", "bert.segments", "relevance.weight", "span.bias"} <= changed


def test_progress_counts_every_example_of_every_epoch(tmp_path: Path, hall: Callable[..., ReadingExample], trained_on: list[Any]) -> None:
    told: list[tuple[int, int, dict[str, float]]] = []
    train_reader([hall(n) for n in range(5)], tmp_path, QUICK, progress=lambda *step: told.append((step[0], step[1], dict(step[2]))), device="cpu")
    assert [done for done, _, _ in told] == sorted({done for done, _, _ in told})
    assert told[-1][0] == 10
    assert len(told) > 2
    assert {total for _, total, _ in told} == {10}
    assert all(figures.keys() == {"relevance", "order", "list_span", "each_span"} for _, _, figures in told)
    assert sorted(id for id, _ in trained_on) == sorted(2 * [f"q{n}" for n in range(5)])
    assert [id for id, _ in trained_on[:5]] != [id for id, _ in trained_on[5:]]


def test_every_step_learns_the_first_and_the_last_too(tmp_path: Path, hall: Callable[..., ReadingExample], monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self, *given: (rates.append(self.param_groups[0]["lr"]), step(self, *given))[1])
    train_reader([hall(n) for n in range(8)], tmp_path, ReaderConfig(epochs=2, tokens=60, learning_rate=1e-3, warmup=0.5), device="cpu")
    peak = rates.index(max(rates))
    assert 0 < rates[0] < rates[1] <= max(rates) <= 1e-3
    assert rates == [*sorted(rates[: peak + 1]), *sorted(rates[peak + 1 :], reverse=True)]
    assert rates[-1] == pytest.approx(1e-4)


def test_the_best_by_val_is_kept(tmp_path: Path, hall: Callable[..., ReadingExample]) -> None:
    scores = iter([0.2, 0.9, 0.9, 0.5])
    seen: list[dict[str, torch.Tensor]] = []

    def measured(network: PairNetwork) -> dict[str, float]:
        assert not network.training
        seen.append(weights(network))
        return {"score": next(scores), "d f1": 0.25}

    file = train_reader([hall(0), hall(1)], tmp_path, ReaderConfig(epochs=4, tokens=150), validate=measured, device="cpu")
    kept = weights(PairNetwork.load(file))
    assert [equal(kept, each) for each in seen] == [False, True, False, False]
    assert [(row["epoch"], row["score"], row["d f1"]) for row in rows(tmp_path / "val.csv")] == [
        ("1", "0.2", "0.25"), ("2", "0.9", "0.25"), ("3", "0.9", "0.25"), ("4", "0.5", "0.25"),
    ]  # fmt: skip


@pytest.mark.parametrize("measures", [False, True], ids=["without validation", "without questions to validate on"])
def test_else_the_last_is_kept(tmp_path: Path, hall: Callable[..., ReadingExample], measures: bool) -> None:
    last: list[dict[str, torch.Tensor]] = []

    def measured(network: PairNetwork) -> dict[str, float]:
        last.append(weights(network))
        return validate(PairModel(PairNetwork.untrained(), device="cpu"), {})

    file = train_reader([hall(0), hall(1)], tmp_path, QUICK, validate=measured if measures else None, device="cpu")
    assert not (tmp_path / "val.csv").exists()
    other = train_reader([hall(0), hall(1)], tmp_path / "one", ReaderConfig(epochs=1, tokens=150), device="cpu")
    assert not equal(weights(PairNetwork.load(file)), weights(PairNetwork.load(other)))
    if measures:
        kept = weights(PairNetwork.load(file))
        assert [equal(kept, each) for each in last] == [False, True]


def test_what_is_left_in_the_folder(tmp_path: Path, hall: Callable[..., ReadingExample]) -> None:
    train_reader([hall(n) for n in range(7)], tmp_path, ReaderConfig(epochs=3, tokens=1), device="cpu")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["curves.csv", "pair.safetensors"]  # and no checkpoint
    (row, *_) = rows(tmp_path / "curves.csv")
    assert row["step"] == "20"
    assert {"examples", "seconds", "norm", "relevance", "order", "list_span", "each_span"} <= row.keys()
    assert all(float(value) >= 0 for value in row.values() if value)


def killed_after(steps: int) -> Callable[..., None]:
    calls = iter(range(steps))

    def progress(*step: object) -> None:
        if next(calls, None) is None:
            raise Killed

    return progress


def test_a_killed_run_goes_on_where_it_was(
    tmp_path: Path, hall: Callable[..., ReadingExample], trained_on: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And reads what it would have read: the same examples, with the same negatives."""
    monkeypatch.setattr(trainer, "_CHECKPOINT_EVERY", 0.0)
    monkeypatch.setattr(trainer, "_CHUNK", 4)
    examples = [hall(n, others=5) for n in range(9)]
    train_reader(examples, tmp_path / "whole", QUICK, device="cpu")
    whole = list(trained_on)
    assert len(whole) == 18
    for steps in (1, 4):
        folder = tmp_path / f"{steps}"
        trained_on.clear()
        with pytest.raises(Killed):
            train_reader(examples, folder, QUICK, progress=killed_after(steps), device="cpu")
        assert (folder / "checkpoint.pt").is_file()
        told: list[int] = []
        done = int(torch.load(folder / "checkpoint.pt", weights_only=True)["place"]["seen"])
        before = list(trained_on[:done])
        trained_on.clear()
        file = train_reader(examples, folder, QUICK, progress=lambda done, total, figures, told=told: told.append(done), device="cpu")
        assert 0 < done < told[0] <= told[-1] == 18
        assert sorted([*before, *trained_on]) == sorted(whole)
        assert not (folder / "checkpoint.pt").exists()
        assert PairNetwork.load(file)


def test_the_curves_of_a_killed_run_tell_of_every_step_once(
    tmp_path: Path, hall: Callable[..., ReadingExample], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed twice: while its first epoch is saved, the figures on val being there already, and later, long after the last checkpoint."""
    clock = count(50_000)  # a second goes by whenever it is asked
    monkeypatch.setattr(trainer, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    examples, config = [hall(n, others=0) for n in range(25)], ReaderConfig(epochs=2, tokens=1)
    measured = {"score": 0.5}

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(PairNetwork, "save", killed)
        with pytest.raises(Killed):
            train_reader(examples, tmp_path, config, validate=lambda _: measured, device="cpu")
    assert [row["step"] for row in rows(tmp_path / "curves.csv")] == ["20"]
    assert [row["epoch"] for row in rows(tmp_path / "val.csv")] == ["1"]
    clock = count(7)  # the machine was started anew
    with pytest.raises(Killed):
        train_reader(examples, tmp_path, config, validate=lambda _: measured, progress=killed_after(44), device="cpu")
    assert [row["step"] for row in rows(tmp_path / "curves.csv")] == ["20", "40"]
    before = float(rows(tmp_path / "curves.csv")[0]["seconds"])
    clock = count(0)
    train_reader(examples, tmp_path, config, validate=lambda _: measured, device="cpu")
    curves = rows(tmp_path / "curves.csv")
    assert [row["step"] for row in curves] == ["20", "40"]
    assert [row["epoch"] for row in rows(tmp_path / "val.csv")] == ["1", "2"]
    seconds = [float(row["seconds"]) for row in curves]
    assert seconds[0] == before
    assert seconds[1] > before + 20
    assert {file.name for file in tmp_path.iterdir()} == {PAIR, "curves.csv", "val.csv"}


def test_another_training_in_the_same_folder_has_curves_of_its_own(tmp_path: Path, hall: Callable[..., ReadingExample]) -> None:
    (tmp_path / "curves.csv").write_text("step,examples,other loss\n20,40,0.5\n")
    (tmp_path / "val.csv").write_text("epoch,score\n1,0.9\n")
    train_reader([hall(n, others=0) for n in range(20)], tmp_path, ReaderConfig(epochs=1, tokens=1), validate=lambda _: {"score": 0.5}, device="cpu")
    assert [(row["step"], "other loss" in row) for row in rows(tmp_path / "curves.csv")] == [("20", False)]
    assert rows(tmp_path / "val.csv") == [{"epoch": "1", "score": "0.5"}]


def test_a_run_killed_when_its_first_epoch_was_saved_is_not_taken_for_finished(
    tmp_path: Path, hall: Callable[..., ReadingExample], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = PairNetwork.save

    def killed(network: PairNetwork, file: Path) -> None:
        save(network, file)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(PairNetwork, "save", killed)
        with pytest.raises(Killed):
            train_reader([hall(0), hall(1)], tmp_path, QUICK, device="cpu")
    assert (tmp_path / PAIR).is_file()
    assert (tmp_path / "checkpoint.pt").is_file()  # by which `passel train reader` knows
    train_reader([hall(0), hall(1)], tmp_path, QUICK, device="cpu")
    assert not (tmp_path / "checkpoint.pt").exists()
    assert not list(tmp_path.glob("*.part"))


def test_a_resumed_run_keeps_an_earlier_best(tmp_path: Path, hall: Callable[..., ReadingExample]) -> None:
    scores = iter([0.8, 0.7, 0.6])
    seen: list[dict[str, torch.Tensor]] = []

    def measured(network: PairNetwork) -> dict[str, float]:
        seen.append(weights(network))
        return {"score": next(scores)}

    examples, config = [hall(0), hall(1)], ReaderConfig(epochs=3, tokens=10_000)
    with pytest.raises(Killed):
        train_reader(examples, tmp_path, config, validate=measured, progress=killed_after(1), device="cpu")
    file = train_reader(examples, tmp_path, config, validate=measured, device="cpu")
    kept = weights(PairNetwork.load(file))
    assert [equal(kept, each) for each in seen] == [True, False, False]


def test_a_run_killed_at_its_end_is_finished(tmp_path: Path, hall: Callable[..., ReadingExample], trained_on: list[Any]) -> None:
    (tmp_path / "pair.safetensors").write_bytes(b"the best")
    run = trainer._Run([hall(0)], tmp_path, QUICK, "cpu")
    run.epoch = QUICK.epochs
    run.checkpoint()
    assert train_reader([hall(0)], tmp_path, QUICK, device="cpu").read_bytes() == b"the best"
    assert trained_on == []
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_checkpoint_of_another_training_is_not_gone_on_with(tmp_path: Path, hall: Callable[..., ReadingExample], trained_on: list[Any]) -> None:
    run = trainer._Run([hall(0), hall(1)], tmp_path, QUICK, "cpu")
    run.epoch = QUICK.epochs
    run.checkpoint()
    train_reader([hall(0)], tmp_path, QUICK, device="cpu")
    assert len(trained_on) == 2


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken", b"\x80\x02}q\x00."])
def test_a_broken_checkpoint_is_told_of(tmp_path: Path, hall: Callable[..., ReadingExample], content: bytes) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(PasselError, match=r"checkpoint\.pt is no checkpoint of this training$") as caught:
        train_reader([hall(0)], tmp_path, QUICK, device="cpu")
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_nothing_to_learn_from_is_no_crash(tmp_path: Path) -> None:
    assert PairNetwork.load(train_reader([], tmp_path, QUICK, device="cpu"))


@pytest.mark.parametrize(("done", "rate"), [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.55, 0.55), (1.0, 0.1)])
def test_the_learning_rate_rises_and_falls(done: float, rate: float) -> None:
    assert trainer._schedule(done, 0.1) == pytest.approx(rate)


@given(counts=st.lists(st.integers(0, 5), max_size=12), n=st.integers(1, 5))
def test_the_parts_of_a_batch_hold_each_list_once_and_are_about_as_long(hall: Callable[..., ReadingExample], counts: list[int], n: int) -> None:
    lists = draw([hall(place, others=count) for place, count in enumerate(counts)], Random(0))
    shards = trainer._shards(lists, n)
    assert sorted(i for shard in shards for i in shard) == list(range(len(lists)))
    assert len(shards) == min(n, len(lists))
    sizes = [sum(lists[i].tokens for i in shard) for shard in shards]
    assert max(sizes, default=0) - min(sizes, default=0) <= max((one.tokens for one in lists), default=0)
