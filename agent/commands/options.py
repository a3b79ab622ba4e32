"""Options that several commands share, and what is made of them: settings, filters, budgets, an open corpus or agent.

The types are read by typer at run time, so nothing heavy may stand in them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...tools.errors import UsageError
from .. import terminal
from ..corpora import foreign, is_corpus

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ...tools.budget import Budget
    from ...tools.corpus import Corpus
    from ..agent import Agent
    from ..settings import Settings

CorpusOption = Annotated[str | None, typer.Option("--corpus", "-c", metavar="NAME|DIR", help='A corpus by name, or its folder; else "default".')]
ModelOption = Annotated[str | None, typer.Option("--model", "-m", metavar="PROVIDER:NAME", help="A chat model: openai:NAME, local:FILE.gguf …")]
BaseUrlOption = Annotated[str | None, typer.Option("--base-url", metavar="URL", help="Address of an OpenAI-compatible server.")]
FilterOption = Annotated[
    list[str] | None, typer.Option("--filter", metavar="KEY=VALUE", help="Only passages with this metadata (may be repeated, or JSON).")
]
BudgetOption = Annotated[
    str | None, typer.Option("--budget", metavar="NAME=N,…", help="Limits: calls, tokens, seconds, looks, evidence_tokens.")
]
RiskOption = Annotated[
    float | None, typer.Option("--risk", metavar="SHARE", help="Of the answers at most this share wrong (0.2): abstain where less sure.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]
CorpusArgument = Annotated[str, typer.Argument(metavar="CORPUS", help="A corpus by name, or its folder.", show_default=False)]

def open_corpus(settings: Settings, *, create: bool = False) -> Corpus:
    """As the settings say. Raises UsageError where there is no corpus, or where one would be made among other files."""
    from ...tools.corpus import Corpus
    from ...tools.encoder import Encoder

    path = settings.corpus_path()
    if create and not is_corpus(path) and (others := foreign(path)):
        what = f"will not make a corpus in {path.absolute()}, which holds other files ({others[0]} …)"
        raise UsageError(what, "An existing folder is taken as the corpus's own place: give the corpus another name, or an empty folder.")
    encoder = Encoder.load(settings.encoder, device=settings.device) if settings.encoder or settings.device else None
    return Corpus.open(path, encoder=encoder, create=create, server=settings.chroma_server)


@contextlib.contextmanager
def asking(
    corpus: str | None,
    model: str | None,
    base_url: str | None,
    filter: Sequence[str] | None,
    budget: str | None,
    risk: float | None = None,
) -> Iterator[tuple[Agent, dict[str, Any]]]:
    """An agent as the options and the settings say, and the keywords for its questions. Raises UsageError."""
    from ..settings import Settings

    settings = Settings.load(corpus=corpus, model=model, base_url=base_url, risk=risk)
    options = {"filters": read_filters(filter), "budget": read_budget(budget, settings.budget)}
    with open_corpus(settings) as opened:
        with terminal.working("opening the corpus"):
            from ..agent import Agent  # takes seconds: what was given wrong is told before

            agent = Agent.over(opened, settings)
        if unfinished := opened.unfinished:
            terminal.note(f"The corpus may not hold everything yet: {terminal.clean(unfinished)}.")
        with agent:
            yield agent, options


def read_budget(text: str | None, base: Budget) -> Budget:
    """`base` with "calls=4,seconds=30" on top. Raises UsageError."""
    if text is None:
        return base
    kinds = {field.name: type(getattr(base, field.name)) for field in dataclasses.fields(base)}
    limits: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in kinds:
            raise UsageError(f"--budget: {name!r} is no limit", f"Limits are {', '.join(kinds)}: --budget calls=4,seconds=30")
        try:
            limits[name] = kinds[name](value)
        except ValueError:
            raise UsageError(f"--budget: {name} needs a number, not {value!r}", "Write it as --budget calls=4,seconds=30") from None
    try:
        return dataclasses.replace(base, **limits)
    except ValueError as error:
        raise UsageError(f"--budget: {str(error).removeprefix('budget: ')}") from None


def read_filters(texts: Sequence[str] | None) -> dict[str, Any] | None:
    """Chroma's `where` form of all --filter options together. Raises UsageError.

    >>> read_filters(["tenant=a", "year=1990"])
    {'$and': [{'tenant': 'a'}, {'$or': [{'year': '1990'}, {'year': 1990}]}]}
    """
    filters = [_read_filter(text) for text in texts or ()]
    return filters[0] if len(filters) == 1 else {"$and": filters} if filters else None


def _read_filter(text: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except ValueError as error:
            raise UsageError(f"--filter: {text!r} is no JSON: {error}", """Write it as --filter '{"year": {"$gte": 1990}}'""") from None
    key, equals, value = (piece.strip() for piece in text.partition("="))
    if not key or not equals:
        raise UsageError(f"--filter: {text!r} is not KEY=VALUE", "Write it as --filter tenant=a")
    try:
        typed = json.loads(value)
    except ValueError:
        typed = value
    # whether the metadata hold 1990 or "1990" cannot be told from here; what no database holds as a number (20 digits, NaN) is a text
    number = math.isfinite(typed) if isinstance(typed, float) else isinstance(typed, int) and -(2**63) <= typed < 2**63
    return {"$or": [{key: value}, {key: typed}]} if number and key != "source" else {key: value}


def cached_chat_model(name: str, base_url: str | None) -> BaseChatModel:
    """A chat model that is not asked the same thing twice. Raises as `load_chat_model`."""
    from ...tools.chat import load_chat_model
    from ...tools.chat.cache import CachedChatModel

    return CachedChatModel.around(load_chat_model(name, base_url=base_url), name)
