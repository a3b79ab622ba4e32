"""Plackett–Luce with STOP: a policy over ordered subsets. Picks passages one after the other without replacement, until it picks STOP.

The probability of a list is the product of its picks', STOP's included, so order and count are one decision with an exact log-probability. STOP is
sure once nothing may be picked: all are chosen, or none fits what is left of the token budget.

Source: Plackett, "The Analysis of Permutations" (Applied Statistics 1975); Luce, "Individual Choice Behavior" (1959); stopping as a choice among the
others as in "Dynamic Passage Selector" (arXiv 2508.09497), which writes indices with a language model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .network import Encoded, ListNetwork, OneList

MOST = 12
"""Picks of one list. More evidence than that no question of any set here has."""


@dataclass(frozen=True, slots=True)
class Picks:
    """Ordered lists: `places[i, :counts[i]]` are the picked candidates of list i, the rest is -1."""

    places: Tensor
    """int64 [lists, MOST]"""
    counts: Tensor
    """int64 [lists]"""

    def tolist(self) -> list[list[int]]:
        return [row[:count] for row, count in zip(self.places.tolist(), self.counts.tolist(), strict=True)]

    @classmethod
    def of(cls, lists: Sequence[Sequence[int]]) -> Picks:
        places = torch.full((len(lists), MOST), -1)
        for i, one in enumerate(lists):
            places[i, : len(one)] = torch.tensor(one, dtype=torch.long)
        return cls(places, torch.tensor([len(one) for one in lists]))


class State:
    """Where a batch of lists stands after some picks."""

    def __init__(self, encoded: Encoded, budgets: Tensor) -> None:
        self.encoded, self.left = encoded, budgets.clone()
        self.chosen = torch.zeros_like(encoded.there, dtype=torch.float32)
        self.last = torch.full((len(budgets),), -1)
        self.rows = torch.arange(len(budgets))

    @property
    def open(self) -> Tensor:
        return self.encoded.there & (self.chosen == 0) & (self.encoded.tokens <= self.left[:, None])

    def pick(self, places: Tensor) -> None:
        """places int64 [lists]; -1 picks nothing."""
        some = places >= 0
        rows, places = self.rows[some], places[some]
        self.chosen = self.chosen.index_put((rows, places), torch.ones(len(rows)))
        self.left = self.left.index_put((rows,), self.left[rows] - self.encoded.tokens[rows, places])
        self.last = self.last.index_put((rows,), places)


def step_log_probs(network: ListNetwork, encoded: Encoded, picks: Picks, budgets: Tensor) -> Tensor:
    """log P of every choice at every step of the given lists: [lists, MOST + 1, n + 1], STOP last; steps after STOP are all 0.

    Differentiable. What is impossible has -inf.
    """
    state = State(encoded, budgets)
    steps = int(picks.counts.max()) + 1 if len(picks.counts) else 1
    out = []
    for step in range(steps):
        logits = network.logits(encoded, state.chosen, state.last, state.open)
        alive = (picks.counts >= step)[:, None]
        out.append(torch.where(alive, F.log_softmax(logits, 1), torch.zeros(())))
        if step < MOST:
            state.pick(torch.where(picks.counts > step, picks.places[:, step], -1))
    return torch.stack(out, 1)


def log_prob(network: ListNetwork, encoded: Encoded, picks: Picks, budgets: Tensor) -> Tensor:
    """log P of each list as a whole, STOP included: [lists]."""
    steps = step_log_probs(network, encoded, picks, budgets)
    return taken(steps, picks).sum(1)


def taken(steps: Tensor, picks: Picks) -> Tensor:
    """Of `step_log_probs`, those of the choices that were made: [lists, steps]; 0 after STOP."""
    count = steps.shape[1]
    choices = F.pad(picks.places, (0, 1), value=-1)[:, :count]
    stop = steps.shape[2] - 1
    places = torch.where(choices >= 0, choices, stop)
    return torch.where(made(picks, count), steps.gather(2, places[:, :, None]).squeeze(2), torch.zeros(()))


def made(picks: Picks, count: int) -> Tensor:
    """At which of `count` steps a choice was made, STOP's included: bool [lists, count]. A list of MOST picks ends without one, and pays for none."""
    steps = torch.arange(count)[None, :]
    return (steps <= picks.counts[:, None]) & (steps < MOST)


@torch.no_grad()
def decode(
    network: ListNetwork,
    encoded: Encoded,
    budgets: Tensor,
    *,
    sample: bool = False,
    generator: torch.Generator | None = None,
) -> Picks:
    """The likeliest choice at each step (see `likeliest`), or a sampled one."""
    state = State(encoded, budgets)
    count, n = encoded.there.shape
    places = torch.full((count, MOST), -1)
    counts = torch.zeros(count, dtype=torch.long)
    alive = torch.ones(count, dtype=torch.bool)
    for step in range(MOST):
        logits = network.logits(encoded, state.chosen, state.last, state.open)
        choice = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1) if sample else likeliest(logits)
        alive = alive & (choice < n)
        if not alive.any():
            break
        picked = torch.where(alive, choice, -1)
        places[:, step] = picked
        counts += alive
        state.pick(picked)
    return Picks(places, counts)


@torch.no_grad()
def own_order(network: ListNetwork, encoded: Encoded, budgets: Tensor) -> tuple[Picks, Tensor]:
    """The policy's own order: the likeliest picks past STOP, up to MOST; and, as in `step_log_probs`, log P of every choice before each of them and
    where nothing more may be picked.

    What `decode` selects is where it begins (see `until_stop`). List by list: this is what an answer waits for.
    """
    orders: list[list[int]] = []
    of_lists: list[list[Tensor]] = []
    for row, left in enumerate(budgets.tolist()):
        one = OneList(network, encoded, row)
        orders.append([])
        of_lists.append([])
        for _ in range(MOST):
            open_ = one.open(left)
            logits = one.logits(open_)
            of_lists[-1].append(F.log_softmax(logits, 0))
            if not open_.any():
                break
            place = int(logits[:-1].argmax())
            orders[-1].append(place)
            left -= one.tokens[place]
            one.pick(place)
    steps = torch.full((len(orders), max(map(len, of_lists), default=1), encoded.keys.shape[1]), -torch.inf)
    steps[:, :, -1] = 0.0  # STOP is sure where nothing may be picked
    for row, of_list in enumerate(of_lists):
        steps[row, : len(of_list)] = torch.stack(of_list)
    return Picks.of(orders), steps


def until_stop(picks: Picks, steps: Tensor) -> Picks:
    """Of an `own_order`, the picks before the first step at which stopping is likelier than going on."""
    stops = steps[:, :, -1] >= steps[:, :, :-1].logsumexp(2)
    counts = torch.minimum(picks.counts, torch.where(stops.any(1), stops.int().argmax(1), MOST))
    return Picks(torch.where(torch.arange(MOST) < counts[:, None], picks.places, -1), counts)


def likeliest(logits: Tensor) -> Tensor:
    """STOP where stopping is likelier than going on, else the likeliest pick: int64 [lists].

    Not the likeliest of all choices: where several passages would do, each has only its share of what speaks for going on.
    """
    picks, stop = logits[:, :-1], logits[:, -1]
    if not picks.shape[1]:
        return torch.zeros(len(logits), dtype=torch.long)
    return torch.where(stop >= picks.logsumexp(1), picks.shape[1], picks.argmax(1))


@torch.no_grad()
def beam(network: ListNetwork, encoded: Encoded, budget: int, *, width: int = 4) -> list[int]:
    """The likeliest list as a whole that a beam of `width` finds; for one list (`encoded` of one)."""
    beams: list[tuple[float, list[int]]] = [(0.0, [])]
    ended: list[tuple[float, list[int]]] = []
    for step in range(MOST + 1):
        rows = torch.zeros(len(beams), dtype=torch.long)
        picks = Picks.of([places for _, places in beams])
        steps = step_log_probs(network, encoded[rows], picks, torch.full((len(beams),), budget))[:, step]
        stop = steps.shape[1] - 1
        grown: list[tuple[float, list[int]]] = []
        for (score, places), choices in zip(beams, steps, strict=True):
            ended.append((score + (float(choices[stop]) if step < MOST else 0.0), places))  # a full list has no STOP to pay for
            best = choices[:stop].topk(min(width, stop))
            grown += [(score + value, [*places, place]) for value, place in zip(best.values.tolist(), best.indices.tolist(), strict=True)]
        beams = sorted((one for one in grown if one[0] > -torch.inf), key=lambda one: -one[0])[:width] if step < MOST else []
        if not beams or beams[0][0] <= max(score for score, _ in ended):  # more picks only lose
            break
    return max(ended, key=lambda one: one[0])[1]
