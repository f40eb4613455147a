r"""Ranking accuracy at k, one value per user.

``rel(i)`` below is 1 where the item at rank i was liked in the held-out part and 0 elsewhere; ``R`` is the set of the
user's held-out liked items. A list that is shorter than k, or missing, counts as if its empty places held misses.

The tables: ``lists`` (user_id, item_id, rank), rank 1 first; ``relevant`` (user_id, item_id); ``users``, a Series of the
users who are judged, each with at least one relevant item. Everything returns (user_id, value) in the order of ``users``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.errors import DataError
from recsat.measure.discounts import discounts

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Hits:
    """Where each judged user's list hits: one join, from which every measure here follows."""

    users: pl.Series
    at: NDArray[np.bool_]
    """(n_users, k), True where the item at that rank is relevant to the user."""
    n_relevant: NDArray[np.int64]
    """(n_users,) size of R, at least 1."""

    @property
    def k(self) -> int:
        """Length of a list."""
        return int(self.at.shape[1])

    @property
    def gains(self) -> Values:
        """``at`` as numbers."""
        return self.at.astype(np.float64)

    def table(self, values: Values) -> pl.DataFrame:
        """(user_id, value)."""
        return pl.DataFrame({"user_id": self.users, "value": values})


def find_hits(lists: pl.DataFrame, relevant: pl.DataFrame, users: pl.Series, *, k: int) -> Hits:
    """The hits of ``lists`` for ``users``; lists and relevant items of other users are left aside.

    Raises DataError where a judged user comes twice or has no relevant item, and where a list has an item or a rank twice
    or a rank below 1.
    """
    users = users.rename("user_id").cast(pl.String)
    _check_distinct(users)
    liked = _unique(_pairs(relevant, users))
    n_relevant = np.bincount(liked.rows, minlength=len(users))
    _check_relevant(users, n_relevant)
    listed = _pairs(lists, users, k=k)
    _check_listed(listed, users, k)
    at = np.zeros((len(users), k), dtype=np.bool_)
    hits = _places_in(listed, liked)
    at[listed.rows[hits], listed.ranks[hits] - 1] = True
    return Hits(users, at, n_relevant)


def precision_of(hits: Hits) -> Values:
    r""":math:`\frac1k \sum_{i \le k} \mathrm{rel}(i)`."""
    return np.asarray(hits.gains.sum(axis=1) / hits.k, dtype=np.float64)


def recall_of(hits: Hits) -> Values:
    r""":math:`\frac1{|R|} \sum_{i \le k} \mathrm{rel}(i)`."""
    return np.asarray(hits.gains.sum(axis=1) / hits.n_relevant, dtype=np.float64)


def ndcg_of(hits: Hits) -> Values:
    r""":math:`\sum_{i \le k} \frac{\mathrm{rel}(i)}{\log_2(i+1)}` over the same sum for the best list possible."""
    worth = discounts(hits.k)
    ideal = np.cumsum(worth)[np.minimum(hits.n_relevant, hits.k) - 1]
    return np.asarray(hits.gains @ worth / ideal, dtype=np.float64)


def average_precision_of(hits: Hits) -> Values:
    r""":math:`\frac1{\min(|R|, k)} \sum_{i \le k} \mathrm{rel}(i) \cdot \mathrm{P}@i`."""
    rows, places = hits.at.nonzero()  # hits are few beside places
    first = np.searchsorted(rows, np.arange(len(hits.at)))
    precision_at = (np.arange(1, len(rows) + 1) - first[rows]) / (places + 1)
    sums = np.bincount(rows, weights=precision_at, minlength=len(hits.at))
    return np.asarray(sums / np.minimum(hits.n_relevant, hits.k), dtype=np.float64)


def reciprocal_rank_of(hits: Hits) -> Values:
    r""":math:`1 / \min\{i \le k : \mathrm{rel}(i) = 1\}`, and 0 without a hit."""
    return np.asarray(np.where(hits.at.any(axis=1), 1.0 / (hits.at.argmax(axis=1) + 1), 0.0), dtype=np.float64)


def hit_of(hits: Hits) -> Values:
    r"""1 where any :math:`\mathrm{rel}(i)`, :math:`i \le k`, is 1."""
    return np.asarray(hits.at.any(axis=1), dtype=np.float64)


ACCURACY: Mapping[str, Callable[[Hits], Values]] = {
    "ndcg": ndcg_of,
    "precision": precision_of,
    "recall": recall_of,
    "map": average_precision_of,
    "mrr": reciprocal_rank_of,
    "hit": hit_of,
}
"""Every measure of accuracy by its key; over :class:`Hits`, so that all of them cost one join."""


def precision(lists: pl.DataFrame, relevant: pl.DataFrame, users: pl.Series, *, k: int) -> pl.DataFrame:
    r"""Share of the k places that hold a relevant item.

    .. math:: \mathrm{P}@k = \frac1k \sum_{i=1}^{k} \mathrm{rel}(i)

    Divided by k also where the list is shorter: an empty place is a miss. Manning, Raghavan and Schütze, *Introduction to
    Information Retrieval*, 2008, section 8.4.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["a", "b", "c"], "rank": [1, 2, 3]})
    >>> relevant = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["b", "z"]})
    >>> precision(lists, relevant, pl.Series(["u"]), k=4)["value"].to_list()  # one hit in four places
    [0.25]
    """
    return _measured(precision_of, lists, relevant, users, k)


def recall(lists: pl.DataFrame, relevant: pl.DataFrame, users: pl.Series, *, k: int) -> pl.DataFrame:
    r"""Share of the relevant items that the list holds.

    .. math:: \mathrm{R}@k = \frac1{|R|} \sum_{i=1}^{k} \mathrm{rel}(i)

    Cannot reach 1 where :math:`|R| > k`. Manning, Raghavan and Schütze 2008, section 8.4.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["a", "b", "c"], "rank": [1, 2, 3]})
    >>> relevant = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["b", "z"]})
    >>> recall(lists, relevant, pl.Series(["u"]), k=3)["value"].to_list()  # b of b and z
    [0.5]
    """
    return _measured(recall_of, lists, relevant, users, k)


def ndcg(lists: pl.DataFrame, relevant: pl.DataFrame, users: pl.Series, *, k: int) -> pl.DataFrame:
    r"""Normalised discounted cumulative gain with binary gains.

    .. math:: \mathrm{nDCG}@k = \frac{\sum_{i=1}^{k} \mathrm{rel}(i) / \log_2(i+1)}{\sum_{i=1}^{\min(|R|, k)} 1 / \log_2(i+1)}

    1 where the first :math:`\min(|R|, k)` places are all hits. Järvelin and Kekäläinen, TOIS 2002.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["a", "b", "c"], "rank": [1, 2, 3]})
    >>> relevant = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["b", "z"]})
    >>> round(ndcg(lists, relevant, pl.Series(["u"]), k=3)["value"][0], 4)  # (1/log2 3) / (1 + 1/log2 3)
    0.3869
    """
    return _measured(ndcg_of, lists, relevant, users, k)


def average_precision(lists: pl.DataFrame, relevant: pl.DataFrame, users: pl.Series, *, k: int) -> pl.DataFrame:
    r"""Mean of the precision at each hit; its mean over users is MAP@k.

    .. math:: \mathrm{AP}@k = \frac1{\min(|R|, k)} \sum_{i=1}^{k} \mathrm{rel}(i) \cdot \frac1i \sum_{j=1}^{i} \mathrm{rel}(j)

    The normaliser is :math:`\min(|R|, k)`, so a list of hits alone scores 1; trec_eval and ranx divide by :math:`|R|`,
    which such a list cannot reach where :math:`|R| > k`. Manning, Raghavan and Schütze 2008, section 8.4.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["a", "b", "c"], "rank": [1, 2, 3]})
    >>> relevant = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "c"]})
    >>> round(average_precision(lists, relevant, pl.Series(["u"]), k=3)["value"][0], 4)  # (1/1 + 2/3) / 2
    0.8333
    """
    return _measured(average_precision_of, lists, relevant, users, k)


def reciprocal_rank(lists: pl.DataFrame, relevant: pl.DataFrame, users: pl.Series, *, k: int) -> pl.DataFrame:
    r"""One over the rank of the first hit; its mean over users is MRR@k.

    .. math:: \mathrm{RR}@k = 1 / \min\{i \le k : \mathrm{rel}(i) = 1\}

    0 where there is no hit. Voorhees, TREC-8 1999.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["a", "b", "c"], "rank": [1, 2, 3]})
    >>> relevant = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["b", "z"]})
    >>> reciprocal_rank(lists, relevant, pl.Series(["u"]), k=3)["value"].to_list()
    [0.5]
    """
    return _measured(reciprocal_rank_of, lists, relevant, users, k)


def hit_rate(lists: pl.DataFrame, relevant: pl.DataFrame, users: pl.Series, *, k: int) -> pl.DataFrame:
    r"""1 where the list holds any relevant item, else 0; its mean over users is the hit rate at k.

    .. math:: \mathrm{HR}@k = \max_{i \le k} \mathrm{rel}(i)

    Deshpande and Karypis, TOIS 2004.

    >>> lists = pl.DataFrame({"user_id": ["u"] * 3, "item_id": ["a", "b", "c"], "rank": [1, 2, 3]})
    >>> relevant = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["b", "z"]})
    >>> hit_rate(lists, relevant, pl.Series(["u"]), k=1)["value"].to_list(), hit_rate(lists, relevant, pl.Series(["u"]), k=2)["value"].to_list()
    ([0.0], [1.0])
    """
    return _measured(hit_of, lists, relevant, users, k)


def _measured(
    measure: Callable[[Hits], Values], lists: pl.DataFrame, relevant: pl.DataFrame, users: pl.Series, k: int
) -> pl.DataFrame:
    hits = find_hits(lists, relevant, users, k=k)
    return hits.table(measure(hits))


@dataclass(frozen=True)
class _Pairs:
    """Pairs of a judged user, by row, and an item; ``ranks`` are those of lists."""

    rows: NDArray[np.int64]
    items: pl.Series
    ranks: NDArray[np.int64]

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """Equal where pairs are; different pairs may, very rarely, share one."""
        of_items: NDArray[np.uint64] = self.items.hash().to_numpy()
        return of_items ^ (self.rows.astype(np.uint64) * _ODD)

    @property
    def table(self) -> pl.DataFrame:
        """(row, item_id, rank)."""
        return pl.DataFrame({"row": self.rows, "item_id": self.items, "rank": self.ranks})

    def take(self, places: NDArray[np.int64]) -> _Pairs:
        """The pairs at ``places``."""
        return _Pairs(self.rows[places], self.items.gather(places), self.ranks[places])


_ODD = np.uint64(0x9E3779B97F4A7C15)
"""2⁶⁴ over the golden ratio (Knuth, TAOCP 3, section 6.4): spreads rows over the high bits."""


def _pairs(table: pl.DataFrame, users: pl.Series, *, k: int | None = None) -> _Pairs:
    """The rows of ``table`` of judged users; with ``k``, of lists up to that rank, a missing one as 0."""
    # Rows of one user mostly stand together: each run of them is looked up once.
    runs = table["user_id"].cast(pl.String).rle().struct.unnest()
    order = pl.DataFrame({"value": users, "row": np.arange(len(users), dtype=np.int64)})
    of_runs = runs.join(order, on="value", how="left", maintain_order="left")["row"].fill_null(-1).to_numpy()
    rows = np.repeat(of_runs, runs["len"].to_numpy())
    ranks = np.zeros_like(rows) if k is None else table["rank"].cast(pl.Int64).fill_null(0).to_numpy()
    pairs = _Pairs(rows, table["item_id"].cast(pl.String), ranks)
    judged = rows >= 0 if k is None else (rows >= 0) & (ranks <= k)
    return pairs if judged.all() else pairs.take(np.flatnonzero(judged))


def _unique(pairs: _Pairs) -> _Pairs:
    hashes = np.sort(pairs.hashes)
    if not (hashes[1:] == hashes[:-1]).any():
        return pairs
    first = pairs.table.with_row_index("place").unique(["row", "item_id"], keep="first")["place"]
    return pairs.take(first.to_numpy().astype(np.int64))


def _places_in(pairs: _Pairs, others: _Pairs) -> NDArray[np.int64]:
    """Which of ``pairs`` are among ``others``. A table of hashes (Bloom, CACM 1970) leaves the join few that are not."""
    bits = max(10, int(8 * len(others.rows)).bit_length())
    shift = np.uint64(64 - bits)
    is_hash = np.zeros(1 << bits, dtype=np.bool_)
    is_hash[others.hashes >> shift] = True
    likely = np.flatnonzero(is_hash[pairs.hashes >> shift])
    table = pairs.take(likely).table.with_columns(place=likely)
    return table.join(others.table, on=["row", "item_id"], how="semi")["place"].to_numpy()


def _check_distinct(users: pl.Series) -> None:
    if users.n_unique() != len(users):
        twice = users.filter(users.is_duplicated())[0]
        raise DataError(f"users: {twice!r} comes twice. Give every judged user once.")


def _check_relevant(users: pl.Series, n_relevant: NDArray[np.int64]) -> None:
    if len(users) and n_relevant.min() == 0:
        raise DataError(
            f"users: {users[int(n_relevant.argmin())]!r} has no relevant item, so accuracy is not defined for them. "
            "Judge users with at least one liked item in the held-out part."
        )


def _check_listed(listed: _Pairs, users: pl.Series, k: int) -> None:
    if listed.ranks.min(initial=1) < 1:
        raise DataError("lists: a rank is missing or below 1. Ranks count from 1, the first place of a list.")
    cells = listed.rows * k + listed.ranks - 1
    hashes = np.tile(np.arange(k, dtype=np.uint64), (len(users), 1))  # empty places differ from each other
    hashes.reshape(-1)[cells] = listed.hashes
    hashes.sort(axis=1)
    if (hashes[:, 1:] != hashes[:, :-1]).all() and np.bincount(cells).max(initial=0) <= 1:
        return
    for key in ("item_id", "rank"):
        doubled = listed.table.filter(pl.struct("row", key).is_duplicated())
        if doubled.height:
            row, value = doubled.select("row", key).row(0)
            raise DataError(
                f"lists: user {users[row]!r} has {key} {value!r} twice. A list holds an item, and a rank, once."
            )
