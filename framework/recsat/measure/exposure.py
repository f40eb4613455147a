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
    if users is None:
        users = lists["user_id"].unique(maintain_order=True)
    users = users.rename("user_id").cast(pl.String)
    if k is not None:
        lists = lists.filter(pl.col("rank") <= k)
    row = places_among(lists["user_id"], users)
    is_served = row >= 0
    if not is_served.all():
        lists, row = lists.filter(pl.Series(is_served)), row[is_served]
    column = places_among(lists["item_id"], items)
    if (column < 0).any():
        unknown = lists["item_id"][int(np.argmin(np.where(column < 0, row, len(users))))]
        raise UnknownItem(
            f"lists: item {unknown!r} is not among the {len(items)} items that lists may show. Add it to the items, or mend the lists."
        )
    cells = np.unique(row * np.int64(max(1, len(items))) + column)
    row, column = np.divmod(cells, max(1, len(items)))
    matrix = csr_array((np.ones(len(cells), dtype=np.float32), (row, column)), shape=(len(users), len(items)))
    return ListedItems(users, items, matrix)


def places_among(ids: pl.Series, distinct: pl.Series) -> NDArray[np.int64]:
    """(len(ids),) where each of ``ids`` stands among ``distinct``, -1 where it does not."""
    places = pl.DataFrame({"id": distinct.cast(pl.String), "place": np.arange(len(distinct))})
    joined = ids.alias("id").cast(pl.String).to_frame().join(places, on="id", how="left", maintain_order="left")
    return joined["place"].fill_null(-1).to_numpy()
