"""What the pair model is trained on: relevance of each passage, order within the list, spans.

Source: spans over several passages by one softmax, every place where the answer stands being right: Clark and Gardner, "Simple and Effective
Multi-Paragraph Reading Comprehension" (ACL 2018), section 3.3 ("shared normalization") and 3.2 (summed over places).
Deviation: a token's logit is taken relative to its passage's [CLS], and one constant 0 stands for "no answer", so that the scores mean the same in
a list of one and of fifty.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ...tools.bert import pack
from ...tools.pair import PairNetwork
from ...tools.sentence_model import fast_dtype
from .examples import Target, TargetList


@dataclass(frozen=True, slots=True)
class LossWeights:
    relevance: float = 1.0
    order: float = 0.5
    list_span: float = 0.5
    each_span: float = 0.5
    yes: float = 0.3


RANKING = LossWeights(list_span=0.0, each_span=0.0, yes=0.0)
"""Relevance and order alone."""


def losses(network: PairNetwork, lists: Sequence[TargetList], device: str) -> dict[str, Tensor]:
    """Sums over the lists, by the names of `LossWeights`; each list counts once in each. Terms that no list has are left out."""
    targets = [target for one in lists for target in one.targets]
    order = sorted(range(len(targets)), key=lambda i: -len(targets[i].window.tokens))
    tokens, runs = pack([targets[i].window.tokens for i in order], device)
    segments = torch.tensor([segment for i in order for segment in targets[i].window.segments], device=device)
    with torch.autocast(device.partition(":")[0], torch.bfloat16, enabled=fast_dtype(device) != torch.float32):
        states = network(tokens, runs, segments)
    begins = dict(zip(order, _begins([len(targets[i].window.tokens) for i in order]), strict=True))
    states = states.float()
    first = states[torch.tensor([begins[i] for i in range(len(targets))], device=device)]
    relevance, yes = network.relevance(first).squeeze(1), network.yes(first).squeeze(1)
    logits = network.span(states)

    sums: dict[str, list[Tensor]] = {}
    place = 0
    for one in lists:
        here = range(place, place + len(one.targets))
        place += len(one.targets)
        told = [i for i in here if targets[i].gold is not None]
        gold = torch.tensor([targets[i].gold for i in told], dtype=torch.float32, device=device)
        scores = relevance[told]
        if told:
            sums.setdefault("relevance", []).append(F.binary_cross_entropy_with_logits(scores, gold))
        if 0 < gold.sum() < len(gold):
            sums.setdefault("order", []).append(-(F.log_softmax(scores, 0) * gold).sum() / gold.sum())
        margins = [_margins(logits, begins[i], targets[i]) for i in here]
        if one.example.reads == "list" and all(target.labelled for target in one.targets):
            sums.setdefault("list_span", []).append(span_loss(margins, one.targets))
        each = [span_loss([margin], [target]) for margin, target in zip(margins, one.targets, strict=True) if target.labelled]
        if each:
            sums.setdefault("each_span", []).append(torch.stack(each).mean())
        if one.example.yes is not None and gold.any():
            sums.setdefault("yes", []).append(_all_of(yes[told][gold.bool()], one.example.yes))
    return {name: torch.stack(values).sum() for name, values in sums.items()}


def _margins(logits: Tensor, begin: int, target: Target) -> Tensor:
    """[tokens of the window's text, 2]: start and end logits less those of [CLS]."""
    text = begin + target.window.text
    return logits[text : text + len(target.window.offsets)] - logits[begin]


def span_loss(margins: Sequence[Tensor], targets: Sequence[Target]) -> Tensor:
    """-log P(start among the right ones) - log P(end among them), over all tokens of these windows and the constant 0 for "no answer"."""
    none = margins[0].new_zeros(1, 2)
    everything = torch.logsumexp(torch.cat([none, *margins]), 0)  # [2]
    right = []
    for side in (0, 1):
        chosen = [
            margin[[place - target.window.text for place in set(target.ends if side else target.starts)], side]
            for margin, target in zip(margins, targets, strict=True)
            if target.starts
        ]
        right.append(torch.logsumexp(torch.cat(chosen), 0) if chosen else none[0, side])
    return everything.sum() - torch.stack(right).sum()


def _all_of(yes: Tensor, truth: bool) -> Tensor:
    """Cross-entropy of "every passage says yes": log P = sum of log sigmoids."""
    log_all = F.logsigmoid(yes).sum()
    return -log_all if truth else -torch.log1p(-log_all.exp().clamp(max=1 - 1e-6))


def _begins(lengths: Sequence[int]) -> list[int]:
    begins = [0]
    for length in lengths[:-1]:
        begins.append(begins[-1] + length)
    return begins
