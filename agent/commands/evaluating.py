"""What the experiments of `passel eval` share: where results go, what is asked and with which means, predictions that resume, the end of a run."""

from __future__ import annotations

import contextlib
import json as jsonlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ...tools.errors import UsageError
from .. import progress, terminal
from .options import cached_chat_model, read_budget

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ...evals.experiments.robustness import Planted
    from ...evals.predictions import Line, Predictions
    from ...evals.question import Question
    from ...evals.result import Result
    from ...evals.run import Predict
    from ...evals.setup import Setup
    from ...rerankers.cut_selector import CutSelector
    from ...rerankers.selector.selector import LearnedSelector
    from ...tools.pair import PairModel
    from ..settings import Settings

ALL_PAIRS = 200_000
"""Readings that are kept where several selectors look at the same candidates: about 600 MB."""


class Outputs:
    """Where a run's results go."""

    def __init__(
        self, json: Path | None, predictions: Path | None, html: Path | None, results: Path | None = None, *, reads: Iterable[Path | str]
    ) -> None:
        """reads: what the run reads. Raises UsageError where something of it would be overwritten, or one output by another."""
        self.json, self.predictions, self.html, self.results = json, predictions, html, results
        written = [file.resolve() for file in (json, predictions, html) if file is not None and str(file) != "-"]
        read = {inside.resolve() for file in map(Path, reads) if file.exists() for inside in ((file,) if file.is_file() else _data_in(file))}
        if lost := set(written) & read:
            raise UsageError(f"{min(lost)} is what is read, and would be overwritten", "Name another file for the results.")
        if len(set(written)) < len(written):
            raise UsageError("two of --json, --predictions and --html name the same file", "Give each a file of its own.")
        for file in (json, html):
            if file is not None and str(file) != "-" and not file.absolute().parent.is_dir():
                raise UsageError(f"there is no folder {file.absolute().parent}", "Make it, or name another file.")
        for file in (json, html, predictions):
            if file is not None and file.is_dir():
                raise UsageError(f"{file} is a folder", "Name a file in it.")
        if results is not None and results.exists() and not results.is_dir():
            raise UsageError(f"{results} is no folder", "--results keeps a file for each run in a folder.")
        self.provenance = _provenance()


def _data_in(folder: Path) -> list[Path]:
    """The files of a data set's folder."""
    return [file for pattern in ("corpus.*", "queries.*", "qrels/*", "MultiHopRAG.json") for file in folder.glob(pattern)]


class Asking:
    """The chat model and the limits of experiments that run the whole graph. A model's answers are kept and not asked for twice."""

    def __init__(self, model: str | None, base_url: str | None, budget: str | None) -> None:
        from ..settings import Settings

        self.settings = Settings.load(model=model, base_url=base_url)
        self.budget = read_budget(budget, self.settings.budget)
        self.model = cached_chat_model(self.settings.model, self.settings.base_url) if self.settings.model else None

    def described(self) -> dict[str, Any]:
        from dataclasses import asdict

        settings = self.settings
        selecting = {"passages": settings.passages, "weights": settings.digest()}
        risk = {name: value for name, value in (("risk", settings.risk), ("abstentions", settings.abstentions)) if value is not None}
        return {"model": settings.model, "base_url": settings.base_url, **selecting, **risk, "budget": asdict(self.budget)}

    def means(self, reader: PairModel, weights: Path | None = None) -> dict[str, Any]:
        """What a question is asked with, beside the selector; `weights`: the folder whose calibration judges, by default that in use."""
        own = self.settings.model_copy(update={"weights": weights}) if weights else self.settings
        calibrated = {"calibration": own.calibration(), "least_confidence": own.least_confidence()}
        return {"budget": self.budget, "model": self.model, "reader": reader, **calibrated}


@contextlib.contextmanager
def setting_up(
    experiment: str,
    data: Sequence[str],
    setting: Literal["distractor", "pool"],
    corpus: str | None,
    given: Mapping[str, Any] | None = None,
    **options: Any,
) -> Iterator[Setup]:
    """The questions and their corpora; `given`: what the predictions depend on beside them."""
    from ...evals.mixture import mixture
    from ...evals.setup import prepare
    from ...tools.encoder import Encoder
    from ..settings import Settings, corpus_path

    folder, own = corpus_path(corpus) if corpus else None, Settings.load()
    if own.encoder or own.device:
        options["encoder"] = Encoder.load(own.encoder, device=own.device)
    mixed = options.pop("mixed", None)
    with contextlib.ExitStack() as stack:
        with progress.shown() as tell:
            described = {"experiment": experiment, **(given or {})}
            if mixed:
                made = mixture(data, setting=setting, even=mixed == "even", described=described, progress=tell, **options)
            else:
                made = prepare(data, setting="corpus" if folder else setting, corpus=folder, progress=tell, described=described, **options)
            setup = stack.enter_context(made)
        if folder:
            _tell_unmatched(setup)
        yield setup


def _tell_unmatched(setup: Setup) -> None:
    """Evidence whose title is misspelt would lower every figure without a word."""
    from ...evals.left_out import unmatched

    corpus = next(iter(setup.corpora.values()))
    missing = [titles for titles in unmatched(setup.questions, corpus).values() if titles]
    if missing:
        what = f"{len(missing)} of {len(setup.questions)} questions name evidence by a title that no document of corpus {corpus.name!r} has"
        terminal.note(f"{what}, letter for letter ({terminal.one_line(missing[0][0])!r} …): it counts as not found.")


def rivals_of(
    folders: Sequence[Path], selector: LearnedSelector, settings: Settings, setup: Setup
) -> dict[str, tuple[Path, LearnedSelector | CutSelector]]:
    """The selectors of other weights with their folders, by folder and digest. What is read for one need not be read again for the next."""
    from functools import partial

    from ...rerankers.cut_selector import CutSelector
    from ...rerankers.default import digest, pair_model
    from ...rerankers.pointwise import rank_pointwise
    from ...rerankers.selector.selector import SELECTOR
    from ...tools.pair import PAIR

    found: dict[str, tuple[Path, LearnedSelector | CutSelector]] = {}
    for folder in folders:
        if (folder / SELECTOR).is_file():
            rival: LearnedSelector | CutSelector = settings.model_copy(update={"weights": folder}).selector(setup.encoder)
        elif (folder / PAIR).is_file():
            rival = CutSelector(partial(rank_pointwise, pair_model(folder, settings.device)), setup.encoder.count_tokens)
        else:
            raise UsageError(f"{folder} holds neither {SELECTOR} nor {PAIR}", "Name a folder that passel train wrote.")
        found[f"{folder.name}@{digest(folder)[:6]}"] = folder, rival
    if found:
        selector.pair.remembers = ALL_PAIRS
    return found


@contextlib.contextmanager
def planting(setup: Setup, data: Sequence[str], names: Sequence[str]) -> Iterator[Planted]:
    """The perturbed questions, over corpora that hold what was planted."""
    from ...evals.experiments.robustness import plant

    with contextlib.ExitStack() as stack:
        with progress.shown() as tell:
            planted = stack.enter_context(plant(setup, data, names, progress=tell))
        yield planted


def prompting(
    planted: Planted, clean: Sequence[Line], model: BaseChatModel, reader: PairModel, kept: Predictions, jobs: int
) -> dict[str, list[Line]]:
    """By family of instructions, what the chat model says where the planted passage stands in its prompt."""
    from ...evals.experiments import injection
    from ...evals.experiments.robustness import INSTRUCTION

    lines = {(line["dataset"], line["id"]): line for line in clean}
    found = {}
    for name in (name for name, made in planted.perturbed.items() if made and name.startswith(INSTRUCTION)):
        predict = injection.predictor(planted.perturbed[name], lines, model, reader)
        found[name] = asked(planted.of(name), predict, kept, jobs, variant=injection.variant(name))
    return found


@contextlib.contextmanager
def keeping(setup: Setup, outputs: Outputs) -> Iterator[Predictions]:
    """The predictions file, under the digest of everything that its lines depend on."""
    from ... import __version__
    from ...evals.predictions import Predictions, digest_of

    with Predictions(outputs.predictions, digest_of({**setup.settings, "passel": __version__})) as kept:
        yield kept


def asked(setup: Setup, predict: Predict, kept: Predictions, jobs: int, *, variant: str | None = None) -> list[Line]:
    from ...evals.predictions import OURS
    from ...evals.run import predict_all

    with progress.shown() as tell:
        what = f"questions ({variant})" if variant else "questions"
        return predict_all(setup.questions, predict, kept, variant=variant or OURS, jobs=jobs, progress=lambda done, total: tell(what, done, total))


def settle(kept: Predictions, lines: Sequence[Line], others: Iterable[Line] = ()) -> None:
    """Puts the file in order: ours as the questions are, then the variants of this run, then what earlier runs asked and this one did not."""
    from ...evals.predictions import key_of

    made = [*lines, *others]
    here = {key_of(line) for line in made}
    kept.replace([*made, *(line for key, line in kept.lines.items() if key not in here)])


def finish(result: Result, questions: Sequence[Question], lines: Sequence[Line], outputs: Outputs, setup: Setup | None = None) -> None:
    """Everything that was asked for, and the tables on stdout; a run in which every question failed is a failure."""
    from ...evals.experiments import add_latency, add_unreadable
    from ...evals.report.table import tables

    add_latency(result, lines)
    if setup is not None:
        add_unreadable(result, setup)
    result.settings = {**result.settings, **outputs.provenance}
    if outputs.predictions:
        result.notes.append(f"Predictions: {outputs.predictions}")
    if outputs.results:
        from ...evals.report.results import keep

        result.notes.append(f"Kept for the report: {keep(result, questions, lines, outputs.results)}")
    if outputs.html:
        result.notes.append(f"Page: {outputs.html}")
    to_stdout = str(outputs.json) == "-"
    if to_stdout:
        terminal.print_json(result.to_json())
    elif outputs.json:
        outputs.json.write_text(jsonlib.dumps(result.to_json(), indent=1) + "\n", encoding="utf-8")
    if outputs.html:
        from ...evals.report.views import html_page

        outputs.html.write_text(html_page(result, questions, lines), encoding="utf-8")
    for table in tables(result):
        terminal.say(table, error=to_stdout)
    if lines and all(line["outcome"] == "failed" for line in lines):
        terminal.show_error(f"every question failed, the first with: {terminal.one_line(str(lines[0]['error']))}")
        terminal.fail(1)


def _provenance() -> dict[str, Any]:
    """Version, commit (of a checkout), date and command."""
    import subprocess
    import sys

    from ... import __version__
    from ..settings import Settings

    root = Path(__file__).parents[2]
    commit = None
    if (root / ".git").exists():  # else Passel is installed in a folder that may stand in somebody's own repository
        describe = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            commit = subprocess.run(describe, capture_output=True, text=True, timeout=10, check=False).stdout.strip() or None
    told = {"passel": __version__, "commit": commit, "date": time.strftime("%Y-%m-%d"), "command": _command(sys.argv[1:])}
    own = Settings.load()
    return told | ({"own weights": f"{own.weights.name}@{own.digest()[:6]}"} if own.weights else {})


def _command(arguments: Sequence[str]) -> str:
    """What reproduces the figures: without the outputs, and without where files lie on this machine."""
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word in ("--json", "--predictions", "--html", "--results"):
            next(words, None)
        elif word != "--debug" and not word.startswith(("--json=", "--predictions=", "--html=", "--results=")):
            path = Path(word)
            kept.append("/".join(path.parts[-2:]) if "/" in word and path.exists() else word)
    return " ".join(["passel", *kept])
