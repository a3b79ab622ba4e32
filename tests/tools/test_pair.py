"""The pair model: its spans against brute force, what it remembers, that company changes nothing, and its file."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from passel.rerankers.default import WEIGHTS, pair_model
from passel.tools import pair as pair_module
from passel.tools.bert import pack
from passel.tools.errors import PasselError
from passel.tools.pair import LONGEST_ANSWER, PAIR, SPANS, AnswerSpan, PairModel, PairNetwork, PairReading, best_spans
from passel.tools.pair_text import MOST_WINDOWS, OVERLAP, Reading, Window, windows

QUESTION = "Who designed the Harbour Hall?"
HALL = Reading("Harbour Hall", "The Harbour Hall stands in Arn. It was designed by Ilse Marn in 1911.")
GEESE = Reading("Fen goose", "The fen goose eats grass and sleeps standing up.")
FILLER = "The market is held on Tuesdays, when the geese are sold and the bell is rung twice. "
READINGS = [
    HALL,
    GEESE,
    Reading("", ""),
    Reading("Ilse Marn", "She was born in Sedge.", "Harbour Hall: It was designed by Ilse Marn in 1911."),
    Reading("Ilse Marn", "She was born in Sedge."),
    Reading("Arn", FILLER * 25 + "It was designed by Ilse Marn."),
    Reading("港", "港には市場がある。 각 값 각. Порт и рынок. \ud800 \u0000"),
    Reading("x" * 900, "y " * 300, "z " * 900),
]
ODD = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)


@pytest.fixture(scope="module")
def trained() -> PairNetwork:
    return PairNetwork.load(WEIGHTS / PAIR)


@pytest.fixture(scope="module")
def exact(trained: PairNetwork) -> Callable[[], PairModel]:
    """A new model, in fp32, that remembers nothing yet."""
    return lambda: PairModel(trained, device="cpu", dtype=torch.float32)


@pytest.fixture
def passes(trained: PairNetwork) -> Iterator[list[int]]:
    """How many pairs' windows each forward pass of `trained` had."""
    counts: list[int] = []
    handle = trained.register_forward_hook(lambda network, given, states: counts.append(sum(run.count for run in given[1])))
    yield counts
    handle.remove()


def same(one: PairReading, other: PairReading, atol: float = 1e-3) -> None:
    """The same reading, but for the last bits. The order of nearly equal spans is one of them."""
    np.testing.assert_allclose(one.vector, other.vector, atol=atol)
    assert (one.relevance, one.yes) == pytest.approx((other.relevance, other.yes), abs=atol)
    assert [span.score for span in one.spans] == pytest.approx([span.score for span in other.spans], abs=atol)
    assert [(span.start, span.end) for span in one.spans[:1]] == [(span.start, span.end) for span in other.spans[:1]]


def sound(reading: PairReading, text: str) -> None:
    """Every invariant of a reading."""
    assert reading.vector.shape == (384,)
    assert reading.vector.dtype == np.float32
    assert np.isfinite(reading.vector).all()
    assert math.isfinite(reading.relevance)
    assert math.isfinite(reading.yes)
    assert len(reading.spans) <= SPANS
    assert len({(span.start, span.end) for span in reading.spans}) == len(reading.spans)
    scores = [span.score for span in reading.spans]
    assert scores == sorted(scores, reverse=True)
    assert all(math.isfinite(score) for score in scores)
    assert all(0 <= span.start < span.end <= len(text) for span in reading.spans)


# Spans of one window


def window_of(tokens: int, *, text: int = 3, second: int = 3) -> Window:
    """Each token of the text is one character, with a gap behind it."""
    return Window([0] * (text + tokens + 1), second, text, [(2 * i, 2 * i + 1) for i in range(tokens)])


@settings(max_examples=150, deadline=None)
@given(data=st.data(), tokens=st.integers(0, 80), text=st.integers(1, 9))
def test_spans_are_the_best_of_all(data: st.DataObject, tokens: int, text: int) -> None:
    values = st.integers(-800, 800).map(lambda n: n / 16)  # sums are exact, and so are ties
    logits: NDArray[np.float32] = data.draw(arrays.arrays(np.float32, (text + tokens + 1, 2), elements=values))
    window = window_of(tokens, text=text)
    found = list(best_spans(logits, window))
    every = {
        (2 * i, 2 * j + 1): float(logits[text + i, 0] - logits[0, 0]) + float(logits[text + j, 1] - logits[0, 1])
        for i in range(tokens)
        for j in range(i, min(tokens, i + LONGEST_ANSWER))
    }
    best: list[tuple[int, int]] = []  # one after the other the best of those that overlap none before
    while len(best) < SPANS and every:
        best.append(max(every, key=every.__getitem__))
        for place in [place for place in every if place[0] < best[-1][1] and best[-1][0] < place[1]]:
            if place != best[-1]:
                del every[place]
        top = every.pop(best[-1])
        assert found[len(best) - 1].score == pytest.approx(top, abs=1e-3)
    assert len(found) == len(best)


def test_the_special_tokens_and_the_title_are_no_answers() -> None:
    window = window_of(4, text=6)
    logits = np.full((11, 2), 40.0, np.float32)
    logits[0] = 0.0
    logits[6:10] = -5.0
    logits[7, 0], logits[8, 1] = 3.0, 4.0
    first, *others = best_spans(logits, window)
    assert first == AnswerSpan(2, 5, 7.0)
    assert all(span.score < 0 for span in others)


def test_scores_are_relative_to_no_answer() -> None:
    logits = np.zeros((7, 2), np.float32)
    logits[0] = (1.5, 2.0)
    assert {span.score for span in best_spans(logits, window_of(3))} == {-3.5}


def test_an_answer_is_at_most_so_long() -> None:
    logits = np.full((3 + 60 + 1, 2), -40.0, np.float32)
    logits[0] = 0.0
    logits[3 + 5, 0], logits[3 + 5 + LONGEST_ANSWER - 1, 1], logits[3 + 5 + LONGEST_ANSWER, 1] = 9.0, 9.0, 30.0
    first, second, *_ = best_spans(logits, window_of(60))
    assert first == AnswerSpan(10, 2 * (5 + LONGEST_ANSWER - 1) + 1, 18.0)
    assert second.score == 30.0 - 40.0
    assert second.start > first.end


def test_a_character_of_several_tokens_is_one_answer() -> None:
    ((window,),) = windows([("q", Reading("", "각각"))])
    assert len(set(window.offsets)) < len(window.offsets)
    spans = list(best_spans(np.zeros((len(window.tokens), 2), np.float32), window))
    stretches = [(span.start, span.end) for span in spans]
    assert len(set(stretches)) == len(stretches) >= 1
    assert set(stretches) <= {(0, 1), (1, 2), (0, 2)}


# Readings


def test_a_reading_is_what_the_network_says(trained: PairNetwork, exact: Callable[[], PairModel]) -> None:
    ((window,),) = windows([(QUESTION, HALL)])
    (reading,) = exact().read(QUESTION, [HALL])
    with torch.inference_mode():
        states = trained(*pack([window.tokens]), torch.tensor(window.segments))
        logits = trained.span(states).numpy()
    same(reading, PairReading(states[0].numpy(), float(trained.relevance(states[0])), float(trained.yes(states[0])), (*best_spans(logits, window),)))


def test_the_bundled_model_knows_evidence_and_finds_the_answer() -> None:
    hall, geese, *_ = readings = pair_model(device="cpu").read(QUESTION, READINGS)
    best = hall.spans[0]
    assert HALL.text[best.start : best.end] == "Ilse Marn"
    assert best.score > 0 > max(span.score for span in geese.spans)
    assert hall.relevance > geese.relevance + 2
    for read, reading in zip(READINGS, readings, strict=True):
        sound(reading, read.text)


def test_the_naming_sentence_is_read(exact: Callable[[], PairModel]) -> None:
    named, bare = exact().read("Where was the designer of the Harbour Hall born?", READINGS[3:5])
    assert named.relevance > bare.relevance + 1


def test_in_any_order_and_company_a_pair_reads_the_same(exact: Callable[[], PairModel]) -> None:
    pairs = [(question, reading) for question in (QUESTION, "") for reading in READINGS]
    together = exact().read_pairs(pairs)
    for one, other in zip(together, exact().read_pairs(pairs[::-1])[::-1], strict=True):
        same(one, other)
    for pair, reading in list(zip(pairs, together, strict=True))[::3]:
        same(exact().read(pair[0], [pair[1]])[0], reading)


def test_so_it_does_in_small_batches(exact: Callable[[], PairModel], monkeypatch: pytest.MonkeyPatch, passes: list[int]) -> None:
    together = exact().read(QUESTION, READINGS)
    passes.clear()
    monkeypatch.setattr(pair_module, "_BATCH_TOKENS", 1)
    for one, other in zip(exact().read(QUESTION, READINGS), together, strict=True):
        same(one, other)
    assert passes == [1] * sum(map(len, windows([(QUESTION, reading) for reading in READINGS])))


def test_so_it_does_in_the_fast_precision_but_for_rounding(exact: Callable[[], PairModel]) -> None:
    fast = pair_model(device="cpu")
    for one, other in zip(fast.read(QUESTION, READINGS), exact().read(QUESTION, READINGS), strict=True):
        cosine = float(one.vector @ other.vector) / float(np.linalg.norm(one.vector) * np.linalg.norm(other.vector))
        assert cosine > 0.99
        assert one.relevance == pytest.approx(other.relevance, abs=0.5)


def test_what_is_read_exactly_is_as_in_fp32_whatever_is_known_of_it(trained: PairNetwork, exact: Callable[[], PairModel]) -> None:
    fast = PairModel(trained, device="cpu", dtype=torch.bfloat16)
    rounded = fast.read(QUESTION, READINGS)
    for one, other in zip(fast.read(QUESTION, READINGS, exact=True), exact().read(QUESTION, READINGS), strict=True):
        same(one, other)
    assert rounded[0] is fast.read(QUESTION, READINGS)[0]
    assert rounded[0].relevance != fast.read(QUESTION, READINGS, exact=True)[0].relevance
    assert trained.relevance.weight.dtype == torch.float32


@settings(max_examples=25, deadline=None)
@given(question=ODD, reading=st.builds(Reading, ODD, ODD, ODD))
def test_any_string_is_legal(question: str, reading: Reading) -> None:
    (read,) = pair_model(device="cpu").read(question, [reading])
    sound(read, reading.text)
    assert read.spans or not windows([(question, reading)])[0][0].offsets


def test_nothing_in_nothing_out(exact: Callable[[], PairModel], passes: list[int]) -> None:
    assert exact().read(QUESTION, []) == []
    assert exact().read_pairs([]) == []
    assert passes == []
    assert exact().read("", [Reading("", "")])[0].spans == ()


# A long passage


def test_a_long_passage_is_as_good_as_its_best_window(trained: PairNetwork) -> None:
    long = Reading("Arn", FILLER * 20 + "The Harbour Hall was designed by Ilse Marn. " + FILLER * 20)
    (of_pair,) = windows([(QUESTION, long)])
    assert 2 < len(of_pair) < MOST_WINDOWS
    network = copy.deepcopy(trained)
    network.yes.weight.neg_()  # else the window that says yes would be the best one too
    with torch.inference_mode():
        firsts = torch.stack([network(*pack([window.tokens]), torch.tensor(window.segments))[0] for window in of_pair])
        relevance, yes = network.relevance(firsts).squeeze(1), network.yes(firsts).squeeze(1)
    best = int(relevance.argmax())
    assert 0 < best != int(yes.argmax())
    assert float(relevance[best]) > float(relevance.sort().values[-2]) + 1
    (reading,) = PairModel(network, device="cpu", dtype=torch.float32).read(QUESTION, [long])
    assert reading.relevance == pytest.approx(float(relevance[best]), abs=1e-3)
    assert reading.yes == pytest.approx(float(yes[best]), abs=1e-3)
    np.testing.assert_allclose(reading.vector, firsts[best].numpy(), atol=1e-3)
    sound(reading, long.text)
    assert long.text[reading.spans[0].start : reading.spans[0].end] == "Ilse Marn"


@pytest.mark.parametrize("before", [0, 11, 21, 40])
def test_the_answer_may_stand_in_any_window(exact: Callable[[], PairModel], before: int) -> None:
    long = Reading("Arn", FILLER * before + "The Harbour Hall was designed by Ilse Marn. " + FILLER * (40 - before))
    (reading,) = exact().read(QUESTION, [long])
    assert long.text[reading.spans[0].start : reading.spans[0].end] == "Ilse Marn"
    sound(reading, long.text)  # once, though two windows may hold it


def test_a_span_that_two_windows_hold_counts_once_at_its_better_score(trained: PairNetwork, exact: Callable[[], PairModel]) -> None:
    head = len(windows([(QUESTION, Reading("", ""))])[0][0].tokens)
    before = " ".join(["goose"] * (256 - head - OVERLAP + 20))
    reading = Reading("", f"{before}. The Harbour Hall was designed by Ilse Marn. {FILLER * 3}")
    (of_pair,) = windows([(QUESTION, reading)])
    place = (start := reading.text.index("Ilse Marn"), start + len("Ilse Marn"))
    held = [window for window in of_pair if any(a == place[0] for a, _ in window.offsets) and any(b == place[1] for _, b in window.offsets)]
    assert len(held) == 2
    scores = []
    for window in held:
        with torch.inference_mode():
            logits = trained.span(trained(*pack([window.tokens]), torch.tensor(window.segments))).numpy()
        scores += [span.score for span in best_spans(logits, window) if (span.start, span.end) == place]
    assert len(scores) == 2
    (read,) = exact().read(QUESTION, [reading])
    assert [span.score for span in read.spans if (span.start, span.end) == place] == pytest.approx([max(scores)], abs=1e-3)


# What it remembers


def test_what_was_read_is_not_read_again(exact: Callable[[], PairModel], passes: list[int]) -> None:
    model = exact()
    first = model.read(QUESTION, [HALL, GEESE, HALL])
    assert sum(passes) == 2
    assert first[0] is first[2]
    again = model.read(QUESTION, [GEESE, HALL])
    assert sum(passes) == 2
    assert again[0] is first[1]
    assert again[1] is first[0]
    model.read(QUESTION, [HALL, READINGS[3], GEESE])
    assert sum(passes) == 3
    model.read("Another question?", [HALL])
    model.read(QUESTION, [Reading(HALL.title, HALL.text, "A naming sentence.")])
    assert sum(passes) == 5


def test_what_it_remembers_is_bounded(exact: Callable[[], PairModel], passes: list[int]) -> None:
    model, short = exact(), [Reading("", f"stone {n}") for n in range(5)]
    model.remembers = 3
    first = model.read("q", short)
    assert len(model._known) == 3
    assert all(one is other for one, other in zip(model.read("q", short[2:]), first[2:], strict=True))
    assert sum(passes) == 5
    for one, other in zip(model.read("q", short), first, strict=True):
        same(one, other)
    assert sum(passes) == 7
    assert len(model._known) == 3


def test_threads_may_share_one(exact: Callable[[], PairModel]) -> None:
    expected, model = exact().read(QUESTION, READINGS), exact()
    orders = [list(range(len(READINGS))), list(range(len(READINGS)))[::-1]] * 2
    with ThreadPoolExecutor(4) as pool:
        for order, found in zip(orders, pool.map(lambda order: model.read(QUESTION, [READINGS[i] for i in order]), orders), strict=True):
            for i, one in zip(order, found, strict=True):
                same(one, expected[i])


# Its file


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    made = PairNetwork.untrained()
    made.save(tmp_path / "pair.safetensors")
    loaded = PairNetwork.load(tmp_path / "pair.safetensors")
    state = loaded.state_dict()
    assert state.keys() == made.state_dict().keys()
    for name, weight in made.state_dict().items():
        assert torch.equal(state[name], weight if name == "bert.words" else weight.half().float())
    assert not loaded.training
    assert not any(weight.requires_grad for weight in loaded.parameters())
    assert (tmp_path / "pair.safetensors").stat().st_size < 23_000_000
    (tmp_path / "other").touch()
    assert (tmp_path / "pair.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
    assert "bert.words" not in load_file(tmp_path / "pair.safetensors")
    loaded.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "pair.safetensors").read_bytes()
    before, after = (PairModel(network, device="cpu", dtype=torch.float32).read(QUESTION, [HALL])[0] for network in (made, loaded))
    np.testing.assert_allclose(before.vector, after.vector, atol=0.02)


def test_an_untrained_network_says_nothing_yet() -> None:
    for reading in PairModel(PairNetwork.untrained(), device="cpu", dtype=torch.float32).read(QUESTION, READINGS[:3]):
        assert abs(reading.relevance) < 3
        assert abs(reading.yes) < 3


def refused(file: Path) -> None:
    with pytest.raises(PasselError) as caught:
        PairNetwork.load(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"", b"{}", b"no weights at all" * 20, b"\xff" * 64, b"\x02\0\0\0\0\0\0\0{}"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pair.safetensors").write_bytes(content)
    refused(tmp_path / "pair.safetensors")


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pair.safetensors").write_bytes((WEIGHTS / PAIR).read_bytes()[:1_000_000])
    refused(tmp_path / "pair.safetensors")


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "none.safetensors")
    refused(tmp_path)


@pytest.mark.parametrize("change", ["a weight too few", "a weight too many", "another shape", "the words as well"])
def test_weights_of_another_model_are_refused(tmp_path: Path, trained: PairNetwork, change: str) -> None:
    state = load_file(WEIGHTS / PAIR)
    if change == "a weight too few":
        del state["relevance.bias"]
    elif change == "a weight too many":
        state["another.bias"] = torch.zeros(1)
    elif change == "another shape":
        state["span.weight"] = torch.zeros(3, 384)
    else:
        state["bert.words"] = trained.bert.words.half()
    save_file(state, tmp_path / "pair.safetensors")
    refused(tmp_path / "pair.safetensors")
