"""The bundled experiment is simulated, and this is how: what is in the file comes out of these lines again."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from recsat.testing.simulate import (
    SimulatorSettings,
    log_exposures,
    make_world,
    popularity_policy,
    satisfaction_policy,
)
from recsat_ecommerce.domain import ECOMMERCE, EXPERIMENT

N_USERS, N_DAYS, SEED = 2400, 21, 31


def simulated_experiment() -> pl.DataFrame:
    """(user_id, policy, timestamp, shown, clicks, spent, spent_before): a row for each user and day with a visit.

    A coin gives each user of a simulated world the popularity policy or a mildly personal one. One click in five is a purchase; users differ in what they spend, before and
    during the experiment alike.
    """
    settings = SimulatorSettings(n_users=N_USERS, n_items=60, n_days=N_DAYS, n_slots=3, visits_per_day=0.25, seed=SEED)
    world = make_world(tuple("abcdef"), settings)
    rng = np.random.default_rng([SEED, 9])
    policy = rng.permutation(np.arange(N_USERS) % 2)
    purse = rng.lognormal(2, 0.5, N_USERS)
    before = purse * rng.poisson(1.5, N_USERS)
    logs = [
        log_exposures(world, probabilities, name, seed=i).filter(
            pl.col("user_id").str.slice(1).cast(pl.Int64).is_in(np.flatnonzero(policy == i).tolist())
        )
        for i, (name, probabilities) in enumerate(
            (("popular", popularity_policy(world)), ("personal", satisfaction_policy(world, 2.5)))
        )
    ]
    rows = pl.concat(logs).sort("timestamp", "user_id", "position")
    user = rows["user_id"].str.slice(1).cast(pl.Int64).to_numpy()
    bought = rows["click"].to_numpy() & (rng.random(rows.height) < 0.2)
    spent = np.where(bought, purse[user] * rng.lognormal(0, 0.3, rows.height), 0.0)
    return (
        rows.with_columns(spent=spent, spent_before=before[user])
        .group_by("user_id", "policy", pl.col("timestamp").dt.truncate("1d"))
        .agg(
            shown=pl.len().cast(pl.Int64),
            clicks=pl.col("click").sum().cast(pl.Int64),
            spent=pl.col("spent").sum().round(2),
            spent_before=pl.col("spent_before").first().round(2),
        )
        .sort("timestamp", "user_id")
    )


def test_the_bundled_file_is_what_is_simulated_here() -> None:
    bundled = pl.read_csv(EXPERIMENT, try_parse_dates=True)
    simulated = simulated_experiment()
    assert bundled.columns == simulated.columns
    for name in ("user_id", "policy", "shown", "clicks"):
        assert bundled[name].to_list() == simulated[name].to_list()
    for name in ("spent", "spent_before"):
        assert bundled[name].to_numpy() == pytest.approx(simulated[name].to_numpy(), abs=0.011)


def test_the_demo_shows_it_and_calls_it_simulated() -> None:
    experiment = ECOMMERCE.demo["measure"]["experiment"]
    assert experiment["simulated"] is True
    assert experiment["file"] == str(EXPERIMENT)
    assert {metric["dimension"] for metric in experiment["metrics"].values()} == {"behaviour", "business"}
