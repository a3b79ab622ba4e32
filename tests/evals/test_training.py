"""What trainers are given of a question: its evidence, hard negatives from our own search, its hops, and nothing of val."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from passel.evals import training
from passel.evals.datasets.split import fold_of, is_val
from passel.evals.first_stage import candidates
from passel.evals.pool import open_pool
from passel.evals.question import DataPassage, Hop, Question, pool_of
from passel.evals.setup import prepare
from passel.evals.training import (
    NEGATIVES,
    Part,
    balanced,
    digests,
    list_example,
    list_part,
    parts_of,
    questions_of,
    reading_examples,
    reading_sets,
    shared_hops,
)
from passel.rerankers.default import pair_model
from passel.rerankers.reader.examples import LabelledPassage, ReadingExample, occurrences
from passel.rerankers.selector.examples import ListExample
from passel.rerankers.selector.trainer import SelectorConfig, _usable
from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.errors import UsageError
from passel.tools.pair import PairModel

pytestmark = pytest.mark.usefixtures("quick")

MIRROR = DataPassage("The Salt Mirror", "The Salt Mirror is a film of 1931, directed by Orla Venn.", True)
FERRY = DataPassage("The Glass Ferry", "The Glass Ferry is a film of 1947, directed by Emmet Dorrance.", True)
VENN = DataPassage("Orla Venn", "Orla Venn was a film director, born in Cressing in 1894.", True)
DORRANCE = DataPassage("Emmet Dorrance", "Emmet Dorrance was a film director, born in Pellgate in 1910.", True)
FILLERS = tuple(DataPassage(f"Barn {n}", f"The barn with the number {n} was painted in {1700 + n}.", False) for n in range(60))
POOL = pool_of([Question("all", "", passages=(MIRROR, FERRY, VENN, DORRANCE, *FILLERS))])


def wrong(*passages: DataPassage) -> tuple[DataPassage, ...]:
    return tuple(replace(passage, gold=False) for passage in passages)


BORN = Question(
    "born",
    "Where was the director of The Salt Mirror born?",
    ("Cressing",),
    passages=(*wrong(DORRANCE, FERRY), VENN, MIRROR, *FILLERS[:3]),
    hops=(Hop("Who directed The Salt Mirror?", "Orla Venn", MIRROR.source), Hop("Where was Orla Venn born?", "Cressing", VENN.source)),
    dataset="films/train",
)
FIRST = Question(
    "first",
    "Which film came out first, The Salt Mirror or The Glass Ferry?",
    ("The Salt Mirror",),
    passages=(MIRROR, FERRY, *wrong(VENN, DORRANCE)),
    hops=(Hop("When did The Salt Mirror come out?", "1931", MIRROR.source), Hop("When did The Glass Ferry come out?", "1947", FERRY.source)),
    dataset="films/train",
)


@pytest.fixture(scope="module")
def corpus() -> Iterator[Corpus]:
    with open_pool(POOL) as opened:
        yield opened


def made(question: Question, corpus: Corpus) -> list[ReadingExample]:
    return list(reading_examples(question, corpus))


def titles(example: ReadingExample, *, gold: bool) -> list[str]:
    return [passage.reading.title for passage in example.passages if passage.gold is gold]


def answers(example: ReadingExample) -> dict[str, tuple[str, ...]]:
    return {passage.reading.title: passage.answers for passage in example.passages if passage.answers}


def sound(example: ReadingExample, question: Question) -> None:
    """The gold ones first, no passage twice, and only wordings that are there."""
    flags = [passage.gold for passage in example.passages]
    assert flags == sorted(flags, reverse=True)
    texts = [(passage.reading.title, passage.reading.text) for passage in example.passages]
    assert len(set(texts)) == len(texts)
    gold = {(passage.title, passage.text) for passage in question.passages if passage.gold}
    assert {text for text, flag in zip(texts, flags, strict=True) if flag} <= gold
    assert all(occurrences(passage.reading.text, [answer]) for passage in example.passages for answer in passage.answers)


# Reading examples


def test_a_question_and_its_hops(corpus: Corpus) -> None:
    whole, director, town = made(BORN, corpus)
    assert [example.id for example in (whole, director, town)] == ["born", "born#0", "born#1"]
    assert [example.question for example in (whole, director, town)] == [BORN.question, "Who directed The Salt Mirror?", "Where was Orla Venn born?"]
    for example in (whole, director, town):
        sound(example, BORN)
        assert example.reads == "list"
        assert example.yes is None
    assert sorted(titles(whole, gold=True)) == ["Orla Venn", "The Salt Mirror"]
    assert answers(whole) == {"Orla Venn": ("Cressing",)}
    assert (titles(director, gold=True), answers(director)) == (["The Salt Mirror"], {"The Salt Mirror": ("Orla Venn",)})
    assert (titles(town, gold=True), answers(town)) == (["Orla Venn"], {"Orla Venn": ("Cressing",)})


def test_negatives_are_the_question_s_own_and_the_pool_s_hardest_first(corpus: Corpus) -> None:
    whole = made(BORN, corpus)[0]
    others = titles(whole, gold=False)
    own = {passage.title for passage in BORN.passages if not passage.gold}
    assert own < set(others)
    assert len(others) <= 2 * NEGATIVES
    assert set(others[:2]) == {"The Glass Ferry", "Emmet Dorrance"}  # films and directors, before all barns
    found = [each.passage.source for each in candidates(corpus, BORN, "pool") if each.passage]
    assert {passage.source for passage in POOL if passage.title in others} <= {*found, *(passage.source for passage in BORN.passages)}


def test_the_sentence_that_names_a_passage_comes_along_but_not_in_hops(corpus: Corpus) -> None:
    whole, *hops = made(BORN, corpus)
    namings = {passage.reading.title: passage.reading.naming for passage in whole.passages}
    assert namings["Orla Venn"] == f"The Salt Mirror: {MIRROR.text}"
    assert not any(passage.reading.naming for hop in hops for passage in hop.passages)


def test_a_hop_s_negatives_do_not_hold_its_answer(corpus: Corpus) -> None:
    echo = DataPassage("Echo", "Another Orla Venn directed nothing.", False)
    director = made(replace(BORN, passages=(*BORN.passages, echo)), corpus)[1]
    assert "Echo" not in titles(director, gold=False)
    assert "Orla Venn" not in titles(director, gold=False)
    assert {"The Glass Ferry", "Emmet Dorrance", "Barn 0"} <= set(titles(director, gold=False))


def test_a_hop_whose_answer_is_not_worded_so_is_left_out(corpus: Corpus) -> None:
    hops = (replace(BORN.hops[0], answer="O. Venn"), BORN.hops[1])
    assert [example.id for example in made(replace(BORN, hops=hops), corpus)] == ["born", "born#1"]


def test_a_comparison_reads_what_it_compares(corpus: Corpus) -> None:
    whole, *hops = made(FIRST, corpus)
    sound(whole, FIRST)
    assert whole.reads == "each"
    assert answers(whole) == {"The Salt Mirror": ("1931",), "The Glass Ferry": ("1947",)}
    assert [answers(hop) for hop in hops] == [{"The Salt Mirror": ("1931",)}, {"The Glass Ferry": ("1947",)}]


def test_of_longer_ways_only_the_last_steps_are_compared(corpus: Corpus) -> None:
    steps = (
        Hop("Who directed it?", "Orla Venn", MIRROR.source),
        Hop("When was Orla Venn born?", "1894", VENN.source),
        Hop("Who directed the other?", "Emmet Dorrance", FERRY.source),
        Hop("When was Emmet Dorrance born?", "1910", DORRANCE.source),
    )
    question = "Which film has the director who was born first, The Salt Mirror or The Glass Ferry?"
    older = replace(FIRST, question=question, passages=(MIRROR, FERRY, VENN, DORRANCE), hops=steps)
    assert answers(made(older, corpus)[0]) == {"Orla Venn": ("1894",), "Emmet Dorrance": ("1910",)}


def test_without_hops_a_choice_tells_nothing_of_spans(corpus: Corpus) -> None:
    (whole,) = made(replace(FIRST, hops=()), corpus)
    assert (whole.reads, answers(whole), whole.yes) == ("nothing", {}, None)


@pytest.mark.parametrize(
    ("question", "given", "yes"),
    [
        ("Were both films shot in Cressing?", ("yes",), True),
        ("Were both films shot in Cressing?", ("No",), False),
        ("Do both films have the same director?", ("no",), None),  # no passage alone could say
        ("Which film came out first?", ("1931",), None),
    ],
)
def test_yes_or_no(corpus: Corpus, question: str, given: tuple[str, ...], yes: bool | None) -> None:
    (whole,) = made(replace(FIRST, question=question, answers=given, hops=()), corpus)
    assert whole.yes is yes
    assert whole.reads == ("list" if given == ("1931",) else "nothing")
    with_hops = made(replace(FIRST, question=question, answers=given), corpus)[0]
    assert with_hops.yes is None
    assert with_hops.reads == ("list" if given == ("1931",) else "each")


def test_an_answer_that_is_not_worded_so_tells_nothing(corpus: Corpus) -> None:
    (whole,) = made(replace(BORN, answers=("the town of Cressing",), hops=()), corpus)
    assert (whole.reads, answers(whole)) == ("nothing", {})
    (both,) = made(replace(BORN, answers=("the town of Cressing", "Cressing"), hops=()), corpus)
    assert (both.reads, answers(both)) == ("list", {"Orla Venn": ("Cressing",)})


def test_a_question_with_one_passage(corpus: Corpus) -> None:
    """Its negatives are the pool's, but those that hold its answer: what is not labelled there may be evidence."""
    single = Question("one", "In which year did a film by Emmet Dorrance come out?", ("1947",), passages=(FERRY,))
    with open_pool([*POOL, DataPassage("Year", "A film by Emmet Dorrance came out in 1947."), DataPassage("Eve", "Emmet Dorrance, 1946.")]) as pool:
        (whole,) = made(single, pool)
    sound(whole, single)
    assert titles(whole, gold=True) == ["The Glass Ferry"]
    assert "Year" not in titles(whole, gold=False)
    assert {"Eve", "Emmet Dorrance"} <= set(titles(whole, gold=False))
    assert len(titles(whole, gold=False)) <= NEGATIVES


def test_an_unanswerable_question_has_its_own_passage_as_the_hardest(corpus: Corpus) -> None:
    none = Question("none", "Who painted the barns?", (), answerable=False, passages=wrong(FERRY))
    (whole,) = made(none, corpus)
    assert whole.reads == "list"
    assert titles(whole, gold=True) == []
    assert whole.passages[0] == LabelledPassage(whole.passages[0].reading, False)
    assert titles(whole, gold=False)[0] == "The Glass Ferry"
    assert titles(whole, gold=False).count("The Glass Ferry") == 1
    assert len(whole.passages) > 10


@pytest.mark.parametrize(
    "question",
    [
        Question("q", "Who directed The Salt Mirror?", ("Orla Venn",)),
        Question("q", "Who directed The Salt Mirror?", ("Orla Venn",), passages=(replace(MIRROR, gold=None),)),
        Question("q", "Who directed The Salt Mirror?", without=(MIRROR.source,)),
    ],
    ids=["no passages", "no labels", "all evidence dropped"],
)
def test_what_tells_nothing_is_left_out(corpus: Corpus, question: Question) -> None:
    assert made(question, corpus) == []


def test_evidence_known_by_its_place_in_the_pool(corpus: Corpus) -> None:
    question = Question("open", BORN.question, ("Cressing",), gold_sources=(MIRROR.source, VENN.source, "not in the pool"))
    (whole,) = made(question, corpus)
    assert sorted(titles(whole, gold=True)) == ["Orla Venn", "The Salt Mirror"]
    assert answers(whole) == {"Orla Venn": ("Cressing",)}


# All of a file


def test_train_by_fold_and_val_by_data_set(tmp_path: Path) -> None:
    passages = [{"title": each.title, "text": each.text, "is_supporting": each is VENN or each is MIRROR} for each in (MIRROR, VENN, *FILLERS[:4])]
    rows = []
    ids = [f"question-{n}" for n in range(24)]
    for n, id in enumerate(ids):
        own = {"title": f"Film {n}", "text": f"The film with the number {n} was directed by Director {n} in {1800 + n}.", "is_supporting": True}
        steps = [{"question": f"Who directed film {n}?", "answer": f"Director {n}"}, {"question": "When did #1 direct?", "answer": f"{1800 + n}"}]
        row = {"id": id, "question": BORN.question, "answers": ["Cressing"], "passages": [*passages, own], "decomposition": steps}
        rows.append(row)
    file = tmp_path / "films.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    told: list[tuple[str, int, int]] = []
    with prepare([str(file)], setting="pool") as setup:
        train, val = reading_sets(setup, lambda *step: told.append(step))
        names = {question.dataset for question in setup.questions}
    assert len([id for id in ids if is_val(id)]) == 6
    assert {name: [example.id for example in examples] for name, examples in val.items()} == {names.pop(): [id for id in ids if is_val(id)]}
    for fold in (0, 1):
        mine = [id for id in ids if not is_val(id) and fold_of(id) == fold]
        assert mine
        assert [example.id for example in train[fold]] == [f"{id}{hop}" for id in mine for hop in ("", "#0", "#1")]
    assert [(done, total) for what, done, total in told if what == "searching for hard negatives"] == [(n, 24) for n in range(1, 25)]


def test_hops_that_val_or_the_other_fold_has_too_are_left_out(tmp_path: Path) -> None:
    """By their question, and by what is answered from which passage."""
    ids = {"val": [], "fold 0": [], "fold 1": []}
    for n in range(60):
        id = f"question-{n}"
        ids["val" if is_val(id) else f"fold {fold_of(id)}"].append(id)

    def asked(side: str, *hops: Hop) -> Question:
        return replace(BORN, id=ids[side].pop(), hops=hops)

    def hop(question: str, answer: str = "", source: str = "") -> Hop:
        return Hop(question, answer or question, source or question)

    own, twice = hop("Who directed The Glass Ferry?"), hop("Who directed it?")
    with_val, reworded = (hop(text, "Cressing", VENN.source) for text in ("Where was Orla Venn born?", "Orla Venn was born in which town?"))
    between, again = hop("When did it come out?", "1931", "a"), hop("when did it come out", "1947", "b")
    of_the_whole = hop(BORN.question)
    questions = [asked("val", reworded), asked("fold 0", own, twice, with_val, between, of_the_whole), asked("fold 0", twice), asked("fold 1", again)]
    assert shared_hops(questions) == {reworded, with_val, between, again, of_the_whole}
    first, both = BORN.hops
    with open_pool(POOL) as pool:
        assert [one.id for one in reading_examples(BORN, pool, {first})] == ["born", "born#1"]
        assert [one.id for one in reading_examples(BORN, pool, {first, both})] == ["born"]
        compared = next(iter(reading_examples(FIRST, pool, frozenset(FIRST.hops))))
    assert answers(compared)  # they still say what a comparison compares


# Lists for the policy


def listed(question: Question, corpus: Corpus, setting: Any = "distractor") -> ListExample:
    example = list_example(question, corpus, Part("films/train.jsonl", setting, False), pair_model())
    assert example is not None
    return example


def gold_titles(example: ListExample) -> list[str]:
    return [example.read.passages[place].title for place in example.gold]


@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_a_list_is_what_is_searched_at_answering(corpus: Corpus, setting: Any) -> None:
    example = listed(BORN, corpus, setting)
    found = [each.passage for each in candidates(corpus, BORN, setting) if each.passage]
    assert [(each.title, each.text) for each in example.read.passages] == [(each.title, each.text) for each in found]
    assert example.read.input.tokens.tolist() == corpus.encoder.count_tokens([each.text for each in found])
    assert (example.id, example.question, example.answers) == ("born", BORN.question, ("Cressing",))
    assert gold_titles(example) == ["The Salt Mirror", "Orla Venn"]  # in the order of the hops
    assert example.ordered
    assert example.gold_in_all == 2
    assert example.group == f"films {setting}"
    venn = example.read.passages[example.gold[1]]
    assert venn.namer == example.gold[0]
    assert venn.named != venn.bare


def test_without_hops_for_all_evidence_there_is_no_order(corpus: Corpus) -> None:
    for hops in ((), BORN.hops[:1]):
        example = listed(replace(BORN, hops=hops), corpus)
        assert not example.ordered
        assert sorted(gold_titles(example)) == ["Orla Venn", "The Salt Mirror"]


def test_evidence_that_search_misses_is_counted_all_the_same(corpus: Corpus) -> None:
    lost = DataPassage("Lost", "A passage that no pool holds.", True)
    example = listed(replace(BORN, passages=(*BORN.passages, lost)), corpus)
    assert sorted(gold_titles(example)) == ["Orla Venn", "The Salt Mirror"]
    assert example.gold_in_all == 3


def test_of_dropped_evidence_nothing_is_wanted(corpus: Corpus) -> None:
    example = listed(replace(BORN, answerable=False), corpus)
    assert (example.gold, example.gold_in_all, example.answers) == ((), 0, ())
    assert example.group == "films distractor dropped"


def test_of_a_question_without_labels_there_is_no_list(corpus: Corpus) -> None:
    assert list_example(BORN.blind(), corpus, Part("films/train.jsonl", "distractor", False), pair_model()) is None


def test_every_group_counts_as_much_whatever_its_size(corpus: Corpus) -> None:
    one = listed(BORN, corpus)
    examples = [replace(one, id=f"{group} {n}", group=group) for group, count in (("a", 1), ("b", 5), ("c", 10)) for n in range(count)]
    weighed = balanced(examples)
    sums = {group: sum(each.weight for each in weighed if each.group == group) for group in "abc"}
    assert list(sums.values()) == pytest.approx([16 / 3] * 3)
    assert [replace(each, weight=1.0) for each in weighed] == examples
    assert balanced([]) == []


def test_groups_of_less_evidence_count_less_and_questions_of_more_count_more(corpus: Corpus) -> None:
    one = listed(BORN, corpus)
    kinds = (("two", 2), ("two", 3), ("one", 1), ("none", 0))
    weights = [each.weight for each in balanced([replace(one, group=group, gold_in_all=gold) for group, gold in kinds])]
    assert sum(weights) == pytest.approx(4.0)
    assert weights[1] == pytest.approx(4 * weights[0])
    assert weights[3] < weights[2] < weights[0] + weights[1]


# Lists of an indexed corpus


def by_title(question: Question, *names: str) -> Question:
    """As `prepare` asks it of an indexed corpus."""
    return replace(question, passages=(), hops=(), gold_titles=names, by_title=True)


def test_evidence_known_by_title(corpus: Corpus) -> None:
    example = listed(by_title(BORN, "Orla Venn", "The Salt Mirror"), corpus, "corpus")
    assert sorted(gold_titles(example)) == ["Orla Venn", "The Salt Mirror"]
    assert (example.gold_in_all, example.ordered, example.answers) == (2, False, ("Cressing",))
    assert example.group == "films corpus"
    titles = [passage.title for passage in example.read.passages]
    assert len(titles) > len(BORN.passages)  # the corpus's, not the question's own


def test_of_several_passages_with_one_title_the_first_found_is_the_evidence() -> None:
    pieces = [DataPassage("Orla Venn", f"Orla Venn directed the film number {n} of her life.") for n in range(4)]
    with open_pool([*POOL, *pieces]) as pool:
        example = listed(by_title(BORN, "Orla Venn"), pool, "corpus")
    places = [place for place, passage in enumerate(example.read.passages) if passage.title == "Orla Venn"]
    assert len(places) > 1
    assert example.gold == (places[0],)
    assert example.gold_in_all == 1


def test_a_title_that_search_misses_is_counted_all_the_same(corpus: Corpus) -> None:
    example = listed(by_title(BORN, "Orla Venn", "No such title"), corpus, "corpus")
    assert (gold_titles(example), example.gold_in_all) == (["Orla Venn"], 2)


def test_without_titles_the_answer_is_enough_for_a_list(corpus: Corpus) -> None:
    example = listed(by_title(BORN), corpus, "corpus")
    assert (example.gold, example.gold_in_all, example.answers) == ((), 0, ("Cressing",))
    assert list_example(replace(by_title(BORN), answers=()), corpus, Part("films/train.jsonl", "corpus", False), pair_model()) is None


# The parts of a training


IDS = [f"question-{n}" for n in range(40)]


def films(file: Path, ids: Sequence[str] = IDS[:12], *, passages: Sequence[DataPassage] = BORN.passages, **fields: Any) -> Path:
    """A file of questions about The Salt Mirror: `fields` are put into each."""
    listed = [{"title": each.title, "text": each.text, "is_supporting": bool(each.gold)} for each in passages]
    file.parent.mkdir(exist_ok=True)
    rows = [{"id": id, "question": BORN.question, "answers": ["Cressing"], "passages": listed, **fields} for id in ids]
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def quiet(what: str, done: int, total: int) -> None:
    """Nobody listens."""


def test_both_settings_of_every_file_with_and_without_its_evidence(tmp_path: Path) -> None:
    several, single = str(films(tmp_path / "films" / "train.jsonl")), str(films(tmp_path / "single" / "train.jsonl", passages=[VENN]))
    parts = parts_of([several, single])
    assert [(part.data, part.setting, part.drop, part.pieces) for part in parts] == [
        (several, "distractor", False, False),
        (several, "distractor", True, False),
        (several, "pool", False, False),
        (several, "pool", True, False),
        (several, "pool", False, True),
        (several, "pool", True, True),
        (single, "pool", False, False),
        (single, "pool", True, False),
    ]
    names = ("distractor", "distractor dropped", "pool", "pool dropped", "pieces", "pieces dropped")
    assert [part.name for part in parts[:6]] == [f"films train {name}" for name in names]
    assert [part.kind for part in parts_of([several], drop=False)] == ["distractor", "pool", "pieces"]
    assert parts_of([several, single], tmp_path) == [Part(several, "corpus", False), Part(single, "corpus", False)]


def test_the_lists_of_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LISTS", 5)
    monkeypatch.setattr(training, "VAL_LISTS", 2)
    file = films(tmp_path / "films" / "train.jsonl", IDS)
    asked: list[str] = []

    def model_of(id: str) -> PairModel:
        asked.append(id)
        return pair_model()

    told: list[tuple[str, int, int]] = []
    made = list_part(Part(str(file), "distractor", False), model_of, lambda *step: told.append(step))
    val = [one.id for one in made if is_val(one.id)]
    assert sum(map(is_val, IDS)) > 2
    assert (len(made), len(val)) == (7, 2)
    assert asked == [one.id for one in made]
    assert {one.group for one in made} == {"films distractor"}
    assert all(len(one.gold) == 2 for one in made)
    assert [done for what, done, total in told if (what, total) == ("reading films train distractor", 7)] == list(range(8))
    turned = films(tmp_path / "films" / "turned.jsonl", IDS[::-1])
    assert {one.id for one in list_part(Part(str(turned), "distractor", False), model_of, quiet)} == {one.id for one in made}  # by hash


def test_what_can_teach_is_known_before_a_list_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields: dict[str, dict[str, Any]] = {
        "labelled": {},
        "unlabelled": {"passages": [{"title": each.title, "text": each.text} for each in BORN.passages]},
        "no answer known": {"answers": []},
        "unanswerable": {"answerable": False},
        "neither": {"passages": [{"title": each.title, "text": each.text} for each in BORN.passages], "answers": []},
    }
    file = tmp_path / "films" / "train.jsonl"
    lines = [films(file, [id]).read_text() for id in fields]
    file.write_text("\n".join(json.dumps({**json.loads(line), **fields[id]}) for id, line in zip(fields, lines, strict=True)))
    whole, dropped = Part(str(file), "distractor", False), Part(str(file), "distractor", True)
    for answers_only in (False, True):
        made = list_part(whole, lambda _: pair_model(), quiet)
        usable = {one.id for one in _usable(made, SelectorConfig(answers_only=answers_only))}
        assert {one.id for one in questions_of(whole, answers_only=answers_only)} == usable != set(fields)
    assert [one.id for one in questions_of(dropped)] == ["labelled"]
    assert [one.id for one in questions_of(whole, without={"labelled", "unanswerable"})] == ["no answer known"]


def test_the_lists_of_a_few_questions(tmp_path: Path) -> None:
    part = Part(str(films(tmp_path / "films" / "train.jsonl", IDS)), "distractor", False)
    read: list[str] = []
    made = list_part(part, lambda id: (read.append(id), pair_model())[1], quiet, only=frozenset(IDS[3:5]))
    assert {one.id for one in made} == set(IDS[3:5]) == set(read)
    assert list_part(part, lambda _: pair_model(), quiet, only=frozenset()) == []


def test_the_lists_of_a_part_in_pieces(tmp_path: Path) -> None:
    gulls = " ".join(f"In 19{n} she painted her brother's boat, the quay and {n} gulls on the roof." for n in range(20, 30))
    long = replace(VENN, text=f"{VENN.text} {gulls}")
    file = films(tmp_path / "films" / "train.jsonl", IDS[:3], passages=[*BORN.passages, long])
    made = list_part(Part(str(file), "pool", False, pieces=True), lambda _: pair_model(), quiet)
    assert {one.group for one in made} == {"films pieces"}
    for one in made:
        of_venn = [passage.text for passage in one.read.passages if passage.title == long.title and passage.text in long.text]
        assert len(of_venn) > 2  # the short one of her, and what the long one was cut into
        assert long.text not in of_venn


@pytest.mark.parametrize("setting", ["distractor", "pool"])
def test_the_lists_of_a_part_without_its_evidence(tmp_path: Path, setting: Any) -> None:
    file = films(tmp_path / "films" / "train.jsonl", IDS[:3])
    other = films(tmp_path / "films" / "other.jsonl", ["other"], passages=[*FILLERS[5:9], DORRANCE])
    file.write_text(f"{file.read_text()}\n{other.read_text()}")  # what comes into the place of the evidence
    made = list_part(Part(str(file), setting, True), lambda _: pair_model(), quiet)
    assert {one.id for one in made} >= set(IDS[:3])
    for one in (one for one in made if one.id in IDS):
        assert (one.gold, one.gold_in_all, one.answers, one.group) == ((), 0, (), f"films {setting} dropped")
        assert not {"Orla Venn", "The Salt Mirror"} & {passage.title for passage in one.read.passages}


def test_where_no_evidence_can_be_dropped_there_are_no_such_lists(tmp_path: Path) -> None:
    """Of three questions nobody knows the evidence, of the other three nothing could take its place."""
    unlabelled = films(tmp_path / "films" / "unlabelled.jsonl", IDS[:3])
    unlabelled.write_text(unlabelled.read_text().replace('"is_supporting"', '"nothing"'))
    for file in (unlabelled, films(tmp_path / "films" / "small.jsonl", IDS[3:6])):
        assert list_part(Part(str(file), "distractor", True), lambda _: pair_model(), quiet) == []
        assert len(list_part(Part(str(file), "distractor", False), lambda _: pair_model(), quiet)) == 3


def test_the_lists_of_an_indexed_corpus(tmp_path: Path) -> None:
    """Questions without passages of their own, their evidence known by title."""
    with Corpus.open(tmp_path / "corpus", create=True) as opened:
        opened.add(Document.from_text(each.text, source=each.title, title=each.title) for each in POOL)
    file = films(tmp_path / "films" / "train.jsonl", IDS[:3], passages=[], gold_titles=["Orla Venn", "The Salt Mirror"])
    made = list_part(Part(str(file), "corpus", False), lambda _: pair_model(), quiet, corpus=tmp_path / "corpus")
    assert {one.id for one in made} == set(IDS[:3])
    for one in made:
        assert sorted(gold_titles(one)) == ["Orla Venn", "The Salt Mirror"]
        assert one.group == "films corpus"


def test_digests_tell_data_apart_and_name_what_is_twice(tmp_path: Path) -> None:
    one, other = films(tmp_path / "films" / "a.jsonl", IDS[:2]), films(tmp_path / "films" / "b.jsonl", IDS[2:4])
    found = digests([str(one), str(other)])
    assert list(found) == [str(one), str(other)]
    assert len(set(found.values())) == 2
    before = found[str(one)]
    films(one, IDS[:3])
    with pytest.raises(UsageError, match="films/a and films/b both have a question 'question-2'"):
        digests([str(one), str(other)])
    assert digests([str(one)])[str(one)] != before
    assert digests([str(one), str(films(tmp_path / "mills" / "a.jsonl", IDS[:3]))])  # another group of lists
    with pytest.raises(UsageError, match="films/a is named twice"):
        digests([str(one), str(one)])
    with pytest.raises(UsageError, match="no file"):
        digests([str(tmp_path / "none.jsonl")])
