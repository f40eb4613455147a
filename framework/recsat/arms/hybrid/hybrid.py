"""The leading arm: item-item weights on warm items, texts mapped to taste on unseen ones, on one learnt scale."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.aligned import AlignedText
from recsat.arms.attributes import SavedByAttributes, packed, unpacked
from recsat.arms.ease_text import EaseText
from recsat.arms.hybrid.blend import Blend, HiddenScores, K, fit_blend, ndcg_of_hits, spread
from recsat.arms.hybrid.cold_start import ContentToCollaborative
from recsat.arms.hybrid.holdout import HoldOut, hold_out
from recsat.arms.hybrid.short_form import LowRankItemItem, factorise, latest_neighbours
from recsat.arms.ials_text import IalsText
from recsat.arms.linear.inner_products import Representation, item_vectors, text_vectors_name
from recsat.arms.linear.item_item import ItemItemRecommender
from recsat.arms.linear.padded import at_candidates, dense, reasons_by
from recsat.contract.arm import ArmState, Reasons
from recsat.contract.interactions import TrainingData, UserBatch

logger = logging.getLogger(__name__)

CELLS = 2**24  # user-item scores that calibration looks at: more users or items are sampled
RIDGES = (5.0, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # the first is taken where nothing tells them apart
RIDGE_ROUNDS = 6  # two leave as much to chance as lies between neighbours of RIDGES


class ScoredPart(Protocol):
    """What the hybrid needs of an arm."""

    def queries(self, users: UserBatch) -> Mapping[str, NDArray[np.float32]]: ...

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor: ...

    def state(self) -> ArmState: ...

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """What the score of list place k loses when history place h is taken away, (B, H, k)."""
        ...


class Hybrid(SavedByAttributes):
    r"""Warm items by EASE with a text prior, blended with aligned text; unseen items by :class:`~recsat.arms.hybrid.cold_start.ContentToCollaborative`.

    Above ``dense_limit`` items iALS with a text prior and plain aligned text take their places.

    The formula is :class:`~recsat.arms.hybrid.blend.Blend`'s. Its four numbers are learnt inside ``fit``: in each
    of ``rounds`` seeded splits a share ``held_out`` of the items and of the other likes is taken away, both arms are
    fitted on the rest, and the numbers that rank the held-out likes best are kept. Then both arms are fitted on everything.
    Offsets learnt so assume that an unseen item is as likely to be liked as any other.

    The ridge of aligned text is found in like manner (:func:`best_penalty`), unless ``aligned_l2`` fixes it: what suits 600 users
    of films is a hundred times too much for 4,000 of a gift shop.

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
        rounds: int = 4,
        dense_limit: int = 20_000,
        representation: Representation = "model",
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
        text_vectors_name(representation)
        self.representation = representation

    def fit(self, train: TrainingData) -> Self:
        rng = np.random.default_rng(train.seed)
        splits = (hold_out(train, share=self.held_out, rng=rng) for _ in range(self.rounds))
        self.penalty = best_penalty(train, self.held_out, rng, self.representation) if self.aligned_l2 is None else None
        self.blend_of_parts: Blend = fit_blend([self._evidence(split, rng) for split in splits])
        self.warm_part, self.text_part, self.unseen_part = self._parts(train)
        logger.info("hybrid: learnt %s, l2 of aligned text %s", self.blend_of_parts, self.text_part.l2)
        rows, columns = _sample(train, rng)
        users, columns = train.users.take(rows), columns[train.warm[columns]]
        self.warm_unit, self.text_unit, self.unseen_unit = (
            _unit(_at(part, users, columns), users, columns)
            for part in (self.warm_part, self.text_part, self.unseen_part)
        )
        self.warm = torch.from_numpy(train.warm)
        self.gain = torch.exp(self.blend_of_parts.popularity * _centred_log(train.popularity))
        self.low_rank: LowRankItemItem | None = None
        if isinstance(self.warm_part, ItemItemRecommender):
            self.low_rank = factorise(self.warm_part.weights * self.gain, seed=train.seed)
        return self

    def _parts(self, train: TrainingData) -> tuple[ScoredPart, AlignedText, ScoredPart]:
        """The arms that rank warm items, that are blended with them, and that rank unseen items."""
        if self.penalty is None:
            aligned = AlignedText(l2=self.aligned_l2 or RIDGES[0], representation=self.representation).fit(train)
        else:
            aligned = AlignedText(l2=RIDGES[0], representation=self.representation).fit_penalised(train, self.penalty)
        if len(train.catalogue) > self.dense_limit:
            return IalsText(representation=self.representation).fit(train), aligned, aligned
        ease = EaseText(
            l2=self.l2,
            prior=self.prior,
            text_l2=self.text_l2,
            session_share=self.session_share,
            session_seconds=self.session_seconds,
            representation=self.representation,
        ).fit(train)
        rows, columns = _sample(train, np.random.default_rng(train.seed))
        users = train.users.take(rows)
        return ease, aligned, ContentToCollaborative.fit(train, aligned, ease, users, columns[train.warm[columns]])

    def _evidence(self, split: HoldOut, rng: np.random.Generator) -> HiddenScores:
        warm_part, text_part, unseen_part = self._parts(split.train)
        rows, columns = _sample(split.train, rng)
        rows = rows[~split.train.users.is_new[rows]]
        users, hidden_likes = split.train.users.take(rows), split.hidden_likes[rows]
        warm, hidden = columns[split.train.warm[columns]], columns[split.hidden[columns]]
        per_user = _lengths(users).sqrt()[:, None]
        of_warm = [_at(part, users, warm) for part in (warm_part, text_part, unseen_part)]
        units = [_unit(scores, users, warm) * per_user for scores in of_warm]
        return HiddenScores(
            warm_scores=(of_warm[0] / units[0]).masked_fill_(dense(users.history[:, warm]) > 0, float("-inf")),
            text_scores=of_warm[1] / units[1],
            log_popularity=_centred_log(split.train.popularity)[torch.from_numpy(warm)],
            warm_liked=dense(hidden_likes[:, warm]),
            hidden_scores=_at(unseen_part, users, hidden) / units[2],
            hidden_liked=dense(hidden_likes[:, hidden]),
        )

    def attributes(self) -> dict[str, Any]:
        values = {**vars(self), "blend_of_parts": asdict(self.blend_of_parts)}
        values |= {name: getattr(self, name).state() for name in ("warm_part", "text_part", "unseen_part")}
        if self.low_rank is None:
            del values["unseen_part"]  # it is text_part
        else:
            values["low_rank"] = packed(vars(self.low_rank))
        return values

    def restore(self, state: ArmState) -> Self:
        values = unpacked(state)
        is_dense = values["low_rank"] is not None
        values["blend_of_parts"] = Blend(**values["blend_of_parts"])
        values["text_part"] = AlignedText().restore(values["text_part"])
        values["warm_part"] = (EaseText() if is_dense else IalsText()).restore(values["warm_part"])
        if is_dense:
            values["low_rank"] = LowRankItemItem(**unpacked(values["low_rank"]))
            values["unseen_part"] = ContentToCollaborative(**unpacked(values["unseen_part"]))
        else:
            values["unseen_part"] = values["text_part"]
        vars(self).update(values)
        return self

    def score(self, users: UserBatch, candidates: Tensor | None = None) -> Tensor:
        c = self.blend_of_parts
        text = self.text_part.score(users) / self.text_unit
        warm = (self.warm_part.score(users) / self.warm_unit + c.blend * text) * self.gain
        unseen = self.unseen_part.score(users) / self.unseen_unit
        scores = torch.where(self.warm, warm, c.offset * _lengths(users).sqrt()[:, None] + c.slope * unseen)
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)

    def parts(self, users: UserBatch, items: NDArray[np.int64]) -> Mapping[str, NDArray[np.float32]]:
        """Of a warm item what is liked together with the history and what its text says; of an unseen one its text and its head start."""
        c, places = self.blend_of_parts, torch.from_numpy(items)
        warm, gain = self.warm[places], self.gain[places]
        text = self.text_part.score(users).gather(1, places) / self.text_unit
        taste = self.warm_part.score(users).gather(1, places) / self.warm_unit
        unseen = self.unseen_part.score(users).gather(1, places) / self.unseen_unit
        parts = {
            "liked together": torch.where(warm, taste * gain, 0.0),
            "text": torch.where(warm, c.blend * text * gain, 0.0),
            "text of an unseen item": torch.where(warm, 0.0, c.slope * unseen),
            "offset of an unseen item": torch.where(warm, 0.0, c.offset * _lengths(users).sqrt()[:, None]),
        }
        return {name: part.to(torch.float32).numpy() for name, part in parts.items()}

    def queries(self, users: UserBatch) -> Mapping[str, NDArray[np.float32]]:
        """The texts mapped to taste for what is unseen, and ``taste``, a short form of the item-item weights, for the rest."""
        text = self.unseen_part.queries(users)
        if self.low_rank is None:
            return text
        return {**text, "taste": np.asarray(users.history @ self.low_rank.history, dtype=np.float32)}

    def stored_vectors(self) -> Mapping[str, NDArray[np.float32]]:
        return {} if self.low_rank is None else {"taste": self.low_rank.items}

    def neighbours(self, users: UserBatch, n: int) -> NDArray[np.int64] | None:
        """The strongest neighbours of the user's last items."""
        return None if self.low_rank is None else latest_neighbours(self.low_rank.neighbours, users, n)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The history item without which the score would be lowest, both parts together.

        An unseen item's score also loses a step of the offset, which may be negative: an item is named only where its text
        speaks for the listed one, and for more than that step.
        """
        c = self.blend_of_parts
        places = torch.from_numpy(items).clamp(min=0)
        text = self.text_part.losses(users, items) / self.text_unit
        warm = (self.warm_part.losses(users, items) / self.warm_unit + c.blend * text) * self.gain[places][:, None, :]
        n = _lengths(users)[:, None, None]
        step = c.offset * (n.sqrt() - (n - 1).clamp(min=0).sqrt())
        unseen = c.slope * self.unseen_part.losses(users, items) / self.unseen_unit
        unseen = torch.where(unseen > 0, unseen + step, 0.0)
        is_warm = self.warm[places]
        named = np.where(is_warm.numpy(), "because", "similar")
        return reasons_by(torch.where(is_warm[:, None, :], warm, unseen), users, items, named)


def best_penalty(
    train: TrainingData, share: float, rng: np.random.Generator, representation: Representation = "model"
) -> float:
    """The penalty, l2 times its unit, with which aligned text ranks items that were hidden from it best among themselves.

    That of :data:`RIDGES` with the best nDCG@10 of their likes, mean over :data:`RIDGE_ROUNDS` drawings of ``share`` of the items.
    The penalty and not l2 is what is kept for the whole data: how large M is to be expected does not depend on how many events are
    known. 0 where there are none.
    """
    totals, units = np.zeros(len(RIDGES)), np.zeros(RIDGE_ROUNDS)
    for drawing in range(RIDGE_ROUNDS):
        split = hold_out(train, share=share, rng=rng)
        rows, columns = _sample(split.train, rng)
        users, hidden = split.train.users.take(rows), columns[split.hidden[columns]]
        liked = dense(split.hidden_likes[rows][:, hidden])
        arm = AlignedText(representation=representation)
        vectors = torch.from_numpy(item_vectors(train, arm.text_vectors, "hybrid")[hidden])
        moments = arm.moments(split.train)
        units[drawing] = moments.unit
        for place, fitted in enumerate(arm.path(moments, RIDGES)):
            scores = torch.from_numpy(fitted.query_vectors(users)) @ vectors.T
            top = scores.topk(min(K, len(hidden)), dim=1).indices
            totals[place] += ndcg_of_hits(liked.gather(1, top), liked.sum(dim=1))
    return float(RIDGES[int(totals.argmax())] * units.mean())


def _sample(train: TrainingData, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Users and items to calibrate on: all of them while they make no more than :data:`CELLS` scores."""
    n_users, n_items = train.users.history.shape
    columns = np.sort(rng.permutation(n_items)[:20_000])
    rows = np.sort(rng.permutation(n_users)[: max(1, CELLS // max(len(columns), 1))])
    return rows, columns


def _at(part: ScoredPart, users: UserBatch, columns: NDArray[np.int64]) -> Tensor:
    """Scores of ``columns`` for each user, (n_users, n_columns); whole rows at a time, which beats gathering the items' vectors."""
    places = torch.from_numpy(columns)
    step = max(1, CELLS // max(1, users.history.shape[1]))
    blocks = [part.score(users.take(slice(start, start + step)))[:, places] for start in range(0, len(users), step)]
    return torch.cat(blocks) if blocks else torch.zeros(0, len(columns))


def _lengths(users: UserBatch) -> Tensor:
    return torch.from_numpy(users.lengths.astype(np.float32))


def _unit(scores: Tensor, users: UserBatch, columns: NDArray[np.int64]) -> float:
    """:func:`~recsat.arms.hybrid.blend.spread` of the scores of items in ``columns`` that the users have not met."""
    unmet = dense(users.history[:, columns]) == 0
    return spread(scores[unmet][:, None], _lengths(users)[:, None].expand_as(scores)[unmet])


def _centred_log(popularity: NDArray[np.float32]) -> Tensor:
    """log p minus its mean over warm items; 0 for unseen ones."""
    log = torch.log(torch.from_numpy(popularity).clamp(min=1))
    warm = torch.from_numpy(popularity > 0)
    return torch.where(warm, log - log[warm].mean(), torch.zeros(())) if bool(warm.any()) else log
