"""Multi-hop questions, one JSON object a line: `id, question, answers[], type, passages[{title, text, is_supporting}]`. Our own form, of all sets.

Every label may be absent or null: unknown. A question may have no passages: then its evidence is known by `gold_titles` in a corpus
beside it, or not at all (questions alone, asked of a corpus of the user's). `answerable` (true, false, null) may be given; where it is not, a
question with a known answer and known evidence is answerable.

`gold_in_context` marks questions whose evidence is incomplete (a retriever missed some): not answerable, unless an answer stands in a passage all
the same, which leaves it open. Their flags say which evidence is there: a part of what an answer would take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import permutations

from ...tools.answers import YES_NO, contains_answer, normalised
from ...tools.words import content_words, covered
from ..question import DataPassage, Hop, Question, Step, distinct
from .records import Record, ids_of

_TRIPLE = (("subject", "fact"), ("relation", "relation"), ("object", "entity"))
"""Its keys, and those that it has on the hub."""
_MOST_MATCHED = 6
"""Steps whose passages are matched all at once; of more, each takes its own best."""


def read(records: Sequence[Record]) -> tuple[Question, ...]:
    ids = ids_of(records, [record.text("question") for record in records])
    return tuple(_question(record, id) for record, id in zip(records, ids, strict=True))


def read_corpus(records: Sequence[Record]) -> tuple[DataPassage, ...]:
    """Passages of an open corpus: `title`, `text`."""
    return distinct([DataPassage(record.string("title", ""), record.string("text")) for record in records])


def over(questions: Sequence[Question], corpus: Sequence[DataPassage]) -> tuple[Question, ...]:
    """The questions with their evidence found in their own corpus (each passage once).

    Where no title is there twice, the evidence is known by source, that which the corpus lacks by one that nothing has; else all are `by_title`.
    So it hangs on the corpus alone, and on no question's labels, whether its predictions speak of sources or of titles.
    """
    sources = {passage.title: passage.source for passage in corpus}
    repeated = len(sources) < len(corpus)
    return tuple(question if question.passages else _placed(question, sources, by_title=repeated) for question in questions)


def _placed(question: Question, sources: Mapping[str, str], *, by_title: bool) -> Question:
    """sources: by title."""
    if by_title:
        return replace(question, by_title=True)
    return replace(question, gold_sources=tuple(sources.get(title) or DataPassage(title, "").source for title in question.gold_titles))


def _question(record: Record, id: str) -> Question:
    passages = distinct(
        [DataPassage(each.string("title", ""), each.string("text"), each.flag("is_supporting")) for each in record.records("passages")]
    )
    answers, titles = record.answers(), record.answers("gold_titles")
    hops, steps = way_of(record, passages)
    return Question(
        id,
        record.text("question"),
        answers,
        answerable=_answerable(record, answers, titles, passages),
        type=record.string("type", ""),
        passages=passages,
        gold_titles=titles,
        hops=hops,
        decomposition=steps,
    )


def way_of(record: Record, passages: Sequence[DataPassage], *, key: str = "decomposition") -> tuple[tuple[Hop, ...], tuple[Step, ...]]:
    """The hops to the answer as far as their passages are known, and all steps of the decomposition. `key`: of the latter."""
    steps = _decomposition(record, key)
    return ((*_hops(steps, passages), *_evidences(record, passages)) if passages else ()), steps


def _decomposition(record: Record, key: str) -> tuple[Step, ...]:
    """MuSiQue's single-hop questions, some a name and a relation ("The Salt Mirror >> director"), or StrategyQA's, which are without answers.

    FanOutQA's (they have `depends_on`) are left out: their later questions name the earlier answers, so to ask them is to tell these.
    """
    if _are_strings(record.fields.get(key)):
        asked = [(question, "") for question in record.strings(key)]
    else:
        steps = record.records(key)
        if any("depends_on" in step.fields for step in steps):
            return ()
        asked = [(step.string("question", ""), step.string("answer", "")) for step in steps]
    return tuple(Step(" ".join(question.replace(" >> ", " ").split()), answer) for question, answer in asked)


def _are_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _hops(steps: Sequence[Step], passages: Sequence[DataPassage]) -> Iterator[Hop]:
    """Each with a gold passage that holds its answer; of several with the one that shares most words with the question.

    Where there are as many gold passages as steps, as MuSiQue has them, each serves one step.
    """
    gold = [passage for passage in passages if passage.gold]
    asked = [_filled(step.question, steps[:n]) for n, step in enumerate(steps)]
    fits = [[_fit(question, step.answer, passage) for passage in gold] for question, step in zip(asked, steps, strict=True)]
    if len(steps) == len(gold) <= _MOST_MATCHED:
        places: Sequence[int] = max(permutations(range(len(gold))), key=lambda order: sum(fits[n][place] for n, place in enumerate(order)))
    else:
        places = [max(range(len(gold)), key=of.__getitem__, default=-1) for of in fits]
    for number, (question, step, place) in enumerate(zip(asked, steps, places, strict=True), 1):
        if question and place >= 0 and fits[number - 1][place] > 0:
            yield Hop(question, step.answer, gold[place].source, number)


def _filled(question: str, earlier: Sequence[Step]) -> str:
    known = {str(number): step.answer for number, step in enumerate(earlier, 1)}
    return " ".join(re.sub(r"#(\d+)", lambda match: known.get(match[1], match[0]), question).split())


def _fit(question: str, answer: str, passage: DataPassage) -> float:
    """0.0 where the passage does not hold the answer; else the share of the question's words that it holds, and so much more that one further
    passage with its answer outweighs all words."""
    if not answer or not contains_answer(passage.text, [answer]):
        return 0.0
    return _MOST_MATCHED + covered(content_words(question), content_words(f"{passage.title} {passage.text}"))


def _evidences(record: Record, passages: Sequence[DataPassage]) -> Iterator[Hop]:
    """2WikiMultiHopQA's triples: the object stands in the gold passage that is titled after the subject."""
    for triple in record.records("evidences", names=("subject", "relation", "object")):
        subject, relation, answer = (triple.string(key, "") or triple.string(on_the_hub, "") for key, on_the_hub in _TRIPLE)
        titled = next((passage for passage in passages if passage.gold and passage.title.casefold() == subject.casefold()), None)
        if titled and relation and answer:
            yield Hop(f"What is the {relation} of {subject}?", answer, titled.source, relation=relation)


def _answerable(record: Record, answers: Sequence[str], titles: Sequence[str], passages: Sequence[DataPassage]) -> bool | None:
    if record.fields.get("answerable") is not None:
        return record.flag("answerable")
    if record.fields.get("gold_in_context") is not None:
        spoken = [answer for answer in answers if normalised(answer) not in YES_NO]  # these stand everywhere and tell nothing
        return None if any(contains_answer(text, spoken) for passage in passages for text in (passage.title, passage.text)) else False
    known = bool(titles) or any(passage.gold for passage in passages)
    return True if answers and known else None
