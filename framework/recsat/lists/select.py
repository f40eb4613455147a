"""The last step on the device: the k best of padded candidates, for a block of users at once."""

from __future__ import annotations

import torch
from torch import Tensor

INFINITY = float("inf")


def top_k(scores: Tensor, k: int, generator: torch.Generator | None = None) -> Tensor:
    """Positions of the k largest finite scores in each row, best first, int64 (B, k); -1 where fewer are finite.

    Ties are broken at random by ``generator`` (on the CPU): an arm that cannot tell items apart must not profit from the
    order of the catalogue, in which older and more popular items often stand first. A row's order among equals depends on one
    number that is drawn for it, so that the best k are the first of the best k + 1; scores that differ keep their order. A row with infinity
    or NaN costs a copy of the block.
    """
    if not k or not scores.numel():
        return torch.full((len(scores), k), -1, dtype=torch.int64, device=scores.device)
    seeds = None
    if generator is not None:
        seeds = torch.randint(-(2**31), 2**31, (len(scores), 1), generator=generator, dtype=torch.int64)
    return _best(scores, k, seeds)


def _best(scores: Tensor, k: int, seeds: Tensor | None) -> Tensor:
    """:func:`top_k` with a number (B, 1) for each row, or None."""
    n = scores.shape[1]
    k_here = min(k, n)
    # One more than k says whether the last place is a tie with what is left out.
    best = scores.topk(min(k + 1, n), dim=1)
    if not bool((best.values[:, 0] < INFINITY).all()):  # torch takes NaN for the largest
        return _best(scores.nan_to_num(-INFINITY, -INFINITY, -INFINITY), k, seeds)
    values, places = best.values[:, :k_here], best.indices[:, :k_here].clone()
    if seeds is not None:
        again = (best.values[:, 1:] == best.values[:, :-1]) & (best.values[:, 1:] > -INFINITY)
        tied = again.any(dim=1).nonzero().flatten()
        if len(tied):
            places[tied] = _among_ties(scores[tied], values[tied], places[tied], seeds.to(scores.device)[tied])
    places = places.masked_fill_(values == -INFINITY, -1)
    return torch.nn.functional.pad(places, (0, k - k_here), value=-1)


def _among_ties(scores: Tensor, values: Tensor, places: Tensor, seeds: Tensor) -> Tensor:
    """The k best of rows with ties, equal scores by their keys; ``values`` and ``places`` (B, k) are the best as they came."""
    k, last = values.shape[1], values[:, -1:]
    # Of what equals the last place the k with the largest keys, behind what is better and sure of its place.
    keys = _keys(seeds, torch.arange(scores.shape[1], device=scores.device)[None, :])
    at_last = keys.masked_fill_(scores != last, -1).topk(k, dim=1)
    better = values > last
    all_places = torch.cat([places, at_last.indices], dim=1)
    all_values = torch.cat([torch.where(better, values, -INFINITY), last.expand_as(values)], dim=1)
    by_key = torch.cat([_keys(seeds, places), at_last.values], dim=1).argsort(dim=1, descending=True)
    by_value = all_values.gather(1, by_key).argsort(dim=1, descending=True, stable=True)[:, :k]
    return all_places.gather(1, by_key.gather(1, by_value))


def _keys(seeds: Tensor, items: Tensor) -> Tensor:
    """Numbers that look random, int32 from 0 on, of each row's seed and item: "lowbias32" of Wellons' hash-prospector (2018)."""
    h = (items * 0x9E3779B1).to(torch.int32) + seeds.to(torch.int32)
    h ^= (h >> 16) & 0xFFFF
    h *= 0x7FEB352D
    h ^= (h >> 15) & 0x1FFFF
    h *= 0x846CA68B - 2**32
    h ^= (h >> 16) & 0xFFFF
    return h & 0x7FFFFFFF
