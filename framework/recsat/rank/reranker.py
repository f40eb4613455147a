"""What reorders an arm's candidates for other aims than the score alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class RerankInput:
    """Padded tensors of a block of users on the device.

    ``candidates``: int64 (B, C), -1 where padded. ``scores``: float32 (B, C), -inf where padded or filtered.
    ``vectors``: float32 (n_items, d) unit-length item vectors; ``topics``: float32 (n_items, t) rows summing to 1 (or 0);
    ``user_topics``: float32 (B, t), the topic shares of the user's history.
    """

    candidates: Tensor
    scores: Tensor
    vectors: Tensor | None
    topics: Tensor | None
    user_topics: Tensor | None


@runtime_checkable
class Reranker(Protocol):
    """Picks and orders k of the candidates; it can only choose among finite scores."""

    def rerank(self, block: RerankInput, k: int) -> Tensor:
        """Positions into ``candidates``, int64 (B, k), -1 where fewer than k are left."""
        ...
