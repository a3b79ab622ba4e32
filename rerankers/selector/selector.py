"""LearnedSelector: the trained policy behind the Selector protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor

from ...tools.batches import on_one_core
from ...tools.candidate import Candidate
from ...tools.errors import PasselError
from ...tools.pair import PairModel
from ...tools.weights import read_file
from ..selection import EMPTY, Selection
from .examples import read_candidates
from .features import ListInput
from .fillers import fillers
from .network import ListNetwork, Lists
from .policy import MOST, own_order, until_stop

SELECTOR = "selector.safetensors"
"""The list policy's file in a folder of weights."""
MOST_READ = 200
"""Candidates that are read, the first by fused score; later ones keep their order behind those."""


class LearnedSelector:
    """Reads every candidate with the pair model, then picks one after the other until the policy stops. Threads may share one."""

    def __init__(self, pair: PairModel, network: ListNetwork, count_tokens: Callable[[Sequence[str]], list[int]], *, most: int = MOST) -> None:
        self.pair, self.network, self._count_tokens, self.most = pair, network.eval(), count_tokens, most

    def select(self, question: str, candidates: Sequence[Candidate], *, token_budget: int) -> Selection:
        """Raises ValueError where a candidate comes without its passage."""
        texts = [candidate.passage.text for candidate in candidates if candidate.passage is not None]
        if len(texts) < len(candidates):
            raise ValueError("a selector needs candidates with their passages")
        if not candidates:
            return EMPTY
        tokens = self._count_tokens(texts)
        few = fillers(len(candidates), question)
        read = read_candidates(self.pair, question, [*candidates[:MOST_READ], *few], [*tokens[:MOST_READ], *(0 for _ in few)])
        places, further, steps, relevance = on_one_core(lambda: self._decide(read.input, max(0, token_budget)))
        stop = self._why(places, steps, min(len(candidates), MOST_READ), token_budget)
        chosen, further = ([place for place in one if place < len(candidates)] for one in (places, further))
        if len(chosen) > self.most:
            chosen, stop = chosen[: self.most], f"at most {self.most} passages"
        relevance = relevance[: len(candidates)]
        rest = sorted((place for place in range(len(relevance)) if place not in further), key=lambda place: -relevance[place])
        order = [*further, *rest, *range(MOST_READ, len(candidates))]
        relevance += [0.0] * (len(candidates) - len(relevance))
        ids = [candidate.passage_id for candidate in candidates]
        return Selection(
            tuple(ids[place] for place in chosen),
            tuple(relevance[place] for place in chosen),
            stop,
            sum(tokens[place] for place in chosen),
            ranked=tuple(ids[place] for place in order),
            scores=tuple(accumulate((relevance[place] for place in order), min)),  # never above an earlier one's: cut rules want them falling
            judged=tuple(relevance[place] for place in order if place < MOST_READ),
            nothing=float(steps[0, -1].exp()),
            most=self.most,
        )

    def _decide(self, read: ListInput, budget: int) -> tuple[list[int], list[int], Tensor, list[float]]:
        """What is picked, the order past STOP, log P of every choice at its steps [steps, n + 1], P(evidence) of each candidate."""
        budgets = torch.tensor([budget])
        with torch.inference_mode():
            encoded = self.network.encode(Lists.of([read]))
            further, steps = own_order(self.network, encoded, budgets)
            picks = until_stop(further, steps)
            return picks.tolist()[0], further.tolist()[0], steps[0], encoded.relevance[0].sigmoid().tolist()

    def _why(self, picked: Sequence[int], steps: Tensor, candidates: int, budget: int) -> str:
        """candidates: how many were read. The fillers behind them are never selected, so it says nothing that one of them could still be picked."""
        if len(picked) == MOST:
            return f"at most {MOST} passages"
        last = steps[len(picked)]
        if torch.isfinite(last[:candidates]).any():
            return f"stop, p = {float(last[-1].exp()):.2f}"
        chosen = sum(place < candidates for place in picked)
        return "end of the candidates" if chosen == candidates else f"evidence budget of {max(0, budget)} tokens"


def save_network(network: ListNetwork, file: Path) -> None:
    """In fp32: 2 MB."""
    from safetensors.torch import save

    part = file.with_suffix(".part")  # a kill must not leave half a file
    weights = {name: weight.detach().contiguous() for name, weight in network.state_dict().items()}
    part.write_bytes(save(weights))  # save_file's files are for their owner alone
    part.replace(file)


def load_network(file: Path) -> ListNetwork:
    """Raises PasselError where the file is not what `save_network` wrote."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    network = ListNetwork()
    try:
        network.load_state_dict({"with_biases": network.with_biases, **load(read_file(file))})  # older files, all of them with biases, do not say so
    except (SafetensorError, RuntimeError) as error:
        raise PasselError(f"{file} holds no list policy: {str(error).splitlines()[0]}", "Train it again: passel train selector.") from error
    return network.requires_grad_(False).eval()
