"""The last step on the device: the k best of padded candidates, for a block of users at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.return_types import topk

INFINITY = float("inf")
NUMBERS_AT_ONCE = 2**24
"""Random numbers that are held at once, 8 bytes each and some for the steps between."""
LARGEST = 2**62
NEAR = 64
"""Scores beyond the k best among which those equal to the last are looked for first."""
OF_CPU, OF_ACCELERATOR = (16, 2**14), (64, 2**16)
"""Columns of a group, and of a row from which :func:`_largest` looks at groups first."""


class TieNoise:
    """The random numbers by which :func:`top_k` orders equal scores: one for each user and item, of a seed and of nothing else.

    A list therefore does not depend on who else is asked for, on the arm, on blocks, nor on the device. ``candidates`` (B, C) are the items that the columns of the
    scores stand for; None: the items in their order.
    """

    def __init__(self, seed: int, user_ids: Sequence[str], candidates: Tensor | None = None) -> None:
        self._seed = seed.to_bytes(16, "little", signed=True)
        self._ids = user_ids
        self._candidates = candidates

    def numbers(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Numbers from 0 to :data:`LARGEST`, int64 (R, m), of the users at ``rows`` (R,) and their ``columns`` (R, m), or (1, m) for all."""
        keys = torch.tensor(
            [self._key(self._ids[row]) for row in rows.tolist()], dtype=torch.int64, device=columns.device
        )[:, None]
        items = (
            columns
            if self._candidates is None
            else self._candidates.to(columns.device)[rows].gather(1, columns.expand(len(rows), -1))
        )
        return _scattered(keys + items * 0x1E3779B97F4A7C15) & (LARGEST - 1)

    def _key(self, user_id: str) -> int:
        digest = hashlib.blake2b(user_id.encode("utf-8", "surrogatepass"), digest_size=8, key=self._seed)
        return int.from_bytes(digest.digest(), "little", signed=True)


def _scattered(x: Tensor) -> Tensor:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): each bit of ``x``, int64, changes half of the result's."""
    x = (x ^ _shifted(x, 30)) * -0x40A7B892E31B1A47
    x = (x ^ _shifted(x, 27)) * -0x6B2FB644ECCEEE15
    return x ^ _shifted(x, 31)


def _shifted(x: Tensor, bits: int) -> Tensor:
    """To the right, zeros coming in: torch shifts the sign in."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def top_k(scores: Tensor, k: int, noise: TieNoise | None = None) -> Tensor:
    """Positions of the k largest finite scores in each row, best first, int64 (B, k); -1 where fewer are finite.

    Equal scores are ordered at random by ``noise``: an arm that cannot tell items apart must not profit from the order of the
    catalogue, in which older and more popular items often stand first. Numbers are drawn where scores are equal, and nowhere else.
    """
    n = scores.shape[1]
    k_here = min(k, n)
    if not k_here or not len(scores):
        return torch.full((len(scores), k), -1, dtype=torch.int64, device=scores.device)
    # One more than k says whether the last place is a tie with what is left out.
    best = _largest(scores, min(k + 1, n))
    values = best.values
    places = best.indices[:, :k_here].masked_fill(values[:, :k_here] == -INFINITY, -1)
    unbounded = ~(values[:, 0] < INFINITY)  # torch takes NaN for the largest
    unsure = unbounded
    if noise is not None:
        unsure = unbounded | ((values[:, 1:] == values[:, :-1]) & (values[:, 1:] > -INFINITY)).any(dim=1)
    rows = unsure.nonzero().flatten()
    # Apple's device has no whole numbers of 64 bits to sort.
    device = torch.device("cpu") if scores.device.type == "mps" else scores.device
    for start in range(0, len(rows), at_once := max(1, NUMBERS_AT_ONCE // n)):
        part = rows[start : start + at_once]
        # Of all rows a slice is no copy.
        of_part = (scores[start : start + at_once] if len(rows) == len(scores) else scores[part]).to(device)
        if unbounded[part].any():
            of_part = of_part.masked_fill(~torch.isfinite(of_part), -INFINITY)
        places[part] = _with_ties(of_part, k_here, noise, part.to(device)).to(scores.device)
    return torch.nn.functional.pad(places, (0, k - k_here), value=-1)


def _largest(scores: Tensor, k: int) -> topk:
    """``scores.topk(k)``, in long rows by the largest of groups: the k largest are in the k groups with the largest maxima.

    Columns that stand as far apart as a group's are read side by side: one pass over the scores, where ``topk`` makes many.
    """
    columns, long_from = OF_CPU if scores.device.type == "cpu" else OF_ACCELERATOR
    n = scores.shape[1]
    # with more of them than an eighth the second selection costs what the first spares
    return _largest_of_groups(scores, k, columns) if n >= long_from and 8 * k * columns <= n else scores.topk(k, dim=1)


def _largest_of_groups(scores: Tensor, k: int, columns: int) -> topk:
    width = scores.shape[1] // columns
    groups = torch.unflatten(scores[:, : width * columns], 1, (columns, width))
    leading = groups.amax(dim=1).topk(k, dim=1).indices[:, None, :].expand(-1, columns, -1)
    places = leading + width * torch.arange(columns, device=scores.device)[:, None]
    rest = torch.arange(width * columns, scores.shape[1], device=scores.device).expand(len(scores), -1)
    places = torch.cat([places.flatten(1), rest], dim=1)
    values, inside = scores.gather(1, places).topk(k, dim=1)
    return topk((values, places.gather(1, inside)))


def _with_ties(scores: Tensor, k: int, noise: TieNoise | None, rows: Tensor) -> Tensor:
    """:func:`top_k` of rows in which scores, finite or -inf, are equal; ``rows`` are their numbers in the block."""
    if noise is None:
        best = scores.topk(k, dim=1)
        return best.indices.masked_fill(best.values == -INFINITY, -1)
    # Few are equal to the last one mostly, and some more than k hold them all.
    n = scores.shape[1]
    near = _largest(scores, min(n, 4 * k + NEAR))
    last = near.values[:, k - 1]
    crowded = (
        (near.values[:, -1] == last) & (last > -INFINITY)
        if near.values.shape[1] < n
        else torch.zeros_like(last, dtype=torch.bool)
    )
    places = near.indices.gather(1, _ordered(near.values, noise.numbers(rows, near.indices), k))
    if crowded.any():
        # Where all users have the same scores, as popularity gives, few columns have any that counts.
        columns = (scores[crowded] >= last[crowded, None]).any(dim=0).nonzero().flatten()
        numbers = noise.numbers(rows[crowded], columns[None, :])
        places[crowded] = columns[_ordered(scores[crowded][:, columns], numbers, k)]
    return places.masked_fill(scores.gather(1, places) == -INFINITY, -1)


def _ordered(scores: Tensor, numbers: Tensor, k: int) -> Tensor:
    """Positions of the k best by score, and by number where scores are equal, (R, k)."""
    last = scores.topk(k, dim=1).values[:, -1:]
    best = numbers.masked_fill(scores > last, LARGEST).masked_fill(scores < last, -1).topk(k, dim=1).indices
    best = best.gather(1, numbers.gather(1, best).argsort(dim=1, descending=True))
    return best.gather(1, scores.gather(1, best).argsort(dim=1, descending=True, stable=True))
