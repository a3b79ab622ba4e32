"""passel train: the pair model that reads, and the list policy that selects. Every command goes on where a killed run of it was."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import pickle
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ...tools.errors import UsageError
from .. import progress, terminal
from .evaluating import ALL_PAIRS
from .options import BaseUrlOption, ModelOption, cached_chat_model

if TYPE_CHECKING:
    from ...evals.calibrating import CalibrationRow
    from ...evals.question import Question
    from ...evals.setup import Setup
    from ...evals.training import Part
    from ...rerankers.calibration import Calibration
    from ...rerankers.selector.examples import ListExample
    from ...rerankers.selector.network import ListNetwork
    from ...rerankers.selector.selector import LearnedSelector
    from ...tools.pair import PairModel

train = typer.Typer(help="Train the reader and the selector, on data sets or on your own corpus.", no_args_is_help=True)

DataArgument = Annotated[list[str], typer.Argument(metavar="DATA…", help="Files of labelled questions.", show_default=False)]
OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for weights, curves and checkpoints.", show_default=False)]
OwnCorpusOption = Annotated[
    str | None, typer.Option("--corpus", "-c", metavar="NAME|DIR", help="Where DATA are questions on your own corpus: its name or folder.")
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N")]
_KEPT = "nothing that was learned earned more on val: these are the bundled weights, as they were"
_ENOUGH_TO_CHOOSE = 20
"""Lists of val; fewer, and their figures are told with a warning."""
_TOLD = 3
"""Titles that are named where evidence is lacking."""


@train.command()
def reader(
    data: DataArgument,
    out: OutOption,
    epochs: Annotated[int, typer.Option("--epochs", min=1, metavar="N")] = 3,
    folds: Annotated[bool, typer.Option("--folds", help="Train also the two half models that `train selector` needs for cross-fitting.")] = False,
    ranking_only: Annotated[bool, typer.Option("--ranking-only", help="No spans: a ranker, for `eval selection --against` to compare with.")] = False,
    seed: SeedOption = 0,
) -> None:
    """The pair model: which passages are evidence, and where the answer stands. Questions of `val` (a tenth, by hash) choose the checkpoint."""
    from ...evals.datasets import load
    from ...evals.report.training import write_page
    from ...evals.setup import prepare
    from ...evals.training import reading_sets
    from ...rerankers.reader.calibration import calibrate
    from ...rerankers.reader.examples import FORMAT
    from ...rerankers.reader.losses import RANKING, LossWeights
    from ...rerankers.reader.trainer import ReaderConfig, train_reader
    from ...rerankers.reader.validation import validate
    from ...tools.pair import PAIR, PairModel

    config = ReaderConfig(epochs=epochs, seed=seed, weights=RANKING if ranking_only else LossWeights())
    bare = next((one for one in data if not load(one).pool), None)
    if bare is not None:
        where = "A reader learns from questions that bring theirs; on an indexed corpus the selector learns: passel train selector … --corpus C."
        raise UsageError(f"{bare} has no passages to make a pool of", where)
    _folder(out)
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


@train.command()
def selector(
    data: DataArgument,
    out: OutOption,
    reader: Annotated[
        Path | None, typer.Option("--reader", metavar="DIR", help="What `train reader --folds` made of the same files; else the bundled one.")
    ] = None,
    corpus: OwnCorpusOption = None,
    answers_only: Annotated[
        bool, typer.Option("--answers-only", help="Use no passage labels: start from the best cut rule, learn from answers alone.")
    ] = False,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    steps: Annotated[int, typer.Option("--steps", min=0, metavar="N", help="Of GRPO; 0 for imitation alone.")] = 120,
    limit: Annotated[int | None, typer.Option("--limit", min=2, metavar="N", help="At most so many lists, for a trial.")] = None,
    seed: SeedOption = 0,
) -> None:
    """The list policy: which passages, in what order, how many. First by imitation of the evidence, then by GRPO on what a selection earns.

    With --corpus, the questions are asked of your own corpus and the bundled selector is trained further. With --model, a chat model writes the
    answers that are rewarded.
    """
    from ...evals.chat_generator import ChatGenerator
    from ...evals.datasets import is_val
    from ...evals.report.training import write_page
    from ...evals.training import balanced, list_part, parts_of, questions_of
    from ...rerankers.default import WEIGHTS
    from ...rerankers.selector.grpo import GrpoConfig, extracted
    from ...rerankers.selector.imitation import ImitationConfig
    from ...rerankers.selector.selector import SELECTOR, load_network
    from ...rerankers.selector.trainer import SelectorConfig, check_enough, train_selector
    from ...tools.pair import PAIR
    from ..settings import Settings, corpus_path

    if reader is not None and corpus is not None:
        raise UsageError("--reader is for training from data sets, --corpus goes on from the bundled weights", "Leave one of them out.")
    folder = corpus_path(corpus) if corpus else None
    chat = ChatGenerator(cached_chat_model(model, Settings.load(base_url=base_url).base_url)) if model else None
    models = _pair_models(reader)
    made_from = _made_from(data, folder, reader)
    without = _left_out(data, folder, bundled=reader is None, by_title=not answers_only)
    parts = parts_of(data, folder, drop=not answers_only)
    asked = [(part, one.id) for part in parts for one in questions_of(part, without=without[part.data], answers_only=answers_only)]
    val = sum(is_val(id) for _, id in asked)
    check_enough(len(asked) - val, val, answers_only=answers_only)  # reading takes minutes to hours, and would not make them more
    _folder(out)
    tried = _spread(asked, limit) if limit else []
    with progress.shown() as tell:
        lists: list[ListExample] = []
        for part in parts:
            left_out = without[part.data]
            name, key, only = part.name, f"{made_from[part.data]} {sorted(left_out)}", None
            if limit:
                only = frozenset(id for of, id in tried if of == part)
                name, key = f"{name} limit {limit}", f"{key} only {sorted(only)}"
            lists += _once(reader or out, name, key, partial(list_part, part, models, tell, corpus=folder, without=left_out, only=only))
        if answers_only:
            lists = [one.unlabelled() for one in lists]
        examples = balanced(lists)
        imitation, start = ImitationConfig(), None
        if corpus:
            imitation, start = ImitationConfig(epochs=6, learning_rate=5e-5), load_network(WEIGHTS / SELECTOR)
        if chat:
            chat.progress = lambda asked: tell(f"answers of {model}", asked, 0)
        config = SelectorConfig(imitation, GrpoConfig(steps=steps), answers_only, seed, model or "")
        chosen = train_selector(
            [one for one in examples if not is_val(one.id)],
            [one for one in examples if is_val(one.id)],
            out,
            config,
            start=start,
            generate=chat or extracted,
            progress=lambda stage, done, total: tell(f"training: {stage}", done, total),
        )
    if reader is not None:
        _bring(reader, out, PAIR)
    notes = [_KEPT] if start and _same_weights(start, load_network(out / SELECTOR)) else []
    settings = {"data": ", ".join(data), "corpus": corpus, "model": model, "answers only": answers_only, "seed": seed}
    write_page(out, "train selector", settings, notes)
    _tell(chosen, sum(is_val(one.id) for one in examples), labelled=not answers_only)
    for note in notes:
        terminal.note(note)
    if chat and chat.failed:
        times = "once" if chat.failed == 1 else f"{chat.failed:,} times"
        terminal.note(f"{model} failed {times}: what it was asked about then was neither rewarded nor punished")
    terminal.note(f"{out / SELECTOR}: the list policy; {out / 'training.html'} shows how it went. Use it with PASSEL_WEIGHTS={out}")


@train.command()
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
    from ... import __version__
    from ...evals.calibrating import calibrate, calibration_parts, calibration_rows
    from ...evals.experiments.qa import predictor
    from ...evals.predictions import Predictions, digest_of
    from ...evals.run import predict_all
    from ...evals.setup import NothingToAsk, prepare
    from ...rerankers.calibration import CALIBRATION
    from ...rerankers.default import WEIGHTS, calibration, digest, in_use
    from ...rerankers.selector.selector import SELECTOR
    from ...tools.pair import PAIR
    from ..settings import Settings, corpus_path

    settings = Settings.load(model=model, base_url=base_url)
    chat = cached_chat_model(settings.model, settings.base_url) if settings.model else None
    folder = corpus_path(corpus) if corpus else None
    split = split or ("all" if folder else "val")
    _folder(out)
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
                setup = _unseen(prepared) if bundled else prepared
                if folder:
                    lacking = _lacking(file, setup.questions, folder)
                    setup = replace(setup, questions=tuple(question for question in setup.questions if question.id not in lacking))
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
        _bring(settings.weights, out, PAIR, SELECTOR)  # what it is of
    replace(made, weights=str(means["weights"])).save(out / CALIBRATION)
    _tell_calibration(rows, made, unseen)
    if folder and all(row.there for row in rows):
        terminal.note('no question has "answerable": false, so `answerable` stays what it was; `confidence` is new')
    terminal.note(f"{out / CALIBRATION}: the calibration of these weights. Use it with PASSEL_WEIGHTS={out}")


def _always(selector: LearnedSelector, question: Question) -> LearnedSelector:  # noqa: ARG001
    return selector


def _unseen(setup: Setup) -> Setup:
    """Without the questions that the bundled pair model was trained on: it reads them more surely than any others, and that would be promised."""
    from ...evals.left_out import trained_on

    known = trained_on(setup.questions)
    if known:
        terminal.note(f"{len(known):,} of {len(setup.questions):,} questions are left out, as the bundled pair model was trained on them")
    return replace(setup, questions=tuple(question for question in setup.questions if question.id not in known))


def _tell(chosen: Mapping[str, Any], val: int, *, labelled: bool) -> None:
    """On so many lists of `val`: what each stage reached. Support is known where passages are labelled."""
    from rich.table import Table

    support = ["support F1 (mean of the sets)"] if labelled else []
    table = Table("on val", "reward", "answer F1", *support, "passages", "tokens", box=None)
    for stage in ("start", "imitation", "grpo"):
        if stage not in chosen:
            continue
        figures = chosen[stage]
        shown = [figures["val reward"], figures.get("val answer", 0.0), *([figures["score"]] if labelled else []), figures["val length"]]
        table.add_row({"start": "before", "grpo": "GRPO"}.get(stage, stage), *(f"{value:.3f}" for value in shown), f"{figures['val tokens']:.0f}")
    terminal.say(table)
    few = "; they are too few to choose by: what is better on them may be so by chance" if val < _ENOUGH_TO_CHOOSE else ""
    terminal.note(f"chosen by {val:,} of val, a tenth of the questions{few}")


def _tell_calibration(rows: Sequence[CalibrationRow], made: Calibration, unseen: Sequence[float]) -> None:
    """On these questions, each told by calibrators that did not see it: what is known, and what can be promised."""
    from rich.table import Table

    from ...evals.metrics.calibration import auroc, ece

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


def _pair_models(reader: Path | None) -> Callable[[str], PairModel]:
    """By a question's id, a pair model that has not trained on it. The bundled one for questions that it cannot know."""
    from ...evals.datasets import is_val
    from ...evals.datasets.split import fold_of
    from ...rerankers.default import WEIGHTS, pair_model
    from ...tools.pair import PAIR

    def remembering(folder: Path) -> PairModel:
        model = pair_model(folder)
        model.remembers = ALL_PAIRS  # a question's lists share passages: a third of all pairs are read already
        return model

    if reader is None:
        return lambda _: remembering(WEIGHTS)
    missing = next((file for file in (reader / PAIR, reader / "fold0" / PAIR, reader / "fold1" / PAIR) if not file.is_file()), None)
    if missing is not None:
        raise UsageError(f"--reader {reader}: {missing} is not there", "Make it with: passel train reader DATA… --folds --out DIR")
    return lambda id: remembering(reader if is_val(id) else reader / f"fold{1 - fold_of(id)}")


def _left_out(data: Sequence[str], corpus: Path | None, *, bundled: bool, by_title: bool) -> dict[str, set[str]]:
    """By data set, ids of questions that nothing is to be learned from; it is said which. Raises UsageError where all of a data set are.

    bundled: the bundled pair model reads them, so those that it was trained on are left out. by_title: so are those whose evidence `corpus` lacks.
    """
    from ...evals.datasets import is_val, load
    from ...evals.left_out import trained_on

    found: dict[str, set[str]] = {}
    for one in data:
        questions = load(one).questions
        known = trained_on(questions) if bundled else frozenset()
        if known and all(question.id in known or is_val(question.id) for question in questions):
            reader = "" if corpus else f", or read them with a reader that was trained in halves: passel train reader {one} --folds --out DIR"
            what = f"{one}: the bundled pair model was trained on these questions and reads them more surely than any others"
            raise UsageError(what, f"Give other questions{reader}.")
        if known:
            terminal.note(f"{one}: {len(known):,} of {len(questions):,} questions are left out, as the bundled pair model was trained on them")
        lacking = _lacking(one, questions, corpus) if corpus and by_title else set()
        found[one] = {*known, *lacking, *(_repeated(one, questions) if corpus else ())}
    return found


def _repeated(data: str, questions: Sequence[Question]) -> set[str]:
    """Ids of the questions that were asked before: one of them in val would choose by what it was trained on. Says how many."""
    first: dict[str, str] = {}
    repeated = {one.id for one in questions if first.setdefault(" ".join(one.question.casefold().split()), one.id) != one.id}
    if repeated:
        terminal.note(f"{data}: {len(repeated):,} of {len(questions):,} questions are left out: the file asks them more than once")
    return repeated


def _lacking(data: str, questions: Sequence[Question], folder: Path) -> set[str]:
    """Ids of the questions with evidence that the corpus in this folder lacks; says how many. Raises UsageError where it lacks some of every one."""
    from ...evals.left_out import unmatched
    from ...tools.corpus import Corpus

    with Corpus.open(folder) as corpus:
        titled, name = unmatched(questions, corpus), corpus.name
    lacking = {id for id, titles in titled.items() if titles}
    titles = list(dict.fromkeys(title for of_one in titled.values() for title in of_one))
    named = f"no document of the corpus {name!r} is titled " + ", ".join(f"{title!r}" for title in titles[:_TOLD]) + (" …" if titles[_TOLD:] else "")
    if lacking and len(lacking) == len(titled):
        how = "`gold_titles` are the titles of its documents, letter for letter. With --answers-only none are needed."
        raise UsageError(f"{data}: every question has evidence that is not there: {named}", how)
    if lacking:
        terminal.note(f"{data}: {len(lacking):,} of {len(questions):,} questions are left out: {named}")
    return lacking


def _bring(weights: Path, out: Path, *names: str) -> None:
    """Copies those files that `weights` has, so that the folder can be used as it is."""
    for name in names:
        if (weights / name).is_file() and weights.resolve() != out.resolve():
            shutil.copyfile(weights / name, out / name)


def _once(out: Path, name: str, made_from: str, make: Callable[[], list[ListExample]]) -> list[ListExample]:
    """The lists of a part, from an earlier run where there was one: reading them is most of the work, and lies with the models that read them."""
    file = out / "lists" / f"{name}.pickle"
    if file.is_file():
        known = pickle.loads(file.read_bytes())  # our own file of an earlier run
        if known["made from"] == made_from:
            return list(known["lists"])
    lists = make()
    file.parent.mkdir(exist_ok=True)
    beside = file.with_suffix(".part")
    beside.write_bytes(pickle.dumps({"made from": made_from, "lists": lists}))
    beside.replace(file)
    return lists


def _made_from(data: Sequence[str], corpus: Path | None, reader: Path | None) -> dict[str, str]:
    """What the lists of each data set depend on."""
    from ...evals.training import digests
    from ...rerankers.default import WEIGHTS
    from ...rerankers.selector.examples import FORMAT
    from ...tools.corpus import Corpus
    from ...tools.pair import PAIR

    folders = [WEIGHTS] if reader is None else [reader, reader / "fold0", reader / "fold1"]
    of_all = f"format {FORMAT} " + hashlib.sha256(b"".join((folder / PAIR).read_bytes() for folder in folders)).hexdigest()
    if corpus is not None:
        with Corpus.open(corpus) as opened:
            of_all += f" {opened.id} {opened.seq}"
    return {one: f"{digest} {of_all}" for one, digest in digests(data).items()}


def _same_weights(one: ListNetwork, other: ListNetwork) -> bool:
    of_other = other.state_dict()
    return all(weight.equal(of_other[name]) for name, weight in one.state_dict().items())


def _spread(asked: Sequence[tuple[Part, str]], limit: int) -> list[tuple[Part, str]]:
    """At most `limit` questions of parts, of every part its share; of those of val its share too, at least one."""
    from ...evals.datasets import is_val

    learned, val = [one for one in asked if not is_val(one[1])], [one for one in asked if is_val(one[1])]
    of_val = max(1, limit * len(val) // len(asked))
    return [*_evenly(learned, limit - of_val), *_evenly(val, of_val)]


def _evenly(asked: Sequence[tuple[Part, str]], most: int) -> list[tuple[Part, str]]:
    count = min(len(asked), most)
    return [asked[n * len(asked) // count] for n in range(count)]


def _folder(out: Path) -> None:
    """Makes it. Raises UsageError where that cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be a folder: {error.strerror}", "Name another place.") from None


def _same(out: Path, made_from: Mapping[str, Any]) -> None:
    """Raises UsageError where `out` holds a reader of other data, options or examples: it would be taken for this one, finished or half done."""
    file, text = out / "made-from.json", json.dumps(made_from, sort_keys=True)
    if file.is_file() and file.read_text(encoding="utf-8") != text:
        raise UsageError(f"{out} holds a reader of other data or options, or of another version", "Give --out another folder, or delete this one.")
    file.write_text(text, encoding="utf-8")
