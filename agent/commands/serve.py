"""passel serve: the HTTP API, for chat applications and other programs."""

from __future__ import annotations

from typing import Annotated

import typer

from ...tools.errors import UsageError
from .. import logs, terminal
from .options import BaseUrlOption, BudgetOption, CorpusOption, ModelOption, read_budget


def serve(
    corpus: CorpusOption = None,
    host: Annotated[str, typer.Option("--host", metavar="H", help="Address to listen on; PASSEL_API_KEY must be set for others.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", metavar="P", min=1, max=65535, help="Port to listen on.")] = 8321,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    budget: BudgetOption = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option("--allow-origin", metavar="URL", help="A site whose pages may ask (CORS; may be repeated).")
    ] = None,
) -> None:
    """Serve an OpenAI-compatible chat API, reranking and corpora over HTTP.

    SIGTERM and Ctrl-C finish what is running.
    """
    from ..settings import Settings

    try:
        import fastapi  # noqa: F401
        import uvicorn
    except ImportError:
        raise UsageError("passel serve needs FastAPI and uvicorn", 'Install them: pip install "passel[serve]"') from None
    from ..listening import address, key_for, must_be_free, own_names
    from ..server.app import create_app
    from ..server.serving import Serving

    settings = Settings.load(corpus=corpus, model=model, base_url=base_url)
    settings = settings.model_copy(update={"budget": read_budget(budget, settings.budget)})
    key = key_for(host, settings)
    must_be_free(host, port)
    serving = Serving(settings)
    with terminal.working("opening the corpus"):
        serving.agent().ask("Is everything loaded?")  # so that the first question need not wait; raises where there is no corpus
    app = create_app(serving, key=key, hosts=own_names(host), origins=[origin.rstrip("/").lower() for origin in allow_origin or ()])
    logs.log_requests()
    guarded = "with a key" if key else "without a key, to this machine only"
    terminal.note(f"passel: serving {serving.default} on {address(host, port)} ({guarded})")
    uvicorn.run(
        app,
        host=host,
        port=port,
        access_log=False,  # it writes query strings; the gate writes a line of its own
        log_level="warning",
        server_header=False,
        proxy_headers=False,  # whoever asks from this machine could claim any address, and have a rate of its own
        timeout_graceful_shutdown=int(settings.limits.seconds) + 5,
    )
