"""passel mcp: the corpus for other agents, over the Model Context Protocol."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...tools.errors import UsageError
from .. import logs, terminal
from ..corpora import is_corpus
from .options import BaseUrlOption, BudgetOption, CorpusOption, ModelOption, open_corpus, read_budget

if TYPE_CHECKING:
    from ..agent import Agent
    from ..settings import Settings


def mcp(
    corpus: CorpusOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    budget: BudgetOption = None,
    folder: Annotated[Path | None, typer.Option("--index", metavar="FOLDER", help="Let callers index this folder, and nothing outside it.")] = None,
    http: Annotated[bool, typer.Option("--http", help="Streamable HTTP instead of stdin and stdout.")] = False,
    host: Annotated[str, typer.Option("--host", help="With --http; others can be let in only with PASSEL_API_KEY.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="With --http.")] = 8766,
) -> None:
    """Serve a corpus to other agents (tools answer, search, select, index) over MCP, on stdin and stdout or HTTP."""
    if find_spec("mcp") is None:
        raise UsageError("passel mcp needs a package that is not installed", 'Run: pip install "passel[mcp]"')
    from ..listening import address, key_for, must_be_free, own_names
    from ..settings import Settings

    settings = Settings.load(corpus=corpus, model=model, base_url=base_url)
    settings = settings.model_copy(update={"budget": read_budget(budget, settings.budget)})
    if folder is not None and not folder.is_dir():
        raise UsageError(f"--index: {folder} is no folder")
    if folder is None and not is_corpus(settings.corpus_path()):
        open_corpus(settings).close()  # says what is missing, before a client waits for it
    key = key_for(host, settings) if http else ""
    if http:
        must_be_free(host, port)

    from ..mcp_server import build_server

    server, opening = build_server(_opener(settings, create=folder is not None), folder=folder)
    try:
        logs.log_requests()
        if not http:
            server.run("stdio")
            return
        from ..mcp_http import create_mcp_app, serve_mcp

        app = create_mcp_app(server, key=key, limits=settings.limits, hosts=own_names(host))
        terminal.note(f"passel: MCP at {address(host, port)}/mcp{', with a key' if key else ''}")
        serve_mcp(app, host, port)
    finally:
        opening.close()


def _opener(settings: Settings, *, create: bool) -> Callable[[], Agent]:
    def open_agent() -> Agent:
        from ..agent import Agent

        if create and not is_corpus(settings.corpus_path()):
            open_corpus(settings, create=True).close()
        return Agent.from_settings(settings)

    return open_agent
