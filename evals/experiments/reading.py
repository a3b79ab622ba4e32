"""reading: the extractive reader alone, on each question's own passages, all of them read and none selected. How well does it find the answer, and
does it know when there is none?

Two figures, as SQuAD 2 has them: F1 on answerable questions when it must always answer; F1 on all, where "no answer" is right for the others and is
said below a threshold that was chosen on `val`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from math import exp

from ...tools.pair import PairModel
from ...tools.read_passages import read_passages
from ...tools.reader import find_answer
from ..breakdown import breakdowns
from ..first_stage import candidates
from ..labels import told_values
from ..metrics.bootstrap import interval
from ..predictions import Line, ranked_line
from ..question import Question
from ..result import Curve, Result, Series
from ..run import Predict
from ..setup import Setup

COLUMNS = {"f1": "F1", "em": "EM", "none": "says none"}
NO_ANSWER = 7.5
"""Least score of an answer, chosen on SQuAD 2's `val`. The agent has no such threshold: there judge decides, by all that it knows."""
_NOTHING = -100.0
"""The score where no word was found."""
_THRESHOLDS = [n / 2 for n in range(-24, 25)]


def predictor(setup: Setup, reader: PairModel) -> Predict:
    def predict(question: Question) -> Line:
        given = candidates(setup.corpus(question), question, "distractor")
        began = time.perf_counter()
        passages = read_passages(reader, question.question, given)
        found = find_answer(question.question, passages, range(len(passages)))
        latency_ms = (time.perf_counter() - began) * 1000
        tokens = setup.encoder.count_tokens([passage.text for passage in passages])
        line = ranked_line(question, given, [_chance(one.named.relevance) for one in passages], tokens, latency_ms=latency_ms)
        score = found.score if found else _NOTHING
        return {**line, "outcome": "answered", "answer": found.text if found else "", "confidence": _chance(score), "score": score}

    return predict


def summarize(setup: Setup, lines: Sequence[Line]) -> Result:
    result = Result("reading", {**setup.settings, "threshold": NO_ANSWER})
    pairs = [
        (question, line) for question, line in zip(setup.questions, lines, strict=True) if question.answers or question.answerable is False
    ]
    result.counts = {
        "questions": len(lines),
        "scored": len(pairs),
        "failed": sum(line["outcome"] == "failed" for line in lines),
        "unanswerable": sum(question.answerable is False for question, _ in pairs),
    }
    if not pairs:
        result.notes.append("No question has a known answer: nothing is scored.")
        return result
    always = [_right(question, line, None) for question, line in pairs if question.answerable is not False]
    if always:
        result.metrics |= {"F1, answerable": interval([one[0] for one in always]), "EM, answerable": interval([one[1] for one in always])}
    overall = [_right(question, line, NO_ANSWER) for question, line in pairs]
    result.metrics |= {"F1": interval([one[0] for one in overall]), "EM": interval([one[1] for one in overall])}
    result.headline |= result.metrics
    points = tuple((at, sum(_right(question, line, at)[0] for question, line in pairs) / len(pairs)) for at in _THRESHOLDS)
    best = max(points, key=lambda point: point[1])
    result.curves.append(Curve("F1 on all questions by the least score of an answer", "threshold", "F1", (Series("ours", points, ours=True),)))
    result.notes.append(f"Answers below a score of {NO_ANSWER:g} count as none; on these questions {best[0]:g} would be best ({best[1]:.3f}).")
    values = [
        {"f1": fit, "em": exact, "none": float(line["outcome"] != "failed" and _score(line) < NO_ANSWER)}
        for (_, line), (fit, exact) in zip(pairs, overall, strict=True)
    ]
    result.tables += breakdowns([question for question, _ in pairs], values, COLUMNS)
    return result


def right(question: Question, line: Line) -> dict[str, float] | None:
    """F1 and EM of one question, "no answer" said below the threshold; None where it is not scored."""
    if not question.answers and question.answerable is not False:
        return None
    return dict(zip(("f1", "em"), _right(question, line, NO_ANSWER), strict=True))


def _right(question: Question, line: Line, least: float | None) -> tuple[float, float]:
    """(F1, EM); `least`: score below which the answer counts as none, None for always answering. A failed line is wrong whatever is right."""
    if line["outcome"] == "failed":
        return 0.0, 0.0
    none = _score(line) <= _NOTHING or (least is not None and _score(line) < least)
    if question.answerable is False:
        return float(none), float(none)
    exact, fit = told_values(question, line)
    return (0.0, 0.0) if none else (fit, exact)


def _score(line: Line) -> float:
    return float(line.get("score", _NOTHING))


def _chance(log_odds: float) -> float:
    return 1.0 / (1.0 + exp(-max(-60.0, min(60.0, log_odds))))
