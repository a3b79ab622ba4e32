"""BERT's encoder without padding: sequences lie end to end in one packed row of tokens.

Linear layers see only real tokens; attention runs once for each stretch of equally long sequences, so neither padding nor masks exist. Sort by
length before packing. Importing it costs torch, not transformers (1 s instead of 3), and a test holds it to transformers' BertModel.
Source: Devlin et al., "BERT" (NAACL 2019); packing as in "Efficient Sequence Packing without Cross-contamination" (Krell et al., 2021).
Deviation: no pooler; dropout only while training, and none on the attention's weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DROPOUT = 0.1
"""While training, as in BERT; `from_pretrained` gives a model in evaluation."""


@dataclass(frozen=True, slots=True)
class Run:
    """`count` neighbouring sequences of `length` tokens each."""

    count: int
    length: int


def pack(sequences: Sequence[Sequence[int]], device: torch.device | str = "cpu") -> tuple[Tensor, list[Run]]:
    """Token ids of all sequences end to end [tokens], and the runs of equal length, in the given order."""
    tokens = torch.tensor([token for sequence in sequences for token in sequence], dtype=torch.long)
    runs = [Run(len(list(group)), length) for length, group in groupby(len(sequence) for sequence in sequences)]
    return tokens.to(device), runs


def unpack(packed: Tensor, runs: Sequence[Run]) -> Iterator[Tensor]:
    """The packed rows [tokens, …] of each run as [count, length, …], without a copy."""
    for run, rows in zip(runs, torch.split(packed, [run.count * run.length for run in runs]), strict=True):
        yield torch.unflatten(rows, 0, (run.count, run.length))


class Bert(nn.Module):
    """The embeddings and the layers of a BertModel; made from its config.json and state dict by `Bert.from_pretrained`."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        width, eps = config["hidden_size"], config.get("layer_norm_eps", 1e-12)
        self.words = nn.Parameter(torch.empty(config["vocab_size"], width))  # nn.Embedding would import half of torch to fill them
        self.positions = nn.Parameter(torch.empty(config["max_position_embeddings"], width))
        self.segments = nn.Parameter(torch.empty(config["type_vocab_size"], width))
        self.norm = nn.LayerNorm(width, eps)
        self.layers = nn.ModuleList(
            Layer(width, config["num_attention_heads"], config["intermediate_size"], eps) for _ in range(config["num_hidden_layers"])
        )

    def forward(self, tokens: Tensor, runs: Sequence[Run], segments: Tensor | None = None) -> Tensor:
        """Last hidden states [tokens, width] of `pack`ed sequences; segments [tokens] are 0 for the first text of a pair, 1 for the second."""
        positions = torch.cat([torch.arange(run.length, device=tokens.device).repeat(run.count) for run in runs])
        segment = self.segments[0] if segments is None else F.embedding(segments, self.segments)
        states: Tensor = self.norm(F.embedding(tokens, self.words) + segment + F.embedding(positions, self.positions))
        for layer in self.layers:
            states = layer(states, runs)
        return states

    @staticmethod
    def understands(config: Mapping[str, Any]) -> bool:
        """Whether the config.json is that of a model which this class computes."""
        return (
            config.get("model_type") == "bert"
            and config.get("hidden_act", "gelu") == "gelu"
            and config.get("position_embedding_type") in (None, "absolute")
            and not config.get("is_decoder")
        )

    @classmethod
    def from_pretrained(cls, config: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Bert:
        """Takes a Hugging Face BertModel's (or BertFor…'s) state dict; other heads' weights are ignored. Raises KeyError where one is missing."""
        with torch.device("meta"):  # no time spent on random weights
            model = cls(config)
        weights = {name.removeprefix("bert."): weight for name, weight in weights.items()}
        names = _names(len(model.layers))
        state = {ours: torch.cat([weights[name] for name in theirs]) if len(theirs) > 1 else weights[theirs[0]] for ours, theirs in names}
        model.load_state_dict(state, assign=True)
        return model.requires_grad_(False).eval()

    def to_pretrained(self) -> dict[str, Tensor]:
        """The weights under the names of a Hugging Face BertModel."""
        state = self.state_dict()
        return {name: part for ours, theirs in _names(len(self.layers)) for name, part in zip(theirs, state[ours].chunk(len(theirs)), strict=True)}


class Layer(nn.Module):
    """Self-attention and feed-forward, each followed by a residual and a norm."""

    def __init__(self, width: int, heads: int, inner: int, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm1 = nn.LayerNorm(width, eps)
        self.up = nn.Linear(width, inner)
        self.down = nn.Linear(inner, width)
        self.norm2 = nn.LayerNorm(width, eps)

    def forward(self, states: Tensor, runs: Sequence[Run]) -> Tensor:
        attended = [self._attend(qkv) for qkv in unpack(self.qkv(states), runs)]
        states = self.norm1(states + self._drop(self.out(torch.cat(attended))))
        normed: Tensor = self.norm2(states + self._drop(self.down(F.gelu(self.up(states)))))
        return normed

    def _drop(self, states: Tensor) -> Tensor:
        if not self.training:
            return states
        rows = min(len(states), 256)  # one mask for many tokens: drawing one for each takes a tenth of a training step
        mask = torch.empty(rows, states.shape[1], dtype=states.dtype, device=states.device).bernoulli_(1 - DROPOUT).div_(1 - DROPOUT)
        return states * mask.repeat(-(-len(states) // rows), 1)[: len(states)]

    def _attend(self, qkv: Tensor) -> Tensor:
        """[count, length, 3 * width] to [count * length, width]: every token sees its own sequence."""
        query, key, value = torch.unflatten(qkv, -1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each [count, heads, length, width / heads]
        if torch.is_grad_enabled() and query.device.type == "cpu":  # the fused kernel's backward takes half of a training step there
            weights = torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, -1)
            attended: Tensor = (weights @ value).transpose(1, 2).flatten(2).flatten(0, 1)
            return attended
        return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2).flatten(0, 1)


def _names(layers: int) -> Iterator[tuple[str, list[str]]]:
    """Each of our parameters with those of BertModel that it joins (query, key and value lie in one matrix here)."""
    yield "words", ["embeddings.word_embeddings.weight"]
    yield "positions", ["embeddings.position_embeddings.weight"]
    yield "segments", ["embeddings.token_type_embeddings.weight"]
    for kind in ("weight", "bias"):
        yield f"norm.{kind}", [f"embeddings.LayerNorm.{kind}"]
        for i in range(layers):
            ours, theirs = f"layers.{i}", f"encoder.layer.{i}"
            yield f"{ours}.qkv.{kind}", [f"{theirs}.attention.self.{part}.{kind}" for part in ("query", "key", "value")]
            yield f"{ours}.out.{kind}", [f"{theirs}.attention.output.dense.{kind}"]
            yield f"{ours}.norm1.{kind}", [f"{theirs}.attention.output.LayerNorm.{kind}"]
            yield f"{ours}.up.{kind}", [f"{theirs}.intermediate.dense.{kind}"]
            yield f"{ours}.down.{kind}", [f"{theirs}.output.dense.{kind}"]
            yield f"{ours}.norm2.{kind}", [f"{theirs}.output.LayerNorm.{kind}"]
