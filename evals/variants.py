"""Variants: cut rules on the order that our selector ranked, on the same questions, so that they can be compared in pairs.

Each is there at its best parameter (its own, or the one that these very questions favour), and once more at as many tokens as ours uses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..rerankers import cuts
from ..rerankers.selection import Selection, Selector
from ..tools.candidate import Candidate
from ..tools.errors import UsageError
from .baselines import Baseline, Ranked, Rule, apply, at_tokens, choose, parse
from .labels import ranked_of
from .predictions import Line, select_in
from .question import Question

SAME_TOKENS = " at our tokens"


def read_rules(text: str | None, *, runnable: bool = False) -> tuple[Rule, ...]:
    """Of "fixed,threshold:0.3,…". `runnable`: the oracles, which must see the labels, are refused. Raises UsageError."""
    rules = tuple(parse(name.strip()) for name in (text or "").split(",") if name.strip())
    if text is not None and not rules:
        raise UsageError("--compare names no variant", "Write it as --compare fixed,threshold,gap,knee")
    seeing = next((rule.family for rule in rules if rule.family.startswith("oracle")), None)
    if runnable and seeing:
        raise UsageError(f"--compare {seeing}: an oracle reads the labels and cannot be run", "passel eval selection compares with it.")
    return rules


def applied(rules: Sequence[Rule], questions: Sequence[Question], lines: Sequence[Line]) -> dict[str, Baseline]:
    """By variant, what it keeps of each line's candidates. Where the evidence is unknown, no candidate counts as gold."""
    known = [ranked_of(question, line) for question, line in zip(questions, lines, strict=True)]
    scored = [one for one in known if one is not None]
    ranked = [one or _unlabelled(line) for one, line in zip(known, lines, strict=True)]
    mean_tokens = sum(line["usage"]["evidence_tokens"] for line in lines) / max(1, len(lines))
    found: dict[str, Baseline] = {}
    for rule in rules:
        name = rule.family if rule.parameter is None else f"{rule.family}:{rule.parameter:g}"
        found[name] = apply(choose(rule, scored), ranked)  # no parameter is chosen on questions whose evidence is unknown
        same = at_tokens(rule.family, ranked, [question.id for question in questions], mean_tokens) if rule.parameter is None else None
        if same is not None:
            found[name + SAME_TOKENS] = same
    return found


def _unlabelled(line: Line) -> Ranked:
    return Ranked((False,) * len(line["candidates"]), tuple(line["scores"]), tuple(line["tokens"]), 0)


def variant_lines(rules: Sequence[Rule], questions: Sequence[Question], lines: Sequence[Line]) -> dict[str, list[Line]]:
    """By variant, our lines with what it keeps selected instead."""
    return {
        name: [select_in(line, kept, reason=baseline.label, variant=name) for line, kept in zip(lines, baseline.kept, strict=True)]
        for name, baseline in applied(rules, questions, lines).items()
    }


@dataclass(frozen=True, slots=True)
class Recut:
    """Another selector's order, cut after k."""

    selector: Selector
    count_tokens: Callable[[Sequence[str]], list[int]]
    k: int

    def select(self, question: str, candidates: Sequence[Candidate], *, token_budget: int) -> Selection:
        whole = self.selector.select(question, candidates, token_budget=token_budget)
        texts = {c.passage_id: c.passage.text for c in candidates if c.passage}
        tokens = self.count_tokens([texts[id] for id in whole.ranked])
        keep, reason = cuts.all_of(cuts.fixed(self.k), cuts.token_budget(token_budget))(whole.scores, tokens)
        ids = whole.ranked[:keep]
        own = dict(zip(whole.ids, whole.relevance, strict=True))  # what the scores, which only fall, were made of
        relevance = tuple(own.get(id, score) for id, score in zip(ids, whole.scores, strict=False))
        return Selection(ids, relevance, reason, sum(tokens[:keep]), ranked=whole.ranked, scores=whole.scores, fallback=whole.fallback)
