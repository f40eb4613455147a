"""The value that early stopping goes by: nDCG of the text arm on the validation parts, the catalogue embedded anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsat.arms.text import TextSimilarity
from recsat.data.split import Split
from recsat.embed.centre import centre
from recsat.lists.make import lists_of
from recsat.lists.request import Request
from recsat.run.stage import StageContext
from recsat.stages.trial.fold import Fold, validation_fold
from recsat.stages.trial.inputs import inputs_of
from recsat.stages.trial.request import request_of
from recsat.stages.trial.tune import validation_ndcg


@dataclass(frozen=True)
class Validation:
    """The validation part of every split that has one, made ready once for all epochs."""

    folds: dict[str, Fold]
    request: Request

    def values(self, vectors: NDArray[np.float32]) -> dict[str, float]:
        """``ndcg@k`` over splits and ``ndcg@k/<split>`` of each, with item ``vectors`` as encoded."""
        k = self.request.k
        centred, _ = centre(vectors)
        ndcg = {f"ndcg@{k}/{name}": self._ndcg(fold, centred) for name, fold in self.folds.items()}
        return {f"ndcg@{k}": sum(ndcg.values()) / len(ndcg), **ndcg}

    def _ndcg(self, fold: Fold, vectors: NDArray[np.float32]) -> float:
        fold = replace(fold, train=replace(fold.train, vectors={"text": vectors}))
        arm = TextSimilarity(vector="text").fit(fold.train)
        return validation_ndcg(lists_of(fold, "text", arm, self.request).lists, fold, self.request.k)


def validation_of(context: StageContext, splits: Sequence[Split]) -> Validation:
    """Folds of the splits whose validation part holds something that can be hit."""
    inputs = inputs_of(context, {})
    folds = {split.name: validation_fold(inputs, split) for split in splits if split.validation.height}
    return Validation(
        {name: fold for name, fold in folds.items() if fold.relevant.height},
        replace(request_of(context.config, context.domain), explain=False),
    )
