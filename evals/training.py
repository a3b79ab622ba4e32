"""From data sets to what trainers take: reading examples for the pair model, list examples for the policy (rerankers/reader, rerankers/selector).

Negatives come from our own search: what it finds in the question's own list and in the pool of its file, hardest first. Linked candidates carry the
sentence that names them. Only `train` questions are used; which those are, split.py says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Literal

from ..rerankers.reader.examples import LabelledPassage, ReadingExample, occurrences
from ..rerankers.selector.examples import ListExample, read_candidates
from ..tools.answers import YES_NO, contains_answer, normalised
from ..tools.corpus import Corpus
from ..tools.errors import UsageError
from ..tools.pair import PairModel
from ..tools.pair_text import Reading, readings_of
from .datasets import load
from .datasets.split import fold_of, is_val
from .first_stage import Setting, candidates
from .labels import gold_keys
from .question import Hop, Question
from .setup import NothingToAsk, Setup, of_corpus, prepare

Tell = Callable[[str, int, int], None]
"""(what is being done, how much is done, of how much)"""

LISTS, VAL_LISTS = 360, 150
"""Of one file in one setting, with and without its evidence."""
_MANY_GOLD, _DROPPED, _SINGLE = 4.0, 0.05, 0.5
NEGATIVES = 40
"""Kept of each setting's candidates."""
_SAME = re.compile(r"\bsame\b", re.IGNORECASE)


def reading_examples(question: Question, corpus: Corpus, without: Collection[Hop] = ()) -> Iterator[ReadingExample]:
    """The question itself, and each of its hops, but those `without`, as a question of its own. `corpus` holds the pool of its file.

    Nothing for a question whose evidence is unknown, or that is unanswerable without saying which passages were meant.
    """
    gold = question.gold
    if gold is None or (not gold and not question.passages):
        return
    settings = ("distractor", "pool") if len(question.passages) > 1 else ("pool",)
    found: dict[str, Reading] = {}
    ranks: dict[str, int] = {}
    for setting in settings:
        listed = candidates(corpus, question, setting)  # type: ignore[arg-type]
        for rank, (candidate, reading) in enumerate(zip(listed, readings_of(listed), strict=True)):
            assert candidate.passage is not None
            source = candidate.passage.source
            known = found.get(source)
            if known is None or (reading.naming and not known.naming):
                found[source] = reading
            ranks[source] = min(rank, ranks.get(source, rank))
    own = {passage.source: passage for passage in question.passages}
    for source, passage in own.items():
        found.setdefault(source, Reading(passage.title, passage.text))
    single = len(question.passages) == 1
    negatives = [
        source
        for source in sorted(ranks, key=lambda source: ranks[source])
        if source not in gold and not (single and source not in own and contains_answer(found[source].text, question.answers))
    ][: NEGATIVES * len(settings)]
    if single and not gold:
        negatives = list(dict.fromkeys([*own, *negatives]))  # the paragraph of an unanswerable question first: the hardest of all
    yield _whole(question, found, sorted(gold), negatives)
    yield from _hops(question, found, without)


def _whole(question: Question, found: dict[str, Reading], gold: Sequence[str], negatives: Sequence[str]) -> ReadingExample:
    attributes = _attributes(question)
    forms = {normalised(answer) for answer in question.answers}
    verdict = bool(forms & YES_NO)
    asked = normalised(question.question)
    chosen = verdict or (bool(forms) and any(form and f" {form} " in f" {asked} " for form in forms))  # "…, A or B?"
    if attributes and chosen:
        reads, answers = "each", attributes
    elif chosen:
        reads, answers = "nothing", {}
    else:
        reads, answers = "list", dict.fromkeys(gold, question.answers)
    passages = [LabelledPassage(found[source], True, _present(found[source], answers.get(source, ()))) for source in gold if source in found]
    if reads == "list" and question.answers and not any(passage.answers for passage in passages):
        reads = "nothing"  # the answer is not worded so in the text
    passages += [LabelledPassage(found[source], False) for source in negatives]
    yes = "yes" in forms if verdict and not _SAME.search(question.question) and not attributes else None
    return ReadingExample(question.id, question.question, tuple(passages), reads, yes)  # type: ignore[arg-type]


def _attributes(question: Question) -> dict[str, tuple[str, ...]]:
    """What a comparison compares: the answers of the last hops, those whose answer no other hop asks about, by passage."""
    if len(question.hops) < 2:
        return {}
    last = [hop for hop in question.hops if not any(hop.answer.casefold() in other.question.casefold() for other in question.hops)]
    return {hop.source: (hop.answer,) for hop in last}


def _hops(question: Question, found: dict[str, Reading], without: Collection[Hop]) -> Iterator[ReadingExample]:
    sources = [passage.source for passage in question.passages]
    for number, hop in enumerate(question.hops):
        if hop in without:
            continue
        reading = replace(found[hop.source], naming="")
        answers = _present(reading, (hop.answer,))
        if answers:
            others = [found[source] for source in sources if source != hop.source and not contains_answer(found[source].text, [hop.answer])]
            passages = (LabelledPassage(reading, True, answers), *(LabelledPassage(replace(other, naming=""), False) for other in others))
            yield ReadingExample(f"{question.id}#{number}", hop.question, passages, "list")


def _present(reading: Reading, answers: Sequence[str]) -> tuple[str, ...]:
    return tuple(answer for answer in answers if occurrences(reading.text, [answer]))


@dataclass(frozen=True, slots=True)
class Part:
    """The lists of one file in one setting, as they are or with all evidence dropped; with long passages in pieces, or whole."""

    data: str
    setting: Setting
    drop: bool
    pieces: bool = False

    @property
    def kind(self) -> str:
        return "pieces" if self.pieces else self.setting

    @property
    def name(self) -> str:
        return f"{Path(self.data).parent.name} {Path(self.data).stem} {self.kind}{' dropped' if self.drop else ''}"


def list_example(question: Question, corpus: Corpus, part: Part, model: PairModel) -> ListExample | None:
    """One list as `eval selection` makes it, which is what the first search of an answer finds. None where neither evidence nor answer is known."""
    known = gold_keys(question)
    if known is None and not question.answers:
        return None
    gold = known or frozenset()
    found = [candidate for candidate in candidates(corpus, question, part.setting) if candidate.passage is not None]
    passages = [candidate.passage for candidate in found if candidate.passage is not None]
    keys = [passage.title if question.by_title else passage.source for passage in passages]
    tokens = corpus.encoder.count_tokens([passage.text for passage in passages])
    hops = list(dict.fromkeys(hop.source for hop in question.hops))
    ordered = not question.by_title and set(hops) == gold
    wanted = hops if ordered else sorted(gold)
    dropped = question.answerable is False
    return ListExample(
        question.id,
        question.question,
        read_candidates(model, question.question, found, tokens),
        () if dropped else tuple(keys.index(key) for key in wanted if key in keys),
        0 if dropped else len(gold),
        ordered,
        () if dropped else question.answers,
        group=f"{question.dataset.partition('/')[0]} {part.kind}{' dropped' if dropped else ''}",
    )


def parts_of(data: Sequence[str], corpus: Path | None = None, *, drop: bool = True) -> list[Part]:
    """Both settings of every file whose questions have passages of their own, and the pool of its pieces; an indexed corpus, and pools of single
    passages, are one setting.

    Nothing is dropped from an indexed corpus, and nowhere without `drop`.
    """
    if corpus:
        return [Part(one, "corpus", False) for one in data]
    parts = []
    for one in data:
        several = load(one).has_distractors
        kinds: list[tuple[Setting, bool]] = [("distractor", False), ("pool", False), ("pool", True)] if several else [("pool", False)]
        parts += [Part(one, setting, dropped, pieces) for setting, pieces in kinds for dropped in ((False, True) if drop else (False,))]
    return parts


def digests(data: Sequence[str]) -> dict[str, str]:
    """SHA-256 of each data set, by what names it.

    Raises UsageError where one is not there or named twice, or where two from one folder, which make one group of lists, share a question's id.
    """
    found: dict[str, str] = {}
    names: set[str] = set()
    ids: dict[tuple[str, str], str] = {}
    for one in data:
        dataset = load(one)
        if dataset.name in names:
            raise UsageError(f"the data set {dataset.name} is named twice")
        names.add(dataset.name)
        for question in dataset.questions:
            other = ids.setdefault((dataset.name.partition("/")[0], question.id), dataset.name)
            if other != dataset.name:
                raise UsageError(f"{other} and {dataset.name} both have a question {question.id!r}", "Give each question an id of its own.")
        found[one] = dataset.sha256
    return found


def questions_of(part: Part, *, without: Collection[str] = (), answers_only: bool = False) -> list[Question]:
    """The questions of a part whose lists can be learned from, as far as that is known before one is searched for: their labels say what the evidence
    is, or that there is none; with `answers_only`, what the answer is.
    """
    dataset = load(part.data)
    if part.setting == "pool" and not dataset.pool:
        return list(dataset.questions)  # not labels are lacking, but passages: `prepare` says so
    return _first_by_hash(one for one in dataset.questions if one.id not in without and _can_teach(one, part, answers_only))


def _can_teach(question: Question, part: Part, answers_only: bool) -> bool:
    gold = (gold_keys(of_corpus(question)) or None) if part.setting == "corpus" else gold_keys(question)
    answer = bool(question.answers) and question.answerable is not False
    if answers_only:
        return answer
    if part.drop:
        return bool(gold) and answer
    if gold is None:
        return question.answerable is False and bool(question.answers)  # such a question is known to have no evidence
    return bool(gold) or not answer


def _first_by_hash(questions: Iterable[Question]) -> list[Question]:
    """At most `LISTS` of `train`, then at most `VAL_LISTS` of `val`."""
    by_hash = sorted(questions, key=lambda question: Random(question.id).random())
    return [
        *islice((question for question in by_hash if not is_val(question.id)), LISTS),
        *islice((question for question in by_hash if is_val(question.id)), VAL_LISTS),
    ]


def list_part(
    part: Part,
    model_of: Callable[[str], PairModel],
    tell: Tell,
    *,
    corpus: Path | None = None,
    without: Collection[str] = (),
    only: Collection[str] | None = None,
) -> list[ListExample]:
    """Lists of at most `LISTS` questions of `train` and `VAL_LISTS` of `val`, those whose id's hash comes first; none where no gold can be dropped.

    model_of: the pair model for a question's id. It must not have trained on that question. without: ids of questions of which no list is made.
    only: ids of those of which one is made, where they were chosen among `questions_of`.
    """
    if only is not None and not only:
        return []
    made: list[ListExample] = []
    drop: Literal["all"] | None = "all" if part.drop else None
    may_be_empty = suppress(*[NothingToAsk] if drop else [])
    with may_be_empty, prepare([part.data], setting=part.setting, corpus=corpus, drop=drop, pieces=part.pieces, progress=tell) as setup:
        chosen = _first_by_hash(one for one in setup.questions if one.id not in without and (only is None or one.id in only))
        for n, question in enumerate(chosen):
            tell(f"reading {part.name}", n, len(chosen))
            example = list_example(question, setup.corpus(question), part, model_of(question.id))
            if example is not None:
                made.append(example)
        tell(f"reading {part.name}", len(chosen), len(chosen))
    return made


def balanced(examples: Sequence[ListExample]) -> list[ListExample]:
    """With weights: every group (data set and setting) counts as much as any other, whatever its size.

    Groups with dropped evidence count a twentieth, and so about a twentieth of all weight says "nothing here helps"; those of single evidence
    half. Questions with three or more gold passages count fourfold within their group: MuSiQue's train is 89% two-gold, its dev 62%.
    """
    own = [_MANY_GOLD if one.gold_in_all >= 3 else 1.0 for one in examples]
    sums: dict[str, float] = {}
    most_gold: dict[str, int] = {}
    for one, weight in zip(examples, own, strict=True):
        sums[one.group] = sums.get(one.group, 0.0) + weight
        most_gold[one.group] = max(most_gold.get(one.group, 0), one.gold_in_all)
    shares = {group: {0: _DROPPED, 1: _SINGLE}.get(most_gold[group], 1.0) for group in sums}
    scale = len(examples) / sum(shares.values()) if examples else 0.0
    return [replace(one, weight=weight * shares[one.group] / sums[one.group] * scale) for one, weight in zip(examples, own, strict=True)]


def shared_hops(questions: Sequence[Question]) -> frozenset[Hop]:
    """Hops that a question of `val` or of the other fold has as well: the same question, or the same answer in the same passage.

    Who was trained on one would read a part of those questions more surely than any other.
    """
    sides: dict[object, set[str]] = {}
    for question in questions:
        side = "val" if is_val(question.id) else f"fold {fold_of(question.id)}"
        for key in (normalised(question.question), *(key for hop in question.hops for key in _same_hop(hop))):
            sides.setdefault(key, set()).add(side)
    return frozenset(hop for question in questions for hop in question.hops if any(len(sides[key]) > 1 for key in _same_hop(hop)))


def _same_hop(hop: Hop) -> tuple[object, object]:
    return normalised(hop.question), (hop.source, normalised(hop.answer))


def reading_sets(setup: Setup, tell: Tell) -> tuple[dict[int, list[ReadingExample]], dict[str, list[ReadingExample]]]:
    """Reading examples of all questions of a pool setup: of `train` by fold, without the hops they share, of `val` by data set, without any hop."""
    train: dict[int, list[ReadingExample]] = {0: [], 1: []}
    val: dict[str, list[ReadingExample]] = {}
    shared = shared_hops(setup.questions)
    with ThreadPoolExecutor() as pool:
        of_questions = pool.map(lambda question: list(reading_examples(question, setup.corpus(question), shared)), setup.questions)
        for n, (question, examples) in enumerate(zip(setup.questions, of_questions, strict=True), 1):
            tell("searching for hard negatives", n, len(setup.questions))
            if is_val(question.id):
                val.setdefault(question.dataset, []).extend(examples[:1])
            else:
                train[fold_of(question.id)] += examples
    return train, val
