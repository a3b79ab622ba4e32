"""How good a policy's greedy selections are on `val`: what checkpoints and the STOP bias are chosen by. Figures to report come from `passel eval`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean

import torch

from . import rewards
from .examples import ListExample
from .network import Encoded, ListNetwork, Lists
from .policy import decode, own_order

BATCH = 128
_SHIFTS = (-2.0, -1.5, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
"""Of STOP's logit, tried when it is tuned."""


EncodedBatch = tuple[list[int], Encoded]
"""Places of examples, and what the decoder needs of them."""


def encode_all(network: ListNetwork, examples: Sequence[ListExample]) -> Iterator[EncodedBatch]:
    """All examples, lists of like length together. Neither STOP bias matters here."""
    network.eval()
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].read.passages))
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        with torch.no_grad():
            encoded = network.encode(Lists.of([examples[i].read.input for i in rows]))
        yield rows, encoded


def select_all(
    network: ListNetwork,
    examples: Sequence[ListExample],
    *,
    budget: int,
    go_on: bool = False,
    encoded_all: Sequence[EncodedBatch] | None = None,
) -> list[list[int]]:
    """Greedy selections, in the order of the examples. `go_on`: past STOP. `encoded_all`: of the examples, where that is known."""
    network.eval()
    chosen: dict[int, list[int]] = {}
    for rows, encoded in encode_all(network, examples) if encoded_all is None else encoded_all:
        budgets = torch.full((len(rows),), budget)
        picks = own_order(network, encoded, budgets)[0] if go_on else decode(network, encoded, budgets)
        chosen.update(zip(rows, picks.tolist(), strict=True))
    return [chosen[i] for i in range(len(examples))]


def support_f1(example: ListExample, chosen: Sequence[int]) -> float:
    """Evidence F1; where no evidence is among the candidates and none was dropped elsewhere, 1 for the empty selection."""
    if not example.gold_in_all:
        return float(not chosen)
    return rewards.evidence(chosen, example.gold, example.gold_in_all)


def measure(network: ListNetwork, examples: Sequence[ListExample], *, budget: int) -> dict[str, float]:
    """Support F1 of each group, and the mean of all examples by their weights as "score"."""
    return summarize(examples, select_all(network, examples, budget=budget))


def summarize(examples: Sequence[ListExample], selections: Sequence[Sequence[int]]) -> dict[str, float]:
    values = [support_f1(example, chosen) for example, chosen in zip(examples, selections, strict=True)]
    groups: dict[str, list[float]] = {}
    for example, value in zip(examples, values, strict=True):
        groups.setdefault(example.group, []).append(value)
    score = fmean(values, [example.weight for example in examples])
    return {"score": score, **{name: fmean(of_group) for name, of_group in sorted(groups.items())}}


def best_fixed_k(examples: Sequence[ListExample], orders: Sequence[Sequence[int]], most: int = 12) -> tuple[int, float]:
    """The k whose first k of each order have the highest score, and that score."""
    scores = {k: summarize(examples, [order[:k] for order in orders])["score"] for k in range(1, most + 1)}
    best = max(scores, key=lambda k: scores[k])
    return best, scores[best]


def tune_stop(network: ListNetwork, score: Callable[[ListNetwork], float]) -> tuple[ListNetwork, dict[str, float]]:
    """The network with the two STOP biases that `score` (on `val`) likes best, and how far each was moved. Ties stay nearest to where they were."""
    moved: dict[str, float] = {}
    for name in ("empty_bias", "stop_bias"):
        found = {shift: score(shifted(network, name, shift)) for shift in sorted(_SHIFTS, key=abs)}
        moved[name] = max(found, key=lambda shift: found[shift])
        network = shifted(network, name, moved[name])
    return network, moved


def shifted(network: ListNetwork, bias: str, shift: float) -> ListNetwork:
    """A copy with `shift` added to one of its biases."""
    moved = copy.deepcopy(network)
    with torch.no_grad():
        moved.get_parameter(bias).add_(shift)
    return moved
