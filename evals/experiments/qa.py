"""qa: the compiled graph, end to end: is the answer right, on which evidence, at what cost, and how did the run end?"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...graphs.context import RagContext
from ...graphs.events import Answered, Event
from ...graphs.rag import build_graph
from ...graphs.run import new_question, run
from ...rerankers.calibration import Calibration
from ...rerankers.default import calibration as bundled_calibration
from ...rerankers.default import pair_model
from ...rerankers.selection import Selection, Selector
from ...tools.budget import Budget
from ...tools.candidate import Candidate
from ...tools.pair import PairModel
from ...tools.search import FOUND
from ..baselines import Rule
from ..breakdown import breakdowns
from ..compare import compare_with
from ..first_stage import candidates, scope
from ..labels import Values, answer_values, support_values
from ..metrics.bootstrap import interval
from ..predictions import Line, line_of
from ..question import Question
from ..result import Result, Row, Table
from ..run import Predict
from ..setup import Setup
from ..variants import Recut, applied
from .selection import add_selection

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

COLUMNS = {"em": "EM", "f1": "F1", "contains": "answer string in it", "support_f1": "support F1", "passage_joint_f1": "passage-joint F1"}
_TOP = 10


@dataclass(slots=True)
class _Recorded:
    """A selector that remembers what it was given and chose last: a line needs more of it than an Answer tells."""

    selector: Selector
    selection: Selection | None = None

    def select(self, question: str, candidates: Sequence[Candidate], *, token_budget: int) -> Selection:
        self.selection = self.selector.select(question, candidates, token_budget=token_budget)
        return self.selection

    def scores(self) -> Mapping[str, float]:
        chosen = self.selection
        if chosen is None:
            return {}
        return {**dict(zip(chosen.ids, chosen.relevance, strict=True)), **dict(zip(chosen.ranked, chosen.scores, strict=False))}



def predictor(
    setup: Setup,
    selector_of: Callable[[Question], Selector],
    budget: Budget,
    model: BaseChatModel | None = None,
    reader: PairModel | None = None,
    calibration: Calibration | None = None,
    least_confidence: float = 0.0,
) -> Predict:
    """`reader`, `calibration`: None for the bundled ones."""
    graph = build_graph().compile()
    reader, calibration = reader or pair_model(), calibration or bundled_calibration()

    def predict(question: Question) -> Line:
        recorded = _Recorded(selector_of(question))
        found = max(FOUND, len(question.passages)) if setup.setting == "distractor" else FOUND
        context = RagContext(
            setup.corpus(question),
            recorded,
            model,
            budget,
            found=found,
            reader=reader,
            calibration=calibration,
            least_confidence=least_confidence,
        )
        history = list(question.history) if question.history else None
        filters = scope(question, setup.setting)
        asked = new_question(question.question, history=history, filters=filters, id=question.id, plan=question.plan)
        last = asyncio.run(_last(run(graph, context, asked)))
        answer, verdict = last.answer, last.verdict
        scores = recorded.scores()
        return line_of(
            answer,
            question,
            scores=[round(scores.get(candidate.passage_id, 0.0), 6) for candidate in answer.candidates],
            tokens=setup.encoder.count_tokens([candidate.text for candidate in answer.candidates]),
            fallback=bool(recorded.selection and recorded.selection.fallback),
            first_stage=_first_stage(candidates(setup.corpus(question), question, setup.setting)),
            signals={name: round(value, 4) for name, value in verdict.signals.items()} if verdict else {},
            found=verdict.found if verdict else "",
            cut=recorded.selector.k if isinstance(recorded.selector, Recut) else None,
        )

    return predict


def _first_stage(found: Sequence[Candidate]) -> dict[str, Any]:
    """What one search knows before anything is selected: how long its list is, and the best scores of the fusion and of each channel, falling."""
    scores: dict[str, list[float]] = {"fused": [round(candidate.score, 5) for candidate in found]}
    for hit in (hit for candidate in found for hit in candidate.hits):
        scores.setdefault(hit.channel, []).append(round(hit.score, 4))
    return {"length": len(found), **{channel: sorted(of, reverse=True)[:_TOP] for channel, of in sorted(scores.items())}}


async def _last(events: AsyncIterator[Event]) -> Answered:
    *_, last = [event async for event in events]
    assert isinstance(last, Answered), "a run ends in Answered"
    return last


def values(question: Question, line: Line) -> Values | None:
    """Answer and support together, as far as the labels are known."""
    found = {**(support_values(question, line) or {}), **(answer_values(question, line) or {})}
    return found or None


def variants(
    rules: Sequence[Rule], setup: Setup, lines: Sequence[Line], selector: Selector
) -> Iterator[tuple[str, Callable[[Question], Selector]]]:
    """(name, selector for each question) of the compared rules: our order, cut as long as the rule cut it in `lines`.

    A rule's parameter hangs on all questions: a line of an earlier, shorter run was cut otherwise, which its `cut` tells.
    """
    for name, baseline in applied(rules, setup.questions, lines).items():
        lengths = {(question.dataset, question.id): len(kept) for question, kept in zip(setup.questions, baseline.kept, strict=True)}
        yield name, lambda question, lengths=lengths: Recut(selector, setup.encoder.count_tokens, lengths[question.dataset, question.id])  # type: ignore[misc]


def cut_otherwise(name: str, selector_of: Callable[[Question], Selector], setup: Setup) -> Callable[[Line], bool]:
    """Tells of a line whether it is the variant's and was cut at another length than this run wants."""
    questions = {(question.dataset, question.id): question for question in setup.questions}

    def stale(line: Line) -> bool:
        question = questions.get((line["dataset"], line["id"])) if line["variant"] == name else None
        wanted = selector_of(question) if question is not None else None
        return isinstance(wanted, Recut) and line.get("cut") != wanted.k

    return stale


def summarize(setup: Setup, lines: Sequence[Line], others: Mapping[str, Sequence[Line]] | None = None) -> Result:
    """`others`: the lines of other selectors on the same questions, by name."""
    result = Result("qa", setup.settings)
    outcomes = Counter(line["outcome"] for line in lines)
    answered = [answer_values(question, line) for question, line in zip(setup.questions, lines, strict=True)]
    result.counts = {
        "questions": len(lines),
        "scored": sum(one is not None for one in answered),
        "unlabelled": sum(one is None for one in answered),
        "malformed": sum(bool(line.get("fallback")) for line in lines),
        **{outcome.replace("_", " "): outcomes[outcome] for outcome in ("answered", "partial", "abstained", "out_of_budget", "failed")},
        **setup.dropping,
    }
    scored = [one for one in answered if one is not None]
    for name in COLUMNS:
        known = [one[name] for one in scored if name in one]
        if known:
            result.metrics[name] = interval(known)
    if not scored:
        result.notes.append("No question has a known answer: answers are not scored.")
    costs = ("calls", "tokens_in", "tokens_out", "evidence_tokens", "searches", "pairs")
    spent = [interval([float(line["usage"][name]) for line in lines]) for name in costs]
    columns = tuple(name.replace("_", " ") for name in costs)
    result.tables.append(Table("What a question costs, on average", columns, (Row("ours", tuple(spent), ours=True),)))
    both = [values(question, line) or {} for question, line in zip(setup.questions, lines, strict=True)]
    if scored:
        result.tables += breakdowns(setup.questions, both, COLUMNS)
        result.notes.append("Passage-joint F1 is HotpotQA's joint formula over passages (not the leaderboard's). A failure counts as wrong.")
    add_selection(result, setup.questions, lines)
    names = {"em": "EM", "f1": "F1", "contains": "answer string in it", "support_f1": "support F1", "tokens": "evidence tokens"}
    result.headline = {heading: result.metrics[name] for name, heading in names.items() if name in result.metrics}
    result.headline |= {"abstained": outcomes["abstained"], "failed": outcomes["failed"]}
    if others:
        result.tables += compare_with(setup.questions, lines, others, values, "f1" if scored else "support_f1", COLUMNS | {"tokens": "tokens"})
    return result
