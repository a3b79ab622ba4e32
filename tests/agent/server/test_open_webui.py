"""What Open WebUI puts around questions, and asks beside them. The messages are those of Open WebUI 0.12.4, shortened."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.agent.server.open_webui import chore, unwrapped

FILES = '<attached_files>\n<file type="file" id="462dfa2b" url="462dfa2b" content_type="text/plain" name="note.txt"/>\n</attached_files>\n\n'
ASKED = "How long is the Heron Bridge?"
FORMS = {
    "title": '{ "title": "your concise title here" }\n### Examples:\n- { "title": "Stock Trends" },',
    "tags": '{ "tags": ["tag1", "tag2", "tag3"] }',
    "follow_ups": '{ "follow_ups": ["Suggested next message 1", "Suggested next message 2"] }',
    "queries": '\n{\n  "queries": ["query1", "query2"]\n}',
}


def task(kind: str, asked: str = ASKED) -> str:
    chat = f"<chat_history>\nUSER: {asked}\nASSISTANT: 163 metres.\n</chat_history>"
    return f"### Task:\nDo this with the chat history.\n### Output:\nJSON format: {FORMS[kind]}\n### Chat History:\n{chat}"


@pytest.mark.parametrize("kind", FORMS)
def test_what_is_asked_beside_the_questions_gets_its_form_with_nothing_in_it(kind: str) -> None:
    done = chore(task(kind))
    assert done is not None
    assert json.loads(done) == {kind: ASKED if kind == "title" else []}


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        (f"{FILES}{ASKED}", ASKED),
        ("Two\nlines", "Two"),
        ("Was the bridge over the Heron built before the light on Yskar was lit?", "Was the bridge over the Heron built before the light on …"),
        ("x" * 70, "x" * 60 + " …"),
        ('He said "yes"', 'He said "yes"'),
    ],
)
def test_a_title_is_the_beginning_of_the_chat(asked: str, title: str) -> None:
    assert json.loads(chore(task("title", asked)) or "") == {"title": title}


@pytest.mark.parametrize(
    "text",
    [ASKED, "### Task:\nFind out who built the bridge.", 'What is { "title": "x" } in <chat_history>?', '### Task:\n<chat_history>{ "title": ""}'],
)
def test_a_question_is_no_task(text: str) -> None:
    assert chore(text) is None


def test_a_question_is_as_its_user_typed_it() -> None:
    context = "### Task:\nRespond to the user query using the provided context.\n<context>\n<source id=\"1\">A </context> b</source>\n</context>\n\n"
    assert unwrapped(f"{FILES}{ASKED}") == ASKED
    assert unwrapped(f"{context}{FILES}{ASKED}").strip() == ASKED
    assert unwrapped(f"{context}{ASKED}").strip() == ASKED


@given(st.text(max_size=80))
def test_what_is_not_wrapped_stays(text: str) -> None:
    assert unwrapped(text) == text
    assert chore(text) is None
    assert unwrapped(f"{FILES}{text}").strip() == text.strip()
    assert json.loads(chore(task("tags", text)) or "") == {"tags": []}
