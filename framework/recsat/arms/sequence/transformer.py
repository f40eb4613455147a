"""A small causal transformer over sequences of item vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class CausalTransformer(nn.Module):
    """What comes next after each prefix of a sequence: (B, T, width) item vectors to (B, T + 1, width) states.

    State t has seen the first t items, so state 0, behind a learnt start vector, is the answer to an empty history.
    Sequences are padded on the right; what stands behind a place cannot change its state. Layer norm comes first in every
    block (Xiong et al., ICML 2020).
    """

    def __init__(self, *, width: int, n_layers: int, n_heads: int, length: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.start = nn.Parameter(0.02 * torch.randn(width))
        self.positions = nn.Parameter(0.02 * torch.randn(length + 1, width))
        # Blocks one by one: nn.TransformerEncoder would begin all of them with the same weights.
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, n_heads, 2 * width, dropout, functional.gelu, batch_first=True, norm_first=True
            )
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, items: Tensor) -> Tensor:
        sequence = torch.cat([self.start.expand(len(items), 1, -1), items], dim=1)
        hidden = functional.dropout(sequence + self.positions[: sequence.shape[1]], self.dropout, self.training)
        causal = nn.Transformer.generate_square_subsequent_mask(sequence.shape[1], hidden.device, hidden.dtype)
        for block in self.blocks:
            hidden = block(hidden, src_mask=causal, is_causal=True)
        normed: Tensor = self.norm(hidden)
        return normed
