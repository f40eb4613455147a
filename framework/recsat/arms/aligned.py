"""Aligned text: item texts mapped to taste."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.bilinear import Moments, bilinear_moments, length_weights, solve_bilinear
from recsat.arms.linear.inner_products import (
    BLOCKS,
    Representation,
    ScoredByVectors,
    item_vectors,
    side_by_side,
    text_vectors_name,
)
from recsat.arms.linear.item_item import history_times
from recsat.arms.linear.padded import factors_at, factors_of, reasons_by
from recsat.arms.linear.transfer import IDENTITY, solve_towards
from recsat.contract.arm import ArmState, Reasons
from recsat.contract.interactions import TrainingData, UserBatch

BETTER = "chosen"
N_HOLD_OUTS = 2


class AlignedText(ScoredByVectors, SavedByAttributes):
    r"""Inner product of an item's text vector with the user's summed vectors, mapped by what users like together.

    .. math:: s_{ui} = \Bigl(\sum_{h \in H_u} e_h\Bigr)^{\!\top} M\, e_i

    M is the closed-form ridge of :func:`~recsat.arms.linear.bilinear.fit_bilinear`, user rows weighted by history length to
    the power -2·``length_power`` (row divided by its square root at the default), warm items by popularity to the power
    -``popularity_power``. An item needs a text and no event, so unseen items are ranked. The score is an inner product
    with the stored vectors of the texts: retrieval needs no second index. ``representation`` says what reads the texts; where it is ``both``,
    ``words_share`` is the words' (:func:`~recsat.arms.linear.inner_products.item_vectors`).

    ``prior="chosen"`` takes 0 or the identity, whichever is better on likes held out inside ``fit``, at five times its price.

    With ``prior`` M is drawn towards another map in the place of 0, for a catalogue that has few events yet: ``"identity"``
    for plain cosine of texts, or a file of :func:`~recsat.arms.linear.transfer.save_mapping` with what was learnt elsewhere.

    With ``sums``, a file of ``recsat federated merge``, it learns from those of several silos in the place of the training data
    (:mod:`recsat.arms.federated`).
    """

    vector: str | None

    def __init__(
        self,
        *,
        l2: float = 5.0,
        length_power: float = 0.5,
        popularity_power: float = 0.0,
        prior: str | None = None,
        representation: Representation = "model",
        words_share: float = 0.5,
        sums: str | None = None,
    ) -> None:
        if l2 <= 0:
            raise ValueError(f"l2 must be above 0, not {l2}: without it M is not unique")
        self.l2 = l2
        self.length_power = length_power
        self.popularity_power = popularity_power
        self.prior = prior
        self.text_vectors = self.vector = text_vectors_name(representation)
        self.words_share = words_share
        if sums is not None and (length_power, popularity_power, representation) != (0.5, 0.0, "model"):
            raise ValueError(
                "sums are made with length_power 0.5, popularity_power 0 and the model's vectors: leave these as they are"
            )
        if prior not in (None, BETTER, IDENTITY) and representation != "model":
            raise ValueError(f"prior {prior}: a map is of the model's vectors, and this arm reads {representation!r}")
        self.sums = sums

    def fit(self, train: TrainingData) -> Self:
        self.prior_in_use = self._better_prior(train) if self.prior == BETTER else self.prior
        moments, prior = self.moments(train), self.prior_in_use
        M = solve_bilinear(moments, self.l2) if prior is None else solve_towards(moments, self.l2, prior, train.encoder)
        self.mapping: NDArray[np.float32] = M.astype(np.float32)
        return self

    def _better_prior(self, train: TrainingData) -> str | None:
        """0 or the identity, by nDCG@10 of likes held out inside the training data; the identity where they are level, for that is where there is little to learn from."""
        # The hybrid is made of arms such as this one.
        from recsat.arms.hybrid.holdout import hold_outs, ndcg_of_hold_out

        likes_at_random, values = replace(train, protocol="random"), {None: 0.0, IDENTITY: 0.0}
        for split in hold_outs(likes_at_random, share=0.2, rounds=N_HOLD_OUTS, rng=np.random.default_rng(train.seed)):
            for prior in values:
                fitted = copy(self)
                fitted.prior = prior
                values[prior] += ndcg_of_hold_out(fitted.fit(split.train), split)
        return None if values[None] > values[IDENTITY] else IDENTITY

    def moments(self, train: TrainingData) -> Moments:
        """What the arm learns from."""
        self.item_vectors = item_vectors(train, self.text_vectors, "aligned", self.words_share)
        self.blocks = [train.vectors[block] for block in BLOCKS] if self.vector == "both" else []
        if self.sums is not None:
            from recsat.arms.federated import read_sums

            return read_sums(self.sums).moments(train, self.item_vectors)
        popularity = train.popularity.astype(np.float64)
        return bilinear_moments(
            train.users.history,
            self.item_vectors,
            user_weights=length_weights(train.users.history, 2 * self.length_power),
            item_weights=np.where(train.warm, popularity.clip(min=1) ** -self.popularity_power, 0.0),
        )

    def attributes(self) -> dict[str, Any]:
        """Of both blocks the run's vectors, which are known by their names."""
        values = super().attributes()
        blocks = values.pop("blocks", [])
        if blocks:
            del values["item_vectors"]
        return {**values, **dict(zip(BLOCKS, blocks, strict=False))}

    def restore(self, state: ArmState) -> Self:
        super().restore(state)
        self.blocks = [vars(self).pop(block) for block in BLOCKS if block in vars(self)]
        if self.blocks:
            text, words = self.blocks
            self.item_vectors = side_by_side(text, words, self.words_share)
        return self

    def stored_vectors(self) -> Mapping[str, NDArray[np.float32]]:
        """Those that no run has: both blocks side by side."""
        return {"both": self.item_vectors} if self.vector == "both" else {}

    def query_vectors(self, users: UserBatch) -> NDArray[np.float32]:
        sums = np.asarray(users.history @ self.item_vectors, dtype=np.float32)
        return sums @ self.mapping

    def queries_by(self, items: Tensor, users: UserBatch) -> Tensor:
        return history_times(users.history, items) @ torch.from_numpy(self.mapping).to(items.device)

    def losses(self, users: UserBatch, items: NDArray[np.int64]) -> Tensor:
        """e_h M e_i of each history item h and listed item i, (B, H, k), 0 where padded.

        The score is their sum, so it loses as much without h.
        """
        E, M = torch.from_numpy(self.item_vectors), torch.from_numpy(self.mapping)
        distinct, places = np.unique(items, return_inverse=True)  # of lists are fewer than of histories
        mapped = factors_at(torch.from_numpy(distinct), E) @ M.T
        return factors_of(users.history, E) @ factors_at(torch.from_numpy(places.reshape(items.shape)), mapped).mT

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The history item with the largest share of the score."""
        return reasons_by(self.losses(users, items), users, items, "similar")
