"""What a split's tables say before an arm is fitted, on tables small enough to count by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from recsat.data.split import Split
from recsat.measure.fitness import FEWEST_JUDGED, data_fitness, order_p_value

START = datetime(2024, 1, 1, tzinfo=UTC)
LIKED = pl.col("value") >= 4
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "user_id": pl.String,
    "item_id": pl.String,
    "value": pl.Float64,
    "timestamp": pl.Datetime("us", "UTC"),
}
Row = tuple[str, str, float, int | None]


def events(rows: list[Row]) -> pl.DataFrame:
    dated = [(u, i, value, None if day is None else START + timedelta(days=day)) for u, i, value, day in rows]
    return pl.DataFrame(dated, schema=SCHEMA, orient="row")


def split_of(train: list[Row], test: list[Row], protocol: str = "timeline") -> Split:
    return Split(
        name="s",
        protocol=protocol,
        description="",
        train=events(train),
        validation=events([]),
        test=events(test),
    )


def world(n_known: int, n_new: int, protocol: str = "timeline") -> Split:
    """``n_known`` users with a like before and one after, ``n_new`` with one after alone."""
    train: list[Row] = [(f"k{i}", "a", 5.0, i) for i in range(n_known)]
    test: list[Row] = [(f"k{i}", "b", 5.0, 500 + i) for i in range(n_known)]
    return split_of(train or [("x", "a", 5.0, 0)], test + [(f"n{i}", "a", 5.0, 900) for i in range(n_new)], protocol)


def test_shares_are_counted_by_hand() -> None:
    split = split_of(
        train=[("u", "a", 5, 0), ("u", "b", 5, 0), ("u", "c", 1, 2), ("v", "a", 2, 0), ("w", "a", 5, 3)],
        test=[("u", "d", 5, 4), ("v", "a", 4, 4), ("v", "b", 1, 5), ("w", "b", 5, 6), ("x", "d", 5, 6)],
    )
    fitness = data_fitness(split, LIKED, spread=0.3)
    assert fitness.users_judged.value == 4  # u, v, w, x
    assert fitness.users_without_history.value == 2 / 4  # x is new, and v liked nothing
    assert fitness.tied_times.value == 2 / 10  # u's first two; v and w share moments with others alone
    assert fitness.unseen_items.value == 2 / 4  # d, twice
    assert fitness.ahead_of_time.value == 0
    assert fitness.detectable.value == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) * 0.3 / 2)
    assert not fitness.can_answer


def test_enough_users_with_a_history_can_answer() -> None:
    fitness = data_fitness(world(FEWEST_JUDGED, 5), LIKED, spread=0.3, worth_having=0.2)
    assert fitness.can_answer
    assert not data_fitness(world(FEWEST_JUDGED - 1, 5), LIKED, spread=0.3).can_answer


def test_a_split_of_new_users_cannot_answer_unless_they_are_meant_to_be_new() -> None:
    fitness = data_fitness(world(40, 41), LIKED, spread=0.3)
    assert not fitness.can_answer
    assert not fitness.meant_to_be_new
    assert data_fitness(world(40, 40), LIKED, spread=0.3).can_answer
    new = data_fitness(world(0, 40, "cold-users"), LIKED, spread=0.3)
    assert (new.can_answer, new.meant_to_be_new) == (True, True)


def test_what_is_worth_having_stands_beside_what_could_be_shown_and_refuses_nothing() -> None:
    fitness = data_fitness(world(100, 0), LIKED, spread=0.3, spreads=(0.05, 0.2), worth_having=1e-9)
    quantiles = norm.ppf(1 - 0.05 / 8) + norm.ppf(0.8)  # four primary measures share the level
    assert (fitness.worth_having, fitness.can_answer) == (1e-9, True)
    assert (fitness.least_detectable, fitness.most_detectable) == (
        pytest.approx(quantiles * 0.05 / 10),
        pytest.approx(quantiles * 0.2 / 10),
    )
    without = data_fitness(world(100, 0), LIKED, spread=0.3)
    assert (without.least_detectable, without.most_detectable) == (None, None)


def test_likes_before_the_item_existed_are_counted_by_release_or_by_first_event() -> None:
    split = split_of(
        train=[("u", "a", 5, 10), ("v", "b", 5, 10), ("w", "a", 5, 12)],
        test=[("u", "b", 5, 3), ("v", "a", 5, 11), ("w", "c", 5, 1), ("x", "c", 5, 20)],
        protocol="random",
    )
    by_event = data_fitness(split, LIKED, spread=0.3).ahead_of_time
    assert by_event.value == 1 / 4  # b on day 3, first seen on day 10; c has no first event
    items = pl.DataFrame({"item_id": ["a", "b", "c"], "out": [None, START, START + timedelta(days=5)]})
    by_release = data_fitness(split, LIKED, spread=0.3, items=items, released="out").ahead_of_time
    assert by_release.value == 1 / 4  # c on day 1, out on day 5; b was out on day 0


def test_without_times_nothing_is_said_of_order() -> None:
    fitness = data_fitness(
        split_of([("u", "a", 5, None), ("u", "b", 5, None)], [("u", "c", 5, None)], "random"), LIKED, spread=0.3
    )
    assert fitness.tied_times.value is None
    assert fitness.order.value is None
    assert fitness.ahead_of_time.value is None


def test_without_a_like_in_the_test_part_nothing_can_be_answered() -> None:
    fitness = data_fitness(split_of([("u", "a", 5, 0)], [("u", "b", 1, 1)]), LIKED, spread=0.3)
    assert (fitness.users_judged.value, fitness.users_without_history.value, fitness.detectable.value) == (
        0,
        None,
        None,
    )
    assert not fitness.can_answer


def sequences(rng: np.random.Generator, *, follow: float, days: bool = True) -> pl.DataFrame:
    """80 users of 12 events on 30 items of unequal popularity; with the chance ``follow`` the next item is the one after the last."""
    popularity = 1 / np.arange(1, 31)
    rows: list[Row] = []
    for user in range(80):
        item = 0
        for day in range(12):
            item = (item + 1) % 30 if rng.random() < follow else int(rng.choice(30, p=popularity / popularity.sum()))
            rows.append((f"u{user:02}", f"i{item:02}", 5.0, day if days else 0))
    return events(rows)


def test_order_that_matters_is_shown() -> None:
    assert order_p_value(sequences(np.random.default_rng(0), follow=0.4), seed=0) == pytest.approx(1 / 200)


def test_order_that_does_not_matter_is_called_informative_at_most_as_often_as_said() -> None:
    rng = np.random.default_rng(1)
    p_values = np.array(
        [order_p_value(sequences(rng, follow=0.0), seed=i, n_shuffles=39) for i in range(60)], dtype=float
    )
    assert (p_values <= 0.05).mean() <= 0.13  # 60 worlds: .05 and three standard errors
    assert 0.35 < p_values.mean() < 0.65


def test_events_of_one_moment_have_no_order_whatever_their_ids() -> None:
    """Sorted by id, as a loader leaves them: without random order among ties that alone would be taken for a sequence."""
    table = sequences(np.random.default_rng(2), follow=0.0, days=False).sort("user_id", "item_id")
    p_value = order_p_value(table, seed=0)
    assert p_value is not None
    assert p_value > 0.05


def test_order_needs_users_of_two_events() -> None:
    assert order_p_value(events([("u", "a", 5, 0), ("v", "a", 5, 1)]), seed=0) is None


def test_a_large_table_is_judged_by_some_of_its_users() -> None:
    n_users = 8000
    table = pl.DataFrame(
        {
            "user_id": np.repeat(np.arange(n_users), 10).astype(str),
            "item_id": np.tile(np.arange(10), n_users).astype(str),
            "timestamp": np.tile(np.arange(10), n_users),
        }
    ).with_columns(pl.from_epoch("timestamp"))
    assert order_p_value(table, seed=0, n_shuffles=19) == pytest.approx(1 / 20)
