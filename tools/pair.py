"""Pair model: one MiniLM-size forward pass of (question, passage) says whether the passage is evidence, and where in it the answer stands.

The selector takes the pair vector, the extractive reader the spans; both come from the same pass. A span's score is its log-odds against "no answer
here" (the span's logits minus those of [CLS]), so that spans of different passages can be compared, and 0 means undecided.

Source: Nogueira and Cho, "Passage Re-ranking with BERT" (2019), for reading pairs; Devlin et al., "BERT" (NAACL 2019), section 4.3, for spans against
[CLS]; Clark and Gardner, "Simple and Effective Multi-Paragraph Reading Comprehension" (ACL 2018), for spans that compare across passages.
Trained by `rerankers/reader/`.
"""

from __future__ import annotations

import copy
import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .batches import by_length, on_every_core, workers
from .bert import Bert, Run, pack
from .errors import PasselError
from .pair_text import Reading, Window, windows
from .sentence_model import best_device, fast_dtype
from .weights import MINILM_FILES, minilm_folder, read_file

PAIR = "pair.safetensors"
"""Its file in a folder of weights."""
SPANS = 6
"""Kept of a passage: the best that do not overlap."""
LONGEST_ANSWER = 30
"""Tokens."""
_REMEMBERED = 4096
"""Readings, of the pairs read last."""
_BATCH_TOKENS = 8192


@dataclass(frozen=True, slots=True)
class AnswerSpan:
    """A possible answer: `reading.text[start:end]`."""

    start: int
    end: int
    score: float
    """Log-odds against "no answer in this passage", about."""


@dataclass(frozen=True, slots=True, eq=False)
class PairReading:
    """What the pair model says of one (question, passage)."""

    vector: NDArray[np.float32]
    """[384]"""
    relevance: float
    """Logit of P(it is evidence)."""
    yes: float
    """Logit of "yes" for a question that asks yes or no, by this passage alone."""
    spans: tuple[AnswerSpan, ...]
    """Best first, at most `SPANS`."""


class PairNetwork(nn.Module):
    """MiniLM with four heads on its last hidden states: relevance and yes on [CLS], start and end on every token."""

    def __init__(self, bert: Bert, width: int = 384) -> None:
        super().__init__()
        self.bert = bert
        self.relevance = nn.Linear(width, 1)
        self.yes = nn.Linear(width, 1)
        self.span = nn.Linear(width, 2)

    def forward(self, tokens: Tensor, runs: Sequence[Run], segments: Tensor) -> Tensor:
        """Last hidden states [tokens, width] of packed pairs."""
        states: Tensor = self.bert(tokens, runs, segments)
        return states

    @classmethod
    def untrained(cls) -> PairNetwork:
        """MiniLM as it comes, with new heads that say nothing yet. Its word embeddings are never trained, so that no copy of them need be stored."""
        from safetensors.torch import load

        folder = minilm_folder()
        config = json.loads(read_file(folder / "config.json", MINILM_FILES["config.json"]))
        weights = load(read_file(folder / "model.safetensors", MINILM_FILES["model.safetensors"]))
        network = cls(Bert.from_pretrained(config, {name: weight.float() for name, weight in weights.items() if weight.is_floating_point()}))
        for head in (network.relevance, network.yes, network.span):
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)
        return network.eval()

    def save(self, file: Path) -> None:
        """Everything but the word embeddings, in fp16: 22 MB."""
        from safetensors.torch import save

        part = file.with_suffix(".part")  # a kill must not leave half a file
        weights = {name: weight.detach().half().contiguous() for name, weight in self.state_dict().items() if name != _WORDS}
        part.write_bytes(save(weights))  # save_file's files are for their owner alone
        part.replace(file)

    @classmethod
    def load(cls, file: Path) -> PairNetwork:
        """Raises PasselError where the file is not what `save` wrote."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        network = cls.untrained()
        try:
            state = {name: weight.float() for name, weight in load(read_file(file)).items()}
            missing, unknown = network.load_state_dict(state, strict=False)
        except (SafetensorError, RuntimeError) as error:
            raise PasselError(f"{file} holds no pair model: {str(error).splitlines()[0]}", "Train it again: passel train reader.") from error
        if set(missing) != {_WORDS} or unknown:
            raise PasselError(f"{file} holds no pair model", "Train it again: passel train reader.")
        return network.requires_grad_(False)


_WORDS = "bert.words"


class PairModel:
    """Reads pairs, and remembers the last few thousand: a second round over the same question pays only for new passages. Threads may share one.

    The fast way (`dtype`: bf16 or fp16 where the processor has it) leaves what is selected as it is, but where two spans are about as good it may
    prefer the other one. What is read `exact` is read in fp32: the same on every machine.
    """

    def __init__(self, network: PairNetwork, *, device: str | None = None, dtype: torch.dtype | None = None) -> None:
        self.device = device or best_device()
        self.dtype = dtype or fast_dtype(self.device)
        self.remembers = _REMEMBERED
        self._exact = network.to(self.device, torch.float32)
        self._fast = self._exact if self.dtype == torch.float32 else copy.deepcopy(self._exact).to(self.dtype)
        self._known: OrderedDict[tuple[str, Reading, PairNetwork], PairReading] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, file: Path, *, device: str | None = None) -> PairModel:
        return cls(PairNetwork.load(file), device=device)

    def read(self, question: str, readings: Sequence[Reading], *, exact: bool = False) -> list[PairReading]:
        """One for each reading, in order."""
        return self.read_pairs([(question, reading) for reading in readings], exact=exact)

    def read_pairs(self, pairs: Sequence[tuple[str, Reading]], *, exact: bool = False) -> list[PairReading]:
        network = self._exact if exact else self._fast
        with self._lock:
            found = {pair: self._known[*pair, network] for pair in pairs if (*pair, network) in self._known}
        new = [pair for pair in dict.fromkeys(pairs) if pair not in found]
        found.update(zip(new, self._read(new, network), strict=True))
        with self._lock:
            self._known.update(((*pair, network), found[pair]) for pair in new[-self.remembers :])
            while len(self._known) > self.remembers:
                self._known.popitem(last=False)
        return [found[pair] for pair in pairs]

    def _read(self, pairs: Sequence[tuple[str, Reading]], network: PairNetwork) -> list[PairReading]:
        of_pairs = windows(pairs)
        flat = [window for of_pair in of_pairs for window in of_pair]
        lengths = [len(window.tokens) for window in flat]
        read: dict[int, PairReading] = {}

        def work(batch: list[int]) -> list[PairReading]:
            return self._forward([flat[i] for i in batch], network)

        each = min(_BATCH_TOKENS, max(1, -(-sum(lengths) // workers()))) if self.device == "cpu" else 16 * _BATCH_TOKENS
        batches = by_length(lengths, each)
        for batch, done in on_every_core(work, batches) if self.device == "cpu" else ((batch, work(batch)) for batch in batches):
            read.update(zip(batch, done, strict=True))
        parts = iter(read[i] for i in range(len(flat)))
        return [_pooled([next(parts) for _ in of_pair]) for of_pair in of_pairs]

    def _forward(self, batch: Sequence[Window], network: PairNetwork) -> list[PairReading]:
        """Of windows, longest first."""
        with torch.inference_mode():
            tokens, runs = pack([window.tokens for window in batch], self.device)
            segments = torch.tensor([segment for window in batch for segment in window.segments], device=self.device)
            states = network(tokens, runs, segments)
            starts = np.cumsum([0, *(len(window.tokens) for window in batch)])
            first = states[torch.as_tensor(starts[:-1], device=self.device)]
            heads = torch.cat([network.relevance(first), network.yes(first)], 1).float().cpu().numpy()
            logits = network.span(states).float().cpu().numpy()
            vectors = first.float().cpu().numpy()
        return [
            PairReading(vectors[i], float(heads[i, 0]), float(heads[i, 1]), tuple(best_spans(logits[starts[i] : starts[i + 1]], window)))
            for i, window in enumerate(batch)
        ]


def best_spans(logits: NDArray[np.float32], window: Window) -> Iterator[AnswerSpan]:
    """The best spans of a window's text, none of which overlap. logits [tokens of the window, 2]: start and end."""
    of_text = logits[window.text : window.text + len(window.offsets)] - logits[0]
    if not len(of_text):
        return
    width = min(LONGEST_ANSWER, len(of_text))
    ends = np.lib.stride_tricks.sliding_window_view(np.pad(of_text[:, 1], (0, width - 1), constant_values=-np.inf), width)
    scores = of_text[:, :1] + ends  # [start, length of the span less one]
    starts = np.arange(len(of_text))[:, None]
    lasts = starts + np.arange(width)
    for _ in range(SPANS):
        start, more = divmod(int(scores.argmax()), width)
        if not np.isfinite(scores[start, more]):
            return
        begin, end = window.offsets[start][0], window.offsets[start + more][1]
        yield AnswerSpan(begin, end, float(scores[start, more]))
        first, last = start, start + more
        while first > 0 and window.offsets[first - 1][1] > begin:  # several tokens may be one character (Hangul)
            first -= 1
        while last + 1 < len(scores) and window.offsets[last + 1][0] < end:
            last += 1
        scores[(starts <= last) & (lasts >= first)] = -np.inf


def _pooled(of_windows: Sequence[PairReading]) -> PairReading:
    """A long passage is as good as its best window; its answer may stand in any."""
    if len(of_windows) == 1:
        return of_windows[0]
    best = max(of_windows, key=lambda reading: reading.relevance)
    spans: list[AnswerSpan] = []
    for span in sorted((span for reading in of_windows for span in reading.spans), key=lambda span: -span.score):
        if all(span.end <= other.start or other.end <= span.start for other in spans):
            spans.append(span)
    return PairReading(best.vector, best.relevance, best.yes, tuple(spans[:SPANS]))
