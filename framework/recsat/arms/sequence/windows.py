"""Histories in order of time, cut into padded windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recsat.arms.linear.order import tie_break
from recsat.arms.linear.padded import PADDING
from recsat.contract.interactions import UserBatch

POOL = 16
"""Batches that are sorted by length together."""


def in_order(users: UserBatch) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rows, items) of every history event, user by user, oldest first; without times by item index.

    Items of equal times are in an order that was drawn (:func:`~recsat.arms.linear.order.tie_break`).
    """
    history = users.history
    rows = np.repeat(np.arange(len(users)), np.diff(history.indptr))
    if users.times is None:
        order = np.lexsort((history.indices, rows))
    else:
        order = np.lexsort((tie_break(history.shape[1])[history.indices], users.times.data, rows))
    return rows[order], history.indices[order].astype(np.int64)


def shuffled(
    rows: NDArray[np.int64], items: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same events, each user's in an order drawn at random: all that can be said where there are no times."""
    order = np.lexsort((rng.random(len(rows)), rows))
    return rows[order], items[order]


def latest(rows: NDArray[np.int64], items: NDArray[np.int64], n_users: int, length: int) -> NDArray[np.int64]:
    """Each user's last ``length`` items, oldest first, (n_users, at most length), padded on the right with -1."""
    counts = np.bincount(rows, minlength=n_users)
    lengths = np.minimum(counts, length)
    return _padded(items, np.cumsum(counts) - lengths, lengths)


def windows(
    rows: NDArray[np.int64], items: NDArray[np.int64], n_users: int, length: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Every event in one window of its user's consecutive events, (n_windows, at most length), padded with -1.

    The cuts fall at a random offset, so that over the epochs every event is predicted from histories of every length.
    """
    counts = np.bincount(rows, minlength=n_users)
    first = np.where(counts > length, rng.integers(1, length + 1, n_users), length)  # length of a user's first window
    n_windows = np.where(counts > 0, 1 + np.ceil((counts - first).clip(min=0) / length), 0).astype(np.int64)
    user = np.repeat(np.arange(n_users), n_windows)
    nth = np.arange(len(user)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    start = np.where(nth == 0, 0, first[user] + (nth - 1) * length)
    stop = np.minimum(np.where(nth == 0, first[user], start + length), counts[user])
    return _padded(items, (np.cumsum(counts) - counts)[user] + start, stop - start)


def batches_of_like_length(window: NDArray[np.int64], size: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Row numbers of :func:`windows`, each once, in batches of about ``size`` whose rows are of like length, in an order that is drawn.

    Rows are drawn into pools of ``POOL`` batches and sorted by length within their pool alone, so that a batch is still nearly
    a sample of all: padding is computed and thrown away, and where most histories are short it is most of the work.
    """
    lengths = (window != PADDING).sum(axis=1)
    batches = np.array_split(rng.permutation(len(window)), -(-len(window) // size))
    for first in range(0, len(batches), POOL):
        pool = np.concatenate(batches[first : first + POOL])
        n_batches = len(batches[first : first + POOL])
        batches[first : first + POOL] = np.array_split(pool[np.argsort(lengths[pool], kind="stable")], n_batches)
    return [batches[i] for i in rng.permutation(len(batches))]


def trimmed(window: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of :func:`windows` without the columns that are padding in all of them: most histories are far shorter than the longest of an epoch."""
    return window[:, : int((window != PADDING).sum(axis=1).max(initial=0))]


def _padded(items: NDArray[np.int64], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    width = max(1, int(lengths.max(initial=0)))
    steps = np.arange(width)
    inside = steps < lengths[:, None]
    places = np.where(inside, starts[:, None] + steps, 0)
    if not len(items):
        return np.full(inside.shape, PADDING, dtype=np.int64)
    return np.where(inside, items[places], PADDING)
