"""Training questions out of feedback: good answers as labelled questions, in the form that `passel train selector --corpus` reads.

A bad answer tells what is wrong and not what is right, so it makes no question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..evals.datasets.records import hashed_ids
from ..graphs.answer import Answer
from ..tools.answers import bare
from .feedback import Feedback


def questions_of(feedback: Sequence[Feedback]) -> list[dict[str, Any]]:
    """One for each question whose last judged answer is good, in the order in which they were first judged. `feedback` oldest first, of one corpus.

    `{id, question, answers, gold_titles}`: the standalone question, what was said without citation marks, the titles of the cited passages.
    Passages without a title leave `gold_titles` shorter, or empty: such a question teaches by its answer alone.
    An abstention that was right is a question with `answerable` false: nothing for `train selector`, but a label for a calibrator.
    """
    last: dict[str, Feedback] = {}
    for each in feedback:
        last[standalone(each.answer)] = each
    good = {question: each.answer for question, each in last.items() if each.good and each.answer.outcome in ("answered", "partial", "abstained")}
    ids = hashed_ids(list(good))
    return [_labelled(id, question, answer) for id, (question, answer) in zip(ids, good.items(), strict=True)]


def _labelled(id: str, question: str, answer: Answer) -> dict[str, Any]:
    if answer.outcome == "abstained":
        return {"id": id, "question": question, "answers": [], "answerable": False}
    titles = dict.fromkeys(citation.title for citation in answer.citations if citation.title)
    return {"id": id, "question": question, "answers": [bare(answer.answer)], "gold_titles": list(titles)}


def standalone(answer: Answer) -> str:
    """The question as it can be understood without the conversation: the first that was searched."""
    whole = next((query.query for query in answer.queries if query.reason == "question"), answer.question)
    return " ".join(whole.split())
