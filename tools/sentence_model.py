"""From token ids to sentence vectors: which model, in which precision, on which device, pooled how.

BERT models run through `bert.Bert` (packed, no transformers import); every other architecture through transformers' AutoModel, padded.
Precision: bf16 on CPUs that compute in it (three times fp32's speed with AMX; cosine to fp32 of MiniLM on 2,000 real passages ≥ 0.9999), fp16
on CUDA, else fp32. Weights we have not tested ourselves are tried on a few sentences first and stay in fp32 where the cosine falls below 0.999.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import PasselError
from .weights import MINILM_FILES, first_line, read_file, weight_files

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SentenceModel = Callable[[Sequence[Sequence[int]]], "Tensor"]
"""Token ids of n texts, longest first, to their unit vectors float32 [n, dimension] on the CPU."""

POOLINGS = ("mean", "cls", "max", "lasttoken")
LEAST_COSINE = 0.999
_TRIAL = ("The lighthouse was built in 1911 by two brothers.", "Who wrote it?", "a", "Prices fell by 3.5% in May; exports, however, rose again. " * 4)


def load_model(
    folder: Path, config: Mapping[str, Any], pooling: str, *, device: str, embedded: bool, tokenise: Callable[[str], list[int]]
) -> SentenceModel:
    """Reads the weights. Raises PasselError where they are not the embedded model's own, or do not make a model."""
    _keep_memory_small()
    import torch

    from .bert import Bert

    fast = fast_dtype(device)
    ours = Bert.understands(config) and len(weight_files(folder)) == 1  # transformers joins weights in several files
    exact = _read_bert(folder, config, embedded) if ours else _read_any(folder, config)
    try:
        exact = exact.to(device)
    except (AssertionError, RuntimeError) as error:  # torch asserts that it was built for CUDA
        raise PasselError(f"cannot use the device {device}: {first_line(error)}", "Leave the device out, or name cpu.") from error
    if fast == torch.float32:
        return _sentence_model(exact, pooling)
    if embedded:
        return _sentence_model(exact.to(fast), pooling)
    quick = _sentence_model(deepcopy(exact).to(fast), pooling)
    ids = sorted((tokenise(text) for text in _TRIAL), key=len, reverse=True)
    cosine = (quick(ids) * _sentence_model(exact, pooling)(ids)).sum(1).min().item()
    return quick if cosine >= LEAST_COSINE else _sentence_model(exact, pooling)  # a NaN is not >= either


def _keep_memory_small() -> None:
    """For long runs on the CPU: 4,000 passages peak at 676 MB instead of 1,001, at the same wall time and a third more CPU time.

    oneDNN keeps a primitive for every new shape, and packed batches always have new shapes; glibc keeps freed buffers unless they are mapped.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, 8_000_000)


_M_MMAP_THRESHOLD = -3
"""As malloc.h has it."""


def best_device() -> str:
    """"cuda" where there is one, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def fast_dtype(device: str) -> torch.dtype:
    """The fastest dtype that is faithful enough on the device."""
    import torch

    if device.startswith("cuda"):
        return torch.float16
    return torch.bfloat16 if device == "cpu" and _cpu_computes_bf16() else torch.float32


@cache
def _cpu_computes_bf16() -> bool:
    """Whether the CPU multiplies bf16 natively: elsewhere bf16 is slower than fp32. Known on Linux only, no other system tells simply."""
    try:
        cpu = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(cpu.partition("flags")[2].partition("\n")[0].split())


def _read_bert(folder: Path, config: Mapping[str, Any], embedded: bool) -> torch.nn.Module:
    from safetensors import SafetensorError
    from safetensors.torch import load

    from .bert import Bert

    file = weight_files(folder)[0]
    content = read_file(file, MINILM_FILES[file.name] if embedded else None)
    try:
        return Bert.from_pretrained(config, {name: weight.float() for name, weight in load(content).items() if weight.is_floating_point()})
    except SafetensorError as error:
        raise PasselError(f"{file} is no safetensors file: {error}", "Fetch or save the model again.") from error
    except (KeyError, RuntimeError) as error:  # a weight that is not there, or of another shape
        raise PasselError(f"{file} does not fit its config.json: {first_line(error)}", "Fetch or save the model again.") from error


def _read_any(folder: Path, config: Mapping[str, Any]) -> torch.nn.Module:
    if config.get("is_encoder_decoder"):
        raise PasselError(f"the model in {folder} is an encoder-decoder", "Name an encoder, such as sentence-transformers/all-mpnet-base-v2.")
    import torch
    from transformers import AutoModel

    try:
        model: torch.nn.Module = AutoModel.from_pretrained(folder, dtype=torch.float32, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise PasselError(f"cannot load the encoder in {folder}: {first_line(error)}", "Name one that transformers' AutoModel loads.") from error
    return model.requires_grad_(False).eval()


def _sentence_model(model: torch.nn.Module, pooling: str) -> SentenceModel:
    import torch
    import torch.nn.functional as F

    from .bert import Bert, pack, unpack

    device = next(model.parameters()).device

    def packed(sequences: Sequence[Sequence[int]]) -> list[Tensor]:
        tokens, runs = pack(sequences, device)
        return [_pool(states, pooling) for states in unpack(model(tokens, runs), runs)]

    def padded(sequences: Sequence[Sequence[int]]) -> list[Tensor]:
        lengths = [len(sequence) for sequence in sequences]
        rows = torch.tensor([[*sequence, *[0] * (lengths[0] - len(sequence))] for sequence in sequences], device=device)
        mask = torch.arange(lengths[0], device=device) < torch.tensor(lengths, device=device)[:, None]
        states = model(input_ids=rows, attention_mask=mask.long()).last_hidden_state
        return [_pool(states[i : i + 1, :length], pooling) for i, length in enumerate(lengths)]

    def vectors(sequences: Sequence[Sequence[int]]) -> Tensor:
        with torch.inference_mode():
            pooled = (packed if isinstance(model, Bert) else padded)(sequences)
            return F.normalize(torch.cat(pooled), dim=1).cpu()

    return vectors


def _pool(states: Tensor, pooling: str) -> Tensor:
    """[count, length, width] to float32 [count, width]; no padding among the states."""
    states = states.float()
    match pooling:
        case "mean":
            return states.mean(1)
        case "max":
            return states.amax(1)
        case "cls":
            return states[:, 0]
        case _:
            return states[:, -1]


def read_pooling(folder: Path) -> str:
    """One of POOLINGS, from the files that sentence-transformers writes; "mean" where there are none.

    Raises PasselError for a module (a Dense layer, say) or a mode that we do not compute: its vectors would be silently wrong.
    """
    modules = read_json(folder / "modules.json")
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules] if isinstance(modules, list) else []
    if unknown := set(kinds) - {"Transformer", "Pooling", "Normalize"}:
        raise PasselError(f"the encoder in {folder} has a module {min(unknown)}, which is not supported", "Name a transformer with pooling alone.")
    place = next((module["path"] for module, kind in zip(modules or [], kinds, strict=False) if kind == "Pooling"), "1_Pooling")
    config = read_json(folder / place / "config.json") or {}
    mode = config.get("pooling_mode") or [old for key, old in _OLD_MODES.items() if config.get(key)] or "mean"
    mode = mode[0] if isinstance(mode, list) and len(mode) == 1 else mode
    if mode == "mean_sqrt_len_tokens":
        return "mean"  # the same direction
    if mode not in POOLINGS:
        raise PasselError(f"the encoder in {folder} pools by {mode}", f"Name one that pools by {', '.join(POOLINGS)}.")
    return str(mode)


_OLD_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}


def read_json(file: Path) -> Any:
    """The file's content, None where there is no such file. Raises PasselError where it is not JSON."""
    if not file.is_file():
        return None
    try:
        return json.loads(read_file(file))
    except ValueError as error:
        raise PasselError(f"{file} is not JSON: {error}", "Fetch or save the model again.") from error
