"""The last step on the device: the k best of padded candidates, for a block of users at once."""

from __future__ import annotations

import torch
from torch import Tensor

INFINITY = float("inf")
NEAR = 1e-7
"""Scores that differ by less than this share of the row's best are ordered with the noise, for which ties alone are near enough."""
PASSED_AT_ONCE = 2**24


class TieNoise:
    """The random numbers by which :func:`top_k` orders equal scores, by a seed: one for each score of every call.

    They are made only where a row has ties; what calls without ties pass over is made up for before the next draw, so that a tie's outcome does
    not depend on which other rows had one.
    """

    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator().manual_seed(seed)
        self._passed = 0

    def skip(self, n: int) -> None:
        """Pass over ``n`` numbers."""
        self._passed += n

    def draw(self, shape: torch.Size) -> Tensor:
        """The next numbers, from 0 to 1, float64 on the CPU."""
        while self._passed:
            n = min(self._passed, PASSED_AT_ONCE)
            torch.rand(n, generator=self._generator, dtype=torch.float64)
            self._passed -= n
        return torch.rand(shape, generator=self._generator, dtype=torch.float64)


def top_k(scores: Tensor, k: int, noise: TieNoise | None = None) -> Tensor:
    """Positions of the k largest finite scores in each row, best first, int64 (B, k); -1 where fewer are finite.

    Ties are broken at random by ``noise``: an arm that cannot tell items apart must not profit from the order of the
    catalogue, in which older and more popular items often stand first. The noise is 1e-9 of the row's largest score, below
    float32 resolution. Rows without ties are neither copied nor given any: a float64 copy with a random number for every score took three quarters of
    a list's time.
    """
    n = scores.shape[1]
    k_here = min(k, n)
    if not k_here or not len(scores):
        return torch.full((len(scores), k), -1, dtype=torch.int64, device=scores.device)
    # One more than k says whether the last place is a tie with what is left out.
    best = scores.topk(min(k + 1, n), dim=1)
    values = best.values
    places = best.indices[:, :k_here].masked_fill(values[:, :k_here] == -INFINITY, -1)
    unsure = ~(values[:, 0] < INFINITY)  # torch takes NaN for the largest
    if noise is not None and n > 1:
        gaps = torch.where(values[:, 1:] > -INFINITY, values[:, :-1] - values[:, 1:], INFINITY)
        unsure |= (gaps <= NEAR * values[:, :1].abs()).any(dim=1)
    rows = unsure.nonzero().flatten()
    if len(rows):
        numbers = None if noise is None else noise.draw(scores.shape)[rows.cpu()].to(scores.device)
        places[rows] = _with_noise(scores[rows], k_here, numbers)
    elif noise is not None:
        noise.skip(scores.numel())
    return torch.nn.functional.pad(places, (0, k - k_here), value=-1)


def _with_noise(scores: Tensor, k: int, noise: Tensor | None) -> Tensor:
    """:func:`top_k` in float64, with a number from 0 to 1 for every score."""
    exact = scores.to(torch.float64)
    finite = torch.isfinite(exact)
    if noise is not None:
        scale = exact.masked_fill(~finite, 0).abs().amax(dim=1, keepdim=True).clamp(min=1e-12)
        exact = exact + 1e-9 * scale * noise
    best = exact.masked_fill(~finite, -INFINITY).topk(k, dim=1)
    return best.indices.masked_fill(torch.isinf(best.values), -1)
