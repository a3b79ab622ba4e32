"""The list network: reads all candidates beside each other, and scores the next pick given the picks so far.

A small transformer over [question, STOP, candidate 1 … n] without positions (so that nothing hangs on the input's order), with four biases on
its attention: who names whom, who is named by whom, who stands in one document with whom, and how alike two pair vectors are. A pointer decoder
conditions on what is chosen; picking STOP ends the list. A sigmoid head gives each candidate's relevance. Both start from the pair model's own
log-odds and learn what the list adds to them.

The pair vectors themselves are not read: the list policy learns from two half models and works on a third, whose vectors mean something else. What is
read of them, their likeness, means the same in all three. docs/systems.md has the ablation.

Source: pointer decoder: Vinyals, Fortunato and Jaitly, "Pointer Networks" (NeurIPS 2015); reading candidates beside each other: ListConRanker (arXiv
2501.07111) and EBCAR (arXiv 2510.13329); likeness between candidates: HybRank (ACL Findings 2023). docs/systems.md has the deviations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .features import FEATURES, RELEVANCE, ListInput

WIDTH = 128
HEADS = 4
LAYERS = 2
_BIASES = 4


@dataclass(frozen=True, slots=True)
class Lists:
    """Several lists, padded to the longest."""

    features: Tensor
    """[lists, n, FEATURES]"""
    biases: Tensor
    """[lists, 4, n, n]: i names j, j names i, one document, likeness."""
    there: Tensor
    """bool [lists, n]: False where a shorter list is padded."""
    tokens: Tensor
    """int64 [lists, n]"""

    @classmethod
    def of(cls, inputs: Sequence[ListInput]) -> Lists:
        n = max((len(one.tokens) for one in inputs), default=0)
        lists = len(inputs)
        features = torch.zeros(lists, n, FEATURES)
        biases, there = torch.zeros(lists, _BIASES, n, n), torch.zeros(lists, n, dtype=torch.bool)
        tokens = torch.zeros(lists, n, dtype=torch.long)
        for i, one in enumerate(inputs):
            size = len(one.tokens)
            features[i, :size] = torch.from_numpy(one.features)
            names = torch.from_numpy(one.names).float()
            unit = F.normalize(torch.from_numpy(one.vectors).float(), dim=1)
            biases[i, :, :size, :size] = torch.stack([names, names.T, torch.from_numpy(one.siblings).float(), unit @ unit.T])
            there[i, :size] = True
            tokens[i, :size] = torch.from_numpy(one.tokens)
        return cls(features, biases, there, tokens)


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the decoder needs of lists, computed once for however many picks and samples."""

    question: Tensor
    """[lists, WIDTH]"""
    keys: Tensor
    """[lists, n + 1, WIDTH]: the candidates, then STOP."""
    values: Tensor
    """[lists, n, WIDTH]"""
    names: Tensor
    """[lists, n, n]: i names j."""
    siblings: Tensor
    """[lists, n, n]: i and j stand in one document."""
    own: Tensor
    """[lists, n]: what speaks for a candidate whatever is chosen: the pair model's log-odds, and what the list adds."""
    relevance: Tensor
    """Logits [lists, n]."""
    there: Tensor
    tokens: Tensor
    """Both as in `Lists`."""

    def __getitem__(self, rows: Tensor) -> Encoded:
        return Encoded(*(getattr(self, field.name)[rows] for field in fields(self)))


class ListNetwork(nn.Module):
    def __init__(self, *, biases: bool = True) -> None:
        super().__init__()
        self.of_features = nn.Sequential(nn.Linear(FEATURES, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.special = nn.Parameter(torch.randn(2, WIDTH) * 0.02)  # question, STOP
        self.layers = nn.ModuleList(_Layer() for _ in range(LAYERS))
        self.relevance = nn.Linear(WIDTH, 1)
        self.key = nn.Linear(WIDTH, WIDTH)
        self.start = nn.Linear(WIDTH, WIDTH)
        self.query = nn.Sequential(nn.Linear(3 * WIDTH + 1, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.own = nn.Linear(WIDTH, 1)
        self.trust = nn.Parameter(torch.ones(1))
        self.named_by_chosen = nn.Parameter(torch.zeros(1))
        self.beside_chosen = nn.Parameter(torch.zeros(1))  # of one document with it
        self.empty_bias = nn.Parameter(torch.zeros(1))  # of STOP while nothing is chosen
        self.stop_bias = nn.Parameter(torch.zeros(1))  # and afterwards
        self.sharpness: Tensor
        self.register_buffer("sharpness", torch.ones(1))  # of the choice: the inverse of a temperature
        self.with_biases: Tensor
        self.register_buffer("with_biases", torch.tensor([float(biases)]))  # 0: who names whom, and all that goes with it, is not read

    def encode(self, lists: Lists) -> Encoded:
        count = len(lists.there)
        items = self.of_features(lists.features)
        states = torch.cat([self.special.expand(count, 2, WIDTH), items], 1)
        there = F.pad(lists.there, (2, 0), value=True)
        related = lists.biases * self.with_biases
        biases = F.pad(related, (2, 0, 2, 0))
        for layer in self.layers:
            states = layer(states, biases, there)
        values = states[:, 2:]
        keys = self.key(torch.cat([values, states[:, 1:2]], 1))
        pointwise = lists.features[:, :, RELEVANCE]
        relevance = self.relevance(values).squeeze(-1) + self.trust * pointwise
        own = self.own(values).squeeze(-1) + self.trust * pointwise
        return Encoded(states[:, 0], keys, values, related[:, 0], related[:, 2], own, relevance, lists.there, lists.tokens)

    def logits(self, encoded: Encoded, chosen: Tensor, last: Tensor, open_: Tensor) -> Tensor:
        """Of each next pick, STOP last: [lists, n + 1].

        chosen: float [lists, n], 1 for what was picked; last: int64 [lists], the newest pick, -1 before the first; open_: bool [lists, n], what may
        be picked. STOP may always be.
        """
        picked = chosen.sum(1, keepdim=True)
        mean = torch.einsum("ln,lnw->lw", chosen, encoded.values) / picked.clamp(min=1)
        newest = encoded.values[torch.arange(len(last)), last.clamp(min=0)] if encoded.values.shape[1] else torch.zeros_like(encoded.question)
        newest = torch.where((last >= 0)[:, None], newest, self.start(encoded.question))
        query = self.query(torch.cat([encoded.question, mean, newest, picked / 4], 1))
        logits = torch.einsum("lw,lnw->ln", query, encoded.keys) * WIDTH**-0.5
        named = (torch.einsum("li,lij->lj", chosen, encoded.names) > 0).float() * self.named_by_chosen
        beside = (torch.einsum("li,lij->lj", chosen, encoded.siblings) > 0).float() * self.beside_chosen
        stop = torch.where(picked == 0, self.empty_bias, self.stop_bias)
        logits = (logits + torch.cat([encoded.own + named + beside, stop], 1)) * self.sharpness
        masked: Tensor = logits.masked_fill(~F.pad(open_, (0, 1), value=True), -torch.inf)
        return masked


class OneList:
    """`ListNetwork.logits` of one list, pick after pick: what hangs on no pick is multiplied once, so that each takes a few small operations.

    For greedy picks without a gradient; tested against `logits`.
    """

    def __init__(self, network: ListNetwork, encoded: Encoded, row: int) -> None:
        self.network = network
        self.tokens: list[int] = encoded.tokens[row].tolist()
        self._costs, self._free = encoded.tokens[row], encoded.there[row].clone()
        first, _, second = network.query
        assert isinstance(first, nn.Linear)
        assert isinstance(second, nn.Linear)
        of_question, of_mean, of_newest, of_count = torch.split(first.weight, [WIDTH, WIDTH, WIDTH, 1], 1)
        question, values, keys = encoded.question[row], encoded.values[row], encoded.keys[row] * WIDTH**-0.5
        self._hidden = F.linear(question, of_question, first.bias)
        self._newest = F.linear(network.start(question), of_newest)
        self._as_mean, self._as_newest, self._as_count = values @ of_mean.T, values @ of_newest.T, of_count[:, 0] / 4
        self._keys, self._own = keys @ second.weight, keys @ second.bias
        self._own[:-1] += encoded.own[row]
        self._names, self._siblings = encoded.names[row] > 0, encoded.siblings[row] > 0
        self._named, self._beside = torch.zeros_like(self._free), torch.zeros_like(self._free)
        self._sum = torch.zeros_like(question)
        self._picked = 0

    def open(self, left: int) -> Tensor:
        """bool [n]: what may be picked, with so many tokens left."""
        return self._free & (self._costs <= left)

    def logits(self, open_: Tensor) -> Tensor:
        """Of each next pick, STOP last: [n + 1]."""
        network, picked = self.network, self._picked
        hidden = self._hidden + self._newest + self._sum / max(1, picked) + self._as_count * picked
        logits = torch.addmv(self._own, self._keys, F.gelu(hidden))
        logits[-1] += (network.stop_bias if picked else network.empty_bias)[0]
        logits[:-1] += self._named * network.named_by_chosen + self._beside * network.beside_chosen
        logits *= network.sharpness
        logits[:-1].masked_fill_(~open_, -torch.inf)
        return logits

    def pick(self, place: int) -> None:
        self._free[place] = False
        self._sum += self._as_mean[place]
        self._newest = self._as_newest[place]
        self._named |= self._names[place]
        self._beside |= self._siblings[place]
        self._picked += 1


class _Layer(nn.Module):
    """Pre-norm self-attention with biases, and feed-forward."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.bias = nn.Parameter(torch.zeros(HEADS, _BIASES))
        self.inner = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * WIDTH, WIDTH))
        self.drop = nn.Dropout(0.1)

    def forward(self, states: Tensor, biases: Tensor, there: Tensor) -> Tensor:
        query, key, value = torch.unflatten(self.qkv(self.norm1(states)), -1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        mask = torch.einsum("hb,lbij->lhij", self.bias, biases).masked_fill(~there[:, None, None, :], -torch.inf)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2).flatten(2)
        states = states + self.drop(self.out(attended))
        out: Tensor = states + self.drop(self.inner(self.norm2(states)))
        return out
