"""How many tokens a chat model's prompt has: tiktoken where it loads, the embedded encoder's tokenizer where it does not.

Evidence budgets, rewards and evaluation do not count here: they use `Encoder.count_tokens`, which is the same everywhere.
"""

from __future__ import annotations

import threading
import warnings
from functools import cache
from typing import TYPE_CHECKING

from .encoder import Encoder

if TYPE_CHECKING:
    from tiktoken import Encoding

ENCODING = "o200k_base"
LOAD_SECONDS = 5.0
"""tiktoken downloads its vocabulary without a time limit; a network that swallows packets would hold the first prompt for minutes."""


def count_prompt_tokens(text: str) -> int:
    """Tokens of `text` in tiktoken's o200k_base; where that does not load (no network), in the embedded encoder's, said once by a warning."""
    with _lock:
        encoding = _tiktoken()
    if encoding is not None:
        return len(encoding.encode(text, disallowed_special=()))
    return _embedded().count_tokens([text])[0]


_lock = threading.Lock()


@cache
def _tiktoken() -> Encoding | None:
    loaded: list[Encoding] = []
    failed: list[str] = []

    def load() -> None:
        try:
            import tiktoken

            loaded.append(tiktoken.get_encoding(ENCODING))
        except (ImportError, OSError, ValueError) as error:  # requests' errors are OSErrors; ValueError: a file with another digest
            failed.append(type(error).__name__)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    thread.join(LOAD_SECONDS)
    if loaded:
        return loaded[0]
    why = failed[0] if failed else f"no answer in {LOAD_SECONDS:.0f} s"
    warnings.warn(f"tiktoken's {ENCODING} does not load ({why}); prompts are counted with the embedded encoder's tokenizer", stacklevel=3)
    return None


@cache
def _embedded() -> Encoder:
    return Encoder.load(cache=False)
