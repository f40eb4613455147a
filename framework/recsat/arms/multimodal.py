"""Multimodal: text, pictures and whatever else an item has vectors of, fused and mapped to taste."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recsat.arms.aligned import AlignedText
from recsat.arms.attributes import packed, unpacked
from recsat.arms.linear.inner_products import item_vectors
from recsat.contract.arm import ArmState
from recsat.contract.interactions import TrainingData, UserBatch
from recsat.embed.fusion import fuse, shared_out


class MultimodalAligned(AlignedText):
    r"""Aligned text on fused vectors: :math:`e_i = [\sqrt{w_m}\, e_i^m]_m` in the place of the text's vector.

    See :func:`~recsat.embed.fusion.fuse` for e and :class:`~recsat.arms.aligned.AlignedText` for the map, which here
    also learns what a text says of pictures and a picture of texts. The text weighs ``text_share`` and the other
    modalities share the rest, unless ``weights`` gives a weight for each; all are found on validation. Without other
    modalities this is aligned text.

    The score is a sum of one inner product for each modality, so it retrieves from the named vectors that are stored
    anyway: one query for each, fused by the store, then rescored exactly.
    """

    def __init__(
        self,
        *,
        text_share: float = 0.75,
        weights: Mapping[str, float] | None = None,
        l2: float = 1.0,
        length_power: float = 0.5,
        popularity_power: float = 0.0,
    ) -> None:
        super().__init__(l2=l2, length_power=length_power, popularity_power=popularity_power)
        self.vector = None  # the score is over several stored vectors, for which ``queries`` asks
        if not 0 <= text_share <= 1:
            raise ValueError(f"text_share must lie between 0 and 1, not {text_share}")
        self.text_share = text_share
        self.weights = None if weights is None else dict(weights)

    def fit(self, train: TrainingData) -> Self:
        item_vectors(train, "text", "multimodal")
        self.shares = dict(shared_out(train.vectors, self.text_share) if self.weights is None else self.weights)
        fused = fuse(train.vectors, self.shares)
        self.modalities = {name: train.vectors[name] for name, share in self.shares.items() if share > 0}
        super().fit(replace(train, vectors={"text": fused}))
        return self

    def attributes(self) -> dict[str, Any]:
        """With the modalities' vectors, which the run has, in the place of the fused ones."""
        values = {name: value for name, value in vars(self).items() if name != "item_vectors"}
        return {**values, "modalities": packed(self.modalities)}

    def restore(self, state: ArmState) -> Self:
        values = unpacked(state)
        vectors = unpacked(values["modalities"])
        shares = {name: share for name, share in values["shares"].items() if share > 0}  # in the order of the parts
        vars(self).update(values, modalities={name: vectors[name] for name in shares})
        self.item_vectors = fuse(self.modalities, shares)
        return self

    def queries(self, users: UserBatch) -> Mapping[str, NDArray[np.float32]]:
        """A query for each modality: its part of the fused query. Its weight is in the norm, which ranks do not show."""
        ends = np.cumsum([vectors.shape[1] for vectors in self.modalities.values()])[:-1]
        parts = np.split(self.query_vectors(users), ends, axis=1)
        return dict(zip(self.modalities, parts, strict=True))

    def parts(self, users: UserBatch, items: NDArray[np.int64]) -> Mapping[str, NDArray[np.float32]]:
        """The inner product of each modality."""
        ends = np.cumsum([vectors.shape[1] for vectors in self.modalities.values()])[:-1]
        queries, vectors = (np.split(array, ends, axis=-1) for array in (self.query_vectors(users), self.item_vectors))
        return {
            name: np.einsum("ud,und->un", query, of_items[items])
            for name, query, of_items in zip(self.modalities, queries, vectors, strict=True)
        }
