"""Trains the list policy from read lists: imitation, then GRPO, each followed by the tuning of STOP on `val`; writes what it made and how it went.

Where passages are not labelled (`answers_only`), imitation is of the best cut rule instead of the evidence, and GRPO sees answers alone.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ...tools.errors import UsageError
from . import rewards
from .cut_start import best_rule, imitating
from .examples import ListExample
from .grpo import Generate, GrpoConfig, Orders, Rewards, extracted, grpo, own_orders, rewarded, tuned_on
from .imitation import ImitationConfig, imitate
from .measure import best_fixed_k, measure, select_all
from .network import ListNetwork
from .selector import SELECTOR, load_network, save_network


@dataclass(frozen=True, slots=True)
class SelectorConfig:
    imitation: ImitationConfig = field(default_factory=ImitationConfig)
    grpo: GrpoConfig = field(default_factory=GrpoConfig)
    answers_only: bool = False
    seed: int = 0
    generator: str = ""
    """Name of the generator, where it is not the extractive one."""

    @property
    def seeded(self) -> tuple[ImitationConfig, GrpoConfig]:
        grpo_config = replace(self.grpo, seed=self.seed)
        if self.answers_only:
            # a policy that imitates a rule is sure of every choice: flattened, or no two samples differ
            rate = 2 * grpo_config.learning_rate
            grpo_config = replace(grpo_config, answers_only=True, reward=rewards.ANSWERS_ONLY, sharpness=0.4, learning_rate=rate)
        return replace(self.imitation, seed=self.seed), grpo_config


Progress = Callable[[str, int, int], None]
"""(stage, steps done, steps in all)"""


def train_selector(
    train: Sequence[ListExample],
    val: Sequence[ListExample],
    folder: Path,
    config: SelectorConfig,
    *,
    start: ListNetwork | None = None,
    generate: Generate = extracted,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Writes selector.safetensors, imitation.safetensors, their curves (CSV) and choices.json, whose content it returns.

    A stage that an earlier run with the same lists and configuration finished is not trained again. `start`: a trained network to go on from;
    imitation then only fine-tunes it, and where that earns no more on `val`, it stays as it was. Raises UsageError where there is nothing to learn
    from or to choose by.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tell = progress or _say_nothing
    imitation, reinforced = config.seeded
    train, val = _usable(train, config), _usable(val, config)
    check_enough(len(train), len(val), answers_only=config.answers_only)
    chosen = _read(folder / "choices.json", {**asdict(config), "learned from": _digest(train, val, start)})
    if "imitation" not in chosen:
        to_imitate, to_measure = train, val
        if config.answers_only:
            rule, of_rule = best_rule(val, reinforced.budget, generate)
            chosen["cut rule"] = {"rule": str(rule), "answer F1": of_rule}
            to_imitate, to_measure = imitating(train, rule, reinforced.budget), imitating(val, rule, reinforced.budget)
        network, curve = imitate(to_imitate, to_measure, imitation, start=start, progress=lambda done, total, _: tell("imitation", done, total))
        _write_curve(folder / "imitation.csv", curve)
        fixed_k, _ = best_fixed_k(to_measure, select_all(network, val, budget=reinforced.budget, go_on=True))
        reinforced = replace(reinforced, fixed_k=fixed_k)
        earned, orders = Rewards(reinforced, generate), own_orders(network, val, reinforced.budget)
        if not config.answers_only:
            network, chosen["imitation stop"], _ = tuned_on(network, val, earned, orders, reinforced)
        if start:
            before, after = (rewarded(one, val, earned, orders, reinforced)["val reward"] for one in (start, network))
            chosen["kept the start"] = before >= after
            if before >= after:
                network, orders = start, own_orders(start, val, reinforced.budget)
            chosen["start"] = _figures(start, val, earned, orders)
        save_network(network, folder / "imitation.safetensors")
        chosen |= {"fixed k": fixed_k, "imitation": _figures(network, val, earned, orders)}
        _write(folder / "choices.json", chosen)
    reinforced = replace(reinforced, fixed_k=chosen["fixed k"])
    if chosen.get("kept the start"):
        reinforced = replace(reinforced, sharpness=config.grpo.sharpness)  # it is no imitator of a cut rule
    if "grpo" not in chosen:
        network = load_network(folder / "imitation.safetensors")
        earned, orders = Rewards(reinforced, generate), own_orders(network, val, reinforced.budget)
        if reinforced.steps:
            network, curve = grpo(network, train, val, reinforced, generate=generate, progress=lambda done, total, _: tell("GRPO", done, total))
            _write_curve(folder / "grpo.csv", curve)
        save_network(network, folder / SELECTOR)
        chosen["grpo"] = _figures(network, val, earned, orders)
        _write(folder / "choices.json", chosen)
    return chosen


def check_enough(train: int, val: int, *, answers_only: bool) -> None:
    """Of so many usable lists. Raises UsageError where there are none to learn from or to choose by."""
    if not train or not val:
        what = f"{train + val} usable lists, none of them of a question of {'val' if train else 'train'}"
        wanted = "answers" if answers_only else "labelled evidence"
        hint = f"Give more questions with {wanted}: by the hash of their ids a tenth of them is val, which chooses."
        if not train and not val:
            how = "`answers` holds them." if answers_only else "`gold_titles` names it on your own corpus; --answers-only needs none."
            hint = f"No question has {wanted}: {how}"
        raise UsageError(what, hint)


def _usable(examples: Sequence[ListExample], config: SelectorConfig) -> list[ListExample]:
    """Those with answers, or those whose evidence is known: to the imitator, unknown evidence would be none."""
    return [one for one in examples if (one.answers if config.answers_only else one.gold_in_all or not one.answers)]


def _digest(train: Sequence[ListExample], val: Sequence[ListExample], start: ListNetwork | None) -> str:
    """What tells one training from another."""
    digest = hashlib.sha256()
    for one in (*train, *val):
        digest.update(repr((one.id, one.question, one.gold, one.gold_in_all, one.ordered, one.answers, one.weight, one.group)).encode())
        digest.update(one.read.input.features.tobytes())
    for weight in start.state_dict().values() if start else ():
        digest.update(weight.numpy().tobytes())
    return digest.hexdigest()[:16]


def _figures(network: ListNetwork, val: Sequence[ListExample], earned: Rewards, orders: Orders) -> dict[str, float]:
    """orders: the baseline, the same for all whose figures are to be compared."""
    return {**rewarded(network, val, earned, orders, earned.config), **measure(network, val, budget=earned.config.budget)}


def _read(file: Path, config: dict[str, Any]) -> dict[str, Any]:
    """What an earlier run with the same configuration chose."""
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    config = json.loads(json.dumps(config))
    return known if isinstance(known, dict) and known.get("config") == config else {"config": config}


def _write(file: Path, chosen: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(chosen, indent=1) + "\n", encoding="utf-8")


def _write_curve(file: Path, curve: Sequence[Mapping[str, float]]) -> None:
    names = list(dict.fromkeys(name for row in curve for name in row))
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, names)
        writer.writeheader()
        writer.writerows(curve)


def _say_nothing(stage: str, done: int, total: int) -> None:
    """Progress, where nobody listens."""
