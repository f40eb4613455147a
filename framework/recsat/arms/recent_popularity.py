"""Popularity of late: the strongest cheap baseline on a timeline."""

from __future__ import annotations

import copy
from typing import Final, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.padded import at_candidates
from recsat.arms.on_device import ScoredByTable
from recsat.arms.recency import DAY, choose_half_life, like_weights
from recsat.arms.rolling import Judged
from recsat.contract.arm import Reasons
from recsat.contract.interactions import TrainingData, UserBatch

EVER: Final = 1e-6
"""What a like counts whenever it was: among items that nobody has liked for long, popularity decides."""

HalfLife = float | Literal["auto"] | None


class RecentPopularity(ScoredByTable, SavedByAttributes):
    r"""Score of an item = likes of it, each worth half as much for every half-life of its age; the same for every user.

    .. math:: s_i = \sum_{u} 2^{-(now - t_{ui}) / h}

    ``half_life`` is h in days; "auto" takes the one that ranks best on windows before the cut
    (:func:`~recsat.arms.recency.choose_half_life`), and None counts all likes alike. Where the data have no times, all times are one, or a split is no cut in time, the arm is
    popularity. DecayPop: Ji et al., SIGIR 2020.
    """

    def __init__(self, *, half_life: HalfLife = "auto") -> None:
        check_half_life(half_life)
        self.half_life = half_life
        self.seconds: float | None = None

    def fit(self, train: TrainingData) -> Self:
        self.seconds = half_life_seconds(self.half_life, train)
        return self._count(train)

    def recounted(self, train: TrainingData) -> Self:
        return copy.copy(self)._count(train)

    def _count(self, train: TrainingData) -> Self:
        self.counts = train.popularity
        weights = weighted_history(train, self.seconds)
        self.scores = torch.from_numpy(np.asarray(weights.sum(axis=0), dtype=np.float32).ravel())
        self.recent, self.days = recent_likers(train, self.seconds)
        return self

    def scored_by(self) -> Tensor:
        return self.scores

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        if candidates is None:
            return self.table.expand(len(users), -1)
        return at_candidates(self.table.to(candidates.device), candidates)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        return reasons_of_popularity(self.counts[items] > 0, self.recent[items], self.days)


def check_half_life(half_life: HalfLife) -> None:
    """Raises ValueError for a number that is none of days."""
    if not (half_life is None or half_life == "auto" or (isinstance(half_life, int | float) and half_life > 0)):
        raise ValueError(f"half_life must be a number of days above 0, auto or none, not {half_life!r}")


def half_life_seconds(half_life: HalfLife, train: TrainingData, judged: Judged = "everybody") -> float | None:
    """The setting in seconds, "auto" chosen on ``train`` for those who are ``judged``; None where likes count alike."""
    if isinstance(half_life, str):
        return choose_half_life(train, judged)
    return None if half_life is None else half_life * DAY


def weighted_history(train: TrainingData, half_life: float | None) -> csr_array:
    """The histories with what each like is worth at the moment of ``train``, float32 (n_users, n_items); 1 where likes count alike."""
    times = train.users.times
    if half_life is None or times is None or train.now is None:
        return train.users.history
    weights = like_weights(times, train.now, half_life) + np.float32(EVER)
    return csr_array((weights, times.indices, times.indptr), shape=times.shape)


def recent_likers(train: TrainingData, half_life: float | None) -> tuple[NDArray[np.int64], int]:
    """Users of each item who liked it within a half-life before the moment, (n_items,), and that many whole days; 0 where likes count alike."""
    times = train.users.times
    if half_life is None or times is None or train.now is None:
        return np.zeros(len(train.catalogue), dtype=np.int64), 0
    days = max(1, round(half_life / DAY))
    late = times.indices[times.data >= train.now - days * DAY]
    return np.bincount(late, minlength=times.shape[1]).astype(np.int64), days


def reasons_of_popularity(is_liked: NDArray[np.bool_], recent: NDArray[np.int64], days: int) -> Reasons:
    """``recent`` with its numbers where somebody liked the item of late, else ``popular``, or ``new`` where nobody ever did; all (n_users, k)."""
    code = np.where(recent > 0, "recent", np.where(is_liked, "popular", "new"))
    nothing = np.full(code.shape, -1, dtype=np.int64)
    return Reasons(code=code, item=nothing, n=recent, days=np.where(recent > 0, days, 0))
