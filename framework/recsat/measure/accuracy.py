r"""Ranking accuracy at k, one value per user.

``rel(i)`` below is 1 where the item at rank i was liked in the held-out part and 0 elsewhere; ``R`` is the set of the
user's held-out liked items. A list that is shorter than k, or missing, counts as if its empty places held misses.

The tables: ``lists`` (user_id, item_id, rank), rank 1 first; ``relevant`` (user_id, item_id); ``users``, a Series of the
users who are judged, each with at least one relevant item. Everything returns (user_id, value) in the order of ``users``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

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
    order = pl.LazyFrame({"user_id": users.cast(pl.String), "row": np.arange(len(users), dtype=np.int64)})
    listed = (
        lists.lazy()
        .filter((pl.col("rank") <= k) | pl.col("rank").is_null())
        .select("user_id", "item_id", "rank")
        .join(order, on="user_id")
        .collect()
    )
    relevant_pairs = relevant.lazy().select("user_id", "item_id").unique().join(order, on="user_id")
    n_relevant = np.bincount(relevant_pairs.select("row").collect()["row"].to_numpy(), minlength=len(users))
    _check_tables(listed, users, n_relevant)
    hits = listed.lazy().join(relevant_pairs, on=["user_id", "item_id"], how="semi").collect()
    at = np.zeros((len(users), k), dtype=np.bool_)
    at[hits["row"].to_numpy(), hits["rank"].to_numpy() - 1] = True
    return Hits(users.rename("user_id").cast(pl.String), at, n_relevant)


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
    gains = hits.gains
    precision_at = np.cumsum(gains, axis=1) / np.arange(1, hits.k + 1)
    return np.asarray((gains * precision_at).sum(axis=1) / np.minimum(hits.n_relevant, hits.k), dtype=np.float64)


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


def _check_tables(listed: pl.DataFrame, users: pl.Series, n_relevant: NDArray[np.int64]) -> None:
    if users.n_unique() != len(users):
        twice = users.filter(users.is_duplicated())[0]
        raise DataError(f"users: {twice!r} comes twice. Give every judged user once.")
    if len(users) and n_relevant.min() == 0:
        raise DataError(
            f"users: {users[int(n_relevant.argmin())]!r} has no relevant item, so accuracy is not defined for them. "
            "Judge users with at least one liked item in the held-out part."
        )
    if listed["rank"].null_count() or (listed.height and listed.select(pl.col("rank").min() < 1).item()):
        raise DataError("lists: a rank is missing or below 1. Ranks count from 1, the first place of a list.")
    for key in ("item_id", "rank"):
        doubled = listed.filter(pl.struct("row", key).is_duplicated())
        if doubled.height:
            user, value = doubled.select("user_id", key).row(0)
            raise DataError(f"lists: user {user!r} has {key} {value!r} twice. A list holds an item, and a rank, once.")
