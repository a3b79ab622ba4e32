"""Training as a whole: what it writes, that a killed run goes on where it was, and that another training is not taken for the same."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from passel.rerankers.selector import grpo as grpo_module
from passel.rerankers.selector import rewards
from passel.rerankers.selector import trainer as trainer_module
from passel.rerankers.selector.examples import ListExample
from passel.rerankers.selector.grpo import GrpoConfig
from passel.rerankers.selector.imitation import ImitationConfig
from passel.rerankers.selector.measure import measure, select_all
from passel.rerankers.selector.network import ListNetwork
from passel.rerankers.selector.selector import SELECTOR, load_network
from passel.rerankers.selector.trainer import SelectorConfig, train_selector
from passel.tools.errors import UsageError

QUICK = SelectorConfig(ImitationConfig(epochs=4, lists=16, learning_rate=1e-3), GrpoConfig(steps=2, lists=8, samples=6, every=1), seed=3)
ANSWERS_ONLY = replace(QUICK, answers_only=True)
Train = Callable[..., dict[str, Any]]


@pytest.fixture
def train(toy: Any, tmp_path: Path) -> Train:
    """`train(config, …)`: 48 lists for training, 24 of val."""

    def run(config: SelectorConfig = QUICK, *, folder: Path = tmp_path / "out", of: Any = None, val: Any = None, **options: Any) -> dict[str, Any]:
        return train_selector(toy(48, seed=1) if of is None else of, toy(24, seed=2) if val is None else val, folder, config, **options)

    return run


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which stages were trained."""
    stages: list[str] = []

    def watched(name: str) -> None:
        stage = getattr(trainer_module, name)

        def run(*given: Any, **options: Any) -> Any:
            stages.append(name)
            return stage(*given, **options)

        monkeypatch.setattr(trainer_module, name, run)

    watched("imitate")
    watched("grpo")
    return stages


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def unlabelled(examples: Sequence[ListExample]) -> list[ListExample]:
    """Questions and answers alone."""
    return [replace(one, gold=(), gold_in_all=0, ordered=False) for one in examples if one.answers]


# What it writes


def test_what_it_writes_and_returns(train: Train, toy: Any, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    chosen = train(progress=lambda *step: told.append(step))
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {SELECTOR, "imitation.safetensors", "imitation.csv", "grpo.csv", "choices.json"}
    assert json.loads((out / "choices.json").read_text()) == chosen
    assert [row["epoch"] for row in rows(out / "imitation.csv")] == ["1", "2", "3", "4"]
    assert [row["step"] for row in rows(out / "grpo.csv")] == ["0.0", "1.0", "2.0"]
    assert [(stage, done, total) for stage, done, total in told if stage == "imitation"] == [("imitation", n, 4) for n in (1, 2, 3, 4)]
    assert ("GRPO", 2, 2) in told
    assert 1 <= chosen["fixed k"] <= 12
    val = toy(24, seed=2)
    for stage, file in (("imitation", "imitation.safetensors"), ("grpo", SELECTOR)):
        network = load_network(out / file)
        figures = measure(network, val, budget=2000)
        assert chosen[stage] | figures == chosen[stage]  # what is told is what the file does
        lengths = [len(one) for one in select_all(network, val, budget=2000)]
        assert chosen[stage]["val length"] == pytest.approx(sum(lengths) / 24)
    assert chosen["grpo"]["val reward"] >= chosen["imitation"]["val reward"]


def test_stop_is_tuned_on_val_after_imitation_and_at_every_measurement(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores: list[tuple[dict[str, float], float]] = []
    tune_stop = grpo_module.tune_stop

    def watched(network: ListNetwork, score: Any) -> tuple[ListNetwork, dict[str, float]]:
        moved, shift = tune_stop(network, score)
        scores.append((shift, score(moved)))
        return moved, shift

    monkeypatch.setattr(grpo_module, "tune_stop", watched)
    chosen = train()
    (shift, after_imitation), _, *measured = scores  # the second: of the sharpened start
    assert chosen["imitation stop"] == shift
    assert chosen["imitation"]["val reward"] == pytest.approx(after_imitation)
    curve = [float(row["val reward"]) for row in rows(tmp_path / "out" / "grpo.csv")]
    assert curve == pytest.approx([after_imitation, *(score for _, score in measured)])
    assert chosen["grpo"]["val reward"] == pytest.approx(max(curve))


def test_no_steps_is_imitation_alone(train: Train, trained: list[str], tmp_path: Path) -> None:
    chosen = train(replace(QUICK, grpo=replace(QUICK.grpo, steps=0)))
    out = tmp_path / "out"
    assert trained == ["imitate"]
    assert chosen["grpo"] == chosen["imitation"]
    assert (out / SELECTOR).read_bytes() == (out / "imitation.safetensors").read_bytes()
    assert not (out / "grpo.csv").exists()


def test_the_same_seed_gives_the_same_weights(train: Train, tmp_path: Path) -> None:
    seeds = {"a": 3, "b": 3, "c": 4}
    for name, seed in seeds.items():
        train(replace(QUICK, seed=seed), folder=tmp_path / name)
    a, b, c = ((tmp_path / name / SELECTOR).read_bytes() for name in seeds)
    assert a == b
    assert a != c


def test_a_trained_network_is_gone_on_from(train: Train, half_learned: ListNetwork, tmp_path: Path) -> None:
    slow = replace(QUICK, imitation=ImitationConfig(epochs=1, lists=48, learning_rate=1e-9), grpo=replace(QUICK.grpo, steps=0))
    before = {name: weight.clone() for name, weight in half_learned.state_dict().items()}
    train(slow, start=half_learned)
    found = load_network(tmp_path / "out" / SELECTOR).state_dict()
    assert all(torch.allclose(found[name], before[name], atol=1e-5) for name in before if name not in ("stop_bias", "empty_bias"))
    assert all(torch.equal(weight, before[name]) for name, weight in half_learned.state_dict().items())


@pytest.mark.parametrize("config", [QUICK, ANSWERS_ONLY], ids=["labels", "answers"])
def test_it_never_ends_worse_than_it_began(train: Train, half_learned: ListNetwork, tmp_path: Path, config: SelectorConfig) -> None:
    """Here every step of learning does harm, so nothing is learned."""
    harmful = replace(config, imitation=ImitationConfig(epochs=1, lists=48, learning_rate=30.0), grpo=replace(QUICK.grpo, learning_rate=30.0))
    chosen = train(harmful, start=half_learned)
    if not config.answers_only:
        assert chosen["imitation"]["val reward"] >= chosen["start"]["val reward"]
    else:
        assert chosen["kept the start"]
        assert chosen["imitation"] == chosen["start"]
    assert chosen["grpo"]["val reward"] >= chosen["imitation"]["val reward"]
    found = load_network(tmp_path / "out" / SELECTOR).state_dict()
    layers = [name for name in found if name not in ("stop_bias", "empty_bias", "sharpness")]
    assert all(torch.equal(found[name], half_learned.state_dict()[name]) for name in layers)


def test_what_earns_as_much_as_before_stays_as_it_was(train: Train, half_learned: ListNetwork, tmp_path: Path) -> None:
    """Steps too small to change a choice, though they change the weights."""
    tiny = ImitationConfig(epochs=1, lists=48, learning_rate=1e-9)
    chosen = train(replace(ANSWERS_ONLY, imitation=tiny, grpo=replace(ANSWERS_ONLY.grpo, steps=0)), start=half_learned)
    assert chosen["kept the start"]
    found = load_network(tmp_path / "out" / SELECTOR).state_dict()
    assert all(torch.equal(found[name], weight) for name, weight in half_learned.state_dict().items())


# Killed, and run again


def test_a_finished_training_is_not_done_again(train: Train, trained: list[str], tmp_path: Path) -> None:
    first = train()
    before = (tmp_path / "out" / SELECTOR).stat().st_mtime_ns
    assert train() == first
    assert trained == ["imitate", "grpo"]
    assert (tmp_path / "out" / SELECTOR).stat().st_mtime_ns == before


def test_a_run_killed_in_grpo_goes_on_there_and_ends_the_same(train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(folder=tmp_path / "whole")

    def killed(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(trainer_module, "grpo", killed)
        with pytest.raises(KeyboardInterrupt):
            train()
    assert not (tmp_path / "out" / SELECTOR).exists()
    monkeypatch.setattr(trainer_module, "imitate", killed)  # is not trained again
    assert train() == whole
    assert (tmp_path / "out" / SELECTOR).read_bytes() == (tmp_path / "whole" / SELECTOR).read_bytes()


@pytest.mark.parametrize("left", ["", "{", "[]", '{"config": {}, "imitation": {}, "grpo": {}, "fixed k": 1}'])
def test_choices_that_were_half_written_or_of_another_time_count_for_nothing(train: Train, trained: list[str], tmp_path: Path, left: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "choices.json").write_text(left)
    assert train()["grpo"]
    assert trained == ["imitate", "grpo"]


def test_another_training_in_the_same_folder_begins_anew(train: Train, trained: list[str], toy: Any, half_learned: ListNetwork) -> None:
    """Other lists, other labels, another start, generator, seed or number of steps."""
    alone = replace(QUICK, imitation=replace(QUICK.imitation, epochs=1), grpo=replace(QUICK.grpo, steps=0))
    train(alone)
    others: list[tuple[SelectorConfig, dict[str, Any]]] = [
        (alone, {"of": toy(49, seed=1)}),
        (alone, {"val": toy(23, seed=2)}),
        (alone, {"of": [replace(one, gold=one.gold[::-1], ordered=True) for one in toy(48, seed=1)]}),
        (alone, {"start": half_learned}),
        (replace(alone, generator="openai:other"), {}),
        (replace(alone, seed=4), {}),
        (replace(alone, imitation=replace(alone.imitation, epochs=2)), {}),
    ]
    for config, options in others:
        trained.clear()
        train(config, **options)
        assert trained == ["imitate"], (config, options)
        train(config, **options)
        assert trained == ["imitate"]


# Answers alone


def test_from_answers_alone_the_best_cut_rule_is_imitated(train: Train, toy: Any, tmp_path: Path) -> None:
    chosen = train(ANSWERS_ONLY, of=unlabelled(toy(48, seed=1)), val=unlabelled(toy(24, seed=2)))
    assert chosen["cut rule"]["rule"].startswith(("fixed k", "relevance"))
    assert 0 <= chosen["cut rule"]["answer F1"] <= 1
    assert chosen["grpo"]["val evidence"] == chosen["grpo"]["val order"] == 0.0
    assert chosen["config"]["answers_only"] is True
    assert (tmp_path / "out" / SELECTOR).is_file()


def test_from_answers_alone_no_label_of_a_passage_changes_anything(train: Train, toy: Any, tmp_path: Path) -> None:
    def told_wrong(examples: Sequence[ListExample]) -> list[ListExample]:
        return [replace(one, gold=(0,), gold_in_all=4, ordered=True) for one in examples if one.answers]

    for name, labels in (("none", unlabelled), ("wrong", told_wrong)):
        train(ANSWERS_ONLY, folder=tmp_path / name, of=labels(toy(48, seed=1)), val=labels(toy(24, seed=2)))
    assert (tmp_path / "none" / SELECTOR).read_bytes() == (tmp_path / "wrong" / SELECTOR).read_bytes()


def test_from_answers_alone_questions_without_one_are_left_out(train: Train, toy: Any, tmp_path: Path) -> None:
    of, val = toy(48, seed=1), toy(24, seed=2)
    assert not all(one.answers for one in of)
    chosen = [train(ANSWERS_ONLY, folder=tmp_path / "all"), train(ANSWERS_ONLY, folder=tmp_path / "some", of=unlabelled(of), val=unlabelled(val))]
    assert chosen[0]["cut rule"] == chosen[1]["cut rule"]
    assert chosen[0]["grpo"]["val reward"] == chosen[1]["grpo"]["val reward"]


def test_the_generator_that_is_given_is_asked(train: Train, toy: Any) -> None:
    """One that says nothing unless the last hop's passage is alone."""
    asked: set[str] = set()

    def generate(example: ListExample, chosen: tuple[int, ...]) -> str | None:
        asked.add(example.id)
        return example.answers[0] if len(chosen) == 2 else None

    chosen = train(ANSWERS_ONLY, generate=generate)
    assert chosen["cut rule"] == {"rule": "fixed k = 2", "answer F1": 1.0}
    assert {one.id for one in toy(24, seed=2) if one.answers} <= asked


def test_the_reward_is_the_one_for_answers_alone() -> None:
    _, of_answers = ANSWERS_ONLY.seeded
    imitation, of_all = QUICK.seeded
    assert (of_answers.reward, of_answers.answers_only) == (rewards.ANSWERS_ONLY, True)
    assert (of_all.reward, of_all.answers_only) == (rewards.Reward(), False)
    assert imitation.seed == of_all.seed == of_answers.seed == 3


# What there is to learn from


def test_unknown_evidence_is_not_taken_for_none(train: Train, toy: Any, tmp_path: Path) -> None:
    """Without --answers-only, lists with answers and no label would teach to stop at once."""
    stray = [replace(one, id=f"stray {one.id}") for one in unlabelled(toy(24, seed=5))]
    chosen = [train(folder=tmp_path / "a"), train(folder=tmp_path / "b", of=[*toy(48, seed=1), *stray])]
    assert chosen[0] == chosen[1]


@pytest.mark.parametrize("config", [QUICK, ANSWERS_ONLY], ids=["labels", "answers"])
@pytest.mark.parametrize("which", ["of", "val"])
def test_nothing_to_learn_from_or_to_choose_by_is_said(train: Train, tmp_path: Path, toy: Any, config: SelectorConfig, which: str) -> None:
    useless = [replace(one, answers=()) for one in toy(6, seed=5)] if config.answers_only else unlabelled(toy(6, seed=5))
    for lists in ([], useless):
        with pytest.raises(UsageError, match="none of them of a question of " + {"of": "train", "val": "val"}[which]) as told:
            train(config, **{which: lists})
        assert ("answers" if config.answers_only else "evidence") in told.value.hint
    assert not (tmp_path / "out" / "choices.json").exists()
