"""The click rate of lists against the truth of simulated worlds, of which the log shows another policy."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recsat import Judged
from recsat.metrics import click_through_rate
from recsat.testing.simulate import (
    START,
    SimulatorSettings,
    World,
    dense_ids,
    log_exposures,
    make_world,
    popularity_policy,
    visit_rate,
)

TOPICS = ("a", "b", "c", "d", "e", "f")
K, CUT_DAY = 10, 20
SETTINGS = SimulatorSettings(n_users=2000, n_items=60, n_days=30, visits_per_day=0.1)


def weak_lists(world: World, seed: int) -> NDArray[np.int64]:
    """(U, K): the best items of a personal arm that sees satisfaction through noise."""
    noise = np.random.default_rng(seed).normal(0, 0.2, world.satisfaction.shape)
    return np.argsort(-(world.satisfaction + noise), axis=1)[:, :K]


def judged_of(world: World, listed: NDArray[np.int64]) -> Judged:
    """Clicks before the cut are known; who clicked after it is served, as in a run."""
    exposures = log_exposures(world, popularity_policy(world))
    clicks = exposures.filter("click").select(
        "user_id", "item_id", "timestamp", event=pl.lit("click"), value=pl.lit(None, pl.Float64)
    )
    known = pl.col("timestamp") <= START + timedelta(days=CUT_DAY)
    lists = pl.DataFrame(
        {
            "user_id": dense_ids("u", np.repeat(np.arange(len(listed)), K)),
            "item_id": dense_ids("i", listed.ravel()),
            "rank": np.tile(np.arange(1, K + 1), len(listed)),
        }
    )
    outcomes = clicks.filter(~known)
    served = outcomes["user_id"].unique().sort()
    lists = lists.filter(pl.col("user_id").is_in(served.implode()))
    return Judged(
        lists=lists,
        outcomes=outcomes,
        hits=outcomes.join(lists, on=["user_id", "item_id"]),
        users=served,
        history=clicks.filter(known),
        items=pl.DataFrame({"item_id": dense_ids("i", np.arange(world.settings.n_items)), "kind": "item"}),
        exposures=exposures,
    )


def true_rate(world: World, listed: NDArray[np.int64]) -> float:
    """Expected clicks per exposure of the log's visits if every place showed one of the user's list, each as often."""
    satisfied = np.take_along_axis(world.satisfaction, listed, axis=1).mean(axis=1)
    visits = visit_rate(world, popularity_policy(world))
    return float((visits * satisfied).sum() / visits.sum() * world.examination.mean())


def test_bias_is_under_two_per_cent_though_only_who_clicked_is_served() -> None:
    metric = click_through_rate(description="M.")
    estimates, truths = [], []
    for seed in range(24):
        world = make_world(TOPICS, SETTINGS.model_copy(update={"seed": seed}))
        listed = weak_lists(world, seed)
        judged = judged_of(world, listed)
        measured = metric.compute(judged)
        assert len(judged.users) < 0.95 * measured.height  # many clicked nothing
        estimates.append(float(measured["value"].to_numpy().mean()))
        truths.append(true_rate(world, listed))
    bias = np.mean(estimates) / np.mean(truths) - 1
    assert abs(bias) < 0.02
