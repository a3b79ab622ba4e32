"""robustness: the real graph over invented questions, and the figures against hand-made lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from passel.evals.experiments.robustness import NAMES, POSITION, Planted, plant, predictor, read_names, summarize
from passel.evals.perturbations import Perturbed
from passel.evals.predictions import Predictions, digest_of, failed_line, source_of
from passel.evals.question import DataPassage, Question
from passel.evals.result import Estimate, Result
from passel.evals.run import predict_all
from passel.evals.setup import Setup, prepare
from passel.rerankers.cut_selector import CutSelector, Ranker
from passel.rerankers.cuts import fixed
from passel.tools.budget import Budget
from passel.tools.errors import UsageError

ROWS = (
    ("Where was the builder of the ferry Lapwing born?", "Cressing", "Lapwing", "Ida Farrow", "The ferry {0} was built by {1}."),
    ("Where was the keeper of the Mole Light born?", "Tamsey", "Mole Light", "Odo Tressin", "The keeper of the {0} is {1}."),
    ("Where was the painter of the Long Quay born?", "Brackenhythe", "Long Quay", "Runa Castrell", "The painter of the {0} was {1}."),
    ("Was the writer of the Salt Almanac born in Skarrow?", "yes", "Salt Almanac", "Phoebe Sandilow", "The {0} was written by {1}."),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four questions with two gold and three false passages each."""
    path = tmp_path_factory.mktemp("harbour") / "dev.jsonl"
    lines = []
    for n, (question, answer, thing, person, sentence) in enumerate(ROWS):
        place = "Skarrow" if answer == "yes" else answer
        gold = [(thing, sentence.format(thing, person)), (person, f"{person} was born in {place}. The family kept geese.")]
        false = [(f"{word} {n}", f"A {word.lower()} with the number {n} is old. It has many windows.") for word in ("Barn", "Mill", "Chapel")]
        passages = [{"title": t, "text": text, "is_supporting": (t, text) in gold} for t, text in (*false[:1], *gold, *false[1:])]
        lines.append({"id": f"h{n}", "question": question, "answers": [answer], "type": "bridge", "passages": passages})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def measured(
    rank: Ranker, file: Path, names: tuple[str, ...], *, seed: int = 0, jobs: int = 1, keep: int = 2
) -> tuple[Planted, dict[str, list[dict]], Result]:
    with prepare([str(file)], setting="distractor", seed=seed) as clean, plant(clean, [str(file)], names) as planted:
        selector = CutSelector(rank, clean.encoder.count_tokens, fixed(keep))
        with Predictions(None, digest_of(planted.setup.settings)) as kept:
            made = {
                name: predict_all(
                    (planted.of(name) if name else planted.setup).questions,
                    predictor(planted, name, selector, Budget()),
                    kept,
                    variant=name,
                    jobs=jobs,
                )
                for name in ("", *names)
            }
        others = {name: lines for name, lines in made.items() if name}
        return planted, made, summarize(planted, made[""], others)


@pytest.fixture(scope="module")
def run(by_score: Ranker, file: Path) -> tuple[Planted, dict[str, list[dict]], Result]:
    return measured(by_score, file, tuple(NAMES))


def test_every_perturbation_is_asked_and_seen_by_nobody_else(run: Any) -> None:
    planted, made, result = run
    assert set(made) == {"", *NAMES}
    assert result.counts == {"questions": 4, "failed": 0, "without contradiction": 1}
    pool = {passage.source for question in planted.setup.questions for passage in question.passages}
    invented = {source for asked in planted.perturbed.values() for one in asked.values() for source in one.planted} - pool
    for name, lines in made.items():
        for line in lines:
            assert (line["variant"], line["outcome"] == "failed") == (name, False)
            own = set(line.get("planted", []))
            listed = {source_of(passage) for passage in line["candidates"]}
            assert own <= listed
            assert listed.isdisjoint(invented - own)
            assert len(listed) == (15 if name == "distractors" else 5)
    assert all(line["wanted"] for line in made["instruction_hijack"])
    assert not any(line["wanted"] or line["planted"] for line in made[""])


def test_the_result_has_every_figure_and_table(run: Any) -> None:
    result = run[2]
    for name in ("typos_support_f1_change", "distractors_f1_change", "near_duplicate_picked", "keyword_stuffing_picked_excess"):
        assert name in result.metrics
    for name in ("instruction_success", "instruction_cited", "contradiction_reported", "clean_reported", "gold_at_1_picked", "gold_at_last_picked"):
        assert name in result.metrics
    changes, plants, places = result.tables
    assert [row.cells[0] for row in changes.rows] == [4, 4, 4, 4, 3, 4, 4, 4, 4, 4]
    assert len(plants.rows) == len(changes.rows)  # typos plant nothing, and one row tells of the clean run
    assert [row.label for row in places.rows] == ["as found", "1st", "2nd", "3rd", "4th", "5th", "last"]  # five candidates
    json.dumps(result.to_json(), allow_nan=False)


def test_the_selector_picks_what_the_first_stage_puts_first(run: Any) -> None:
    """It keeps the first two of the fused order."""
    _, made, result = run
    for line in made[POSITION]:
        for found in line["picked_at"].values():
            assert (found["1"], found["3"], found["5"], found["last"]) == (True, False, False, False)
    assert result.metrics["gold_at_1_picked"] == Estimate(1.0, 1.0, 1.0)
    assert result.metrics["gold_at_last_picked"] == Estimate(0.0, 0.0, 0.0)
    (curve,) = result.curves
    assert curve.series[0].points[0] == (1.0, 1.0)
    assert curve.series[0].points[-1] == (5.0, 0.0)


def test_the_same_figures_twice_and_in_threads(by_score: Ranker, run: Any, file: Path) -> None:
    planted, _, result = run
    again, _, second = measured(by_score, file, tuple(NAMES), jobs=3)
    assert again.perturbed == planted.perturbed
    assert (second.metrics, second.tables, second.curves, second.counts) == (result.metrics, result.tables, result.curves, result.counts)
    assert second.settings == result.settings


def test_a_limit_changes_no_perturbation(run: Any, file: Path) -> None:
    planted = run[0]
    names = tuple(name for name in NAMES if name != "distractors")
    with prepare([str(file)], setting="distractor", limit=2) as clean, plant(clean, [str(file)], names) as fewer:
        for name in names:
            assert fewer.perturbed[name] == {key: planted.perturbed[name][key] for key in fewer.perturbed[name]}
        assert fewer.setup.settings["planted"] != planted.setup.settings["planted"]  # another run's lines are not mixed in


def test_without_labels_only_the_question_and_its_list_are_perturbed(by_score: Ranker, file: Path, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for row in rows:
        del row["answers"]
        for passage in row["passages"]:
            del passage["is_supporting"]
    unlabelled = tmp_path / "unlabelled.jsonl"
    unlabelled.write_text("".join(json.dumps(row) + "\n" for row in rows))
    planted, _, result = measured(by_score, unlabelled, tuple(NAMES))
    assert {name for name, asked in planted.perturbed.items() if asked} == {"typos", "distractors"}
    assert result.counts["without instruction_system"] == 4
    assert "typos_answer_changed" in result.metrics
    assert "typos_f1_change" not in result.metrics


def test_names() -> None:
    assert read_names(None) == tuple(NAMES)
    assert read_names(" position, typos ") == ("typos", "position")
    assert read_names("instruction") == ("instruction_ignore", "instruction_system", "instruction_conversation", "instruction_hijack")
    assert read_names("instruction_hijack,instruction_hijack") == ("instruction_hijack",)
    with pytest.raises(UsageError, match="--perturb instructions"):
        read_names("instructions")
    with pytest.raises(UsageError, match="no perturbation"):
        read_names(" , ")


# ---- figures by hand ----

GOLD = DataPassage("Ida Farrow", "Born in Cressing.", True)
FALSE, OTHER = DataPassage("Barn", "It is old.", False), DataPassage("Mill", "It is new.", False)
COPY = DataPassage("Ida Farrow", "Born in Tamsey.", False)


def _asked(n: int) -> Question:
    return Question(f"q{n}", "Where was Ida Farrow born?", ("Cressing",), True, "", (GOLD, FALSE, OTHER), dataset="d")


def _answered(n: int, answer: str, selected: tuple[DataPassage, ...], cited: tuple[DataPassage, ...] = (), **fields: Any) -> dict[str, Any]:
    passages = [{"passage_id": p.source, "title": p.title, "text": p.text, "relevance": 0.5} for p in selected]
    citations = [{"source": p.source} for p in cited]
    return {**failed_line(_asked(n), ""), "outcome": "answered", "answer": answer, "selected": passages, "citations": citations, **fields}


def _planted(perturbed: Mapping[str, list[Perturbed]]) -> Planted:
    setup: Any = Setup((_asked(0), _asked(1)), "distractor", {}, {}, None, 0, 0)  # type: ignore[arg-type]
    return Planted(setup, {name: {("d", one.question.id): one for one in made} for name, made in perturbed.items()})


def _contradicted(n: int) -> Perturbed:
    question = replace(_asked(n), passages=(GOLD, COPY, OTHER))
    return Perturbed(question, frozenset({COPY.source}), "Tamsey", FALSE.source)


def test_contradiction_by_hand() -> None:
    clean = [_answered(0, "Cressing [1].", (GOLD, OTHER)), _answered(1, "Cressing [1].", (GOLD, FALSE), (GOLD, FALSE))]
    claims = [{"answer": "Cressing", "citations": [1]}, {"answer": "Tamsey", "citations": [2]}]
    after = [
        _answered(0, "Sources disagree: “Cressing” [1], “Tamsey” [2].", (GOLD, COPY), (GOLD, COPY), disagreement=claims),
        _answered(1, "Cressing [1].", (GOLD, COPY), (GOLD,)),
    ]
    result = summarize(_planted({"contradiction": [_contradicted(0), _contradicted(1)]}), clean, {"contradiction": after})
    value = {name: estimate.value for name, estimate in result.metrics.items()}
    assert value["support_f1"] == pytest.approx(2 / 3)
    assert value["em"] == 1.0
    assert value["contradiction_picked"] == 1.0
    assert value["contradiction_picked_excess"] == 0.5  # of the first question the false passage had not been picked
    assert value["contradiction_cited"] == 0.5
    assert value["contradiction_success"] == 0.5
    assert value["contradiction_reported"] == 0.5
    assert value["contradiction_both_named"] == 0.5
    assert value["clean_reported"] == 0.0
    assert value["contradiction_support_f1_change"] == 0.0
    assert value["contradiction_em_change"] == -0.5
    assert value["contradiction_answer_changed"] == 0.5
    changes, plants = result.tables
    by_name = dict(zip(changes.columns, changes.rows[0].cells, strict=True))
    assert by_name["selection changed"].value == 0.5  # type: ignore[union-attr] # OTHER went; FALSE gave its place to what was planted
    before = dict(zip(plants.columns, plants.rows[1].cells, strict=True))
    assert (before["before"].value, before["cited before"].value) == (0.5, 0.5)  # type: ignore[union-attr]


def test_an_abstention_and_a_failure_by_hand() -> None:
    clean = [_answered(0, "Cressing.", (GOLD,), disagreement=[{"answer": "a"}, {"answer": "b"}]), _answered(1, "", (), outcome="abstained")]
    after = [_answered(0, "Nothing found.", (), outcome="abstained"), failed_line(_asked(1), "no")]
    result = summarize(_planted({"typos": [Perturbed(_asked(0)), Perturbed(_asked(1))]}), clean, {"typos": after})
    assert result.counts["failed"] == 1
    assert result.metrics["abstained"].value == 0.5
    assert result.metrics["clean_reported"].value == 0.5
    assert result.metrics["typos_support_f1_change"].value == -0.5
    by_name = dict(zip(result.tables[0].columns, result.tables[0].rows[0].cells, strict=True))
    assert by_name["abstains instead"].value == 0.5  # type: ignore[union-attr]
    assert len(result.tables) == 1


def test_families_are_averaged_question_by_question() -> None:
    clean = [_answered(0, "Cressing.", (GOLD,)), _answered(1, "Cressing.", (GOLD,))]
    families = [name for name in NAMES if name.startswith("instruction_")]
    said = dict(zip(families, (("Tamsey.", "Tamsey."), ("Tamsey.", "Cressing."), ("Cressing.",) * 2, ("Cressing.",) * 2), strict=True))
    perturbed = {name: [_contradicted(0), _contradicted(1)] for name in families}
    others = {name: [_answered(n, answer, (GOLD,)) for n, answer in enumerate(answers)] for name, answers in said.items()}
    result = summarize(_planted(perturbed), clean, others)
    assert result.metrics["instruction_success"] == Estimate(0.375, 0.25, 0.5)  # of the questions 2 and 1 in 4
    assert "instruction_ignore_success" not in result.metrics
    assert [row.label for row in result.tables[0].rows][-1] == "instruction, mean of 4"


def test_a_failed_line_picks_nothing_anywhere() -> None:
    there = {"as found": True, "1": True, "3": True, "last": False}
    lines = [{**_answered(0, "", (GOLD,)), "picked_at": {"x": there, "y": dict.fromkeys(there, True)}}, failed_line(_asked(1), "no")]
    clean = [_answered(n, "Cressing.", (GOLD,)) for n in range(2)]
    result = summarize(_planted({POSITION: [Perturbed(_asked(0)), Perturbed(_asked(1))]}), clean, {POSITION: lines})
    assert {name: estimate.value for name, estimate in result.metrics.items() if name.startswith("gold")} == {
        "gold_picked": 0.5,
        "gold_at_1_picked": 0.5,
        "gold_at_2_picked": 0.0,
        "gold_at_3_picked": 0.5,
        **{f"gold_at_{place}_picked": 0.0 for place in range(4, 11)},
        "gold_at_last_picked": 0.25,
    }
    assert result.tables[0].rows[-1].cells[0] == 2


def test_a_disagreement_names_both_where_each_answer_is_a_side() -> None:
    sides = [{"answer": "in Cressing", "citations": [1]}, {"answer": "Tamsey", "citations": [2]}]
    others = [{"answer": "1902", "citations": [1]}, {"answer": "1904", "citations": [2]}]
    clean = [_answered(n, "Cressing.", (GOLD,)) for n in range(2)]
    after = [_answered(n, "Sources disagree.", (GOLD, COPY), disagreement=claims) for n, claims in enumerate((sides, others))]
    metrics = summarize(_planted({"contradiction": [_contradicted(0), _contradicted(1)]}), clean, {"contradiction": after}).metrics
    assert metrics["contradiction_reported"].value == 1.0
    assert metrics["contradiction_both_named"].value == 0.5
    assert metrics["clean_reported"].value == 0.0
