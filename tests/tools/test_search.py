"""Search and link over a small invented world: what is found, by which channel, through whom, and what never is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passel.tools.candidate import Candidate, Hit, fuse
from passel.tools.corpus import Corpus
from passel.tools.document import Document
from passel.tools.encoder import Encoder
from passel.tools.filters import Filter
from passel.tools.search import FOUND, LINKED, PER_NAME, SHARED_BY, dense, lexical, link, search, search_linked

TRAIN = Path(__file__).parents[3] / "shared" / "data" / "2wiki" / "train.jsonl"

ARTICLES = {
    "light": ("Tarn Light", "The Tarn Light is a lighthouse on the north shore. It was designed by the engineer Ilse Marn. It was lit in 1871."),
    "ilse": ("Ilse Marn (engineer)", "Ilse Marn was born in Ostrey and studied there. She married the painter Odo Kell."),
    "marn": ("Marn", "Marn is a river that is known for its eels."),
    "odo": ("Odo Kell", "Odo Kell painted boats. He died of a fever in 1902."),
    "ostrey": ("Ostrey, Veld", "Ostrey is a market town with a cheese fair."),
    "press": ("Gannet Press", "The Gannet Press printed maps. Its foreman was Vigo Lunt, who had but one arm."),
    "strike": ("The strike of 1888", "The printers stopped work for nine weeks. It was ended by Vigo Lunt."),
    "fish": ("Herring", "The herring is a small fish that lives in large shoals."),
    "bread": ("Rye bread", "Rye bread is baked from rye and sour dough."),
    "wool": ("Wool", "Wool is shorn from sheep in the spring."),
}


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(cache=False)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Iterator[Corpus]:
    with Corpus.open(tmp_path_factory.mktemp("corpora") / "tarn", encoder=encoder, create=True) as made:
        fill(made, ARTICLES)
        yield made


def fill(corpus: Corpus, articles: dict[str, tuple[str, str]], **metadata: str) -> None:
    corpus.add((Document.from_text(text, source=source, title=title, metadata=metadata) for source, (title, text) in articles.items()), split=False)


def at(corpus: Corpus, *sources: str) -> list[Candidate]:
    """Candidates as if a search had found these documents, in this order."""
    titles = " ".join(title for title, _ in ARTICLES.values())
    ids = {passage.source: passage.id for passage in corpus.get([id_ for id_, _ in corpus.lexical(titles, 100)])}
    return [Candidate(ids[source], (Hit("dense", "?", rank, 0.5),)) for rank, source in enumerate(sources)]


def sources(candidates: Sequence[Candidate]) -> list[str]:
    assert all(candidate.passage and candidate.passage.id == candidate.passage_id for candidate in candidates)
    return [candidate.passage.source for candidate in candidates if candidate.passage]


def hit(candidates: Sequence[Candidate], source: str) -> Hit:
    (found,) = (candidate for candidate in candidates if candidate.passage and candidate.passage.source == source)
    (linked,) = found.hits
    assert linked.channel == "linked"
    return linked


def named_by(corpus: Corpus, one: Hit) -> str:
    """The sentence that names it."""
    assert one.via
    assert one.naming
    (passage,) = corpus.get([one.via])
    return passage.text[one.naming[0] : one.naming[1]]


# ---- search ----


def test_both_channels_are_fused(corpus: Corpus) -> None:
    found = search(corpus, "Who made the lighthouse?", n=4)
    assert sources(found)[0] == "light"
    assert len(found) == 4
    assert found[0].channels == ("dense", "lexical")
    assert [candidate.score for candidate in found] == sorted((candidate.score for candidate in found), reverse=True)
    assert {one.query for candidate in found for one in candidate.hits} == {"Who made the lighthouse?"}


def test_a_channel_ranks_from_0_with_its_own_scores(corpus: Corpus) -> None:
    for channel in (dense, lexical):
        (hits,) = zip(*(candidate.hits for candidate in channel(corpus, "a fish that lives in shoals", 3)), strict=True)
        assert [one.rank for one in hits] == list(range(len(hits)))
        assert [one.score for one in hits] == sorted((one.score for one in hits), reverse=True)


def test_a_channel_of_ones_own_is_a_function(corpus: Corpus) -> None:
    asked: list[tuple[str, int, Filter | None]] = []

    def newest(corpus: Corpus, query: str, n: int, filters: Filter | None) -> list[Candidate]:
        asked.append((query, n, filters))
        return at(corpus, "wool", "bread")[:n]

    assert sources(search(corpus, "Herring", n=2, channels=(newest,), filters={"source": "wool"})) == ["wool"]
    assert asked == [("Herring", 2, {"source": "wool"})]


def test_nothing_is_found_in_an_empty_corpus(tmp_path: Path, encoder: Encoder) -> None:
    with Corpus.open(tmp_path / "empty", encoder=encoder, create=True) as corpus:
        assert search(corpus, "Who?") == []
        assert search_linked(corpus, "Who was Ilse Marn?") == []


# ---- link ----


def named(linked: Sequence[Candidate]) -> list[Candidate]:
    """Without the passages that do the naming."""
    return [candidate for candidate in linked if candidate.channels != ("naming",)]


def test_the_passage_that_names_does_not_fall_behind_what_it_names(corpus: Corpus) -> None:
    question = "Where was the designer of the old beacon born?"
    found = at(corpus, "light", "fish")
    fused = fuse([found, link(corpus, question, found)])
    place = {candidate.passage_id: n for n, candidate in enumerate(fused)}
    by_id = {candidate.passage_id: candidate for candidate in fused}
    light = found[0].passage_id
    assert "naming" in by_id[light].channels
    assert all(place[light] < place[c.passage_id] for c in fused if any(hit.via == light for hit in c.hits))


def test_the_second_hop_is_named_by_the_first_hit(corpus: Corpus) -> None:
    linked = named(link(corpus, "Where was the designer of the old beacon born?", at(corpus, "light", "fish")))
    one = hit(linked, "ilse")
    assert corpus.get([one.via or ""])[0].source == "light"
    assert named_by(corpus, one) == "It was designed by the engineer Ilse Marn."
    assert one.query == "Where was the designer of the old beacon born?"
    (cosine,) = corpus.similarity(corpus.encoder.encode([one.query])[0], [at(corpus, "ilse")[0].passage_id]).values()
    assert one.score == pytest.approx(cosine, abs=1e-4)
    assert [linked[i].hits[0].rank for i in range(len(linked))] == list(range(len(linked)))


def test_of_names_inside_one_another_the_longest_counts(corpus: Corpus) -> None:
    assert "marn" not in sources(named(link(corpus, "?", at(corpus, "light"))))  # the text says "Ilse Marn", who has a document of her own
    assert "marn" in sources(link(corpus, "which fish are in the marn?", []))


def test_the_question_names_documents_in_any_spelling(corpus: Corpus) -> None:
    linked = link(corpus, "did odo KELL ever paint in Ostrey?", [])
    assert {"odo", "ostrey"} <= set(sources(linked))  # "Ostrey, Veld" by its first part
    assert (hit(linked, "odo").via, hit(linked, "odo").naming) == (None, None)


def test_what_the_question_names_is_read_for_names_too(corpus: Corpus) -> None:
    linked = link(corpus, "Who designed the Tarn Light?", at(corpus, "fish"))
    assert named_by(corpus, hit(linked, "ilse")) == "It was designed by the engineer Ilse Marn."


def test_passages_that_share_a_rare_name_are_linked_though_no_document_has_it_as_title(corpus: Corpus) -> None:
    linked = link(corpus, "What did the foreman of the map printers end?", at(corpus, "press"))
    assert named_by(corpus, hit(linked, "strike")) == "Its foreman was Vigo Lunt, who had but one arm."


def test_a_name_that_many_passages_hold_links_nothing(tmp_path: Path, encoder: Encoder) -> None:
    with Corpus.open(tmp_path / "c", encoder=encoder, create=True) as corpus:
        fill(corpus, {str(i): (f"Matter {i}", f"Vigo Lunt did thing number {i}.") for i in range(SHARED_BY + 1)})
        found = search(corpus, "thing number 3", n=1)
        assert link(corpus, "thing number 3", found) == []
        corpus.delete(next(source for source in corpus.sources() if source not in sources(found)))
        assert len(named(link(corpus, "thing number 3", found))) == SHARED_BY - 1


def test_of_a_long_document_only_the_passages_closest_to_the_question_are_linked(tmp_path: Path, encoder: Encoder) -> None:
    with Corpus.open(tmp_path / "c", encoder=encoder, create=True) as corpus:
        topics = ["cheese", "sheep", "boats", "printing", "music", "winter", "the plague", "eels", "how the windmill burned down"]
        fill(corpus, {str(i): ("Chronicle", f"This part of the book is about {topic}.") for i, topic in enumerate(topics)})
        linked = link(corpus, "What does the Chronicle say about the fire in the mill?", [])
        assert len(linked) == PER_NAME
        assert corpus.get([linked[0].passage_id])[0].text.endswith("windmill burned down.")


def test_no_more_new_passages_than_asked_for_but_all_known_ones(corpus: Corpus) -> None:
    found = at(corpus, "light", "press", "odo")
    linked = link(corpus, "Who were Ilse Marn, Odo Kell and Vigo Lunt?", found, n=1)
    new = [source for source in sources(linked) if source not in ("light", "press", "odo")]
    assert len(new) == 1
    assert "odo" in sources(linked)  # named, and found already
    assert link(corpus, "Who was Ilse Marn?", [], n=0) == []


def test_the_candidates_of_a_question_are_fifty_at_most(tmp_path: Path, encoder: Encoder) -> None:
    families = ("Orr", "Pike", "Quill", "Rood", "Sund", "Tey")
    names = [f"{name} {family}" for name in ("Ada", "Bryn", "Cole", "Dora", "Edda", "Finn") for family in families]
    with Corpus.open(tmp_path / "c", encoder=encoder, create=True) as corpus:
        fill(corpus, {f"light {i}": (f"Lighthouse {i}", f"Its keepers were {', '.join(names[i % 6 * 6 :][:6])}.") for i in range(40)})
        fill(corpus, {name: (name, "Eats herring and rye bread.") for name in names})
        found = search_linked(corpus, "Which lighthouse had keepers?")
        assert len(found) == FOUND + LINKED
        assert len({candidate.passage_id for candidate in found}) == len(found)


def test_filters_bind_search_and_every_kind_of_link(tmp_path: Path, encoder: Encoder) -> None:
    with Corpus.open(tmp_path / "c", encoder=encoder, create=True) as corpus:
        for tenant in ("a", "b"):
            fill(corpus, {f"{tenant}/{source}": article for source, article in ARTICLES.items()}, tenant=tenant)
        for question in ("Who designed the Tarn Light?", "What did the foreman of the Gannet Press end?", "Ilse Marn", "herring"):
            found = search_linked(corpus, question, filters={"tenant": "a"})
            assert found
            assert {source[0] for source in sources(found)} == {"a"}
            seen = {candidate.passage_id for candidate in found} | {one.via for candidate in found for one in candidate.hits if one.via}
            assert len(corpus.get(list(seen), {"tenant": "a"})) == len(seen)
            everything = search(corpus, question)  # as a careless caller would pass them in
            assert {source[0] for source in sources(link(corpus, question, everything, filters={"tenant": "a"}))} == {"a"}


def test_what_has_been_deleted_meanwhile_is_left_out(tmp_path: Path, encoder: Encoder) -> None:
    with Corpus.open(tmp_path / "c", encoder=encoder, create=True) as corpus:
        fill(corpus, ARTICLES)
        found = at(corpus, "light")
        corpus.delete("light")
        assert "ilse" not in sources(link(corpus, "?", found))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=st.text(max_size=80) | st.text(st.sampled_from("Tarn Ilse'\"()*-NEAR\0:é東"), max_size=40))
def test_any_question_can_be_asked(corpus: Corpus, question: str) -> None:
    found = search_linked(corpus, question)
    assert len({candidate.passage_id for candidate in found}) == len(found)


@pytest.mark.data
def test_linking_finds_most_second_hops_of_real_questions(tmp_path: Path, encoder: Encoder) -> None:
    """All gold among 50 candidates, 60 training questions of 2WikiMultiHopQA over their own pool."""
    if not TRAIN.exists():
        pytest.skip("../shared/data is not here")
    records = [json.loads(line) for line in TRAIN.read_text().splitlines()[:60]]
    pool = list(dict.fromkeys((passage["title"], passage["text"]) for record in records for passage in record["passages"]))
    with Corpus.open(tmp_path / "c", encoder=encoder, create=True) as corpus:
        fill(corpus, {str(i): article for i, article in enumerate(pool)})
        alone = together = 0
        for record in records:
            gold = {str(pool.index((passage["title"], passage["text"]))) for passage in record["passages"] if passage["is_supporting"]}
            alone += gold <= set(sources(search(corpus, record["question"], n=50)))
            together += gold <= set(sources(search_linked(corpus, record["question"])))
    assert together >= 58
    assert together > alone
