"""The core is what its definition says, on hand-worked tables and against brute force."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsat.contract.dataset import Dataset
from recsat.data.core import core
from recsat.errors import DataError
from recsat_content.config import ContentConfig
from recsat_content.domain import CONTENT

LIKED = pl.col("value") >= 4


def dataset(rows: list[tuple[str, str, float]]) -> Dataset:
    events = pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "value": pl.Float64}, orient="row")
    return Dataset(
        items=events.select("item_id").unique().sort("item_id"),
        users=events.select("user_id").unique().sort("user_id"),
        events=events,
        exposures=events.select("user_id", "item_id"),
        ties=pl.DataFrame({"user_id": ["a"], "other_id": ["c"]}),
    )


CHAIN = dataset(
    [
        ("a", "x", 5),
        ("a", "y", 5),
        ("b", "x", 5),
        ("b", "y", 4),
        ("b", "z", 5),
        ("c", "z", 5),
        ("c", "w", 5),
        ("a", "z", 1),
    ]
)


def test_dropping_one_drops_the_next_until_nothing_changes() -> None:
    # w has one user, so c falls to one item and goes; then z has one user and goes. a, b on x, y stay.
    core_data = core(CHAIN, LIKED, min_user_events=2, min_item_events=2)
    assert core_data.items["item_id"].to_list() == ["x", "y"]
    assert set(core_data.events["user_id"]) == {"a", "b"}
    assert core_data.events.height == 4
    assert core_data.exposures is CHAIN.exposures, "what was shown does not depend on who liked it"
    assert core_data.ties is CHAIN.ties
    assert core_data.users is CHAIN.users, "c may be served as any new user may, by what c's row of users says"


def test_one_value_may_say_that_every_event_is_liked() -> None:
    all_liked, by_value = (
        core(CHAIN, liked, min_user_events=2, min_item_events=2) for liked in (pl.lit(True), pl.col("value") > 0)
    )
    assert all_liked.events.equals(by_value.events)


def test_events_that_are_not_liked_stay_with_those_who_stay() -> None:
    core_data = core(CHAIN, LIKED, min_user_events=2, min_item_events=1)
    assert ("a", "z", 1.0) in core_data.events.rows()


def test_a_minimum_of_zero_keeps_everybody() -> None:
    items = pl.concat([CHAIN.items, pl.DataFrame({"item_id": ["never used"]})])
    whole = Dataset(items=items, events=CHAIN.events, users=CHAIN.users)
    core_data = core(whole, LIKED, min_user_events=0, min_item_events=0)
    assert core_data.items.equals(items)
    assert core_data.events.equals(CHAIN.events)
    assert "never used" not in set(core(whole, LIKED, min_user_events=0, min_item_events=1).items["item_id"])


def test_liking_an_item_twice_counts_once() -> None:
    with pytest.raises(DataError):
        core(dataset([("a", "x", 5), ("a", "x", 5)]), LIKED, min_user_events=2, min_item_events=1)


def test_nothing_left_names_the_settings_to_lower() -> None:
    with pytest.raises(DataError, match=r"Lower data\.min_user_events and data\.min_item_events"):
        core(CHAIN, LIKED, min_user_events=9, min_item_events=2)


def test_nothing_left_says_which_events_are_liked_and_what_is_odd_about_them() -> None:
    names = pl.Series("event", ["purchse"] * 6 + ["view"] * 2)
    note = "events: 'purchse' (6 rows) is no event of the domain"
    data = replace(CHAIN, events=CHAIN.events.with_columns(names), notes=("items: none has a text", note))
    with pytest.raises(DataError) as error:
        core(data, pl.col("event") == "purchase", min_user_events=1, min_item_events=1)
    first, second = str(error.value).splitlines()
    assert "Liked are 0 of 8 events: 'purchse' 0 of 6, 'view' 0 of 2." in first
    assert second == note


@settings(max_examples=60)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz"), st.sampled_from([1.0, 5.0])),
        min_size=1,
        max_size=40,
    ),
    k=st.integers(1, 3),
    m=st.integers(1, 3),
)
def test_agrees_with_removing_one_at_a_time(rows: list[tuple[str, str, float]], k: int, m: int) -> None:
    pairs = {(user, item) for user, item, value in rows if value >= 4}
    while True:
        users = {u for u, _ in pairs if sum(u == other for other, _ in pairs) >= k}
        items = {i for _, i in pairs if sum(i == other for _, other in pairs) >= m}
        smaller = {(u, i) for u, i in pairs if u in users and i in items}
        if smaller == pairs:
            break
        pairs = smaller
    if not pairs:
        with pytest.raises(DataError):
            core(dataset(rows), LIKED, min_user_events=k, min_item_events=m)
        return
    core_data = core(dataset(rows), LIKED, min_user_events=k, min_item_events=m)
    assert set(core_data.events["user_id"]) == {u for u, _ in pairs}
    assert set(core_data.items["item_id"]) == {i for _, i in pairs}


def test_movielens_five_core_has_601_users_and_1955_items() -> None:
    whole = CONTENT.load(ContentConfig())
    core_data = core(whole, CONTENT.positive, min_user_events=5, min_item_events=5)
    assert core_data.events["user_id"].n_unique() == 601
    assert core_data.items.height == core_data.events["item_id"].n_unique() == 1955
