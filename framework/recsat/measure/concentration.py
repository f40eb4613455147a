r"""How lists as a whole spread over the catalogue: coverage, entropy, Gini–Simpson, Gini.

Such a measure has one value for all users together, :math:`\theta`, so its interval cannot come from the spread of users'
values, and resampling users does not help: a resample holds some users twice and so can only show fewer items than the
users did. (Simulated: the percentile bootstrap's interval held the true coverage in 0 % of the samples, and shifted by its
bias in 80 to 100 %.) What does is the jackknife: leave every user out in turn, and take

.. math:: v_u = \theta + (n - 1) \bigl(\bar\theta_{(\cdot)} - \theta_{(-u)}\bigr)

as the value of user u. Their mean is :math:`\theta`, their spread over :math:`\sqrt n` is the jackknife's standard error,
which is never too small on average (Efron and Stein, Annals of Statistics 1981), and differences of two arms are paired by
user. So intervals and tests are those of every other measure. All left-out values together cost one pass over the lists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.measure.exposure import ListedItems, Values, listed_items


@dataclass(frozen=True)
class Aggregate:
    """A measure of all lists together, and of all but one user's."""

    value: float
    left_out: Values
    """(n_users,): entry u is the measure without the list of user u."""

    @property
    def user_values(self) -> Values:
        """The jackknife's value of each user; their mean is ``value``. NaN with fewer than two users."""
        n = len(self.left_out)
        if n < 2:
            return np.full(n, np.nan)
        return np.asarray(self.value + (n - 1) * (self.left_out.mean() - self.left_out), dtype=np.float64)


def coverage(lists: pl.DataFrame, items: pl.Series) -> float:
    r"""Share of the catalogue ``items`` that at least one list shows: :math:`|\bigcup_u L_u| / N`.

    Ge, Delgado-Battenfeld and Jannach, RecSys 2010.

    >>> lists = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"], "rank": [1, 2, 1]})
    >>> coverage(lists, pl.Series(["a", "b", "c", "d"]))
    0.5
    """
    return coverage_of(listed_items(lists, items)).value


def exposure_entropy(lists: pl.DataFrame, items: pl.Series) -> float:
    r"""Shannon entropy of what lists show, in bits: :math:`-\sum_i p_i \log_2 p_i`, :math:`p_i` item i's share of all places.

    0 where every place shows one item, :math:`\log_2 N` where all N items are shown alike. Shannon 1948.

    >>> lists = pl.DataFrame({"user_id": ["u", "v", "w", "w"], "item_id": ["a", "a", "b", "c"], "rank": [1, 1, 1, 2]})
    >>> exposure_entropy(lists, pl.Series(["a", "b", "c", "d"]))  # shares 1/2, 1/4, 1/4
    1.5
    """
    return entropy_of(listed_items(lists, items)).value


def exposure_simpson(lists: pl.DataFrame, items: pl.Series) -> float:
    r"""Gini–Simpson index of what lists show: :math:`1 - \sum_i p_i^2`, the chance that two places show different items.

    Simpson, Nature 1949.

    >>> lists = pl.DataFrame({"user_id": ["u", "v", "w", "w"], "item_id": ["a", "a", "b", "c"], "rank": [1, 1, 1, 2]})
    >>> exposure_simpson(lists, pl.Series(["a", "b", "c", "d"]))  # 1 - 1/4 - 1/16 - 1/16
    0.625
    """
    return simpson_of(listed_items(lists, items)).value


def exposure_gini(lists: pl.DataFrame, items: pl.Series) -> float:
    r"""Gini coefficient of the number of lists :math:`x_i` that show each item, those that none shows included.

    .. math:: G = \frac{\sum_{i,j} |x_i - x_j|}{2 N \sum_i x_i}

    0 where all items are shown alike, :math:`1 - 1/N` where one item has every place. Gini 1912; in recommenders Fleder
    and Hosanagar, Management Science 2009.

    >>> lists = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "a"], "rank": [1, 1]})
    >>> exposure_gini(lists, pl.Series(["a", "b", "c", "d"]))
    0.75
    """
    return gini_of(listed_items(lists, items)).value


def coverage_of(listed: ListedItems) -> Aggregate:
    """:func:`coverage`; without a user, the items that nobody else was shown are lost."""
    counts = listed.counts
    n_shown = int((counts > 0).sum())
    n_items = max(len(counts), 1)
    return Aggregate(n_shown / n_items, (n_shown - _summed(listed, (counts == 1).astype(np.float64))) / n_items)


def entropy_of(listed: ListedItems) -> Aggregate:
    r""":func:`exposure_entropy` as :math:`\log_2 T - \frac1T \sum_i x_i \log_2 x_i`, with T places in all."""
    counts = listed.counts
    here, less = _x_log_x(counts), _x_log_x(counts - 1)
    total, sums = counts.sum(), here.sum()
    return Aggregate(
        float(_entropy(total, sums)), _entropy(total - listed.lengths, sums + _summed(listed, less - here))
    )


def simpson_of(listed: ListedItems) -> Aggregate:
    """:func:`exposure_simpson`."""
    counts = listed.counts.astype(np.float64)
    total, squares = counts.sum(), (counts**2).sum()
    left = squares - _summed(listed, 2 * counts - 1)
    return Aggregate(float(1 - _over(squares, total**2)), 1 - _over(left, (total - listed.lengths) ** 2))


def gini_of(listed: ListedItems) -> Aggregate:
    r""":func:`exposure_gini`, by :math:`\sum_{i<j} |x_i - x_j| = \sum_{t \ge 0} F_t (N - F_t)`, :math:`F_t` items shown t times or less.

    Without a user, the m of their items that were shown t + 1 times make :math:`F_t` grow by m, so the sum by
    :math:`m (N - 2 F_t) - m^2`.
    """
    counts = listed.counts
    n_items, total = len(counts), counts.sum()
    up_to = np.cumsum(np.bincount(counts, minlength=1))
    apart = (up_to * (n_items - up_to)).sum()
    lost = _summed(listed, np.where(counts > 0, n_items - 2 * up_to[np.maximum(counts - 1, 0)], 0).astype(np.float64))
    left = apart + lost - _squared_repeats(listed, counts)
    return Aggregate(float(_over(apart, n_items * total)), _over(left, n_items * (total - listed.lengths)))


def _squared_repeats(listed: ListedItems, counts: NDArray[np.int64]) -> Values:
    """For each user, Σ_t m_t² with m_t their items that were shown t times in all."""
    places = listed.matrix
    by_count = csr_array(
        (places.data.astype(np.float64), counts[places.indices], places.indptr.copy()),  # summing writes into it
        shape=(len(listed.users), int(counts.max(initial=0)) + 1),
    )
    by_count.sum_duplicates()
    return np.asarray(by_count.power(2).sum(axis=1), dtype=np.float64)


def _summed(listed: ListedItems, by_item: Values) -> Values:
    """For each user, the sum of ``by_item`` over their list."""
    return np.asarray(listed.matrix @ by_item, dtype=np.float64)


def _x_log_x(counts: NDArray[np.int64]) -> Values:
    positive = np.maximum(counts, 1).astype(np.float64)
    return np.asarray(positive * np.log2(positive), dtype=np.float64)


def _entropy(total: NDArray[np.int64] | np.int64, sums: Values | np.float64) -> Values:
    some = np.maximum(total, 1).astype(np.float64)
    return np.asarray(np.where(total > 0, np.maximum(np.log2(some) - sums / some, 0.0), np.nan), dtype=np.float64)


def _over(a: NDArray[np.generic] | np.generic, b: NDArray[np.generic] | np.generic) -> Values:
    """a / b, and NaN where lists show nothing."""
    top, bottom = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0), dtype=np.float64)
