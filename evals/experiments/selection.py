"""selection: of given candidates, which does the selector choose, in what order, and how many? Beside every cut rule on the same order.

The honest question: is the *count* better than the best fixed k of the same order, and at no more tokens? Baselines may choose their
parameter on the questions that are measured, which favours them; ours never does.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from ...rerankers.selection import Selector
from .. import baselines
from ..breakdown import breakdowns
from ..compare import compare_with
from ..first_stage import candidates
from ..labels import Values, gold_keys, ranked_of, support_values
from ..metrics.bootstrap import interval
from ..predictions import Line, selection_line
from ..question import Question
from ..result import Curve, Result, Row, Series, Table
from ..run import Predict
from ..setup import Setup
from ..variants import variant_lines

COLUMNS = {
    "support_f1": "support F1",
    "support_precision": "precision",
    "support_recall": "recall",
    "all_gold": "all gold",
    "order_nDCG": "order nDCG",
    "passages": "passages",
    "tokens": "tokens",
}


def predictor(setup: Setup, selector: Selector, token_budget: int) -> Predict:
    def predict(question: Question) -> Line:
        given = candidates(setup.corpus(question), question, setup.setting_of(question))
        began = time.perf_counter()
        selection = selector.select(question.question, given, token_budget=token_budget)
        latency_ms = (time.perf_counter() - began) * 1000
        texts = {c.passage_id: c.passage.text for c in given if c.passage}
        tokens = dict(zip(texts, setup.encoder.count_tokens(list(texts.values())), strict=True))
        return selection_line(question, given, selection, tokens, latency_ms=latency_ms)

    return predict


def summarize(
    setup: Setup, lines: Sequence[Line], compare: Sequence[baselines.Rule] = (), against: Mapping[str, Sequence[Line]] | None = None
) -> tuple[Result, list[Line]]:
    """The result, and the lines of the compared variants. `against`: other selectors' lines on the same questions, by name."""
    result = Result("selection", setup.settings)
    result.counts = {
        "questions": len(lines),
        "scored": sum(gold_keys(question) is not None for question in setup.questions),
        "unlabelled": sum(gold_keys(question) is None for question in setup.questions),
        "failed": sum(line["outcome"] == "failed" for line in lines),
        "malformed": sum(bool(line.get("fallback")) for line in lines),
        "empty": sum(not line["selected"] and line["outcome"] != "failed" for line in lines),
        **setup.dropping,
    }
    add_selection(result, setup.questions, lines)
    others = {**variant_lines(compare, setup.questions, lines), **(against or {})}
    if result.metrics:
        result.tables += compare_with(setup.questions, lines, others, support_values, "support_f1", COLUMNS)
    return result, [line for variant in others.values() for line in variant]


def at_best_fixed(setup: Setup, name: str, lines: Sequence[Line]) -> dict[str, list[Line]]:
    """A ranker's own order, cut at the fixed k that is best on these questions, which favours it. `lines`: the ranker's, whatever they select."""
    made = variant_lines((baselines.Rule("fixed"),), setup.questions, lines)["fixed"]
    return {f"{name} fixed": [{**line, "variant": f"{name} fixed"} for line in made]}


def add_selection(result: Result, questions: Sequence[Question], lines: Sequence[Line]) -> None:
    """Figures, baselines, curves and breakdowns of the selected passages, of those questions whose evidence is known."""
    scored: list[tuple[Question, Line, Values]] = []
    for question, line in zip(questions, lines, strict=True):
        values = support_values(question, line)
        if values is not None:
            scored.append((question, line, values))
    if not scored:
        result.notes.append("No question has known evidence: the selection is not scored.")
        return
    known = [values for _, _, values in scored]
    result.metrics |= {name: interval([one[name] for one in known]) for name in known[0]}
    ranked = [one for question, line, _ in scored if (one := ranked_of(question, line)) is not None]
    result.metrics["gold_in_candidates"] = interval([(sum(one.gold) / one.gold_count) if one.gold_count else 1.0 for one in ranked])
    ours = Row("ours", tuple(interval([one[name] for one in known]) for name in COLUMNS), ours=True)
    kept = baselines.table(ranked)
    best, oracle = next(one for one in kept if one.best), next(one for one in kept if one.family == "oracle")
    result.headline |= {
        "support F1": result.metrics["support_f1"],
        "all gold": result.metrics["all_gold"],
        "passages": result.metrics["passages"],
        "tokens": result.metrics["tokens"],
        "best fixed k": interval(best.values["support_f1"]),
        "oracle k": interval(oracle.values["support_f1"]),
    }
    result.tables.append(_baseline_table(kept, ours))
    result.curves += [_sweep(kept, known), _histogram(ranked, known)]
    result.tables += breakdowns([question for question, _, _ in scored], known, COLUMNS)


def _baseline_table(kept: Sequence[baselines.Baseline], ours: Row) -> Table:
    rows = [ours]
    for baseline in kept:
        rows.append(Row(baseline.label, tuple(interval(baseline.values[name]) for name in COLUMNS), best=baseline.best))
    note = "Every baseline cuts the order that ours ranked; its parameter was chosen on these very questions, which favours it."
    return Table("Which passages, and how many?", tuple(COLUMNS.values()), tuple(rows), note=note)


def _sweep(kept: Sequence[baselines.Baseline], ours: Sequence[Values]) -> Curve:
    """Support F1 against tokens: the fixed k as a line, the other rules and ours as points."""

    def point(baseline: baselines.Baseline) -> tuple[float, float]:
        tokens, f1s = baseline.values["tokens"], baseline.values["support_f1"]
        return sum(tokens) / len(tokens), sum(f1s) / len(f1s)

    fixed = [baseline for baseline in kept if baseline.family == "fixed"]
    others = [baseline for baseline in kept if baseline.family != "fixed"]
    return Curve(
        "How much evidence F1 for how many tokens",
        "evidence tokens a question",
        "support F1",
        (
            Series("fixed k", tuple(map(point, fixed)), tuple(baseline.label for baseline in fixed)),
            Series("other rules", tuple(map(point, others)), tuple(baseline.label for baseline in others), kind="points"),
            Series("ours", ((_mean(ours, "tokens"), _mean(ours, "support_f1")),), ("ours",), ours=True, kind="points"),
        ),
    )


def _mean(values: Sequence[Values], name: str) -> float:
    return sum(one[name] for one in values) / len(values)


def _histogram(ranked: Sequence[baselines.Ranked], ours: Sequence[Values]) -> Curve:
    chosen, gold = Counter(int(one["passages"]) for one in ours), Counter(one.gold_count for one in ranked)
    counts = range(max([*chosen, *gold]) + 1)
    return Curve(
        "How many passages were chosen",
        "passages",
        "questions",
        (
            Series("ours", tuple((float(n), float(chosen[n])) for n in counts), ours=True, kind="bars"),
            Series("gold", tuple((float(n), float(gold[n])) for n in counts), kind="bars"),
        ),
    )
