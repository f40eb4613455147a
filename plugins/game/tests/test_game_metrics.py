"""Metrics against tables worked by hand, and click-through and retention against the truth of the simulation.

Lists: ann gets g1, g2, x1, bob; bob gets g1, g3; cem gets x1, x2; dia gets bob. The cut is at noon of day 0, times are days from
it, and the data end with day 40.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsat import DataError, Judged
from recsat.testing.simulate import return_probability
from recsat_game import metrics
from recsat_game.config import GameConfig
from recsat_game.sample import HOURS, Simulation, simulate

NOON = datetime(2024, 1, 10, 12, tzinfo=UTC)
EVENTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "user_id": pl.String,
    "item_id": pl.String,
    "event": pl.String,
    "value": pl.Float64,
    "timestamp": pl.Datetime("us", "UTC"),
}


def events(rows: list[tuple[str, str, str, float | None, float]]) -> pl.DataFrame:
    timed = [(*row[:4], NOON + timedelta(days=row[4])) for row in rows]
    return pl.DataFrame(timed, schema=EVENTS, orient="row")


LISTS = pl.DataFrame(
    [
        ("ann", "g1", 1, 0.9),
        ("ann", "g2", 2, 0.8),
        ("ann", "x1", 3, 0.7),
        ("ann", "user:bob", 4, 0.6),
        ("bob", "g1", 1, 0.9),
        ("bob", "g3", 2, 0.8),
        ("cem", "x1", 1, 0.9),
        ("cem", "x2", 2, 0.8),
        ("dia", "user:bob", 1, 0.9),
    ],
    schema=["user_id", "item_id", "rank", "score"],
    orient="row",
)
HISTORY = events([("ann", "g9", "play", 5.0, -3), ("eve", "g1", "play", 5.0, -1)])
OUTCOMES = events(
    [
        ("ann", "g1", "purchase", 39.99, 1.0),
        ("ann", "g1", "play", 3.0, 1.1),
        ("ann", "g1", "play", 1.5, 2.5),
        ("ann", "g9", "play", 8.0, 8.5),
        ("ann", "x1", "spend", 1.99, 9.5),
        ("ann", "x1", "spend", 1.99, 9.6),
        ("ann", "x9", "spend", 50.0, 9.7),
        ("bob", "g3", "view", None, 2.0),
        ("bob", "g3", "refund", None, 2.5),
        ("bob", "g9", "play", 2.0, 5.0),
        ("bob", "g9", "purchase", 20.0, 32.5),
        ("cem", "x2", "spend", 0.0, 20.0),
        ("cem", "g9", "play", 1.0, 40.0),
        ("dia", "user:bob", "invite", None, 39.5),
    ]
)
EXPOSURES = pl.DataFrame(
    [
        ("ann", "g1", 3.0, True),
        ("ann", "g2", 3.0, False),
        ("ann", "g2", 4.0, False),
        ("ann", "g9", 4.0, True),
        ("ann", "g1", -1.0, False),
        ("cem", "x1", 27.9, True),
        ("bob", "g9", 9.4, True),
    ],
    schema=["user_id", "item_id", "day", "click"],
    orient="row",
).select(
    "user_id",
    "item_id",
    "click",
    timestamp=pl.lit(NOON) + (pl.col("day") * 86400e6).cast(pl.Int64).cast(pl.Duration("us")),
    propensity=pl.lit(0.5),
)
ITEMS = pl.DataFrame(
    {
        "item_id": ["g1", "g2", "g3", "g9", "x1", "x2", "x9", "user:bob"],
        "kind": ["game"] * 4 + ["item"] * 3 + ["friend"],
    }
)


def judged(exposures: pl.DataFrame | None = EXPOSURES, config: GameConfig | None = None) -> Judged:
    return Judged(
        lists=LISTS,
        outcomes=OUTCOMES,
        hits=LISTS.join(OUTCOMES, on=["user_id", "item_id"]),
        users=pl.Series("user_id", ["ann", "bob", "cem", "dia"]),
        history=HISTORY,
        items=ITEMS,
        exposures=exposures,
        config=config,
    )


def compute(name: str, case: Judged) -> dict[str, float]:
    metric = {metric.name: metric for metric in metrics.METRICS}[name]
    return dict(metric.compute(case).select("user_id", "value").iter_rows())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # First hits: ann on day 1, bob on day 2, cem on day 20, dia on day 39.5.
        # Day 1 after them: ann played on 2.5; bob was away in [3, 4), cem in [21, 22). dia's window ends after the data do.
        ("retention_day_1", {"ann": 1.0, "bob": 0.0, "cem": 0.0}),
        # [8, 9): ann played at 8.5. [9, 10): bob was shown something at 9.4. [27, 28): cem was, at 27.9.
        ("retention_day_7", {"ann": 1.0, "bob": 1.0, "cem": 1.0}),
        # [31, 32): ann was away. [32, 33): bob bought at 32.5. cem's window ends on day 51.
        ("retention_day_30", {"ann": 0.0, "bob": 1.0}),
        # Within 14 days: ann in [2, 15), bob in [3, 16) at 5.0, cem in [21, 34) at 27.9.
        ("retention_window", {"ann": 1.0, "bob": 1.0, "cem": 1.0}),
        # ann: 3 + 1.5 hours of g1; g9 was not listed. bob and cem played, but nothing that was listed.
        ("play_time", {"ann": 4.5, "bob": 0.0, "cem": 0.0}),
        # Propensities are 1/2. After the cut ann clicked g1, one of two listed games: 1; cem clicked x1, one of two listed items: 1; g9 was
        # not listed. The exposure of day -1 does not come after the last known event, which is eve's of that day. 2 in 6 exposures is
        # 1/3, 2 for each user: ann 1/3 + (1 - 4/3) / 2, cem 1/3 + (1 - 1/3) / 2.
        ("rejection_rate", {"ann": 0.0, "bob": 1 / 2, "cem": 0.0, "dia": 0.0}),
        ("click_through_rate", {"ann": 1 / 6, "bob": 1 / 6, "cem": 2 / 3}),
        # ann bought g1; bob bought, but not what was listed; the lists of cem and dia have no games.
        ("conversion_rate", {"ann": 1.0, "bob": 0.0}),
        # ann spent 1.99 twice on x1; x9 was not listed. cem took x2 for nothing.
        ("item_spend", {"ann": 3.98, "bob": 0.0, "cem": 0.0, "dia": 0.0}),
        # ann: 39.99 and 3.98 on four places. What others bought cost nothing.
        ("value_per_thousand", {"ann": 10_992.5, "bob": 0.0, "cem": 0.0, "dia": 0.0}),
        # ann invited nobody listed; the lists of bob and cem have no people; dia invited bob.
        ("invite_rate", {"ann": 0.0, "dia": 1.0}),
        ("payer_rate", {"ann": 1.0, "bob": 0.0, "cem": 0.0, "dia": 0.0}),
    ],
)
def test_agrees_with_the_table_worked_by_hand(name: str, expected: Mapping[str, float]) -> None:
    assert compute(name, judged()) == pytest.approx(expected)


def test_every_metric_of_the_plugin_is_worked_by_hand() -> None:
    marks = test_agrees_with_the_table_worked_by_hand.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in marks[0].args[1]} == {metric.name for metric in metrics.METRICS}


@pytest.mark.parametrize(
    ("days", "expected"),
    # 3 days: ann in [2, 4), bob in [3, 5), cem in [21, 23). 20 days: cem's window ends on day 40, when the data do.
    [
        (3, {"ann": 1.0, "bob": 0.0, "cem": 0.0}),
        (20, {"ann": 1.0, "bob": 1.0, "cem": 1.0}),
        (21, {"ann": 1.0, "bob": 1.0}),
    ],
)
def test_the_window_of_retention_is_the_one_that_is_set(days: int, expected: Mapping[str, float]) -> None:
    assert compute("retention_window", judged(config=GameConfig(retention_days=days))) == expected


def test_retention_has_no_value_without_times() -> None:
    no_time = OUTCOMES.with_columns(timestamp=pl.lit(None, dtype=EVENTS["timestamp"]))
    case = replace(
        judged(exposures=None),
        outcomes=no_time,
        hits=LISTS.join(no_time, on=["user_id", "item_id"]),
        history=HISTORY.with_columns(timestamp=pl.lit(None, dtype=EVENTS["timestamp"])),
    )
    for name in ("retention_day_1", "retention_window"):
        assert compute(name, case) == {}


def test_click_through_needs_exposures_with_clicks() -> None:
    assert compute("click_through_rate", judged(exposures=None)) == {}
    with pytest.raises(DataError, match="no column 'click'"):
        compute("click_through_rate", judged(exposures=EXPOSURES.drop("click")))


def test_what_was_shown_before_the_cut_is_no_click_through() -> None:
    exposures = EXPOSURES.filter((pl.col("user_id") == "ann") & (pl.col("item_id") == "g1")).with_columns(
        click=pl.col("timestamp") < NOON
    )
    assert exposures["click"].to_list() == [False, True]
    assert compute("click_through_rate", judged(exposures=exposures)) == {}


COMPUTE = {metric.name: metric.compute for metric in metrics.METRICS}
N_USERS = 120


@pytest.fixture(scope="module")
def world() -> Simulation:
    return simulate(N_USERS, 60, 30, 1)


def of_the_world(world: Simulation, lists: pl.DataFrame) -> Judged:
    """Everything is held out and nothing known, so that all that was logged counts."""
    data = world.data
    return Judged(
        lists=lists.with_columns(rank=pl.lit(1), score=pl.lit(0.0)),
        outcomes=data.events,
        hits=lists.join(data.events, on=["user_id", "item_id"]),
        users=data.users["user_id"],
        history=data.events.clear(),
        items=data.items,
        exposures=data.exposures,
    )


def best_games(world: Simulation, n: int = 10) -> pl.DataFrame:
    best = np.argsort(-world.games.world.satisfaction, axis=1)[:, :n]
    return pl.DataFrame(
        {
            "user_id": [f"u{user:05}" for user in range(N_USERS) for _ in range(n)],
            "item_id": [f"g{game:05}" for game in best.ravel().tolist()],
        }
    )


def numbers(ids: pl.Series) -> list[int]:
    return ids.str.slice(1).cast(pl.Int64).to_list()


def test_click_through_agrees_with_the_truth_of_the_simulation_within_its_standard_error(world: Simulation) -> None:
    """Given what was shown where, a click is one draw with probability examination × satisfaction."""
    lists = best_games(world)
    measured = COMPUTE["click_through_rate"](of_the_world(world, lists))
    assert world.data.exposures is not None
    exposures = world.data.exposures.join(lists, on=["user_id", "item_id"], how="semi")
    truth = world.games.world
    satisfied = truth.satisfaction[numbers(exposures["user_id"]), numbers(exposures["item_id"])]
    chance = satisfied * truth.examination[exposures["position"].to_numpy() - 1]
    weight = 1 / (10 * exposures["propensity"].to_numpy() * world.data.exposures.height)
    assert measured.height == world.data.exposures["user_id"].n_unique()
    error = np.sqrt((weight**2 * chance * (1 - chance)).sum())
    assert error < 0.02
    assert abs(measured["value"].to_numpy().mean() - (weight * chance).sum()) < 4 * error


@pytest.mark.parametrize(
    ("name", "watched_days"),
    [("retention_day_1", 1), ("retention_day_7", 1), ("retention_day_30", 1), ("retention_window", 13)],
)
def test_retention_agrees_with_the_visits_of_the_simulation(world: Simulation, name: str, watched_days: int) -> None:
    """Visits are a Poisson process: whenever the first hit was, the chance of a visit in a later window is 1 − exp(−λt)."""
    metric = {metric.name: metric for metric in metrics.METRICS}[name]
    measured = metric.compute(of_the_world(world, best_games(world)))
    chance = return_probability(world.visits_per_day, watched_days)[numbers(measured["user_id"])]
    error = np.sqrt((chance * (1 - chance)).sum()) / len(chance)
    assert measured.height > 100
    assert abs(measured["value"].to_numpy().mean() - chance.mean()) < 4 * error


def test_sessions_of_play_last_as_long_as_the_simulation_says(world: Simulation) -> None:
    """Hours are exponential with mean ``HOURS × satisfaction``, so their standard deviation is that mean."""
    lists = best_games(world, n=60)
    measured = COMPUTE["play_time"](of_the_world(world, lists))
    plays = world.data.events.filter(pl.col("event") == "play")
    mean = HOURS * world.games.world.satisfaction[numbers(plays["user_id"]), numbers(plays["item_id"])]
    assert measured["value"].to_numpy().sum() == pytest.approx(plays["value"].to_numpy().sum())
    assert abs(measured["value"].to_numpy().sum() - mean.sum()) < 4 * np.sqrt((mean**2).sum())
