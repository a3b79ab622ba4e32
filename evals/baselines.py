"""Baselines: a ranker's order cut by simple rules, and the best that any cut or any choice could do. What a selector is measured against.

A family is a kind of rule ("fixed"), a rule is a family with its parameter ("fixed:5"). Baselines may choose their parameter on the measured
questions, by mean support F1 and, of equals, by fewer tokens; that favours them over a selector that may not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import nextafter
from typing import Literal, get_args

from ..rerankers import cuts
from ..tools.errors import UsageError
from .metrics.ranking import ndcg
from .metrics.support import f1_of_counts, of_counts

Family = Literal["fixed", "threshold", "gap", "knee", "tokens", "oracle", "oracle_set"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""oracle: the best prefix of each question. oracle_set: the gold among its candidates."""
LEGAL = ("fixed", "fixed:5", "threshold", "threshold:0.3", "gap", "knee", "tokens", "tokens:600", "oracle", "oracle_set")
"""Names that `parse` takes; the numbers stand for any."""

VALUES = ("support_f1", "support_precision", "support_recall", "support_em", "all_gold", "order_nDCG", "passages", "tokens")
ORDER_DEPTH = 10
"""Of the nDCG of what is kept."""
FIXED = range(1, 11)
BUDGETS = (*range(50, 1_000, 50), *range(1_000, 4_001, 250))
"""Evidence tokens."""
_THRESHOLDS = 60
"""Quantiles of all scores, closer together at the top, where little is kept."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """The candidates of one question in ranked order. Raises ValueError where the lengths differ or more gold is found than there is."""

    gold: tuple[bool, ...]
    scores: tuple[float, ...]
    tokens: tuple[int, ...]
    gold_count: int
    """Of all its evidence, what is no candidate included."""

    def __post_init__(self) -> None:
        if not len(self.gold) == len(self.scores) == len(self.tokens):
            raise ValueError(f"{len(self.gold)} labels, {len(self.scores)} scores, {len(self.tokens)} token counts for one list of candidates")
        if sum(self.gold) > self.gold_count:
            raise ValueError(f"{sum(self.gold)} gold candidates of {self.gold_count} gold passages")


@dataclass(frozen=True, slots=True)
class Rule:
    family: Family
    parameter: float | None = None
    """Of fixed, threshold and tokens; None until `choose` has found it. Always None for the others."""

    @property
    def label(self) -> str:
        match self.family:
            case "fixed":
                return "fixed k" if self.parameter is None else f"fixed k = {self.parameter:g}"
            case "threshold":
                return "threshold" if self.parameter is None else f"threshold {self.parameter:.3g}"
            case "tokens":
                return "token budget" if self.parameter is None else f"token budget {self.parameter:g}"
            case "gap":
                return "score gap"
            case "knee":
                return "knee"
            case "oracle":
                return "oracle k"
            case "oracle_set":
                return "oracle set"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a rule keeps of every question, and what that is worth."""

    family: Family
    label: str
    kept: tuple[tuple[int, ...], ...]
    """For each question the places in its ranked order."""
    values: Mapping[str, tuple[float, ...]]
    """By name of `VALUES`, one for each question."""
    best: bool = False
    """The fixed k that is best on these questions."""


def parse(name: str) -> Rule:
    """"fixed" (its parameter still open) or "fixed:5". Raises UsageError for anything else, with what is legal."""
    family, given, text = name.partition(":")
    rule = next((Rule(known) for known in FAMILIES if known == family), None)
    if rule is not None and not given:
        return rule
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if rule is not None and rule.family in ("fixed", "tokens") and number >= 1 and number.is_integer():
        return Rule(rule.family, int(number))
    if rule is not None and rule.family == "threshold" and 0 <= number <= 1:
        return Rule(rule.family, number)
    raise UsageError(f"'{name}' is no cut rule", f"There are: {', '.join(LEGAL)}.")


def kept(rule: Rule, ranked: Ranked) -> tuple[int, ...]:
    """The places that the rule keeps, in ranked order. Raises ValueError where its parameter is still open."""
    if rule.family == "oracle_set":
        return tuple(place for place, gold in enumerate(ranked.gold) if gold)
    return tuple(range(_length(rule, ranked)))


def choose(rule: Rule, questions: Sequence[Ranked]) -> Rule:
    """The rule with a parameter: its own, or the best of its family on these questions."""
    if rule.parameter is not None:
        return rule
    rules = _grid(rule.family, questions)
    if len(rules) == 1:
        return rules[0]
    f1s = [_prefix_f1s(ranked) for ranked in questions]
    sizes = [(0, *accumulate(ranked.tokens)) for ranked in questions]

    def merit(candidate: Rule) -> tuple[float, int]:
        lengths = [_length(candidate, ranked) for ranked in questions]
        f1 = sum(of[k] for of, k in zip(f1s, lengths, strict=True))
        return round(f1, 9), -sum(of[k] for of, k in zip(sizes, lengths, strict=True))  # rounded: sums of equals must be equal

    return max(rules, key=merit)


def apply(rule: Rule, questions: Sequence[Ranked]) -> Baseline:
    """Chooses the parameter where it is open."""
    chosen = choose(rule, questions)
    return _measured(rule.family, chosen.label, questions, [kept(chosen, ranked) for ranked in questions])


def table(questions: Sequence[Ranked]) -> tuple[Baseline, ...]:
    """The baselines of every table: fixed k from 1 to 10 with the best marked, then each other family at its best."""
    best = choose(Rule("fixed"), questions)
    swept = (replace(apply(rule, questions), best=rule == best) for rule in _grid("fixed", questions))
    return (*swept, *(apply(Rule(family), questions) for family in FAMILIES if family != "fixed"))


def at_tokens(family: Family, questions: Sequence[Ranked], ids: Sequence[str], mean_tokens: float) -> Baseline | None:
    """The family at the same mean tokens as a selector that uses `mean_tokens` a question. `ids`: of the questions, in their order.

    fixed: k for some questions and k + 1 for the others (by a hash of their id), as many of each as brings the mean nearest. threshold, tokens: the
    parameter whose mean comes nearest without exceeding. None for families that have nothing to set.
    """
    if family == "fixed":
        return _mixed(questions, ids, mean_tokens * len(questions))
    if family == "threshold":
        scores = sorted({score for ranked in questions for score in ranked.scores}, reverse=True)
        steps: Sequence[float] = (nextafter(scores[0], 2.0), *scores) if scores else (1.0,)
    elif family == "tokens":
        steps = range(max((sum(ranked.tokens) for ranked in questions), default=0) + 1)
    else:
        return None
    sizes = [(0, *accumulate(ranked.tokens)) for ranked in questions]

    def fits(step: float) -> bool:
        rule = Rule(family, step)
        return sum(of[_length(rule, ranked)] for of, ranked in zip(sizes, questions, strict=True)) <= mean_tokens * len(questions) + 1e-6

    return apply(Rule(family, steps[_last(steps, fits)]), questions)


def _last(steps: Sequence[float], fits: Callable[[float], bool]) -> int:
    """Place of the last step that fits, of steps that keep more and more; the first where none does."""
    low, high = 0, len(steps) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(steps[middle]) else (low, middle - 1)
    return low


def _mixed(questions: Sequence[Ranked], ids: Sequence[str], tokens: float) -> Baseline:
    """`tokens`: of all questions together."""
    longest = max((len(ranked.tokens) for ranked in questions), default=0)
    totals = [sum(sum(ranked.tokens[:k]) for ranked in questions) for k in range(longest + 1)]
    k = max(k for k, total in enumerate(totals) if k == 0 or total <= tokens)
    order = sorted(range(len(questions)), key=lambda n: hashlib.sha256(ids[n].encode("utf-8", "surrogatepass")).digest())
    reached = [*accumulate((sum(questions[n].tokens[k : k + 1]) for n in order), initial=totals[k])]
    longer = min(range(len(reached)), key=lambda count: abs(reached[count] - tokens))
    lengths = [k] * len(questions)
    for n in order[:longer]:
        lengths[n] = k + 1
    places = [kept(Rule("fixed", length), ranked) for length, ranked in zip(lengths, questions, strict=True)]
    label = f"fixed k = {k}" if not longer else f"fixed k = {k + 1}" if longer == len(questions) else f"fixed k = {k} or {k + 1}"
    return _measured("fixed", label, questions, places)


def _measured(family: Family, label: str, questions: Sequence[Ranked], places: Sequence[tuple[int, ...]]) -> Baseline:
    columns: dict[str, list[float]] = {name: [] for name in VALUES}
    for ranked, chosen in zip(questions, places, strict=True):
        match = of_counts(sum(ranked.gold[place] for place in chosen), len(chosen), ranked.gold_count)
        tokens = sum(ranked.tokens[place] for place in chosen)
        gains = [float(ranked.gold[place]) for place in chosen]
        order = ndcg(gains, [1.0] * ranked.gold_count, ORDER_DEPTH) if ranked.gold_count else match.f1
        row = (match.f1, match.precision, match.recall, match.em, float(match.recall == 1.0), order, float(len(chosen)), float(tokens))
        for name, value in zip(VALUES, row, strict=True):
            columns[name].append(value)
    return Baseline(family, label, tuple(places), {name: tuple(column) for name, column in columns.items()})


def _length(rule: Rule, ranked: Ranked) -> int:
    """How long a prefix the rule keeps."""
    if rule.family == "oracle":
        f1s = _prefix_f1s(ranked)
        return f1s.index(max(f1s))  # the shortest of equals
    return _cut(rule)(ranked.scores, ranked.tokens)[0]


def _cut(rule: Rule) -> cuts.Cut:
    match rule.family, rule.parameter:
        case "gap", None:
            return cuts.gap()
        case "knee", None:
            return cuts.knee()
        case "fixed", int(k):
            return cuts.fixed(k)
        case "threshold", float() | int() as least:
            return cuts.threshold(least)
        case "tokens", int(limit):
            return cuts.token_budget(limit)
        case _:
            raise ValueError(f"{rule} cannot cut")


def _prefix_f1s(ranked: Ranked) -> list[float]:
    """Support F1 of the first 0, 1, … n candidates."""
    return [f1_of_counts(right, k, ranked.gold_count) for k, right in enumerate(accumulate(ranked.gold, initial=0))]


def _grid(family: Family, questions: Sequence[Ranked]) -> list[Rule]:
    """What a family may choose from."""
    match family:
        case "fixed":
            return [Rule(family, k) for k in FIXED]
        case "tokens":
            return [Rule(family, limit) for limit in BUDGETS]
        case "threshold":
            return [Rule(family, least) for least in _quantiles(score for ranked in questions for score in ranked.scores)]
        case _:
            return [Rule(family)]


def _quantiles(scores: Iterable[float]) -> list[float]:
    ordered = sorted(scores, reverse=True)
    last = len(ordered) - 1
    return sorted({ordered[round(last * (n / (_THRESHOLDS - 1)) ** 2)] for n in range(_THRESHOLDS)}) if ordered else [1.0]
