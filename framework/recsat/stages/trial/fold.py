"""One part of a split made ready for arms: what is known, who is served, what they went on to like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat.contract.domain import FilterContext
from recsat.contract.interactions import Catalogue, TrainingData, UserBatch, user_batch
from recsat.data.split import Split
from recsat.lists.filters import FilterPlan, plan_filters
from recsat.run.stage import StageContext
from recsat.stages.trial.users import with_markets, with_profiles


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

    @property
    def judged_with_history(self) -> NDArray[np.bool_]:
        """Which of ``users``, (n_users,), tell arms apart: the fallback serves those without a history, whatever the arm."""
        judged = pl.Series(self.users.ids, dtype=pl.String).is_in(self.relevant["user_id"].unique().implode())
        found: NDArray[np.bool_] = judged.to_numpy() & (np.diff(self.users.history.indptr) > 0)
        return found


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
        with_markets(context, user_batch(liked, liked["user_id"].unique().sort().to_list(), catalogue)),
        vectors,
        seed=config.seed,
    )
    plan = plan_filters(
        context.plugins.filters_of_run(domain, config.rank.filters),
        catalogue,
        served,
        filter_context(context, known),
        None if universe is None else catalogue.items["item_id"].is_in(universe.implode()).to_numpy(),
    )
    return Fold(
        train,
        with_profiles(context, with_markets(context, user_batch(liked, served, catalogue))),
        plan,
        _reachable(relevant, plan, served, catalogue),
        known,
        held_out,
    )


def filter_context(context: StageContext, known: pl.DataFrame) -> FilterContext:
    """What filters may look at when ``known`` events are all that has happened: nothing later than the last of them."""
    last = known["timestamp"].max()
    now = last if isinstance(last, datetime) else datetime.now(UTC)
    data = context.dataset
    so_far = (pl.col("timestamp") <= now) | pl.col("timestamp").is_null()
    return FilterContext(
        known=replace(
            data,
            events=known,
            exposures=None if data.exposures is None else data.exposures.filter(so_far),
            ties=None if data.ties is None else data.ties.filter(so_far),
        ),
        config=context.domain_config,
        now=now,
    )


def _reachable(relevant: pl.DataFrame, plan: FilterPlan, served: list[str], catalogue: Catalogue) -> pl.DataFrame:
    """``relevant`` without pairs that the run's own filters exclude: what was seen before, say, where `seen` is on."""
    rows = pl.Series(served).search_sorted(relevant["user_id"]).to_numpy()
    columns = catalogue.positions(relevant["item_id"])
    excluded = np.asarray(plan.excluded[rows, columns]).ravel() if relevant.height else np.zeros(0, dtype=bool)
    return relevant.filter(pl.Series(~excluded.astype(bool)))
