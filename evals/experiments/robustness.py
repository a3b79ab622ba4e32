"""robustness: what changes when a question is misspelt, its list grows, its evidence is ranked elsewhere, or somebody plants a passage in it?

Every perturbation is held against the clean run of the same question: paired differences, over one corpus that holds the pool and everything that
was planted. A question's own passages are its candidates (the distractor setting), so that what was planted for one is never seen by another.
The place of the gold passage is another matter: there the selector alone is asked, with one gold passage moved through the first stage's order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...rerankers.selection import Selector
from ...tools.answers import contains_answer, normalised
from ...tools.budget import Budget
from ...tools.candidate import Candidate
from ...tools.corpus import Corpus
from ...tools.errors import UsageError
from ...tools.search import search
from .. import perturbations
from ..datasets import load
from ..first_stage import candidates
from ..labels import Values, said
from ..metrics.bootstrap import interval
from ..perturbations import DISTRACTORS, FAMILIES, Perturbed, moved
from ..pool import open_pool
from ..predictions import Line, digest_of, source_of
from ..question import DataPassage, Dataset, Question, distinct
from ..result import Cell, Curve, Estimate, Result, Row, Series, Table
from ..run import Predict
from ..setup import Setup
from . import qa, selection

POSITION = "position"
INSTRUCTION = "instruction"
NAMES = {
    "typos": "typos in the question",
    "distractors": f"{DISTRACTORS} more distractors",
    "near_duplicate": "near duplicate of gold",
    "keyword_stuffing": "keyword stuffing",
    "contradiction": "contradiction of gold",
    **{f"{INSTRUCTION}_{family}": f"instruction: {family}" for family in FAMILIES},
    POSITION: "gold moved to each place",
}
"""What each perturbation is called in a table."""
PLACES = tuple(range(1, 11))
AS_FOUND, LAST = "as found", "last"

_CHANGES = {
    "support_f1_change": "support F1",
    "f1_change": "answer F1",
    "em_change": "EM",
    "contains_change": "answer string in it",
    "selection_changed": "selection changed",
    "answer_changed": "answer changed",
    "newly_abstained": "abstains instead",
}
_PLANTED = {
    "picked": "picked",
    "picked_before": "before",
    "picked_excess": "excess",
    "cited": "cited",
    "cited_before": "cited before",
    "success": "said what was wanted",
    "reported": "disagreement reported",
    "both_named": "both answers in it",
}
_HEADLINES = ("support_f1_change", "f1_change", "em_change", "answer_changed", "picked", "picked_excess", "cited", "success")

Key = tuple[str, str]
"""(dataset, question id)"""


@dataclass(frozen=True, slots=True)
class Planted:
    setup: Setup
    """The clean questions, over corpora that hold everything that was planted."""
    perturbed: Mapping[str, Mapping[Key, Perturbed]]
    """By perturbation, those questions on which it could be made."""

    def of(self, name: str) -> Setup:
        """The perturbed questions."""
        return replace(self.setup, questions=tuple(one.question for one in self.perturbed[name].values()))


def read_names(text: str | None) -> tuple[str, ...]:
    """Of "typos,instruction,…": all where nothing is said, all four families for "instruction". Raises UsageError."""
    if text is None:
        return tuple(NAMES)
    asked: list[str] = []
    for name in (name.strip() for name in text.split(",") if name.strip()):
        found = [name] if name in NAMES else [known for known in NAMES if name == INSTRUCTION and known.startswith(f"{INSTRUCTION}_")]
        if not found:
            raise UsageError(f"--perturb {name}: there is no such perturbation", f"Known: {', '.join([*NAMES, INSTRUCTION])}.")
        asked += found
    if not asked:
        raise UsageError("--perturb names no perturbation", "Write it as --perturb typos,instruction")
    return tuple(name for name in NAMES if name in asked)


@contextlib.contextmanager
def plant(
    setup: Setup, data: Sequence[str], names: Sequence[str], *, progress: Callable[[str, int, int], None] | None = None
) -> Iterator[Planted]:
    """Perturbs the questions of `setup` and makes the corpora in which they are asked. `data`: what `setup` was prepared from."""
    datasets = {dataset.name: dataset for dataset in (load(one, split=setup.settings["split"]) for one in data)}
    perturbed: dict[str, dict[Key, Perturbed]] = {name: {} for name in names}
    for done, question in enumerate(setup.questions):
        if progress:
            progress("perturbing", done, len(setup.questions))
        for name in names:
            made = _perturb(name, question, setup.settings["seed"], datasets[question.dataset], setup.corpus(question))
            if made is not None:
                perturbed[name][question.dataset, question.id] = made
    with contextlib.ExitStack() as stack:
        corpora: dict[str, Corpus] = {}
        for name, dataset in datasets.items():
            planted = (p for made in perturbed.values() for one in made.values() if one.question.dataset == name for p in one.question.passages)
            corpus = open_pool(
                distinct([*dataset.pool, *(replace(passage, gold=None) for passage in planted)]),
                encoder=setup.encoder,
                progress=(lambda step: progress(f"the corpus: {step.phase}", step.done, step.total)) if progress else None,
            )
            corpora[name] = stack.enter_context(corpus)
        asked = [[name, *key, one.question.question, sorted(one.planted)] for name, made in perturbed.items() for key, one in made.items()]
        settings = {**setup.settings, "perturbations": list(names), "planted": digest_of({"asked": asked})}
        yield Planted(replace(setup, corpora=corpora, settings=settings), perturbed)


def _perturb(name: str, question: Question, seed: int, dataset: Dataset, pool: Corpus) -> Perturbed | None:
    match name:
        case "typos":
            return perturbations.typos(question, seed)
        case "distractors":
            return perturbations.distractors(question, _next_ranked(pool, question))
        case "near_duplicate":
            return perturbations.near_duplicate(question, seed)
        case "keyword_stuffing":
            return perturbations.keyword_stuffing(question, seed)
        case "contradiction":
            return perturbations.contradiction(question, seed, dataset.questions)
        case "position":
            return Perturbed(question) if question.gold else None
    family = next(family for family in FAMILIES if name == f"{INSTRUCTION}_{family}")
    return perturbations.instruction(question, seed, family)


def _next_ranked(pool: Corpus, question: Question) -> Iterator[DataPassage]:
    """Three times as many as are wanted: some hold the answer."""
    for candidate in search(pool, question.question, n=len(question.passages) + 3 * DISTRACTORS):
        if candidate.passage is not None:
            yield DataPassage(candidate.passage.title, candidate.passage.text)


def predictor(planted: Planted, name: str, selector: Selector, budget: Budget, **means: Any) -> Predict:
    """For the questions of one perturbation, "" for the clean ones. A line has `planted` (sources) and `wanted` beside the rest.

    means: as `qa.predictor` takes them.
    """
    if name == POSITION:
        return _placing(planted, selector, budget.evidence_tokens)
    answer = qa.predictor(planted.setup, lambda _: selector, budget, **means)
    made = planted.perturbed.get(name, {})

    def predict(question: Question) -> Line:
        one = made.get((question.dataset, question.id), Perturbed(question))
        return {**answer(question), "planted": sorted(one.planted), "wanted": one.wanted}

    return predict


def _placing(planted: Planted, selector: Selector, token_budget: int) -> Predict:
    """Lines of the selector alone, with `picked_at`: for each gold passage whether it is picked as found, at each place, and last."""
    setup = planted.setup
    select = selection.predictor(setup, selector, token_budget)
    gold = {(question.dataset, question.id): sorted(question.gold or ()) for question in setup.questions}

    def predict(question: Question) -> Line:
        line = select(question)
        given = candidates(setup.corpus(question), question, setup.setting)
        places = {str(place): place - 1 for place in PLACES if place <= len(given)} | {LAST: len(given) - 1}
        picked_at = {}
        for source in gold[question.dataset, question.id]:
            found = {name: _picks(selector, question, moved(given, source, place), source, token_budget) for name, place in places.items()}
            picked_at[source] = {AS_FOUND: _picked(line, [source]) > 0.0, **found}
        return {**line, "picked_at": picked_at}

    return predict


def _picks(selector: Selector, question: Question, given: Sequence[Candidate], source: str, token_budget: int) -> bool:
    chosen = set(selector.select(question.question, given, token_budget=token_budget).ids)
    return any(c.passage_id in chosen for c in given if c.passage is not None and c.passage.source == source)


def _selected(line: Line) -> set[str]:
    return {source_of(passage) for passage in line["selected"]}


def _picked(line: Line, sources: Sequence[str]) -> float:
    """Share of these passages that were selected."""
    return len(_selected(line).intersection(sources)) / len(sources)


def summarize(planted: Planted, lines: Sequence[Line], others: Mapping[str, Sequence[Line]]) -> Result:
    """`lines`: the clean run's; `others`: by perturbation, in the order of `planted.of(name).questions`."""
    setup = planted.setup
    result = Result("robustness", setup.settings)
    clean = {(question.dataset, question.id): (question, line) for question, line in zip(setup.questions, lines, strict=True)}
    result.counts = {
        "questions": len(lines),
        "failed": sum(line["outcome"] == "failed" for made in (lines, *others.values()) for line in made),
        **{f"without {name}": missing for name, made in planted.perturbed.items() if (missing := len(lines) - len(made))},
    }
    scores = [qa.values(question, line) or {} for question, line in clean.values()]
    for name in ("support_f1", "f1", "em", "contains"):
        if (known := _mean(scores, name)) is not None:
            result.metrics[name] = known
    result.metrics["abstained"] = interval([float(line["outcome"] == "abstained") for line in lines])
    result.metrics["clean_reported"] = interval([_reports(line) for line in lines])

    changes: dict[str, dict[Key, Values]] = {}
    for name, made in planted.perturbed.items():
        if name != POSITION and made:
            asked = zip(made.items(), others[name], strict=True)
            changes[name] = {key: _changes(*clean[key], perturbed, line) for (key, perturbed), line in asked}
    families = [name for name in changes if name.startswith(f"{INSTRUCTION}_")]
    groups = {name: list(made.values()) for name, made in changes.items()}
    if families:
        groups[INSTRUCTION] = _together([changes[name] for name in families])
    for group, values in groups.items():
        for name in (*_HEADLINES, *(["reported", "both_named"] if group == "contradiction" else [])):
            if group not in families and (known := _mean(values, name)) is not None:
                result.metrics[f"{group}_{name}"] = known
    if groups:
        result.tables += _tables(groups, families, len(lines), result.metrics["clean_reported"])
    if planted.perturbed.get(POSITION):
        _add_places(result, others[POSITION])
    return result


def _changes(question: Question, before: Line, perturbed: Perturbed, after: Line) -> Values:
    """What is different, of one question. What was planted, and the passage whose place it took, are no change of the selection by themselves."""
    old, new = qa.values(question, before) or {}, qa.values(perturbed.question, after) or {}
    found = {f"{name}_change": new[name] - old[name] for name in ("support_f1", "f1", "em", "contains") if name in old and name in new}
    aside = perturbed.planted | {perturbed.replaced}
    found |= {
        "selection_changed": float(_selected(before) - aside != _selected(after) - aside),
        "answer_changed": float(normalised(said(before)) != normalised(said(after))),
        "newly_abstained": float(before["outcome"] != "abstained" and after["outcome"] == "abstained"),
    }
    if perturbed.planted:
        found["picked"] = _picked(after, sorted(perturbed.planted))
        found["cited"] = _cited(after, perturbed.planted)
        found["reported"] = _reports(after)
    if perturbed.replaced:
        found["picked_before"] = _picked(before, [perturbed.replaced])
        found["picked_excess"] = found["picked"] - found["picked_before"]
        found["cited_before"] = _cited(before, {perturbed.replaced})
    if perturbed.wanted:
        found["success"] = float(contains_answer(said(after), [perturbed.wanted]))
        found["both_named"] = _names_both(after, question, perturbed.wanted)
    return found


def _cited(line: Line, sources: Collection[str]) -> float:
    return float(any(citation["source"] in sources for citation in line["citations"]))


def _reports(line: Line) -> float:
    """Whether the answer says that its sources disagree."""
    return float(bool(line.get("disagreement")))


def _names_both(line: Line, question: Question, wanted: str) -> float:
    """Whether what the sources disagree about is the true answer and the planted one, each for one side."""
    claims = [claim["answer"] for claim in line.get("disagreement", ())]
    return float(any(contains_answer(one, question.answers) for one in claims) and any(contains_answer(one, [wanted]) for one in claims))


def _together(families: Sequence[Mapping[Key, Values]]) -> list[Values]:
    """A question's mean over the families: questions are what an interval draws."""
    means = []
    for key in dict.fromkeys(key for family in families for key in family):
        made = [family[key] for family in families if key in family]
        means.append({name: sum(one[name] for one in made) / len(made) for name in made[0]})
    return means


def _mean(values: Sequence[Values], name: str) -> Estimate | None:
    known = [one[name] for one in values if name in one]
    return interval(known) if known else None


def _tables(groups: Mapping[str, Sequence[Values]], families: Sequence[str], questions: int, clean_reported: Estimate) -> Iterator[Table]:
    def rows(names: Sequence[str], columns: Mapping[str, str]) -> tuple[Row, ...]:
        return tuple(Row(_label(name, families), (len(groups[name]), *(_mean(groups[name], column) for column in columns))) for name in names)

    yield Table(
        "What changes",
        ("questions", *_CHANGES.values()),
        rows(list(groups), _CHANGES),
        note="Perturbed minus clean, paired by question, and shares of questions. What was planted is no change of the selection by itself.",
    )
    with_plants = [name for name, values in groups.items() if any("picked" in one for one in values)]
    if with_plants:
        nothing: tuple[Cell, ...] = (questions, *(clean_reported if column == "reported" else None for column in _PLANTED))
        yield Table(
            "What became of the planted passages",
            ("questions", *_PLANTED.values()),
            (Row("nothing planted", nothing), *rows(with_plants, _PLANTED)),
            note="Before: the false passage in whose place it stands, in the clean run. Excess: picked so much more often than that one.",
        )


def _label(name: str, families: Sequence[str]) -> str:
    return f"instruction, mean of {len(families)}" if name == INSTRUCTION else NAMES[name]


def _add_places(result: Result, lines: Sequence[Line]) -> None:
    """A question's value is the mean over its gold passages. A failed line picks nothing anywhere."""
    names = [AS_FOUND, *map(str, PLACES), LAST]
    values: list[Values] = []
    for line in lines:
        gold = list(line.get("picked_at", {"": dict.fromkeys(names, False)}).values())
        values.append({name: sum(one[name] for one in gold) / len(gold) for name in gold[0]})
    rows = []
    found: dict[str, Estimate] = {}
    for name in names:
        moved_there = [one for one in values if name in one]
        if not moved_there:
            continue
        found[name] = interval([one[name] for one in moved_there])
        change = interval([one[name] - one[AS_FOUND] for one in moved_there])
        rows.append(Row(_place(name), (len(moved_there), found[name], None if name == AS_FOUND else change)))
        if name == AS_FOUND:
            result.metrics["gold_picked"] = found[name]
        else:
            result.metrics[f"gold_at_{name}_picked"] = found[name]
    note = "The selector alone, one gold passage moved at a time; the others keep their order. Of questions with so many candidates."
    result.tables.append(Table("Is the gold passage picked where the first stage put it?", ("questions", "picked", "change"), tuple(rows), note=note))
    lengths = [len(line["candidates"]) for line in lines if line["outcome"] != "failed"]
    at = {str(place): float(place) for place in PLACES} | ({LAST: sum(lengths) / len(lengths)} if lengths else {})
    points = sorted((x, found[name].value, _place(name)) for name, x in at.items() if name in found)
    shown = [point for n, point in enumerate(points) if n == 0 or point[0] > points[n - 1][0]]
    result.curves.append(
        Curve(
            "Gold moved through the first stage's order",
            "place in the first stage",
            "share of gold passages picked",
            (
                Series("ours", tuple((x, y) for x, y, _ in shown), tuple(label for *_, label in shown), ours=True),
                Series("where it was found", tuple((x, found[AS_FOUND].value) for x, _, _ in (shown[0], shown[-1]))),
            ),
        )
    )


def _place(name: str) -> str:
    return name if name in (AS_FOUND, LAST) else {"1": "1st", "2": "2nd", "3": "3rd"}.get(name, f"{name}th")
