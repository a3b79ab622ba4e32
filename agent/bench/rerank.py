"""How fast the trained selector reads and picks, against sentence-transformers' CrossEncoder: the same weights, texts and greatest length.

The two take turns, list by list. Beside the ratio: how long one list takes, what the list policy takes after that, and what reading its choice again
does, exactly, for the answer; and how much the fast way of computing changes: what the same weights select, and answer, all in fp32.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import torch

from ...graphs.evidence import read_selected
from ...rerankers.default import WEIGHTS, default_selector
from ...rerankers.selection import Selection
from ...rerankers.selector.selector import LearnedSelector
from ...tools.candidate import Candidate
from ...tools.document import clean
from ...tools.echo import without_echo
from ...tools.encoder import Encoder
from ...tools.errors import PasselError, UsageError
from ...tools.given import Given, given_candidates
from ...tools.pair import PAIR, PairModel, PairNetwork
from ...tools.pair_text import WINDOW, Reading
from ...tools.read_passages import both_ways
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
    """Of each list,"""
    pairs: float
    """and how often they are read, on average: what another one names is read with the naming sentence and without."""
    window: int
    ours_per_second: float
    """Pairs."""
    peer_per_second: float
    ratio: float
    pair_ms: float
    """The pair model's, one list."""
    policy_ms: float
    """The list policy's beside it: tokens, features, encoding, picks."""
    exact_ms: float
    """Reading what was selected once more, in fp32."""
    dtype: str
    same_selections: float
    """Share of lists from which the same passages are selected in the same order as in fp32, in [0, 1],"""
    same_answers: float
    """and of those of which the answer is the same stretch of the same passage."""


def run(data: Path | None = None, lists: int = 200, timed: int = 20, progress: Callable[[int, int], None] | None = None) -> RerankBench:
    """Lists of 30: a question's own passages and those of the questions after it, as a search over them finds them. None = HotpotQA dev under
    ../shared/data.

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
    times: list[tuple[float, ...]] = []
    same_selections = same_answers = 0
    read = 0
    for number, (question, passages) in enumerate(made):
        if progress:
            progress(number, len(made))
        candidates = given_candidates(encoder, question, passages)
        readings = list(dict.fromkeys(chain(*both_ways(candidates))))
        read += len(readings)
        pairs = [_as_pair(question, reading) for reading in readings]
        at = [time.perf_counter()]
        ours.read(question, readings)
        at.append(time.perf_counter())
        fast = selector.select(question, candidates, token_budget=_BUDGET)  # the pairs are remembered
        at.append(time.perf_counter())
        answer = _answer(ours, question, candidates, fast)
        at.append(time.perf_counter())
        if number <= timed:
            peer.predict(pairs, show_progress_bar=False)
            at.append(time.perf_counter())
            if number:  # the first warms up
                times.append((len(readings), *(end - start for start, end in pairwise(at))))
        slow = exact.select(question, candidates, token_budget=_BUDGET)
        same_selections += fast.ids == slow.ids
        same_answers += answer == _answer(exact.pair, question, candidates, slow)
    count, pair, policy, again, theirs = zip(*times, strict=True)
    return RerankBench(
        peer=f"sentence-transformers {sentence_transformers.__version__}",
        lists=len(made),
        candidates=CANDIDATES,
        pairs=read / len(made),
        window=WINDOW,
        ours_per_second=sum(count) / sum(pair),
        peer_per_second=sum(count) / sum(theirs),
        ratio=median(other / own for own, other in zip(pair, theirs, strict=True)),
        pair_ms=1000 * median(pair),
        policy_ms=1000 * median(policy),
        exact_ms=1000 * median(again),
        dtype=str(ours.dtype).removeprefix("torch."),
        same_selections=same_selections / len(made),
        same_answers=same_answers / len(made),
    )


def _lists(questions: Sequence[Question], most: int) -> Iterator[tuple[str, list[Given]]]:
    for number, question in enumerate(questions[:most]):
        following = chain(questions[number:], questions[:number])
        texts: dict[tuple[str, str], None] = {}
        for passage in chain.from_iterable(other.passages for other in following):
            texts[passage.title, passage.text] = None
            if len(texts) == CANDIDATES:
                break
        yield question.question, list(texts)


def _answer(model: PairModel, question: str, candidates: Sequence[Candidate], selection: Selection) -> object:
    read = read_selected(model, question, candidates, selection.to_state())
    return read.found and (read.found.text, [read.candidates[place].passage_id for place in read.found.places], read.found.spans)


def _as_pair(question: str, reading: Reading) -> tuple[str, str]:
    """What our pair model reads (tools/pair_text.py), for a tokenizer that knows a pair of texts and the literal [SEP].

    The same tokens in the same segments, but where a text holds "[SEP]" itself or is cut: our windows are of the text alone, the peer cuts the longer
    of the two.
    """
    first = f"{question} [SEP] {reading.naming}" if reading.naming else question
    text = without_echo(reading.text, question)
    return clean(first), clean(f"{reading.title}. {text}" if reading.title else text)


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
