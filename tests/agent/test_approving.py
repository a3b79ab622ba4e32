"""Human in the loop: a run that waits, and goes on in this or another process; on the command line as well."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.agent.agent import Agent
from passel.agent.commands.approving import read_decision
from passel.agent.trace import trace
from passel.graphs.answer import Answer, Query, SelectedPassage, Usage, Verdict
from passel.graphs.decision import Decision
from passel.graphs.events import Answered, Event, Waiting
from passel.tools.budget import Budget
from passel.tools.errors import UsageError
from passel.tools.loaders import Document

BUILT = "Who built the Tarn Light?"
BORN = "Where was the builder of the Tarn Light born?"
PLAN = json.dumps({"sub_questions": [{"question": BUILT}, {"question": "Where was #1 born?"}]})
HOP = Query(query="Where was Mirel Ostane born?", reason="next_hop", sub_question=2)
APPROVE = Decision(kind="approve")


def plain(answer: Answer) -> dict[str, Any]:
    """An answer without what differs from run to run."""
    return answer.model_dump(exclude={"trace_id", "latency_ms", "usage"})


@pytest.fixture
def planning(tarn: Path, tmp_path: Path, fake_chat: Any) -> Iterator[Agent]:
    """Its chat model finds out in two steps where the builder was born, so that there is a look."""
    model = fake_chat.of(lambda messages: PLAN if "sub-questions" in str(messages[0].text) else "Mirel Ostane")
    with Agent.from_corpus(tarn, model=model, threads=tmp_path / "planning.sqlite3") as made:
        yield made


def waits(given: Answer | Waiting) -> Waiting:
    assert isinstance(given, Waiting), f"it does not wait: {given}"
    return given


def test_a_run_waits_before_its_answer_and_then_answers_as_it_would_have(agent: Agent) -> None:
    events = list(agent.stream(BUILT, thread="t", approve=["answer"]))
    assert [event.type for event in events][-2:] == ["judged", "waiting"]
    assert not any(event.type == "sentence" for event in events)
    waiting = events[-1]
    assert isinstance(waiting, Waiting)
    assert (waiting.step, waiting.verdict.kind, waiting.question) == ("answer", "answer", BUILT)
    assert "Tarn Light" in {passage.title for passage in waiting.selected}
    assert waiting.usage.searches == 1
    assert agent.turns("t") == []
    further = list(agent.stream_resume("t", APPROVE))
    assert [event.type for event in further] == ["decided", "sentence", "answered"]
    assert isinstance(last := further[-1], Answered)
    assert last.answer.trace_id == waiting.trace_id
    assert plain(last.answer) == plain(agent.ask(BUILT))
    assert agent.turns("t")[0][0] == BUILT
    assert agent.waiting("t") is None
    with pytest.raises(UsageError, match="nothing waits"):
        agent.resume("t", APPROVE)


async def test_the_async_twins_agree(agent: Agent) -> None:
    waiting = waits(await agent.aask(BUILT, thread="a", approve=["answer"]))
    assert (await agent.aresume("a", Decision(kind="approve", waiting=waiting.id))).answer == (await agent.aask(BUILT)).answer  # type: ignore[union-attr]
    assert [event.type async for event in agent.astream(BUILT, thread="b", approve=["answer"])][-1] == "waiting"
    assert [event.type async for event in agent.astream_resume("b", APPROVE)][-1] == "answered"


def test_refused_it_abstains_and_says_who_refused_what_and_why(agent: Agent) -> None:
    agent.ask(BUILT, thread="t", approve=["answer"])
    answer = agent.resume("t", Decision(kind="refuse", why="too  old\nsources"))
    assert isinstance(answer, Answer)
    assert answer.outcome == "abstained"
    assert "a person refused to answer (too old sources)" in answer.answer
    assert answer.selected, "what was found is shown all the same"


def test_a_look_waits_and_can_be_refused_or_given_other_queries(planning: Agent) -> None:
    waiting = waits(planning.ask(BORN, thread="t", approve=["look"]))
    assert waiting.step == "look"
    assert waiting.verdict.queries == [HOP]
    with pytest.raises(UsageError, match="asked before"):
        planning.resume("t", Decision(kind="edit", queries=[BORN.upper()]))
    with pytest.raises(UsageError, match="queries"):
        planning.resume("t", Decision(kind="edit", drop=["x"]))
    assert planning.waiting("t") == waiting, "a decision that does not fit changes nothing"
    further = list(planning.stream_resume("t", Decision(kind="edit", queries=["How tall is Mirel Ostane?", HOP.query])))
    searched = {event.query.query: event.query for event in further if event.type == "searched"}
    assert searched == {HOP.query: HOP, "How tall is Mirel Ostane?": Query(query="How tall is Mirel Ostane?", reason="person")}
    planning.forget("t")
    planning.ask(BORN, thread="t", approve=["look", "answer"])
    refused = planning.resume("t", Decision(kind="refuse"))
    assert isinstance(refused, Answer)
    assert (refused.outcome, len(refused.queries)) == ("abstained", 2)
    assert "a person refused to look again" in refused.answer


def test_a_passage_that_is_left_out_is_not_used_and_the_rest_is_judged_anew(agent: Agent) -> None:
    waiting = waits(agent.ask(BORN, thread="t", approve=["answer"]))
    assert len(waiting.selected) > 1
    dropped = waiting.selected[-1]
    with pytest.raises(UsageError, match="none is left"):
        agent.resume("t", Decision(kind="edit", drop=[passage.passage_id for passage in waiting.selected]))
    with pytest.raises(UsageError, match="not selected"):
        agent.resume("t", Decision(kind="edit", drop=["nothing"]))
    events = list(agent.stream_resume("t", Decision(kind="edit", drop=[dropped.passage_id])))
    assert [event.type for event in events][:2] == ["decided", "judged"]
    while isinstance(last := events[-1], Waiting):
        assert last.id != waiting.id
        assert dropped.passage_id not in {passage.passage_id for passage in last.selected}
        assert 0 < last.usage.evidence_tokens < waiting.usage.evidence_tokens
        assert last.verdict.signals["expected"] < waiting.verdict.signals["expected"] - dropped.relevance / 2, "not even as one left out"
        events = list(agent.stream_resume("t", APPROVE))
    assert isinstance(last, Answered)
    assert dropped.passage_id not in {passage.passage_id for passage in last.answer.selected}
    assert dropped.passage_id not in {citation.passage_id for citation in last.answer.citations}
    assert waits(agent.ask(BORN, thread="t", approve=["answer"])).selected == waiting.selected, "another run knows nothing of it"


ASKED = """
import sys
from pathlib import Path
from passel.agent.agent import Agent
with Agent.from_corpus(sys.argv[1], threads=Path(sys.argv[2])) as agent:
    print(agent.ask("Who built the Tarn Light?", thread="p", approve=["answer"]).id)
"""


def test_another_process_goes_on(tarn: Path, tmp_path: Path) -> None:
    threads = tmp_path / "threads.sqlite3"
    asked = subprocess.run([sys.executable, "-c", ASKED, str(tarn), str(threads)], capture_output=True, text=True, timeout=100, check=True)
    with Agent.from_corpus(tarn, threads=threads) as agent:
        waiting = waits(agent.waiting("p"))  # type: ignore[arg-type]
        assert waiting.id == asked.stdout.strip()
        answer = agent.resume("p", Decision(kind="approve", waiting=waiting.id))
        assert isinstance(answer, Answer)
        assert plain(answer) == plain(agent.ask(BUILT))


def test_a_stale_decision_decides_nothing(agent: Agent) -> None:
    old = waits(agent.ask(BUILT, thread="t", approve=["answer"]))
    assert waits(agent.ask(BUILT, thread="t", approve=["answer"])) == old, "asked once more, the same run waits on"
    new = waits(agent.ask("How tall is the Tarn Light?", thread="t", approve=["answer"]))
    with pytest.raises(UsageError, match="no longer waits"):
        agent.resume("t", Decision(kind="approve", waiting=old.id))
    assert agent.waiting("t") == new


def test_a_decision_goes_on_with_what_was_seen_and_the_same_question_with_what_is_there(tmp_path: Path) -> None:
    light = {"title": "Tarn Light", "text": "The Tarn Light is a lighthouse that Mirel Ostane built in 1840. It stands 39 metres high."}

    def written(town: str) -> None:
        agent.corpus.add([Document.from_text(f"{town} is a town. Its bridge was finished in 1799.", source=town, title=town)])

    with Agent.from_documents([light], threads=tmp_path / "t.db") as agent:
        seen = waits(agent.ask(BUILT, thread="t", approve=["answer"]))
        written("Brackwater")
        answer = agent.resume("t", Decision(kind="approve", waiting=seen.id))
        assert isinstance(answer, Answer)
        assert (answer.trace_id, len(answer.candidates)) == (seen.trace_id, 1)
        before = waits(agent.ask(BUILT, thread="t", approve=["answer"]))
        written("Lathe End")
        again = waits(agent.ask(BUILT, thread="t", approve=["answer"]))
        assert again.trace_id != before.trace_id
        assert agent.waiting("t") == again


def test_what_cannot_be_is_refused_before_anything_runs(agent: Agent) -> None:
    with pytest.raises(UsageError, match="needs a thread"):
        agent.ask(BUILT, approve=["answer"])
    with pytest.raises(UsageError, match="lunch"):
        agent.ask(BUILT, thread="t", approve=["lunch"])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="batch"):
        agent.batch([BUILT], thread="t", approve=["answer"])
    assert agent.waiting("t") is None
    for wrong in ({}, {"queries": [" "]}, {"queries": ["x"], "drop": ["y"]}, {"kind": "approve", "queries": ["x"]}, {"queries": ["x"] * 6}):
        with pytest.raises(ValueError):
            Decision.model_validate({"kind": "edit", **wrong})


def test_a_run_goes_on_under_the_budget_it_was_asked_with(tarn: Path, tmp_path: Path, fake_chat: Any) -> None:
    whole = json.dumps({"sub_questions": []})
    model = fake_chat.of(whole, whole, "Mirel Ostane built the Tarn Light. [1]")
    with Agent.from_corpus(tarn, model=model, threads=tmp_path / "t.db") as agent:
        agent.ask(BUILT, thread="t", approve=["answer"], budget=Budget(calls=1))
        answer = agent.resume("t", APPROVE)
        assert isinstance(answer, Answer)
        assert (answer.outcome, answer.usage.calls) == ("out_of_budget", 1)
        agent.ask(BUILT, thread="u", approve=["answer"], budget=Budget(calls=2))
        answer = agent.resume("u", APPROVE)
        assert isinstance(answer, Answer)
        assert (answer.outcome, answer.usage.calls) == ("answered", 2)


def test_asked_once_more_a_run_that_waits_keeps_its_budget_and_its_clock(tarn: Path, tmp_path: Path, fake_chat: Any) -> None:
    model = fake_chat.of(json.dumps({"sub_questions": []}), "Mirel Ostane built the Tarn Light. [1]")
    with Agent.from_corpus(tarn, model=model, threads=tmp_path / "t.db") as agent:

        async def kept() -> dict[str, Any]:
            threads, graph = await agent._open_threads()
            (waits,) = (await graph.aget_state(threads.config(agent._key("t")))).interrupts
            return dict(waits.value)

        agent.ask(BUILT, thread="t", approve=["answer"], budget=Budget(calls=1, seconds=50))
        before = agent._loop.run(kept())
        agent.ask(BUILT, thread="t", approve=["answer"], budget=Budget(calls=9, seconds=500))
        after = agent._loop.run(kept())
        assert (after["budget"], after["seconds"] >= before["seconds"]) == (before["budget"], True)
        answer = agent.resume("t", APPROVE)
        assert isinstance(answer, Answer)
        assert (answer.outcome, answer.usage.calls) == ("out_of_budget", 1)


def test_the_trace_shows_what_a_person_said(planning: Agent) -> None:
    from rich.console import Console

    events: list[Event] = list(planning.stream(BORN, thread="t", approve=["look"]))
    events += planning.stream_resume("t", Decision(kind="edit", queries=["How tall is Mirel Ostane?"]))
    assert isinstance(events[-1], Waiting), "the sub-question is still open"
    events += planning.stream_resume("t", Decision(kind="refuse", why="enough"))
    console = Console(width=140, file=io.StringIO(), color_system=None)
    console.print(trace(events))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "wants other queries: “How tall is Mirel Ostane?”" in shown
    assert "(person, " in shown
    assert "refuses: enough" in shown


# ---- what is typed ----


def waiting_for(step: str) -> Waiting:
    return Waiting(
        id="w",
        step=step,  # type: ignore[arg-type]
        question="Q?",
        verdict=Verdict(kind=step, why="why", queries=[Query(query="gap", reason="gap")]),  # type: ignore[arg-type]
        selected=[SelectedPassage(passage_id=id, title=id, text=id, relevance=0.5) for id in "abc"],
        queries=[Query(query="Q?", reason="question")],
        usage=Usage(),
        trace_id="t",
    )


def test_what_is_typed_is_read() -> None:
    look, answer = waiting_for("look"), waiting_for("answer")
    assert read_decision(" Y ", look) == Decision(kind="approve", waiting="w")
    assert read_decision("n it is late", answer) == Decision(kind="refuse", why="it is late", waiting="w")
    assert read_decision("e one; two ;", look) == Decision(kind="edit", queries=["one", "two"], waiting="w")
    assert read_decision("edit 3, 1 3", answer) == Decision(kind="edit", drop=["c", "a"], waiting="w")
    for typed in ("", "yes please", "e", "e ;", "e q?"):
        with pytest.raises(UsageError):
            read_decision(typed, look)
    for typed in ("e", "e 1 2 3", "e 0", "e 4", "e x"):
        with pytest.raises(UsageError):
            read_decision(typed, answer)


@settings(deadline=None)
@given(typed=st.text() | st.text(alphabet="yne 0123;,²", max_size=12), step=st.sampled_from(["look", "answer"]))
def test_whatever_is_typed_is_a_decision_that_fits_or_is_asked_again(typed: str, step: str) -> None:
    waiting = waiting_for(step)
    try:
        made = read_decision(typed, waiting)
    except UsageError:
        return
    assert made.waiting == "w"
    assert typed.strip().lower()[:1] == {"approve": "y", "refuse": "n", "edit": "e"}[made.kind], "never a guess"
    assert set(made.drop) < {"a", "b", "c"}
    assert not (made.queries and step == "answer") and not (made.drop and step == "look")  # noqa: PT018


# ---- the command line ----


@pytest.fixture
def passel(tarn: Path, command_line: Callable[..., SimpleNamespace], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SimpleNamespace]]:
    """`passel("y\\nn\\n", "ask", …)`: a command line over the corpus, with what is typed."""

    def run(typed: str, *arguments: str) -> SimpleNamespace:
        monkeypatch.setattr("sys.stdin", io.StringIO(typed))
        return command_line(*arguments, "--corpus", str(tarn))

    return run  # type: ignore[return-value]


def test_ask_asks_on_the_way(passel: Callable[..., SimpleNamespace]) -> None:
    told = passel("what?\ny\n", "ask", BUILT, "--thread", "cli", "--approve", "answer")
    assert told.code == 0
    assert "It wants to answer from" in told.err
    assert "neither yes, no nor edit" in told.err
    assert "Mirel Ostane" in told.out
    refused = passel("n because\n", "ask", BUILT, "--thread", "cli", "--approve", "look, answer", "--json")
    assert json.loads(refused.out)["outcome"] == "abstained"


def test_with_nobody_there_it_waits_and_the_same_command_goes_on(passel: Callable[..., SimpleNamespace]) -> None:
    left = passel("", "ask", BUILT, "--thread", "cli-2", "--approve", "answer")
    assert (left.code, left.out) == (0, "")
    assert "waits for your decision" in left.err
    in_json = passel("", "ask", BUILT, "--thread", "cli-2", "--approve", "answer", "--json")
    assert json.loads(in_json.out)["type"] == "waiting"
    assert "Mirel Ostane" in passel("yes\n", "ask", BUILT, "--thread", "cli-2", "--approve", "answer").out


@pytest.mark.parametrize(("arguments", "said"), [(["--approve", "answer"], "needs a thread"), (["--approve", "lunch", "--thread", "t"], "'lunch'")])
def test_wrong_usage_is_one_line(passel: Callable[..., SimpleNamespace], arguments: list[str], said: str) -> None:
    told = passel("", "ask", BUILT, *arguments)
    assert told.code == 2
    assert said in told.err


def test_chat_asks_on_the_way(passel: Callable[..., SimpleNamespace]) -> None:
    told = passel(f"{BUILT}\ny\nHow tall is it?\nn\n", "chat", "--thread", "cli-3", "--approve", "answer")
    assert told.code == 0
    assert "Mirel Ostane [1]" in told.out
    assert "a person refused to answer" in told.out
