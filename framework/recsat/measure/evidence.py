"""What one split is judged on, apart from the lists: the same for every arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.measure.exposure import ListedItems, listed_items


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

    # Of many users each of these takes longer than a measure, and several measures and slices want it.

    @cached_property
    def n_likes(self) -> Mapping[str, pl.DataFrame]:
        """By ``item_id`` and ``user_id``: (key, n), the users who liked each item before the cut, or the items that each user liked."""
        pairs = self.known_likes.select("user_id", "item_id").unique()
        return {key: pairs.group_by(key).len(name="n") for key in pairs.columns}

    @cached_property
    def liked_items(self) -> ListedItems:
        """What each of ``users`` liked before the cut, over all ``items``."""
        return listed_items(self.known_likes, self.items["item_id"], self.users)
