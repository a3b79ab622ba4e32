"""A leading <think> belongs neither to the answer nor to its probability."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.tools.chat.thoughts import mean_logprob, without_thoughts

MARKUP = st.lists(st.sampled_from(["<think>", "</think>", "<", "think>", " ", "\n", "a"]), max_size=8).map("".join)


@given(text=st.text() | MARKUP, cuts=st.lists(st.integers(0, 60)))
def test_thoughts_do_not_depend_on_how_a_stream_is_cut(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    assert without_thoughts(pieces) == without_thoughts([text])
    if not text.lstrip().startswith("<think>"):
        assert without_thoughts(pieces) == text


def _tokens(*pairs: tuple[str, float]) -> list[dict[str, Any]]:
    return [{"token": token, "logprob": logprob} for token, logprob in pairs]


def test_log_probabilities_are_those_of_the_answer() -> None:
    thought = _tokens(("<think>", -9.0), (" the", -9.0), (" Osk", -9.0), ("</think>", -9.0), ("\n\n", -9.0))
    said = _tokens(("The", -0.1), (" Lathe", -0.3))
    assert mean_logprob({"content": [*thought, *said]}) == pytest.approx(-0.2)
    assert mean_logprob(said) == pytest.approx(-0.2), "a list alone, as ollama has it"
    assert mean_logprob(thought) is None
    assert mean_logprob([]) is None


JUNK = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
TOKENS = st.lists(JUNK | st.fixed_dictionaries({}, optional={"token": JUNK, "logprob": JUNK}), max_size=6)


@given(JUNK | TOKENS | st.fixed_dictionaries({}, optional={"content": JUNK | TOKENS}))
def test_whatever_stands_for_log_probabilities_is_one_or_none(given_by_a_server: Any) -> None:
    mean = mean_logprob(given_by_a_server)
    assert mean is None or -20.0 <= mean <= 0.0


@given(st.lists(st.floats(-30, 0), min_size=1))
def test_the_mean_lies_between_the_least_and_the_most(logprobs: list[float]) -> None:
    mean = mean_logprob(_tokens(*(("word", logprob) for logprob in logprobs)))
    assert mean is not None
    assert max(-20.0, min(logprobs)) - 1e-9 <= mean <= max(-20.0, *logprobs) + 1e-9
