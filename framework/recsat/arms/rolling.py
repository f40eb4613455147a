"""Rolling windows before a cut: what was known at an earlier moment, and what users went on to like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.contract.interactions import TrainingData, UserBatch

ORIGINS: Final = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the likes, in time, that are known where the windows begin. Each is judged by everything up to the cut, since nobody knows for how long
a fit will serve: the first window looks far ahead, the last one near."""
MOST_USERS: Final = 1_000
"""Users who are judged in a window, at most; more are drawn at random."""
PLACES: Final = 10
FEWEST_WINDOWS: Final = 3
"""Below it no error between windows can be told."""


Judged = Literal["everybody", "with history", "new"]


@dataclass(frozen=True)
class Window:
    """What was known at ``train.now``, and what users went on to like."""

    train: TrainingData
    """Without ratings, which have no times."""
    users: UserBatch
    """Who is judged, with what they had liked before."""
    liked: csr_array
    """(n_users, n_items) bool: what they liked up to the cut and had not liked before, at least one item each."""


def windows(
    train: TrainingData,
    judged: Judged = "everybody",
    origins: Sequence[float] = ORIGINS,
) -> Iterator[Window]:
    """A window for each of ``origins``, as far as likes lie on both sides of its moment; none without times or a moment ``now``.
    ``judged`` says who counts: everybody, or those of whom something was known where the window begins, or nothing.

    A pair that was liked several times counts as known from its first time on (``first_times``), and its last time before the window
    is the last of all where that is earlier, else the first. Users are drawn by ``train.seed``.
    """
    users = train.users
    if users.times is None or train.now is None or not users.history.nnz:
        return
    last, first = users.times.data, _aligned(users)
    moments = np.quantile(np.concatenate([first, last]), origins, method="higher")
    for place, moment in enumerate(moments):
        if place and moment == moments[place - 1]:
            continue
        known = first < moment
        if not known.any():
            continue
        before = _at(users, known, np.where(last < moment, last, first)[known], float(moment))
        earlier, liked = replace(train, users=before, raters=None, now=float(moment)), _pattern(users, ~known)
        of_kind = {
            "everybody": np.ones(len(before), dtype=np.bool_),
            "with history": ~before.is_new,
            "new": before.is_new,
        }
        rows = np.flatnonzero((np.diff(liked.indptr) > 0) & of_kind[judged])
        yield from _window(earlier, liked, rows, train.seed + place)


def _window(train: TrainingData, liked: csr_array, rows: NDArray[np.int64], seed: int) -> Iterator[Window]:
    if len(rows) > MOST_USERS:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_USERS])
    has_history = np.flatnonzero(~train.users.is_new)
    if len(rows):
        yield Window(replace(train, users=train.users.take(has_history)), train.users.take(rows), liked[rows])


def _aligned(users: UserBatch) -> NDArray[np.float64]:
    """First times of the stored likes, in their order; where they are not known, the last ones."""
    times, first = users.times, users.first_times
    assert times is not None
    if first is None:
        return np.asarray(times.data)
    if np.array_equal(first.indptr, times.indptr) and np.array_equal(first.indices, times.indices):
        return np.asarray(first.data)
    # Whoever holds out likes of the training data need not think of the first times of what is left.
    of_first, of_times = _keys(first), _keys(times)
    order = np.argsort(of_first)
    return np.asarray(first.data[order[np.searchsorted(of_first, of_times, sorter=order)]])


def _keys(matrix: csr_array) -> NDArray[np.int64]:
    rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr))
    return rows * matrix.shape[1] + matrix.indices


def _pattern(users: UserBatch, mask: NDArray[np.bool_]) -> csr_array:
    """The stored likes under ``mask``, as bools."""
    history = users.history
    indptr = np.concatenate([[0], np.cumsum(mask)])[history.indptr]
    return csr_array((np.ones(int(mask.sum()), dtype=np.bool_), history.indices[mask], indptr), shape=history.shape)


def _at(users: UserBatch, mask: NDArray[np.bool_], times: NDArray[np.float64], now: float) -> UserBatch:
    """``users`` with the likes under ``mask`` alone, at these ``times``."""
    pattern = _pattern(users, mask)
    dated = csr_array((times, pattern.indices, pattern.indptr), shape=pattern.shape)
    return replace(users, history=pattern.astype(np.float32), times=dated, first_times=None, ratings=None, now=now)


def ndcg_of_scores(scores: Tensor, users: UserBatch, liked: csr_array) -> NDArray[np.float64]:
    r"""nDCG@10 of each user of a window, (n_users,), over the items that they had not liked before.

    ``scores`` is float32 (n_users, n_items). Gains are 0 or 1, the discount of rank r is :math:`1 / \log_2(r + 1)` (Järvelin and Kekäläinen, TOIS 2002).
    """
    seen = torch.from_numpy(users.history.toarray() > 0)
    top = scores.masked_fill(seen, float("-inf")).topk(min(PLACES, scores.shape[1]), dim=1).indices
    hits = torch.from_numpy(liked.toarray()).gather(1, top).numpy()
    return _ndcg(hits, np.diff(liked.indptr))


def ndcg_of_order(order: NDArray[np.int64], users: UserBatch, liked: csr_array) -> NDArray[np.float64]:
    """:func:`ndcg_of_scores` where everybody is shown the same ``order`` of the items, (n_items,), best first."""
    seen_items = int(users.lengths.max(initial=0))
    head = order[: PLACES + seen_items]  # below it nobody's first places can lie
    new = users.history[:, head].toarray() == 0
    rank = np.cumsum(new, axis=1)
    listed = new & (rank <= PLACES)
    hits = np.zeros((len(users), PLACES), dtype=np.bool_)
    row, place = np.nonzero(listed & liked[:, head].toarray())
    hits[row, rank[row, place] - 1] = True
    return _ndcg(hits, np.diff(liked.indptr))


def _ndcg(hits: NDArray[np.bool_], n_liked: NDArray[np.int64]) -> NDArray[np.float64]:
    discounts = 1 / np.log2(np.arange(2, PLACES + 2))
    ideal = np.cumsum(discounts)[np.minimum(n_liked, PLACES) - 1]
    return np.asarray(hits @ discounts[: hits.shape[1]] / ideal, dtype=np.float64)


def simplest(values: NDArray[np.float64]) -> int:
    r"""The first setting that is within one standard error of the best: :math:`\bar d \le s_d / \sqrt n`.

    ``values`` is (n_settings, n_windows), settings from simple to special and larger better; d are the differences of the best from a setting, window by window.
    Breiman et al., Classification and Regression Trees (1984), section 3.4.3, paired. With fewer than :data:`FEWEST_WINDOWS` the first stays.

    >>> simplest(np.array([[0.1, 0.2, 0.1], [0.2, 0.3, 0.3], [0.2, 0.4, 0.2]]))
    1
    """
    n = values.shape[1]
    if n < FEWEST_WINDOWS:
        return 0
    losses = values[values.mean(axis=1).argmax()] - values
    return int(np.argmax(losses.mean(axis=1) <= losses.std(axis=1, ddof=1) / np.sqrt(n)))


def surest(values: NDArray[np.float64]) -> int:
    r"""The setting whose gain over the first, the simplest one, is surest, by :math:`\bar d - s_d / \sqrt n`; the first unless some setting's gain is
    above two standard errors, :math:`\bar d > 2 s_d / \sqrt n`.

    ``values`` is (n_settings, n_windows), larger is better, and d are a setting's differences from the first, window by window. It asks more than
    :func:`simplest`: for choices in which the first does no harm, and among settings so many that one is always a little better by chance. With fewer
    than :data:`FEWEST_WINDOWS` windows the first stays.

    >>> surest(np.array([[0.1, 0.1, 0.1], [0.2, 0.3, 0.2], [0.9, 0.0, 0.1]]))
    1
    """
    n = values.shape[1]
    if n < FEWEST_WINDOWS:
        return 0
    gains = values - values[0]
    mean, error = gains.mean(axis=1), gains.std(axis=1, ddof=1) / np.sqrt(n)
    return int(np.argmax(mean - error)) if (mean > 2 * error).any() else 0
