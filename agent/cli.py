"""The command line: which commands there are, and how a failure is told. Each command is a file in `commands/`.

Nothing heavy is imported before a command runs: `passel --help` must not pay for torch.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
import warnings
from itertools import pairwise
from typing import Annotated, Any

import typer

from ..tools.errors import UsageError
from . import logs, telemetry, terminal
from .commands.ask import ask
from .commands.bench import bench
from .commands.chat import chat
from .commands.corpus import corpus
from .commands.data import data
from .commands.demo import demo
from .commands.eval import evaluate
from .commands.feedback import feedback
from .commands.graph import graph
from .commands.index import index
from .commands.mcp_command import mcp
from .commands.serve import serve
from .commands.train import train

app = typer.Typer(no_args_is_help=True, add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
for command in (demo, index, ask, chat, serve, mcp, graph):
    app.command()(command)
app.add_typer(corpus, name="corpus")
app.add_typer(evaluate, name="eval")
app.add_typer(train, name="train")
app.add_typer(data, name="data")
app.add_typer(feedback, name="feedback")
app.add_typer(bench, name="bench")


def _show_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"passel {__version__}")
        raise typer.Exit


@app.callback()
def passel(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback when something fails (also PASSEL_DEBUG=1).")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Ask questions over your documents: answers with citations, or an honest "I don't know".

    Start with: passel demo
    """


def main() -> None:
    """The entry point of the installed command."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the caller
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):  # a character that cannot be shown, or read, is "?" instead
            stream.reconfigure(errors="replace")
    arguments = sys.argv[1:]
    _quiet(debug=_wants_debug(arguments))
    telemetry.start()
    code = run(arguments)
    try:
        sys.stdout.flush()
    except OSError:  # `passel … | head`: nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Runs one command line and gives its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    options, debug = _options(arguments), _wants_debug(arguments)
    given = [word for n, word in enumerate(arguments) if word != "--debug" or n >= len(options)]
    try:
        code = app(given, prog_name="passel", standalone_mode=False)
        if code == 130:
            terminal.show_error("interrupted")
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        terminal.show_error("interrupted")
        return 130
    except BrokenPipeError:
        return 1
    except Exception as error:
        if debug:
            traceback.print_exc()
        if hasattr(error, "format_message"):  # typer's own: from click, or from its copy of click, as its version may be
            return _wrong_usage(error, as_json=_json_to_stdout(options))
        if "eval" in options[:2] and _json_to_stdout(options):
            terminal.print_json({"error": terminal.in_one_line(error)})
        unforeseen = "" if debug else "Run again with --debug to see where."
        terminal.show_error(terminal.in_one_line(error), getattr(error, "hint", unforeseen))
        return 2 if isinstance(error, UsageError) else 1


def _options(arguments: list[str]) -> list[str]:
    """What stands before "--"; behind it everything is an argument."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _json_to_stdout(options: list[str]) -> bool:
    """Whether stdout has one JSON object, on failure too: `--json` of most commands; eval's names a file, "-" for stdout."""
    words = [word for word in options if word != "--debug"]
    return "--json" in words if words[:1] != ["eval"] else "--json=-" in words or ("--json", "-") in pairwise(words)


def _wants_debug(arguments: list[str]) -> bool:
    """--debug may stand anywhere: it is added to the end of a command that failed."""
    return "--debug" in _options(arguments) or os.environ.get("PASSEL_DEBUG", "") not in ("", "0")


def _wrong_usage(error: Any, *, as_json: bool) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "passel"
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":  # the help has been printed, or is the message, as typer's version may be
        if message:
            terminal.note(message)
        return int(error.exit_code)
    if as_json:
        from .commands.ask import failed_answer

        line = terminal.one_line(message)
        terminal.print_json(failed_answer("", line) if command.endswith(" ask") else {"error": line})
    terminal.show_error(message[:1].lower() + message[1:], f"{command} --help says how it is used.")
    return int(error.exit_code)


def _quiet(*, debug: bool) -> None:
    """Libraries' warnings and bars are for developers; what goes wrong ends in a typed outcome or an error line."""
    log = logging.getLogger("passel")
    log.handlers[:] = [logs.json_handler() if logs.wanted() else logging.StreamHandler() if debug else logging.NullHandler()]
    log.setLevel(logging.INFO if logs.wanted() else logging.NOTSET)
    log.propagate = False
    if not debug:
        warnings.simplefilter("ignore")
        os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
