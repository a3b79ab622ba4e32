"""passel eval: experiments over data sets, with intervals, baselines and every failure counted."""

from __future__ import annotations

import contextlib
import json as jsonlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ...tools.errors import UsageError
from .. import progress, terminal
from .options import BaseUrlOption, BudgetOption, ModelOption, cached_chat_model, read_budget

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

evaluate = typer.Typer(help="Measure: retrieval, selection, answers, reranking, abstention, robustness.", no_args_is_help=True)

DataArgument = Annotated[list[str], typer.Argument(metavar="DATA…", help="Files, folders, or names of official sets.", show_default=False)]
SettingOption = Annotated[
    Literal["distractor", "pool"], typer.Option("--setting", help="Candidates: the question's own passages, or all of its file.")
]
CorpusOption = Annotated[str | None, typer.Option("--corpus", "-c", metavar="NAME|DIR", help="Search an indexed corpus instead.")]
LimitOption = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Only the first N questions of each file.")]
SplitOption = Annotated[Literal["all", "train", "val"], typer.Option("--split", help="val: the tenth of a file that makes choices, by hash.")]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N")]
JobsOption = Annotated[int, typer.Option("--jobs", "-j", min=1, metavar="N", help="Questions at once (threads).")]
CompareOption = Annotated[
    str | None,
    typer.Option("--compare", metavar="A,B,…", help="Paired differences to fixed[:K], threshold[:P], gap, knee, tokens[:N], oracle, oracle_set."),
]
AgainstOption = Annotated[
    list[Path] | None,
    typer.Option("--against", metavar="DIR", help="Paired differences to other weights on the same candidates; may be repeated.", show_default=False),
]
MixedOption = Annotated[
    Literal["all", "even"] | None,
    typer.Option("--mixed", help="Of all questions of the multi-hop sets, or of as many of each as the smallest has."),
]
DropOption = Annotated[
    Literal["all", "one"] | None, typer.Option("--drop-gold", help="Replace all gold passages, or one, by the next-ranked others,")
]
RateOption = Annotated[float, typer.Option("--rate", min=0.0, max=1.0, metavar="R", help="in this share of the questions.")]
PerturbOption = Annotated[
    str | None,
    typer.Option(
        "--perturb",
        metavar="A,B,…",
        help="Only these: typos, distractors, near_duplicate, keyword_stuffing, contradiction, instruction (or one of its families), position.",
    ),
]
CondensedOption = Annotated[
    bool, typer.Option("--condensed", help="Ask the last turns of conversations condensed; paired differences to the last turn alone.")
]
DecomposedOption = Annotated[
    bool, typer.Option("--decomposed", help="Ask with the gold decomposition as the plan, hop by hop; paired differences to the agent's own plan.")
]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all figures there; - for stdout.")]
PredictionsFile = Annotated[Path | None, typer.Option("--predictions", metavar="FILE.jsonl", help="A line a question, as it comes; resumed from.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page to look at, with every question.")]
ResultsOption = Annotated[Path | None, typer.Option("--results", metavar="DIR", help="Keep a small copy for `passel eval report`.")]


_ALL_PAIRS = 200_000
"""Readings that are kept where several selectors look at the same candidates: about 600 MB."""


class _Outputs:
    """Where a run's results go."""

    def __init__(self, json: Path | None, predictions: Path | None, html: Path | None, results: Path | None = None) -> None:
        self.json, self.predictions, self.html, self.results = json, predictions, html, results
        for file in (json, html):
            if file is not None and str(file) != "-" and not file.absolute().parent.is_dir():
                raise UsageError(f"there is no folder {file.absolute().parent}", "Make it, or name another file.")
        for file in (json, html, predictions):
            if file is not None and file.is_dir():
                raise UsageError(f"{file} is a folder", "Name a file in it.")
        if results is not None and results.exists() and not results.is_dir():
            raise UsageError(f"{results} is no folder", "--results keeps a file for each run in a folder.")
        self.provenance = _provenance()


@evaluate.command()
def retrieval(
    data: DataArgument,
    setting: SettingOption = "pool",
    corpus: CorpusOption = None,
    limit: LimitOption = None,
    split: SplitOption = "all",
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
    json: JsonFile = None,
    predictions: PredictionsFile = None,
    html: HtmlFile = None,
    results: ResultsOption = None,
) -> None:
    """Does the evidence reach the candidates? Each channel, fused, and with linking."""
    from ...evals.experiments import retrieval as experiment

    outputs = _Outputs(json, predictions, html, results)
    with _prepared("retrieval", data, setting, corpus, limit=limit, split=split, seed=seed) as setup:
        with _kept(setup, outputs) as kept:
            lines = _predict(setup, experiment.predictor(setup), kept, jobs)
            _settle(kept, setup, lines)
        _finish(experiment.summarize(setup, lines), setup.questions, lines, outputs, setup)


@evaluate.command()
def selection(
    data: DataArgument,
    setting: SettingOption = "distractor",
    mixed: MixedOption = None,
    condensed: CondensedOption = False,
    corpus: CorpusOption = None,
    compare: CompareOption = None,
    against: AgainstOption = None,
    drop_gold: DropOption = None,
    rate: RateOption = 1.0,
    limit: LimitOption = None,
    split: SplitOption = "all",
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
    budget: BudgetOption = None,
    json: JsonFile = None,
    predictions: PredictionsFile = None,
    html: HtmlFile = None,
    results: ResultsOption = None,
) -> None:
    """Which of the candidates are chosen, in what order, how many? Beside every cut rule.

    --mixed: of multi-hop files and a file of single-evidence questions one mixture is made, with questions whose evidence was dropped; compared with
    the best single fixed k. --against: a folder that `passel train` wrote; of a pair model without a list policy, its own order at its best fixed k.
    --condensed: of data with conversations (MTRAG).
    """
    from ...evals import condensed as conversations
    from ...evals.experiments import selection as experiment
    from ...evals.variants import read_rules
    from ...rerankers.cut_selector import CutSelector
    from ..settings import Settings

    rules = read_rules(compare or ("fixed" if mixed else None))
    outputs = _Outputs(json, predictions, html, results)
    settings = Settings.load()
    limits = read_budget(budget, settings.budget)
    given = {"passages": settings.passages, "weights": settings.digest(), "evidence_tokens": limits.evidence_tokens}
    given |= {"condensed": True} if condensed else {}
    if mixed and (corpus or drop_gold or limit):
        raise UsageError("--mixed makes its own choice of questions", "Leave out --corpus, --drop-gold and --limit.")
    chosen = {"mixed": mixed} if mixed else {"limit": limit, "drop": drop_gold, "rate": rate}
    with _prepared("selection", data, setting, corpus, given, split=split, seed=seed, **chosen) as prepared:
        setup = conversations.condensed(prepared) if condensed else prepared
        selector = settings.selector(setup.encoder)
        if condensed:
            selector.pair.remembers = _ALL_PAIRS  # what the conversation does not change is read once
        with _kept(setup, outputs) as kept:
            rivals = _rivals(against or (), selector, settings, setup)
            lines = _predict(setup, experiment.predictor(setup, selector, limits.evidence_tokens), kept, jobs)
            others: dict[str, list[Line]] = {}
            orders: list[Line] = []
            for name, rival in rivals.items():
                made = _predict(setup, experiment.predictor(setup, rival, limits.evidence_tokens), kept, jobs, variant=name)
                if isinstance(rival, CutSelector):
                    orders += made
                    others |= experiment.at_best_fixed(setup, name, made)
                else:
                    others[name] = made
            if condensed:
                alone = experiment.predictor(prepared, selector, limits.evidence_tokens)
                others[conversations.LAST_TURN] = _predict(prepared, alone, kept, jobs, variant=conversations.LAST_TURN)
            result, variants = experiment.summarize(setup, lines, rules, others)
            if condensed:
                conversations.add_condensed(result, prepared.questions, setup.questions, lines, others[conversations.LAST_TURN])
            _settle(kept, setup, lines, [*orders, *variants])
        _finish(result, setup.questions, lines, outputs, setup)


@evaluate.command()
def qa(
    data: DataArgument,
    setting: SettingOption = "pool",
    corpus: CorpusOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    compare: CompareOption = None,
    against: AgainstOption = None,
    decomposed: DecomposedOption = False,
    without_looks: Annotated[bool, typer.Option("--without-looks", help="Paired differences to the same agent that searches once.")] = False,
    drop_gold: DropOption = None,
    rate: RateOption = 1.0,
    limit: LimitOption = None,
    split: SplitOption = "all",
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
    budget: BudgetOption = None,
    json: JsonFile = None,
    predictions: PredictionsFile = None,
    html: HtmlFile = None,
    results: ResultsOption = None,
) -> None:
    """The whole agent: are the answers right, on which evidence, at what cost?

    --decomposed: of the questions that have one (MuSiQue's); the answers of its sub-questions are labels and are not told.
    """
    from ...evals import decomposed as plans
    from ...evals import hops
    from ...evals.experiments import qa as experiment
    from ...evals.variants import read_rules
    from ...rerankers.selector.selector import LearnedSelector

    rules = read_rules(compare, runnable=True)
    asking = _Asking(model, base_url, budget)
    outputs = _Outputs(json, predictions, html, results)
    given = asking.described() | ({"decomposed": True} if decomposed else {})
    with _prepared("qa", data, setting, corpus, given, limit=limit, split=split, seed=seed, drop=drop_gold, rate=rate) as prepared:
        setup = plans.decomposed(prepared) if decomposed else prepared
        selector = asking.settings.selector(setup.encoder)
        means = asking.means(selector.pair)
        if decomposed:
            selector.pair.remembers = _ALL_PAIRS  # the whole question is asked of much the same passages again
        with _kept(setup, outputs) as kept:
            rivals = _rivals(against or (), selector, asking.settings, setup)
            learned = {name: rival for name, rival in rivals.items() if isinstance(rival, LearnedSelector)}
            if alone := sorted(rivals.keys() - learned.keys()):
                raise UsageError(f"{alone[0].partition('@')[0]} holds no list policy", "passel eval selection compares with a pair model alone.")
            lines = _predict(setup, experiment.predictor(setup, lambda _: selector, **means), kept, jobs)
            others = {}
            for name, rival in learned.items():
                of_rival = experiment.predictor(setup, lambda _, rival=rival: rival, **asking.means(rival.pair))  # type: ignore[misc]
                others[name] = _predict(setup, of_rival, kept, jobs, variant=name)
            for name, other in experiment.variants(rules, setup, lines, selector):
                kept.forget(experiment.cut_otherwise(name, other, setup))
                others[name] = _predict(setup, experiment.predictor(setup, other, **means), kept, jobs, variant=name)
            if without_looks:
                once = experiment.predictor(setup, lambda _: selector, **{**means, "budget": replace(asking.budget, looks=0)})
                others["without looks"] = _predict(setup, once, kept, jobs, variant="without looks")
            if decomposed:
                own = plans.unplanned(setup)
                others[plans.UNPLANNED] = _predict(own, experiment.predictor(own, lambda _: selector, **means), kept, jobs, variant=plans.UNPLANNED)
            _settle(kept, setup, lines, [line for made in others.values() for line in made])
        result = experiment.summarize(setup, lines, others)
        if decomposed:
            result.counts["without a decomposition"] = len(prepared.questions) - len(setup.questions)
            hops.add_hops(result, setup.questions, lines, others[plans.UNPLANNED])
        _finish(result, setup.questions, lines, outputs, setup)


@evaluate.command()
def reading(
    data: DataArgument,
    limit: LimitOption = None,
    split: SplitOption = "all",
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
    json: JsonFile = None,
    predictions: PredictionsFile = None,
    html: HtmlFile = None,
    results: ResultsOption = None,
) -> None:
    """The extractive reader alone, on each question's own passages: does it find the answer, and know when there is none?"""
    from ...evals.experiments import reading as experiment
    from ...rerankers.default import pair_model
    from ..settings import Settings

    outputs = _Outputs(json, predictions, html, results)
    settings = Settings.load()
    with _prepared("reading", data, "distractor", None, {"weights": settings.digest()}, limit=limit, split=split, seed=seed) as setup:
        with _kept(setup, outputs) as kept:
            lines = _predict(setup, experiment.predictor(setup, pair_model(settings.weights_in_use, settings.device)), kept, jobs)
            _settle(kept, setup, lines)
        _finish(experiment.summarize(setup, lines), setup.questions, lines, outputs, setup)


@evaluate.command()
def abstain(
    data: DataArgument,
    setting: SettingOption = "distractor",
    corpus: CorpusOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    drop_gold: DropOption = None,
    rate: RateOption = 0.5,
    limit: LimitOption = None,
    split: SplitOption = "all",
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
    budget: BudgetOption = None,
    json: JsonFile = None,
    predictions: PredictionsFile = None,
    html: HtmlFile = None,
    results: ResultsOption = None,
) -> None:
    """Does it know when the evidence is not there, and when the answer is not right?"""
    from ...evals.experiments import abstain as experiment

    asking = _Asking(model, base_url, budget)
    outputs = _Outputs(json, predictions, html, results)
    with _prepared("abstain", data, setting, corpus, asking.described(), limit=limit, split=split, seed=seed, drop=drop_gold, rate=rate) as setup:
        selector = asking.settings.selector(setup.encoder)
        means = asking.means(selector.pair)
        with _kept(setup, outputs) as kept:
            lines = _predict(setup, experiment.predictor(setup, lambda _: selector, **means), kept, jobs)
            _settle(kept, setup, lines)
        _finish(experiment.summarize(setup, lines, asking.settings.calibration()), setup.questions, lines, outputs, setup)


@evaluate.command()
def robustness(
    data: DataArgument,
    perturb: PerturbOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    limit: LimitOption = None,
    split: SplitOption = "all",
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
    budget: BudgetOption = None,
    json: JsonFile = None,
    predictions: PredictionsFile = None,
    html: HtmlFile = None,
) -> None:
    """What changes with typos, more distractors, gold ranked elsewhere, and planted passages: copies, contradictions, instructions?"""
    from ...evals.experiments import injection
    from ...evals.experiments import robustness as experiment

    names = experiment.read_names(perturb)
    asking = _Asking(model, base_url, budget)
    outputs = _Outputs(json, predictions, html)
    with (
        _prepared("robustness", data, "distractor", None, asking.described(), limit=limit, split=split, seed=seed) as clean,
        _planted(clean, data, names) as planted,
    ):
        selector = asking.settings.selector(planted.setup.encoder)
        selector.pair.remembers = _ALL_PAIRS  # each perturbation asks the same questions again
        means = asking.means(selector.pair)
        with _kept(planted.setup, outputs) as kept:
            lines = _predict(planted.setup, experiment.predictor(planted, "", selector, **means), kept, jobs)
            others = {
                name: _predict(
                    planted.of(name), experiment.predictor(planted, name, selector, **means), kept, jobs, variant=name
                )
                for name in names
            }
            prompted = _prompted(planted, lines, asking.model, selector.pair, kept, jobs) if asking.model else {}
            _settle(kept, planted.setup, lines, [line for made in (*others.values(), *prompted.values()) for line in made])
        result = experiment.summarize(planted, lines, others)
        injection.add_to(result, prompted, experiment.NAMES)
        _finish(result, planted.setup.questions, lines, outputs)


@evaluate.command()
def rerank(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Requests with passage texts (RankLLM's form), or a TREC run.", show_default=False)],
    qrels: Annotated[Path, typer.Option("--qrels", metavar="FILE", help="Judgements, in TREC's or BEIR's form.", show_default=False)],
    reranker: Annotated[str, typer.Option("--reranker", metavar="NAME", help="none (the first stage's order), cosine or pointwise.")] = "pointwise",
    texts: Annotated[Path | None, typer.Option("--texts", metavar="DIR", help="For a TREC run: where corpus.jsonl and queries.jsonl are.")] = None,
    min_rel: Annotated[int, typer.Option("--min-rel", min=1, metavar="N", help="Least grade that is relevant, nDCG aside (TREC DL: 2).")] = 1,
    limit: LimitOption = None,
    seed: SeedOption = 0,
    jobs: JobsOption = 1,
    json: JsonFile = None,
    predictions: PredictionsFile = None,
    html: HtmlFile = None,
    results: ResultsOption = None,
) -> None:
    """Does a reranker bring the relevant passages up? nDCG, MAP, MRR, recall, beside the first stage."""
    from ... import __version__
    from ...evals.datasets.records import sha256_of
    from ...evals.datasets.trec import read_qrels, read_requests
    from ...evals.experiments import rerank as experiment
    from ...evals.predictions import Predictions, digest_of
    from ...rerankers.default import digest
    from ...tools.encoder import Encoder

    outputs = _Outputs(json, predictions, html, results)
    encoder = Encoder.load()
    requests, judgements = read_requests(file, texts), read_qrels(qrels)
    rank = experiment.ranker(reranker, encoder)
    settings = {
        "experiment": "rerank",
        "data": [{"name": f"{file.absolute().parent.name}/{file.stem}", "sha256": sha256_of(file)}],
        "qrels": {"name": qrels.name, "sha256": sha256_of(qrels)},
        "setting": "reranking",
        "encoder": encoder.name if rank else None,
        "seed": seed,
    }
    if reranker == "pointwise":
        settings["weights"] = digest()
    run = digest_of({**settings, "reranker": reranker, "passel": __version__})
    with Predictions(outputs.predictions, run) as kept, progress.shown() as tell:
        result, lines = experiment.run(
            requests,
            judgements,
            rank=rank,
            name=reranker,
            count_tokens=encoder.count_tokens,
            dataset=settings["data"][0]["name"],  # type: ignore[index]
            min_rel=min_rel,
            limit=limit,
            jobs=jobs,
            settings=settings,
            progress=lambda done, total: tell("queries", done, total),
            done={line["id"]: line for line in kept.lines.values()},
            write=kept.add,
        )
    questions = [experiment.question_of(line, judgements, min_rel) for line in lines]
    _finish(result, questions, lines, outputs)


@evaluate.command()
def report(
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="Kept runs; else those that ship with Passel.", show_default=False)] = None,
    write: Annotated[Path | None, typer.Option("--write", metavar="FILE.md", help="Put the tables between the marks of this file.")] = None,
) -> None:
    """README's tables of results, computed anew from kept predictions."""
    from ...evals.report import readme

    with terminal.working("computing"):
        text = readme.markdown(readme.results(folder or readme.SHIPPED))
    if write:
        readme.write_into(write, text)
        terminal.note(f"{write}: results written")
    else:
        terminal.say(text)


class _Asking:
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

    def means(self, reader: PairModel) -> dict[str, Any]:
        """What a question is asked with, beside the selector."""
        calibrated = {"calibration": self.settings.calibration(), "least_confidence": self.settings.least_confidence()}
        return {"budget": self.budget, "model": self.model, "reader": reader, **calibrated}


@contextlib.contextmanager
def _prepared(
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
    from ..settings import corpus_path

    folder = corpus_path(corpus) if corpus else None
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


def _rivals(folders: Sequence[Path], selector: LearnedSelector, settings: Settings, setup: Setup) -> dict[str, LearnedSelector | CutSelector]:
    """The selectors of other weights, by folder and digest. What is read for one need not be read again for the next."""
    from functools import partial

    from ...rerankers.cut_selector import CutSelector
    from ...rerankers.default import digest, pair_model
    from ...rerankers.pointwise import rank_pointwise
    from ...rerankers.selector.selector import SELECTOR
    from ...tools.pair import PAIR

    found: dict[str, LearnedSelector | CutSelector] = {}
    for folder in folders:
        if (folder / SELECTOR).is_file():
            rival: LearnedSelector | CutSelector = settings.model_copy(update={"weights": folder}).selector(setup.encoder)
        elif (folder / PAIR).is_file():
            rival = CutSelector(partial(rank_pointwise, pair_model(folder, settings.device)), setup.encoder.count_tokens)
        else:
            raise UsageError(f"{folder} holds neither {SELECTOR} nor {PAIR}", "Name a folder that passel train wrote.")
        found[f"{folder.name}@{digest(folder)[:6]}"] = rival
    if found:
        selector.pair.remembers = _ALL_PAIRS
    return found


@contextlib.contextmanager
def _planted(setup: Setup, data: Sequence[str], names: Sequence[str]) -> Iterator[Planted]:
    """The perturbed questions, over corpora that hold what was planted."""
    from ...evals.experiments.robustness import plant

    with contextlib.ExitStack() as stack:
        with progress.shown() as tell:
            planted = stack.enter_context(plant(setup, data, names, progress=tell))
        yield planted


def _prompted(
    planted: Planted, clean: Sequence[Line], model: BaseChatModel, reader: PairModel, kept: Predictions, jobs: int
) -> dict[str, list[Line]]:
    """By family of instructions, what the chat model says where the planted passage stands in its prompt."""
    from ...evals.experiments import injection
    from ...evals.experiments.robustness import INSTRUCTION

    lines = {(line["dataset"], line["id"]): line for line in clean}
    found = {}
    for name in (name for name, made in planted.perturbed.items() if made and name.startswith(INSTRUCTION)):
        predict = injection.predictor(planted.perturbed[name], lines, model, reader)
        found[name] = _predict(planted.of(name), predict, kept, jobs, variant=injection.variant(name))
    return found


@contextlib.contextmanager
def _kept(setup: Setup, outputs: _Outputs) -> Iterator[Predictions]:
    """The predictions file, under the digest of everything that its lines depend on."""
    from ... import __version__
    from ...evals.predictions import Predictions, digest_of

    with Predictions(outputs.predictions, digest_of({**setup.settings, "passel": __version__})) as kept:
        yield kept


def _predict(setup: Setup, predict: Predict, kept: Predictions, jobs: int, *, variant: str | None = None) -> list[Line]:
    from ...evals.predictions import OURS
    from ...evals.run import predict_all

    with progress.shown() as tell:
        what = f"questions ({variant})" if variant else "questions"
        return predict_all(setup.questions, predict, kept, variant=variant or OURS, jobs=jobs, progress=lambda done, total: tell(what, done, total))


def _settle(kept: Predictions, setup: Setup, lines: Sequence[Line], others: Iterable[Line] = ()) -> None:
    """Puts the file in order: ours as the questions are, then the variants of this run, then ours of questions that this run did not ask."""
    from ...evals.predictions import OURS

    asked = {(question.dataset, question.id) for question in setup.questions}
    rest = [line for (dataset, id, variant), line in kept.lines.items() if variant == OURS and (dataset, id) not in asked]
    kept.replace([*lines, *others, *rest])


def _finish(result: Result, questions: Sequence[Question], lines: Sequence[Line], outputs: _Outputs, setup: Setup | None = None) -> None:
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

    root = Path(__file__).parents[2]
    commit = None
    if (root / ".git").exists():  # else Passel is installed in a folder that may stand in somebody's own repository
        told = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            commit = subprocess.run(told, capture_output=True, text=True, timeout=10, check=False).stdout.strip() or None
    return {"passel": __version__, "commit": commit, "date": time.strftime("%Y-%m-%d"), "command": _command(sys.argv[1:])}


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
