"""The selector that is used where none is named: the order of the chains, cut after eight."""

from __future__ import annotations

from functools import partial

from ..tools.encoder import Encoder
from .chains import rank_chains
from .cut_selector import CutSelector
from .cuts import Cut, fixed
from .selection import Selector


def default_selector(encoder: Encoder, cut: Cut | None = None) -> Selector:
    return CutSelector(partial(rank_chains, encoder), encoder.count_tokens, cut or fixed(8))
