"""Agent: sync and async twins, threads with memory, cancelling, resuming after kill -9."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import passel
from passel.agent.agent import Agent
from passel.graphs.answer import Answer
from passel.graphs.decision import Decision
from passel.tools.budget import Budget
from passel.tools.corpus import Corpus
from passel.tools.errors import PasselError, UsageError
from passel.tools.loaders import Document

BUILT = "Who built the Tarn Light?"


def plain(answer: Answer) -> dict[str, Any]:
    """An answer without what differs from run to run."""
    return answer.model_dump(exclude={"trace_id", "latency_ms", "usage"})


async def test_sync_async_stream_and_batch_agree(agent: Agent) -> None:
    expected = plain(await asyncio.to_thread(agent.ask, BUILT))
    assert expected["outcome"] == "answered"
    assert "Mirel Ostane" in expected["answer"]
    assert plain(await agent.aask(BUILT)) == expected
    streamed = [event async for event in agent.astream(BUILT)]
    assert plain(streamed[-1].answer) == expected  # type: ignore[union-attr]
    assert [event.type for event in await asyncio.to_thread(list, agent.stream(BUILT))] == [event.type for event in streamed]
    assert [plain(answer) for answer in await agent.abatch([BUILT, BUILT])] == [expected, expected]
    sentences = [event.text for event in streamed if event.type == "sentence"]
    assert " ".join(sentences) == expected["answer"], "what was streamed is the answer"


def test_several_event_loops_may_share_an_agent(agent: Agent) -> None:
    for _ in range(2):
        assert asyncio.run(agent.aask(BUILT, thread="loops")).outcome == "answered"


def test_a_thread_remembers_and_questions_do_not_mix(agent: Agent) -> None:
    first = agent.ask(BUILT, thread="t")
    second = agent.ask("When was she born?", thread="t")
    assert "1811" in second.answer
    assert first.trace_id != second.trace_id
    alone = agent.ask("How tall is the Tarn Light?", thread="t")
    fresh = agent.ask("How tall is the Tarn Light?")
    assert plain(alone) == plain(fresh), "nothing of the earlier questions is left in a question that stands alone"
    assert agent.turns("t")[0][0] == BUILT
    assert len(agent.turns("t")) == 3
    assert agent.turns("other") == []
    agent.forget("t")
    assert agent.turns("t") == []


def test_the_callers_history_is_used_instead_of_the_threads(agent: Agent) -> None:
    agent.ask("How many people live in Brackwater?", thread="h")
    answer = agent.ask("When was she born?", thread="h", history=[(BUILT, "Mirel Ostane built it.")])
    assert "1811" in answer.answer
    assert "Brackwater" not in answer.queries[0].query, "the thread's memory was not put on top"
    assert agent.ask("When was she born?", thread="h", history=[]).queries[0].query == "When was she born?"


def test_a_finished_run_keeps_one_small_checkpoint(tmp_path: Path) -> None:
    long = " ".join(f"The word number {n} of this very long passage about the Tarn Light says nothing new." for n in range(400))
    texts = [{"id": f"d{n}", "title": f"Light {n}", "text": f"Light {n} was lit in {1700 + n}. {long}"} for n in range(60)]
    ships = [{"id": f"s{n}", "title": f"Ship {n}", "text": f"Ship {n} met the Tarn Light."} for n in range(200)]
    with Agent.from_documents([*texts[:8], *ships], threads=tmp_path / "t.db") as agent:
        for question in ("Which ship met the Tarn Light?", "When was Light 3 lit?"):
            agent.ask(question, thread="t")
        sizes = sqlite3.connect(tmp_path / "t.db").execute("SELECT length(checkpoint), length(metadata) FROM checkpoints").fetchall()
    assert len(sizes) == 1
    assert sum(sizes[0]) < 100_000


async def test_cancelling_stops_the_run(tarn: Path, tmp_path: Path, openai_server: Any) -> None:
    from passel.tools.chat import load_chat_model

    openai_server.mode = "slow"
    with Agent.from_corpus(tarn, model=load_chat_model("openai:any", base_url=openai_server.url), threads=tmp_path / "t.db") as agent:
        task = asyncio.create_task(agent.aask(BUILT))
        for _ in range(100):
            await asyncio.sleep(0.05)
            if openai_server.requests:
                break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(openai_server.client_left.wait, 10), "the model's request was closed"
        before = len(openai_server.requests)
        await asyncio.sleep(0.3)
        assert len(openai_server.requests) == before, "no further call was made for a cancelled run"


def test_closing_the_agent_ends_a_stream_and_the_models_request(tarn: Path, openai_server: Any) -> None:
    from passel.tools.chat import load_chat_model

    openai_server.mode = "slow"
    with Agent.from_corpus(tarn, model=load_chat_model("openai:any", base_url=openai_server.url)) as agent:
        events = agent.stream(BUILT)
        threading.Thread(target=lambda: (_until(lambda: bool(openai_server.requests)), agent.close())).start()
        with pytest.raises(PasselError, match="closed"):
            list(events)
        assert openai_server.client_left.wait(10)


def _until(done: Any) -> None:
    for _ in range(200):
        if done():
            return
        time.sleep(0.05)


@pytest.mark.parametrize("question", ["", "  \n", "x" * 9000])
def test_a_bad_question_is_refused_in_one_line(agent: Agent, question: str) -> None:
    with pytest.raises(UsageError, match="question"):
        agent.ask(question)
    with pytest.raises(UsageError):
        agent.ask("fine?", filters={"$bad": 1})


PLAN = ["Who built the Tarn Light?", "When was #1 born?"]


@pytest.mark.parametrize("history", [[{"role": "user", "content": BUILT}], ["ab"], [(BUILT,)], [(BUILT, None)]])
def test_a_history_of_something_else_than_pairs_is_refused(agent: Agent, history: Any) -> None:
    with pytest.raises(UsageError, match="no \\(question, answer\\) pair"):
        agent.ask("And who was she?", history=history)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Did Mirel Ostane build the Tarn Light?", "The Tarn Light is a lighthouse that Mirel Ostane built in 1840."),
        ("Was the Tarn Light built in 1840?", "The Tarn Light is a lighthouse that Mirel Ostane built in 1840."),
        ("Do you know who built the Tarn Light?", "Mirel Ostane"),
    ],
)
def test_a_yes_or_no_about_one_thing_is_what_the_text_says_of_it(agent: Agent, question: str, said: str) -> None:
    answer = agent.ask(question)
    assert answer.answer.startswith(f"{said} [1]")


def test_an_option_that_there_is_not_is_refused_by_name(agent: Agent) -> None:
    for ask in (agent.ask, agent.stream, agent.astream):
        with pytest.raises(UsageError, match="no option 'thred'") as refused:
            ask("Who?", thred="ann")
        assert "filters" in refused.value.hint
        assert "thread" in refused.value.hint
    with pytest.raises(UsageError, match="no option 'thred'"):
        agent.batch(["Who?"], thred="ann")


def test_a_budget_may_be_a_mapping(agent: Agent) -> None:
    asked = "How tall is the Tarn Light?"
    assert agent.ask(asked, budget={"looks": 0}).outcome == agent.ask(asked, budget=passel.Budget(looks=0)).outcome
    for wrong in ({"cals": 4}, {"calls": 0}, {"calls": "four"}, 4):
        with pytest.raises(UsageError, match="is no budget") as refused:
            agent.ask(asked, budget=wrong)
        assert "calls, tokens" in refused.value.hint
    with pytest.raises(UsageError, match="is no budget"):
        agent.batch([asked], budget={"cals": 4})


@pytest.mark.parametrize(
    ("wrong", "told"), [({"filters": {"year": {"$foo": 1}}}, r"\$foo"), ({"evidence_only": True, "thread": "t"}, "do not go together")]
)
async def test_a_batch_is_refused_before_any_of_it_runs(agent: Agent, wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        await agent.abatch([BUILT], **wrong)
    with pytest.raises(UsageError, match=told):
        await asyncio.to_thread(agent.batch, [BUILT], **wrong)
    with pytest.raises(UsageError, match="empty"):
        await agent.abatch([BUILT, " "])


def test_the_callers_own_plan(agent: Agent) -> None:
    answer = agent.ask("When was the builder of the Tarn Light born?", plan=PLAN)
    assert [sub.question for sub in answer.sub_questions] == PLAN
    assert answer.queries[-1].query == "When was Mirel Ostane born?"
    assert "1811" in answer.answer
    with pytest.raises(UsageError, match="sub-question 1 uses #2"):
        agent.ask(BUILT, plan=["Who is #2?", "Who else?"])
    with pytest.raises(UsageError, match="one plan cannot serve a batch"):
        agent.batch([BUILT], plan=PLAN)


def test_a_plan_belongs_to_the_question_and_outlives_a_waiting_run(agent: Agent) -> None:
    question = "When was the builder of the Tarn Light born?"
    waiting = agent.ask(question, plan=PLAN, thread="t", approve=["answer"])
    assert agent.ask(question, plan=PLAN, thread="t", approve=["answer"]).trace_id == waiting.trace_id
    answer = agent.resume("t", Decision(kind="approve"))
    assert isinstance(answer, Answer)
    assert (answer.trace_id, [sub.question for sub in answer.sub_questions]) == (waiting.trace_id, PLAN)
    agent.ask(question, plan=PLAN, thread="t", approve=["answer"])
    other = agent.ask(question, plan=PLAN[:1], thread="t")
    assert [sub.question for sub in other.sub_questions] == PLAN[:1], "another plan starts anew"
    assert agent.ask(question, thread="t").sub_questions == [], "a plan is not remembered for the next question"


def test_a_long_question_and_history_keep_the_checkpoint_small(tarn: Path, tmp_path: Path) -> None:
    with Agent.from_corpus(tarn, threads=tmp_path / "t.db") as agent:
        question = "Who built the Tarn Light " + "and who else had a hand in the building of it " * 100
        for _ in range(3):
            agent.ask(question, thread="t", history=[("x " * 3000, "y " * 3000)] * 40)
    assert sum(sqlite3.connect(tmp_path / "t.db").execute("SELECT length(checkpoint), length(metadata) FROM checkpoints").fetchone()) < 100_000


def test_conversations_of_other_corpora_and_filters_are_not_ours(agent: Agent, tmp_path: Path) -> None:
    agent.ask(BUILT, thread="shared")
    with Agent.from_documents(["Nothing much."], threads=tmp_path / "threads.sqlite3") as other:
        assert other.turns("shared") == []
    answer = agent.ask("When was she born?", thread="shared", filters={"source": "brackwater"})
    assert answer.queries[0].query == "When was she born?" if answer.queries else True
    assert "Mirel" not in str(answer.queries)


def test_a_conversation_is_of_the_corpus_and_not_of_its_folder(tmp_path: Path) -> None:
    folder, moved = tmp_path / "corpus", tmp_path / "moved"
    Corpus.open(folder, create=True).close()
    with Agent.from_corpus(folder, threads=tmp_path / "t.db") as agent:
        agent.ask(BUILT, thread="t")
    folder.rename(moved)
    Corpus.open(folder, create=True).close()
    with Agent.from_corpus(folder, threads=tmp_path / "t.db") as anew, Agent.from_corpus(moved, threads=tmp_path / "t.db") as old:
        assert anew.turns("t") == []
        assert len(old.turns("t")) == 1


def test_a_faults_text_is_for_the_log(agent: Agent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fails_with(error: Exception) -> Answer:
        def broken(*_: Any) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr("passel.graphs.judge._decide", broken)
            return agent.ask(BUILT)

    answer = fails_with(OSError("unable to open /home/secret/corpus"))
    assert (answer.outcome, answer.error) == ("failed", f"a fault inside: OSError (see the log; trace id {answer.trace_id})")
    assert "/home/secret" not in answer.model_dump_json()
    assert f"the run {answer.trace_id} failed" in caplog.text
    assert "/home/secret/corpus" in caplog.text
    assert fails_with(PasselError("the disk is full", "Make room.")).error == "the disk is full. Make room."


TURNS = """
import sys
from pathlib import Path
from passel.agent.agent import Agent
with Agent.from_corpus(sys.argv[1], threads=Path(sys.argv[2])) as agent:
    for n in range(3):
        agent.ask(f"Who built the Tarn Light, asked {sys.argv[3]} {n}?", thread="both")
"""


def test_two_processes_on_one_thread_lose_no_turn(tarn: Path, tmp_path: Path) -> None:
    threads = tmp_path / "threads.sqlite3"
    both = [subprocess.Popen([sys.executable, "-c", TURNS, str(tarn), str(threads), name]) for name in ("a", "b")]
    assert [process.wait(100) for process in both] == [0, 0]
    with Agent.from_corpus(tarn, threads=threads) as agent:
        assert len(agent.turns("both")) == 6


def test_a_closed_agent_says_so(tarn: Path) -> None:
    agent = Agent.from_corpus(tarn)
    agent.close()
    agent.close()
    with pytest.raises(PasselError, match="closed"):
        agent.ask(BUILT)


def test_a_broken_file_of_conversations_is_one_line(tarn: Path, tmp_path: Path) -> None:
    (tmp_path / "t.db").write_text("this is no database, and long enough to be looked at" * 20)
    with Agent.from_corpus(tarn, threads=tmp_path / "t.db") as agent, pytest.raises(PasselError, match="conversations"):
        agent.ask(BUILT, thread="t")


KILLED = """
import sys, threading, time, os
from pathlib import Path
from passel.agent.agent import Agent
import passel.graphs.rag as rag, passel.graphs.generate as generate

def stall(*args):                       # the run gets as far as generate and stays there
    Path(sys.argv[3]).write_text("there")
    time.sleep(60)

generate.extract = stall
with Agent.from_corpus(sys.argv[1], threads=Path(sys.argv[2])) as agent:
    agent.ask("Who built the Tarn Light?", thread="k")
"""


def test_after_kill_9_the_same_question_goes_on_where_it_was(tarn: Path, tmp_path: Path) -> None:
    threads, flag = tmp_path / "threads.sqlite3", tmp_path / "flag"
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(tarn), str(threads), str(flag)])
    for _ in range(600):
        if flag.exists():
            break
        time.sleep(0.1)
    assert flag.exists(), "the run never reached generate"
    process.kill()
    process.wait()
    with Agent.from_corpus(tarn, threads=threads) as agent:
        resumed = list(agent.stream(BUILT, thread="k"))
        assert {event.type for event in resumed} <= {"judged", "sentence", "answered"}, "it continued where it was, nothing was searched again"
        assert plain(resumed[-1].answer) == plain(agent.ask(BUILT))  # type: ignore[union-attr]
        other = list(agent.stream("How tall is the Tarn Light?", thread="k"))
        assert other[0].type == "planned", "another question starts anew"


def test_what_was_added_since_a_run_failed_is_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same question is asked again because something was missing: it begins anew; where nothing was added it goes on."""

    def broken(*_: Any) -> None:
        raise RuntimeError("the anchor slipped")

    no_looks = Budget(looks=0)
    captain = "Who is the captain of the Wren Ferry?"
    with Agent.from_documents(["The Wren Ferry crosses the Lathe twice a day."], threads=tmp_path / "t.db") as agent:

        def fails() -> None:
            with monkeypatch.context() as patch:
                patch.setattr("passel.graphs.judge._decide", broken)
                assert agent.ask(captain, thread="t", budget=no_looks).outcome == "failed"

        fails()
        assert [event.type for event in agent.stream(captain, thread="t", budget=no_looks)] == ["judged", "answered"], "it goes on"
        fails()
        agent.corpus.add([Document.from_text("The captain of the Wren Ferry is Odile Marsh.", source="new")])
        assert "Odile Marsh" in agent.ask(captain, thread="t", budget=no_looks).answer
