"""Lists as a users × items matrix, from which every measure of diversity follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.errors import UnknownItem

Values = NDArray[np.float64]
USER_BLOCK = 2**14


@dataclass(frozen=True)
class ListedItems:
    """Row ``u`` of ``matrix`` is 1 at the items that the list of ``users[u]`` shows."""

    users: pl.Series
    items: pl.Series
    matrix: csr_array
    """(n_users, n_items) float32."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(n_users,) items in each list."""
        return np.diff(self.matrix.indptr).astype(np.int64)

    @property
    def counts(self) -> NDArray[np.int64]:
        """(n_items,) lists that show each item."""
        return np.bincount(self.matrix.indices, minlength=len(self.items)).astype(np.int64)

    def blocks(self) -> Iterator[tuple[slice, csr_array]]:
        """Rows in blocks, for products that are dense."""
        for start in range(0, len(self.users), USER_BLOCK):
            rows = slice(start, min(start + USER_BLOCK, len(self.users)))
            yield rows, self.matrix[rows]

    def table(self, values: Values) -> pl.DataFrame:
        """(user_id, value); NaN, a list for which the measure is not defined, becomes null."""
        return pl.DataFrame({"user_id": self.users, "value": pl.Series(values).fill_nan(None)})


def listed_items(
    lists: pl.DataFrame, items: pl.Series, users: pl.Series | None = None, *, k: int | None = None
) -> ListedItems:
    """The first k places of ``lists`` (user_id, item_id, rank) over ``items`` (unique ids) and ``users``.

    Without ``users``, everybody who has a list; a user among ``users`` without one has an empty row. Raises UnknownItem if
    a listed item is not among ``items``.
    """
    listed = lists.lazy().filter(pl.col("rank") <= k) if k is not None else lists.lazy()
    if users is None:
        users = lists["user_id"].unique(maintain_order=True)
    users = users.rename("user_id").cast(pl.String)
    rows = pl.LazyFrame({"user_id": users, "row": np.arange(len(users), dtype=np.int64)})
    columns = pl.LazyFrame({"item_id": items.cast(pl.String), "column": np.arange(len(items), dtype=np.int64)})
    pairs = (
        listed.select("user_id", "item_id")
        .join(rows, on="user_id")
        .join(columns, on="item_id", how="left")
        .select("item_id", "row", "column")
        .unique(["row", "item_id"])
        .sort("row", "column", nulls_last=True)
        .collect()
    )
    if pairs["column"].null_count():
        unknown = pairs.filter(pl.col("column").is_null())["item_id"][0]
        raise UnknownItem(
            f"lists: item {unknown!r} is not among the {len(items)} items that lists may show. Add it to the items, or mend the lists."
        )
    place = (pairs["row"].to_numpy(), pairs["column"].to_numpy())
    ones = np.ones(pairs.height, dtype=np.float32)
    return ListedItems(users, items, csr_array((ones, place), shape=(len(users), len(items))))
