"""Training questions out of feedback: good answers as labelled questions, in the form that `passel train selector --corpus` reads.

A bad answer tells what is wrong and not what is right, so it makes no question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..evals.datasets.records import hashed_ids
from ..graphs.answer import Answer
from ..graphs.citing import SAYS_SO
from ..graphs.judge import ENOUGH
from ..tools.answers import bare
from ..tools.small_talk import is_small_talk
from .feedback import Feedback

MOST_WORDS = 5
"""Of a sentence that is a label all the same ("Ann built it."): a longer one is no wording of an answer that another can be compared with."""


def questions_of(feedback: Sequence[Feedback]) -> list[dict[str, Any]]:
    """One for each question whose last judged answer is good, in the order in which they were first judged. `feedback` oldest first, of one corpus.

    `{id, question, answers, gold_titles}`: the standalone question, what was said without citation marks, the titles of the cited passages.
    Of a disagreement what each side says is an answer. A chat model's whole sentences are none: such a question teaches by its titles alone.
    Passages without a title leave `gold_titles` shorter, or empty: such a question teaches by its answer alone. With neither it teaches nothing, as a
    run that gave only evidence does, and is left out.
    An abstention that was right is a question with `answerable` false: nothing for `train selector`, but a label for a calibrator. It is one where
    evidence was there and was judged not to suffice: what a person refused, a wished share withheld or a filter hid says nothing of the evidence.
    """
    last: dict[str, Feedback] = {}
    for each in feedback:
        last[standalone(each.answer)] = each
    good = {question: each.answer for question, each in last.items() if each.good and _teaches(each.answer)}
    ids = hashed_ids(list(good))
    labelled = [_labelled(id, question, answer) for id, (question, answer) in zip(ids, good.items(), strict=True)]
    return [one for one in labelled if one["answers"] or one.get("gold_titles") or one.get("answerable") is False]


def _teaches(answer: Answer) -> bool:
    if answer.outcome == "abstained":
        return bool(answer.candidates) and answer.answerable < ENOUGH and not is_small_talk(standalone(answer))
    return answer.outcome in ("answered", "partial")


def _labelled(id: str, question: str, answer: Answer) -> dict[str, Any]:
    if answer.outcome == "abstained":
        return {"id": id, "question": question, "answers": [], "answerable": False}
    titles = dict.fromkeys(citation.title for citation in answer.citations if citation.title)
    return {"id": id, "question": question, "answers": _labels(answer), "gold_titles": list(titles)}


def _labels(answer: Answer) -> list[str]:
    """The wordings of what was said that are short enough to be labels."""
    said, told, _ = bare(answer.answer).partition(SAYS_SO)
    claims = [claim.answer for claim in answer.disagreement] if told and not said.strip() else []
    return [text for text in dict.fromkeys(map(str.strip, claims or [said])) if text and not _whole_sentence(text)]


def _whole_sentence(text: str) -> bool:
    return text.endswith((".", "!", "?")) and len(text.split()) > MOST_WORDS


def standalone(answer: Answer) -> str:
    """The question as it can be understood without the conversation: the first that was searched."""
    whole = next((query.query for query in answer.queries if query.reason == "question"), answer.question)
    return " ".join(whole.split())
