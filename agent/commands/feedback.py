"""passel feedback: what people thought of answers, and training questions made of it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...tools.errors import PasselError, UsageError
from .. import terminal
from ..corpora import is_corpus
from .options import CorpusOption, JsonOption

if TYPE_CHECKING:
    from ...graphs.answer import Answer
    from ..feedback import Feedback, FeedbackFile

feedback = typer.Typer(help="What people thought of answers: list it, add to it, make training questions of it.", no_args_is_help=True)

OfCorpusOption = Annotated[str | None, typer.Option("--corpus", "-c", metavar="NAME|DIR", help="Of this corpus alone.", show_default="all")]


@feedback.command("list")
def list_(corpus: OfCorpusOption = None, json: JsonOption = False) -> None:
    """All feedback, oldest first."""
    if json:
        with terminal.json_alone(lambda line: {"error": line}) as emit:
            emit({"feedback": [_line(each) for each in _all(corpus)]})
        return
    found = _all(corpus)
    if not found:
        terminal.say(_elsewhere(corpus) or "No feedback yet. Give some with /good and /bad in passel chat, or agent.feedback(answer, good=True).")
        return
    from rich.table import Table

    table = Table("when", "", "question", "answer", "note", "trace id", box=None, pad_edge=False)
    for column in table.columns[2:5]:
        column.overflow = "fold"
    table.columns[5].overflow = "fold"
    for each in found:
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(each.at))
        said = each.answer.answer if each.answer.answer else each.answer.outcome
        texts = [terminal.one_line(text) for text in (each.answer.question, said, each.note)]
        table.add_row(day, "good" if each.good else "bad", *texts, each.answer.trace_id)
    terminal.say(table)


@feedback.command()
def add(
    answer: Annotated[Path, typer.Argument(metavar="FILE|-", help="An answer as `passel ask --json` prints it; - for stdin.", allow_dash=True)],
    good: Annotated[bool, typer.Option("--good", help="What you think of it,", show_default=False)] = False,
    bad: Annotated[bool, typer.Option("--bad", help="one of both.", show_default=False)] = False,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="Why; kept with it.")] = "",
    corpus: CorpusOption = None,
) -> None:
    """Say what you think of an answer."""
    from ..settings import Settings

    if good == bad:
        raise UsageError("an answer is good or bad, not both" if good else "say --good or --bad")

    given = _read(answer)
    folder = Settings.load(corpus=corpus).corpus_path().resolve()
    _file(str(folder)).judge(given, good=good, note=note)
    terminal.say(f"Kept: {'good' if good else 'bad'}, {terminal.one_line(given.question)}")
    if not is_corpus(folder):
        terminal.say(f"  of {folder}, where no corpus is: --corpus names another")


@feedback.command()
def export(
    out: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="Where the questions go.", show_default=False)],
    corpus: OfCorpusOption = None,
    bad: Annotated[Path | None, typer.Option("--bad", metavar="FILE.jsonl", help="Write the bad answers there, whole, with their notes.")] = None,
) -> None:
    """Write a labelled question for each good answer, as `passel train selector --corpus` reads them. Bad answers are left out, or go to --bad."""
    from ..feedback_questions import questions_of

    found = _all(corpus)
    corpora = sorted({each.corpus for each in found})
    if len(corpora) > 1:
        raise UsageError(f"the feedback is of {len(corpora)} corpora, and questions belong to one", f"Add --corpus: {', '.join(corpora)}")
    questions, wrong = questions_of(found), [each for each in found if not each.good]
    if not questions and not wrong:
        how = "Give some with /good and /bad in passel chat, or agent.feedback(answer, good=True)."
        raise PasselError(_elsewhere(corpus) or "there is no feedback to export", how)
    _write(out, questions)
    abstained = sum(question.get("answerable") is False for question in questions)
    untitled = sum(not question.get("gold_titles") for question in questions) - abstained
    terminal.say(f"{out}: {len(questions):,} question{'s' * (len(questions) != 1)}")
    if abstained:
        terminal.say(f"  {abstained:,} of them rightly not answered: for a calibrator, nothing that a selector learns from")
    if unworded := sum(not question["answers"] for question in questions) - abstained:
        terminal.say(f"  {unworded:,} of them without answers, as whole sentences are no labels: they teach by their titles alone")
    if untitled:
        terminal.say(f"  {untitled:,} of them without gold_titles, as the cited passages have no title: they teach by their answers alone")
    if bad is not None:
        _write(bad, [_line(each) for each in wrong])
        terminal.say(f"{bad}: {len(wrong):,} bad answer{'s' * (len(wrong) != 1)}")
    elif wrong:
        terminal.say(f"  {len(wrong):,} bad answer{'s' * (len(wrong) != 1)} left out; --bad FILE.jsonl writes them")


@feedback.command()
def delete(
    trace_id: Annotated[str, typer.Argument(metavar="TRACE_ID", help="As `passel feedback list` shows it.", show_default=False)],
) -> None:
    """Forget what was said of one answer, and the answer."""
    _file().delete(trace_id)
    terminal.say(f"Deleted {trace_id}.")


def _file(corpus: str = "") -> FeedbackFile:
    from ...tools.home import passel_home
    from ..feedback import FEEDBACK, FeedbackFile

    return FeedbackFile(passel_home() / FEEDBACK, corpus)


def _elsewhere(corpus: str | None) -> str:
    """Where there is feedback, if there is none of this corpus; else ""."""
    others = sorted({each.corpus for each in _all(None)}) if corpus is not None else []
    return f"no feedback of this corpus; there is some of {', '.join(others)}" if others else ""


def _all(corpus: str | None) -> list[Feedback]:
    from ..settings import corpus_path

    return _file().all(str(corpus_path(corpus).resolve()) if corpus is not None else None)


def _line(each: Feedback) -> dict[str, Any]:
    """What was said, and the whole answer in its published form."""
    return {"good": each.good, "note": each.note, "corpus": each.corpus, "at": each.at, "answer": each.answer.model_dump(mode="json")}


def _read(path: Path) -> Answer:
    from pydantic import ValidationError

    from ...graphs.answer import Answer

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        return Answer.model_validate_json(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        what = error.errors(include_url=False)[0]["msg"]
        raise UsageError(f"{path} holds no answer: {what}", "Make one with: passel ask … --json > FILE") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text", "Make one with: passel ask … --json > FILE") from None


def _write(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    try:
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise PasselError(f"cannot write {path}: {error.strerror}") from None
