"""passel train reader: the pair model, and the two half models that cross-fitting needs."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from ....tools.errors import UsageError
from ... import progress, terminal
from .options import DataArgument, OutOption, SeedOption, make_folder


def reader(
    data: DataArgument,
    out: OutOption,
    epochs: Annotated[int, typer.Option("--epochs", min=1, metavar="N")] = 3,
    folds: Annotated[bool, typer.Option("--folds", help="Train also the two half models that `train selector` needs for cross-fitting.")] = False,
    ranking_only: Annotated[bool, typer.Option("--ranking-only", help="No spans: a ranker, for `eval selection --against` to compare with.")] = False,
    seed: SeedOption = 0,
) -> None:
    """The pair model: which passages are evidence, and where the answer stands. Questions of `val` (a tenth, by hash) choose the checkpoint."""
    from ....evals.datasets import load
    from ....evals.report.training import write_page
    from ....evals.setup import prepare
    from ....evals.training import reading_sets
    from ....rerankers.reader.calibration import calibrate
    from ....rerankers.reader.examples import FORMAT
    from ....rerankers.reader.losses import RANKING, LossWeights
    from ....rerankers.reader.trainer import ReaderConfig, train_reader
    from ....rerankers.reader.validation import validate
    from ....tools.pair import PAIR, PairModel

    config = ReaderConfig(epochs=epochs, seed=seed, weights=RANKING if ranking_only else LossWeights())
    bare = next((one for one in data if not load(one).pool), None)
    if bare is not None:
        where = "A reader learns from questions that bring theirs; on an indexed corpus the selector learns: passel train selector … --corpus C."
        raise UsageError(f"{bare} has no passages to make a pool of", where)
    make_folder(out)
    with progress.shown() as tell:
        with prepare(data, setting="pool", progress=tell) as setup:
            by_fold, val = reading_sets(setup, tell)
        halves = [(f"fold{fold}", by_fold[fold]) for fold in by_fold] if folds else []
        trainings = [*halves, ("", [*by_fold[0], *by_fold[1]])]
        unseen = [one for of_set in val.values() for one in of_set]
        if not all(examples for _, examples in trainings):
            raise UsageError(f"too few questions whose evidence is known in {', '.join(data)}", "Passages need `is_supporting`, or gold titles.")
        _same(out, {**setup.settings, "format": FORMAT, "epochs": epochs, "seed": seed, **({"ranking only": True} if ranking_only else {})})
        for name, examples in trainings:
            if (out / name / PAIR).is_file() and not (out / name / "checkpoint.pt").is_file():
                continue  # finished by an earlier run
            what = f"training {name}".rstrip()
            measured = None if name else lambda network: validate(PairModel(copy.deepcopy(network)), val, ranking_only=ranking_only)

            def told(done: int, total: int, figures: object, what: str = what) -> None:  # noqa: ARG001
                tell(what, done, total)

            train_reader(examples, out / name, config, validate=measured, finish=partial(calibrate, examples=unseen), progress=told)
    write_page(out, "train reader", {"data": ", ".join(data), "epochs": epochs, "seed": seed})
    terminal.note(f"{out / PAIR}: the pair model; {out / 'training.html'} shows how it went")


def _same(out: Path, made_from: Mapping[str, Any]) -> None:
    """Raises UsageError where `out` holds a reader of other data, options or examples: it would be taken for this one, finished or half done."""
    file, text = out / "made-from.json", json.dumps(made_from, sort_keys=True)
    if file.is_file() and file.read_text(encoding="utf-8") != text:
        raise UsageError(f"{out} holds a reader of other data or options, or of another version", "Give --out another folder, or delete this one.")
    file.write_text(text, encoding="utf-8")
