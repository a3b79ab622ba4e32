"""Variants: the rules keep what they say of our order, and at our tokens they spend what ours spends."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from passel.evals.predictions import Line
from passel.evals.question import DataPassage, Question
from passel.evals.variants import SAME_TOKENS, Recut, applied, read_rules, variant_lines
from passel.rerankers.selection import EMPTY, Selection
from passel.tools.candidate import Candidate
from passel.tools.errors import UsageError
from passel.tools.passage import Passage


def made(n: int, gold: Sequence[int], scores: Sequence[float], tokens: Sequence[int], keep: int) -> tuple[Question, Line]:
    """A question and our line: candidates p0, p1, … in ranked order, the first `keep` selected."""
    passages = [DataPassage(f"T{n} {i}", f"x{n} {i}", i in gold) for i in range(len(scores))]
    question = Question(f"q{n}", "?", ("a",), True, "", tuple(passages), dataset="d")
    candidates = [{"passage_id": f"p{i}", "title": p.title, "text": p.text, "channels": [], "score": 1.0} for i, p in enumerate(passages)]
    selected = [{"passage_id": c["passage_id"], "title": c["title"], "text": c["text"], "relevance": 0.5} for c in candidates[:keep]]
    usage = {"evidence_tokens": sum(tokens[:keep])}
    line = {"id": question.id, "dataset": "d", "variant": "selector", "outcome": "answered", "usage": usage, "stop_reason": "ours"}
    return question, {**line, "candidates": candidates, "scores": [*scores], "tokens": [*tokens], "selected": selected}


TWO = (
    made(0, [0, 2], [0.9, 0.5, 0.45, 0.05], [10, 20, 30, 40], 2),
    made(1, [1], [0.8, 0.7, 0.1], [15, 5, 50], 1),
)
QUESTIONS, LINES = [question for question, _ in TWO], [line for _, line in TWO]


def ids(lines: Sequence[Line]) -> list[list[str]]:
    return [[passage["passage_id"] for passage in line["selected"]] for line in lines]


def test_rules_are_read() -> None:
    rules = read_rules(" fixed, threshold:0.3 ,,gap")
    assert [(rule.family, rule.parameter) for rule in rules] == [("fixed", None), ("threshold", 0.3), ("gap", None)]
    assert read_rules(None) == ()
    for bad in ("", " , ", "first", "fixed:0", "fixed:1.5", "gap:2", "threshold:2", "oracle:1"):
        with pytest.raises(UsageError):
            read_rules(bad)
    assert len(read_rules("oracle,oracle_set")) == 2
    for seeing in ("oracle", "fixed,oracle_set"):
        with pytest.raises(UsageError, match="reads the labels"):
            read_rules(seeing, runnable=True)


def test_what_each_rule_keeps_by_hand() -> None:
    rules = read_rules("fixed:2,threshold:0.5,gap,knee,tokens:30,oracle,oracle_set")
    found = {name: ids(lines) for name, lines in variant_lines(rules, QUESTIONS, LINES).items()}
    assert found["fixed:2"] == [["p0", "p1"], ["p0", "p1"]]
    assert found["threshold:0.5"] == [["p0", "p1"], ["p0", "p1"]]
    assert found["gap"] == [["p0"], ["p0", "p1"]]  # the largest falls: 0.9 to 0.5 and 0.45 to 0.05 are alike, 0.7 to 0.1
    assert found["tokens:30"] == [["p0", "p1"], ["p0", "p1"]]
    assert found["oracle"] == [["p0", "p1", "p2"], ["p0", "p1"]]  # the shortest prefix of the best F1: 4/5 of three, 2/3 of two
    assert found["oracle_set"] == [["p0", "p2"], ["p1"]]
    assert not any(name.endswith(SAME_TOKENS) for name in found)  # a rule with its own parameter spends what it spends


def test_an_open_parameter_is_the_best_of_these_questions() -> None:
    """Mean support F1 of k = 1: (2/3 + 0) / 2; 2: (1/2 + 2/3) / 2; 3: (4/5 + 1/2) / 2, the best; 4: (2/3 + 1/2) / 2."""
    found = applied(read_rules("fixed"), QUESTIONS, LINES)
    assert found["fixed"].label == "fixed k = 3"
    assert found["fixed"].kept == ((0, 1, 2), (0, 1, 2))


def test_a_variants_line_is_ours_with_another_selection() -> None:
    lines = variant_lines(read_rules("fixed:1"), QUESTIONS, LINES)["fixed:1"]
    for ours, line in zip(LINES, lines, strict=True):
        assert (line["variant"], line["stop_reason"], line["id"]) == ("fixed:1", "fixed k = 1", ours["id"])
        assert line["candidates"] == ours["candidates"]
        assert line["usage"]["evidence_tokens"] == ours["tokens"][0]
        assert [passage["relevance"] for passage in line["selected"]] == ours["scores"][:1]
    assert [line["variant"] for line in LINES] == ["selector", "selector"]  # ours are not touched


def test_a_failed_line_stays_failed() -> None:
    failed = {**LINES[0], "outcome": "failed", "candidates": [], "scores": [], "tokens": [], "selected": [], "usage": {"evidence_tokens": 0}}
    (line,) = variant_lines(read_rules("fixed:2"), QUESTIONS[:1], [failed])["fixed:2"]
    assert (line["outcome"], line["selected"]) == ("failed", [])


def _many(seed: int) -> tuple[list[Question], list[Line], int]:
    rng = random.Random(seed)
    pairs = []
    for n in range(60):
        scores = sorted((round(rng.random(), 3) for _ in range(rng.randint(3, 12))), reverse=True)
        tokens = [rng.randint(20, 200) for _ in scores]
        pairs.append(made(n, rng.sample(range(len(scores)), 2), scores, tokens, rng.randint(0, 5)))
    return [question for question, _ in pairs], [line for _, line in pairs], max(max(line["tokens"]) for _, line in pairs)


@pytest.mark.parametrize("seed", range(4))
def test_at_our_tokens_the_means_are_equal(seed: int) -> None:
    questions, lines, largest = _many(seed)
    ours = sum(line["usage"]["evidence_tokens"] for line in lines)
    found = variant_lines(read_rules("fixed,threshold,tokens,gap,knee,oracle"), questions, lines)
    same = {name.removesuffix(SAME_TOKENS): made for name, made in found.items() if name.endswith(SAME_TOKENS)}
    assert set(same) == {"fixed", "threshold", "tokens"}
    spent = {name: sum(line["usage"]["evidence_tokens"] for line in made) for name, made in same.items()}
    assert abs(spent["fixed"] - ours) <= largest / 2  # one passage more or less, in all
    for name in ("threshold", "tokens"):
        assert 0 <= ours - spent[name] <= 0.05 * ours


def test_at_our_tokens_no_label_is_read() -> None:
    questions, lines, _ = _many(0)
    blind = [question.blind() for question in questions]
    with_labels, without = (applied(read_rules("fixed,threshold,tokens"), asked, lines) for asked in (questions, blind))
    for name in with_labels:
        assert name in without
        if name.endswith(SAME_TOKENS):
            assert with_labels[name].kept == without[name].kept


class Reversed:
    """Ranks the last candidate first and selects two of them."""

    def select(self, question: str, candidates: Sequence[Candidate], *, token_budget: int) -> Selection:
        if not candidates:
            return EMPTY
        ranked = tuple(candidate.passage_id for candidate in reversed(candidates))
        scores = tuple(1 / (n + 1) for n in range(len(ranked)))
        return Selection(ranked[:2], scores[:2], "two", 0, ranked=ranked, scores=scores, fallback=True)


def count(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


GIVEN = [Candidate(f"p{n}", (), Passage(f"p{n}", "s", " ".join(["word"] * (n + 1)))) for n in range(5)]


def recut(k: int, budget: int = 100, given: Any = GIVEN, counted: Callable[[Sequence[str]], list[int]] = count) -> Selection:
    return Recut(Reversed(), counted, k).select("?", given, token_budget=budget)


def test_recut_keeps_the_order_and_cuts_it_anew() -> None:
    for k in range(7):
        selection = recut(k)
        assert selection.ids == ("p4", "p3", "p2", "p1", "p0")[:k]
        assert selection.ranked == ("p4", "p3", "p2", "p1", "p0")
        assert selection.relevance == selection.scores[:k]
        assert selection.tokens == sum((5, 4, 3, 2, 1)[:k])
        assert selection.fallback
    assert recut(3).stop_reason == "fixed k = 3"


def test_recut_keeps_within_the_budget() -> None:
    selection = recut(5, budget=9)
    assert (selection.ids, selection.tokens, selection.stop_reason) == (("p4", "p3"), 9, "evidence budget of 9 tokens")
    assert recut(1, budget=9).ids == ("p4",)
    assert recut(5, budget=4).ids == ()
    assert recut(5, given=[]).ids == ()
