"""The last step on the device: the k best of padded candidates, for a block of users at once."""

from __future__ import annotations

import torch
from torch import Tensor

INFINITY = float("inf")


def top_k(scores: Tensor, k: int, generator: torch.Generator | None = None) -> Tensor:
    """Positions of the k largest finite scores in each row, best first, int64 (B, k); -1 where fewer are finite.

    Ties are broken at random by ``generator`` (on the CPU): an arm that cannot tell items apart must not profit from the
    order of the catalogue, in which older and more popular items often stand first. Numbers are drawn for rows with ties
    alone; scores that differ keep their order. A row with infinity or NaN costs a copy of the block.
    """
    n = scores.shape[1]
    k_here = min(k, n)
    if k_here == 0 or not len(scores):
        return torch.full((len(scores), k), -1, dtype=torch.int64, device=scores.device)
    # One more than k says whether the last place is a tie with what is left out.
    best = scores.topk(min(k + 1, n), dim=1)
    if not bool((best.values[:, 0] < INFINITY).all()):  # torch takes NaN for the largest
        return top_k(scores.nan_to_num(-INFINITY, -INFINITY, -INFINITY), k, generator)
    values, places = best.values[:, :k_here], best.indices[:, :k_here].clone()
    if generator is not None:
        again = (best.values[:, 1:] == best.values[:, :-1]) & (best.values[:, 1:] > -INFINITY)
        tied = again.any(dim=1).nonzero().flatten()
        if len(tied):
            places[tied] = _among_ties(scores[tied], values[tied], places[tied], generator)
    places = places.masked_fill_(values == -INFINITY, -1)
    return torch.nn.functional.pad(places, (0, k - k_here), value=-1)


def _among_ties(scores: Tensor, values: Tensor, places: Tensor, generator: torch.Generator) -> Tensor:
    """The k best of rows with ties, equal scores in random order; ``values`` and ``places`` (B, k) are the best as they came."""

    def noise(shape: torch.Size) -> Tensor:
        return torch.rand(shape, generator=generator).to(scores.device)

    # Of what equals the last place a random k, behind what is better and sure of its place.
    last = values[:, -1:]
    drawn_places = noise(scores.shape).masked_fill_(scores != last, -1).topk(values.shape[1], dim=1).indices
    better = values > last
    at_last = torch.cat([torch.where(better, values, -INFINITY), last.expand_as(values)], dim=1)
    both = torch.cat([places, drawn_places], dim=1)
    # A stable sort of a random order by score: a random order among equals.
    order = noise(places.shape).argsort(dim=1)
    order = torch.cat(
        [order, torch.arange(places.shape[1], both.shape[1], device=scores.device).expand_as(order)], dim=1
    )
    by_score = at_last.gather(1, order).argsort(dim=1, descending=True, stable=True)
    return both.gather(1, order.gather(1, by_score[:, : places.shape[1]]))
