"""What people build first: one text for the user, one for each item, and the cosine of what an encoder makes of the two."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.inner_products import ScoredByVectors, item_vectors
from recsat.contract.arm import Reasons
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.embed.centre import centre, subtract_mean
from recsat.errors import RunError


class UserText(ScoredByVectors, SavedByAttributes):
    r"""Cosine of the encoded ``describe_user`` text with the encoded ``describe_item`` text.

    .. math:: s_{ui} = \cos(f(\text{EncodeUser}(u)), f(\text{EncodeItem}(i)))

    With ``centred`` the mean of the catalogue's vectors is subtracted from both sides first. Nothing is learnt from events; they speak
    through the words of the history alone. Users without a text, and so all without a history, score -inf everywhere and are served by the
    fallback.

    A model that is kept has the encoded texts of everybody it knew beside the arm, and needs no encoder to serve them.
    """

    def __init__(self, *, centred: bool = False) -> None:
        self.centred = centred
        self.vector = "text" if centred else "raw"

    def fit(self, train: TrainingData) -> Self:
        raw = item_vectors(train, "raw", "text-user")
        self.item_vectors = raw
        if self.centred:
            self.item_vectors, self.mean = centre(raw)
        return self

    def score(self, users: UserBatch, candidates: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
        scores = super().score(users, candidates, out=out)
        without_text = torch.from_numpy(~self._texts(users).any(axis=1)).to(scores.device)
        return scores.masked_fill(without_text[:, None], float("-inf"))

    def query_vectors(self, users: UserBatch) -> NDArray[np.float32]:
        vectors = self._texts(users)
        return subtract_mean(vectors, self.mean) if self.centred else vectors

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The whole text speaks; no item of the history can be named without encoding the text anew without it."""
        return Reasons(code=np.full(items.shape, "taste"), item=np.full(items.shape, -1, dtype=np.int64))

    def _texts(self, users: UserBatch) -> NDArray[np.float32]:
        if users.text_vectors is None:
            raise RunError(
                "text-user arm: the users' texts were not embedded. Set reads_users in its RecommenderSpec, and run it in a run."
            )
        return users.text_vectors
