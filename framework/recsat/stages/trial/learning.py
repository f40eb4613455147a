"""How much an arm must have seen: accuracy by how many likes it learnt from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import polars as pl

from recsat.contract.domain import RecommenderSpec
from recsat.contract.interactions import TrainingData
from recsat.lists.make import lists_of
from recsat.lists.request import Request
from recsat.measure.accuracy import ndcg
from recsat.stages.trial.fitting import fitted_arm, without_choices
from recsat.stages.trial.fold import Fold

SHARES: Final = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Of the likes of the training data: each step is about three times the one before."""
LEARNING_SCHEMA = pl.Schema(
    {
        "arm": pl.String,
        "split": pl.String,
        "n_likes": pl.Int64,
        "share": pl.Float64,
        "user_id": pl.String,
        "value": pl.Float64,
    }
)


def first_users(train: TrainingData, share: float, seed: int) -> TrainingData:
    """The users who came first, in an order drawn by ``seed``: so many that they have ``share`` of all likes, and one at least.

    Whole histories, and so every smaller part lies in the larger ones. Raters are those among them.
    """
    users = train.users
    order = np.random.default_rng(seed).permutation(len(users))
    likes = np.cumsum(users.lengths[order])
    rows = np.sort(order[: int(np.searchsorted(likes, share * likes[-1])) + 1]) if len(users) else order
    raters = train.raters
    if raters is not None:
        among = raters.id_series.is_in(pl.Series([users.ids[row] for row in rows], dtype=pl.String).implode())
        raters = raters.take(np.flatnonzero(among.to_numpy()))
    return replace(train, users=users.take(rows), raters=raters)


def learning_curve(
    split: str, name: str, spec: RecommenderSpec, parameters: Mapping[str, Any], fold: Fold, request: Request
) -> pl.DataFrame:
    """nDCG@k of the judged users of ``fold`` who have a history, when the arm learnt from each of :data:`SHARES`; :data:`LEARNING_SCHEMA`.

    The users served are the same, with all that is known of them: what grows is what the arm has seen of everybody. ``parameters`` are what it was tuned to on
    the whole validation part, a favour to every arm that has any; what an arm chooses inside ``fit`` it chooses anew.
    """
    judged = fold.users.id_series.filter(pl.Series(fold.judged_with_history))
    parameters = without_choices(spec, parameters)
    tables = []
    for share in SHARES:
        train = first_users(fold.train, share, request.seed)
        part = replace(fold, train=train)
        lists = lists_of(part, name, fitted_arm(spec, parameters, train), replace(request, explain=False)).lists
        values = ndcg(lists, fold.relevant, judged, k=request.k)
        n_likes = int(train.users.history.nnz)
        tables.append(
            values.select(
                pl.lit(name).alias("arm"),
                pl.lit(split).alias("split"),
                pl.lit(n_likes, dtype=pl.Int64).alias("n_likes"),
                pl.lit(share).alias("share"),
                "user_id",
                "value",
            )
        )
    return pl.concat(tables).match_to_schema(LEARNING_SCHEMA)
