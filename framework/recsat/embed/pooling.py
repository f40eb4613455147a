"""From the vectors of tokens to the vector of a text."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

Pooling = Literal["mean", "cls", "last"]
POOLINGS: tuple[str, ...] = get_args(Pooling)


def pool(hidden: Tensor, lengths: Tensor, pooling: Pooling) -> Tensor:
    """Unit-length float32 (texts, dimension) from right-padded ``hidden`` (texts, tokens, dimension).

    ``mean``: mean over a text's own tokens. ``cls``: its first token. ``last``: its last own token, the only one that a
    causal model lets see the whole text. Computed in float32 whatever the model's format.
    """
    hidden = hidden.float()
    if pooling == "cls":
        vectors = hidden[:, 0]
    elif pooling == "last":
        vectors = hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
    else:
        is_token = torch.arange(hidden.shape[1], device=hidden.device) < lengths[:, None]
        vectors = (hidden * is_token[:, :, None]).sum(dim=1) / lengths[:, None]
    return torch.nn.functional.normalize(vectors, dim=-1)
