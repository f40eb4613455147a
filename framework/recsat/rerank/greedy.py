"""What the rerankers share: the best candidates, their scores on one scale, and a greedy choice for all users at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import torch
from torch import Tensor

from recsat.contract.reranker import DEPTH, RerankInput
from recsat.errors import RunError

Value = TypeVar("Value")


@dataclass(frozen=True)
class Greedy(ABC):
    """Settings of every greedy reranker; ValueError where a setting is out of bounds.

    ``trade_off`` goes from 0, the arm's order, to 1, the other aim alone. ``depth`` candidates are looked at (k, if that is
    more). ``order`` is that of the finished list: ``score`` puts the chosen items back into the arm's order, which costs no
    diversity and keeps accuracy, ``greedy`` leaves them as they were chosen.
    """

    trade_off: float
    depth: int = DEPTH
    order: Literal["score", "greedy"] = "score"

    def __post_init__(self) -> None:
        if not 0 <= self.trade_off <= 1:
            raise ValueError(
                f"trade_off must be from 0 (the arm's order) to 1 (the other aim alone), not {self.trade_off}"
            )
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, not {self.depth}")
        if self.order not in ("score", "greedy"):
            raise ValueError(f"order must be 'score' or 'greedy', not {self.order!r}")

    @abstractmethod
    def rerank(self, block: RerankInput, k: int) -> Tensor:
        """See :class:`~recsat.contract.reranker.Reranker`."""

    def choose(self, pool: Pool, k: int, gain: Callable[[], Tensor], add: Callable[[Tensor], None]) -> Tensor:
        """k times the candidate with the largest gain that is left; equal gains go to the higher score.

        ``gain()`` gives (B, D), finite where present; ``add`` takes the places (B,) in the pool that were chosen. Returns
        places in the block that was handed in, int64 (B, k), -1 where nothing was left.
        """
        left = pool.present.clone()
        n_users, depth = left.shape
        places = torch.full((n_users, k), depth, dtype=torch.int64, device=left.device)
        for step in range(min(k, depth)):
            best = gain().masked_fill(~left, float("-inf")).argmax(dim=1)
            places[:, step] = torch.where(left.any(dim=1), best, depth)
            left.scatter_(1, best[:, None], value=False)
            add(best)
        if self.order == "score":
            places = places.sort(dim=1).values  # the pool is in the arm's order
        return pool.in_block(places.masked_fill(places == depth, -1))


@dataclass(frozen=True)
class Pool:
    """The best candidates of each user of a block, best first; equal scores in the order of the block."""

    block: RerankInput
    present: Tensor
    """bool (B, D): the rest is padding or filtered, and is never chosen."""
    relevance: Tensor
    """float32 (B, D), the block's own relevance, or the score on the scale of :func:`pool_of`."""
    order: Tensor
    """int64 (B, D): the places that these have in the block that was handed in."""

    def in_block(self, places: Tensor) -> Tensor:
        """Places in the pool, -1 where empty, as places in the block."""
        return self.order.gather(1, places.clamp(min=0)).masked_fill(places < 0, -1)


def pool_of(block: RerankInput, depth: int, k: int) -> Pool:
    r"""The ``depth`` best candidates (k, if that is more), and their relevance:

    .. math:: r_{ui} = \frac{s_{ui} - \min_j s_{uj}}{\max_j s_{uj} - \min_j s_{uj}}

    over the user's candidates in the pool: 1 for the best and 0 for the last of them, whatever the unit and the offset of
    the arm's scores, so that one trade-off means the same for every arm. 0 where all are equal. A block that brings its
    own relevance keeps it.
    """
    present = torch.isfinite(block.scores) & (block.candidates >= 0)
    ranked = block.scores.masked_fill(~present, float("-inf"))
    order = ranked.argsort(dim=1, descending=True, stable=True)[:, : max(depth, k)]
    if not _is_in_order(order, ranked):
        present = present.gather(1, order)
        block = replace(
            block,
            candidates=block.candidates.gather(1, order),
            scores=ranked.gather(1, order),
            relevance=None if block.relevance is None else block.relevance.gather(1, order),
        )
    if block.relevance is not None:
        return Pool(block, present, block.relevance, order)
    # Halves: the range of two float32 numbers may itself be none.
    halves = block.scores / 2
    high = halves.masked_fill(~present, float("-inf")).amax(dim=1, keepdim=True)
    low = halves.masked_fill(~present, float("inf")).amin(dim=1, keepdim=True)
    spread = high - low
    known = present & (spread > 0)
    relevance = torch.where(known, (halves - low) / spread, torch.zeros((), device=halves.device))
    return Pool(block, present, relevance, order)


class ByScore:
    """The plain order of scores, as a reranker that comes after another."""

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        pool = pool_of(block, k, k)
        places = pool.order.masked_fill(~pool.present, -1)[:, :k]
        return torch.nn.functional.pad(places, (0, k - places.shape[1]), value=-1)


def _is_in_order(order: Tensor, scores: Tensor) -> bool:
    """Whether the block is its own pool: then what it keeps, its similarities, serves again."""
    return order.shape == scores.shape and bool((order == torch.arange(order.shape[1], device=order.device)).all())


def needed(value: Value | None, reranker: str, what: str) -> Value:
    """``value``; raises :class:`RunError` where the block came without it."""
    if value is None:
        raise RunError(f"reranker {reranker!r}: the candidates came without {what}. {_ADVICE[what]}")
    return value


_ADVICE = {
    "item vectors": "Run the embed stage first, or choose a reranker that needs none.",
    "item topics": "Name the domain's topics column (Domain.topics), or choose a reranker that needs none.",
    "users' topics": "Name the domain's topics column (Domain.topics), or choose a reranker that needs none.",
    "popularity": "Give Features.popularity, the users who liked each item.",
    "history lengths": "Give RerankInput.history_lengths, the items that each user liked.",
}
