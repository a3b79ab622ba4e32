"""The packed BERT must be transformers' BERT."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file

from passel.tools.bert import Bert, Run, pack, unpack
from passel.tools.weights import minilm_folder

SEQUENCES = [[101, 7592, 2088, 102], [101, 2040, 2003, 102], [101, 102], [101, *range(2000, 2250), 102]]


@pytest.fixture(scope="module")
def ours() -> Bert:
    folder = minilm_folder()
    return Bert.from_pretrained(json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors"))


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Module:
    from transformers import BertModel

    return BertModel.from_pretrained(minilm_folder(), dtype=torch.float32).eval()


@pytest.mark.parametrize("second", [False, True], ids=["one text", "the end of each is a second text"])
def test_equals_transformers(ours: Bert, theirs: torch.nn.Module, second: bool) -> None:
    tokens, runs = pack(SEQUENCES)
    segments = [[int(second and place >= len(sequence) / 2) for place in range(len(sequence))] for sequence in SEQUENCES]
    with torch.inference_mode():
        packed = ours(tokens, runs, pack(segments)[0] if second else None)
        start = 0
        for sequence, kinds in zip(SEQUENCES, segments, strict=True):
            expected = theirs(input_ids=torch.tensor([sequence]), token_type_ids=torch.tensor([kinds])).last_hidden_state[0]
            torch.testing.assert_close(packed[start : start + len(sequence)], expected, atol=1e-5, rtol=1e-4)
            start += len(sequence)


def test_a_sequence_does_not_see_its_neighbours(ours: Bert) -> None:
    with torch.inference_mode():
        alone = ours(*pack(SEQUENCES[:1]))
        beside = ours(*pack(SEQUENCES))[: len(SEQUENCES[0])]
    torch.testing.assert_close(alone, beside, atol=1e-5, rtol=1e-4)


def test_it_can_be_trained(ours: Bert) -> None:
    tokens, runs = pack(SEQUENCES)
    layer = ours.layers[0].requires_grad_(True)
    try:
        ours(tokens, runs).square().sum().backward()
        assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in layer.parameters() if parameter.ndim == 2)
    finally:
        layer.requires_grad_(False).zero_grad(set_to_none=True)


def test_pack_joins_neighbours_of_equal_length() -> None:
    tokens, runs = pack([[1, 2], [3, 4], [5], [6, 7]])
    assert tokens.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert runs == [Run(2, 2), Run(1, 1), Run(1, 2)]
    assert [rows.tolist() for rows in unpack(tokens, runs)] == [[[1, 2], [3, 4]], [[5]], [[6, 7]]]


@pytest.mark.parametrize(
    "other", [{"model_type": "roberta"}, {"hidden_act": "gelu_new"}, {"position_embedding_type": "relative_key"}, {"is_decoder": True}]
)
def test_knows_what_it_does_not_compute(other: dict[str, object]) -> None:
    config = {"model_type": "bert", "hidden_act": "gelu"}
    assert Bert.understands(config)
    assert not Bert.understands({**config, **other})
