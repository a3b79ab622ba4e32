"""How a chat is read, and how sources are put below an answer and taken away again."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.agent.server.errors import ApiError
from passel.agent.server.messages import Message, read
from passel.agent.server.sources import annotate, block, without_block
from passel.graphs.answer import Answer, Citation

citations = st.lists(
    st.builds(
        Citation,
        passage_id=st.just("p"),
        title=st.text(max_size=20),
        source=st.text(min_size=1, max_size=20),
        span=st.just((3, 9)),
        quote=st.text(max_size=400),
    ),
    max_size=4,
)


@given(st.text(max_size=200), citations)
def test_sources_can_be_taken_away_again(text: str, cited: list[Citation]) -> None:
    below = block(Answer(question="q", outcome="answered", answer=text, citations=cited))
    assert bool(below) == bool(cited)
    assert without_block(text + below) == (text if cited else without_block(text))


@pytest.mark.parametrize("text", ["- [1] A list.", "Text.\n\nSources:\n- [1] A\nand more", "Text.\n\nSources:\n", "Text.\n\nSources:\n\n- [1] A"])
def test_what_is_no_list_of_sources_stays(text: str) -> None:
    assert without_block(text) == text


@pytest.mark.parametrize("part", [" ", "\n- [1] ", "\n\nSources:\n- [1] "])
def test_a_long_message_is_read_in_no_time(part: str) -> None:
    began = time.perf_counter()
    without_block("\n\nSources:\n- [1] " + part * 40_000 + "x\ny")
    assert time.perf_counter() - began < 1


@given(st.text(alphabet="a [1]2[3].", max_size=60), citations, st.integers(0, 50))
def test_annotations_stand_where_the_marks_are(text: str, cited: list[Citation], offset: int) -> None:
    for mark in annotate(text, cited, "http://h/?source=", offset=offset):
        where = mark.url_citation
        number = text[where.start_index - offset : where.end_index - offset]
        assert number[0] + number[-1] == "[]"
        assert where.title in (cited[int(number[1:-1]) - 1].title, cited[int(number[1:-1]) - 1].source)


messages = st.builds(
    Message,
    role=st.sampled_from(["system", "developer", "user", "assistant", "tool", "function"]),
    content=st.none()
    | st.text(max_size=30)
    | st.lists(st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url"]), "text": st.none() | st.text(max_size=9)}), max_size=2),
)


@given(st.lists(messages, max_size=8))
def test_any_chat_is_read_or_refused(chat: list[Message]) -> None:
    try:
        question, turns = read(chat)
    except ApiError:
        return
    assert question.strip()
    assert len(turns) == sum(message.role == "user" for message in chat) - 1


def test_turns_are_pairs() -> None:
    chat = [
        {"role": "assistant", "content": "Hello!"},
        {"role": "user", "content": "One?"},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "Two."},
        {"role": "tool", "content": "17"},
        {"role": "assistant", "content": [{"type": "text", "text": "And a half.\n\nSources:\n- [1] A (a): “b”"}]},
        {"role": "user", "content": "Three?"},
    ]
    assert read([Message.model_validate(one) for one in chat]) == ("Three?", [("One?", ""), ("Two?", "Two.\n\nAnd a half.")])
    with pytest.raises(ApiError):
        read([])
