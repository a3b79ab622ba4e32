"""The benchmark compares like with like: the peer has our weights, and says what ours say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from passel.agent import cli
from passel.agent.bench import rerank
from passel.agent.bench.rerank import CANDIDATES, run
from passel.evals.datasets import load
from passel.rerankers.default import WEIGHTS
from passel.tools.errors import UsageError
from passel.tools.pair import PAIR, PairModel, PairNetwork
from passel.tools.pair_text import WINDOW, Reading, windows

LINKED = [
    Reading("Odo Tressin", "He was a painter of barns, born in Cressing.", "Barn 4: The barn with the number 4 was painted by Odo Tressin."),
    Reading("Odo Tressin - Life", "Café, 港 and \ud800: (sic). When was the barn of Odo Tressin painted? In 1504.", "Who?!"),
    Reading("", "Nobody knows.", "Barn 4: It stands."),
    Reading("Barn 4", "It stands."),
]
"""Named by another passage, and not."""


@pytest.fixture
def questions(tmp_path: Path) -> Callable[..., Path]:
    """`questions(3, 12)`: three questions with 12 passages each, no passage twice."""

    def write(count: int, passages: int) -> Path:
        rows = []
        for n in range(count):
            texts = [f"The barn with the number {n * passages + i} was painted by Odo Tressin in {1500 + n * passages + i}." for i in range(passages)]
            listed = [{"title": f"Barn {n * passages + i}", "text": text, "is_supporting": i == 0} for i, text in enumerate(texts)]
            rows.append({"id": f"q{n}", "question": f"When was the barn {n * passages} painted?", "answers": ["1500"], "passages": listed})
        (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)))
        return tmp_path / "questions.jsonl"

    return write


def test_lists_are_a_question_s_own_passages_and_then_those_of_the_next(questions: Any) -> None:
    lists = list(rerank._lists(load(questions(4, 12)).questions, 3))
    assert [question for question, _ in lists] == [f"When was the barn {n} painted?" for n in (0, 12, 24)]
    numbers = [[int(title.removeprefix("Barn ")) for title, _ in passages] for _, passages in lists]
    assert numbers == [[(start + n) % 48 for n in range(CANDIDATES)] for start in (0, 12, 24)]


def test_the_peer_says_what_our_pair_model_says(questions: Any) -> None:
    pytest.importorskip("sentence_transformers")
    question, passages = next(iter(rerank._lists(load(questions(3, 12)).questions, 1)))
    readings = [*(Reading(title, text) for title, text in passages), *LINKED]
    exact = PairModel(PairNetwork.load(WEIGHTS / PAIR), dtype=torch.float32)
    ours = np.array([each.relevance for each in exact.read(question, readings)])
    peer = rerank._peer(WEIGHTS / PAIR)
    theirs = peer.predict([rerank._as_pair(question, each) for each in readings], activation_fn=torch.nn.Identity(), show_progress_bar=False)
    assert np.abs(ours - theirs).max() < 0.02
    assert ours.std() > 0.1


def test_the_peer_reads_the_tokens_that_ours_reads() -> None:
    pytest.importorskip("sentence_transformers")
    question = "When was the barn of Odo Tressin painted?"
    tokenizer = rerank._peer(WEIGHTS / PAIR).tokenizer
    for reading in LINKED:
        ((window,),) = windows([(question, reading)])
        theirs = tokenizer(*rerank._as_pair(question, reading), truncation="longest_first", max_length=WINDOW)
        assert theirs["input_ids"] == window.tokens
        assert theirs["token_type_ids"] == window.segments


def test_what_is_measured(questions: Any) -> None:
    pytest.importorskip("sentence_transformers")
    row = run(questions(3, 12), lists=3, timed=2)
    assert (row.lists, row.candidates) == (3, CANDIDATES)
    assert row.peer.startswith("sentence-transformers ")
    assert 0 <= row.same_selections <= row.same_answers <= 1
    assert min(row.ours_per_second, row.peer_per_second, row.ratio, row.pair_ms, row.policy_ms, row.exact_ms) > 0
    assert row.dtype in ("float32", "bfloat16", "float16")
    assert row.pairs == CANDIDATES, "no barn names another"


@pytest.mark.parametrize(("count", "passages"), [(1, 40), (2, 10), (3, 0)])
def test_too_little_to_measure_with_is_said(questions: Any, count: int, passages: int) -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(UsageError, match="too little to measure with"):
        run(questions(count, passages))


def test_the_command(questions: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    row = rerank.RerankBench("sentence-transformers 0", 3, CANDIDATES, 36.0, 256, 1000.0, 400.0, 2.5, 30.0, 1.5, 20.0, "float32", 0.5, 1.0)
    given = []
    monkeypatch.setattr(rerank, "run", lambda file, progress: (given.append(file), row)[1])
    assert cli.run(["bench", "rerank", "--file", "some.jsonl", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert given == [Path("some.jsonl")]
    assert (found["ratio"], found["same_selections"]) == (2.5, 0.5)
    assert cli.run(["bench", "rerank"]) == 0
    out = capfd.readouterr().out
    assert given[1] is None
    assert out.startswith("rerank: 2.50 × the speed of sentence-transformers 0")
    for words in ("1,000 pairs/s", "400 pairs/s", "pair model 30 ms", "fp32 20 ms", "50.0% of 3 selections", "100.0% of the answers"):
        assert words in out


def test_a_file_that_is_not_there_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sentence_transformers")
    assert cli.run(["bench", "rerank", "--file", "no-such.jsonl", "--json"]) == 2
    told = capfd.readouterr()
    assert set(json.loads(told.out)) == {"error"}
    assert told.err.startswith("passel: there is no file and no folder no-such.jsonl")
