"""How many tokens a chat model's prompt has: tiktoken where it loads, the embedded encoder's tokenizer where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .encoder import Encoder


def count_prompt_tokens(text: str, encoder: Encoder | None = None) -> int:
    """Tokens of `text` in tiktoken's o200k_base; where that cannot load (no network), in the encoder's tokenizer, said once by a warning."""
    raise NotImplementedError
