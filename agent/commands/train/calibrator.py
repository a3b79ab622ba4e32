"""passel train calibrator: how likely an answer is there, and is right, learned from whole runs on questions that nothing was trained on."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ....tools.errors import UsageError
from ... import progress, terminal
from ..evaluating import ALL_PAIRS
from ..options import BaseUrlOption, ModelOption, cached_chat_model
from .left_out import known_to_bundled, without_evidence
from .options import DataArgument, OutOption, OwnCorpusOption, bring, make_folder

if TYPE_CHECKING:
    from ....evals.calibrating import CalibrationRow
    from ....evals.question import Question
    from ....evals.setup import Setup
    from ....rerankers.calibration import Calibration
    from ....rerankers.selector.selector import LearnedSelector


def calibrator(
    data: DataArgument,
    out: OutOption,
    corpus: OwnCorpusOption = None,
    split: Annotated[
        Literal["all", "train", "val"] | None,
        typer.Option(
            "--split", help="val for data sets that reader and selector were trained on; all for your own.", show_default="val; all with --corpus"
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Only the first N questions of each file.")] = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
) -> None:
    """What `answerable` and `confidence` say, and what --risk can promise: from runs on questions that nothing was trained on.

    Each question is asked as it is, with all of its evidence replaced, and, where it needs several passages, with one of them replaced. With
    --corpus, your own questions are asked of your own corpus as they are; those with "answerable": false show what missing evidence looks like.
    """
    from .... import __version__
    from ....evals.calibrating import calibrate, calibration_parts, calibration_rows
    from ....evals.experiments.qa import predictor
    from ....evals.predictions import Predictions, digest_of
    from ....evals.run import predict_all
    from ....evals.setup import NothingToAsk, prepare
    from ....rerankers.calibration import CALIBRATION
    from ....rerankers.default import WEIGHTS, calibration, digest, in_use
    from ....rerankers.selector.selector import SELECTOR
    from ....tools.pair import PAIR
    from ...settings import Settings, corpus_path

    settings = Settings.load(model=model, base_url=base_url)
    chat = cached_chat_model(settings.model, settings.base_url) if settings.model else None
    folder = corpus_path(corpus) if corpus else None
    split = split or ("all" if folder else "val")
    make_folder(out)
    rows: list[CalibrationRow] = []
    bundled = in_use(settings.weights_in_use, PAIR) == WEIGHTS / PAIR
    means = {
        "experiment": "calibrator",
        "weights": digest(settings.weights_in_use, calibrated=False),  # what this command writes beside them changes no run
        "looks by": digest(WEIGHTS),  # the bundled calibration decides when these runs look again
        "passel": __version__,
        "passages": settings.passages,
        "model": settings.model,
        "base_url": settings.base_url,
        "budget": asdict(settings.budget),
    }
    with progress.shown() as tell:
        parts = [(file, *part) for file in data for part in calibration_parts(file, folder)]
        for file, setting, kind, drop in parts:
            options: dict[str, Any] = {"drop": drop} if drop else {}
            with contextlib.suppress(NothingToAsk), prepare(
                [file], setting=setting, corpus=folder, split=split, limit=limit, described=means, progress=tell, **options
            ) as prepared:
                setup = prepared
                if bundled:  # what it was trained on would be promised of all others
                    setup = _without(known_to_bundled(file, setup.questions), setup)
                if folder:
                    setup = _without(without_evidence(file, setup.questions, folder), setup)
                selector = settings.selector(setup.encoder)
                selector.pair.remembers = ALL_PAIRS  # the same questions are asked without their evidence
                # a chat model writes wherever something is selected, as it does where a share is wished: what it would have written nobody knows
                least = sys.float_info.min if chat else 0.0
                asked = predictor(setup, partial(_always, selector), settings.budget, chat, selector.pair, least_confidence=least)
                name, run = prepared.questions[0].dataset.replace("/", " "), digest_of(setup.settings)
                with Predictions(out / "runs" / f"{name} {kind} {run[:8]}.jsonl", run) as kept:  # other weights, other runs
                    lines = predict_all(setup.questions, asked, kept, progress=partial(tell, f"asking {name}, evidence {kind}"))
                rows += calibration_rows(setup.questions, lines, kind)
    try:
        made, unseen = calibrate(rows, calibration().answerable if folder else None, model=settings.model)
    except ValueError as error:
        hint = "Give more, or answers that are known" + ("; --split all takes every question." if split != "all" else ".")
        raise UsageError(f"{len(rows)} questions are too few to calibrate with: {error}", hint) from None
    if settings.weights is not None:
        bring(settings.weights, out, PAIR, SELECTOR)  # what it is of
    replace(made, weights=str(means["weights"])).save(out / CALIBRATION)
    _tell(rows, made, unseen)
    if folder and all(row.there for row in rows):
        terminal.note('no question has "answerable": false, so `answerable` stays what it was; `confidence` is new')
    terminal.note(f"{out / CALIBRATION}: the calibration of these weights. Use it with PASSEL_WEIGHTS={out}")


def _always(selector: LearnedSelector, question: Question) -> LearnedSelector:  # noqa: ARG001
    return selector


def _without(ids: Collection[str], setup: Setup) -> Setup:
    return replace(setup, questions=tuple(question for question in setup.questions if question.id not in ids))


def _tell(rows: Sequence[CalibrationRow], made: Calibration, unseen: Sequence[float]) -> None:
    """On these questions, each told by calibrators that did not see it: what is known, and what can be promised."""
    from rich.table import Table

    from ....evals.metrics.calibration import auroc, ece

    def shown(of: Callable[[Sequence[float], Sequence[float]], float], told: Sequence[float], truth: Sequence[bool]) -> str:
        return f"{of(told, [float(one) for one in truth]):.3f}" if len(set(truth)) > 1 else "–"

    table = Table("probability", "questions", "AUROC", "ECE", box=None)
    kept = [n for n, row in enumerate(rows) if row.kind != "part"]
    there = [rows[n].there for n in kept]
    told = [unseen[n] for n in kept]
    table.add_row("answerable", str(len(kept)), shown(auroc, told, there), shown(ece, told, there))
    of = made.reference
    table.add_row("confidence", str(len(of.right)), shown(auroc, of.confidence, of.right), shown(ece, of.confidence, of.right))
    terminal.say(table)
    for wish in (0.05, 0.1, 0.2, 0.3):
        try:
            least = of.at_most_wrong(wish)
        except UsageError as error:
            terminal.say(f"--risk {wish:g}: {error}. {error.hint}")
        else:
            answered = sum(one >= least for one in of.confidence) / len(of.confidence)
            terminal.say(f"--risk {wish:g}: answer at a confidence of {least:.2f} and more, {answered:.0%} of these questions")
    for wish in (0.1, 0.2, 0.3):
        try:
            terminal.say(f"PASSEL_ABSTENTIONS={wish:g}: answer at a confidence of {of.at_most_abstained(wish):.2f} and more")
        except UsageError as error:
            terminal.say(f"PASSEL_ABSTENTIONS={wish:g}: {error}. {error.hint}")
