"""The value that early stopping goes by: nDCG of the text arm on the validation parts, the catalogue embedded anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recsat.arms.popularity import Popularity
from recsat.arms.text import TextSimilarity
from recsat.data.split import Split
from recsat.embed.centre import centre
from recsat.lists.make import recommend
from recsat.lists.request import Request
from recsat.measure.accuracy import ndcg
from recsat.run.stage import StageContext
from recsat.stages.recommend import request_of
from recsat.stages.trial.fold import Fold, validation_fold


@dataclass(frozen=True)
class Validation:
    """The validation part of every split that has one, made ready once for all epochs."""

    folds: dict[str, Fold]
    request: Request

    def values(self, vectors: NDArray[np.float32]) -> dict[str, float]:
        """``ndcg@k`` over splits and ``ndcg@k/<split>`` of each, with item ``vectors`` as encoded."""
        k = self.request.k
        centred, _ = centre(vectors)
        found = {f"ndcg@{k}/{name}": self._ndcg(fold, centred) for name, fold in self.folds.items()}
        return {f"ndcg@{k}": sum(found.values()) / len(found), **found}

    def _ndcg(self, fold: Fold, vectors: NDArray[np.float32]) -> float:
        train = replace(fold.train, vectors={"text": vectors})
        made = recommend(
            "text",
            TextSimilarity(vector="text").fit(train),
            fold.users,
            train.catalogue,
            fold.plan,
            fallbacks=[Popularity().fit(train)],
            request=self.request,
        )
        judged = fold.relevant["user_id"].unique().sort()
        mean = ndcg(made.lists, fold.relevant, judged, k=self.request.k)["value"].mean()
        assert isinstance(mean, float)
        return mean


def validation_of(context: StageContext, splits: Sequence[Split]) -> Validation:
    """Folds of the splits whose validation part holds something that can be hit."""
    folds = {split.name: validation_fold(context, split, {}) for split in splits if split.validation.height}
    return Validation(
        {name: fold for name, fold in folds.items() if fold.relevant.height},
        replace(request_of(context), explain=False),
    )
