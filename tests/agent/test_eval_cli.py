"""passel eval: what a command line writes where, that twice is the same, and that a killed run goes on as if nothing had been."""

from __future__ import annotations

import gzip
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from passel.agent.commands.eval import evaluate
from passel.graphs.answer import Answer
from passel.rerankers.default import WEIGHTS, pair_model
from passel.rerankers.selector.network import ListNetwork
from passel.rerankers.selector.selector import SELECTOR, save_network
from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.pair import PAIR, PairModel

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def passel(command_line: Callable[..., SimpleNamespace]) -> Callable[..., SimpleNamespace]:
    """Runs `passel eval …`; pools and vectors are those of the whole session."""
    return partial(command_line, "eval")


def strict(text: str) -> Any:
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


def result(file: Path) -> dict[str, Any]:
    found = strict(file.read_text())
    assert isinstance(found, dict)
    return found


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [strict(line) for line in file.read_text().splitlines()]


def figures(found: dict[str, Any]) -> dict[str, Any]:
    """All but what is never the same twice: clocks, and the command itself."""
    curves = [curve for curve in found["curves"] if curve["x"] != "milliseconds"]
    kept = {name: value for name, value in found.items() if name not in ("latency", "notes", "settings")}
    return {**kept, "curves": curves}


@pytest.fixture
def requests(tmp_path: Path) -> tuple[Path, Path]:
    """Three requests of a first stage that ranked them the wrong way round, and their judgements."""
    passages = ["The mill grinds buckwheat.", "The ferry leaves at noon.", "The light is 39 metres high."]
    rows = []
    for n, asked in enumerate(["What does the mill grind?", "When does the ferry leave?", "How high is the light?"]):
        order = [*(i for i in range(3) if i != n), n]
        hits = [{"qid": n, "docid": str(i), "content": passages[i], "rank": place, "score": 1.0} for place, i in enumerate(order)]
        rows.append({"query": asked, "hits": hits})
    (tmp_path / "requests.json").write_text(json.dumps(rows))
    (tmp_path / "qrels.txt").write_text("".join(f"{n} 0 {n} 1\n" for n in range(3)))
    return tmp_path / "requests.json", tmp_path / "qrels.txt"


# ---- what is written ----


@pytest.mark.parametrize(
    ("experiment", "options", "telling"),
    [
        ("retrieval", ["--setting", "distractor"], "all_gold@50"),
        ("selection", ["--compare", "fixed:2,gap"], "support_f1"),
        ("qa", ["--setting", "distractor", "--drop-gold", "all", "--rate", "0.5"], "f1"),
        ("abstain", [], "aurc"),
    ],
)
def test_json_predictions_and_a_page(passel: Any, invented: Any, experiment: str, options: list[str], telling: str) -> None:
    done = passel(experiment, invented.dev, "--limit", 6, *options, "--json", "r.json", "--predictions", "new/p.jsonl", "--html", "page.html")
    assert done.code == 0, done.err
    found = result(Path("r.json"))
    assert found["experiment"] == experiment
    assert telling in found["metrics"]
    for estimate in found["metrics"].values():
        assert set(estimate) == {"value", "low", "high"}
        assert estimate["low"] <= estimate["value"] <= estimate["high"]
    assert found["settings"]["command"].startswith(f"passel eval {experiment} ")
    assert "--json" not in found["settings"]["command"]
    rows = {row["id"]: row for row in invented.rows[:6]}
    ours = [line for line in lines_of(Path("new/p.jsonl")) if line["variant"] == "selector"]
    assert len(ours) == found["counts"]["questions"] == 6 - found["counts"].get("left out", 0)
    for line in ours:
        answer = Answer.model_validate(line)
        assert (answer.question, line["dataset"]) == (rows[line["id"]]["question"], "invented/dev")
        assert "gold_answerable" in line
    assert list(Path("new").iterdir()) == [Path("new/p.jsonl")]  # neither lock nor half a file
    page = Path("page.html").read_text()
    assert page.startswith("<!")
    assert all(row["question"] in page for row in rows.values() if row["id"] in {line["id"] for line in ours})
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "invented/dev" in done.out


def test_json_to_stdout_is_alone_there(passel: Any, invented: Any) -> None:
    done = passel("selection", invented.dev, "--limit", 3, "--json", "-")
    assert done.code == 0
    assert strict(done.out)["counts"]["questions"] == 3
    assert done.out.count("\n") == 1
    assert "support F1" in done.err  # the tables


def test_variants_are_written_beside_ours(passel: Any, invented: Any) -> None:
    assert passel("selection", invented.dev, "--limit", 5, "--compare", "fixed,gap,oracle", "--predictions", "p.jsonl").code == 0
    lines = lines_of(Path("p.jsonl"))
    ids = [row["id"] for row in invented.rows[:5]]
    for variant in ("selector", "fixed", "fixed at our tokens", "gap", "oracle"):
        assert [line["id"] for line in lines if line["variant"] == variant] == ids
    assert len(lines) == 25
    assert passel("qa", invented.dev, "--limit", 3, "--setting", "distractor", "--compare", "fixed:2", "--predictions", "q.jsonl").code == 0
    assert [line["variant"] for line in lines_of(Path("q.jsonl"))] == ["selector"] * 3 + ["fixed:2"] * 3


@pytest.fixture
def rivals(tmp_path: Path) -> dict[str, Path]:
    """Folders of weights: the bundled ones, a list policy that says something else, a pair model alone, nothing."""
    made = {name: tmp_path / "runs" / name for name in ("same", "other", "ranker", "nothing")}
    for folder in made.values():
        folder.mkdir(parents=True)
    shutil.copy(WEIGHTS / SELECTOR, made["same"])
    torch.manual_seed(0)
    save_network(ListNetwork(), made["other"] / SELECTOR)
    shutil.copy(WEIGHTS / PAIR, made["ranker"])
    return made


def test_selection_against_other_weights(passel: Any, invented: Any, rivals: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    forward, bundled = PairModel._forward, pair_model()

    def counted(self: PairModel, batch: Any, network: Any) -> Any:
        if self is bundled:
            read.append(len(batch))
        return forward(self, batch, network)

    monkeypatch.setattr(PairModel, "_forward", counted)
    options = ["--limit", 4, "--json", "r.json", "--predictions", "p.jsonl"]
    bundled._known.clear()
    assert passel("selection", invented.dev, *options).code == 0
    alone = sum(read)
    named = [option for name in ("same", "other", "ranker") for option in ("--against", rivals[name])]
    options = ["--limit", 4, "--json", "r.json", "--predictions", "q.jsonl"]
    read.clear()
    bundled._known.clear()
    assert passel("selection", invented.dev, *options, *named).code == 0
    assert sum(read) == alone > 0  # each pair was read once for all
    lines = lines_of(Path("q.jsonl"))
    variants = list(dict.fromkeys(line["variant"] for line in lines))
    assert [name.partition("@")[0] for name in variants] == ["selector", "ranker", "same", "other", "ranker"]
    table = next(table for table in result(Path("r.json"))["tables"] if table["title"] == "Ours against each variant")
    rows = {row["label"]: row["cells"] for row in table["rows"]}
    same, other, ranker = (next(cells for label, cells in rows.items() if label.startswith(name)) for name in ("same@", "other@", "ranker@"))
    assert {cell["value"] for cell in same[1:]} == {0.0}
    assert other[1]["value"] != 0.0
    ranked = [line for line in lines if line["variant"].endswith(" fixed")]
    assert len({len(line["selected"]) for line in ranked}) == 1
    assert ranker[0]["value"] > 0
    assert passel("selection", invented.dev, *options, *named).code == 0  # nothing is asked again
    assert lines_of(Path("q.jsonl")) == lines


def test_qa_against_other_weights(passel: Any, invented: Any, rivals: dict[str, Path]) -> None:
    done = passel("qa", invented.dev, "--limit", 2, "--setting", "distractor", "--against", rivals["same"], "--json", "r.json")
    assert done.code == 0, done.err
    table = next(table for table in result(Path("r.json"))["tables"] if table["title"] == "Ours against each variant")
    (row,) = table["rows"]
    assert {cell["value"] for cell in row["cells"][1:]} == {0.0}


@pytest.mark.parametrize(
    ("experiment", "name", "said"),
    [("selection", "nothing", "holds neither selector.safetensors nor pair.safetensors"), ("qa", "ranker", "ranker holds no list policy")],
)
def test_against_what_is_no_rival(passel: Any, invented: Any, rivals: dict[str, Path], experiment: str, name: str, said: str) -> None:
    is_wrong_usage(passel(experiment, invented.dev, "--limit", 1, "--against", rivals[name]), said)


def test_a_decomposition_is_followed_hop_by_hop_beside_the_agents_own_plan(passel: Any, invented: Any) -> None:
    file = invented.write("in-steps", [*invented.in_steps[:3], *({**row, "decomposition": None} for row in invented.in_steps[3:5])])
    done = passel("qa", file, "--decomposed", "--json", "r.json", "--predictions", "p.jsonl", "--html", "page.html", "--results", "kept")
    assert done.code == 0, done.err
    found = result(Path("r.json"))
    assert (found["counts"]["questions"], found["counts"]["without a decomposition"]) == (3, 2)
    assert found["tables"][0]["title"].startswith("Hop by hop")
    assert {"hop_1_candidates", "hop_1_em", "hop_2_selected"} <= found["metrics"].keys()
    against = next(table for table in found["tables"] if table["title"] == "Ours against each variant")
    assert [row["label"] for row in against["rows"]] == ["its own plan"]
    lines = lines_of(Path("p.jsonl"))
    assert [(line["variant"], bool(line["sub_questions"])) for line in lines] == [("selector", True)] * 3 + [("its own plan", False)] * 3
    assert [path.name for path in Path("kept").iterdir()] == ["qa-invented_in-steps-pool-decomposed.jsonl.xz"]
    assert "(pool; decomposed)" in passel("report", "kept").out
    refused = passel("qa", file, "--setting", "pool", "--predictions", "p.jsonl")
    assert refused.code == 2, "what was asked otherwise is another run"


def test_a_misspelt_title_of_evidence_is_said(passel: Any, encoder: Any, tmp_path: Path) -> None:
    with Corpus.open(tmp_path / "ferries", encoder=encoder, create=True) as corpus:
        corpus.add([Document.from_text(f"The {name} ferry leaves at noon.", source=name, title=name) for name in ("Wren", "Lapwing")])
    rows = [{"id": name, "question": f"When does the {name} leave?", "answers": ["noon"], "gold_titles": [name]} for name in ("Wren", "Lapwnig")]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = passel("retrieval", tmp_path / "q.jsonl", "--corpus", tmp_path / "ferries")
    assert done.code == 0, done.err
    said = "1 of 2 questions name evidence by a title that no document of corpus 'ferries' has, letter for letter ('Lapwnig' …)"
    assert said in " ".join(done.err.split())


def test_conversations_are_condensed_and_compared_with_the_last_turn_alone(passel: Any, invented: Any) -> None:
    file = invented.write("in-conversation", invented.in_conversation)
    options = ("--setting", "pool", "--condensed", "--json", "r.json", "--predictions", "p.jsonl")
    done = passel("selection", file, *options)
    assert done.code == 0, done.err
    found = result(Path("r.json"))
    assert {name: found["counts"][name] for name in ("questions", "scored", "with a conversation", "changed by it")} == {
        "questions": 12, "scored": 11, "with a conversation": 12, "changed by it": 12,
    }  # fmt: skip
    lines = lines_of(Path("p.jsonl"))
    assert [line["variant"] for line in lines] == ["selector"] * 12 + ["last turn alone"] * 12
    assert all("Where was the director born?" in line["question"] for line in lines)
    assert len({line["question"] for line in lines}) == 13, "the last turn alone is the same of all"
    against = next(table for table in found["tables"] if table["title"] == "Ours against each variant")
    assert [row["label"] for row in against["rows"]] == ["last turn alone"]
    changed = next(table for table in found["tables"] if table["title"].endswith("where the conversation changed the question"))
    gain = changed["rows"][0]["cells"][changed["columns"].index("recall")]
    assert gain["low"] > 0, "a director who is not named cannot be found"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["qa", "--decomposed"], "no question has a decomposition"), (["selection", "--condensed"], "no question has a conversation before it")],
)
def test_data_without_decompositions_or_conversations(passel: Any, invented: Any, arguments: list[str], said: str) -> None:
    refused = passel(arguments[0], invented.dev, *arguments[1:], "--limit", 3)
    assert refused.code == 2
    assert said in refused.err


def test_rerank(passel: Any, requests: tuple[Path, Path]) -> None:
    file, qrels = requests
    for reranker, first in (("none", False), ("pointwise", True)):
        outputs = ["--json", f"{reranker}.json", "--predictions", f"{reranker}.jsonl", "--html", "p.html"]
        done = passel("rerank", file, "--qrels", qrels, "--reranker", reranker, *outputs)
        assert done.code == 0, done.err
        found = result(Path(f"{reranker}.json"))
        assert (found["metrics"]["MRR"]["value"] == 1.0) == first
        assert len(lines_of(Path(f"{reranker}.jsonl"))) == 3
    again = passel("rerank", file, "--qrels", qrels, "--json", "again.json", "--predictions", "pointwise.jsonl")
    assert again.code == 0
    assert figures(result(Path("again.json"))) == figures(result(Path("pointwise.json")))
    kept = lines_of(Path("pointwise.jsonl"))
    assert len(kept) == 3
    failed = [{**kept[0], "outcome": "failed", "error": "TimeoutError: late"}, *kept[1:]]
    Path("pointwise.jsonl").write_text("".join(json.dumps(line) + "\n" for line in failed))
    assert passel("rerank", file, "--qrels", qrels, "--predictions", "pointwise.jsonl").code == 0
    assert [(line["id"], line["outcome"]) for line in lines_of(Path("pointwise.jsonl"))] == [(line["id"], line["outcome"]) for line in kept]
    assert passel("rerank", file, "--qrels", qrels, "--reranker", "none", "--predictions", "pointwise.jsonl").code == 2


def test_kept_runs_and_their_report(passel: Any, invented: Any) -> None:
    assert passel("selection", invented.dev, "--limit", 8, "--json", "s.json", "--results", "kept").code == 0
    assert passel("retrieval", invented.dev, "--limit", 8, "--results", "kept").code == 0
    done = passel("report", "kept")
    assert done.code == 0
    value = result(Path("s.json"))["headline"]["support F1"]["value"]
    assert f"| invented/dev (distractor; limit 8) | 8 | {value:.3f} (" in done.out
    assert "`passel eval selection invented/dev.jsonl --limit 8`" in done.out
    Path("README.md").write_text("# A\n\n<!-- results: written by `passel eval report --write README.md` -->\n<!-- end of results -->\n\nB\n")
    assert passel("report", "kept", "--write", "README.md").code == 0
    written = Path("README.md").read_text()
    assert done.out.strip() in written
    assert written.startswith("# A\n")
    assert written.endswith("\n\nB\n")
    Path("no-marks.md").write_text("# A\n")
    is_wrong_usage(passel("report", "kept", "--write", "no-marks.md"), "no-marks.md")


# ---- twice the same; killed and resumed ----


@pytest.mark.parametrize(
    ("experiment", "options"),
    [("selection", ["--limit", "8", "--compare", "fixed,gap"]), ("retrieval", ["--limit", "8"]), ("abstain", ["--limit", "6", "--drop-gold", "one"])],
)
def test_run_twice_it_says_the_same(passel: Any, invented: Any, experiment: str, options: list[str]) -> None:
    for n in (1, 2):
        assert passel(experiment, invented.dev, *options, "--json", f"{n}.json", "--jobs", n).code == 0
    first, second = (result(Path(f"{n}.json")) for n in (1, 2))
    assert figures(first) == figures(second)
    assert json.dumps(figures(first)) == json.dumps(figures(second))  # in the same order too


SLOW = """
import sys, time
from passel.agent import cli
from passel.evals.experiments import selection
candidates = selection.candidates
def slowly(*given):
    time.sleep(0.1)
    return candidates(*given)
selection.candidates = slowly
sys.exit(cli.run(sys.argv[1:]))
"""
"""The command line with a first stage so slow that a kill meets it in the middle."""


def killed(file: Path, predictions: Path, *options: str) -> bytes:
    """Starts a run in a process of its own, kills it when some lines are there, and gives what it left."""
    arguments = [sys.executable, "-c", SLOW, "eval", "selection", str(file), "--predictions", str(predictions), *options]
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 100
        while not predictions.exists() or predictions.read_bytes().count(b"\n") < 4:
            assert running.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
    return predictions.read_bytes()


def test_killed_and_resumed_it_says_the_same_as_uninterrupted(passel: Any, invented: Any) -> None:
    compared = ["--compare", "fixed,threshold,gap"]
    assert passel("selection", invented.dev, *compared, "--json", "whole.json", "--predictions", "whole.jsonl").code == 0
    predictions = Path("p.jsonl")
    left = killed(invented.dev, predictions, *compared)
    begun = left[: left.rindex(b"\n") + 1]
    assert 4 <= begun.count(b"\n") < len(invented.rows)  # in the middle indeed
    predictions.write_bytes(begun + b'{"id": "where-7", "question": "Wh')  # and as if it had died while writing
    done = passel("selection", invented.dev, *compared, "--json", "resumed.json", "--predictions", predictions)
    assert done.code == 0, done.err
    whole, resumed = result(Path("whole.json")), result(Path("resumed.json"))
    assert figures(resumed) == figures(whole)
    keys = [(line["id"], line["variant"]) for line in lines_of(predictions)]
    assert len(set(keys)) == len(keys)
    assert keys == [(line["id"], line["variant"]) for line in lines_of(Path("whole.jsonl"))]
    before = {line["id"]: line for line in map(json.loads, begun.splitlines())}
    kept = [line for line in lines_of(predictions) if line["id"] in before and line["variant"] == "selector"]
    assert kept == list(before.values())  # not asked again


def test_an_interrupted_run_goes_on_at_its_next_question(passel: Any, invented: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from passel.evals.experiments import selection

    asked: list[str] = []
    candidates = selection.candidates

    def interrupted(corpus: Any, question: Any, setting: Any) -> Any:
        if len(asked) == 5:
            asked.append("")
            raise KeyboardInterrupt
        asked.append(question.id)
        return candidates(corpus, question, setting)

    monkeypatch.setattr(selection, "candidates", interrupted)
    done = passel("selection", invented.dev, "--predictions", "p.jsonl")
    assert (done.code, done.err.splitlines()[-1]) == (130, "passel: interrupted")
    assert len(lines_of(Path("p.jsonl"))) == 5
    assert passel("selection", invented.dev, "--predictions", "p.jsonl").code == 0
    assert sorted(asked) == sorted(["", *(row["id"] for row in invented.rows)])


def test_a_longer_run_goes_on_from_a_shorter_one(passel: Any, invented: Any) -> None:
    assert passel("selection", invented.dev, "--limit", 3, "--predictions", "p.jsonl").code == 0
    first = Path("p.jsonl").read_bytes()
    assert passel("selection", invented.dev, "--limit", 6, "--predictions", "p.jsonl").code == 0
    assert Path("p.jsonl").read_bytes().startswith(first)
    assert [line["id"] for line in lines_of(Path("p.jsonl"))] == [row["id"] for row in invented.rows[:6]]


def test_a_shorter_comparison_does_not_lose_the_longer_runs_predictions(passel: Any, invented: Any) -> None:
    assert passel("selection", invented.dev, "--limit", 8, "--predictions", "p.jsonl").code == 0
    assert passel("selection", invented.dev, "--limit", 2, "--compare", "gap", "--predictions", "p.jsonl").code == 0
    assert {row["id"] for row in invented.rows[:8]} <= {line["id"] for line in lines_of(Path("p.jsonl"))}


def test_a_longer_qa_comparison_says_the_same_from_scratch_and_from_a_shorter_one(passel: Any, invented: Any) -> None:
    compared = ["--setting", "distractor", "--compare", "fixed"]
    for limit in (1, 6):
        assert passel("qa", invented.dev, "--limit", limit, *compared, "--predictions", "p.jsonl", "--json", "longer.json").code == 0
    assert passel("qa", invented.dev, "--limit", 6, *compared, "--json", "scratch.json").code == 0
    assert figures(result(Path("longer.json"))) == figures(result(Path("scratch.json")))


# ---- failures ----


def test_a_question_that_fails_is_a_line_and_counted(passel: Any, invented: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from passel.evals.experiments import selection

    candidates, bad = selection.candidates, invented.rows[2]["id"]

    def failing(corpus: Any, question: Any, setting: Any) -> Any:
        if question.id == bad:
            raise RuntimeError("the anchor\nslipped")
        return candidates(corpus, question, setting)

    monkeypatch.setattr(selection, "candidates", failing)
    done = passel("selection", invented.dev, "--limit", 4, "--json", "r.json", "--predictions", "p.jsonl")
    assert done.code == 0
    assert result(Path("r.json"))["counts"]["failed"] == 1
    assert "1 failed" in done.out
    lines = lines_of(Path("p.jsonl"))
    assert [line["outcome"] == "failed" for line in lines] == [False, False, True, False]
    assert lines[2]["error"] == "RuntimeError: the anchor slipped"
    monkeypatch.setattr(selection, "candidates", candidates)
    assert passel("selection", invented.dev, "--limit", 4, "--json", "mended.json", "--predictions", "p.jsonl").code == 0
    assert passel("selection", invented.dev, "--limit", 4, "--json", "whole.json").code == 0
    assert figures(result(Path("mended.json"))) == figures(result(Path("whole.json")))  # only what failed was asked again
    again = lines_of(Path("p.jsonl"))
    assert [again[n] for n in (0, 1, 3)] == [lines[n] for n in (0, 1, 3)]
    assert again[2]["outcome"] == "answered"


def test_when_every_question_fails_the_run_has_failed(passel: Any, invented: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise RuntimeError("the anchor slipped")

    monkeypatch.setattr("passel.evals.experiments.selection.candidates", failing)
    done = passel("selection", invented.dev, "--limit", 3, "--json", "r.json")
    assert done.code == 1
    assert done.err.splitlines()[-1] == "passel: every question failed, the first with: RuntimeError: the anchor slipped"
    assert result(Path("r.json"))["metrics"]["support_f1"] == {"value": 0.0, "low": 0.0, "high": 0.0}


@pytest.mark.parametrize("experiment", ["retrieval", "selection", "qa", "abstain"])
def test_questions_without_any_label_are_asked(passel: Any, invented: Any, experiment: str) -> None:
    outputs = ["--json", "r.json", "--html", "p.html", "--predictions", "p.jsonl", "--results", "kept"]
    done = passel(experiment, invented.unlabelled, "--limit", 2, *outputs)
    assert done.code == 0, done.err
    found = result(Path("r.json"))
    assert (found["metrics"], found["counts"]["questions"], found["counts"]["scored"]) == ({}, 2, 0)
    assert len(lines_of(Path("p.jsonl"))) == 2
    assert passel("report", "kept").code == 0


# ---- wrong usage ----


def is_wrong_usage(done: SimpleNamespace, said: str) -> None:
    assert done.code == 2, done.err
    assert done.out == ""
    told = [line for line in done.err.strip().splitlines() if not line.startswith(("the pool: ", "dropping gold ", "questions "))]
    assert told[0].startswith("passel: ")
    assert said in told[0]
    assert all(line.startswith(" ") for line in told[1:])  # the hint
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "nonsense"),
        (["selection"], "DATA"),
        (["selection", "no-such.jsonl"], "no-such.jsonl"),
        (["selection", "DEV", "--compare", "nonsense"], "'nonsense' is no cut rule"),
        (["selection", "DEV", "--compare", "fixed:0"], "fixed:0"),
        (["selection", "DEV", "--compare", ","], "--compare"),
        (["qa", "DEV", "--compare", "oracle"], "oracle"),
        (["selection", "DEV", "--rate", "1.5"], "--rate"),
        (["selection", "DEV", "--rate", "often"], "--rate"),
        (["selection", "DEV", "--drop-gold", "some"], "--drop-gold"),
        (["selection", "DEV", "--limit", "0"], "--limit"),
        (["selection", "DEV", "--jobs", "0"], "--jobs"),
        (["selection", "DEV", "--setting", "somewhere"], "--setting"),
        (["selection", "DEV", "--budget", "lunches=3"], "lunches"),
        (["selection", "DEV", "DEV"], "named twice"),
        (["selection", "DEV", "--corpus", "no-such"], "no-such"),
        (["selection", "DEV", "--html", "no/such/folder/x.html"], "no/such/folder"),
        (["selection", "DEV", "--json", "no/such/folder/x.json"], "no/such/folder"),
        (["abstain", "DEV", "--drop-gold", "all", "--corpus", "no-such"], "not from a corpus"),
        (["abstain", "DEV", "--rate", "0.2"], "--drop-gold"),
        (["qa", "DEV", "--model", "nothing"], "nothing"),
        (["rerank", "DEV"], "--qrels"),
        (["rerank", "no-such.json", "--qrels", "DEV"], "no-such.json"),
        (["report", "no-such-folder"], "no-such-folder"),
    ],
)
def test_wrong_usage_is_told_in_one_line_and_ends_with_2(passel: Any, invented: Any, arguments: list[str], said: str) -> None:
    is_wrong_usage(passel(*(str(invented.dev) if word == "DEV" else word for word in arguments)), said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "data.jsonl is empty"),
        ("\n \n", "data.jsonl is empty"),
        ('{"id": "1", "question": "Who?"}\n{"id": "2", "question": \n', "data.jsonl:2: not JSON"),
        ('{"id": "1", "question": "Who?"}\n\nnot json\n', "data.jsonl:3: not JSON"),
        ('{"id": "1", "question": "Who?"}\n[1]\n', "data.jsonl:2: not a JSON object"),
        ('{"id": "1", "question": "Who?"}\n{"id": "2"}\n', "data.jsonl:2: it has no `question`"),
        ('{"id": "1", "question": "Who?", "passages": [{"title": "T"}]}\n', "data.jsonl:1: passages[0]: it has no `text`"),
        ('{"id": "1", "question": "Who?"}\n{"id": "1", "question": "What?"}\n', "the id '1' is there twice"),
        ('{"id": "1", "question": "Who?"}\n', "no passages"),
    ],
)
def test_a_data_file_that_cannot_be_read_is_named_with_its_line(passel: Any, content: str, said: str) -> None:
    Path("data.jsonl").write_text(content)
    is_wrong_usage(passel("selection", "data.jsonl"), said)


def test_predictions_of_another_run_are_left_alone(passel: Any, invented: Any) -> None:
    assert passel("selection", invented.dev, "--limit", 2, "--predictions", "p.jsonl").code == 0
    before = Path("p.jsonl").read_bytes()
    for other in (["--setting", "pool"], ["--seed", "1"], ["--drop-gold", "one"], ["--budget", "evidence_tokens=99"]):
        is_wrong_usage(passel("selection", invented.dev, "--limit", 2, "--predictions", "p.jsonl", *other), "another run")
    is_wrong_usage(passel("selection", invented.permuted, "--predictions", "p.jsonl"), "another run")
    is_wrong_usage(passel("retrieval", invented.dev, "--setting", "distractor", "--predictions", "p.jsonl"), "another run")
    assert Path("p.jsonl").read_bytes() == before
    Path("notes.txt").write_text("Buy milk.\n")
    is_wrong_usage(passel("selection", invented.dev, "--predictions", "notes.txt"), "notes.txt:1 is no prediction")
    assert Path("notes.txt").read_text() == "Buy milk.\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--json", "data.jsonl"], "would be overwritten"),
        (["--html", "./data.jsonl"], "would be overwritten"),
        (["--json", "same", "--predictions", "same"], "name the same file"),
    ],
)
def test_nothing_that_is_read_or_written_is_overwritten(passel: Any, invented: Any, options: list[str], said: str) -> None:
    shutil.copy(invented.dev, "data.jsonl")
    is_wrong_usage(passel("retrieval", "data.jsonl", "--limit", 1, *options), said)
    assert Path("data.jsonl").read_bytes() == invented.dev.read_bytes()


def test_the_files_of_a_data_folder_are_not_overwritten(passel: Any) -> None:
    Path("beir").mkdir()
    Path("beir/queries.jsonl").write_text('{"_id": "q1", "text": "ferry"}\n')
    is_wrong_usage(passel("retrieval", "beir", "--json", "beir/queries.jsonl"), "would be overwritten")


def test_a_compressed_file_is_to_be_unpacked(passel: Any, invented: Any) -> None:
    Path("data.jsonl.gz").write_bytes(gzip.compress(invented.dev.read_bytes()))
    is_wrong_usage(passel("retrieval", "data.jsonl.gz"), "is compressed")


@pytest.mark.parametrize("option", ["--json", "--html", "--predictions", "--results"])
def test_a_place_that_cannot_be_written_is_said_before_the_work(passel: Any, invented: Any, option: str) -> None:
    Path("folder").mkdir()
    Path("file").write_text("")
    place = "file" if option == "--results" else "folder"
    done = passel("selection", invented.dev, "--limit", 1, option, place)
    is_wrong_usage(done, place)
    assert "questions" not in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["no-such.jsonl"]),
        ["--rate", "2", "no-such.jsonl"],
    ],
)
def test_a_failure_is_json_too_where_stdout_is_asked_for(passel: Any, arguments: list[str]) -> None:
    done = passel("selection", *arguments, "--json", "-")
    assert done.code == 2
    assert set(strict(done.out)) == {"error"}


# ---- a mixture; the reader alone ----


@pytest.fixture
def barns(tmp_path: Path) -> Path:
    """Questions about one paragraph each, the last without an answer."""
    rows = []
    for n in range(4):
        text = f"The barn with the number {n} was painted by Odo Tressin in {1700 + n}."
        asked = f"When was the barn with the number {n} painted?" if n < 3 else "Which river flows through the town of Velby?"
        rows.append({"id": f"barn-{n}", "title": f"Barn {n}", "context": text, "question": asked, "answers": [f"{1700 + n}"] if n < 3 else []})
    (tmp_path / "barns").mkdir()
    (tmp_path / "barns" / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "barns" / "dev.jsonl"


@pytest.fixture
def few(tmp_path: Path, invented: Any) -> Path:
    """The first six multi-hop questions."""
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in invented.rows[:6]))
    return tmp_path / "few" / "dev.jsonl"


@pytest.mark.parametrize("mixed", ["all", "even"])
def test_a_mixture_is_compared_with_the_best_fixed_k(passel: Any, few: Path, barns: Path, mixed: str) -> None:
    outputs = ["--json", "r.json", "--predictions", "p.jsonl", "--html", "page.html", "--results", "kept"]
    done = passel("selection", few, barns, "--mixed", mixed, *outputs)
    assert done.code == 0, done.err
    found = result(Path("r.json"))
    assert found["settings"]["mixed"] == mixed
    assert f"--mixed {mixed}" in found["settings"]["command"]
    lines = [line for line in lines_of(Path("p.jsonl")) if line["variant"] == "selector"]
    asked = [line["dataset"] for line in lines]
    assert (asked.count("few/dev"), asked.count("barns/dev")) == (6, 3)
    assert 0 < asked.count("few/dev dropped") <= 6
    assert found["counts"]["questions"] == len(lines)
    compared = next(table for table in found["tables"] if table["title"] == "Ours against each variant")
    assert [row["label"] for row in compared["rows"]] == ["fixed", "fixed at our tokens"]
    assert {line["variant"] for line in lines_of(Path("p.jsonl"))} == {"selector", "fixed", "fixed at our tokens"}
    by_set = next(table for table in found["tables"] if table["title"] == "By data set")
    assert {row["label"] for row in by_set["rows"]} == set(asked)
    assert f"few/dev, barns/dev (distractor; mixed, {mixed}) | {len(lines)} |" in passel("report", "kept").out
    resumed = passel("selection", few, barns, "--mixed", mixed, "--json", "again.json", "--predictions", "p.jsonl")
    assert resumed.code == 0
    assert figures(result(Path("again.json"))) == figures(found)


def test_even_and_all_are_other_runs(passel: Any, few: Path, barns: Path) -> None:
    assert passel("selection", few, barns, "--mixed", "even", "--predictions", "p.jsonl", "--results", "kept").code == 0
    for others in (["--mixed", "all"], []):
        assert passel("selection", few, barns, *others, "--results", "kept").code == 0
    assert len(list(Path("kept").iterdir())) == 3  # none replaces another
    is_wrong_usage(passel("selection", few, barns, "--mixed", "all", "--predictions", "p.jsonl"), "another run")
    is_wrong_usage(passel("selection", few, barns, "--predictions", "p.jsonl"), "another run")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["FEW"], "--mixed needs single-evidence questions"),
        (["BARNS"], "--mixed needs multi-hop questions"),
        (["FEW", "BARNS", "--limit", "3"], "--mixed makes its own choice of questions"),
        (["FEW", "BARNS", "--drop-gold", "one"], "--mixed makes its own choice of questions"),
        (["FEW", "BARNS", "--corpus", "no-such"], "--mixed makes its own choice of questions"),
        (["FEW", "BARNS", "--rate", "0.3"], "--mixed makes its own choice of questions"),
        (["FEW", "no-such.jsonl"], "no-such.jsonl"),
        (["FEW", "FEW", "BARNS"], "named twice"),
    ],
)
def test_what_no_mixture_can_be_made_of(passel: Any, few: Path, barns: Path, options: list[str], said: str) -> None:
    places = {"FEW": str(few), "BARNS": str(barns)}
    is_wrong_usage(passel("selection", "--mixed", "all", *(places.get(word, word) for word in options)), said)


def test_a_mixture_is_all_or_even(passel: Any, few: Path, barns: Path) -> None:
    is_wrong_usage(passel("selection", few, barns, "--mixed", "some"), "--mixed")


def test_reading(passel: Any, barns: Path) -> None:
    outputs = ["--json", "r.json", "--predictions", "p.jsonl", "--html", "page.html", "--results", "kept"]
    done = passel("reading", barns, *outputs, "--jobs", 2)
    assert done.code == 0, done.err
    found = result(Path("r.json"))
    assert found["experiment"] == "reading"
    assert found["counts"] == {"questions": 4, "scored": 4, "failed": 0, "unanswerable": 1}
    assert found["metrics"]["F1, answerable"]["value"] > 0.5
    lines = lines_of(Path("p.jsonl"))
    assert [line["id"] for line in lines] == [f"barn-{n}" for n in range(4)]
    for line in lines:
        Answer.model_validate(line)
        assert isinstance(line["score"], float)
    assert Path("page.html").read_text().startswith("<!")
    assert "barns/dev" in done.out
    done = passel("report", "kept")
    assert done.code == 0, done.err
    assert "passel eval reading barns/dev.jsonl" in done.out
    for name in ("F1, answerable", "F1"):
        assert f"{found['metrics'][name]['value']:.3f} (" in done.out


def test_reading_goes_on_from_what_it_has_read(passel: Any, barns: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert passel("reading", barns, "--limit", 2, "--predictions", "p.jsonl").code == 0
    first = Path("p.jsonl").read_bytes()
    assert passel("reading", barns, "--predictions", "p.jsonl", "--json", "longer.json").code == 0
    assert Path("p.jsonl").read_bytes().startswith(first)
    assert passel("reading", barns, "--json", "whole.json").code == 0
    assert figures(result(Path("longer.json"))) == figures(result(Path("whole.json")))
    monkeypatch.setattr("passel.agent.settings.Settings.digest", lambda _: "other weights")
    is_wrong_usage(passel("reading", barns, "--predictions", "p.jsonl"), "another run")


def test_reading_counts_a_failed_question_as_wrong(passel: Any, barns: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from passel.evals.experiments import reading

    read_passages = reading.read_passages

    def failing(reader: Any, question: str, given: Any) -> Any:
        if "Velby" in question:
            raise RuntimeError("the anchor slipped")
        return read_passages(reader, question, given)

    monkeypatch.setattr(reading, "read_passages", failing)
    assert passel("reading", barns, "--json", "r.json").code == 0
    found = result(Path("r.json"))
    assert found["counts"]["failed"] == 1
    assert found["metrics"]["F1"]["value"] <= 3 / 4  # it is the unanswerable one, and silence did not save it


@pytest.mark.parametrize("arguments", [[], ["no-such.jsonl"], ["ALONE"], ["BARNS", "--corpus", "any"], ["BARNS", "--limit", "0"]])
def test_reading_used_wrongly(passel: Any, barns: Path, arguments: list[str]) -> None:
    Path("alone.jsonl").write_text('{"id": "1", "question": "Who?"}\n')
    places = {"ALONE": "alone.jsonl", "BARNS": str(barns)}
    is_wrong_usage(passel("reading", *(places.get(word, word) for word in arguments)), "")


# ---- help ----


def test_help_lists_every_experiment(passel: Any) -> None:
    done = passel("--help")
    assert done.code == 0
    names = {str(command.callback.__name__) for command in evaluate.registered_commands if command.callback}
    assert {"retrieval", "selection", "qa", "reading", "rerank", "abstain", "robustness", "report"} <= names
    assert all(name in done.out for name in names)


def test_help_imports_nothing_heavy() -> None:
    helps = "cli.run(['eval', '--help']); cli.run(['eval', 'qa', '--help'])"
    code = f"import sys; from passel.agent import cli; {helps}; sys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "retrieval" in done.stdout
    heavy = {"torch", "transformers", "chromadb", "langgraph", "langchain_core", "numpy", "scipy", "sklearn", "ir_measures", "datasets"}
    assert not heavy & set(done.stderr.split())
