"""BERT without padding: the same weights and the same result from one flat row of tokens."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from recsat.embed.linear import Form, Linear, fastest_form

logger = logging.getLogger(__name__)

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 5e-2}
"""Of the largest state; bfloat16 rounds each product's factors to 8 bits."""


class PackedBert:
    """The encoder of a BERT model over (tokens, hidden) instead of (texts, longest, hidden).

    Matrix products see every token once and no padding; query, key and value are one product; attention runs over groups of
    texts of equal length, where it needs no mask. Products are of the form that the machine computes fastest
    (:mod:`recsat.embed.linear`), and of bfloat16 factors where ``dtype`` says so; their sums and what goes from layer to
    layer stay float32. The laid out weights are a second copy of the model's.
    """

    def __init__(self, model: Any, dtype: torch.dtype = torch.float32) -> None:
        embeddings, config = model.embeddings, model.config
        # Detached, weights stay as they are where the model is then turned into another format.
        self.words: Tensor = embeddings.word_embeddings.weight.detach()
        # Every text is one segment, so that segment 0 belongs to the position.
        segment: Tensor = embeddings.token_type_embeddings.weight.detach()[0]
        self.positions: Tensor = embeddings.position_embeddings.weight.detach() + segment
        self.norm = _weights(embeddings.LayerNorm)
        self.eps: float = config.layer_norm_eps
        self.heads: int = config.num_attention_heads
        self.dtype = dtype
        largest = model.encoder.layer[0].intermediate.dense
        form = fastest_form(*(part.to(dtype) for part in _weights(largest)))
        self.layers = [_layer(layer, form, dtype) for layer in model.encoder.layer]

    @torch.inference_mode()
    def __call__(self, ids: NDArray[np.int64], lengths: NDArray[np.intp]) -> list[Tensor]:
        """Last hidden states of texts whose ids stand one after the other, as (texts, tokens, hidden) for each run of equal lengths."""
        cuts = np.flatnonzero(np.diff(lengths)) + 1
        groups = [(len(run), int(run[0])) for run in np.split(lengths, cuts)]
        places = np.concatenate([np.tile(np.arange(length), count) for count, length in groups])
        width = self.words.shape[1]
        hidden = self.words[torch.from_numpy(ids)] + self.positions[torch.from_numpy(places)]
        hidden = functional.layer_norm(hidden, (width,), *self.norm, self.eps)
        sizes = [count * length for count, length in groups]
        for layer in self.layers:
            projected = torch.split(layer.qkv(hidden.to(self.dtype)).float(), sizes)
            mixed = torch.cat([self._attention(part, *group) for part, group in zip(projected, groups, strict=True)])
            hidden = functional.layer_norm(
                layer.out(mixed.to(self.dtype)).float().add_(hidden), (width,), *layer.out_norm, self.eps
            )
            inner = layer.up(hidden.to(self.dtype))
            hidden = functional.layer_norm(layer.down(inner).float().add_(hidden), (width,), *layer.down_norm, self.eps)
        return [
            part.view(count, length, width)
            for part, (count, length) in zip(torch.split(hidden, sizes), groups, strict=True)
        ]

    def _attention(self, projected: Tensor, count: int, length: int) -> Tensor:
        query, key, value = projected.view(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).reshape(count * length, -1)


def pack(model: Any, device: torch.device, dtype: torch.dtype = torch.float32) -> PackedBert | None:
    """A packed form of a float32 ``model`` that computes in ``dtype``, where it is a BERT on a CPU; else None.

    Both must give the same on a small input before the packed form is used.
    """
    from transformers import BertModel

    if type(model) is not BertModel or device.type != "cpu" or model.dtype != torch.float32 or dtype not in TOLERANCE:
        return None
    config = model.config
    absolute = getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
    if config.hidden_act != "gelu" or not absolute or config.is_decoder:
        return None
    packed = PackedBert(model, dtype)
    generator = np.random.default_rng(0)
    ids = generator.integers(0, config.vocab_size, size=(2, min(8, config.max_position_embeddings)))
    with torch.inference_mode():
        expected = model(input_ids=torch.from_numpy(ids)).last_hidden_state
    (hidden,) = packed(ids.ravel(), np.full(2, ids.shape[1], dtype=np.intp))
    difference = float((hidden - expected).abs().max())
    if not difference <= TOLERANCE[dtype] * max(1.0, float(expected.abs().max())):
        logger.warning("the packed forward pass is %.1e off the model's own, which is used instead", difference)
        return None
    return packed


@dataclass(frozen=True)
class _Layer:
    """One layer of the encoder: its products, and weight and bias of its two norms."""

    qkv: Linear
    out: Linear
    out_norm: tuple[Tensor, Tensor]
    up: Linear
    """With gelu."""
    down: Linear
    down_norm: tuple[Tensor, Tensor]


def _layer(layer: Any, form: Form, dtype: torch.dtype) -> _Layer:
    def product(*layers: Any, gelu: bool = False) -> Linear:
        weights, biases = zip(*map(_weights, layers), strict=True)
        return form(_joined(weights).to(dtype), _joined(biases).to(dtype), gelu)

    attention = layer.attention.self
    return _Layer(
        qkv=product(attention.query, attention.key, attention.value),
        out=product(layer.attention.output.dense),
        out_norm=_weights(layer.attention.output.LayerNorm),
        up=product(layer.intermediate.dense, gelu=True),
        down=product(layer.output.dense),
        down_norm=_weights(layer.output.LayerNorm),
    )


def _weights(layer: Any) -> tuple[Tensor, Tensor]:
    return layer.weight.detach(), layer.bias.detach()


def _joined(parts: tuple[Tensor, ...]) -> Tensor:
    """Of one part no copy."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)
