"""A small causal transformer over sequences of item vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Block(nn.Module):
    """Self-attention over what came before, then a two-layer network; layer norm first (Xiong et al., ICML 2020)."""

    def __init__(self, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.attend = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        n, length, width = hidden.shape
        parts = self.attend(self.norms[0](hidden)).view(n, length, 3, self.n_heads, width // self.n_heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        rate = self.dropout if self.training else 0.0
        attended = functional.scaled_dot_product_attention(query, key, value, dropout_p=rate, is_causal=True)
        hidden = hidden + self._dropped(self.merge(attended.transpose(1, 2).reshape(n, length, width)))
        return hidden + self._dropped(self.narrow(functional.gelu(self.widen(self.norms[1](hidden)))))

    def _dropped(self, change: Tensor) -> Tensor:
        return functional.dropout(change, self.dropout, self.training)


class CausalTransformer(nn.Module):
    """What comes next after each prefix of a sequence: (B, T, width) item vectors to (B, T + 1, width) states.

    State t has seen the first t items, so state 0, behind a learnt start vector, is the answer to an empty history.
    Sequences are padded on the right; what stands behind a place cannot change its state.
    """

    def __init__(self, *, width: int, n_layers: int, n_heads: int, length: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.start = nn.Parameter(0.02 * torch.randn(width))
        self.positions = nn.Parameter(0.02 * torch.randn(length + 1, width))
        self.blocks = nn.ModuleList(Block(width, n_heads, dropout) for _ in range(n_layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, items: Tensor) -> Tensor:
        sequence = torch.cat([self.start.expand(len(items), 1, -1), items], dim=1)
        hidden = functional.dropout(sequence + self.positions[: sequence.shape[1]], self.dropout, self.training)
        for block in self.blocks:
            hidden = block(hidden)
        normed: Tensor = self.norm(hidden)
        return normed
