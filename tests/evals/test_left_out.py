"""What the list policy must not learn from: questions that the bundled pair model knows, evidence that the corpus has not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from passel.evals.datasets import load
from passel.evals.datasets.get import split_of
from passel.evals.datasets.split import is_val
from passel.evals.left_out import TRAINED_ON, trained_on, unmatched
from passel.evals.question import DataPassage, Question
from passel.rerankers.default import WEIGHTS
from passel.tools.corpus import Corpus
from passel.tools.document import Document

SQUAD = Path(__file__).parents[3] / "shared" / "data" / "squad2" / "train.jsonl"


def test_the_model_card_names_the_same_files() -> None:
    command = next(line for line in (WEIGHTS / "README.md").read_text().splitlines() if line.startswith("passel train reader"))
    assert {word.removesuffix(".jsonl") for word in command.split() if word.endswith(".jsonl")} == set(TRAINED_ON)


def test_train_questions_are_known_and_those_of_val_and_others_are_not() -> None:
    ids = split_of("musique/train").ids
    learned, kept = next(id for id in ids if not is_val(id)), next(id for id in ids if is_val(id))
    others = ("mine", "1", split_of("musique/dev").ids[0])
    assert trained_on([Question(id, "Who?") for id in (learned, kept, *others)]) == {learned}


@pytest.mark.data
@pytest.mark.skipif(not SQUAD.exists(), reason="../shared/data is absent")
def test_a_question_is_known_under_another_id_too() -> None:
    questions = load(SQUAD).questions[:40]
    renamed = [replace(question, id=f"mine-{n}") for n, question in enumerate(questions)]
    assert trained_on(renamed) == {other.id for question, other in zip(questions, renamed, strict=True) if not is_val(question.id)}
    assert trained_on([replace(one, question=f"Tell me: {one.question}") for one in renamed]) == frozenset()


def test_titles_that_no_document_has(tmp_path: Path) -> None:
    passages = (DataPassage("Orla Venn", "A director.", True), DataPassage("Gone", "A film.", True), DataPassage("Barn", "A barn.", False))
    questions = [
        Question("there", "Who?", gold_titles=("Orla Venn",)),
        Question("half", "Who?", gold_titles=("Orla Venn", "orla venn", "The Ferry")),
        Question("own passages", "Who?", passages=passages),
        Question("unknown", "Who?"),
    ]
    with Corpus.open(tmp_path / "corpus", create=True) as corpus:
        corpus.add([Document.from_text("Orla Venn directed.", source="venn", title="Orla Venn")])
        assert unmatched(questions, corpus) == {"there": (), "half": ("orla venn", "The Ferry"), "own passages": ("Gone",)}
