"""Stage 2, GRPO: the policy learns from what its selections earn.

For each list G selections are sampled; a selection's advantage is its reward less the mean of the others' (leave-one-out), not divided by the group's
standard deviation, which would cancel any normalisation of the reward. The probability ratio is clipped, the KL divergence to the imitation policy is
computed exactly at every step of every sampled list (the choices can be enumerated, no estimator is needed), groups without variance are dropped.
Alarms (alarms.py) watch for collapse; on one, training goes back to the best checkpoint with half the learning rate.

Source: Shao et al., "DeepSeekMath" (arXiv 2402.03300), section 4.1, for GRPO; Kool, van Hoof and Welling, "Buy 4 REINFORCE Samples, Get a Baseline
for Free!" (ICLR workshop 2019), for leave-one-out; Liu et al., "Understanding R1-Zero-Like Training" (arXiv 2503.20783), against dividing by the
deviation.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from statistics import fmean

import torch
from torch import Tensor

from ...tools.errors import PasselError
from ...tools.reader import find_answer
from . import rewards
from .alarms import Watch, alarm
from .examples import ListExample
from .measure import EncodedBatch, encode_all, select_all, tune_stop
from .network import ListNetwork, Lists
from .policy import Picks, decode, made, step_log_probs, taken

Generate = Callable[[ListExample, tuple[int, ...]], str | None]
"""What the generator says of these passages in this order; None: that it does not know. Raises Unanswered where it fails."""


class Unanswered(Exception):
    """A generator did not come to an answer: a time-out, a lost connection. It says nothing of what the selection is worth."""


@dataclass(frozen=True, slots=True)
class GrpoConfig:
    steps: int = 120
    lists: int = 128
    """Of a step."""
    samples: int = 12
    """Of each list."""
    inner: int = 2
    """Updates on the same samples."""
    learning_rate: float = 1e-4
    sharpness: float = 2.5
    """Factor on the starting policy's logits: what is sampled is then near what is decoded, and is not rewarded for becoming so."""
    clip: float = 0.2
    kl: float = 0.02
    entropy: float = 0.0
    budget: int = 2000
    reward: rewards.Reward = field(default_factory=rewards.Reward)
    answers_only: bool = False
    """No label of a passage is used: answer F1 stands in the place of evidence recall in the saving."""
    fixed_k: int = 2
    """The one global fixed k whose reward is the baseline of every list, and its tokens that of the saving; chosen on `val`."""
    every: int = 20
    """Steps between two measurements on `val`."""
    seed: int = 0


Progress = Callable[[int, int, Mapping[str, float]], None]


def extracted(example: ListExample, chosen: tuple[int, ...]) -> str | None:
    """The embedded generator's answer: of the extractive reader. Its order earns nothing, since the best span is a maximum over the passages."""
    found = find_answer(example.question, example.read.passages, chosen)
    return found.text if found else None


class Rewards:
    """The reward of selections of a fixed set of examples. A generator is asked once for the same passages in the same order, twice if it fails."""

    def __init__(self, config: GrpoConfig, generate: Generate = extracted) -> None:
        self.config, self._generate = config, generate
        self._said: dict[tuple[str, str, tuple[int, ...]], str | None] = {}
        self._failed: Counter[tuple[str, str, tuple[int, ...]]] = Counter()
        self._base: dict[tuple[str, str, tuple[int, ...]], tuple[int, float]] = {}

    def terms(self, example: ListExample, chosen: Sequence[int], baseline_tokens: int) -> dict[str, float]:
        return rewards.terms(example, chosen, baseline_tokens, partial(self._say, example), answers_only=self.config.answers_only)

    def total(self, terms: Mapping[str, float]) -> float:
        return terms["empty"] if "empty" in terms else self.config.reward.total(dict(terms))

    def baseline(self, example: ListExample, order: Sequence[int]) -> tuple[int, float]:
        """(tokens, reward) of the first `fixed_k` of the starting policy's own order."""
        first = tuple(order[: self.config.fixed_k])
        key = (example.group, example.id, first)
        if key not in self._base:
            tokens = int(example.read.input.tokens[list(first)].sum())
            self._base[key] = (tokens, self.total(self.terms(example, first, tokens)))
        return self._base[key]

    def of(self, example: ListExample, chosen: Sequence[int], order: Sequence[int]) -> tuple[float, dict[str, float]] | None:
        """The reward over the room that the baseline leaves above itself, and the bare terms. None where the generator failed."""
        try:
            tokens, base = self.baseline(example, order)
            terms = self.terms(example, chosen, tokens)
        except Unanswered:
            return None
        return self.total(terms) / max(_LEAST_ROOM, 1.0 - base), terms

    def _say(self, example: ListExample, chosen: Sequence[int]) -> str | None:
        if not chosen:
            return None
        key = (example.group, example.id, tuple(sorted(chosen) if self._generate is extracted else chosen))
        if key not in self._said:
            if self._failed[key] == _TRIES:
                raise Unanswered
            try:
                self._said[key] = self._generate(example, key[2])
            except Unanswered:
                self._failed[key] += 1
                raise
        return self._said[key]


_TRIES = 2
"""Of a generator that fails, with the same passages."""
_LEAST_ROOM = 0.25
"""A list on which the baseline is nearly perfect must not outweigh all others."""


def grpo(
    start: ListNetwork,
    train: Sequence[ListExample],
    val: Sequence[ListExample],
    config: GrpoConfig,
    *,
    generate: Generate = extracted,
    progress: Progress | None = None,
) -> tuple[ListNetwork, list[dict[str, float]]]:
    """The network that is best on `val` by full reward (the start included) and has not collapsed there, and the figures of every measurement.

    Its STOP biases are tuned for each measurement: readings of train come from other pair models than those of `val`, and when to stop hangs on that.
    """
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    random = Random(config.seed)
    earned = Rewards(config, generate)
    orders = own_orders(start, [*train, *val], config.budget)
    first = rewarded(start, val, earned, orders, config)
    reference, *_ = tuned_on(sharpened(start, config.sharpness), val, earned, orders, config)
    network = copy.deepcopy(reference).requires_grad_()  # no dropout: old and new probabilities must differ by the update alone
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=0.0)
    best, best_figures, curve = start, first, [{"step": 0.0, **first}]
    safe = reference  # the weights to go back to
    watch: Watch | None = None
    at_start = Watch(first["val length"], 0.0, first.get("val several", 0.0))
    for step in range(1, config.steps + 1):
        batch = random.choices(train, weights=[one.weight for one in train], k=config.lists)
        figures = _step(network, reference, optimizer, batch, earned, orders, config, generator)
        watch = watch or Watch.begin(figures)
        told = alarm(watch, figures)
        if not told and (step % config.every == 0 or step == config.steps):
            tuned, _, measured = tuned_on(network, val, earned, orders, config)
            figures |= measured
            told = _collapsed(at_start, measured)
            if not told:
                curve.append({"step": float(step), **figures})
                if measured["val reward"] > best_figures["val reward"]:
                    best, best_figures, safe = tuned, measured, tuned
                if progress:
                    progress(step, config.steps, curve[-1])
        if told:
            network.load_state_dict(safe.state_dict())
            for group in optimizer.param_groups:
                group["lr"] /= 2
            optimizer.state.clear()
            curve.append({"step": float(step), "alarm": 1.0, **figures})
            if progress:
                progress(step, config.steps, {"alarm": 1.0, told: 1.0})
    return copy.deepcopy(best).eval(), curve


def _step(
    network: ListNetwork,
    reference: ListNetwork,
    optimizer: torch.optim.Optimizer,
    batch: Sequence[ListExample],
    earned: Rewards,
    orders: Orders,
    config: GrpoConfig,
    generator: torch.Generator,
) -> dict[str, float]:
    lists = Lists.of([one.read.input for one in batch])
    rows = torch.arange(len(batch)).repeat_interleave(config.samples)
    budgets = torch.full((len(rows),), config.budget)
    with torch.no_grad():
        encoded = network.encode(lists)
        picks = decode(network, encoded[rows], budgets, sample=True, generator=generator)
    sampled = [(batch[row], chosen) for row, chosen in zip(rows.tolist(), picks.tolist(), strict=True)]
    scored = [earned.of(one, chosen, orders[one.group, one.id]) for one, chosen in sampled]
    reward = torch.tensor([one[0] if one else 0.0 for one in scored]).view(len(batch), config.samples)
    known = torch.tensor([one is not None for one in scored]).view(len(batch), config.samples)
    advantage = leave_one_out(reward, known)
    varied = (advantage.abs().amax(1) > 1e-6).repeat_interleave(config.samples)
    keep = (varied & known.flatten()).nonzero().squeeze(1)
    figures = _figures(picks, scored, rows, batch, varied)
    if not len(keep):
        return {**figures, "kl": 0.0, "entropy": 0.0}
    rows, budgets, advantage = rows[keep], budgets[keep], advantage.flatten()[keep]
    picks = Picks(picks.places[keep], picks.counts[keep])
    with torch.no_grad():
        fixed = step_log_probs(reference, reference.encode(lists)[rows], picks, budgets)
        old = None
    for _ in range(config.inner):
        steps = step_log_probs(network, network.encode(lists)[rows], picks, budgets)
        log_prob = taken(steps, picks).sum(1)
        old = log_prob.detach() if old is None else old
        ratio = (log_prob - old).exp()
        gain = torch.minimum(ratio * advantage, ratio.clamp(1 - config.clip, 1 + config.clip) * advantage)
        kl, entropy = exact_kl(steps, fixed, picks), mean_entropy(steps, picks)
        loss = -gain.mean() + config.kl * kl - config.entropy * entropy
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if not torch.isfinite(torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)):
            return {**figures, "kl": math.nan, "entropy": math.nan}  # the weights are still numbers
        optimizer.step()
    return {**figures, "kl": float(kl.detach()), "entropy": float(entropy.detach())}


def leave_one_out(reward: Tensor, known: Tensor) -> Tensor:
    """[lists, samples]: each sample's reward less the mean of its group's others. 0 where it is not known, or no other's is."""
    samples = known.sum(1, keepdim=True)
    mean = (reward * known).sum(1, keepdim=True) / samples.clamp(min=1)
    return (reward - mean) * known * samples / (samples - 1).clamp(min=1)


def exact_kl(steps: Tensor, reference: Tensor, picks: Picks) -> Tensor:
    """KL(policy ‖ reference), summed over the steps of each list, mean over the lists. Both [lists, steps, n + 1] log-probabilities."""
    possible = torch.isfinite(steps) & torch.isfinite(reference)
    difference = torch.where(possible, steps.exp() * (torch.where(possible, steps, 0.0) - torch.where(possible, reference, 0.0)), 0.0)
    return torch.where(made(picks, steps.shape[1]), difference.sum(2), 0.0).sum(1).mean()


def mean_entropy(steps: Tensor, picks: Picks) -> Tensor:
    """Of one choice, mean over all choices that were made."""
    alive = made(picks, steps.shape[1])
    finite = torch.isfinite(steps)
    of_steps = -torch.where(finite, steps.exp() * torch.where(finite, steps, 0.0), 0.0).sum(2)
    return torch.where(alive, of_steps, 0.0).sum() / alive.sum()


def _figures(
    picks: Picks, scored: Sequence[tuple[float, dict[str, float]] | None], rows: Tensor, batch: Sequence[ListExample], varied: Tensor
) -> dict[str, float]:
    """Of a step's samples; "failed" is the share of those whose worth is not known, which the reward and its terms leave out."""
    known = [one for one in scored if one is not None]
    counts = picks.counts.float()
    answerable = torch.tensor([batch[row].answerable for row in rows.tolist()])
    return {
        **({"reward": fmean(value for value, _ in known)} if known else {}),
        **({"failed": 1 - len(known) / len(scored)} if len(known) < len(scored) else {}),
        "length": float(counts.mean()),
        "empty": float((counts[answerable] == 0).float().mean()) if answerable.any() else 0.0,
        "varied": float(varied.float().mean()),
        **{f"term {name}": value for name, value in _means([terms for _, terms in known]).items()},
    }


def _means(terms: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each term, over those that have it."""
    values: dict[str, list[float]] = {}
    for of_one in terms:
        for name, value in of_one.items():
            values.setdefault(name, []).append(value)
    return {name: fmean(of_name) for name, of_name in values.items()}


Orders = Mapping[tuple[str, str], Sequence[int]]
"""By group and id, a policy's own order of a list's candidates."""


def own_orders(network: ListNetwork, examples: Sequence[ListExample], budget: int) -> Orders:
    """Greedy, continued past STOP: what a fixed k cuts."""
    orders = select_all(network, examples, budget=budget, go_on=True)
    return {(one.group, one.id): order for one, order in zip(examples, orders, strict=True)}


def rewarded(
    network: ListNetwork,
    val: Sequence[ListExample],
    earned: Rewards,
    orders: Orders,
    config: GrpoConfig,
    encoded_all: Sequence[EncodedBatch] | None = None,
) -> dict[str, float]:
    """Of the greedy selections on `val`: the full reward (each list by its weight), each term, mean length and tokens.

    "val nothing" is the share of empty ones where evidence is; "val empty", a term, is that share where none is; "val several", where that is known,
    the share of two passages or more where there are two pieces of evidence or more. Lists on which the generator failed ("val failed", where there
    are any) are left out of the reward and its terms. Raises PasselError where it failed on all.
    """
    chosen = select_all(network, val, budget=config.budget, encoded_all=encoded_all)
    scored = [earned.of(one, picked, orders[one.group, one.id]) for one, picked in zip(val, chosen, strict=True)]
    known = [(one.weight, of_one[1]) for one, of_one in zip(val, scored, strict=True) if of_one is not None]
    if not known:
        raise PasselError("the generator failed on every question of val", "Once it answers, the same command goes on where it was.")
    several = [float(len(picked) > 1) for one, picked in zip(val, chosen, strict=True) if len(one.gold) > 1]
    return {
        "val reward": math.fsum(weight * earned.total(terms) for weight, terms in known) / math.fsum(weight for weight, _ in known),
        **({"val failed": float(len(val) - len(known))} if len(known) < len(val) else {}),
        "val length": fmean(len(one) for one in chosen),
        "val nothing": fmean(nothing) if (nothing := [float(not picked) for one, picked in zip(val, chosen, strict=True) if one.answerable]) else 0.0,
        **({"val several": fmean(several)} if several else {}),
        "val tokens": fmean(int(one.read.input.tokens[picked].sum()) for one, picked in zip(val, chosen, strict=True)),
        **{f"val {name}": value for name, value in _means([terms for _, terms in known]).items()},
    }


def sharpened(network: ListNetwork, factor: float) -> ListNetwork:
    """A copy whose logits are `factor` times what its layers say."""
    made = copy.deepcopy(network).eval()
    made.sharpness.fill_(factor)
    return made


def tuned_on(
    network: ListNetwork, val: Sequence[ListExample], earned: Rewards, orders: Orders, config: GrpoConfig
) -> tuple[ListNetwork, dict[str, float], dict[str, float]]:
    """A copy with the STOP biases that earn most on `val`, how far they were moved, and what it is `rewarded`."""
    encoded = list(encode_all(network, val))
    tuned, moved = tune_stop(network, lambda one: rewarded(one, val, earned, orders, config, encoded)["val reward"])
    return tuned, moved, rewarded(tuned, val, earned, orders, config, encoded)


def _collapsed(at_start: Watch, measured: Mapping[str, float]) -> str | None:
    """By the same alarms: a reward that pays for collapse pays for it on `val` too, and there every greedy choice may be lost first."""
    figures = {"length": measured["val length"], "empty": measured["val nothing"], "kl": 0.0, "entropy": 0.0, "varied": 0.0}
    return alarm(at_start, {**figures, "several": measured.get("val several", math.inf)})
