"""How fast the trained selector reads and picks, against sentence-transformers' CrossEncoder: the same weights, texts and greatest length.

The two take turns, list by list. Beside the ratio: how long one list takes, of that the list policy alone, and how much the fast way of computing
changes: what the same weights select, and answer, in fp32.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import torch

from ...rerankers.default import WEIGHTS, default_selector
from ...rerankers.selector.selector import LearnedSelector
from ...tools.candidate import Candidate, Hit
from ...tools.encoder import Encoder
from ...tools.errors import PasselError, UsageError
from ...tools.pair import PAIR, PairModel, PairNetwork
from ...tools.pair_text import WINDOW, Reading, readings_of
from ...tools.passage import Passage
from ...tools.read_passages import read_passages
from ...tools.reader import find_answer
from ...tools.weights import MINILM_FILES, minilm_folder, read_file

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from ...evals.question import Question

DEFAULT_DATA = Path("../shared/data/hotpotqa/dev.jsonl")
CANDIDATES = 30
_BUDGET = 2000


@dataclass(frozen=True, slots=True)
class RerankBench:
    """Medians over the lists; ratio above 1 means that we are faster."""

    peer: str
    lists: int
    candidates: int
    """Of each list."""
    window: int
    ours_per_second: float
    """Pairs."""
    peer_per_second: float
    ratio: float
    pair_ms: float
    """The pair model's, one list."""
    policy_ms: float
    """The list policy's beside it: features, encoding, picks."""
    dtype: str
    same_selections: float
    """Share of lists from which the same passages are selected in the same order as in fp32, in [0, 1],"""
    same_answers: float
    """and of those in which the reader's answer from all of a list is the same stretch of the same passage."""


def run(data: Path | None = None, lists: int = 200, timed: int = 20, progress: Callable[[int, int], None] | None = None) -> RerankBench:
    """Lists of 30: a question's own passages, then those of the questions after it. None = HotpotQA dev under ../shared/data.

    `timed` of them are timed, after one that warms up; all are compared with fp32, which takes minutes.

    Raises UsageError where the data cannot be read, PasselError without sentence-transformers.
    """
    try:
        import sentence_transformers
    except ImportError as error:
        raise PasselError("the peer of this benchmark, sentence-transformers, is not installed", "Run: pip install sentence-transformers") from error
    from ...evals.datasets import load

    file = data or DEFAULT_DATA
    made = list(_lists(load(file).questions, lists))
    if len(made) < 2 or len(made[0][1]) < CANDIDATES:
        raise UsageError(f"{file} has too little to measure with", f"It takes two questions, and {CANDIDATES} different passages in all.")
    encoder = Encoder.load()
    selector = default_selector(encoder)
    exact = LearnedSelector(PairModel(PairNetwork.load(WEIGHTS / PAIR), dtype=torch.float32), selector.network, encoder.count_tokens)
    ours, peer = selector.pair, _peer(WEIGHTS / PAIR)
    times: list[tuple[float, float, float]] = []
    same_selections = same_answers = 0
    for number, (question, candidates) in enumerate(made):
        if progress:
            progress(number, len(made))
        if number <= timed:
            readings = readings_of(candidates)
            start = time.perf_counter()
            ours.read(question, readings)
            read = time.perf_counter()
            selector.select(question, candidates, token_budget=_BUDGET)  # the pairs are remembered
            picked = time.perf_counter()
            peer.predict([(question, _as_text(reading)) for reading in readings], show_progress_bar=False)
            if number:  # the first warms up
                times.append((read - start, picked - read, time.perf_counter() - picked))
        fast, slow = (each.select(question, candidates, token_budget=_BUDGET) for each in (selector, exact))
        same_selections += fast.ids == slow.ids
        same_answers += _answer(ours, question, candidates) == _answer(exact.pair, question, candidates)
    return RerankBench(
        peer=f"sentence-transformers {sentence_transformers.__version__}",
        lists=len(made),
        candidates=CANDIDATES,
        window=WINDOW,
        ours_per_second=CANDIDATES / median(ours for ours, _, _ in times),
        peer_per_second=CANDIDATES / median(theirs for _, _, theirs in times),
        ratio=median(theirs / ours for ours, _, theirs in times),
        pair_ms=1000 * median(ours for ours, _, _ in times),
        policy_ms=1000 * median(policy for _, policy, _ in times),
        dtype=str(ours.dtype).removeprefix("torch."),
        same_selections=same_selections / len(made),
        same_answers=same_answers / len(made),
    )


def _lists(questions: Sequence[Question], most: int) -> Iterator[tuple[str, list[Candidate]]]:
    for number, question in enumerate(questions[:most]):
        following = chain(questions[number:], questions[:number])
        texts: dict[tuple[str, str], None] = {}
        for passage in chain.from_iterable(other.passages for other in following):
            texts[passage.title, passage.text] = None
            if len(texts) == CANDIDATES:
                break
        passages = [Passage(id=f"{n}", source=f"{n}", title=title, text=text) for n, (title, text) in enumerate(texts)]
        yield question.question, [Candidate(p.id, (Hit("dense", "", rank, 0.0),), p) for rank, p in enumerate(passages)]


def _answer(model: PairModel, question: str, candidates: Sequence[Candidate]) -> object:
    found = find_answer(question, read_passages(model, question, candidates), range(len(candidates)))
    return found and (found.text, found.places, found.spans)


def _as_text(reading: Reading) -> str:
    return f"{reading.title}. {reading.text}" if reading.title else reading.text


class _First(torch.nn.Module):
    """In the place of BERT's pooler, which our weights have not: the first state as it is."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return states[:, 0]


def _peer(weights: Path) -> CrossEncoder:
    """CrossEncoder over our weights."""
    from sentence_transformers import CrossEncoder
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = minilm_folder()
    trained = PairNetwork.load(weights)
    config = {**json.loads(read_file(folder / "config.json", MINILM_FILES["config.json"])), "num_labels": 1}
    model = BertForSequenceClassification(BertConfig(**config))
    model.bert.load_state_dict(trained.bert.to_pretrained(), strict=False)
    model.classifier.load_state_dict(trained.relevance.state_dict())
    with tempfile.TemporaryDirectory() as made:
        model.save_pretrained(made)
        BertTokenizerFast(tokenizer_file=str(folder / "tokenizer.json")).save_pretrained(made)
        peer = CrossEncoder(made, max_length=WINDOW)
    peer.model.bert.pooler = _First()
    return peer
