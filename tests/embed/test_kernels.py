"""Kernels of an accelerator against torch, interpreted on the CPU: they need Triton, which comes with torch's CUDA builds alone."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import BertConfig, BertModel

from recsat.embed.packed import PackedBert, PackedOnAccelerator


@pytest.fixture(scope="module")
def kernels() -> ModuleType:
    pytest.importorskip("triton", reason="Triton is not installed: it comes with torch's CUDA builds")
    from recsat.embed import kernels

    return kernels


@pytest.mark.parametrize("head", [16, 32])
@pytest.mark.parametrize("lengths", [[1], [10] * 4, [40, 17, 16, 5, 1], [1, 128, 3]])
def test_attention_stays_inside_each_text(kernels: ModuleType, lengths: list[int], head: int) -> None:
    generator = torch.Generator().manual_seed(1)
    qkv = torch.randn(sum(lengths), 3 * 2 * head, generator=generator)
    starts = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]))
    of_texts = []
    for part in torch.split(qkv, lengths):
        query, key, value = part.view(len(part), 3, 2, head).permute(1, 2, 0, 3)
        mixed = functional.scaled_dot_product_attention(query[None], key[None], value[None])[0]
        of_texts.append(mixed.transpose(0, 1).reshape(len(part), -1))
    torch.testing.assert_close(
        kernels.attention(qkv, starts, max(lengths), 2), torch.cat(of_texts), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("width", [16, 24, 100])
def test_a_sum_and_its_norm_are_those_of_torch(kernels: ModuleType, width: int) -> None:
    generator = torch.Generator().manual_seed(2)
    x, residual, (weight, bias) = (torch.randn(n, width, generator=generator) for n in (7, 7, 2))
    expected = functional.layer_norm(x + residual, (width,), weight, bias, 1e-12)
    torch.testing.assert_close(kernels.added_norm(x, residual, weight, bias, 1e-12), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("longest", [128, 4])
def test_a_model_with_kernels_gives_the_states_that_it_gives_without(kernels: ModuleType, longest: int) -> None:
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        initializer_range=0.3,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    packed = PackedOnAccelerator(model.state_dict(), model.config, torch.float32, kernels)
    assert packed.longest == kernels.LONGEST[torch.float32]
    packed.longest = longest  # longer texts are padded
    lengths = np.array([9, 9, 5, 1], dtype=np.intp)
    ids = np.random.default_rng(0).integers(0, 50, lengths.sum())
    torch.testing.assert_close(
        packed(ids, lengths), PackedBert(model.state_dict(), model.config)(ids, lengths), atol=1e-5, rtol=1e-5
    )


def test_heads_that_are_no_tile_are_padded(kernels: ModuleType) -> None:
    config = BertConfig(vocab_size=50, hidden_size=48, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    assert PackedOnAccelerator(BertModel(config).state_dict(), config, torch.float32, kernels).longest == 0
