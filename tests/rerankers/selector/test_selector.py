"""LearnedSelector keeps the invariants of a Selection whatever it is given."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from passel.rerankers.default import default_selector
from passel.rerankers.selection import EMPTY, Selection
from passel.rerankers.selector.examples import read_candidates
from passel.rerankers.selector.network import ListNetwork, Lists
from passel.rerankers.selector.policy import MOST, decode, own_order
from passel.rerankers.selector.selector import MOST_READ, LearnedSelector, load_network, save_network
from passel.tools.candidate import Candidate, Hit
from passel.tools.errors import PasselError
from passel.tools.pair_text import Reading
from passel.tools.passage import Passage

SCRIPTS = "Der Hafen von Arn liegt am Till. Порт и рыбный рынок. 港には市場がある。 ميناء كبير 🚢 नाव उस पार जाती है ท่าเรือ\u200b \u0000 e\u0301 \ud800"


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def candidate(number: int, text: str = "some words of a passage", title: str = "", hits: Sequence[Hit] | None = None) -> Candidate:
    found = (Hit("dense", "q", number, 0.5),) if hits is None else tuple(hits)
    return Candidate(f"p{number}", found, Passage(f"p{number}", "s", text, title))


def holds(selection: Selection, candidates: Sequence[Candidate], budget: int) -> None:
    """Every invariant of a selection."""
    texts = {each.passage_id: each.passage.text for each in candidates if each.passage}
    assert sorted(selection.ranked) == sorted(texts)
    assert selection.ranked[: len(selection.ids)] == selection.ids
    assert len(selection.ids) <= MOST
    assert selection.tokens == sum(words([texts[id] for id in selection.ids]))
    assert selection.tokens <= max(0, budget)
    assert len(selection.scores) == len(selection.ranked)
    assert all(0 <= score <= 1 for score in selection.scores)
    assert selection.scores == tuple(sorted(selection.scores, reverse=True))
    assert all(score <= chance for score, chance in zip(selection.scores, selection.relevance, strict=False))
    assert len(selection.judged) == min(len(selection.ranked), MOST_READ)
    assert all(score <= chance for score, chance in zip(selection.scores, selection.judged, strict=False))
    assert set(selection.known) == set(selection.ranked[:MOST_READ])
    assert [selection.known[id] for id in selection.ids] == list(selection.relevance)
    assert selection.stop_reason
    assert not selection.fallback
    assert Selection.from_state(selection.to_state()) == selection


texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", " ", "\n", SCRIPTS, "same words", "word " * 10_000]),
)
hits = st.builds(
    Hit,
    st.sampled_from(["dense", "lexical", "linked", "naming", "another"]),
    st.sampled_from(["a", ""]),
    st.integers(0, 500),
    st.floats(-1, 30),
    st.none() | st.sampled_from(["p0", "p1", "p2", "gone"]),
    st.none() | st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
lists = st.lists(st.tuples(texts, st.text(max_size=9), st.lists(hits, max_size=4)), max_size=25).map(
    lambda rows: [candidate(number, *row) for number, row in enumerate(rows)]
)


@settings(max_examples=120, deadline=None)
@given(
    found=lists,
    question=texts,
    budget=st.sampled_from([-5, 0, 1, 3, 20, 2000, 10**9]) | st.integers(0, 60),
    seed=st.integers(0, 20),
    stop=st.sampled_from([-60.0, -2.0, 0.0, 60.0]),
)
def test_hostile_lists(network: Any, pair: Any, found: list[Candidate], question: str, budget: int, seed: int, stop: float) -> None:
    selection = LearnedSelector(pair, network(seed, stop=stop), words).select(question, found, token_budget=budget)
    holds(selection, found, budget)
    if stop > 50 or not found:
        assert selection.ids == ()


@pytest.mark.parametrize("count", [1, 2, 13, 200, 201, 250])
@pytest.mark.parametrize("stop", [-60.0, 0.0, 60.0])
def test_any_number_of_candidates(network: Any, pair: Any, count: int, stop: float) -> None:
    found = [candidate(number, f"passage {number} says this") for number in range(count)]
    selection = LearnedSelector(pair, network(1, stop=stop), words).select("Which passage?", found, token_budget=2000)
    holds(selection, found, 2000)
    assert selection.ranked[MOST_READ:] == tuple(each.passage_id for each in found[MOST_READ:])  # those not read, as they came
    assert selection.scores[MOST_READ:] == (0.0,) * max(0, count - MOST_READ)
    assert not set(selection.ids) & {each.passage_id for each in found[MOST_READ:]}
    if stop < -50:
        assert len(selection.ids) == min(count, MOST)


def test_of_more_candidates_than_are_read_the_rest_changes_nothing(network: Any, pair: Any) -> None:
    found = [candidate(number, f"passage {number}") for number in range(250)]
    selector = LearnedSelector(pair, network(1), words)
    long, short = (selector.select("q", found[:count], token_budget=2000) for count in (250, MOST_READ))
    assert long.ids == short.ids
    assert long.ranked[:MOST_READ] == short.ranked


def test_nothing_to_select_from(network: Any, pair: Any) -> None:
    assert LearnedSelector(pair, network(1), words).select("q", [], token_budget=100) == EMPTY


def test_identical_passages_are_told_apart_by_their_ids(network: Any, pair: Any) -> None:
    found = [candidate(number, "the very same words", "Title", [Hit("dense", "q", 0, 0.5)]) for number in range(8)]
    selection = LearnedSelector(pair, network(1, stop=-60.0), words).select("q", found, token_budget=14)
    holds(selection, found, 14)
    assert len(selection.ids) == 3  # of four words each


def test_passages_that_name_each_other_and_themselves(network: Any, pair: Any) -> None:
    def led(via: str, naming: tuple[int, int]) -> list[Hit]:
        return [Hit("linked", "q", 0, 0.5, via, naming)]

    found = [
        candidate(0, "names one", "A", led("p1", (0, 4))),
        candidate(1, "names nought", "B", led("p0", (0, 99))),
        candidate(2, "", "C", led("p2", (0, 0))),
    ]
    holds(LearnedSelector(pair, network(1), words).select("q", found, token_budget=100), found, 100)


def test_a_long_passage_is_passed_over_for_one_that_fits(network: Any, pair: Any) -> None:
    found = [candidate(0, "word " * 10_000), candidate(1, "three short words"), candidate(2, "word " * 10_000)]
    selection = LearnedSelector(pair, network(1, stop=-60.0), words).select("q", found, token_budget=50)
    assert selection.ids == ("p1",)
    assert selection.tokens == 3
    everything = LearnedSelector(pair, network(1, stop=-60.0), words).select("q", found, token_budget=30_000)
    assert sorted(everything.ids) == ["p0", "p1", "p2"]


def test_a_passage_alone_is_judged_as_among_others(encoder: Any) -> None:
    """The policy has seen no list of one; fillers stand behind it, and are never selected."""
    selector = default_selector(encoder)
    for question, text, there in (
        ("Where was Miro born?", "The cat Miro was born in Oslo.", True),
        ("Who wrote the report?", "Anna Berg wrote the report in 2020.", True),
        ("Who painted the Mona Lisa?", "The cat Miro was born in Oslo.", False),
    ):
        selection = selector.select(question, [candidate(0, text)], token_budget=2000)
        assert selection.ids == (("p0",) if there else ())
        assert selection.ranked == ("p0",)
        assert len(selection.scores) == 1


def test_a_candidate_without_its_passage_is_refused(network: Any, pair: Any) -> None:
    selector = LearnedSelector(pair, network(1), words)
    with pytest.raises(ValueError, match="with their passages"):
        selector.select("q", [candidate(0), Candidate("p1", ())], token_budget=100)


# Why it stopped


def test_it_says_why_it_stopped(network: Any, pair: Any) -> None:
    found = [candidate(number, f"passage {number} says this") for number in range(14)]  # of four words

    def why(stop: float, count: int = 14, budget: int = 2000) -> str:
        return LearnedSelector(pair, network(1, stop=stop), words).select("q", found[:count], token_budget=budget).stop_reason

    assert why(60.0) == "stop, p = 1.00"
    assert why(-60.0) == "at most 12 passages"
    assert why(-60.0, count=5) == "end of the candidates"
    assert why(-60.0, budget=11) == "evidence budget of 11 tokens"
    assert why(60.0, budget=3) == "evidence budget of 3 tokens"
    assert why(0.0, budget=0) == "evidence budget of 0 tokens"
    assert why(0.0, budget=-7) == "evidence budget of 0 tokens"


@pytest.mark.parametrize("stop", [-60.0, 0.0, 60.0])
@pytest.mark.parametrize("count", [1, 2])
def test_fillers_are_nothing_that_could_still_be_picked(network: Any, pair: Any, count: int, stop: float) -> None:
    found = [candidate(number, f"passage {number} says this") for number in range(count)]
    nothing = LearnedSelector(pair, network(1, stop=stop), words).select("q", found, token_budget=3)  # of four words each
    assert (nothing.ids, nothing.stop_reason) == ((), "evidence budget of 3 tokens")
    everything = LearnedSelector(pair, network(1, stop=stop), words).select("q", found, token_budget=100)
    assert everything.stop_reason == "end of the candidates" if len(everything.ids) == count else everything.stop_reason.startswith("stop, p = ")


def test_the_probability_of_stop_is_that_of_the_choice_that_was_made(network: Any, pair: Any) -> None:
    seen = 0
    for seed in range(12):
        net, found = network(seed, stop=0.5), [candidate(number, f"passage {number}") for number in range(10)]
        selection = LearnedSelector(pair, net, words).select("q", found, token_budget=2000)
        match = re.fullmatch(r"stop, p = (\d\.\d\d)", selection.stop_reason)
        if not match:
            continue
        encoded = net.encode(Lists.of([read_candidates(pair, "q", found, words([f"passage {number}" for number in range(10)])).input]))
        places = [int(id[1:]) for id in selection.ids]
        chosen = torch.tensor([[float(place in places) for place in range(10)]])
        logits = net.logits(encoded, chosen, torch.tensor([places[-1] if places else -1]), chosen == 0)[0]
        assert float(match[1]) == pytest.approx(float(logits.softmax(0)[-1]), abs=0.006)
        assert int(logits.argmax()) == 10
        seen += bool(places)
    assert seen > 0


def test_what_is_selected_is_what_the_policy_picks_and_relevance_its_own(network: Any, pair: Any) -> None:
    net, found = network(3), [candidate(number, f"passage {number} " + "more " * number) for number in range(20)]
    tokens = words([each.passage.text for each in found if each.passage])
    encoded = net.encode(Lists.of([read_candidates(pair, "q", found, tokens).input]))
    (order,) = own_order(net, encoded, torch.tensor([60]))[0].tolist()
    (chosen,) = decode(net, encoded, torch.tensor([60])).tolist()
    probabilities = [1 / (1 + math.exp(-logit)) for logit in encoded.relevance[0].tolist()]
    selection = LearnedSelector(pair, net, words).select("q", found, token_budget=60)
    assert selection.ids == tuple(f"p{place}" for place in chosen)
    assert selection.ranked[: len(order)] == tuple(f"p{place}" for place in order)
    rest = selection.scores[len(order) :]
    assert list(rest) == sorted(rest, reverse=True)  # what the policy did not come to, by relevance
    least = math.inf
    for id, score in zip(selection.ranked, selection.scores, strict=True):
        least = min(least, probabilities[int(id[1:])])
        assert score == pytest.approx(least, abs=1e-4)


def test_the_same_list_gives_the_same_selection_even_of_a_network_left_in_training(network: Any, pair: Any) -> None:
    found = [candidate(number, f"passage {number}") for number in range(9)]
    selector = LearnedSelector(pair, network(3).train(), words)
    assert len({selector.select("q", found, token_budget=100) for _ in range(4)}) == 1


def test_candidates_are_read_with_the_sentence_that_names_them_and_without(network: Any, pair: Any) -> None:
    asked: list[tuple[str, Reading]] = []

    class Noting:
        def read(self, question: str, readings: Sequence[Reading], *, exact: bool = False) -> Any:
            asked.extend((question, reading) for reading in readings)
            return pair.read(question, readings)

    found = [
        candidate(0, "The hall was designed by Ilse Marn. It opened in 1871.", "Hall"),
        candidate(1, "She was an architect.", "Ilse Marn", [Hit("linked", "q", 0, 0.5, "p0", (0, 35))]),
    ]
    LearnedSelector(Noting(), network(1), words).select("Who?", found, token_budget=100)
    sentence = "Hall: The hall was designed by Ilse Marn."
    assert {question for question, _ in asked} == {"Who?"}
    assert {reading for _, reading in asked if reading.title} == {  # fillers have none
        Reading("Hall", "The hall was designed by Ilse Marn. It opened in 1871."),
        Reading("Ilse Marn", "She was an architect.", sentence),
        Reading("Ilse Marn", "She was an architect."),
    }
    read = read_candidates(pair, "Who?", found, [10, 4])
    named, bare = pair.read("Who?", [Reading("Ilse Marn", "She was an architect.", sentence), Reading("Ilse Marn", "She was an architect.")])
    assert read.passages[1].namer == 0
    assert read.passages[0].namer is None
    assert (read.passages[1].named.relevance, read.passages[1].bare.relevance) == (named.relevance, bare.relevance)
    assert np.array_equal(read.input.vectors[1], named.vector)


# Files


def test_saved_and_loaded_it_is_the_same_network(network: Any, made_up: Any, pair: Any, tmp_path: Path) -> None:
    net, file = network(5), tmp_path / "selector.safetensors"
    save_network(net, file)
    loaded = load_network(file)
    assert all(torch.equal(weight, loaded.state_dict()[name]) for name, weight in net.state_dict().items())
    assert not loaded.training
    assert not any(weight.requires_grad for weight in loaded.parameters())
    assert file.stat().st_size < 3 * 2**20
    found = [candidate(number, f"passage {number}") for number in range(9)]
    one, other = (LearnedSelector(pair, each, words).select("q", found, token_budget=100) for each in (net, loaded))
    assert one == other


@pytest.mark.parametrize("biases", [True, False])
def test_what_a_network_does_not_read_it_does_not_read_when_loaded(network: Any, made_up: Any, tmp_path: Path, biases: bool) -> None:
    net, lists = network(5, biases=biases), Lists.of([made_up(7, seed=2)])
    save_network(net, tmp_path / "a")
    assert torch.equal(load_network(tmp_path / "a").encode(lists).relevance, net.encode(lists).relevance)


def test_a_file_of_the_time_when_all_had_biases(network: Any, made_up: Any, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    net, lists = network(5), Lists.of([made_up(7, seed=2)])
    save_file({name: weight for name, weight in net.state_dict().items() if name != "with_biases"}, tmp_path / "a")
    assert torch.equal(load_network(tmp_path / "a").encode(lists).relevance, net.encode(lists).relevance)


def test_whoever_may_read_other_new_files_may_read_the_weights(network: Any, tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    save_network(network(5), tmp_path / "selector.safetensors")
    assert (tmp_path / "selector.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_network_in_training_can_be_saved(tmp_path: Path) -> None:
    net = ListNetwork()
    save_network(net, tmp_path / "a")
    assert all(weight.requires_grad for weight in net.parameters())
    load_network(tmp_path / "a")


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x00" * 64, b"\xff" * 4096, b'{"a": 1}'])
def test_a_file_that_is_none(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "selector.safetensors"
    file.write_bytes(content)
    with pytest.raises(PasselError, match="holds no list policy") as raised:
        load_network(file)
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "train" in raised.value.hint


def test_a_file_that_is_cut_short_or_another_network_s(network: Any, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    whole, cut, other, shapes = (tmp_path / name for name in ("whole", "cut", "other", "shapes"))
    save_network(network(1), whole)
    cut.write_bytes(whole.read_bytes()[:-100])
    save_file({"weight": torch.zeros(3)}, other)
    save_file({name: torch.zeros(2) for name in network(1).state_dict()}, shapes)
    for file in (cut, other, shapes):
        with pytest.raises(PasselError, match="holds no list policy"):
            load_network(file)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PasselError, match="cannot read"):
        load_network(tmp_path / "missing")
