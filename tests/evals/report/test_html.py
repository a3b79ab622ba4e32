"""The page: well formed, alone, the same every time, small, and safe with any text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.evals.question import DataPassage
from passel.evals.report.html import QuestionView, page
from passel.evals.result import Curve, Estimate, Result, Row, Series, Table

HOSTILE = "</script><script>alert(1)</script><!--<img src=x onerror=alert(2)>\u2028 \x00 \ud800 \"'`${x} [bold]"
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Balanced(HTMLParser):
    """Keeps the open tags; every end must close the last of them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({key for key, _ in attrs}) == len(attrs), f"an attribute twice in {tag}"
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(html: str) -> Balanced:
    parser = Balanced()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def embedded(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def result(text: str = "harbour") -> Result:
    figure = Estimate(0.731, 0.702, 0.758)
    ours = Row(f"selector {text}", (figure, Estimate(212.4, 200.0, 220.0), 3, text), ours=True)
    knee = Row("knee", (Estimate(-0.2, -0.3, 0.1), None, 12345, None), best=True)
    sweep = (Series("fixed k", ((1.0, 0.5), (2.0, 0.6))), Series(text, ((1.5, 0.7),), (text,), ours=True, kind="points"))
    return Result(
        f"selection{text if text != 'harbour' else ''}",
        {"data": {"name": text, "sha256": "ab" * 32}, "date": "2026-11-21", "commit": "43e7db8", "setting": "distractor", text: [text]},
        metrics={"support_f1": figure, "tokens": Estimate(212.4, 200.0, 220.0), "loss": Estimate(-3.0, -4.0, -2.0)},
        tables=[Table(f"Baselines {text}", ("support F1", "tokens", "failed", text), (ours, knee), note=text)],
        curves=[Curve(f"How many {text}", "tokens", "support F1", sweep, note=text)],
        counts={"questions": 2, "failed": 1, text: 1},
        latency={"p50": 41.2, text: 80.0},
        notes=[text],
    )


def passage(n: int, *, words: int = 75) -> dict[str, Any]:
    text = " ".join(f"lamp{n}w{i}" for i in range(words))
    channels = ["dense", "lexical"][: 1 + n % 2]
    return {"passage_id": f"p{n}", "title": f"Lighthouse {n}", "text": text, "channels": channels, "score": 1 / (60 + n % 20)}


def source(passage: dict[str, Any]) -> str:
    return DataPassage(passage["title"], passage["text"]).source


def view(n: int, candidates: int = 20, **changes: Any) -> QuestionView:
    ranked = [passage(n * candidates + i) for i in range(candidates)]
    cited = {"passage_id": ranked[0]["passage_id"], "title": ranked[0]["title"], "source": "s", "span": [0, 4], "quote": "lamp", "sub_question": None}
    chosen = [{key: each[key] for key in ("passage_id", "title", "text")} | {"relevance": 0.9} for each in ranked[:2]]
    line: dict[str, Any] = {
        "id": f"q{n}",
        "question": f"Who kept lighthouse {n}?",
        "outcome": "answered",
        "answer": "Ida Farrow [1].",
        "citations": [cited],
        "selected": chosen,
        "candidates": ranked,
        "stop_reason": "the next passage's relevance 0.31 is below 0.5",
        "sub_questions": [{"id": 1, "question": "Which lighthouse?", "depends_on": [], "answer": "Mole Light"}],
        "queries": [{"query": "lighthouse", "reason": "next_hop", "sub_question": 1}],
        "confidence": 0.8,
        "answerable": 0.9,
        "usage": {"calls": 0, "evidence_tokens": 40, "searches": 1, "pairs": candidates, "seconds": 0.0},
        "latency_ms": 41.23456,
        "error": None,
        "dataset": "harbour/dev",
        "variant": "",
        "gold_answerable": True,
        "scores": [round(1 - i / candidates, 3) for i in range(candidates)],
        "tokens": [20] * candidates,
        "run": "ab12",
    }
    scores = {"support_f1": 0.5, "support_recall": math.nan}
    return QuestionView(line=line | changes, gold=frozenset(map(source, ranked[1:3])), golds=2, answers=("Ida Farrow",), type="bridge", scores=scores)


def test_the_page_is_well_formed_and_says_what_was_measured() -> None:
    html = page(result(), [view(0), view(1)])
    tags = parsed(html).tags
    assert html.startswith("<!DOCTYPE html>")
    for words in ("Selection on harbour", "43e7db8", "2026-11-21", "0.731", "95% interval", "0.702 to 0.758", "Baselines harbour", "12,345"):
        assert words in html
    assert "−0.200" in html
    assert "41 ms" in html
    assert sum(tag == "h1" for tag, _ in tags) == 1
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "aria-describedby", "for"):
        assert {attributes[name] for _, attributes in tags if name in attributes} <= set(ids)
    assert '<tr class="ours">' in html
    assert '<tr class="best">' in html


def test_the_page_needs_nothing_else_and_may_load_nothing() -> None:
    tags = parsed(page(result(), [view(0)])).tags
    for _, attributes in tags:
        for name in ("src", "href", "xlink:href", "action", "data", "poster"):
            assert (attributes.get(name) or "#").startswith(("#", "data:,"))
        assert not any(name.startswith("on") for name in attributes)
        assert "style" not in attributes  # the policy would refuse it
    html = page(result(), [view(0)])
    assert "@import" not in html
    assert "url(" not in html
    policy = next(attributes["content"] for tag, attributes in tags if attributes.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy


def test_the_policy_names_our_script_and_style() -> None:
    import base64
    import hashlib

    html = page(result(), [])
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        found = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert found is not None
        digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in html


def test_the_same_arguments_make_the_same_page() -> None:
    assert page(result(), [view(0), view(1)]) == page(result(), [view(0), view(1)])


def test_hostile_text_stays_text() -> None:
    bad: dict[str, Any] = dict.fromkeys(("id", "question", "answer", "stop_reason", "error", "outcome", "dataset", "variant"), HOSTILE)
    poisoned = {"passage_id": HOSTILE, "title": HOSTILE, "text": HOSTILE, "relevance": 0.5, "channels": [HOSTILE], "score": 0.1}
    cited = dict.fromkeys(("passage_id", "title", "quote", "sub_question"), HOSTILE)
    bad |= {"selected": [poisoned], "candidates": [poisoned], "citations": [cited]}
    view_ = QuestionView(line=bad, gold=None, absent=((HOSTILE, "b"),), answers=(HOSTILE,), type=HOSTILE, scores={HOSTILE: 1.0})
    html = page(result(HOSTILE), [view_])
    parser = parsed(html)
    assert sum(tag == "script" for tag, _ in parser.tags) == 2
    assert not any(tag == "img" for tag, _ in parser.tags)
    html.encode("utf-8")
    assert "\u2028" not in html
    data = embedded(html)
    assert data["questions"][0]["question"] == HOSTILE.replace("\ud800", "�")
    assert data["passages"][data["questions"][0]["chosen"][0][0]][0] == HOSTILE.replace("\ud800", "�")


@settings(max_examples=60)
@given(st.text(max_size=60))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    html = page(Result("selection", {"data": text}, notes=[text]), [view(0, candidates=2, question=text or "?", answer=text or "!")])
    parsed(html)
    question = embedded(html)["questions"][0]
    assert (question["question"], question["answer"]) == (text or "?", text or "!")


def test_each_passage_is_embedded_once_and_gold_is_marked() -> None:
    html = page(result(), [view(0), view(0, id="again")])
    data = embedded(html)
    assert len(data["passages"]) == 20
    question = data["questions"][0]
    assert [p for p, *_ in question["ranking"]] == list(range(20))
    assert [p for p, _ in question["chosen"]] == [0, 1]
    assert (question["gold"], question["golds"]) == ([1, 2], 2)
    assert question["citations"] == [[0, "Lighthouse 0", "lamp", None]]
    assert question["scores"] == [0.5, None]  # no NaN anywhere


def test_only_texts_that_are_neither_chosen_nor_gold_are_cut() -> None:
    shown = embedded(page(result(), [view(0, candidates=5)]))
    whole = [passage(i)["text"] for i in range(5)]
    texts = [text for _, text in shown["passages"]]
    assert texts[:3] == whole[:3]
    for text, original in zip(texts[3:], whole[3:], strict=True):
        assert len(text) <= 400
        assert text.endswith("…")
        assert original.startswith(text[:-1])
    assert shown["cut"] == 400


def test_gold_that_is_no_candidate_is_shown_whole() -> None:
    absent = ("Stenmouth", "long " * 300)
    lacking = view(0)
    lacking = QuestionView(line=lacking.line, gold=frozenset({DataPassage(*absent).source}), golds=1, absent=(absent,))
    data = embedded(page(result(), [lacking]))
    question = data["questions"][0]
    assert (question["gold"], question["golds"]) == ([], 1)
    assert [data["passages"][p] for p in question["absent"]] == [list(absent)]


def test_labels_may_be_unknown_and_lines_may_have_failed() -> None:
    failed = {"id": "f", "question": "Who?", "outcome": "failed", "answer": "", "error": "out of memory", "selected": [], "candidates": []}
    unknown = QuestionView(line=failed, gold=None)
    data = embedded(page(result(), [unknown, QuestionView(line={"question": "bare"}, gold=frozenset())]))
    assert "gold" not in data["questions"][0]
    assert data["questions"][0]["error"] == "out of memory"
    assert data["questions"][1]["gold"] == []
    assert data["questions"][1]["key"] == "2"


def test_every_question_has_a_link_of_its_own() -> None:
    lines = [("q", "a/dev", ""), ("q", "b/dev", ""), ("q", "b/dev", "knee"), ("q", "b/dev", "knee"), ("other", "a/dev", "")]
    views = [QuestionView(line={"id": id_, "dataset": data, "variant": variant, "question": "?"}, gold=None) for id_, data, variant in lines]
    keys = [question["key"] for question in embedded(page(result(), views))["questions"]]
    assert keys == ["a/dev:q", "b/dev:q", "b/dev:q:knee", "b/dev:q:knee~2", "other"]


def test_candidates_without_a_rankers_score_show_the_fused_one() -> None:
    question = embedded(page(result(), [view(0, candidates=2, scores=[], tokens=[])]))["questions"][0]
    assert question["ranking"] == [[0, None, None, 0, 0.0167], [1, None, None, 1, 0.0164]]


def many(questions: int, candidates: int) -> Sequence[QuestionView]:
    return [view(n, candidates) for n in range(questions)]


def test_a_thousand_questions_of_twenty_candidates_stay_below_six_megabytes() -> None:
    html = page(result(), many(1000, 20))
    assert len(html.encode()) < 6_000_000
    data = embedded(html)
    assert len(data["questions"]) == 1000
    assert len(data["passages"]) == 20_000
    assert data["cut"] < 400


def test_a_page_without_questions_or_curves_is_a_page() -> None:
    html = page(Result("abstain", {}), [])
    parsed(html)
    assert "Abstain" in html
    assert 'id="section-curves"' not in html


@pytest.mark.parametrize("kind", ["line", "points", "bars"])
def test_curves_of_every_kind_are_well_formed(kind: Any) -> None:
    curves = [Curve("C", "x", "y", (Series("a", ((0.0, 1.0), (1.0, 2.0), (2.0, 0.0)), kind=kind), Series("b", ((1.0, 1.0),), kind=kind, ours=True)))]
    parsed(page(Result("qa", {}, curves=curves), []))
