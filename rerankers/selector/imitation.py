"""Stage 1, imitation: the policy learns to pick the evidence and to stop, from labels.

Pointer cross-entropy on the gold passages, in hop order where that is known; where it is not, any gold passage that is left is right (the loss is of
their summed probability, the next one picked being the policy's own favourite among them). Then STOP. Where no evidence is among the candidates,
STOP at once. Beside it cross-entropy of each candidate's relevance.

Source: the pointer loss of "Dynamic Passage Selector" (arXiv 2508.09497), which knows one order only and no empty list.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

import torch
import torch.nn.functional as F
from torch import Tensor

from .examples import ListExample
from .measure import measure
from .network import Encoded, ListNetwork, Lists
from .policy import MOST, Picks, State, made, step_log_probs


@dataclass(frozen=True, slots=True)
class ImitationConfig:
    epochs: int = 8
    lists: int = 48
    """Of a batch."""
    learning_rate: float = 5e-4
    weight_decay: float = 0.02
    relevance: float = 0.5
    """Weight of the relevance loss."""
    budget: int = 2000
    """Evidence tokens."""
    seed: int = 0
    biases: bool = True
    """Which names which, in attention and pointer; off to see what it is worth."""


Progress = Callable[[int, int, Mapping[str, float]], None]


def imitate(
    train: Sequence[ListExample],
    val: Sequence[ListExample],
    config: ImitationConfig,
    *,
    start: ListNetwork | None = None,
    progress: Progress | None = None,
) -> tuple[ListNetwork, list[dict[str, float]]]:
    """The network of the epoch that is best on `val`, and each epoch's figures.

    `start`: a trained network to go on from; as epoch 0 it is one of those to choose from.
    """
    torch.manual_seed(config.seed)
    network = copy.deepcopy(start).requires_grad_(True) if start else ListNetwork(biases=config.biases)
    network.sharpness.fill_(1.0)  # `start` may have it from GRPO
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    steps = config.epochs * math.ceil(len(train) / config.lists)
    rise = 0.1 if steps != 9 else 0.11  # torch divides by zero where the rise is one step exactly
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, total_steps=steps + 1, pct_start=rise)
    best, curve = copy.deepcopy(start or network), []
    if start:
        curve.append({"epoch": 0.0, **measure(best, val, budget=config.budget)})
    best_score = curve[0]["score"] if curve else -math.inf
    mean_weight = fmean(one.weight for one in train)
    for epoch in range(config.epochs):
        network.train()
        total = count = 0.0
        for batch in batches(train, config.lists, Random(f"{config.seed} {epoch}")):
            loss = imitation_loss(network, batch, config, mean_weight=mean_weight)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total, count = total + float(loss.detach()), count + 1
        figures = {"epoch": epoch + 1, "loss": total / count, **measure(network, val, budget=config.budget)}
        curve.append(figures)
        if figures["score"] >= best_score:  # of equals the later, which knows the order better
            best, best_score = copy.deepcopy(network), figures["score"]
        if progress:
            progress(epoch + 1, config.epochs, figures)
    return best.eval(), curve


def imitation_loss(network: ListNetwork, batch: Sequence[ListExample], config: ImitationConfig, *, mean_weight: float = 1.0) -> Tensor:
    """Mean over the lists, each by its weight over `mean_weight`, that of the whole data: a light list stays light in a batch of light ones."""
    lists = Lists.of([example.read.input for example in batch])
    budgets = torch.full((len(batch),), config.budget)
    encoded = network.encode(lists)
    gold = _gold(batch, lists)
    picks = _to_imitate(network, encoded, batch, gold, budgets)
    steps = step_log_probs(network, encoded, picks, budgets)
    right = _right(batch, picks, steps)
    of_steps = -torch.logsumexp(steps.masked_fill(~right, -torch.inf), 2)
    pointer = torch.where(made(picks, steps.shape[1]), of_steps, torch.zeros(())).sum(1)
    relevance = F.binary_cross_entropy_with_logits(encoded.relevance, gold.float(), reduction="none")
    relevance = (relevance * lists.there).sum(1) / lists.there.sum(1).clamp(min=1)
    weights = torch.tensor([example.weight for example in batch])
    return ((pointer + config.relevance * 4 * relevance) * weights).mean() / mean_weight


def batches(examples: Sequence[ListExample], size: int, random: Random) -> Iterator[list[ListExample]]:
    """All examples once, in random order, lists of like length together."""
    order = sorted(range(len(examples)), key=lambda i: (len(examples[i].read.passages) // 10, random.random()))
    parts = [order[start : start + size] for start in range(0, len(order), size)]
    random.shuffle(parts)
    for part in parts:
        yield [examples[i] for i in part]


def _gold(batch: Sequence[ListExample], lists: Lists) -> Tensor:
    gold = torch.zeros_like(lists.there)
    for i, example in enumerate(batch):
        gold[i, list(example.gold)] = True
    return gold


def _to_imitate(
    network: ListNetwork, encoded: Encoded, batch: Sequence[ListExample], gold: Tensor, budgets: Tensor
) -> Picks:
    """The gold passages as the policy should pick them; of those without a known order the one that the policy likes best comes next."""
    with torch.no_grad():
        state = State(encoded, budgets)
        orders: list[list[int]] = [[] for _ in batch]
        for _ in range(MOST):
            open_ = state.open & gold
            if not open_.any():
                break
            favourite = network.logits(encoded, state.chosen, state.last, open_)[:, :-1].argmax(1)
            places = torch.where(open_.any(1), favourite, -1)
            for i, example in enumerate(batch):
                if example.ordered:  # what does not fit the budget is passed over
                    places[i] = next((place for place in example.gold if open_[i, place]), -1)
                if places[i] >= 0:
                    orders[i].append(int(places[i]))
            state.pick(places)
    return Picks.of(orders)


def _right(batch: Sequence[ListExample], picks: Picks, steps: Tensor) -> Tensor:
    """Which choices are right at each step: bool as `steps`."""
    right = torch.zeros(steps.shape, dtype=torch.bool)
    for i, order in enumerate(picks.tolist()):
        left = set(order)
        for step, place in enumerate(order):
            right[i, step, [place] if batch[i].ordered else list(left)] = True
            left.discard(place)
        right[i, min(len(order), steps.shape[1] - 1), -1] = True
    return right
