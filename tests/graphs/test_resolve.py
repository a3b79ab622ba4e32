"""resolve: what a person left out is neither in a chat model's prompt nor read for an answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from passel.graphs.context import RagContext
from passel.graphs.resolve import resolve
from passel.rerankers.default import default_selector
from passel.tools.corpus import Corpus
from passel.tools.search import search

DESIGNED = "Who designed the Harbour Hall in Arn?"


async def resolved(corpus: Corpus, model: Any = None, *, without: str = "") -> str | None:
    found = search(corpus, DESIGNED)
    state: Any = {
        "sub_questions": [
            {"id": 1, "question": DESIGNED, "depends_on": [], "answer": None},
            {"id": 2, "question": "Where was #1 born?", "depends_on": [1], "answer": None},
        ],
        "queries": [{"query": DESIGNED, "reason": "sub_question", "sub_question": 1}],
        "candidates": [candidate.to_state() for candidate in found],
        "dropped": [candidate.passage_id for candidate in found if candidate.passage and candidate.passage.title == without],
        "spent": {},
    }
    runtime: Any = SimpleNamespace(context=RagContext(corpus, default_selector(corpus.encoder), model), stream_writer=lambda _: None)
    answer: str | None = (await resolve(state, runtime))["sub_questions"][0]["answer"]
    return answer


async def test_the_reader_does_not_read_what_was_left_out(harbour: Corpus) -> None:
    assert await resolved(harbour) == "Ilse Marn"
    assert await resolved(harbour, without="Harbour Hall") != "Ilse Marn"


async def test_the_chat_model_is_not_shown_what_was_left_out(harbour: Corpus, fake_chat: Any) -> None:
    model = fake_chat.of("Ilse Marn", "Ilse Marn")
    for without in ("", "Harbour Hall"):
        await resolved(harbour, model, without=without)
    shown, hidden = (" ".join(str(message.content) for message in call) for call in model.calls)
    assert "designed by Ilse Marn" in shown
    assert "designed by Ilse Marn" not in hidden
