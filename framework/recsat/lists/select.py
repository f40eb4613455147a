"""The last step on the device: the k best of padded candidates, for a block of users at once."""

from __future__ import annotations

import torch
from torch import Tensor


def top_k(scores: Tensor, k: int, generator: torch.Generator | None = None) -> Tensor:
    """Positions of the k largest finite scores in each row, best first, int64 (B, k); -1 where fewer are finite.

    Ties are broken at random by ``generator`` (on the CPU): an arm that cannot tell items apart must not profit from the
    order of the catalogue, in which older and more popular items often stand first. The noise is 1e-9 of the row's
    largest score, below float32 resolution.
    """
    exact = scores.to(torch.float64)
    finite = torch.isfinite(exact)
    if generator is not None:
        scale = exact.masked_fill(~finite, 0).abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
        exact = exact + 1e-9 * scale * torch.rand(scores.shape, generator=generator, dtype=torch.float64).to(
            scores.device
        )
    k_here = min(k, scores.shape[1])
    best = exact.masked_fill(~finite, float("-inf")).topk(k_here, dim=1)
    places = best.indices.masked_fill(torch.isinf(best.values), -1)
    return torch.nn.functional.pad(places, (0, k - k_here), value=-1)
