"""Encoder: texts to unit vectors, and texts to tokens, with the embedded MiniLM or any Hugging Face encoder.

The embedded model gives what sentence-transformers gives for all-MiniLM-L6-v2 (mean pooling, unit length, 256 tokens), without importing it.
Source: Reimers and Gurevych, "Sentence-BERT" (EMNLP 2019); Wang et al., "MiniLM" (NeurIPS 2020).
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .batches import by_length, on_every_core, workers
from .document import clean
from .errors import PasselError, UsageError
from .home import passel_home
from .sentence_model import SentenceModel, best_device, load_model, read_json, read_pooling
from .vector_cache import VectorCache
from .weights import MINILM, MINILM_FILES, encoder_folder, first_line, minilm_folder, read_file, weight_files

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH_TOKENS = 4096
"""On the CPU more is no faster; 4096 take some 60 MB a MiniLM worker."""
CUDA_BATCH_TOKENS = 65_536
_SLAB = 4096
_LEARNED_AT_ONCE = 1024
_COUNTED, _LONGEST_COUNTED = 8192, 4096
"""Texts whose number of tokens is remembered, and the characters of the longest of them."""
_OFFSET_OF_POSITIONS = {"roberta", "xlm-roberta", "camembert", "mpnet"}
"""Architectures whose positions begin at 2: max_position_embeddings counts two that no token has."""


class Encoder:
    """Sentence embeddings; made by `Encoder.load`. Threads may share one, and so may processes share its cache."""

    def __init__(self, name: str, folder: Path, *, embedded: bool, device: str | None, cache: Path | None) -> None:
        config = _read_config(folder, embedded)
        self.name = name
        """"all-MiniLM-L6-v2", or what was given to `load`."""
        self.dimension = _dimension(folder, config)
        """Length of a vector (384 for MiniLM)."""
        self.max_tokens = 256 if embedded else _max_tokens(folder, config)
        """Longer texts are cut at this many tokens for `encode`, special tokens included (256 for MiniLM)."""
        self.pooling = "mean" if embedded else read_pooling(folder)
        self._folder, self._config, self._embedded, self._chosen_device, self._cache_folder = folder, config, embedded, device, cache
        self._lock = threading.RLock()
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._counting = threading.Lock()
        self._model: SentenceModel | None = None

    @classmethod
    def load(cls, name: str | None = None, *, device: str | None = None, cache: Path | Literal[False] | None = None) -> Encoder:
        """The embedded MiniLM (None, or its name), or any Hugging Face encoder by hub name or local folder.

        Takes milliseconds: the tokenizer, torch and the weights are each loaded at the first call that needs them.
        device: "cpu", "cuda", "cuda:1" …; None = CUDA when there is one.
        cache: folder of the vector cache; None = `passel_home()/cache/vectors`, False = no cache.
        Prompts ("query: …") that some models want are not added; put them into the texts.
        Raises PasselError where the model is missing, altered, out of reach, or of a kind that we do not compute.
        """
        if device is not None and not re.fullmatch(r"cpu|mps|cuda(:\d+)?", device):
            raise UsageError(f"unknown device {device!r}", 'Name "cpu", "cuda", "cuda:0" or "mps".')
        if name is not None and name.removeprefix("sentence-transformers/") == MINILM and not Path(name).exists():
            name = None
        folder = minilm_folder() if name is None else encoder_folder(name)
        where = None if cache is False else cache or passel_home() / "cache" / "vectors"
        return cls(name or MINILM, folder, embedded=name is None, device=device, cache=where)

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of what makes the vectors; a corpus made with another digest cannot be searched with this encoder.

        Of the embedded model: of its weights. Of others: of weights, tokenizer, pooling and max_tokens.
        """
        if self._embedded:
            return MINILM_FILES["model.safetensors"]
        whole = hashlib.sha256(f"{self.pooling} {self.max_tokens}".encode())
        for file in (*weight_files(self._folder), self._folder / "tokenizer.json"):
            if file.is_file():
                with file.open("rb") as content:
                    whole.update(hashlib.file_digest(content, "sha256").digest())
        return whole.hexdigest()

    @cached_property
    def device(self) -> str:
        """Where the model runs: what was given to `load`, else "cuda" where there is one, else "cpu". Imports torch."""
        return self._chosen_device or best_device()

    def encode(
        self, texts: Sequence[str], *, progress: Callable[[int], None] | None = None, remember: bool = True
    ) -> NDArray[np.float32]:
        """Unit vectors float32 [len(texts), dimension], in the order of the texts. Any string is legal, an empty one too.

        progress: called with the number of texts just done; the numbers add up to len(texts).
        remember: False for what a user asked: it is neither looked up in the cache nor written to disk.
        With a cache all vectors are those that fp16 can hold (cosine to the uncached ones ≥ 0.999999), found there or not.
        """
        places: dict[str, list[int]] = {}
        for place, text in enumerate(texts):
            places.setdefault(clean(text), []).append(place)
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        with closing(self._remember(list(places), self._cache) if remember and self._cache else self._compute(list(places))) as done:
            for text, vector in done:
                vectors[places[text]] = vector
                if progress is not None:
                    progress(len(places[text]))
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without special tokens, untruncated. Loads neither the weights nor torch.

        Remembers the last few thousand: a selector counts the same passages for every question they are found for, in every round.
        """
        with self._counting:
            counts = {text: self._counts[text] for text in texts if text in self._counts}
        new = [text for text in dict.fromkeys(texts) if text not in counts]
        counted = self._counter.encode_batch_fast([clean(text) for text in new], add_special_tokens=False)
        counts.update(zip(new, (len(encoding.ids) for encoding in counted), strict=True))
        with self._counting:
            self._counts.update((text, counts[text]) for text in new if len(text) <= _LONGEST_COUNTED)
            while len(self._counts) > _COUNTED:
                self._counts.popitem(last=False)
        return [counts[text] for text in texts]

    def _remember(self, texts: Sequence[str], cache: VectorCache) -> Generator[tuple[str, NDArray[np.float32]], None, None]:
        """`_compute` for the texts that the cache does not know, which then learns them."""
        keys = {text: hashlib.sha256(text.encode()).digest() for text in texts}
        known = cache.get(list(keys.values()))
        yield from ((text, _unit(known[key])) for text, key in keys.items() if key in known)
        learned: dict[bytes, NDArray[np.float16]] = {}
        try:
            for text, vector in self._compute([text for text, key in keys.items() if key not in known]):
                learned[keys[text]] = half = vector.astype(np.float16)
                yield text, _unit(half)
                if len(learned) >= _LEARNED_AT_ONCE:
                    cache.put(learned)
                    learned = {}
        finally:
            cache.put(learned)  # what is done is kept, whatever stops the rest

    def _compute(self, texts: Sequence[str]) -> Generator[tuple[str, NDArray[np.float32]], None, None]:
        """(text, vector [dimension]) of each text; longest first within each slab, which bounds the memory that tokens take."""
        for start in range(0, len(texts), _SLAB):
            slab = texts[start : start + _SLAB]
            ids = self._ids(slab)
            model = self._sentence_model()
            lengths = [len(tokens) for tokens in ids]

            def work(batch: list[int], ids: list[list[int]] = ids, model: SentenceModel = model) -> NDArray[np.float32]:
                return model([ids[i] for i in batch]).numpy()

            if self.device == "cpu":
                each = min(BATCH_TOKENS, -(-sum(lengths) // workers()))  # something for every core
                done = on_every_core(work, by_length(lengths, each))
            else:
                done = ((batch, work(batch)) for batch in by_length(lengths, CUDA_BATCH_TOKENS))
            for batch, rows in done:
                for i, row in zip(batch, rows, strict=True):
                    yield slab[i], row

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids with special tokens, at most max_tokens. Tokenises no more of a long text than it takes to fill them."""
        ids: list[list[int]] = [[] for _ in texts]
        size = 16 * self.max_tokens
        todo = list(range(len(texts)))
        while todo:
            encodings = self._cutter.encode_batch([texts[i][:size] for i in todo])
            unsure = []
            for i, encoding in zip(todo, encodings, strict=True):
                # The end of a piece may cut a word: tokens close to it are not to be trusted.
                if len(texts[i]) > size and (not encoding.overflowing or max(end for _, end in encoding.offsets) > size - 256):
                    unsure.append(i)
                else:
                    ids[i] = encoding.ids or [0]  # no model takes nothing
            todo = unsure
            size *= 8
        return ids

    def _sentence_model(self) -> SentenceModel:
        with self._lock:
            if self._model is None:
                self._model = load_model(
                    self._folder, self._config, self.pooling, device=self.device, embedded=self._embedded, tokenise=lambda text: self._ids([text])[0]
                )
            return self._model

    @cached_property
    def _cache(self) -> VectorCache | None:
        return VectorCache(self._cache_folder / f"{self.digest[:32]}.sqlite", self.dimension) if self._cache_folder else None

    @cached_property
    def _counter(self) -> Tokenizer:
        return self._tokenizer()

    @cached_property
    def _cutter(self) -> Tokenizer:
        tokenizer = self._tokenizer()
        tokenizer.enable_truncation(self.max_tokens)
        return tokenizer

    def _tokenizer(self) -> Tokenizer:
        """One of its own each time: truncation is a state of the object."""
        from tokenizers import Tokenizer

        file = self._folder / "tokenizer.json"
        if self._embedded or file.is_file():
            content = read_file(file, MINILM_FILES["tokenizer.json"] if self._embedded else None)
            try:
                tokenizer = Tokenizer.from_buffer(content)
            except ValueError as error:
                raise PasselError(f"{file} is no tokenizer: {first_line(error)}", "Fetch or save the model again.") from error
        else:
            tokenizer = _converted(self._folder)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer


def _unit(vector: NDArray[np.float16]) -> NDArray[np.float32]:
    wide = vector.astype(np.float32)
    return wide / max(float(np.linalg.norm(wide)), 1e-12)


def _converted(folder: Path) -> Tokenizer:
    """The fast tokenizer that transformers makes out of an older tokenizer's files."""
    from transformers import AutoTokenizer

    try:
        converted: Tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
    except (OSError, ValueError, AttributeError, ImportError) as error:
        raise PasselError(f"the encoder in {folder} has no fast tokenizer: {first_line(error)}", "Name one with a tokenizer.json.") from error
    return converted


def _read_config(folder: Path, embedded: bool) -> dict[str, Any]:
    if embedded:
        read_file(folder / "config.json", MINILM_FILES["config.json"])
    config = read_json(folder / "config.json")
    if not isinstance(config, dict):
        raise PasselError(f"{folder / 'config.json'} does not describe a model", "Save or fetch the model again.")
    return config


def _dimension(folder: Path, config: dict[str, Any]) -> int:
    for key in ("hidden_size", "d_model", "dim"):
        if isinstance(config.get(key), int):
            return int(config[key])
    raise PasselError(f"{folder / 'config.json'} names no hidden_size", "Name a text encoder.")


def _max_tokens(folder: Path, config: dict[str, Any]) -> int:
    """sentence-transformers' own limit where it is given, else the smaller of the tokenizer's and the model's."""
    positions = int(config.get("max_position_embeddings") or 512)
    if config.get("model_type") in _OFFSET_OF_POSITIONS:
        positions -= 2
    own = (read_json(folder / "sentence_bert_config.json") or {}).get("max_seq_length")
    if isinstance(own, int):
        return min(own, positions)
    return min(positions, int((read_json(folder / "tokenizer_config.json") or {}).get("model_max_length") or positions))
