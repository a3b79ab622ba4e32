"""Feedback: kept with the answer, by several processes at once, and made into questions that a selector trains on."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.agent import feedback as feedback_module
from passel.agent.agent import Agent
from passel.agent.feedback import Feedback, FeedbackFile
from passel.agent.feedback_questions import questions_of
from passel.evals.datasets import load
from passel.evals.training import list_part, parts_of
from passel.graphs.answer import Answer, CandidatePassage, Citation, Claim, Query
from passel.rerankers.default import pair_model
from passel.tools.errors import PasselError, UsageError

BUILT = "Who built the Tarn Light?"


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PASSEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def said(trace_id: str, question: str = "Who?", text: str = "Ann [1]", outcome: str = "answered", titles: tuple[str, ...] = ("A",)) -> Answer:
    citations = [Citation(passage_id=title, title=title, source="s", span=(0, 1), quote="q") for title in titles]
    queries = [Query(query=question, reason="question"), Query(query="another", reason="gap")]
    found = [CandidatePassage(passage_id="c", title="C", text="t", channels=["dense"], score=0.1)]
    given: Any = {"outcome": outcome, "answer": text, "citations": citations, "queries": queries, "candidates": found, "trace_id": trace_id}
    return Answer(question="and who?", **given)


def test_it_is_kept_with_the_whole_answer_and_the_last_word_counts(agent: Agent, tarn: Path, own_home: Path) -> None:
    answer = agent.ask(BUILT)
    assert not (own_home / "feedback.sqlite3").exists(), "nothing is kept unasked"
    agent.feedback(answer, good=False, note="not sure")
    agent.feedback(answer, good=True)
    (kept,) = FeedbackFile(own_home / "feedback.sqlite3").all()
    assert (kept.answer, kept.good, kept.note, kept.corpus) == (answer, True, "", str(tarn.resolve()))
    agent.feedback(answer.trace_id, good=False, note="by its trace id")
    (kept,) = FeedbackFile(own_home / "feedback.sqlite3").all()
    assert (kept.answer, kept.good, kept.note) == (answer, False, "by its trace id")


def test_a_kept_answer_is_known_by_its_trace_id_in_every_process(agent: Agent, tarn: Path, own_home: Path) -> None:
    answer = agent.ask(BUILT)
    with pytest.raises(UsageError, match="no answer with the trace id"):
        agent.feedback(answer.trace_id, good=True)
    agent.keep(answer)
    file = FeedbackFile(own_home / "feedback.sqlite3")
    assert file.all() == [], "kept is not judged"
    with Agent.from_corpus(tarn) as other:
        other.feedback(answer.trace_id, good=True)
    agent.keep(answer)
    assert [(each.answer, each.good) for each in file.all()] == [(answer, True)], "keeping it once more does not unsay what was said"


def test_a_run_that_went_on_is_judged_by_its_last_answer(tmp_path: Path) -> None:
    file = FeedbackFile(tmp_path / "f.sqlite3", "c")
    failed = said("t").model_copy(update={"outcome": "failed", "answer": ""})
    file.keep(failed)
    file.keep(said("t"))
    file.judge("t", good=True)
    assert [each.answer for each in file.all()] == [said("t")]
    file.judge(failed, good=False)
    assert [(each.answer, each.good) for each in file.all()] == [(failed, False)]


def test_the_oldest_answers_that_nobody_judged_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback_module, "MOST_KEPT", 3)
    file = FeedbackFile(tmp_path / "f.sqlite3", "c")
    file.keep(said("judged"))
    file.judge("judged", good=True)
    for n in range(5):
        file.keep(said(f"t{n}"))
    for n in range(5):
        if n < 2:
            with pytest.raises(UsageError):
                file.judge(f"t{n}", good=True)
        else:
            file.judge(f"t{n}", good=n == 3)
    assert [(each.answer.trace_id, each.good) for each in file.all()] == [("judged", True), ("t2", False), ("t3", True), ("t4", False)]
    assert file.all("another corpus") == []
    file.delete("judged")
    with pytest.raises(UsageError, match="judged"):
        file.delete("judged")


WRITER = """
import sys
from pathlib import Path
from passel.agent.feedback import FeedbackFile
from passel.graphs.answer import Answer
file = FeedbackFile(Path(sys.argv[1]), "c")
for n in range(40):
    file.judge(Answer(question="Who?", outcome="answered", answer="Ann", trace_id=f"{sys.argv[2]}-{n}"), good=True)
"""


def test_several_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "f.sqlite3"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in "abc"]
    assert [writer.wait(100) for writer in writers] == [0, 0, 0]
    assert {each.answer.trace_id for each in FeedbackFile(path).all()} == {f"{name}-{n}" for name in "abc" for n in range(40)}


def test_faults_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "f.sqlite3").write_text("this is no database, and long enough to be looked at" * 20)
    with pytest.raises(PasselError, match="cannot use the feedback"):
        FeedbackFile(tmp_path / "f.sqlite3").all()
    with pytest.raises(UsageError, match="no trace id"):
        FeedbackFile(tmp_path / "g.sqlite3").judge(said(""), good=True)
    assert FeedbackFile(tmp_path / "none.sqlite3").all() == []
    assert not (tmp_path / "none.sqlite3").exists()


@settings(deadline=None, max_examples=25)
@given(text=st.text(alphabet=st.characters(), max_size=30), note=st.text(alphabet=st.characters(), max_size=10))
def test_any_text_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, text: str, note: str) -> None:
    file = FeedbackFile(tmp_path_factory.mktemp("f") / "f.sqlite3")
    answer = said("t", text=text)
    file.judge(answer, good=True, note=note)
    file.judge("t", good=True, note=note)
    assert [(each.answer, each.note) for each in file.all()] == [(answer, re.sub("[\ud800-\udfff]", "\ufffd", note))]


# ---- training questions ----


def judged(*answers: tuple[Answer, bool]) -> list[Feedback]:
    return [Feedback(answer, good, "", "c", float(n)) for n, (answer, good) in enumerate(answers)]


def test_good_answers_become_labelled_questions_of_their_own() -> None:
    lines = questions_of(
        judged(
            (said("1", "Who built it?", "Ann  built it. [1][2]", titles=("Light", "Ann", "Light", "")), True),
            (said("2", "Which quarterback?", "I don't know: …", "abstained", ()), True),
            (said("3", "How tall?", "40 m [1]"), False),
            (said("4", "How old?", "12 [1]"), True),
            (said("5", "How old?", "13 [1]"), False),
            (said("6", "How far?", "3 km", "partial", ("",)), True),
            (said("7", "Broken?", "", "failed"), True),
            (said("8", "Only evidence?", "", "partial", ()), True),
            (said("9", "Who lives there?", "In the light by the sea lives Ann. [1]"), True),
        )
    )
    assert [line["question"] for line in lines] == ["Who built it?", "Which quarterback?", "How far?", "Who lives there?"]
    assert [line["answers"] for line in lines] == [["Ann  built it."], [], ["3 km"], []]
    assert [line.get("gold_titles") for line in lines] == [["Light", "Ann"], None, [], ["A"]]
    assert [line.get("answerable") for line in lines] == [None, False, None, None]
    assert len({line["id"] for line in lines}) == 4


def test_only_an_abstention_for_lack_of_evidence_is_a_label() -> None:
    lacking = said("1", "Which quarterback?", "I don't know: …", "abstained", ())
    refused = said("2", "Who built it?", "I don't know: …", "abstained", ()).model_copy(update={"answerable": 0.9})
    hidden = said("3", "Who lives there?", "I don't know: …", "abstained", ()).model_copy(update={"candidates": []})
    thanks = said("4", "Thanks!", "I don't know: …", "abstained", ())
    lines = questions_of(judged(*((one, True) for one in (lacking, refused, hidden, thanks))))
    assert [(line["question"], line["answerable"]) for line in lines] == [("Which quarterback?", False)]


def test_of_a_disagreement_each_side_is_an_answer() -> None:
    claims = [Claim(answer="Ann", citations=[1]), Claim(answer="Bea", citations=[2])]
    whole = said("1", "Who built it?", "Sources disagree: “Ann” [1], “Bea” [2].").model_copy(update={"disagreement": claims})
    beside = said("2", "How tall?", "41 metres [3]. Sources disagree: “Ann” [1], “Bea” [2].").model_copy(update={"disagreement": claims})
    assert [line["answers"] for line in questions_of(judged((whole, True), (beside, True)))] == [["Ann", "Bea"], ["41 metres."]]


OUTCOMES = st.sampled_from(["answered", "partial", "abstained", "failed"])


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=9), OUTCOMES, st.booleans()), max_size=8))
def test_every_question_is_there_once_and_can_be_loaded(tmp_path_factory: pytest.TempPathFactory, given_: list[tuple[str, str, str, bool]]) -> None:
    lines = questions_of(judged(*((said(str(n), f"Q{q}?", text, outcome), good) for n, (q, text, outcome, good) in enumerate(given_))))
    assert len({line["id"] for line in lines}) == len({line["question"] for line in lines}) == len(lines)
    if lines:
        path = tmp_path_factory.mktemp("q") / "q.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        assert [question.question for question in load(path).questions] == [line["question"] for line in lines]


def test_the_selector_trains_on_what_was_exported(agent: Agent, tarn: Path, tmp_path: Path, command_line: Callable[..., SimpleNamespace]) -> None:
    for question, good in ((BUILT, True), ("How many people live in Brackwater?", True), ("When was Mirel Ostane born?", False)):
        agent.feedback(agent.ask(question), good=good, note="fine" if good else "wrong year")
    follow_up = agent.ask("When was she born?", history=[(BUILT, "Mirel Ostane built it.")])
    agent.feedback(follow_up, good=True)
    out, bad = tmp_path / "q.jsonl", tmp_path / "bad.jsonl"
    told = command_line("feedback", "export", out, "--corpus", tarn, "--bad", bad)
    assert (told.code, "3 questions" in told.out, "1 bad answer" in told.out) == (0, True, True)
    assert [json.loads(line)["note"] for line in bad.read_text().splitlines()] == ["wrong year"]
    questions = load(out).questions
    assert questions[0].gold_titles == ("Tarn Light",)
    assert "Mirel Ostane" in questions[2].question, "it can be understood without the conversation"
    (part,) = parts_of([str(out)], tarn)
    lists = list_part(part, lambda _: pair_model(), lambda *_: None, corpus=tarn)
    assert {one.id for one in lists} == {question.id for question in questions}
    assert all(one.gold for one in lists), "each list has its evidence marked"


# ---- the command line ----


def test_list_add_and_delete(tarn: Path, command_line: Callable[..., SimpleNamespace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No feedback yet" in command_line("feedback", "list").out
    assert command_line("feedback", "export", "q.jsonl").code == 1
    asked = command_line("ask", BUILT, "--corpus", tarn, "--json").out
    (tmp_path / "a.json").write_text(asked)
    assert command_line("feedback", "add", "a.json", "--good", "--note", "spot on", "--corpus", tarn).code == 0
    listed = command_line("feedback", "list", "--json")
    (one,) = json.loads(listed.out)["feedback"]
    assert (one["good"], one["note"], one["answer"]) == (True, "spot on", json.loads(asked))
    monkeypatch.setattr("sys.stdin", io.StringIO(asked))
    assert command_line("feedback", "add", "-", "--bad").code == 0, "said of the same answer: it stays with its corpus"
    shown = command_line("feedback", "list", "--corpus", tarn)
    assert BUILT.split()[0] in shown.out
    assert "bad" in shown.out
    assert command_line("feedback", "delete", one["answer"]["trace_id"]).code == 0
    assert command_line("feedback", "delete", one["answer"]["trace_id"]).code == 2
    (tmp_path / "b.json").write_text("no answer")
    for opinion, said in ((["--good", "--bad"], "good or bad, not both"), ([], "say --good or --bad")):
        refused = command_line("feedback", "add", "a.json", *opinion, "--corpus", tarn)
        assert (refused.code, refused.err) == (2, f"passel: {'an answer is ' * bool(opinion)}{said}\n")
    assert json.loads(command_line("feedback", "list", "--json").out)["feedback"] == []
    told = command_line("feedback", "add", "b.json", "--good")
    assert (told.code, "holds no answer" in told.err) == (2, True)


def test_questions_of_two_corpora_are_not_mixed(own_home: Path, command_line: Callable[..., SimpleNamespace]) -> None:
    for corpus in ("one", "two"):
        FeedbackFile(own_home / "feedback.sqlite3", str(own_home / "corpora" / corpus)).judge(said(corpus), good=True)
    told = command_line("feedback", "export", "q.jsonl")
    assert (told.code, "2 corpora" in told.err) == (2, True)
    assert command_line("feedback", "export", "q.jsonl", "--corpus", "two").code == 0


def test_in_a_chat(tarn: Path, own_home: Path, command_line: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"/good\n{BUILT}\n/bad it was Aldo\n/good it was her after all\n"))
    told = command_line("chat", "--corpus", tarn)
    assert "no answer yet" in told.out
    (kept,) = FeedbackFile(own_home / "feedback.sqlite3").all()
    assert (kept.good, kept.note, kept.answer.question) == (True, "it was her after all", BUILT)


