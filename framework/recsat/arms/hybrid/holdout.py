"""A validation split made inside fit: some items hidden, some likes held out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.contract.interactions import TrainingData


@dataclass(frozen=True)
class HoldOut:
    """``train`` without what was held out; ``held`` (n_users, n_items) is what was; ``hidden`` marks the items left without events."""

    train: TrainingData
    hidden_likes: csr_array
    hidden: NDArray[np.bool_]


def hold_out(train: TrainingData, *, share: float, rng: np.random.Generator) -> HoldOut:
    """Hides ``share`` of the warm items altogether, and ``share`` of each user's likes of the other items.

    A user's number of held-out likes is rounded by chance, so that short histories take part as well.
    """
    history = train.users.history
    warm = np.flatnonzero(train.warm)
    hidden = np.zeros(history.shape[1], dtype=bool)
    hidden[rng.permutation(warm)[: round(share * len(warm))]] = True
    of_hidden = hidden[history.indices]
    hidden_likes = of_hidden | _some_of_each_row(history, ~of_hidden, share, rng)
    times = train.users.times
    users = replace(
        train.users,
        history=_only(history, ~hidden_likes),
        times=None if times is None else _only(times, ~hidden_likes),
    )
    return HoldOut(replace(train, users=users), _only(history, hidden_likes), hidden)


def _some_of_each_row(
    matrix: csr_array, eligible: NDArray[np.bool_], share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """A mask over the stored entries: ``share`` of each row's eligible ones, drawn at random."""
    n_rows = matrix.shape[0]
    places = np.flatnonzero(eligible)
    rows = np.repeat(np.arange(n_rows), np.diff(matrix.indptr))[places]
    order = np.lexsort((rng.random(len(places)), rows))
    n = np.bincount(rows, minlength=n_rows)
    rank = np.arange(len(places)) - np.repeat(np.cumsum(n) - n, n)
    quota = np.floor(share * n + rng.random(n_rows)).astype(np.int64)
    mask = np.zeros(len(eligible), dtype=bool)
    mask[places[order]] = rank < np.repeat(quota, n)
    return mask


def _only(matrix: csr_array, mask: NDArray[np.bool_]) -> csr_array:
    """The stored entries where ``kept`` holds."""
    indptr = np.concatenate([[0], np.cumsum(mask)])[matrix.indptr]
    return csr_array((matrix.data[mask], matrix.indices[mask], indptr), shape=matrix.shape)
