"""The command line: what it prints where, and with which exit code it ends. A real agent on four small files."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from passel.agent.commands.ask import cited, show_answer
from passel.agent.commands.demo import QUESTIONS, add_articles
from passel.agent.commands.graph import WHEN, mermaid
from passel.agent.commands.options import read_budget, read_filters
from passel.graphs.answer import Answer, Citation
from passel.graphs.rag import build_graph
from passel.tools.budget import Budget
from passel.tools.errors import UsageError
from passel.tools.lock import write_lock

HARBOUR = Path(__file__).parent.parent / "data" / "harbour"
QUESTION = "Who built the Mole Light?"


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PASSEL_HOME with the corpus `harbour`."""
    home = tmp_path_factory.mktemp("home")
    from passel.tools.corpus import Corpus

    with Corpus.open(home / "corpora" / "harbour", create=True) as corpus:
        corpus.index([HARBOUR])
    return home


@pytest.fixture
def home(indexed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PASSEL_HOME of the test's own, with a copy of the corpus `harbour`, in an empty folder."""
    for name in os.environ:
        if name.startswith("PASSEL_"):
            monkeypatch.delenv(name)
    own = tmp_path / "home"
    shutil.copytree(indexed, own)
    monkeypatch.setenv("PASSEL_HOME", str(own))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return own


@pytest.fixture
def passel(command_line: Callable[..., SimpleNamespace], home: Path) -> Callable[..., SimpleNamespace]:
    """Runs one command line in this process, in an empty folder and with that home."""
    return command_line


def process(*arguments: str | Path) -> SimpleNamespace:
    """Runs one command line in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "passel", *map(str, arguments)], capture_output=True, text=True, timeout=100, check=False)
    return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)


# ---- help, version, errors ----


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from passel.agent import cli; cli.run(['--help']); cli.run(['ask', '--help']); sys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "demo" in done.stdout
    heavy = {"torch", "transformers", "chromadb", "langchain", "langchain_core", "langgraph", "markitdown", "numpy"}
    assert not heavy & set(done.stderr.split())


def test_version(passel: Any) -> None:
    from passel import __version__

    result = passel("--version")
    assert (result.code, result.out.strip()) == (0, f"passel {__version__}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--nonsense"], "--nonsense"),
        (["nonsense"], "nonsense"),
        (["ask"], "QUESTION"),
        (["ask", QUESTION, "--corpus"], "--corpus"),
        (["ask", QUESTION, "--corpus", "no-such"], "no-such"),
        (["ask", " ", "--corpus", "harbour"], "empty"),
        (["ask", QUESTION, "--corpus", "harbour", "--budget", "calls"], "calls"),
        (["ask", QUESTION, "--corpus", "harbour", "--budget", "lunches=3"], "lunches"),
        (["ask", QUESTION, "--corpus", "harbour", "--filter", "tenant"], "tenant"),
        (["ask", QUESTION, "--corpus", "harbour", "--filter", '{"a": {"$near": 1}}'], "$near"),
        (["ask", QUESTION, "--corpus", "harbour", "--model", "nothing"], "nothing"),
        (["index", "no-such-folder"], "no-such-folder"),
        (["corpus", "info", "no-such"], "no-such"),
        (["graph", "--output", "x.gif"], "x.gif"),
        (["bench", "search", "--sizes", "many"], "many"),
        (["bench", "encode", "--file", "no-such.jsonl"], "no-such.jsonl"),
    ],
)
def test_wrong_usage_is_told_in_one_line_and_ends_with_2(passel: Any, arguments: list[str], said: str) -> None:
    result = passel(*arguments)
    assert result.code == 2
    assert result.out == ""
    first, *rest = result.err.strip().splitlines()
    assert first.startswith("passel: ")
    assert said in first
    assert "Traceback" not in result.err
    assert all(line.startswith(" ") for line in rest)  # the hint


def test_an_unknown_corpus_is_told_with_those_there_are(passel: Any) -> None:
    result = passel("ask", QUESTION, "--corpus", "harbor")
    assert "harbour" in result.err


def test_a_fault_of_ours_is_one_line_and_a_traceback_only_with_debug(passel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the anchor slipped\nand more")

    monkeypatch.setattr("passel.tools.corpus.Corpus.info", broken)
    result = passel("corpus", "info", "harbour")
    assert result.code == 1
    assert "passel: RuntimeError: the anchor slipped\n" in result.err
    assert "--debug" in result.err
    assert "Traceback" not in result.err
    for arguments in (["--debug", "corpus", "info", "harbour"], ["corpus", "info", "harbour", "--debug"]):
        assert "Traceback" in passel(*arguments).err
    monkeypatch.setattr("passel.graphs.judge._decide", broken)
    failed = passel("ask", QUESTION, "--corpus", "harbour")
    assert failed.code == 1
    assert "passel: a fault inside: RuntimeError (see the log; trace id " in failed.err
    assert "Run again with --debug" in failed.err
    monkeypatch.setenv("PASSEL_DEBUG", "1")
    assert "Traceback" in passel("corpus", "info", "harbour").err


def test_an_interruption_is_one_line_and_130(passel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("passel.tools.corpus.Corpus.info", interrupted)
    result = passel("corpus", "info", "harbour", "--json")
    assert (result.code, result.err) == (130, "passel: interrupted\n")
    assert result.json() == {"error": "interrupted"}


def test_nobody_who_reads_is_no_error(home: Path) -> None:
    piped = f"{sys.executable} -m passel corpus list | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", piped], capture_output=True, text=True, check=True)
    assert done.stderr == ""


# ---- index ----


def test_indexing_twice_adds_nothing(passel: Any) -> None:
    first = passel("index", HARBOUR, "--corpus", "new", "--json")
    assert first.code == 0
    report = first.json()
    assert (report["added"], report["unchanged"], report["refused"]) == (4, 0, [])
    assert report["passages"] == report["chroma"] == report["lexical"] > 0
    second = passel("index", HARBOUR, "--corpus", "new", "--json")
    assert second.code == 0
    assert {**second.json(), "seconds": 0} == {**report, "added": 0, "unchanged": 4, "seconds": 0}


def test_the_summary_says_what_was_refused_and_why(passel: Any, tmp_path: Path) -> None:
    shutil.copytree(HARBOUR, tmp_path / "docs")
    for n in range(25):
        (tmp_path / "docs" / f"empty{n:02}.md").write_text("")
    result = passel("index", tmp_path / "docs", "--corpus", "new")
    assert result.code == 0
    assert "4 added" in result.out
    assert "25 refused" in result.out
    assert "empty00.md: " in result.out
    assert "empty24.md" not in result.out
    assert "and 5 more" in result.out


def test_when_every_path_is_refused_nothing_was_done_and_the_exit_code_says_so(passel: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_text("")
    result = passel("index", tmp_path / "empty.md", "--corpus", "new", "--json")
    assert result.code == 1
    assert result.json()["refused"][0]["path"].endswith("empty.md")
    assert "nothing was indexed" in result.json()["error"]
    assert passel("index", tmp_path / "empty.md", "--corpus", "new").err.startswith("passel: nothing was indexed")


def test_a_corpus_of_nothing_does_not_stay(passel: Any, home: Path, tmp_path: Path) -> None:
    from passel.tools.corpus import Corpus

    (tmp_path / "empty").mkdir()
    own = tmp_path / "own"
    own.mkdir()
    for corpus in ("new", own):
        assert passel("index", tmp_path / "empty", "--corpus", corpus).code == 1
    assert "new" not in passel("corpus", "list").out
    assert not (home / "corpora" / "new").exists()
    assert not list(own.iterdir()), "the folder is the user's, and stays, empty as it was"
    Corpus.open(home / "corpora" / "void", create=True).close()
    assert passel("index", tmp_path / "empty", "--corpus", "void").code == 1
    assert "void" in passel("corpus", "list").out, "it was there before"


def test_a_path_that_is_not_there_makes_no_corpus(passel: Any, home: Path) -> None:
    result = passel("index", "nowhere", "--corpus", "new", "--json")
    assert result.code == 2
    assert "nowhere" in result.json()["error"]
    assert not (home / "corpora" / "new").exists()


def test_a_second_writer_gets_one_clear_line(passel: Any, home: Path) -> None:
    with write_lock(home / "corpora" / "harbour"):
        result = passel("index", HARBOUR, "--corpus", "harbour", "--json")
        meanwhile = passel("ask", QUESTION, "--corpus", "harbour")
        info = passel("corpus", "info", "harbour").out
    assert result.code == 1
    assert "harbour" in result.json()["error"]
    assert "--wait" in result.err
    assert meanwhile.code == 0
    assert meanwhile.err.startswith("The corpus may not hold everything yet: process ")
    assert "unfinished process " in info


# ---- corpus ----


def test_list_and_info(passel: Any, home: Path) -> None:
    assert "harbour" in passel("corpus", "list").out
    (listed,) = passel("corpus", "list", "--json").json()["corpora"]
    info = passel("corpus", "info", "harbour", "--json").json()
    assert listed["name"] == info["name"] == "harbour"
    assert info["documents"] == 4
    assert Path(info["path"]) == home / "corpora" / "harbour"
    assert "documents  4" in passel("corpus", "info", "harbour").out


def test_list_without_corpora_says_how_to_make_one(passel: Any, home: Path) -> None:
    shutil.rmtree(home)
    result = passel("corpus", "list")
    assert result.code == 0
    assert "passel index" in result.out
    assert passel("corpus", "list", "--json").json() == {"corpora": []}


def test_a_document_is_deleted(passel: Any) -> None:
    assert passel("corpus", "delete", "harbour", "--source", "stenmouth.md").code == 2  # nobody to ask
    result = passel("corpus", "delete", "harbour", "--source", "stenmouth.md", "--yes")
    assert result.code == 0
    assert passel("corpus", "info", "harbour", "--json").json()["documents"] == 3
    assert passel("corpus", "delete", "harbour", "--source", "stenmouth.md", "--yes").code == 2


def test_a_corpus_is_deleted_and_nothing_else(passel: Any, home: Path, tmp_path: Path) -> None:
    assert passel("corpus", "delete", "harbour").code == 2
    assert passel("corpus", "delete", "harbour", "--yes").code == 0
    assert not (home / "corpora" / "harbour").exists()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Dear Ida")
    assert passel("corpus", "delete", tmp_path / "letters", "--yes").code == 2
    assert (tmp_path / "letters" / "dear.txt").exists()


def test_files_of_others_in_a_corpus_folder_are_not_deleted(passel: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    assert passel("index", HARBOUR, "--corpus", folder).code == 0
    (folder / "thesis.txt").write_text("the only copy")
    result = passel("corpus", "delete", folder, "--yes")
    assert result.code == 0
    assert "holds other files: thesis.txt" in " ".join(result.out.split())
    assert [file.name for file in folder.iterdir()] == ["thesis.txt"]
    assert passel("corpus", "info", folder).code == 2


# ---- ask ----


def test_an_answer_stands_above_its_numbered_citations(passel: Any, home: Path) -> None:
    result = passel("ask", QUESTION, "--corpus", "harbour")
    assert result.code == 0
    assert "Ida Farrow" in result.out
    answer, _, citations = result.out.partition("\n\n")
    assert "[1]" in answer
    assert citations.startswith("[1] Mole Light (mole-light.md:")
    assert result.err == ""


@pytest.mark.parametrize(
    ("outcome", "confidence", "said"),
    [
        ("answered", 0.09, "Unsure: this is right with a probability of 9%."),
        ("partial", 0.004, "Unsure: this is right with a probability of less than 1%."),
        ("answered", 0.2, ""),
        ("partial", 0.0, ""),  # nothing was judged
        ("abstained", 0.0, ""),
    ],
)
def test_an_answer_that_is_probably_wrong_says_so(capsys: pytest.CaptureFixture[str], outcome: Any, confidence: float, said: str) -> None:
    for already in (False, True):  # its sentences were shown while they came
        show_answer(Answer(question=QUESTION, outcome=outcome, answer="Ida Farrow.", confidence=confidence), already=already)
        out = capsys.readouterr().out
        assert out == ("" if already else "Ida Farrow.\n") + (said and f"{said}\n")


def test_a_part_says_what_it_leaves_open(capsys: pytest.CaptureFixture[str]) -> None:
    show_answer(Answer(question=QUESTION, outcome="partial", answer="Ida Farrow.", missing=["When was the  Fallow Gate built?"]))
    assert capsys.readouterr().err == "(This is a part of the answer. Not found: When was the Fallow Gate built?)\n"


def test_a_long_quote_is_cut_at_a_word() -> None:
    long = Citation(passage_id="p", title="Mole Light", source="mole-light.md", span=(0, 1_050), quote="a lantern burns " * 65)
    shown = cited(1, long)
    assert len(shown) < 350
    assert shown.endswith((" a …”", " lantern …”", " burns …”"))
    short = long.model_copy(update={"quote": "x" * 300})
    assert cited(1, short).endswith(f" “{short.quote}”")


def test_json_is_the_published_form_and_its_citations_open_at_their_place(passel: Any, home: Path) -> None:
    from passel.tools.corpus import Corpus

    result = passel("ask", QUESTION, "--corpus", "harbour", "--json", "--trace")
    assert result.code == 0
    answer = Answer.model_validate(result.json())
    assert answer.outcome == "answered"
    assert "select" in result.err  # the trace does not stand on stdout
    with Corpus.open(home / "corpora" / "harbour") as corpus:
        for citation in answer.citations:
            document = corpus.document(citation.source)
            assert document is not None
            assert document[slice(*citation.span)] == citation.quote


def test_an_abstention_is_a_success_that_says_what_was_tried(passel: Any) -> None:
    question = "What is the boiling point of tungsten hexafluoride?"
    result = passel("ask", question, "--corpus", "harbour")
    assert result.code == 0
    assert question in result.out
    assert passel("ask", question, "--corpus", "harbour", "--json").json()["outcome"] == "abstained"


def test_an_empty_corpus_is_asked_and_abstains(passel: Any, home: Path) -> None:
    from passel.tools.corpus import Corpus

    Corpus.open(home / "corpora" / "void", create=True).close()
    result = passel("ask", QUESTION, "--corpus", "void", "--json")
    assert result.code == 0
    assert result.json()["outcome"] == "abstained"


def test_a_run_out_of_budget_is_told_and_no_failure(passel: Any) -> None:
    result = passel("ask", QUESTION, "--corpus", "harbour", "--budget", "seconds=0.000001", "--json")
    assert (result.code, result.json()["outcome"]) == (0, "out_of_budget")


def test_a_failure_is_an_answer_in_json_too(passel: Any) -> None:
    result = passel("ask", QUESTION, "--corpus", "no-such", "--json")
    answer = Answer.model_validate(result.json())
    assert result.code == 2
    assert (answer.outcome, answer.question) == ("failed", QUESTION)
    assert "no-such" in str(answer.error)
    wrong = passel("ask", QUESTION, "--jsn", "--json")
    assert (wrong.code, Answer.model_validate(wrong.json()).outcome) == (2, "failed")


def test_a_chat_model_that_cannot_be_reached_is_a_failure_with_one_line(passel: Any) -> None:
    arguments = ["ask", QUESTION, "--corpus", "harbour", "--model", "openai:none", "--base-url", "http://127.0.0.1:9/v1"]
    result = passel(*arguments, "--json")
    answer = Answer.model_validate(result.json())
    assert (result.code, answer.outcome) == (1, "failed")
    assert len(result.err.strip().splitlines()) == 1
    assert "127.0.0.1:9" in result.err


def test_filters_bind_what_is_found(passel: Any, tmp_path: Path) -> None:
    lines = [
        {"id": "a", "title": "Notice A", "text": "The harbour dues of Quell are four pence.", "year": 1990},
        {"id": "b", "title": "Notice B", "text": "The harbour dues of Quell are nine pence.", "year": "1991"},
    ]
    (tmp_path / "notices.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert passel("index", tmp_path / "notices.jsonl", "--corpus", "notices").code == 0
    for year, pence in (("1990", "four"), ("1991", "nine")):
        answer = passel("ask", "What are the harbour dues of Quell?", "--corpus", "notices", "--filter", f"year={year}", "--json").json()
        assert {candidate["passage_id"] for candidate in answer["candidates"]}
        assert all(pence in candidate["text"] for candidate in answer["candidates"])


def test_text_of_a_document_cannot_harm_the_terminal(passel: Any, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "crane.md").write_text("# Crane\n\nThe [bold]Crane[/bold] of Quell was \x1b[31mpainted\x1b[0m by Odd [/] Marlow.\n")
    assert passel("index", tmp_path / "docs", "--corpus", "crane").code == 0
    result = passel("ask", "Who painted the Crane of Quell?", "--corpus", "crane", "--trace")
    assert result.code == 0
    assert "\x1b" not in result.out + result.err
    assert "[bold]Crane[/bold]" in result.out


def test_a_real_process_prints_its_json_alone_and_the_next_one_remembers_its_thread(home: Path, passel: Any) -> None:
    first = process("ask", QUESTION, "--corpus", "harbour", "--thread", "t", "--json")
    assert (first.code, first.err) == (0, "")
    assert Answer.model_validate_json(first.out).outcome == "answered"
    assert first.out.count("\n") == 1
    second = passel("ask", "Where was she born?", "--corpus", "harbour", "--thread", "t", "--json").json()
    assert "Farrow" in second["queries"][0]["query"]
    assert "Stenmouth" in second["answer"]


# ---- demo, chat, graph, options ----


def test_the_demo_answers_its_questions_with_citations_that_open_at_their_place(passel: Any, home: Path) -> None:
    from passel.tools.corpus import Corpus

    (Path.cwd() / "demo").mkdir()  # a folder of that name must not be taken for the corpus
    first = passel("demo", "--json")
    assert first.code == 0
    answers = [Answer.model_validate(each) for each in first.json()]
    assert [answer.id for answer in answers] == list(QUESTIONS)
    assert [answer.outcome for answer in answers] == ["answered", "answered", "answered", "abstained"]
    with Corpus.open(home / "corpora" / "demo") as corpus:
        for answer in answers[:3]:
            assert answer.citations
            for citation in answer.citations:
                assert str(corpus.document(citation.source))[slice(*citation.span)] == citation.quote
    second = passel("demo")
    assert second.code == 0
    assert "0 added, 95 unchanged" in second.out
    assert all(answer.question.split("?")[0][:60] in second.out for answer in answers)
    assert "Try next" in second.out


def test_the_corpus_of_the_demo_follows_the_bundled_articles(home: Path) -> None:
    """Wherever the package lies now, and whatever an older version of it put there."""
    from passel.tools.corpus import Corpus
    from passel.tools.loaders import Document

    with Corpus.open(home / "corpora" / "old", create=True) as corpus:
        corpus.add([Document.from_text("Withdrawn.", source="withdrawn.md", title="Withdrawn")])
        report = add_articles(corpus)
        assert (report.added, report.removed) == (95, 0)
        assert "withdrawn.md" not in corpus.sources()
        assert add_articles(corpus).unchanged == 95


def test_chat_through_a_pipe(passel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"{QUESTION}\n\n/trace on\nWhere was she born?\n/forget\n/what\n/quit\nnever read\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    result = passel("chat", "--corpus", "harbour", "--thread", "t")
    assert result.code == 0
    assert f"> {QUESTION}" in result.out
    assert "Ida Farrow" in result.out
    assert "read as" in result.out  # the trace of the follow-up
    assert "Stenmouth" in result.out
    assert "/trace on|off" in result.out
    assert "never read" not in result.out
    assert "--thread t" in result.err
    assert "earlier question" not in result.err
    passel("ask", QUESTION, "--corpus", "harbour", "--thread", "t")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "1 earlier question" in passel("chat", "--corpus", "harbour", "--thread", "t").err  # what came before was forgotten


def test_chat_goes_on_after_a_question_that_failed(passel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("x" * 9_000 + f"\n{QUESTION}\n"))
    result = passel("chat", "--corpus", "harbour")
    assert "9000 characters" in result.err
    assert "Ida Farrow" in result.out
    assert result.code == 1


def test_the_picture_is_the_graph() -> None:
    drawn = build_graph().compile().get_graph()
    text = mermaid()
    assert text.startswith("flowchart LR")
    for edge in drawn.edges:
        assert any(line.split()[:1] == [edge.source] and line.split()[-1] == edge.target for line in text.splitlines())
    assert set(WHEN) == {(edge.source, edge.target) for edge in drawn.edges if edge.conditional}


def test_graph_is_printed_or_written(passel: Any) -> None:
    assert passel("graph").out.startswith("flowchart")
    assert passel("graph", "--output", "g.mmd").code == 0
    assert Path("g.mmd").read_text().startswith("flowchart")
    result = passel("graph", "--output", "no/such/folder/g.mmd")
    assert (result.code, result.err.count("\n")) == (1, 1)


def test_a_budget_is_read_onto_the_settings_one() -> None:
    base = Budget(calls=3)
    assert read_budget(None, base) is base
    assert read_budget("seconds=30, looks=0", base) == Budget(calls=3, seconds=30.0, looks=0)
    for bad in ("calls=x", "calls=0", "calls=1.5", "seconds=nan"):
        with pytest.raises(UsageError, match="--budget"):
            read_budget(bad, base)


def test_filters_are_read() -> None:
    assert read_filters(None) is None
    assert read_filters(["tenant=a"]) == {"tenant": "a"}
    for text in ("97898765432109876543", "NaN", "-Infinity", "1e999", "7e12345"):
        assert read_filters([f"isbn={text}"]) == {"isbn": text}, "no database holds it as a number"
    assert read_filters(["mass=1e30"]) == {"$or": [{"mass": "1e30"}, {"mass": 1e30}]}
    assert read_filters(["a=b=c"]) == {"a": "b=c"}
    assert read_filters(["source=12"]) == {"source": "12"}
    assert read_filters(["open=true"]) == {"$or": [{"open": "true"}, {"open": True}]}
    assert read_filters(['{"year": {"$gte": 1990}}', "t=a"]) == {"$and": [{"year": {"$gte": 1990}}, {"t": "a"}]}
    for bad in ("tenant", "=a", "{not json"):
        with pytest.raises(UsageError, match="--filter"):
            read_filters([bad])
