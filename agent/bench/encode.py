"""How fast we embed passages, against sentence-transformers with its defaults: the same weights, texts and truncation.

The two take turns, so that what else the machine does falls on both; the ratio is the median of the rounds'.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

from ...tools.encoder import Encoder
from ...tools.errors import PasselError, UsageError
from ...tools.passage import Passage
from ...tools.weights import minilm_folder

DEFAULT_CORPUS = Path("../shared/data/2wiki_open/corpus.jsonl")


@dataclass(frozen=True, slots=True)
class EncodeBench:
    """Medians over the rounds; ratio above 1 means that we are faster."""

    peer: str
    passages: int
    rounds: int
    ours_per_second: float
    peer_per_second: float
    ratio: float
    min_cosine: float
    """The smallest cosine between our vector of a text and the peer's."""


def run(corpus_file: Path | None = None, n: int = 2000, rounds: int = 5) -> EncodeBench:
    """Encodes the file's first n distinct passages `rounds` times with each, our cache off; None = the 2Wiki corpus under ../shared/data.

    Raises UsageError without texts, PasselError without sentence-transformers.
    """
    texts = read_texts(corpus_file or DEFAULT_CORPUS, n)
    try:
        import sentence_transformers
    except ImportError as error:
        raise PasselError("the peer of this benchmark, sentence-transformers, is not installed", "Run: pip install sentence-transformers") from error
    ours = Encoder.load(cache=False)
    peer = sentence_transformers.SentenceTransformer(str(minilm_folder()), device="cpu" if ours.device == "cpu" else None)
    peer.max_seq_length = ours.max_tokens
    ours.encode(texts[:64])
    peer.encode(texts[:64], show_progress_bar=False)

    times: list[tuple[float, float]] = []
    for _ in range(rounds):
        start = time.perf_counter()
        our_vectors = ours.encode(texts)
        turn = time.perf_counter()
        peer_vectors = peer.encode(texts, show_progress_bar=False)
        times.append((turn - start, time.perf_counter() - turn))
    return EncodeBench(
        peer=f"sentence-transformers {sentence_transformers.__version__}",
        passages=len(texts),
        rounds=rounds,
        ours_per_second=len(texts) / median(our for our, _ in times),
        peer_per_second=len(texts) / median(their for _, their in times),
        ratio=median(their / our for our, their in times),
        min_cosine=float((our_vectors * peer_vectors).sum(axis=1).min()),
    )


def read_texts(corpus_file: Path, n: int) -> Sequence[str]:
    """The first n distinct embedded texts of a .jsonl with `text` and perhaps `title`, or the first n distinct lines of any other file."""
    try:
        lines = [line for line in corpus_file.read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read texts from {corpus_file}: {error}", "Name a .jsonl file whose lines have a `text` with --file.") from error
    if corpus_file.suffix == ".jsonl":
        try:
            records = [json.loads(line) for line in lines]
            lines = [Passage(id="", source="", text=record["text"], title=record.get("title", "")).embedded_text for record in records]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{corpus_file} is not a corpus: {error!r}", "Each line must be a JSON object with a `text`.") from error
    if not lines:
        raise UsageError(f"{corpus_file} holds no texts", "Name a .jsonl file whose lines have a `text`.")
    return list(islice(dict.fromkeys(lines), n))
