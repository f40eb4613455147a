"""Small worlds in which what an arm must find is known: histories, item vectors, nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.contract.interactions import Catalogue, TrainingData, UserBatch


def training_data(
    histories: NDArray[np.float32], vectors: NDArray[np.float32] | None = None, seed: int = 0
) -> TrainingData:
    """Training data of dense ``histories`` (users × items, 0 or 1).

    ``vectors`` (n_items, d) stand for the item vectors ``raw``, ``text`` and ``words``; None: there are none.
    """
    n_users, n_items = histories.shape
    items = pl.DataFrame(
        {
            "item_id": [f"i{i}" for i in range(n_items)],
            "kind": ["thing"] * n_items,
            "title": [f"Item {i}" for i in range(n_items)],
        }
    )
    users = UserBatch(ids=[f"u{u}" for u in range(n_users)], history=csr_array(histories.astype(np.float32)))
    named = {} if vectors is None else dict.fromkeys(("raw", "text", "words"), vectors)
    return TrainingData(Catalogue(items), users, named, seed=seed)


def checkerboard() -> TrainingData:
    """20 users × 20 items: even users like even items, odd users odd ones; user u has not met item u.

    The oracle of the implicit library's own tests: the one withheld item of a user's colour must come first.
    """
    histories = np.fromfunction(lambda u, i: (u % 2) == (i % 2), (20, 20)).astype(np.float32)
    np.fill_diagonal(histories, 0)
    parity = np.arange(20) % 2
    return training_data(histories, np.stack([parity == 0, parity == 1], axis=1).astype(np.float32))


def taste_groups() -> TrainingData:
    """60 users in three taste groups over 30 items, with noise; seeded."""
    rng = np.random.default_rng(7)
    group_u, group_i = np.arange(60) % 3, np.arange(30) % 3
    histories = rng.random((60, 30)) < np.where(group_u[:, None] == group_i, 0.6, 0.05)
    vectors = np.eye(3, 8, dtype=np.float32)[group_i] + 0.1 * rng.standard_normal((30, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return training_data(histories.astype(np.float32), vectors, seed=7)


def without_events_on(train: TrainingData, items: slice) -> TrainingData:
    """The same world in which nobody has used ``items`` yet."""
    unused = np.zeros(len(train.catalogue), dtype=np.bool_)
    unused[items] = True

    def used(matrix: csr_array | None) -> csr_array | None:
        if matrix is None:
            return None
        mask = ~unused[matrix.indices]
        indptr = np.concatenate([[0], np.cumsum(mask)])[matrix.indptr]
        return csr_array((matrix.data[mask], matrix.indices[mask], indptr), shape=matrix.shape)

    users = train.users
    history = used(users.history)
    assert history is not None
    left = replace(users, history=history, times=used(users.times), first_times=used(users.first_times))
    return replace(train, users=left)


def rated(train: TrainingData) -> TrainingData:
    """The same world with ratings: 5 for what a user liked, and 1 for about half of the rest; seeded."""
    liked = train.users.history.toarray() > 0
    rest = np.random.default_rng(3).random(liked.shape) < 0.5
    if not liked.diagonal().any():  # what the checkerboard withholds stays unknown
        np.fill_diagonal(rest, val=False)
    row, column = np.nonzero(liked | rest)
    values = np.where(liked[row, column], 5.0, 1.0)
    users = replace(train.users, ratings=csr_array((values, (row, column)), shape=liked.shape))
    return replace(train, users=users, raters=users)


def fashions(n_users: int = 300, seed: int = 3) -> TrainingData:
    """Users of two tastes, who like on a day of their own what is in fashion on it: item i, of the taste i mod 2, is liked around day 2.5 i of 100; seeded.

    What was liked most is of no use after the cut, day 100: whoever comes then likes the last items.
    """
    rng = np.random.default_rng(seed)
    n_items, day = 40, 86_400.0
    rows, columns, times = [], [], []
    for user in range(n_users):
        for moment in np.sort(rng.uniform(0, 100, 2)):
            weights = np.exp(-(((2.5 * np.arange(n_items) - moment) / 12) ** 2)) * np.where(
                np.arange(n_items) % 2 == user % 2, 1.0, 0.2
            )
            for item in rng.choice(n_items, 4, replace=False, p=weights / weights.sum()):
                rows.append(user)
                columns.append(item)
                times.append((moment + rng.uniform(0, 0.01)) * day)
    pairs = (
        pl.DataFrame({"row": rows, "column": columns, "time": times})
        .group_by("row", "column")
        .agg(last=pl.col("time").max(), first=pl.col("time").min())
        .sort("row", "column")
    )
    place, shape = (pairs["row"].to_numpy(), pairs["column"].to_numpy()), (n_users, n_items)
    train = training_data(csr_array((np.ones(pairs.height, dtype=np.float32), place), shape=shape).toarray(), seed=seed)
    last, first = (csr_array((pairs[name].to_numpy(), place), shape=shape) for name in ("last", "first"))
    users = replace(train.users, times=last, first_times=first, now=100 * day)
    return replace(train, users=users, now=100 * day)
