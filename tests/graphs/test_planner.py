"""The embedded planner: comparisons and conjunctions are taken apart, everything else stays whole, nothing raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passel.graphs.planner import plan_embedded


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("Which is longer, the Ember or the Sill?", ["Which is longer the Ember?", "Which is longer the Sill?"]),
        ("Between Arn and Bel, which town is older?", ["Which town is older Arn?", "Which town is older Bel?"]),
        ("Which is longest: the Ember, the Sill or the Arn?", [
            "Which is longest the Ember?", "Which is longest the Sill?", "Which is longest the Arn?"
        ]),
        ("Which film is older, Home, James or The Sill?", ["Which film is older Home, James?", "Which film is older The Sill?"]),
        ("Of the Ember, the Sill and the Arn, which is longest?", [
            "Which is longest the Ember?", "Which is longest the Sill?", "Which is longest the Arn?"
        ]),
        ("Which is cheaper in Riga, Latvia, the Ember or the Sill?", [
            "Which is cheaper in Riga, Latvia the Ember?", "Which is cheaper in Riga, Latvia the Sill?"
        ]),
        ("Which is cheapest in Riga, Latvia, the Ember, the Sill or the Arn?", [
            "Which is cheapest in Riga, Latvia the Ember?",
            "Which is cheapest in Riga, Latvia the Sill?",
            "Which is cheapest in Riga, Latvia the Arn?",
        ]),
        ("Q1: Which hill is in Arn, Fell or Kell?", ["Q1: Which hill is in Arn Fell?", "Q1: Which hill is in Arn Kell?"]),
        ("Were Ilse Marn and Otto Vane both painters?", ["Were Ilse Marn painters?", "Were Otto Vane painters?"]),
        ("Do the Ember and the Lady In Red share a harbour?", ["Do the Ember share a harbour?", "Do the Lady In Red share a harbour?"]),
        ("Was Ilse Marn older than Otto Vane?", ["Was Ilse Marn older?", "Was Otto Vane older?"]),
        ("Was Arn or Bel founded earlier?", ["Was Arn founded earlier?", "Was Bel founded earlier?"]),
        ("Who built the mill, and when did it burn?", ["Who built the mill?", "When did it burn?"]),
        ("Which film came out first, Crash (1996 film) or Crash (2004 film)", [
            "Which film came out first Crash (1996 film)?", "Which film came out first Crash (2004 film)?"
        ]),
        ("When was she born and where did she die? (Ilse Marn)", ["When was she born? (Ilse Marn)", "Where did she die? (Ilse Marn)"]),
        ("Who built the Tarn Light and when was it lit?", ["Who built the Tarn Light?", "When was it lit? (Tarn Light)"]),
    ],
)  # fmt: skip
def test_parts(question: str, parts: list[str]) -> None:
    assert [sub["question"] for sub in plan_embedded(question)] == parts


@pytest.mark.parametrize(
    "question",
    ["Where was the architect of the Hall born?", "Who wrote Salt and Iron?", "What is the name of the ship?", "Marn", "", "Which came first?"],
)
def test_a_question_with_no_pattern_stays_whole(question: str) -> None:
    assert plan_embedded(question) == []


@given(st.text(max_size=200))
def test_any_text_gives_independent_numbered_parts_or_none(text: str) -> None:
    parts = plan_embedded(text)
    assert [part["id"] for part in parts] == list(range(1, len(parts) + 1))
    assert all(part["question"].strip() and not part["depends_on"] and part["answer"] is None for part in parts)
