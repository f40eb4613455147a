from __future__ import annotations

import dataclasses
import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, GPT2Config, GPT2Model, RobertaConfig, RobertaModel

from recsat.config.settings import EncoderSettings
from recsat.embed.linear import Linear, by_torch
from recsat.embed.loading import WEIGHTS
from recsat.embed.packed import PackedBert, PackedOnAccelerator, pack, pack_file
from recsat.embed.tokens import Tokens
from recsat.embed.transformer import TransformerEncoder
from recsat.plugins import load_plugins

CPU = torch.device("cpu")
SMALL = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def small_bert(**changes: object) -> BertModel:
    torch.manual_seed(3)
    config = BertConfig(**(SMALL | {"max_position_embeddings": 40, "initializer_range": 0.3} | changes))
    return BertModel(config, add_pooling_layer=False).eval()


@pytest.fixture(scope="module")
def model() -> BertModel:
    return small_bert()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12), seed=st.integers(0, 1000))
def test_packed_states_equal_the_models_own_of_each_text_alone(model: BertModel, lengths: list[int], seed: int) -> None:
    texts = [np.random.default_rng([seed, i]).integers(0, 50, length) for i, length in enumerate(lengths)]
    packed = pack(model, CPU)
    assert packed is not None
    states = torch.split(packed(np.concatenate(texts), np.array(lengths, dtype=np.intp)), lengths)
    with torch.no_grad():
        for text, state in zip(texts, states, strict=True):
            expected = model(input_ids=torch.from_numpy(text[None])).last_hidden_state[0]
            torch.testing.assert_close(state, expected, atol=1e-5, rtol=1e-5)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(1, 40), min_size=1, max_size=12), seed=st.integers(0, 1000), data=st.data())
def test_what_an_accelerator_computes_without_kernels_is_the_same(
    model: BertModel, lengths: list[int], seed: int, data: st.DataObject
) -> None:
    lengths = sorted(lengths, reverse=True) if data.draw(st.booleans()) else lengths
    ids = np.random.default_rng(seed).integers(0, 50, sum(lengths))
    of_texts = np.array(lengths, dtype=np.intp)
    plain, packed = (
        PackedBert(model.state_dict(), model.config),
        PackedOnAccelerator(model.state_dict(), model.config, torch.float32, kernels=None),
    )
    torch.testing.assert_close(packed(ids, of_texts), plain(ids, of_texts), atol=1e-5, rtol=1e-5)
    tokens = Tokens(ids, np.cumsum([0, *lengths[:-1]]), of_texts)
    rows = np.array(data.draw(st.permutations(range(len(lengths))))[: data.draw(st.integers(1, len(lengths)))])
    for pooling in ("mean", "cls", "last"):
        of_rows = [form.over(tokens, pooling)(rows) for form in (packed, plain)]
        torch.testing.assert_close(*of_rows, atol=1e-6, rtol=1e-5)


def test_only_a_float32_bert_encoder_on_a_cpu_is_packed() -> None:
    assert isinstance(pack(small_bert(), CPU), PackedBert)
    assert pack(small_bert(), torch.device("meta")) is None
    assert pack(small_bert().to(torch.bfloat16), CPU) is None
    assert pack(small_bert(), CPU, torch.float16) is None
    assert pack(small_bert(hidden_act="relu"), CPU) is None
    assert pack(small_bert(is_decoder=True), CPU) is None
    assert pack(RobertaModel(RobertaConfig(**SMALL)), CPU) is None
    assert pack(GPT2Model(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2)), CPU) is None


def test_a_model_that_computes_something_else_is_left_as_it_is_and_said_so(caplog: pytest.LogCaptureFixture) -> None:
    odd = small_bert()
    odd.encoder.layer[0].register_forward_hook(lambda module, inputs, output: output * 1.01)
    with caplog.at_level(logging.WARNING):
        assert pack(odd, CPU) is None
    assert "model's own and is not used" in caplog.text


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_an_encoder_gives_the_same_vectors_packed_and_padded(
    checkpoint_folder: Callable[[str], Path], pooling: str
) -> None:
    encoder = TransformerEncoder(checkpoint_folder("bert"), pooling=pooling, device="cpu", token_budget=90)  # type: ignore[arg-type]
    texts = ["x " * n for n in (1, 30, 7, 7, 2, 90, 30)] + ["Heat (1995). Action"]
    packed = encoder.encode(texts)
    assert encoder._loaded[0].packed is not None
    encoder._loaded[0] = dataclasses.replace(encoder._loaded[0], packed=None)
    padded = encoder.encode(texts)
    np.testing.assert_allclose(packed, padded, atol=1e-5)
    assert np.abs(padded[0] - padded[1]).max() > 1e-3


def test_in_bfloat16_products_alone_are_rounded(checkpoint_folder: Callable[[str], Path]) -> None:
    """The plain model rounds what goes from layer to layer as well, and its vectors are further from float32's."""
    texts = ["x " * n for n in (1, 30, 7, 90)] + ["Heat (1995). Action"]
    exact = TransformerEncoder(checkpoint_folder("bert"), device="cpu").encode(texts)
    encoder = TransformerEncoder(checkpoint_folder("bert"), device="cpu", dtype="bfloat16")
    packed = encoder.encode(texts)
    loaded = encoder._loaded[0]
    assert loaded.packed is not None
    assert loaded.packed.dtype == torch.bfloat16
    assert loaded.packed.words.dtype == torch.float32
    assert loaded.model.dtype == torch.bfloat16
    encoder._loaded[0] = dataclasses.replace(loaded, packed=None)
    padded = encoder.encode(texts)
    assert 0 < np.abs(packed - exact).max() < np.abs(padded - exact).max() < 0.1


def test_minilm_is_packed_on_a_cpu_and_equal() -> None:
    encoder = load_plugins([]).encoder("minilm").make(EncoderSettings(device="cpu"))
    assert isinstance(encoder, TransformerEncoder)
    texts = ["Heat (1995). Action, Crime", "x", "a retired detective takes one last job that goes wrong", "y z"]
    packed = encoder.encode(texts)
    assert encoder._loaded[0].packed is not None
    encoder._loaded[0] = dataclasses.replace(encoder._loaded[0], packed=None)
    np.testing.assert_allclose(packed, encoder.encode(texts), atol=1e-6)


def saved(folder: Path, *, prefix: str = "", **changes: Any) -> BertModel:
    """A small BERT whose weights are a file in ``folder``, under names that begin with ``prefix``; a name in ``changes`` has those values, None leaves it out."""
    model = small_bert()
    weights = {**{name: tensor.clone() for name, tensor in model.state_dict().items()}, **changes}
    save_file({prefix + name: tensor for name, tensor in weights.items() if tensor is not None}, folder / WEIGHTS)
    return model


@pytest.mark.parametrize("prefix", ["", "bert."])
def test_weights_of_a_file_give_the_states_of_the_model_that_was_saved(tmp_path: Path, prefix: str) -> None:
    model = saved(tmp_path, prefix=prefix, **{"pooler.dense.bias": torch.ones(16)})
    packed = pack_file(tmp_path / WEIGHTS, model.config)
    assert packed is not None
    ids, lengths = np.array([3, 1, 4, 1, 5, 9, 2]), np.array([4, 3], dtype=np.intp)
    expected = [model(input_ids=torch.from_numpy(text[None])).last_hidden_state[0] for text in (ids[:4], ids[4:])]
    torch.testing.assert_close(packed(ids, lengths), torch.cat(expected).detach(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("encoder.layer.1.output.LayerNorm.bias", None),
        ("embeddings.position_embeddings.weight", torch.ones(39, 16)),
        ("encoder.layer.0.intermediate.dense.weight", torch.ones(16, 32)),
        ("encoder.layer.0.intermediate.dense.weight", torch.ones(32, 16, dtype=torch.int8)),
    ],
)
def test_weights_that_are_not_all_a_bert_s_are_left_to_transformers(
    tmp_path: Path, name: str, values: torch.Tensor | None
) -> None:
    model = saved(tmp_path, **{name: values})
    assert pack_file(tmp_path / WEIGHTS, model.config) is None


def test_a_bert_of_another_kind_is_left_to_transformers(tmp_path: Path) -> None:
    config = saved(tmp_path).config
    assert pack_file(tmp_path / "none.safetensors", config) is None
    assert pack_file(tmp_path / WEIGHTS, config, torch.float16) is None
    (tmp_path / "adapter_config.json").write_text("{}")
    assert pack_file(tmp_path / WEIGHTS, config) is None
    (tmp_path / "adapter_config.json").unlink()
    for changes in ({"hidden_act": "relu"}, {"is_decoder": True}):
        assert pack_file(tmp_path / WEIGHTS, BertConfig(**(config.to_dict() | changes))) is None
    assert pack_file(tmp_path / WEIGHTS, RobertaConfig(**{**config.to_dict(), "model_type": "roberta"})) is None


def test_products_that_are_wrong_on_this_machine_are_not_used_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def doubled(weight: torch.Tensor, bias: torch.Tensor, gelu: bool = False) -> Linear:
        right = by_torch(weight, bias, gelu)
        return lambda x: 2 * right(x)

    monkeypatch.setattr("recsat.embed.packed.fastest_form", lambda weight, bias: doubled)
    with caplog.at_level(logging.WARNING):
        assert pack_file(tmp_path / WEIGHTS, saved(tmp_path).config) is None
    assert "off plain ones and are not used" in caplog.text


def test_a_bert_is_loaded_without_the_modules_of_transformers_models() -> None:
    """These, and what of torch they import, take most of the time that a process needs before its first vector."""
    program = (
        "import sys; from recsat.config.settings import EncoderSettings; from recsat.plugins import load_plugins\n"
        "load_plugins([]).encoder('minilm').make(EncoderSettings(device='cpu')).encode(['x'])\n"
        "print([name for name in ('transformers.modeling_utils', 'torch._dynamo', 'torch.distributed.tensor') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout == "[]\n"
