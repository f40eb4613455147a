"""The leading arm: item-item weights on warm items, aligned text on unseen ones, on one learnt scale."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.recommend.aligned import AlignedText
from recsat.recommend.calibration import Calibration, Evidence, K, calibrate, ndcg_of_hits, spread
from recsat.recommend.ease_text import EaseText
from recsat.recommend.gather import PADDING, at_candidates, dense, padded_rows, strongest
from recsat.recommend.holdout import HoldOut, hold_out
from recsat.recommend.interactions import TrainingData, UserBatch
from recsat.recommend.itemitem import ItemItemRecommender
from recsat.recommend.recommender import Reasons, Recommender
from recsat.recommend.taste import Taste, factorise, latest_neighbours

logger = logging.getLogger(__name__)

CELLS = 2**24  # user-item scores that calibration looks at: more users or items are sampled
RIDGES = (0.1, 0.3, 1.0, 3.0, 5.0, 10.0, 30.0)


class Part(Protocol):
    """What the hybrid needs of an arm: scores that are sums of shares of the history's items."""

    def queries(self, users: UserBatch) -> Mapping[str, NDArray[np.float32]]: ...

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor: ...

    def shares(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """What history place h adds to the score of list place k, (B, H, k)."""
        ...

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """What the score of list place k loses when history place h is taken away, (B, H, k)."""
        ...


class Hybrid(Recommender):
    r"""Warm items by EASE with a text prior (iALS with a text prior above ``dense_limit`` items), unseen items by aligned text.

    The formula is :class:`~recsat.recommend.calibration.Calibration`'s. Its four numbers are learnt inside ``fit``: in each
    of ``rounds`` seeded splits a share ``held_out`` of the items and of the other likes is taken away, both arms are
    fitted on the rest, and the numbers that rank the held-out likes best are kept. Then both arms are fitted on everything.
    Offsets learnt so assume that an unseen item is as likely to be liked as any other.

    The ridge of aligned text is found there as well, unless ``aligned_l2`` fixes it: the one of :data:`RIDGES` that ranks
    the hidden items best among themselves. What suits 600 users of films is ten times too much for 4,000 of a gift shop.

    Likes close in time count more in the item-item weights where the data have times (``session_share``).
    """

    def __init__(
        self,
        *,
        l2: float = 30.0,
        prior: float = 150.0,
        text_l2: float = 1.0,
        aligned_l2: float | None = None,
        session_share: float = 0.5,
        session_seconds: float = 600.0,
        held_out: float = 0.2,
        rounds: int = 2,
        dense_limit: int = 20_000,
    ) -> None:
        if not 0 < held_out < 1 or rounds < 1:
            raise ValueError(f"held_out must lie inside (0, 1) and rounds be at least 1, not {held_out} and {rounds}")
        self.l2 = l2
        self.prior = prior
        self.text_l2 = text_l2
        self.aligned_l2 = aligned_l2
        self.session_share = session_share
        self.session_seconds = session_seconds
        self.held_out = held_out
        self.rounds = rounds
        self.dense_limit = dense_limit

    def fit(self, train: TrainingData) -> Self:
        rng = np.random.default_rng(train.seed)
        splits = [hold_out(train, share=self.held_out, rng=rng) for _ in range(self.rounds)]
        self.ridge = best_ridge(splits, rng) if self.aligned_l2 is None else self.aligned_l2
        self.calibration: Calibration = calibrate([self._evidence(split, rng) for split in splits])
        logger.info("hybrid: learnt %s, ridge of aligned text %s", self.calibration, self.ridge)
        self.warm_part, self.text_part = self._parts(train)
        rows, columns = _sample(train, rng)
        self.warm_unit, self.text_unit = self._units(train.users.take(rows), columns[train.warm[columns]])
        self.warm = torch.from_numpy(train.warm)
        self.gain = torch.exp(self.calibration.popularity * _centred_log(train.popularity))
        self.taste: Taste | None = None
        if isinstance(self.warm_part, ItemItemRecommender):
            self.taste = factorise(self.warm_part.weights * self.gain, seed=train.seed)
        return self

    def _parts(self, train: TrainingData) -> tuple[Part, Part]:
        aligned = AlignedText(l2=self.ridge).fit(train)
        if len(train.catalogue) > self.dense_limit:
            from recsat.recommend.ials_text import IalsText

            return IalsText().fit(train), aligned
        ease = EaseText(
            l2=self.l2,
            prior=self.prior,
            text_l2=self.text_l2,
            session_share=self.session_share,
            session_seconds=self.session_seconds,
        )
        return ease.fit(train), aligned

    def _units(self, users: UserBatch, columns: NDArray[np.int64]) -> tuple[float, float]:
        """Spread of each part's scores of items that the users have not met."""
        lengths = _lengths(users)
        unmet = torch.from_numpy(users.history[:, columns].toarray() == 0)
        return _spread_where(_at(self.warm_part, users, columns), lengths, unmet), _spread_where(
            _at(self.text_part, users, columns), lengths, unmet
        )

    def _evidence(self, split: HoldOut, rng: np.random.Generator) -> Evidence:
        self.warm_part, self.text_part = self._parts(split.train)
        rows, columns = _sample(split.train, rng)
        rows = rows[np.diff(split.train.users.history.indptr)[rows] > 0]
        users, held = split.train.users.take(rows), split.held[rows]
        warm, hidden = columns[split.train.warm[columns]], columns[split.hidden[columns]]
        warm_unit, text_unit = self._units(users, warm)
        per_user = _lengths(users).sqrt()[:, None]
        met = dense(users.history[:, warm]) > 0
        return Evidence(
            warm_scores=(_at(self.warm_part, users, warm) / (warm_unit * per_user)).masked_fill(met, float("-inf")),
            text_scores=_at(self.text_part, users, warm) / (text_unit * per_user),
            log_popularity=_centred_log(split.train.popularity)[torch.from_numpy(warm)],
            warm_liked=dense(held[:, warm]),
            hidden_scores=_at(self.text_part, users, hidden) / (text_unit * per_user),
            hidden_liked=dense(held[:, hidden]),
        )

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        c = self.calibration
        text = self.text_part.score(users) / self.text_unit
        warm = (self.warm_part.score(users) / self.warm_unit + c.blend * text) * self.gain
        scores = torch.where(self.warm, warm, c.offset * _lengths(users).sqrt()[:, None] + c.slope * text)
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def queries(self, users: UserBatch) -> Mapping[str, NDArray[np.float32]]:
        """``text`` mapped to taste for what is unseen, and ``taste``, a short form of the item-item weights, for the rest."""
        text = self.text_part.queries(users)
        if self.taste is None:
            return text
        return {**text, "taste": np.asarray(users.history @ self.taste.history, dtype=np.float32)}

    def stored_vectors(self) -> Mapping[str, NDArray[np.float32]]:
        return {} if self.taste is None else {"taste": self.taste.items}

    def neighbours(self, users: UserBatch, n: int) -> NDArray[np.int64] | None:
        """The strongest neighbours of the user's last items."""
        return None if self.taste is None else latest_neighbours(self.taste.neighbours, users, n)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The history item without which the score would be lowest, both parts together.

        An unseen item's score also loses a step of the offset, which may be negative: an item is named only where its text
        speaks for the listed one, and for more than that step.
        """
        c = self.calibration
        history = padded_rows(users.history)
        places = torch.from_numpy(items).clamp(min=0)
        text = self.text_part.losses(users, items) / self.text_unit
        warm = (self.warm_part.losses(users, items) / self.warm_unit + c.blend * text) * self.gain[places][:, None, :]
        n = _lengths(users)[:, None, None]
        step = c.offset * (n.sqrt() - (n - 1).clamp(min=0).sqrt())
        unseen = torch.where(c.slope * text > 0, c.slope * text + step, 0.0)
        is_warm = self.warm[places]
        because = strongest(torch.where(is_warm[:, None, :], warm, unseen), history)
        because = np.where(items == PADDING, PADDING, because)
        named = np.where(is_warm.numpy(), "because", "similar")
        return Reasons(code=np.where(because >= 0, named, "taste"), item=because)


def best_ridge(splits: Sequence[HoldOut], rng: np.random.Generator, ridges: Sequence[float] = RIDGES) -> float:
    """The l2 with which aligned text ranks the hidden items of ``splits`` best among themselves, by nDCG@10 of held-out likes."""
    found = np.zeros(len(ridges))
    for split in splits:
        rows, columns = _sample(split.train, rng)
        users, hidden = split.train.users.take(rows), columns[split.hidden[columns]]
        liked = dense(split.held[rows][:, hidden])
        for place, arm in enumerate(AlignedText().path(split.train, ridges)):
            top = _at(arm, users, hidden).topk(min(K, len(hidden)), dim=1).indices
            found[place] += ndcg_of_hits(liked.gather(1, top), liked.sum(dim=1))
    return ridges[int(found.argmax())]


def _sample(train: TrainingData, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Users and items to calibrate on: all of them while they make no more than :data:`CELLS` scores."""
    n_users, n_items = train.users.history.shape
    columns = np.sort(rng.permutation(n_items)[:20_000])
    rows = np.sort(rng.permutation(n_users)[: max(1, CELLS // max(len(columns), 1))])
    return rows, columns


def _at(part: Part, users: UserBatch, columns: NDArray[np.int64]) -> Tensor:
    """Scores of ``columns`` for each user, (n_users, n_columns)."""
    return part.score(users, torch.from_numpy(columns).expand(len(users), -1))


def _lengths(users: UserBatch) -> Tensor:
    return torch.from_numpy(np.diff(users.history.indptr).astype(np.float32))


def _spread_where(scores: Tensor, lengths: Tensor, kept: Tensor) -> float:
    """:func:`~recsat.recommend.calibration.spread` of the kept places."""
    flat = scores[kept][:, None]
    return spread(flat, lengths[:, None].expand_as(scores)[kept])


def _centred_log(popularity: NDArray[np.float32]) -> Tensor:
    """log p minus its mean over warm items; 0 for unseen ones."""
    log = torch.log(torch.from_numpy(popularity).clamp(min=1))
    warm = torch.from_numpy(popularity > 0)
    return torch.where(warm, log - log[warm].mean(), torch.zeros(())) if bool(warm.any()) else log
