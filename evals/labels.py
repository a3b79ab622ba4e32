"""Labels against lines: which candidates of a prediction are evidence, and how well it selected and answered.

A passage is known by title and text. Where a set knows its evidence by title alone (an open corpus), the first candidate of a gold title is
the evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..tools.answers import Overlap, bare, contains_answer, exact_match, f1
from .baselines import ORDER_DEPTH, Ranked
from .metrics import support
from .metrics.ranking import ndcg
from .predictions import Line, source_of
from .question import Question

Values = dict[str, float]


def gold_keys(question: Question) -> frozenset[str] | None:
    """What must be found: sources of passages, or titles. None where that is unknown."""
    if question.by_title:
        return frozenset(question.gold_titles) or (frozenset() if question.answerable is False else None)
    return question.gold


def key_in(question: Question, passage: Mapping[str, Any]) -> str:
    """The key under which a passage of a line would stand in `gold_keys`. The same for a question without labels."""
    return str(passage["title"]) if question.by_title else source_of(passage)


def gold_flags(question: Question, passages: Sequence[Mapping[str, Any]], gold: frozenset[str]) -> tuple[bool, ...]:
    """For each passage whether it is evidence; of several with one gold title the first."""
    return first_of_each([key_in(question, passage) for passage in passages], gold)


def first_of_each(keys: Sequence[str], gold: frozenset[str]) -> tuple[bool, ...]:
    """For each key whether it is gold and stands there for the first time."""
    seen: set[str] = set()
    flags = []
    for key in keys:
        flags.append(key in gold and key not in seen)
        seen.add(key)
    return tuple(flags)


def ranked_of(question: Question, line: Line) -> Ranked | None:
    """What baselines may know of a line; None where the labels are unknown."""
    gold = gold_keys(question)
    if gold is None:
        return None
    flags = gold_flags(question, line["candidates"], gold)
    return Ranked(flags, tuple(line["scores"]), tuple(line["tokens"]), len(gold))


def support_values(question: Question, line: Line) -> Values | None:
    """Precision, recall, F1 and EM of the selected passages, whether all gold is there, order, count and tokens. A failed line scores 0."""
    gold = gold_keys(question)
    if gold is None:
        return None
    flags = gold_flags(question, line["selected"], gold)
    match = _match(question, line, gold)
    in_order = gold and line["outcome"] != "failed"
    order = ndcg([float(flag) for flag in flags], [1.0] * len(gold), ORDER_DEPTH) if in_order else match.f1
    return {
        "support_f1": match.f1,
        "support_precision": match.precision,
        "support_recall": match.recall,
        "support_em": match.em,
        "all_gold": float(match.recall == 1.0),
        "order_nDCG": order,
        "passages": float(len(flags)),
        "tokens": float(line["usage"]["evidence_tokens"]),
    }


def _match(question: Question, line: Line, gold: frozenset[str]) -> support.Match:
    if line["outcome"] == "failed":
        return support.Match(0.0, 0.0, 0.0, 0.0)
    flags = gold_flags(question, line["selected"], gold)
    keys = [key_in(question, passage) if flag else f"\0{n}" for n, (passage, flag) in enumerate(zip(line["selected"], flags, strict=True))]
    return support.support(keys, gold)


def answer_values(question: Question, line: Line) -> Values | None:
    """EM and F1 (official normalisation, best alias), whether the answer string stands in the answer, and the passage-joint figures.

    None where no answer is known. Where the evidence is not there, abstaining is right and everything else wrong.
    """
    if "answer_values" in line:  # a line kept for the report, without its texts
        kept: Values | None = line["answer_values"]
        return kept
    if question.answerable is False:
        right = float(line["outcome"] == "abstained")
        return {"em": right, "f1": right, "contains": right}
    if not question.answers:
        return None
    text = said(line)
    overlap, em = (f1(text, question.answers), exact_match(text, question.answers)) if text else (Overlap(0.0, 0.0, 0.0), 0.0)
    values = {"em": em, "f1": overlap.f1, "contains": float(contains_answer(text, question.answers))}
    gold = gold_keys(question)
    if gold is not None:
        both = support.joint(overlap, em, _match(question, line, gold))
        values |= {"passage_joint_f1": both.f1, "passage_joint_em": both.em}
    return values


def told_values(question: Question, line: Line) -> tuple[float, float]:
    """(1.0 where it is right, F1) of the answer that was given, or that would have been given: `confidence` is the probability of the first.

    Right is an exact match; of what a chat model wrote, which are sentences, that an accepted wording stands in it. What it would have written nobody
    knows. 0 where there is no answer, none is right, or the run failed.
    """
    if "told_values" in line:  # a line kept for the report, without its texts
        right, overlap = line["told_values"]
        return right, overlap
    chat = line["usage"].get("calls")
    text = said(line) or (str(line.get("found", "")) if line["outcome"] == "abstained" and not chat else "")
    matches = contains_answer if chat else exact_match
    return (float(matches(text, question.answers)), f1(text, question.answers).f1) if text and question.answers else (0.0, 0.0)


def would_answer(line: Line) -> bool:
    """Whether anything would be said where the confidence alone decides: not from an empty selection, nor where a chat model declined."""
    declined = line["outcome"] == "abstained" and line["usage"].get("calls")
    return bool(line["selected"]) and line["outcome"] not in ("failed", "out_of_budget") and not declined


def said(line: Line) -> str:
    """The answer without citation marks; "" where there is none: what an abstention says is no answer."""
    return bare(line["answer"]) if line["outcome"] in ("answered", "partial") else ""
