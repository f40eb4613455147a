"""What was known of an exposure when it was shown: the features of the outcome model of exposures.

Whatever is counted is counted strictly before: an exposure's own outcome, and the event that it led to, are never in its features. At
and after a ``cut`` the counts stand still, as what comes later is what is judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.contract.interactions import Catalogue
from recsat.data.moments import latest

FEATURES = ("position", "popularity", "rate of the item", "rate of the user", "likeness to the history")
PRIOR_EXPOSURES = 50.0
"""Exposures at the overall rate that are added to each item's and user's own."""
VECTOR_ROWS = 2**14
"""Exposures whose text vectors are held at once."""

Ints = NDArray[np.int64]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Log:
    """Exposures or events, by user and item index and microseconds since 1970; ``known_at`` is from when on the outcome was known."""

    users: Ints
    items: Ints
    times: Ints
    known_at: Ints
    happened: NDArray[np.bool_]
    positions: Ints

    @property
    def end(self) -> int:
        """A microsecond after the last of them, those aside that lie far after the others (:func:`~recsat.data.moments.latest`)."""
        last = latest(pl.select(pl.from_epoch(pl.lit(pl.Series(self.times)), "us")).to_series())
        assert last is not None
        return round(last.replace(tzinfo=UTC).timestamp() * 1e6) + 1

    def take(self, rows: NDArray[np.bool_]) -> Log:
        """Some of them."""
        return Log(
            self.users[rows],
            self.items[rows],
            self.times[rows],
            self.known_at[rows],
            self.happened[rows],
            self.positions[rows],
        )


@dataclass(frozen=True)
class Likes:
    """What was liked, by whom and when, as in :class:`Log`."""

    users: Ints
    items: Ints
    times: Ints


def likes_of(events: pl.DataFrame, user_index: dict[str, int], catalogue: Catalogue) -> Likes:
    """Liked ``events`` of known time, by users of ``user_index`` or others, who have index -1."""
    dated = events.filter(pl.col("timestamp").is_not_null())
    return Likes(
        users=dated["user_id"].replace_strict(user_index, default=-1, return_dtype=pl.Int64).to_numpy(),
        items=catalogue.positions(dated["item_id"]),
        times=dated["timestamp"].dt.epoch("us").to_numpy(),
    )


def exposure_features(rows: Log, log: Log, likes: Likes, vectors: NDArray[np.float32], *, cut: int) -> Array:
    """(n_rows, 5): :data:`FEATURES` of each of ``rows``, from exposures of ``log`` and ``likes`` that were known before it and the ``cut``.

    Position and popularity are logarithms, rates are the log-odds of smoothed shares, likeness is the cosine of the item's vector with
    the sum of those that the user liked before. ``vectors`` are (n_items, d), of unit length.
    """
    moments = np.minimum(rows.times, cut)
    everywhere = np.zeros(len(moments), dtype=np.int64)
    overall = _shares(
        counts_before(everywhere, moments, np.zeros(len(log.times), dtype=np.int64), log), prior=(1.0, 2.0)
    )
    columns = [np.log(rows.positions)]
    n_likes, _ = _counted(rows.items, moments, likes.items, likes.times, np.ones(len(likes.times)))
    columns.append(np.log1p(n_likes))
    for of_rows, of_log in ((rows.items, log.items), (rows.users, log.users)):
        counts = counts_before(of_rows, moments, of_log, log)
        share = _shares(counts, prior=(PRIOR_EXPOSURES * overall, np.full(len(moments), PRIOR_EXPOSURES)))
        columns.append(np.log(share / (1 - share)))
    columns.append(_likeness(rows, moments, likes, vectors))
    return np.column_stack(columns)


def counts_before(groups: Ints, moments: Ints, groups_of_log: Ints, log: Log) -> tuple[Array, Array]:
    """For each (group, moment): exposures of the group whose outcome was known strictly before, and those that it happened to."""
    return _counted(groups, moments, groups_of_log, log.known_at, log.happened.astype(np.float64))


def _counted(groups: Ints, moments: Ints, groups_of: Ints, times_of: Ints, weights: Array) -> tuple[Array, Array]:
    """Rows of (``groups_of``, ``times_of``) in each group strictly before the moment, and the sum of their ``weights``.

    Questions and rows are sorted together, a question before the rows of its very moment; sums run within a group.
    """
    n, m = len(groups), len(groups_of)
    is_row = np.repeat([0, 1], [n, m])
    group = np.concatenate([groups, groups_of])
    order = np.lexsort((is_row, np.concatenate([moments, times_of]), group))
    counts = np.empty((2, n + m))
    starts = np.searchsorted(group[order], group[order])
    for row, added in zip(counts, (is_row, np.concatenate([np.zeros(n), weights])), strict=True):
        before = np.concatenate([[0.0], np.cumsum(added[order])])
        row[order] = before[:-1] - before[starts]
    return counts[0, :n], counts[1, :n]


def _shares(counts: tuple[Array, Array], prior: tuple[Array | float, Array | float]) -> Array:
    n, hits = counts
    return np.asarray((hits + prior[0]) / (n + prior[1]), dtype=np.float64)


def _likeness(rows: Log, moments: Ints, likes: Likes, vectors: NDArray[np.float32]) -> Array:
    """Cosines, 0 for users without a history or items without a vector."""
    order = np.lexsort((likes.times, likes.users))
    n_before, _ = _counted(rows.users, moments, likes.users, likes.times, np.ones(len(order)))
    first = np.searchsorted(likes.users[order], rows.users)
    sums = np.zeros((len(order) + 1, vectors.shape[1]), dtype=np.float64)
    np.cumsum(vectors[likes.items[order]], axis=0, dtype=np.float64, out=sums[1:])
    cosines = np.zeros(len(moments))
    for start in range(0, len(moments), VECTOR_ROWS):
        part = slice(start, start + VECTOR_ROWS)
        begin = first[part]
        taste = sums[begin + n_before[part].astype(np.int64)] - sums[begin]
        length = np.linalg.norm(taste, axis=1)
        products = np.einsum("nd,nd->n", taste, vectors[rows.items[part]])
        # Sums of the vectors of many users leave rounding where a user's own are none.
        cosines[part] = np.divide(products, length, out=np.zeros(len(length)), where=n_before[part] > 0)
    return cosines
