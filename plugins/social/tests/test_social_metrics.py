"""Metrics against tables worked by hand, and click-through against the truth of the simulation.

Lists: ann gets bob, cem, p1, p2; bob gets dia, eli; cem gets p3, p4. Before the cut: ann → bob, bob → cem, dia → ann.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsat import DataError, Judged
from recsat_social import metrics
from recsat_social.people import ties_of
from recsat_social.sample import simulate

NOON = datetime(2024, 1, 10, 12, tzinfo=UTC)
EVENTS: dict[str, pl.DataType | type[pl.DataType]] = {
    "user_id": pl.String,
    "item_id": pl.String,
    "event": pl.String,
    "value": pl.Float64,
    "timestamp": pl.Datetime("us", "UTC"),
}


def events(rows: list[tuple[str, str, str]], day: int) -> pl.DataFrame:
    when = NOON + timedelta(days=day)
    return pl.DataFrame([(*row, None, when) for row in rows], schema=EVENTS, orient="row")


LISTS = pl.DataFrame(
    [
        ("ann", "user:bob", 1, 0.9),
        ("ann", "user:cem", 2, 0.8),
        ("ann", "p1", 3, 0.7),
        ("ann", "p2", 4, 0.6),
        ("bob", "user:dia", 1, 0.9),
        ("bob", "user:eli", 2, 0.8),
        ("cem", "p3", 1, 0.9),
        ("cem", "p4", 2, 0.8),
    ],
    schema=["user_id", "item_id", "rank", "score"],
    orient="row",
)
HISTORY = events([("ann", "user:bob", "follow"), ("bob", "user:cem", "follow"), ("dia", "user:ann", "follow")], day=-5)
OUTCOMES = events(
    [
        ("ann", "user:bob", "message"),
        ("ann", "user:bob", "message"),
        ("ann", "user:cem", "follow"),
        ("ann", "p1", "play"),
        ("ann", "p1", "like"),
        ("ann", "p9", "like"),
        ("ann", "p2", "hide"),
        ("ann", "user:cem", "unfollow"),
        ("bob", "user:dia", "follow"),
        ("bob", "user:eli", "follow"),
        ("bob", "user:zoe", "follow"),
        ("cem", "p3", "view"),
        ("cem", "user:ann", "follow"),
    ],
    day=1,
)
TIES = ties_of(pl.concat([HISTORY, OUTCOMES, events([("eli", "user:bob", "follow")], day=2)]))
EXPOSURES = pl.DataFrame(
    [
        ("ann", "user:cem", 1, True),
        ("ann", "p1", 1, False),
        ("ann", "p1", 1, False),
        ("ann", "p9", 1, True),
        ("ann", "p2", -9, True),
        ("cem", "p3", 1, True),
        ("bob", "p1", 1, True),
    ],
    schema=["user_id", "item_id", "day", "click"],
    orient="row",
).select("user_id", "item_id", "click", timestamp=pl.lit(NOON) + pl.duration(days="day"), propensity=pl.lit(0.5))
ITEMS = pl.DataFrame(
    {"item_id": [f"user:{p}" for p in ("ann", "bob", "cem", "dia", "eli", "zoe")] + ["p1", "p2", "p3", "p4", "p9"]}
).with_columns(
    kind=pl.when(pl.col("item_id").str.starts_with("user:")).then(pl.lit("friend")).otherwise(pl.lit("content"))
)


def judged(exposures: pl.DataFrame | None = EXPOSURES, ties: pl.DataFrame | None = TIES) -> Judged:
    return Judged(
        lists=LISTS,
        outcomes=OUTCOMES,
        hits=LISTS.join(OUTCOMES, on=["user_id", "item_id"]),
        users=pl.Series("user_id", ["ann", "bob", "cem"]),
        history=HISTORY,
        items=ITEMS,
        exposures=exposures,
        ties=ties,
    )


COMPUTE = {metric.name: metric.compute for metric in metrics.METRICS}


def compute(name: str, case: Judged) -> dict[str, float]:
    metric = {metric.name: metric for metric in metrics.METRICS}[name]
    return dict(metric.compute(case).select("user_id", "value").iter_rows())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # ann wrote to bob and followed cem: 2 of 2. bob followed both. cem's list has no people.
        ("friend_interaction_rate", {"ann": 1.0, "bob": 1.0}),
        # ann played and liked p1: 1 of 2. cem only viewed p3: 0 of 2. bob's list has no content.
        ("content_interaction_rate", {"ann": 0.5, "cem": 0.0}),
        # ann followed cem, and only wrote to bob.
        ("acceptance_rate", {"ann": 0.5, "bob": 1.0}),
        # cem follows ann; of dia and eli, eli alone follows bob, and does so later.
        ("reciprocity", {"ann": 1.0, "bob": 0.5}),
        # ann met bob, a friend, and cem, a friend of bob. bob met dia, who follows ann as bob is followed by ann, and eli,
        # whom nobody knew: 1 of 2.
        ("strangers_reached", {"ann": 0.0, "bob": 0.5}),
        # Propensities are 1/2. After the cut ann clicked cem, one of two listed people: 1; cem clicked p3, one of two listed posts: 1.
        # p9 and bob's p1 were not listed. 2 in 6 exposures is 1/3, 2 for each user: ann 1/3 + (1 - 4/3) / 2, cem 1/3 + (1 - 1/3) / 2.
        ("rejection_rate", {"ann": 1 / 2, "bob": 0.0, "cem": 0.0}),
        ("click_through_rate", {"ann": 1 / 6, "bob": 1 / 6, "cem": 2 / 3}),
    ],
)
def test_agrees_with_the_table_worked_by_hand(name: str, expected: Mapping[str, float]) -> None:
    assert compute(name, judged()) == pytest.approx(expected)


def test_every_metric_of_the_plugin_is_worked_by_hand() -> None:
    marks = test_agrees_with_the_table_worked_by_hand.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in marks[0].args[1]} == {metric.name for metric in metrics.METRICS}


def test_the_last_of_follow_and_unfollow_decides_on_a_tie() -> None:
    pairs = {name: ("ann", f"user:{name}") for name in ("left", "back", "same", "kept")}
    log = pl.concat(
        [
            events([(*pairs[name], "follow") for name in ("left", "back", "kept")], day=1),
            events([(*pairs[name], "unfollow") for name in ("left", "back", "same")], day=2),
            events([(*pairs["same"], "follow")], day=2),
            events([(*pairs["back"], "follow")], day=3),
        ]
    )
    ties = ties_of(log)
    assert ties["other_id"].to_list() == ["back", "kept"]
    assert ties["timestamp"].to_list() == log.filter(pl.col("event") == "follow")["timestamp"].gather([4, 2]).to_list()
    timeless = log.with_columns(timestamp=pl.lit(None, dtype=log.schema["timestamp"]))
    assert ties_of(timeless)["other_id"].to_list() == ["kept"]


@pytest.mark.parametrize(("name", "missing"), [("reciprocity", "ties"), ("click_through_rate", "exposures")])
def test_what_needs_a_table_says_so_and_has_no_value_without_it(name: str, missing: str) -> None:
    metric = {metric.name: metric for metric in metrics.METRICS}[name]
    assert missing in metric.needs
    assert metric.compute(judged(**{missing: None})).is_empty()


def test_exposures_without_clicks_are_an_error_that_names_the_column() -> None:
    with pytest.raises(DataError, match="no column 'click'"):
        compute("click_through_rate", judged(exposures=EXPOSURES.drop("click")))


def test_what_was_shown_before_the_cut_is_no_click_through() -> None:
    exposures = EXPOSURES.filter((pl.col("user_id") == "ann") & pl.col("item_id").is_in(["p1", "p2"]))
    assert exposures.sort("timestamp")["click"].to_list() == [True, False, False]
    assert compute("click_through_rate", judged(exposures=exposures)) == {}


def test_friends_of_the_network_who_meet_again_are_no_strangers_however_often() -> None:
    twice = pl.concat([OUTCOMES, OUTCOMES])
    again = replace(judged(), outcomes=twice, hits=LISTS.join(twice, on=["user_id", "item_id"]))
    assert compute("strangers_reached", again) == compute("strangers_reached", judged())


@pytest.mark.parametrize("kind", ["posts", "people"])
def test_click_through_agrees_with_the_truth_of_the_simulation_within_its_standard_error(kind: str) -> None:
    """Given what was shown where, a click is one draw with probability examination × satisfaction."""
    simulation = simulate(100, 60, 1)
    world = simulation.posts if kind == "posts" else simulation.people
    data = simulation.data
    assert data.exposures is not None
    # Everybody's list has the ten items that would satisfy them most, as the truth has it.
    best = np.argsort(-world.satisfaction, axis=1)[:, :10]
    mark = "i" if kind == "posts" else "user:u"
    lists = pl.DataFrame(
        {
            "user_id": [f"u{user:05}" for user in range(100) for _ in range(10)],
            "item_id": [f"{mark}{item:05}" for item in best.ravel().tolist()],
        }
    )
    nothing = data.events.clear()
    case = Judged(
        lists=lists.with_columns(rank=pl.lit(1), score=pl.lit(0.0)),
        outcomes=nothing,
        hits=nothing,
        users=data.users["user_id"],
        history=nothing,
        items=data.items,
        exposures=data.exposures,
    )
    measured = COMPUTE["click_through_rate"](case)
    exposures = data.exposures.join(lists, on=["user_id", "item_id"], how="semi")
    user = exposures["user_id"].str.slice(1).cast(pl.Int64).to_numpy()
    item = exposures["item_id"].str.slice(len(mark)).cast(pl.Int64).to_numpy()
    chance = world.satisfaction[user, item] * world.examination[exposures["position"].to_numpy() - 1]
    weight = 1 / (10 * exposures["propensity"].to_numpy() * data.exposures.height)
    assert measured.height == data.exposures["user_id"].n_unique()
    error = np.sqrt((weight**2 * chance * (1 - chance)).sum())
    gap = measured["value"].to_numpy().mean() - (weight * chance).sum()
    assert error < 0.05
    assert abs(gap) < 4 * error
