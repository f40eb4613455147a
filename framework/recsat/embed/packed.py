"""BERT without padding: the same weights and the same result from one flat row of tokens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from recsat.embed.device import uploaded
from recsat.embed.linear import Form, Linear, by_torch, fastest_form
from recsat.embed.pooling import Pooling, pool
from recsat.embed.tokens import Tokens

logger = logging.getLogger(__name__)

Weights = Mapping[str, Tensor]
"""By the names that they have in transformers' BertModel."""
WORDS, POSITIONS, SEGMENTS = (f"embeddings.{of}_embeddings.weight" for of in ("word", "position", "token_type"))
LAYER = "encoder.layer.{}"
QKV = ("attention.self.query", "attention.self.key", "attention.self.value")
PLAIN_FORMATS = (torch.float32, torch.float16, torch.bfloat16)
"""Of weights that are what they say; others are quantised, and need their scales."""
ADAPTER = "adapter_config.json"
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 5e-2}
"""Of the largest state; bfloat16 rounds each product's factors to 8 bits."""


class PackedBert:
    """The encoder of a BERT model over (tokens, hidden) instead of (texts, longest, hidden).

    Matrix products see every token once and no padding; query, key and value are one product; attention runs over groups of
    texts of equal length, where it needs no mask. Products are of the form that the machine computes fastest
    (:mod:`recsat.embed.linear`), and of bfloat16 factors where ``dtype`` says so; their sums and what goes from layer to
    layer stay float32. The laid out weights are a second copy of the model's.
    """

    def __init__(
        self, weights: Weights, config: Any, dtype: torch.dtype = torch.float32, form: Form | None = None
    ) -> None:
        """``weights`` by their names in transformers' BertModel, float32 on a CPU; ``form`` None: by the largest of the products."""
        self.words: Tensor = weights[WORDS]
        # Every text is one segment, so that segment 0 belongs to the position.
        self.positions: Tensor = weights[POSITIONS] + weights[SEGMENTS][0]
        self.norm = _both(weights, "embeddings.LayerNorm")
        self.eps: float = config.layer_norm_eps
        self.heads: int = config.num_attention_heads
        self.dtype = dtype
        form = form or self.form(*(part.to(dtype) for part in _both(weights, f"{LAYER.format(0)}.intermediate.dense")))
        self.layers = [_layer(weights, i, form, dtype) for i in range(config.num_hidden_layers)]

    def form(self, weight: Tensor, bias: Tensor) -> Form:
        """How products are computed, by the largest of them."""
        return fastest_form(weight, bias)

    @torch.inference_mode()
    def __call__(self, ids: NDArray[np.int64], lengths: NDArray[np.intp]) -> Tensor:
        """Last hidden states of texts whose ids stand one after the other, as flat: (tokens, hidden)."""
        return self._states(*self._uploaded(ids, lengths))

    def over(self, tokens: Tokens, pooling: Pooling) -> Callable[[NDArray[np.intp]], Tensor]:
        """What gives the vectors of some of the texts, :func:`~recsat.embed.pooling.pool` of their states."""

        def vectors(rows: NDArray[np.intp]) -> Tensor:
            return self._pooled(*self._uploaded(tokens.flat(rows), tokens.lengths[rows]), pooling)

        return vectors

    @torch.inference_mode()
    def _pooled(self, ids: Tensor, texts: Texts, pooling: Pooling) -> Tensor:
        return self.pool(self._states(ids, texts), texts, pooling)

    def _uploaded(self, ids: NDArray[np.int64], lengths: NDArray[np.intp]) -> tuple[Tensor, Texts]:
        device = self.words.device
        return uploaded(ids, device), Texts(lengths, uploaded(lengths, device))

    def _states(self, ids: Tensor, texts: Texts) -> Tensor:
        width = self.words.shape[1]
        hidden = self.words[ids] + self.positions[texts.places]
        hidden = functional.layer_norm(hidden, (width,), *self.norm, self.eps)
        for layer in self.layers:
            mixed = self.attention(layer.qkv(hidden.to(self.dtype)), texts)
            hidden = self.added_norm(layer.out(mixed.to(self.dtype)), hidden, layer.out_norm)
            inner = layer.up(hidden.to(self.dtype))
            hidden = self.added_norm(layer.down(inner), hidden, layer.down_norm)
        return hidden

    def pool(self, states: Tensor, texts: Texts, pooling: Pooling) -> Tensor:
        groups = zip(torch.split(states, texts.group_tokens), texts.groups, strict=True)
        vectors = [
            pool(of_group.view(count, length, -1), torch.full((count,), length), pooling)
            for of_group, (count, length) in groups
        ]
        return torch.cat(vectors)

    def added_norm(self, x: Tensor, hidden: Tensor, norm: tuple[Tensor, Tensor]) -> Tensor:
        """layer_norm(x + hidden); ``x`` may be overwritten."""
        return functional.layer_norm(x.float().add_(hidden), x.shape[1:], *norm, self.eps)

    def attention(self, projected: Tensor, texts: Texts) -> Tensor:
        """``projected`` (tokens, 3 · hidden) to (tokens, hidden)."""
        parts = torch.split(projected.float(), texts.group_tokens)
        return torch.cat([self._of_equal_length(part, *group) for part, group in zip(parts, texts.groups, strict=True)])

    def _of_equal_length(self, projected: Tensor, count: int, length: int) -> Tensor:
        query, key, value = projected.view(count, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return mixed.transpose(1, 2).reshape(count * length, -1)


class PackedOnAccelerator(PackedBert):
    """The same on an accelerator, everything in one format.

    With ``kernels`` (:mod:`recsat.embed.kernels`) attention takes short texts as they are, and sums and norms are one pass; without, and for longer
    texts, attention is over texts padded to the longest.
    """

    def __init__(self, weights: Weights, config: Any, dtype: torch.dtype, kernels: ModuleType | None) -> None:
        super().__init__(weights, config, dtype)
        self.kernels = kernels
        head = self.words.shape[1] // self.heads
        is_a_tile = head >= 16 and head & (head - 1) == 0
        self.longest: int = kernels.LONGEST[dtype] if kernels is not None and is_a_tile else 0

    def form(self, weight: Tensor, bias: Tensor) -> Form:
        return by_torch

    def over(self, tokens: Tokens, pooling: Pooling) -> Callable[[NDArray[np.intp]], Tensor]:
        """All tokens are sent at once and put together there: what the host does between two batches, an idle device waits for."""
        n = len(tokens.lengths)
        all_of_it = uploaded(np.concatenate([tokens.starts, tokens.lengths, tokens.ids]), self.words.device)
        starts, lengths, ids = all_of_it[:n], all_of_it[n : 2 * n], all_of_it[2 * n :]

        def vectors(rows: NDArray[np.intp]) -> Tensor:
            of_rows = uploaded(rows, self.words.device)
            texts = Texts(tokens.lengths[rows], lengths[of_rows])
            return self._pooled(ids[texts.spread(starts[of_rows]) + texts.places], texts, pooling)

        return vectors

    def pool(self, states: Tensor, texts: Texts, pooling: Pooling) -> Tensor:
        return pool(states[texts.padded], texts.lengths, pooling)

    def added_norm(self, x: Tensor, hidden: Tensor, norm: tuple[Tensor, Tensor]) -> Tensor:
        if self.kernels is None:
            return functional.layer_norm(x.add_(hidden), x.shape[1:], *norm, self.eps)
        result: Tensor = self.kernels.added_norm(x, hidden, *norm, self.eps)
        return result

    def attention(self, projected: Tensor, texts: Texts) -> Tensor:
        if self.kernels is not None and texts.longest <= self.longest:
            result: Tensor = self.kernels.attention(projected, texts.starts, texts.longest, self.heads)
            return result
        padded = projected[texts.padded].view(*texts.padded.shape, 3, self.heads, -1)
        query, key, value = padded.permute(2, 0, 3, 1, 4)
        mask = None if texts.are_of_one_length else texts.is_token[:, None, None, :]
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return mixed.transpose(1, 2).reshape(*texts.padded.shape, -1)[texts.is_token]


class Texts:
    """Where texts lie in a flat row of tokens, by their lengths on the host and on the device."""

    def __init__(self, of_host: NDArray[np.intp], lengths: Tensor) -> None:
        self.longest = int(of_host.max())
        self.lengths = lengths
        self._of_host = of_host

    @cached_property
    def groups(self) -> list[tuple[int, int]]:
        """Runs of neighbours of equal length: how many, and how long."""
        cuts = np.flatnonzero(np.diff(self._of_host)) + 1
        return [(len(run), int(run[0])) for run in np.split(self._of_host, cuts)]

    @property
    def group_tokens(self) -> list[int]:
        return [count * length for count, length in self.groups]

    @property
    def are_of_one_length(self) -> bool:
        return int(self._of_host.min()) == self.longest

    @cached_property
    def places(self) -> Tensor:
        """The place of each token in its text, (tokens,)."""
        first = self.spread(self.starts[:-1])
        return torch.arange(len(first), device=self.lengths.device) - first

    def spread(self, of_texts: Tensor) -> Tensor:
        """A number of each text at each of its tokens, (tokens,)."""
        return torch.repeat_interleave(of_texts, self.lengths, output_size=int(self._of_host.sum()))

    @cached_property
    def starts(self) -> Tensor:
        """Where each text begins, and where the last one ends, (texts + 1,)."""
        return functional.pad(self.lengths.cumsum(0), (1, 0))

    @cached_property
    def is_token(self) -> Tensor:
        """(texts, longest) bool."""
        return torch.arange(self.longest, device=self.lengths.device) < self.lengths[:, None]

    @cached_property
    def padded(self) -> Tensor:
        """Which token of the flat row stands at each place of (texts, longest): past a text's end, its last."""
        column = torch.arange(self.longest, device=self.lengths.device)
        return self.starts[:-1, None] + torch.minimum(column, self.lengths[:, None] - 1)


def pack(model: Any, device: torch.device, dtype: torch.dtype = torch.float32) -> PackedBert | None:
    """A packed form of ``model`` that computes in ``dtype``, where it is a BERT on a CPU (its weights float32) or a CUDA device; else None.

    Both must give the same on two small texts before the packed form is used.
    """
    from transformers import BertModel

    format_of_weights = torch.float32 if device.type == "cpu" else dtype
    if type(model) is not BertModel or model.dtype != format_of_weights or not _is_plain(model.config, dtype):
        return None
    ids, lengths = _small_texts(model.config)
    texts = torch.split(torch.from_numpy(ids).to(device), lengths.tolist())
    with torch.inference_mode():
        expected = torch.cat([model(input_ids=text[None]).last_hidden_state[0] for text in texts]).float()
    for name, form in _forms(device):
        try:
            packed = form(
                model.state_dict(), model.config, dtype
            )  # whose tensors stay as they are where the model is then of another format
            difference = float((packed(ids, lengths).float() - expected).abs().max())
        except Exception as error:
            if device.type == "cpu":
                raise
            # Triton compiles with the machine's C compiler, and fails in as many ways as machines differ.
            logger.warning("no forward pass %s here: %s: %s", name, type(error).__name__, error)
            continue
        if difference <= TOLERANCE[dtype] * max(1.0, float(expected.abs().max())):
            return packed
        logger.warning("the forward pass %s is %.1e off the model's own and is not used", name, difference)
    return None


def pack_file(path: Path, config: Any, dtype: torch.dtype = torch.float32) -> PackedBert | None:
    """:func:`pack` on a CPU for the weights in the safetensors file at ``path``, where ``config`` is a BERT's and these are all its weights; else None.

    transformers' own model is neither imported nor made: that takes several times as long as a hundred texts. The products of the form
    that is fastest here must give what plain ones give on two small texts.
    """
    if config.model_type != "bert" or not _is_plain(config, dtype) or not path.is_file():
        return None
    if (path.parent / ADAPTER).is_file():  # transformers adds it to the weights
        return None
    weights = {name.removeprefix("bert."): tensor for name, tensor in load_file(path).items()}
    for name, shape in _shapes(config).items():
        if name not in weights or weights[name].shape != shape or weights[name].dtype not in PLAIN_FORMATS:
            return None
    weights = {name: weights[name].float() for name in _shapes(config)}
    texts = _small_texts(config)
    expected = PackedBert(weights, config, form=by_torch)(*texts)
    packed = PackedBert(weights, config, dtype)
    difference = float((packed(*texts) - expected).abs().max())
    if difference <= TOLERANCE[dtype] * max(1.0, float(expected.abs().max())):
        return packed
    logger.warning("the fastest products of this machine are %.1e off plain ones and are not used", difference)
    return None


def _is_plain(config: Any, dtype: torch.dtype) -> bool:
    """Whether a BERT of that ``config`` is the one that is packed."""
    absolute = getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
    return config.hidden_act == "gelu" and absolute and not config.is_decoder and dtype in TOLERANCE


def _small_texts(config: Any) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Ids and lengths of two."""
    longest = min(8, config.max_position_embeddings)
    lengths = np.array([longest, max(1, longest - 3)], dtype=np.intp)
    return np.random.default_rng(0).integers(0, config.vocab_size, size=int(lengths.sum())), lengths


def _shapes(config: Any) -> dict[str, tuple[int, ...]]:
    """Of all weights that are read, by their names."""
    hidden, inner = config.hidden_size, config.intermediate_size
    shapes: dict[str, tuple[int, ...]] = {
        WORDS: (config.vocab_size, hidden),
        POSITIONS: (config.max_position_embeddings, hidden),
        SEGMENTS: (config.type_vocab_size, hidden),
    }
    products = {
        **dict.fromkeys((*QKV, "attention.output.dense"), (hidden, hidden)),
        "intermediate.dense": (inner, hidden),
        "output.dense": (hidden, inner),
    }
    norms = ["embeddings.LayerNorm"]
    for i in range(config.num_hidden_layers):
        layer = LAYER.format(i)
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name, shape in products.items():
            shapes |= {f"{layer}.{name}.weight": shape, f"{layer}.{name}.bias": shape[:1]}
    return shapes | {f"{norm}.{part}": (hidden,) for norm in norms for part in ("weight", "bias")}


def _forms(device: torch.device) -> list[tuple[str, Callable[[Weights, Any, torch.dtype], PackedBert]]]:
    """What may be used on ``device``, the fastest first; nothing on one that is neither a CPU nor CUDA's."""
    if device.type == "cpu":
        return [("without padding", PackedBert)]
    if device.type != "cuda":
        return []
    plain = ("without padding", partial(PackedOnAccelerator, kernels=None))
    try:
        from recsat.embed import kernels
    except ImportError as error:
        logger.info("texts are embedded without kernels of their own: %s", error)
        return [plain]
    return [("by Triton", partial(PackedOnAccelerator, kernels=kernels)), plain]


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


def _layer(weights: Weights, place: int, form: Form, dtype: torch.dtype) -> _Layer:
    layer = LAYER.format(place)

    def product(*names: str, gelu: bool = False) -> Linear:
        matrices, biases = zip(*(_both(weights, f"{layer}.{name}") for name in names), strict=True)
        return form(_joined(matrices).to(dtype), _joined(biases).to(dtype), gelu)

    return _Layer(
        qkv=product(*QKV),
        out=product("attention.output.dense"),
        out_norm=_both(weights, f"{layer}.attention.output.LayerNorm"),
        up=product("intermediate.dense", gelu=True),
        down=product("output.dense"),
        down_norm=_both(weights, f"{layer}.output.LayerNorm"),
    )


def _both(weights: Weights, name: str) -> tuple[Tensor, Tensor]:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _joined(parts: tuple[Tensor, ...]) -> Tensor:
    """Of one part no copy."""
    return parts[0] if len(parts) == 1 else torch.cat(parts)
