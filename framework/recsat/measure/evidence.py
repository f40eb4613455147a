"""What one split is judged on, apart from the lists: the same for every arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray


@dataclass(frozen=True)
class ItemVectors:
    """Row ``i`` of ``values`` is the vector of item ``ids[i]``."""

    ids: pl.Series
    values: NDArray[np.float32]
    """(n_items, d), unit length; zero length stands for an item without one."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The tables of one split."""

    split: str
    users: pl.Series
    """Everybody who was served. Accuracy is judged on those with a relevant item, the rest on all of them."""
    relevant: pl.DataFrame
    """(user_id, item_id): held-out liked items that the lists could have held."""
    known_likes: pl.DataFrame
    """(user_id, item_id): what was liked before the cut; popularity and lengths of histories come from it."""
    history: pl.DataFrame
    """All events before the cut."""
    outcomes: pl.DataFrame
    """All events after it, liked or not."""
    items: pl.DataFrame
    """The item table."""
    candidates: pl.Series | None = None
    """Ids of the items that are ranked on this split; None means all of ``items``."""
    vectors: ItemVectors | None = None
    """For intra-list diversity; the catalogue mean should be subtracted, or everything looks alike."""
    topics: str | None = None
    """The list-of-strings column of ``items`` that stands for diversity."""
    exposures: pl.DataFrame | None = None
    ties: pl.DataFrame | None = None
    config: Any = None
    """The domain's settings, which its metrics may look at."""
