"""passel eval: experiments over data sets, with intervals, baselines and every failure counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ...tools.errors import UsageError
from .. import progress, terminal
from .evaluating import ALL_PAIRS, Asking, Outputs, asked, finish, keeping, planting, prompting, rivals_of, setting_up, settle
from .options import BaseUrlOption, BudgetOption, ModelOption, read_budget

if TYPE_CHECKING:
    from ...evals.predictions import Line

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
    Literal["all", "one"] | None, typer.Option("--drop-gold", help="Replace all gold passages, or one, by the next-ranked others.")
]
RateOption = Annotated[
    float | None,
    typer.Option("--rate", min=0.0, max=1.0, metavar="R", help="Share of the questions in which --drop-gold does so (1; abstain 0.5)."),
]
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


def _dropping(drop: Literal["all", "one"] | None, rate: float | None, usual: float = 1.0) -> dict[str, Any]:
    """What `setting_up` takes of --drop-gold and --rate. Raises UsageError for a rate alone."""
    if rate is not None and drop is None:
        raise UsageError("--rate says in how many questions --drop-gold drops the evidence, and that is not given", "Add --drop-gold all, or one.")
    return {"drop": drop, "rate": usual if rate is None else rate}


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

    outputs = Outputs(json, predictions, html, results, reads=data)
    with setting_up("retrieval", data, setting, corpus, limit=limit, split=split, seed=seed) as setup:
        with keeping(setup, outputs) as kept:
            lines = asked(setup, experiment.predictor(setup), kept, jobs)
            settle(kept, lines)
        finish(experiment.summarize(setup, lines), setup.questions, lines, outputs, setup)


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
    rate: RateOption = None,
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
    outputs = Outputs(json, predictions, html, results, reads=data)
    settings = Settings.load()
    limits = read_budget(budget, settings.budget)
    given = {"passages": settings.passages, "weights": settings.digest(), "evidence_tokens": limits.evidence_tokens}
    given |= {"condensed": True} if condensed else {}
    if mixed and (corpus or drop_gold or limit or rate is not None):
        raise UsageError("--mixed makes its own choice of questions", "Leave out --corpus, --drop-gold, --rate and --limit.")
    chosen = {"mixed": mixed} if mixed else {"limit": limit, **_dropping(drop_gold, rate)}
    with setting_up("selection", data, setting, corpus, given, split=split, seed=seed, **chosen) as prepared:
        setup = conversations.condensed(prepared) if condensed else prepared
        selector = settings.selector(setup.encoder)
        if condensed:
            selector.pair.remembers = ALL_PAIRS  # what the conversation does not change is read once
        with keeping(setup, outputs) as kept:
            rivals = rivals_of(against or (), selector, settings, setup)
            lines = asked(setup, experiment.predictor(setup, selector, limits.evidence_tokens), kept, jobs)
            others: dict[str, list[Line]] = {}
            orders: list[Line] = []
            for name, (_, rival) in rivals.items():
                made = asked(setup, experiment.predictor(setup, rival, limits.evidence_tokens), kept, jobs, variant=name)
                if isinstance(rival, CutSelector):
                    orders += made
                    others |= experiment.at_best_fixed(setup, name, made)
                else:
                    others[name] = made
            if condensed:
                alone = experiment.predictor(prepared, selector, limits.evidence_tokens)
                others[conversations.LAST_TURN] = asked(prepared, alone, kept, jobs, variant=conversations.LAST_TURN)
            result, variants = experiment.summarize(setup, lines, rules, others)
            if condensed:
                conversations.add_condensed(result, prepared.questions, setup.questions, lines, others[conversations.LAST_TURN])
            settle(kept, lines, [*orders, *variants])
        finish(result, setup.questions, lines, outputs, setup)


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
    rate: RateOption = None,
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
    asking = Asking(model, base_url, budget)
    outputs = Outputs(json, predictions, html, results, reads=data)
    given = asking.described() | ({"decomposed": True} if decomposed else {})
    with setting_up("qa", data, setting, corpus, given, limit=limit, split=split, seed=seed, **_dropping(drop_gold, rate)) as prepared:
        setup = plans.decomposed(prepared) if decomposed else prepared
        selector = asking.settings.selector(setup.encoder)
        means = asking.means(selector.pair)
        if decomposed:
            selector.pair.remembers = ALL_PAIRS  # the whole question is asked of much the same passages again
        with keeping(setup, outputs) as kept:
            rivals = rivals_of(against or (), selector, asking.settings, setup)
            learned = {name: (folder, rival) for name, (folder, rival) in rivals.items() if isinstance(rival, LearnedSelector)}
            if alone := sorted(rivals.keys() - learned.keys()):
                raise UsageError(f"{alone[0].partition('@')[0]} holds no list policy", "passel eval selection compares with a pair model alone.")
            of_rivals = {  # made before anything is asked: one may be without the calibration that a wished risk needs
                name: experiment.predictor(setup, lambda _, rival=rival: rival, **asking.means(rival.pair, folder))  # type: ignore[misc]
                for name, (folder, rival) in learned.items()
            }
            lines = asked(setup, experiment.predictor(setup, lambda _: selector, **means), kept, jobs)
            others = {name: asked(setup, predict, kept, jobs, variant=name) for name, predict in of_rivals.items()}
            for name, other in experiment.variants(rules, setup, lines, selector):
                kept.forget(experiment.cut_otherwise(name, other, setup))
                others[name] = asked(setup, experiment.predictor(setup, other, **means), kept, jobs, variant=name)
            if without_looks:
                once = experiment.predictor(setup, lambda _: selector, **{**means, "budget": replace(asking.budget, looks=0)})
                others["without looks"] = asked(setup, once, kept, jobs, variant="without looks")
            if decomposed:
                own = plans.unplanned(setup)
                others[plans.UNPLANNED] = asked(own, experiment.predictor(own, lambda _: selector, **means), kept, jobs, variant=plans.UNPLANNED)
            settle(kept, lines, [line for made in others.values() for line in made])
        result = experiment.summarize(setup, lines, others)
        if decomposed:
            result.counts["without a decomposition"] = len(prepared.questions) - len(setup.questions)
            hops.add_hops(result, setup.questions, lines, others[plans.UNPLANNED])
        finish(result, setup.questions, lines, outputs, setup)


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

    outputs = Outputs(json, predictions, html, results, reads=data)
    settings = Settings.load()
    with setting_up("reading", data, "distractor", None, {"weights": settings.digest()}, limit=limit, split=split, seed=seed) as setup:
        with keeping(setup, outputs) as kept:
            lines = asked(setup, experiment.predictor(setup, pair_model(settings.weights_in_use, settings.device)), kept, jobs)
            settle(kept, lines)
        finish(experiment.summarize(setup, lines), setup.questions, lines, outputs, setup)


@evaluate.command()
def abstain(
    data: DataArgument,
    setting: SettingOption = "distractor",
    corpus: CorpusOption = None,
    model: ModelOption = None,
    base_url: BaseUrlOption = None,
    drop_gold: DropOption = None,
    rate: RateOption = None,
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

    asking = Asking(model, base_url, budget)
    outputs = Outputs(json, predictions, html, results, reads=data)
    chosen = {"limit": limit, **_dropping(drop_gold, rate, usual=0.5)}
    with setting_up("abstain", data, setting, corpus, asking.described(), split=split, seed=seed, **chosen) as setup:
        selector = asking.settings.selector(setup.encoder)
        means = asking.means(selector.pair)
        with keeping(setup, outputs) as kept:
            lines = asked(setup, experiment.predictor(setup, lambda _: selector, **means), kept, jobs)
            settle(kept, lines)
        finish(experiment.summarize(setup, lines, asking.settings.calibration()), setup.questions, lines, outputs, setup)


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
    asking = Asking(model, base_url, budget)
    outputs = Outputs(json, predictions, html, reads=data)
    with (
        setting_up("robustness", data, "distractor", None, asking.described(), limit=limit, split=split, seed=seed) as clean,
        planting(clean, data, names) as planted,
    ):
        selector = asking.settings.selector(planted.setup.encoder)
        selector.pair.remembers = ALL_PAIRS  # each perturbation asks the same questions again
        means = asking.means(selector.pair)
        with keeping(planted.setup, outputs) as kept:
            lines = asked(planted.setup, experiment.predictor(planted, "", selector, **means), kept, jobs)
            others = {
                name: asked(
                    planted.of(name), experiment.predictor(planted, name, selector, **means), kept, jobs, variant=name
                )
                for name in names
            }
            prompted = prompting(planted, lines, asking.model, selector.pair, kept, jobs) if asking.model else {}
            settle(kept, lines, [line for made in (*others.values(), *prompted.values()) for line in made])
        result = experiment.summarize(planted, lines, others)
        injection.add_to(result, prompted, experiment.NAMES)
        finish(result, planted.setup.questions, lines, outputs, planted.setup)


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
    from ...evals.datasets.get import digest_of_requests
    from ...evals.datasets.records import sha256_of
    from ...evals.datasets.trec import read_qrels, read_requests
    from ...evals.experiments import rerank as experiment
    from ...evals.predictions import Predictions, digest_of, key_of
    from ...tools.encoder import Encoder
    from ..settings import Settings

    outputs = Outputs(json, predictions, html, results, reads=[file, qrels, *([texts] if texts else [])])
    encoder, own = Encoder.load(), Settings.load()
    requests, judgements = read_requests(file, texts), read_qrels(qrels)
    rank = experiment.ranker(reranker, encoder, own.weights_in_use, own.device)
    settings = {
        "experiment": "rerank",
        "data": [{"name": f"{file.absolute().parent.name}/{file.stem}", "sha256": sha256_of(file), "content": digest_of_requests(requests)}],
        "qrels": {"name": qrels.name, "sha256": sha256_of(qrels)},
        "setting": "reranking",
        "encoder": encoder.name if rank else None,
        "seed": seed,
    }
    if reranker == "pointwise":
        settings["weights"] = own.digest()
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
        settle(kept, [kept.lines[key_of(line)] for line in lines])
    questions = [experiment.question_of(line, judgements, min_rel) for line in lines]
    finish(result, questions, lines, outputs)


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
