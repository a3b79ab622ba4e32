"""From data sets to what trainers take: reading examples for the pair model, list examples for the policy (rerankers/reader, rerankers/selector).

Negatives come from our own search: what it finds in the question's own list and in the pool of its file, hardest first. Linked candidates carry the
sentence that names them. Only `train` questions are used; which those are, split.py says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ..rerankers.reader.examples import LabelledPassage, ReadingExample, occurrences
from ..rerankers.selector.examples import ListExample, read_candidates
from ..tools.answers import YES_NO, contains_answer, normalised
from ..tools.corpus import Corpus
from ..tools.pair import PairModel
from ..tools.pair_text import Reading, readings_of
from .datasets.split import fold_of, is_val
from .first_stage import Setting, candidates
from .question import Question
from .setup import Setup

Tell = Callable[[str, int, int], None]
"""(what is being done, how much is done, of how much)"""

NEGATIVES = 40
"""Kept of each setting's candidates."""
_SAME = re.compile(r"\bsame\b", re.IGNORECASE)


def reading_examples(question: Question, corpus: Corpus) -> Iterator[ReadingExample]:
    """The question itself, and each of its hops as a question of its own. `corpus` holds the pool of its file.

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
    yield from _hops(question, found)


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


def _hops(question: Question, found: dict[str, Reading]) -> Iterator[ReadingExample]:
    sources = [passage.source for passage in question.passages]
    for number, hop in enumerate(question.hops):
        reading = replace(found[hop.source], naming="")
        answers = _present(reading, (hop.answer,))
        if answers:
            others = [found[source] for source in sources if source != hop.source and not contains_answer(found[source].text, [hop.answer])]
            passages = (LabelledPassage(reading, True, answers), *(LabelledPassage(replace(other, naming=""), False) for other in others))
            yield ReadingExample(f"{question.id}#{number}", hop.question, passages, "list")


def _present(reading: Reading, answers: Sequence[str]) -> tuple[str, ...]:
    return tuple(answer for answer in answers if occurrences(reading.text, [answer]))




def list_example(question: Question, corpus: Corpus, setting: Setting, model: PairModel) -> ListExample | None:
    """One list as the policy meets it at answering: the same search, the same readings. None where the evidence is unknown."""
    if question.gold is None:
        return None
    found = [candidate for candidate in candidates(corpus, question, setting) if candidate.passage is not None]
    sources = [candidate.passage.source for candidate in found if candidate.passage is not None]
    tokens = corpus.encoder.count_tokens([candidate.passage.text for candidate in found if candidate.passage is not None])
    hops = list(dict.fromkeys(hop.source for hop in question.hops))
    ordered = set(hops) == question.gold
    wanted = hops if ordered else sorted(question.gold)
    gold = tuple(sources.index(source) for source in wanted if source in sources)
    dropped = question.answerable is False
    return ListExample(
        question.id,
        question.question,
        read_candidates(model, question.question, found, tokens),
        () if dropped else gold,
        0 if dropped else len(question.gold),
        ordered,
        () if dropped else question.answers,
        group=f"{question.dataset} {setting}{' dropped' if dropped else ''}",
    )


def reading_sets(setup: Setup, tell: Tell) -> tuple[dict[int, list[ReadingExample]], dict[str, list[ReadingExample]]]:
    """Reading examples of all questions of a pool setup: of `train` by fold, of `val` by data set (their hops left out)."""
    train: dict[int, list[ReadingExample]] = {0: [], 1: []}
    val: dict[str, list[ReadingExample]] = {}
    with ThreadPoolExecutor() as pool:
        of_questions = pool.map(lambda question: list(reading_examples(question, setup.corpus(question))), setup.questions)
        for n, (question, examples) in enumerate(zip(setup.questions, of_questions, strict=True), 1):
            tell("searching for hard negatives", n, len(setup.questions))
            if is_val(question.id):
                val.setdefault(question.dataset, []).extend(examples[:1])
            else:
                train[fold_of(question.id)] += examples
    return train, val
