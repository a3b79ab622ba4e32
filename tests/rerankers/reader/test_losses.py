"""The losses, by hand."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import softplus

from passel.rerankers.reader import losses as losses_module
from passel.rerankers.reader.examples import LabelledPassage, ReadingExample, Target, TargetList, draw
from passel.rerankers.reader.losses import losses, span_loss
from passel.tools.pair import PairNetwork
from passel.tools.pair_text import Reading, Window

MARN = LabelledPassage(Reading("Ilse Marn", "Ilse Marn was born in Sedge."), True, ("Sedge",))
HALL = LabelledPassage(Reading("Harbour Hall", "Ilse Marn designed it."), True)
GEESE = LabelledPassage(Reading("Goose", "Geese eat grass."), False)
ARN = LabelledPassage(Reading("Arn", "Arn has a mill."), False)


@pytest.fixture(scope="module")
def indifferent(untrained: PairNetwork) -> PairNetwork:
    """Heads that say the same of every token: relevance 0.7, yes -0.4, no span better than another."""
    network = copy.deepcopy(untrained)
    with torch.no_grad():
        for head, bias in ((network.relevance, [0.7]), (network.yes, [-0.4]), (network.span, [3.0, -2.0])):
            head.weight.zero_()
            head.bias.copy_(torch.tensor(bias))
    return network


def drawn(*examples: ReadingExample) -> list[TargetList]:
    """Whole, and with every answer."""
    for seed in range(100):
        lists = draw(examples, Random(seed))
        if all(len(one.targets) == len(one.example.passages) for one in lists):
            return lists
    raise AssertionError("never whole")


def values(network: PairNetwork, *lists: TargetList) -> dict[str, float]:
    return {name: float(term.detach()) for name, term in losses(network, lists, "cpu").items()}


def words(one: TargetList) -> int:
    return sum(len(target.window.offsets) for target in one.targets)


@pytest.mark.parametrize(("fastest", "computed"), [(torch.bfloat16, torch.bfloat16), (torch.float32, torch.float32)])
def test_bf16_only_where_the_device_computes_in_it(
    untrained: PairNetwork, monkeypatch: pytest.MonkeyPatch, fastest: torch.dtype, computed: torch.dtype
) -> None:
    seen: list[torch.dtype] = []
    forward = PairNetwork.forward

    def watched(network: PairNetwork, *given: object) -> torch.Tensor:
        linear = network.relevance(torch.zeros(1, 384))
        seen.append(linear.dtype)
        return forward(network, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(PairNetwork, "forward", watched)
    monkeypatch.setattr(losses_module, "fast_dtype", lambda device: fastest)
    values(untrained, *drawn(ReadingExample("q", "Who designed Harbour Hall?", (MARN, GEESE), "list")))
    assert seen == [computed]


def target(tokens: int, starts: tuple[int, ...] = (), ends: tuple[int, ...] = (), *, text: int = 4) -> Target:
    """Places as in the text."""
    window = Window([0] * (text + tokens + 1), text, text, [(i, i + 1) for i in range(tokens)])
    return Target(window, True, tuple(text + i for i in starts), tuple(text + i for i in ends), True)


# Spans


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        ([target(5)], 2 * math.log(6)),
        ([target(5), target(3)], 2 * math.log(9)),
        ([target(5, (1,), (2,))], 2 * math.log(6)),
        ([target(5, (1, 3), (2, 3))], 2 * math.log(6) - 2 * math.log(2)),
        ([target(5, (1, 1), (2, 3))], 2 * math.log(6) - math.log(2)),  # two answers that begin at one token
        ([target(5, (1,), (2,)), target(3, (0, 2), (0, 2)), target(1)], 2 * math.log(10) - 2 * math.log(3)),
        ([target(0)], 0.0),
        ([target(0), target(4, (0,), (3,))], 2 * math.log(5)),
    ],
)
def test_a_network_that_knows_nothing_pays_for_the_number_of_tokens(targets: list[Target], expected: float) -> None:
    margins = [torch.zeros(len(one.window.offsets), 2) for one in targets]
    assert float(span_loss(margins, targets)) == pytest.approx(expected, abs=1e-5)


def test_spans_by_hand() -> None:
    margins = [torch.tensor([[1.0, 0.0], [2.0, -1.0]]), torch.tensor([[0.5, 3.0]])]
    starts = math.exp(0) + math.exp(1) + math.exp(2) + math.exp(0.5)
    ends = math.exp(0) + math.exp(0) + math.exp(-1) + math.exp(3)
    one = span_loss(margins, [target(2, (1,), (0,)), target(1)])
    assert float(one) == pytest.approx(-math.log(math.exp(2) / starts) - math.log(math.exp(0) / ends), abs=1e-5)
    two = span_loss(margins, [target(2, (0,), (1,)), target(1, (0,), (0,))])
    right = (math.exp(1) + math.exp(0.5), math.exp(-1) + math.exp(3))
    assert float(two) == pytest.approx(-math.log(right[0] / starts) - math.log(right[1] / ends), abs=1e-5)
    none = span_loss(margins, [target(2), target(1)])
    assert float(none) == pytest.approx(-math.log(1 / starts) - math.log(1 / ends), abs=1e-5)


@given(data=st.data(), sizes=st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_the_span_loss_is_a_surprise_and_more_right_places_make_it_less(data: st.DataObject, sizes: list[int]) -> None:
    margins = [torch.tensor(data.draw(st.lists(st.tuples(*[st.floats(-9, 9)] * 2), min_size=n, max_size=n))).reshape(n, 2) for n in sizes]
    places = [tuple(sorted(data.draw(st.sets(st.integers(0, n - 1))))) if n else () for n in sizes]
    found = float(span_loss(margins, [target(n, at, at) for n, at in zip(sizes, places, strict=True)]))
    assert found >= -1e-4
    everything = float(span_loss(margins, [target(n, tuple(range(n)), tuple(range(n))) for n in sizes]))
    if any(places):
        assert everything <= found + 1e-4


# All terms, of a network that says the same of everything


def test_a_list_with_its_answer(indifferent: PairNetwork) -> None:
    (one,) = drawn(ReadingExample("q", "Where was the designer born?", (HALL, MARN, GEESE, ARN), "list"))
    found = values(indifferent, one)
    assert found.keys() == {"relevance", "order", "list_span", "each_span"}
    assert found["relevance"] == pytest.approx((math.log1p(math.exp(-0.7)) + math.log1p(math.exp(0.7))) / 2, abs=1e-4)
    assert found["order"] == pytest.approx(math.log(4), abs=1e-4)
    assert found["list_span"] == pytest.approx(2 * math.log(words(one) + 1), abs=1e-4)
    each = [2 * math.log(len(target.window.offsets) + 1) for target in one.targets]
    assert found["each_span"] == pytest.approx(sum(each) / 4, abs=1e-4)


def test_spans_in_each_passage(indifferent: PairNetwork) -> None:
    """Only those with an answer tell anything."""
    hall = replace(HALL, answers=("Ilse Marn",))
    (one,) = drawn(ReadingExample("q", "Which?", (hall, MARN, GEESE), "each"))
    found = values(indifferent, one)
    assert found.keys() == {"relevance", "order", "each_span"}
    assert found["each_span"] == pytest.approx(sum(2 * math.log(len(target.window.offsets) + 1) for target in one.targets[:2]) / 2, abs=1e-4)


def test_an_example_without_spans(indifferent: PairNetwork) -> None:
    (one,) = drawn(ReadingExample("q", "Are both born in Sedge?", (HALL, MARN, GEESE), "nothing", yes=True))
    found = values(indifferent, one)
    assert found.keys() == {"relevance", "order", "yes"}
    assert found["yes"] == pytest.approx(2 * math.log1p(math.exp(0.4)), abs=1e-4)  # both gold ones say yes, with P = sigmoid(-0.4)
    denied = values(indifferent, replace(one, example=replace(one.example, yes=False)))
    assert denied["yes"] == pytest.approx(-math.log(1 - 1 / (1 + math.exp(0.4)) ** 2), abs=1e-4)


@pytest.mark.parametrize("passages", [(GEESE, ARN), (HALL, MARN)], ids=["no gold", "nothing else"])
def test_a_list_of_one_kind_has_no_order(indifferent: PairNetwork, passages: tuple[LabelledPassage, ...]) -> None:
    (one,) = drawn(ReadingExample("q", "Where?", passages, "nothing", yes=True))
    found = values(indifferent, one)
    assert found.keys() == ({"relevance", "yes"} if passages[0].gold else {"relevance"})


def test_of_a_passage_without_a_label_spans_alone_are_learned(untrained: PairNetwork) -> None:
    (one,) = drawn(ReadingExample("q", "Where?", (HALL, MARN, GEESE, ARN), "list"))
    unknown = tuple(replace(target, gold=None) if place == 3 else target for place, target in enumerate(one.targets))
    found, without = values(untrained, replace(one, targets=unknown)), values(untrained, replace(one, targets=one.targets[:3]))
    assert {name: found[name] for name in ("relevance", "order")} == pytest.approx({name: without[name] for name in ("relevance", "order")}, rel=0.02)
    assert found["list_span"] == pytest.approx(values(untrained, one)["list_span"], rel=0.02)
    assert values(untrained, replace(one, targets=unknown[3:])).keys() == {"list_span", "each_span"}


def test_an_answer_that_is_not_to_be_seen_makes_the_list_say_nothing_of_spans(indifferent: PairNetwork) -> None:
    """Neither "here" nor "nowhere" would be right."""
    worded_otherwise = replace(MARN, answers=("the village of Sedge",))
    (one,) = drawn(ReadingExample("q", "Where?", (HALL, worded_otherwise, GEESE), "list"))
    found = values(indifferent, one)
    assert "list_span" not in found
    labelled = [2 * math.log(len(target.window.offsets) + 1) for target in one.targets if target.labelled]
    assert len(labelled) == 2
    assert found["each_span"] == pytest.approx(sum(labelled) / 2, abs=1e-4)


def test_a_passage_without_a_word(indifferent: PairNetwork) -> None:
    (one,) = drawn(ReadingExample("q", "Where?", (LabelledPassage(Reading("", ""), False),), "list"))
    assert values(indifferent, one) == pytest.approx({"relevance": math.log1p(math.exp(0.7)), "list_span": 0.0, "each_span": 0.0}, abs=1e-4)


# Of a network that does not


@pytest.fixture(scope="module")
def mixed(hall: Callable[..., ReadingExample]) -> Iterator[list[TargetList]]:
    others = ReadingExample("y", "Are both born in Sedge?", (HALL, MARN, GEESE), "nothing", yes=False)
    each = ReadingExample("e", "Which?", (replace(HALL, answers=("Ilse Marn",)), MARN, ARN), "each")
    long = ReadingExample("l", "Who?", (LabelledPassage(Reading("", "goose " * 300 + "Ilse Marn"), True, ("Ilse Marn",)), GEESE), "list")
    return drawn(hall(0), others, each, long, hall(1))


def test_each_list_counts_once_in_whatever_company(untrained: PairNetwork, mixed: list[TargetList]) -> None:
    together = values(untrained, *mixed)
    sums: dict[str, float] = {}
    for one in mixed:
        for name, value in values(untrained, one).items():
            sums[name] = sums.get(name, 0.0) + value
    assert together.keys() == sums.keys() == {"relevance", "order", "list_span", "each_span", "yes"}
    assert together == pytest.approx(sums, rel=0.01)
    assert values(untrained, *mixed[::-1]) == pytest.approx(together, rel=0.01)


@pytest.mark.parametrize("gold", [0, 2])
def test_by_the_network_s_own_logits(untrained: PairNetwork, mixed: list[TargetList], gold: int) -> None:
    """Relevance and order, passage by passage."""
    one = replace(mixed[1], targets=tuple(replace(target, gold=place == gold) for place, target in enumerate(mixed[1].targets)))
    scores = []
    for place in range(3):  # read alone, softplus(score) is the loss of a passage that is no gold
        alone = replace(one, targets=(replace(one.targets[place], gold=False),))
        scores.append(math.log(math.expm1(values(untrained, alone)["relevance"])))
    found, logits = values(untrained, one), torch.tensor(scores)
    signs = torch.tensor([-1.0 if place == gold else 1.0 for place in range(3)])
    assert found["relevance"] == pytest.approx(float(softplus(signs * logits).mean()), rel=0.02)
    assert found["order"] == pytest.approx(float(-logits.log_softmax(0)[gold]), rel=0.02)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 9))
def test_every_term_has_a_gradient_that_makes_it_smaller(untrained: PairNetwork, mixed: list[TargetList], seed: int) -> None:
    network = copy.deepcopy(untrained)
    heads = [network.relevance, network.yes, network.span]
    torch.manual_seed(seed)
    for head in heads:
        torch.nn.init.normal_(head.weight, std=0.05)
        head.requires_grad_(True)
    before = losses(network, mixed, "cpu")
    sum(before.values(), torch.zeros(())).backward()
    with torch.no_grad():
        for weight in (weight for head in heads for weight in head.parameters()):
            assert weight.grad is not None
            weight.sub_(weight.grad, alpha=1e-4)
    after = losses(network, mixed, "cpu")
    assert sum(float(term.detach()) for term in after.values()) < sum(float(term.detach()) for term in before.values())
