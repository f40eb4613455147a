"""Text arms: the mean of the liked items' text vectors."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.attributes import SavedByAttributes
from recsat.arms.linear.inner_products import Representation, ScoredByVectors, item_vectors, text_vectors_name
from recsat.arms.linear.item_item import history_times
from recsat.arms.linear.leave_one_out import ROUNDING, contributions_of_cosine
from recsat.arms.linear.padded import factors_at, factors_of, reasons_by
from recsat.contract.arm import Reasons
from recsat.contract.interactions import TrainingData, UserBatch


class TextSimilarity(ScoredByVectors, SavedByAttributes):
    r"""Cosine of an item's text vector with the mean of the liked items' vectors.

    .. math:: q_u = \frac{\sum_{h \in H_u} e_h}{\|\sum_{h \in H_u} e_h\|}, \quad s_{ui} = q_u^\top e_i

    With ``vector="raw"`` e is as the encoder gave it, in which one common direction swamps the rest.
    With ``vector="text"`` the catalogue mean was subtracted first (Mu and Viswanath, ICLR 2018, step 1). ``representation`` says
    what reads the texts: see :data:`~recsat.arms.linear.inner_products.Representation`.
    """

    vector: str

    def __init__(self, *, vector: Literal["raw", "text"], representation: Representation = "model") -> None:
        name = text_vectors_name(representation)
        self.vector = name if vector == "text" else "raw" if representation == "model" else f"{name}-raw"

    def fit(self, train: TrainingData) -> Self:
        self.item_vectors = item_vectors(train, self.vector, "text")
        return self

    def query_vectors(self, users: UserBatch) -> NDArray[np.float32]:
        total = np.asarray(users.history @ self.item_vectors, dtype=np.float32)
        norms = np.linalg.norm(total, axis=1, keepdims=True)
        unit: NDArray[np.float32] = np.divide(total, norms, out=np.zeros_like(total), where=norms > 0)
        return unit

    def queries_by(self, items: Tensor, users: UserBatch) -> Tensor:
        return torch.nn.functional.normalize(history_times(users.history, items), dim=1)

    def explain(self, users: UserBatch, items: NDArray[np.int64]) -> Reasons:
        """The likest history item of those without which the score would be lower.

        Not simply the likest: a cosine may rise when an item is taken out of the mean, and then that item is no reason.
        """
        E = torch.from_numpy(self.item_vectors)
        of_history, listed = factors_of(users.history, E), factors_at(torch.from_numpy(items), E)
        likeness = of_history @ listed.mT
        idle = contributions_of_cosine(of_history, likeness) < ROUNDING
        return reasons_by(likeness.masked_fill(idle, 0.0), users, items, "similar")
