"""Running an evaluation: every question once, in threads, each line kept as it comes; a fault of one question is a line, never the end of the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from .predictions import OURS, Line, Predictions, failed_line
from .question import Question

log = logging.getLogger("passel")

Predict = Callable[[Question], Line]
"""One question's prediction. It is given the question without its labels."""
Progress = Callable[[int, int], None]
"""(questions done, questions in all)"""


def predict_all(
    questions: Sequence[Question],
    predict: Predict,
    predictions: Predictions,
    *,
    variant: str = OURS,
    jobs: int = 1,
    progress: Progress | None = None,
) -> list[Line]:
    """The lines of `variant`, in the order of the questions; those that `predictions` holds are not made again, unless they failed.

    Labels never reach `predict`: what it gets is `Question.blind()`. `gold_answerable` is written beside what it returns.
    """
    known = predictions.lines
    missing = [
        question
        for question in questions
        if (question.dataset, question.id, variant) not in known or known[question.dataset, question.id, variant]["outcome"] == "failed"
    ]
    done = len(questions) - len(missing)
    if progress:
        progress(done, len(questions))
    waiting = iter(missing)
    running: dict[Future[Line], Question] = {}
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="passel-eval")
    try:
        while True:
            for question in waiting:
                running[pool.submit(predict, question.blind())] = question
                if len(running) >= jobs:
                    break
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                question = running.pop(future)
                line = _line(future, question)
                predictions.add({**line, "variant": variant, "type": question.type, "gold_answerable": question.answerable})
                done += 1
                if progress:
                    progress(done, len(questions))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [predictions.lines[question.dataset, question.id, variant] for question in questions]


def _line(future: Future[Line], question: Question) -> Line:
    try:
        return future.result()
    except Exception as error:
        log.exception("question %s failed", question.id)
        return failed_line(question, " ".join(f"{type(error).__name__}: {error}".split()))
