"""A chat model as the generator that is rewarded: what it is asked, and that its failures are no answers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from passel.evals import chat_generator
from passel.evals.chat_generator import ChatGenerator
from passel.graphs.prompts import RESOLVE, numbered
from passel.rerankers.selector.examples import ListExample, ReadCandidates
from passel.rerankers.selector.features import FEATURES, VECTOR, ListInput
from passel.rerankers.selector.grpo import Unanswered
from passel.tools.errors import PasselError
from passel.tools.reader import ReadAs, ReadPassage


@pytest.fixture
def example() -> ListExample:
    """A question with five candidates."""
    nothing, nobody = ReadAs(0.0, 0.0, ()), np.zeros((5, 5), np.bool_)
    given = ListInput(np.zeros((5, VECTOR), np.float32), np.zeros((5, FEATURES), np.float32), nobody, np.ones(5, np.int64), nobody)
    passages = tuple(ReadPassage(f"Title {n}", f"Text {n}.", nothing, nothing) for n in range(5))
    return ListExample("q", "Where was Orla Venn born?", ReadCandidates(given, passages), (2, 0), 2, answers=("Cressing",))


def outcomes(generate: ChatGenerator, example: ListExample, times: int) -> list[str | None]:
    """What it says, "failed" where it does not."""
    found: list[str | None] = []
    for n in range(times):
        try:
            found.append(generate(example, (n % 5,)))
        except Unanswered:
            found.append("failed")
    return found


def test_it_answers_from_what_was_chosen_in_its_order(example: ListExample, fake_chat: Any) -> None:
    model = fake_chat.of(" Cressing\n")
    assert ChatGenerator(model)(example, (2, 0)) == "Cressing"
    system, user = model.calls[0]
    assert (system.content, user.content) == (RESOLVE, numbered([("Title 2", "Text 2."), ("Title 0", "Text 0.")], example.question))


def test_one_that_declines_says_nothing_and_one_that_fails_has_not_answered(example: ListExample, fake_chat: Any) -> None:
    generate = ChatGenerator(fake_chat.of("Cressing", "UNKNOWN", RuntimeError("gone"), "", "I say UNKNOWN."))
    told: list[int] = []
    generate.progress = told.append
    assert outcomes(generate, example, 5) == ["Cressing", None, "failed", "failed", None]
    assert generate.failed == 2
    assert told == [1, 2, 3, 4, 5]


def test_a_time_out_is_a_failure(example: ListExample, fake_chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_generator, "_SECONDS", 0.01)
    with pytest.raises(Unanswered, match="did not answer within"):
        ChatGenerator(fake_chat.of("Cressing", delay=5.0))(example, (0,))


def test_one_that_answers_nothing_from_the_first_ends_the_training(example: ListExample, fake_chat: Any) -> None:
    with pytest.raises(PasselError, match=r"answers nothing: .* no such model"):
        outcomes(ChatGenerator(fake_chat.of(RuntimeError("no such model"))), example, 5)
    late = ChatGenerator(fake_chat.of(RuntimeError("loading"), RuntimeError("loading"), "Cressing"))
    assert outcomes(late, example, 3) == ["failed", "failed", "Cressing"]


def test_one_that_has_answered_may_fail_but_not_for_ever(example: ListExample, fake_chat: Any) -> None:
    begun = ChatGenerator(fake_chat.of("UNKNOWN", RuntimeError("gone")))
    assert outcomes(begun, example, 20) == [None, *["failed"] * 19]
    with pytest.raises(PasselError, match=r"answers nothing: .* gone"):
        outcomes(begun, example, 60)
