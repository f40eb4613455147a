"""How lists are asked for; the same for every arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.contract.reranker import Reranker
from recsat.contract.topics import ItemTopics
from recsat.lists.attributes import CatalogueAttributes
from recsat.lists.filters import FilterPlan


class Retriever(Protocol):
    """Finds candidates by vector."""

    def candidates(
        self, queries: Mapping[str, NDArray[np.float32]], limit: int, plan: FilterPlan, rows: slice
    ) -> list[NDArray[np.int64]]:
        """Item indices nearest to each query that the plan's filters permit, int64 (B, limit), padded with -1.

        ``queries`` are (B, d) for each stored vector; one ranking for each, in their order.
        """
        ...


@dataclass(frozen=True)
class Features:
    """What rerankers may look at: see :class:`~recsat.contract.reranker.RerankInput`."""

    vectors: Tensor | None = None
    topics: Tensor | ItemTopics | None = None
    popularity: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    """How lists are asked for; the same for every arm."""

    k: int = 10
    n_candidates: int = 500
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    user_block: int = 256
    seed: int = 0
    templates: Mapping[str, str] = field(default_factory=dict)
    title: str = "title"
    topics: str | None = None
    """The list-of-strings item column that reasons may name topics from."""
    attributes: CatalogueAttributes | None = None
    """What reasons may say that two items have in common."""
    reranker: Reranker | None = None
    features: Features = field(default_factory=Features)
    explain: bool = True
    """False leaves the reasons empty: for lists that only a tuner reads."""
    recall: bool = True
    """Score the whole catalogue beside the candidates, so that what they miss of the exact list is known; False: take them as they are."""
