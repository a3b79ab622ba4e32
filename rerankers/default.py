"""What is used where nothing else is named: the trained pair model and the learned selector on top of it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from ..tools.encoder import Encoder
from ..tools.pair import PAIR, PairModel
from ..tools.weights import read_file
from .calibration import CALIBRATION, Calibration
from .selector.network import ListNetwork
from .selector.policy import MOST
from .selector.selector import SELECTOR, LearnedSelector, load_network

WEIGHTS = Path(__file__).parent / "weights"


def in_use(weights: Path, name: str) -> Path:
    """The file of that name: a folder without one of its own uses the bundled one."""
    own = weights / name
    return own if own.is_file() else WEIGHTS / name


def pair_model(weights: Path = WEIGHTS, device: str | None = None) -> PairModel:
    """One for the whole process: selector and reader share what it remembers."""
    return _pair(in_use(weights, PAIR), device)


def default_selector(encoder: Encoder, *, weights: Path = WEIGHTS, device: str | None = None, most: int = MOST) -> LearnedSelector:
    """`most`: passages that are selected at most. A folder with nothing but a calibration uses the bundled ones; raises PasselError where `weights`
    holds neither that nor a selector.
    """
    bare = (weights / CALIBRATION).is_file() and not (weights / PAIR).is_file() and not (weights / SELECTOR).is_file()
    return LearnedSelector(pair_model(weights, device), _network((WEIGHTS if bare else weights) / SELECTOR), encoder.count_tokens, most=most)


def calibration(weights: Path = WEIGHTS) -> Calibration:
    """Raises PasselError where the file is something else."""
    return _calibration(in_use(weights, CALIBRATION))


def digest(weights: Path = WEIGHTS, *, calibrated: bool = True) -> str:
    """What tells one folder of weights from another, in results; with its calibration, or without."""
    names = (PAIR, SELECTOR, CALIBRATION) if calibrated else (PAIR, SELECTOR)
    return hashlib.sha256(b"".join(read_file(in_use(weights, name)) for name in names)).hexdigest()[:16]


@cache
def _pair(file: Path, device: str | None) -> PairModel:
    return PairModel.load(file, device=device)


@cache
def _calibration(file: Path) -> Calibration:
    return Calibration.load(file)


@cache
def _network(file: Path) -> ListNetwork:
    return load_network(file)
