"""passel demo: indexes the bundled articles on the invented Ilvane Isles and answers questions that no model can know the answers of."""

from __future__ import annotations

import json as json_lines
from dataclasses import replace
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from .. import demo as bundled
from .. import terminal
from .ask import follow
from .index import progress_shown, what_happened
from .options import JsonOption, open_corpus

if TYPE_CHECKING:
    from ...graphs.answer import Answer
    from ...tools.corpus import Corpus, IndexReport
    from ..agent import Agent

QUESTIONS = ("demo-013", "demo-024", "demo-037", "demo-050")
"""Of questions.jsonl: over two hops, over three, a comparison, and one that the articles cannot answer."""


def demo(json: JsonOption = False) -> None:
    """Index a small bundled corpus and ask it multi-hop questions, showing what happens."""
    if json:
        with terminal.json_alone(lambda line: {"error": line}) as emit:
            answers = _demo(show=False)
            emit([answer.model_dump(mode="json") for answer in answers])
    else:
        answers = _demo(show=True)
        terminal.say("Try next:")
        for command in (
            'passel ask "Who started the shipping line that owned the steamer Tindry?" --corpus demo --trace',
            "passel chat --corpus demo",
            "passel index PATH --corpus mine   then   passel ask … --corpus mine",
        ):
            terminal.say(f"  {command}")
    if failed := [answer for answer in answers if answer.outcome == "failed"]:
        terminal.show_error(failed[0].error or "a run failed")
        terminal.fail(1)


def _demo(*, show: bool) -> list[Answer]:
    from ..settings import Settings, corpora_folder

    # what the user set up for other corpora (a chat model, another encoder) is not what is shown here
    settings = Settings.load().model_copy(update={"corpus": str(corpora_folder() / "demo"), "model": None, "encoder": None, "chroma_server": None})
    with terminal.working("opening the corpus"):
        corpus = open_corpus(settings, create=True)
    with corpus:
        report = add_articles(corpus)
        tell = terminal.say if show else terminal.note
        tell(f"Corpus demo, {report.passages:,} passages: {what_happened(report)} ({report.seconds:.1f} s)")
        from ..agent import Agent

        with Agent(corpus, budget=settings.budget) as agent:
            return [_ask(agent, id, question, show=show) for id, question in bundled_questions(QUESTIONS)]


def add_articles(corpus: Corpus) -> IndexReport:
    """Brings the corpus in step with the bundled articles, wherever this package is installed now."""
    from ...tools.loaders import Document, load_paths

    with as_file(files(bundled) / "articles") as folder:
        articles = [replace(article, origin="") for article in load_paths([folder]) if isinstance(article, Document)]
    for source in set(corpus.sources()) - {article.source for article in articles}:  # an older version's
        corpus.delete(source)
    with progress_shown() as progress:
        return corpus.add(articles, progress=progress)


def _ask(agent: Agent, id: str, question: str, *, show: bool) -> Answer:
    if not show:
        return agent.ask(question, id=id)
    from rich.rule import Rule

    from ...graphs.answer import Answer

    terminal.say(Rule(style="dim"))
    answer = follow(agent.stream(question, id=id), trace=True)
    terminal.say("")
    assert isinstance(answer, Answer), "only a run that was told to waits"
    return answer


def bundled_questions(ids: tuple[str, ...]) -> list[tuple[str, str]]:
    """(id, question) of those of the bundled questions, in the order of `ids`."""
    lines = (files(bundled) / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    known = {record["id"]: record["question"] for record in map(json_lines.loads, filter(None, lines))}
    return [(id, known[id]) for id in ids]
