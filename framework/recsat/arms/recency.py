"""Recency: how much of an item's likes are recent, as a gain of its scores, chosen on windows before the cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recsat.arms.rolling import Judged, ndcg_of_order, ndcg_of_scores, simplest, surest, windows
from recsat.contract.arm import Recommender
from recsat.contract.interactions import TrainingData

DAY: Final = 86_400.0
HALVINGS: Final = 12
"""Half-lives that are tried: the span of the data halved so often, down to a day."""
GAMMAS: Final = (0.25, 0.5, 1.0, 2.0)
C: Final = 5.0
Counts = NDArray[np.float32]


def like_weights(times: csr_array, now: float, half_life: float) -> NDArray[np.float32]:
    r"""What each stored like is worth, :math:`2^{-(now - t) / h}`, float32 (n_likes,) in the order of ``times.data``.

    ``times`` is (n_users, n_items), seconds since 1970, ``half_life`` in seconds. A like later than ``now`` counts as one of now. Exponential decay
    (DecayPop: Ji et al., SIGIR 2020, "A Re-visit of the Popularity Baseline in Recommender Systems") and not a window, since then the order of
    items does not depend on ``now``: a list that is made long after the last event is as it was then.
    """
    return np.exp2(-np.maximum(now - times.data, 0.0) / half_life).astype(np.float32)


def decayed_counts(times: csr_array, now: float, half_life: float) -> Counts:
    """Likes of each item by their :func:`like_weights`, float32 (n_items,)."""
    weights = like_weights(times, now, half_life)
    return np.bincount(times.indices, weights, minlength=times.shape[1]).astype(np.float32)


def gain(recent: Counts, counts: Counts, gamma: float, c: float = C) -> Counts:
    r"""What an item's scores are multiplied with, :math:`\left(\frac{r_i + 1}{n_i + c}\right)^\gamma`, float32 (n_items,).

    ``recent`` are the likes r of late (:func:`decayed_counts`), ``counts`` all of them, n. The ratio is a smoothed share of the likes that are recent: it lifts what is liked
    now over what was once, and c is how many likes an item must have before its past speaks against it. A gamma of 0 leaves scores as they are.
    Measured in docs/recency.md.

    >>> gain(np.array([3.0, 0.0], dtype=np.float32), np.array([3.0, 11.0], dtype=np.float32), gamma=1.0)
    array([0.5   , 0.0625], dtype=float32)
    """
    return np.asarray(((recent + 1) / (counts + c)) ** gamma, dtype=np.float32)


@dataclass(frozen=True)
class Recency:
    """How an arm's scores follow the time: :func:`gain` of :func:`decayed_counts`."""

    half_life: float | None = None
    """Seconds; None: no gain."""
    gamma: float = 0.0
    c: float = C

    def gains(self, train: TrainingData) -> Counts | None:
        """At the moment of ``train``, float32 (n_items,); None where there is no gain, or the data have no times or no moment."""
        times = train.users.times
        if self.half_life is None or times is None or train.now is None:
            return None
        return gain(decayed_counts(times, train.now, self.half_life), train.popularity, self.gamma, self.c)


def half_lives(train: TrainingData) -> list[float]:
    """Half-lives in units of the data's span, seconds, the longest first: the whole span and its halves, a day at least; none without times or a moment."""
    times = train.users.times
    if times is None or train.now is None or not times.nnz:
        return []
    span = train.now - float(times.data.min())
    return [span / 2**k for k in range(HALVINGS) if span / 2**k >= DAY]


def choose_half_life(train: TrainingData, judged: Judged = "everybody") -> float | None:
    """The half-life of likes by which popularity ranks best on :func:`~recsat.arms.rolling.windows` before the cut, or the longest that ranks
    as well up to one standard error (:func:`~recsat.arms.rolling.simplest`); None is plain popularity. ``judged`` are those whom it is to serve.
    """
    settings = [None, *half_lives(train)]
    if len(settings) == 1:
        return None
    values = []
    for window in windows(train, judged):
        now, times = window.train.now, window.train.users.times
        assert now is not None
        assert times is not None
        ties = np.random.default_rng(train.seed).random(times.shape[1])
        counts = [window.train.popularity if one is None else decayed_counts(times, now, one) for one in settings]
        orders = [np.lexsort((ties, -of_setting)) for of_setting in counts]
        values.append([ndcg_of_order(order, window.users, window.liked).mean() for order in orders])
    return settings[simplest(np.array(values).T)] if values else None


def choose_gain(
    train: TrainingData,
    fit: Callable[[TrainingData], Recommender],
    *,
    gammas: Sequence[float] = GAMMAS,
    c: float = C,
) -> Recency:
    """The gain of an arm's scores that is surest on :func:`~recsat.arms.rolling.windows` before the cut; none unless it is surely better
    (:func:`~recsat.arms.rolling.surest`).

    ``fit`` gives the arm, without a gain, fitted on what was known where a window begins; it is called once for each. Users with a
    history are judged, since others are served by the fallback. No gain without times, or without a moment.
    """
    settings = [Recency(), *(Recency(one, gamma, c) for gamma in sorted(gammas) for one in half_lives(train)[1:])]
    values = []
    for window in windows(train, "with history") if len(settings) > 1 else ():
        scores = fit(window.train).score(window.users)
        gains = [one.gains(window.train) for one in settings]
        values.append(
            [
                ndcg_of_scores(
                    scores if of_setting is None else scores * torch.from_numpy(of_setting), window.users, window.liked
                ).mean()
                for of_setting in gains
            ]
        )
    return settings[surest(np.array(values).T)] if values else Recency()
