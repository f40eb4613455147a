"""Scores that are inner products, and the item vectors that an arm needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recsat.arms.linear.padded import PADDING, at_candidates
from recsat.arms.on_device import ScoredByTable
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.errors import RunError

Representation = Literal["model", "words", "permuted", "masked", "both"]
"""What reads the texts for an arm: the run's encoder; words without a model; two controls, the encoder's vectors handed to other
items, and its vectors of texts without their names; and both, the encoder's vectors with the words' beside them."""
TEXT_VECTORS: Mapping[Representation, str] = {
    "model": "text",
    "words": "words",
    "permuted": "permuted",
    "masked": "masked",
    "both": "both",
}
"""The centred item vectors of each representation, by the name that training data and store give them."""


def text_vectors_name(representation: Representation) -> str:
    """Raises ValueError for an unknown representation."""
    if representation not in TEXT_VECTORS:
        raise ValueError(f"representation must be one of {', '.join(TEXT_VECTORS)}, not {representation!r}")
    return TEXT_VECTORS[representation]


def item_vectors(train: TrainingData, name: str, arm: str, words_share: float = 0.5) -> NDArray[np.float32]:
    r"""The item vectors called ``name``; raises :class:`RunError` that names the arm and the stage that is missing.

    ``both`` are :math:`[\sqrt{1 - s}\, e^{\text{text}}, \sqrt{s}\, e^{\text{words}}]` with s = ``words_share``: inner products are the weighted mean of those of
    the two blocks, and a ridge on them is a ridge for each block, in the ratio of the shares.
    """
    if name == "both":
        text, words = (item_vectors(train, block, arm) for block in BLOCKS)
        return side_by_side(text, words, words_share)
    if name not in train.vectors:
        raise RunError(
            f"{arm} arm: the training data have no item vectors named {name!r}. Run the embed stage first, or leave the arm out."
        )
    return train.vectors[name]


BLOCKS = ("text", "words")


def side_by_side(text: NDArray[np.float32], words: NDArray[np.float32], words_share: float) -> NDArray[np.float32]:
    """The vectors ``both`` of :func:`item_vectors`."""
    if not 0 <= words_share <= 1:
        raise ValueError(f"words_share must lie in [0, 1], not {words_share}")
    return np.hstack([np.float32(np.sqrt(1 - words_share)) * text, np.float32(np.sqrt(words_share)) * words])


def inner_products(
    queries: Tensor, items: Tensor, candidates: Tensor | None = None, *, out: Tensor | None = None
) -> Tensor:
    """queries · items on the device of ``items``, (B, n_items), or at ``candidates`` (B, C) with -inf where padded, on theirs.

    Products of all items are written to ``out`` where it is given.
    """
    queries = queries.to(items.device)
    if candidates is None or 4 * candidates.shape[1] > len(items):
        scores = torch.mm(queries, items.T, out=out)  # one matrix product beats gathering a large share of the vectors
        return scores if candidates is None else at_candidates(scores.to(candidates.device), candidates)
    picked = items.to(candidates.device)[candidates.clamp(min=0)]
    scores = torch.einsum("bd,bcd->bc", queries.to(candidates.device), picked)
    return scores.masked_fill(candidates == PADDING, float("-inf"))


class ScoredByVectors(ScoredByTable):
    """Base of an arm whose score is the inner product of :meth:`query_vectors` with its item vectors."""

    item_vectors: NDArray[np.float32]

    def scored_by(self) -> Tensor:
        return torch.from_numpy(self.item_vectors)

    def queries_by(self, items: Tensor, users: UserBatch) -> Tensor:
        """:meth:`query_vectors` on the device of ``items``, the arm's item vectors there."""
        return torch.from_numpy(self.query_vectors(users)).to(items.device)

    def score(self, users: UserBatch, candidates: Tensor | None = None, *, out: Tensor | None = None) -> Tensor:
        """Those of the whole catalogue are written to ``out`` (n_users, n_items) where it is given, float32 on the device of :attr:`table`."""
        items = self.table
        on_cpu = items.device.type == "cpu"
        queries = torch.from_numpy(self.query_vectors(users)) if on_cpu else self.queries_by(items, users)
        return inner_products(queries, items, candidates, out=out if candidates is None else None)
