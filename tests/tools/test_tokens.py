"""tiktoken where it loads; where it does not, the encoder's tokenizer and one warning."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator

import pytest
import tiktoken

from passel.tools import tokens
from passel.tools.tokens import count_prompt_tokens

BYTES = tiktoken.Encoding("bytes", pat_str=r"[\s\S]", mergeable_ranks={bytes([i]): i for i in range(256)}, special_tokens={"<|end|>": 256})


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    tokens._tiktoken.cache_clear()
    yield
    tokens._tiktoken.cache_clear()


def test_counts_with_tiktoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiktoken, "get_encoding", {"o200k_base": BYTES}.__getitem__)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert count_prompt_tokens("") == 0
        assert count_prompt_tokens("naïve") == 6
        assert count_prompt_tokens("<|end|>") == 7  # text, not a control token, and no error
        assert count_prompt_tokens("\ud800") == 3


def test_without_network_the_encoder_stands_in_and_one_warning_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_reach(name: str) -> tiktoken.Encoding:
        raise ConnectionError(name)  # requests' ConnectionError is an OSError, as this one

    monkeypatch.setattr(tiktoken, "get_encoding", out_of_reach)
    with pytest.warns(UserWarning, match="o200k_base does not load") as caught:
        _count_in_threads("hello")
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # once is enough
        assert count_prompt_tokens("hello world, \ud800") == 3


def _count_in_threads(text: str) -> None:
    threads = [threading.Thread(target=count_prompt_tokens, args=(text,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_network_that_never_answers_does_not_hold_us(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: answer.wait(30) and BYTES)
    monkeypatch.setattr(tokens, "LOAD_SECONDS", 0.05)
    with pytest.warns(UserWarning, match="no answer"):
        assert count_prompt_tokens("hello world") == 2
    answer.set()
