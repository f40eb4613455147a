"""One part of a split made ready for arms: what is known, who is served, what they went on to like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.data.split import Split
from recsat.domain import FilterContext
from recsat.rank.filters import FilterPlan, plan_filters
from recsat.recommend.interactions import Catalogue, TrainingData, UserBatch, user_batch
from recsat.run.stage import StageContext


@dataclass(frozen=True)
class Fold:
    """Arms learn from ``train``, serve ``users`` under ``plan``, and are judged on ``relevant`` (user_id, item_id).

    Every user with a liked held-out event is served; those all of whose liked items are excluded are not judged.
    """

    train: TrainingData
    users: UserBatch
    plan: FilterPlan
    relevant: pl.DataFrame
    known: pl.DataFrame
    """Events before the cut."""
    held_out: pl.DataFrame
    """Events after it, liked or not."""


def validation_fold(context: StageContext, split: Split, vectors: Mapping[str, NDArray[np.float32]]) -> Fold:
    """Known: the training part. Judged: the validation part."""
    return _fold(context, split.train, split.validation, split.validation_items, vectors)


def test_fold(context: StageContext, split: Split, vectors: Mapping[str, NDArray[np.float32]]) -> Fold:
    """Known: training and validation part. Judged: the test part."""
    return _fold(context, pl.concat([split.train, split.validation]), split.test, split.test_items, vectors)


def _fold(
    context: StageContext,
    known: pl.DataFrame,
    held_out: pl.DataFrame,
    universe: pl.Series | None,
    vectors: Mapping[str, NDArray[np.float32]],
) -> Fold:
    catalogue, domain, config = context.catalogue, context.domain, context.config
    liked = known.filter(domain.positive)
    relevant = held_out.filter(domain.positive).select("user_id", "item_id").unique()
    served = relevant["user_id"].unique().sort().to_list()
    train = TrainingData(
        catalogue,
        user_batch(liked, liked["user_id"].unique().sort().to_list(), catalogue),
        vectors,
        seed=config.seed,
    )
    last = known["timestamp"].max()
    now = last if isinstance(last, datetime) else datetime.now(UTC)
    plan = plan_filters(
        context.plugins.filters_of_run(domain, config.rank.filters),
        catalogue,
        served,
        FilterContext(known=replace(context.dataset, events=known), config=context.domain_config, now=now),
        None if universe is None else catalogue.items["item_id"].is_in(universe.implode()).to_numpy(),
    )
    return Fold(
        train,
        user_batch(liked, served, catalogue),
        plan,
        _reachable(relevant, plan, served, catalogue),
        known,
        held_out,
    )


def _reachable(relevant: pl.DataFrame, plan: FilterPlan, served: list[str], catalogue: Catalogue) -> pl.DataFrame:
    """``relevant`` without pairs that the run's own filters exclude: what was seen before, say, where `seen` is on."""
    rows = pl.Series(served).search_sorted(relevant["user_id"]).to_numpy()
    columns = catalogue.positions(relevant["item_id"])
    excluded = np.asarray(plan.excluded[rows, columns]).ravel() if relevant.height else np.zeros(0, dtype=bool)
    return relevant.filter(pl.Series(~excluded.astype(bool)))
