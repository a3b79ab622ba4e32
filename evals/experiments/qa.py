"""qa: the compiled graph, end to end: is the answer right, on which evidence, at what cost, and how did the run end?"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...graphs.answer import Answer
from ...graphs.context import RagContext
from ...graphs.events import Answered, Event
from ...graphs.rag import build_graph
from ...graphs.run import new_question, run
from ...rerankers.cuts import fixed
from ...rerankers.selection import Selection, Selector
from ...tools.budget import Budget
from ...tools.candidate import Candidate
from ..baselines import Rule
from ..breakdown import breakdowns
from ..compare import compare_with
from ..first_stage import scope
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

COLUMNS = {"em": "EM", "f1": "F1", "contains": "answer string in it", "support_f1": "support F1", "joint_f1": "passage-joint F1"}
_TOP = 10


@dataclass(slots=True)
class _Recorded:
    """A selector that remembers what it was given and chose last: a line needs more of it than an Answer tells."""

    selector: Selector
    candidates: Sequence[Candidate] = ()
    selection: Selection | None = None
    tokens: dict[str, int] = field(default_factory=dict)

    def select(self, question: str, candidates: Sequence[Candidate], *, token_budget: int) -> Selection:
        self.candidates = candidates
        self.selection = self.selector.select(question, candidates, token_budget=token_budget)
        return self.selection

    def scores(self) -> Mapping[str, float]:
        chosen = self.selection
        if chosen is None:
            return {}
        return {**dict(zip(chosen.ids, chosen.relevance, strict=True)), **dict(zip(chosen.ranked, chosen.scores, strict=False))}

    def channel_scores(self) -> dict[str, list[float]]:
        """The best raw scores of each channel, falling: what a first stage alone could judge by."""
        found: dict[str, list[float]] = {}
        for hit in (hit for candidate in self.candidates for hit in candidate.hits):
            found.setdefault(hit.channel, []).append(round(hit.score, 4))
        return {channel: sorted(scores, reverse=True)[:_TOP] for channel, scores in sorted(found.items())}


def predictor(setup: Setup, selector_of: Callable[[Question], Selector], budget: Budget, model: BaseChatModel | None = None) -> Predict:
    graph = build_graph().compile()

    def predict(question: Question) -> Line:
        recorded = _Recorded(selector_of(question))
        context = RagContext(setup.corpus(question), recorded, model, budget)
        history = list(question.history) if question.history else None
        asked = new_question(question.question, history=history, filters=scope(question, setup.setting), id=question.id)
        answer = asyncio.run(_last(run(graph, context, asked)))
        scores = recorded.scores()
        return line_of(
            answer,
            question,
            scores=[round(scores.get(candidate.passage_id, 0.0), 6) for candidate in answer.candidates],
            tokens=setup.encoder.count_tokens([candidate.text for candidate in answer.candidates]),
            channel_scores=recorded.channel_scores(),
        )

    return predict


async def _last(events: AsyncIterator[Event]) -> Answer:
    last: Event | None = None
    async for event in events:
        last = event
    assert isinstance(last, Answered), "a run ends in Answered"
    return last.answer


def values(question: Question, line: Line) -> Values | None:
    """Answer and support together, as far as the labels are known."""
    found = {**(support_values(question, line) or {}), **(answer_values(question, line) or {})}
    return found or None


def variants(
    rules: Sequence[Rule], setup: Setup, lines: Sequence[Line], selector: Selector
) -> Iterator[tuple[str, Callable[[Question], Selector]]]:
    """(name, selector for each question) of the compared rules: our order, cut as long as the rule cut it in `lines`."""
    for name, baseline in applied(rules, setup.questions, lines).items():
        lengths = {(question.dataset, question.id): len(kept) for question, kept in zip(setup.questions, baseline.kept, strict=True)}
        yield name, lambda question, lengths=lengths: Recut(selector, setup.encoder.count_tokens, fixed(lengths[question.dataset, question.id]))  # type: ignore[misc]


def summarize(setup: Setup, lines: Sequence[Line], others: Mapping[str, Sequence[Line]] | None = None) -> Result:
    """`others`: the lines of other selectors on the same questions, by name."""
    result = Result("qa", setup.settings)
    outcomes = Counter(line["outcome"] for line in lines)
    answered = [answer_values(question, line) for question, line in zip(setup.questions, lines, strict=True)]
    result.counts = {
        "questions": len(lines),
        "scored": sum(one is not None for one in answered),
        **{outcome.replace("_", " "): outcomes[outcome] for outcome in ("answered", "partial", "abstained", "out_of_budget", "failed")},
        **({"left out": setup.left_out, "unlabelled": setup.unlabelled} if "drop_gold" in setup.settings else {}),
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
