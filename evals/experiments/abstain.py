"""abstain: does `answerable` know whether the evidence is there, and `confidence` whether the answer is right?

`answerable` is measured by AUROC and calibration error against the truth, `confidence` by what would go wrong if the most confident share
were answered (risk–coverage). Beside both stands what costs nothing: the highest score, the spread of the scores, the gap behind the first, and a
classifier that is fitted *on these very questions* (out of fold) and sees only the length of the list and the first stage's scores. What does not
beat that knows nothing.

Source of the baselines and of nAUC: "Towards Trustworthy Reranking" (TMLR 2024, arXiv 2402.12997).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...graphs.signals import WRITTEN
from ...rerankers.calibration import Calibration
from ...rerankers.default import calibration
from ...tools.errors import UsageError
from ..labels import told_values, would_answer
from ..metrics.bootstrap import interval, interval_of
from ..metrics.calibration import aurc, auroc, ece, nauc, risk_coverage
from ..predictions import Line
from ..question import Question
from ..result import Curve, Estimate, Result, Row, Series, Table
from ..setup import Setup
from . import qa

predictor = qa.predictor

Floats = NDArray[np.float64]
_EVIDENCE = "Is the evidence there?"
_RISKS = "What goes wrong if only the most confident are answered"
_FITTED = "length and first-stage scores, fitted here"
_FOLDS = 5
_TOP = 10
_WISHES = (0.05, 0.1, 0.2, 0.3)
_COVERAGES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


def summarize(setup: Setup, lines: Sequence[Line], promising: Calibration | None = None) -> Result:
    """promising: what risk control promises by; None for the bundled one."""
    result = qa.summarize(setup, lines)
    result.experiment = "abstain"
    known = [(question, line) for question, line in zip(setup.questions, lines, strict=True) if question.answerable is not None]
    truth = np.array([float(bool(question.answerable)) for question, _ in known])
    result.counts |= {"evidence there": int(truth.sum()), "evidence not there": int(len(truth) - truth.sum())}
    if 0 < truth.sum() < len(truth):
        _answerable(result, [line for _, line in known], truth)
    else:
        result.notes.append("All questions are of one kind (evidence there, or not): AUROC of `answerable` needs both. See --drop-gold.")
    _confidence(result, setup.questions, lines)
    promising = promising or calibration()
    if promising.model == setup.settings.get("model"):
        _risk(result, setup.questions, lines, promising)
    else:
        result.notes.append("This calibration is of another generator: nothing is promised. See passel train calibrator --model.")
    first = ("auroc", "ece", "confidence_ece", "aurc", "nauc", "aurc_f1", "nauc_f1")  # what is measured here, before what qa measures too
    result.metrics = {name: result.metrics[name] for name in dict.fromkeys([*first, *result.metrics]) if name in result.metrics}
    names = {"auroc": "AUROC of answerable", "ece": "ECE", "nauc_f1": "nAUC of confidence (F1)"}
    rivals = {row.label: row.cells[0] for table in result.tables for row in table.rows if table.title == _EVIDENCE}
    result.headline = {heading: result.metrics[name] for name, heading in names.items() if name in result.metrics}
    result.headline |= {"AUROC of length and scores": rivals.get(_FITTED)}
    return result


def _answerable(result: Result, lines: Sequence[Line], truth: Floats) -> None:
    failed = np.array([line["outcome"] == "failed" for line in lines])
    ours = np.where(failed, 1.0 - truth, [line["answerable"] for line in lines])  # a failure is wrong, whatever the truth
    result.metrics |= {
        "auroc": interval_of(auroc, ours, truth),
        "ece": interval_of(ece, ours, truth),
    }
    rows = [Row("answerable (ours)", (result.metrics["auroc"], result.metrics["ece"], None), ours=True)]
    for name, score in (*_simple(lines).items(), (_FITTED, _fitted(lines, truth))):
        if score is None:
            rows.append(Row(name, (None, None, None)))
            continue
        gain = interval_of(lambda a, b, t: auroc(a, t) - auroc(b, t), ours, score, truth)
        rows.append(Row(name, (interval_of(auroc, score, truth), None, gain)))
    note = "ECE of ten equal bins. The last row was fitted on these questions, out of fold, and sees list length and first-stage scores only."
    result.tables.insert(0, Table(_EVIDENCE, ("AUROC", "ECE", "ours is better by"), tuple(rows), note=note))


def _confidence(result: Result, questions: Sequence[Question], lines: Sequence[Line]) -> None:
    known = [(question, line) for question, line in zip(questions, lines, strict=True) if question.answers or question.answerable is False]
    if not known:
        return
    kept = [line for _, line in known]
    losses = {
        "EM": 1.0 - np.array([told_values(question, line)[0] for question, line in known]),
        "F1": 1.0 - np.array([told_values(question, line)[1] for question, line in known]),
    }
    ours = np.array([line["confidence"] for line in kept])
    result.metrics["confidence_ece"] = interval_of(ece, ours, 1.0 - losses["EM"])
    rivals = {"confidence (ours)": ours, **_simple(kept)}
    rows = []
    for name, score in rivals.items():
        cells: list[Estimate | None] = []
        for loss in losses.values():
            better = None if score is ours else interval_of(lambda a, b, lost: aurc(b, lost) - aurc(a, lost), ours, score, loss)
            cells += [interval_of(aurc, score, loss), _defined(nauc, score, 1.0 - loss), better]
        rows.append(Row(name, tuple(cells), ours=name.endswith("(ours)")))
    for name, cell in zip(("aurc", "nauc", "", "aurc_f1", "nauc_f1"), rows[0].cells, strict=False):
        if name and isinstance(cell, Estimate):
            result.metrics[name] = cell
    columns = ("AURC", "nAUC", "ours is better by", "AURC (1 − F1)", "nAUC (1 − F1)", "ours is better by")
    note = "AURC: mean risk over all coverages, lower is better. nAUC: 1 is the oracle's order, 0 a random one."
    result.tables.insert(1, Table("Is the answer right?", columns, tuple(rows), note=note))
    curves = tuple(Series(name, risk_coverage(score, losses["F1"]), ours=name.endswith("(ours)")) for name, score in rivals.items())
    wrongly = "share of these answered wrongly (1 − F1)"
    result.curves.insert(0, Curve(_RISKS, "share of questions answered", wrongly, curves))
    points = [Row(one.name, tuple(_risk_at(one.points, share) for share in _COVERAGES), ours=one.ours) for one in curves]
    note = f"The {wrongly}, by the share of questions that are answered, or the next larger one that a threshold gives. --html has the picture."
    result.tables.insert(2, Table(_RISKS, tuple(f"{share:.0%}" for share in _COVERAGES), tuple(points), note=note))


def _risk_at(points: Sequence[tuple[float, float]], share: float) -> str:
    return f"{next(risk for coverage, risk in points if coverage >= share - 1e-9):.3f}"


def _risk(result: Result, questions: Sequence[Question], lines: Sequence[Line], promising: Calibration) -> None:
    """What a wish for few wrong answers comes to: the threshold that the reference gives, and what it does on these questions."""
    from scipy.stats import binomtest

    known = [(question, line) for question, line in zip(questions, lines, strict=True) if question.answers or question.answerable is False]
    if not known:
        return
    right = np.array([told_values(question, line)[0] == 1.0 for question, line in known])
    sure = np.array([_told_to_judge(line, promising) if would_answer(line) else -1.0 for _, line in known])
    rows = []
    for wish in _WISHES:
        most = max((share for share, risk in risk_coverage(sure, 1.0 - right) if risk <= wish), default=0.0)
        oracle = min(1.0, float(right.mean()) / (1.0 - wish))
        try:
            least = promising.reference.at_most_wrong(wish)
        except UsageError as error:
            rows.append(Row(f"at most {wish:.0%} wrong", (None, None, None, error.hint, most, oracle)))
            continue
        answered = sure >= least
        wrong = int((answered & ~right).sum())
        kept = not answered.any() or binomtest(wrong, int(answered.sum()), wish, alternative="greater").pvalue >= 0.05
        share = interval((~right[answered]).astype(float)) if answered.any() else None
        rows.append(Row(f"at most {wish:.0%} wrong", (least, float(answered.mean()), share, "yes" if kept else "no", most, oracle)))
    columns = ("confidence", "answered", "of these wrong", "kept", "best threshold answers", "oracle answers")
    note = (
        "Thresholds by conformal risk control on the reference of the weights. Kept: the binomial test at 95% does not refute it. Best threshold: "
        "in hindsight, on these questions. Oracle: knows which answers are right."
    )
    result.tables.insert(3, Table("Wrong answers on request", columns, tuple(rows), note=note))


def _told_to_judge(line: Line, promising: Calibration) -> float:
    """The confidence before a chat model had written a word: by it judge decides."""
    signals = line.get("signals", {})
    if WRITTEN not in signals:
        return float(line["confidence"])
    return promising.confidence({name: value for name, value in signals.items() if name != WRITTEN})


def _defined(statistic: Callable[..., float], *arrays: Floats) -> Estimate | None:
    try:
        return interval_of(statistic, *arrays)
    except ValueError:  # all questions are alike
        return None


def _simple(lines: Sequence[Line]) -> dict[str, Floats]:
    """Reference-free confidences from the selector's own scores (section 3 of the paper)."""
    scores = [line["scores"] or [0.0] for line in lines]
    return {
        "highest score": np.array([max(one) for one in scores]),
        "spread of the scores": np.array([float(np.std(one)) for one in scores]),
        "gap behind the first": np.array([one[0] - one[1] if len(one) > 1 else one[0] for one in (sorted(s, reverse=True) for s in scores)]),
    }


def _fitted(lines: Sequence[Line], truth: Floats) -> Floats | None:
    """Out-of-fold probabilities of a logistic regression; None where a class is too small to be fitted."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = np.array([_first_stage(line) for line in lines])
    fold = _folds([str(line["id"]) for line in lines], truth)
    found = np.zeros(len(lines))
    for one in range(_FOLDS):
        train, test = fold != one, fold == one
        if len(set(truth[train])) < 2:
            return None
        if test.any():
            model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features[train], truth[train])
            found[test] = model.predict_proba(features[test])[:, 1]
    return found


def _folds(ids: Sequence[str], truth: Floats) -> NDArray[np.int64]:
    """By a hash of the id, each class spread evenly: a fold short of one class would be given chances that lean against it."""
    fold = np.zeros(len(ids), np.int64)
    for label in (0.0, 1.0):
        places = sorted(np.flatnonzero(truth == label).tolist(), key=lambda n: hashlib.sha256(ids[n].encode("utf-8", "surrogatepass")).digest())
        fold[places] = np.arange(len(places)) % _FOLDS
    return fold


def _first_stage(line: Line) -> list[float]:
    """Length of the list; of the fused and of each channel's scores the ten best, their mean and spread, and the gap behind the first."""
    first: Mapping[str, Any] = line.get("first_stage", {})  # a failed line has none
    row = [float(first.get("length", 0))]
    for scores in (first.get(name, []) for name in ("fused", "dense", "lexical", "linked")):
        best = (list(scores) + [0.0] * _TOP)[:_TOP]
        row += [*best, float(np.mean(best)), float(np.std(best)), best[0] - best[1], float(len(scores))]
    return row
