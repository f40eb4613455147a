"""Partitions are exact, nothing leaks, seeds reproduce, shares hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recsat.config.settings import SplitSettings
from recsat.data.split import Split, split_events
from recsat.errors import DataError

START = datetime(2024, 1, 1, tzinfo=UTC)
LIKED = pl.col("value") >= 4
PROTOCOLS = ["timeline", "last-n", "random", "cold-items", "cold-users", "mixed"]
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "user_id": pl.String,
    "item_id": pl.String,
    "event": pl.String,
    "value": pl.Float64,
    "timestamp": pl.Datetime("us", "UTC"),
}


def table(rows: Sequence[tuple[str, str, float | None, int]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(user, item, "rating", value, START + timedelta(days=day)) for user, item, value, day in rows],
        schema=SCHEMA,
        orient="row",
    )


def grid(n_users: int, n_items: int) -> pl.DataFrame:
    """Everybody likes everything but each fifth pair, one event a day."""
    return table(
        [
            (f"u{u:03}", f"i{i:03}", 2.0 if (u + i) % 5 == 0 else 5.0, u * n_items + i)
            for u in range(n_users)
            for i in range(n_items)
        ]
    )


def liked(events: pl.DataFrame) -> pl.DataFrame:
    return events.filter(LIKED)


def split_settings(protocol: str, **changes: float) -> SplitSettings:
    return SplitSettings.model_validate({"name": "s", "protocol": protocol, **changes})


def parts(split: Split) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    return split.train, split.validation, split.test


event_tables = st.lists(
    st.tuples(
        st.sampled_from([f"u{i}" for i in range(4)]),
        st.sampled_from([f"i{i}" for i in range(8)]),
        st.sampled_from([None, 1.0, 4.0, 4.5, 5.0]),
        st.integers(0, 9),
    ),
    min_size=25,
    max_size=80,
).map(table)


def test_every_draw_is_a_split_of_its_own_and_the_first_is_that_of_the_seed() -> None:
    events, cold = grid(10, 20), split_settings("cold-items", test_share=0.2)
    draws = [split_events(events, LIKED, cold, 5, draw=draw) for draw in (1, 2, 3)]
    assert [split.draw for split in draws] == [1, 2, 3]
    items = [frozenset(split.test["item_id"]) for split in draws]
    assert len(set(items)) == 3
    assert items[0] == frozenset(split_events(events, LIKED, cold, 5).test["item_id"])
    again = split_events(events, LIKED, cold, 5, draw=2)
    assert all(left.equals(right) for left, right in zip(parts(draws[1]), parts(again), strict=True))
    assert frozenset(split_events(events, LIKED, cold, 6, draw=2).test["item_id"]) != items[1]
    assert "Drawn 5 times" in draws[0].description


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_value_may_say_that_every_event_is_liked(protocol: str) -> None:
    events, settings = grid(12, 15), split_settings(protocol)
    all_liked, by_value = (
        split_events(events, liked, settings, seed=3) for liked in (pl.lit(True), pl.col("value") > 0)
    )
    for one, other in zip(parts(all_liked), parts(by_value), strict=True):
        assert one.equals(other)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@settings(max_examples=30)
@given(events=event_tables, seed=st.integers(0, 2**32 - 1), test_share=st.floats(0.1, 0.8))
def test_every_event_is_in_exactly_one_part(protocol: str, events: pl.DataFrame, seed: int, test_share: float) -> None:
    rows = events.with_row_index("row")
    if protocol == "timeline":  # moments that many events share have a test of their own
        rows = rows.with_columns(pl.col("timestamp") + pl.duration(minutes="row"))
    try:
        split = split_events(
            rows, LIKED, split_settings(protocol, test_share=test_share, validation_share=0.4, n_last=1), seed
        )
    except DataError:
        assume(False)
        raise
    joined = pl.concat(parts(split))
    assert sorted(joined["row"].to_list()) == list(range(events.height))
    assert all(part.columns == rows.columns and part["row"].is_sorted() for part in parts(split))
    assert all(liked(part).height > 0 for part in parts(split))
    _assert_no_leak(protocol, split)


def _assert_no_leak(protocol: str, split: Split) -> None:
    train, validation, test = parts(split)

    def apart(key: str, *tables: pl.DataFrame) -> bool:
        ids = [set(t[key]) for t in tables]
        return all(not (a & b) for i, a in enumerate(ids) for b in ids[i + 1 :])

    def pairs(events: pl.DataFrame) -> set[tuple[str, str]]:
        return set(events.select("user_id", "item_id").iter_rows())

    if protocol == "timeline":
        assert train["timestamp"].max() < validation["timestamp"].min()  # type: ignore[operator]
        assert validation["timestamp"].max() < test["timestamp"].min()  # type: ignore[operator]
    if protocol == "last-n":
        last = train.group_by("user_id").agg(last=pl.col("timestamp").max())
        for later in (validation, test):
            assert later.join(last, on="user_id").filter(pl.col("timestamp") < pl.col("last")).is_empty()
    if protocol == "cold-items":
        assert apart("item_id", train, validation, test)
        assert split.test_items is not None
        assert split.validation_items is not None
        assert set(split.test_items) == set(test["item_id"])
        assert set(split.validation_items) == set(validation["item_id"])
    else:
        assert split.test_items is None
        assert split.validation_items is None
    if protocol == "cold-users":
        assert apart("user_id", train, validation, test)
    if protocol in ("random", "mixed"):
        assert not pairs(train) & pairs(test)
        assert not pairs(validation) & pairs(test)
        assert not pairs(train) & pairs(validation)
    if protocol in ("random", "last-n"):
        lost = set(liked(pl.concat([validation, test]))["user_id"]) - set(liked(train)["user_id"])
        assert not lost


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_seed_gives_one_split_whatever_the_order_of_rows(protocol: str) -> None:
    events = grid(20, 25)
    first = split_events(events, LIKED, split_settings(protocol), 7)
    again = split_events(events.sample(fraction=1.0, shuffle=True, seed=1), LIKED, split_settings(protocol), 7)
    key = ["user_id", "item_id"]
    assert first.test.sort(key).equals(again.test.sort(key))
    assert first.validation.sort(key).equals(again.validation.sort(key))


@pytest.mark.parametrize("protocol", ["random", "cold-items", "cold-users", "mixed"])
def test_another_seed_gives_another_split(protocol: str) -> None:
    events = grid(20, 25)
    assert not split_events(events, LIKED, split_settings(protocol), 1).test.equals(
        split_events(events, LIKED, split_settings(protocol), 2).test
    )


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("timeline", 0.3),
        ("random", 0.3),
        ("cold-items", 0.3),
        ("cold-users", 0.3),
        ("mixed", 0.3 + 0.7 * 0.3),
    ],
)
def test_liked_events_have_the_given_share(protocol: str, expected: float) -> None:
    events = grid(40, 50)
    split = split_events(events, LIKED, split_settings(protocol, test_share=0.3, validation_share=0.25), 3)
    n = liked(events).height
    share = liked(split.test).height / n
    exact = protocol == "timeline"
    assert math.isclose(share, expected, abs_tol=1e-9 if exact else 0.02)
    left = liked(split.validation).height / (n - liked(split.test).height)
    if protocol != "mixed":
        assert math.isclose(left, 0.25, abs_tol=1 / n if exact else 0.02)


def test_shares_that_are_no_whole_number_hold_over_all_users() -> None:
    """Four liked items a user and a share of 0.1: rounding to the nearest would hold out nothing at all."""
    events = table([(f"u{u:04}", f"i{i}", 5.0, i) for u in range(2000) for i in range(4)])
    split = split_events(events, LIKED, split_settings("random", test_share=0.1), 0)
    assert math.isclose(split.test.height / events.height, 0.1, abs_tol=0.01)
    assert split.test.group_by("user_id").len()["len"].max() == 1


@pytest.mark.parametrize("protocol", ["random", "mixed"])
def test_a_split_without_time_trains_on_liked_items_alone_and_keeps_the_others_as_outcomes(protocol: str) -> None:
    events = grid(10, 50)
    split = split_events(events, LIKED, split_settings(protocol, test_share=0.2), 0)
    assert split.train.filter(~LIKED).is_empty()
    assert split.test.filter(~LIKED).height + split.validation.filter(~LIKED).height == events.filter(~LIKED).height


def test_random_holds_out_a_share_of_each_users_liked_items() -> None:
    split = split_events(grid(10, 50), LIKED, split_settings("random", test_share=0.2), 0)
    assert set(split.test.group_by("user_id").agg(liked=LIKED.sum())["liked"]) == {8}


def test_random_keeps_all_events_of_a_user_on_an_item_together() -> None:
    rows = [(f"u{u}", f"i{i}", value, day) for u in range(30) for i in range(5) for day, value in ((0, 1.0), (5, 5.0))]
    split = split_events(table(rows), LIKED, split_settings("random"), 0)
    assert split.test.height == 2 * split.test.select("user_id", "item_id").n_unique()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), test_share=st.floats(0.1, 0.6))
def test_a_cut_in_time_leaves_every_moment_whole(seed: int, test_share: float) -> None:
    """Up to four of some 1,800 events share a moment; the parts are apart in time and their shares hold but for these."""
    rng = np.random.default_rng(seed)
    days = np.repeat(np.arange(720), rng.integers(1, 5, 720)).tolist()
    values = rng.choice([1.0, 5.0, 5.0], len(days)).tolist()
    rows = table([(f"u{row % 7}", f"i{row}", values[row], day) for row, day in enumerate(days)])
    split = split_events(rows, LIKED, split_settings("timeline", test_share=test_share, validation_share=0.3), 0)
    train, validation, test = (set(part["timestamp"]) for part in parts(split))
    assert max(train) < min(validation)
    assert max(validation) < min(test)
    n, n_test, n_left = (liked(part).height for part in (rows, split.test, pl.concat([split.train, split.validation])))
    assert 0 <= n_test - round(test_share * n) < 4
    assert 0 <= liked(split.validation).height - round(0.3 * n_left) < 4


def test_a_cut_inside_a_moment_of_many_events_says_which_shares_cut_beside_it() -> None:
    """Days alone, as of a shop that logs no hours: 40, 35 and 25 % of 300 events."""
    days = [0] * 120 + [1] * 105 + [2] * 75
    events = table([(f"u{row % 9}", f"i{row}", 5.0, day) for row, day in enumerate(days)])

    def cut(test_share: float, validation_share: float) -> Split:
        return split_events(
            events, LIKED, split_settings("timeline", test_share=test_share, validation_share=validation_share), 0
        )

    with pytest.raises(DataError) as error:
        cut(0.1, 0.5)
    assert str(error.value) == (
        "split 's' (timeline): the cut for test_share 0.1 falls inside one moment, 2024-01-03 00:00:00, which 75 of 300 events (25.0%) "
        "share, so that ids and not time would say who is tested. Choose a test_share that cuts beside it, 0.25, "
        "or the protocol random, cold-items, cold-users or mixed."
    )
    with pytest.raises(DataError, match=r"test_share 0\.3 .* which 105 of 300 events .* beside it, 0\.6 or 0\.25, or"):
        cut(0.3, 0.5)
    with pytest.raises(DataError, match=r"validation_share 0\.1 .* which 105 of 225 events .* beside it, 0\.4667, or"):
        cut(0.25, 0.1)
    split = cut(0.25, 0.4667)
    assert [part.height for part in parts(split)] == [120, 105, 75]


def test_one_single_moment_cannot_be_cut_in_time() -> None:
    events = table([(f"u{row % 90}", f"i{row // 90}", 5.0, 0) for row in range(2734)])
    with pytest.raises(
        DataError, match=r"2,734 of 2,734 events \(100\.0%\) share.* Choose the protocol random, cold-items"
    ):
        split_events(events, LIKED, split_settings("timeline"), 0)


def test_events_that_nobody_liked_stay_with_their_moment() -> None:
    """The moment of the cut has two events that were not liked: they lie after the cut as well, whatever their ids."""
    rows = [("u", f"i{day:03}", 5.0, day) for day in range(400)] + [("a", "x", 1.0, 320), ("z", "y", 1.0, 320)]
    split = split_events(table(rows), LIKED, split_settings("timeline", test_share=0.2), 0)
    assert split.test.height == 82
    assert set(split.test["user_id"]) == {"a", "u", "z"}


def test_last_n_takes_the_last_liked_events_and_all_that_follows() -> None:
    values = [5.0, 5.0, 1.0, 4.0, 5.0, 2.0, 4.5, 1.0]
    rows = [("u", f"i{day}", value, day) for day, value in enumerate(values)]
    split = split_events(table(rows), LIKED, split_settings("last-n", n_last=2), 0)
    assert [part["item_id"].to_list() for part in parts(split)] == [
        ["i0"],
        ["i1", "i2", "i3"],
        ["i4", "i5", "i6", "i7"],
    ]


def test_which_of_a_moments_events_is_the_last_is_drawn_and_not_read_off_ids() -> None:
    rows = [(f"u{u:03}", f"i{i:02}", 5.0, 0) for u in range(100) for i in range(10)]
    split = split_events(table(rows), LIKED, split_settings("last-n", n_last=3), 0)
    rank = split.test["item_id"].str.slice(1).cast(pl.Int64).mean()
    assert abs(rank - 4.5) < 0.6  # type: ignore[operator]  # by id it was 8
    assert (
        split_events(table(rows[::-1]), LIKED, split_settings("last-n", n_last=3), 0)
        .test["item_id"]
        .sort()
        .equals(split.test["item_id"].sort())
    )
    other = split_events(table(rows), LIKED, split_settings("last-n", n_last=3), 1)
    assert set(other.test.select("user_id", "item_id").rows()) != set(split.test.select("user_id", "item_id").rows())


@pytest.mark.parametrize(("n_last", "tied"), [(1, 2), (2, 1), (3, 1)])
def test_of_how_many_users_the_last_events_are_drawn_is_said(n_last: int, tied: int) -> None:
    days = {"all at once": [0, 0, 0, 0, 0], "last two": [0, 1, 2, 3, 3], "one by one": [0, 1, 2, 3, 4]}
    rows = [(user, f"i{i}", 5.0, day) for user, of_user in days.items() for i, day in enumerate(of_user)]
    rows.append(("one by one", "i5", 1.0, 4))  # beside the last like, and no like: nothing is drawn of it
    split = split_events(table(rows), LIKED, split_settings("last-n", n_last=n_last), 0)
    assert split.tied_users == tied
    assert f"is drawn of {tied} of 3 users: they have others of the same moment" in split.description
    by_position = table(rows).with_columns(position=pl.int_range(1, pl.len() + 1).over("user_id"))
    ordered = split_events(by_position, LIKED, split_settings("last-n", n_last=n_last), 0)
    assert ordered.tied_users == 0
    assert "drawn" not in ordered.description


def test_positions_say_what_is_last_where_there_is_no_time() -> None:
    rows = [("u", item, 5.0, 0) for item in ("d", "c", "b", "a")]
    events = table(rows).with_columns(
        timestamp=pl.lit(None, dtype=pl.Datetime("us", "UTC")), position=pl.Series([1, 2, 3, 4])
    )
    split = split_events(events, LIKED, split_settings("last-n", n_last=1), 0)
    assert [part["item_id"].to_list() for part in parts(split)] == [["d", "c"], ["b"], ["a"]]
    with pytest.raises(
        DataError, match=r"have no timestamp but a position.*split 's' cuts by time \(timeline\)\. Choose last-n"
    ):
        split_events(events, LIKED, split_settings("timeline"), 0)
    with pytest.raises(DataError, match=r"cuts by time \(last-n, window_share 0\.5\)"):
        split_events(events, LIKED, split_settings("last-n", n_last=1, window_share=0.5), 0)


def test_a_user_with_one_liked_event_keeps_it_in_training() -> None:
    rows = [("one", "i0", 5.0, 0), *(("many", f"i{i}", 5.0, i) for i in range(9))]
    for protocol in ("random", "last-n"):
        split = split_events(
            table(rows), LIKED, split_settings(protocol, test_share=0.5, validation_share=0.5, n_last=2), 0
        )
        assert "one" in set(split.train["user_id"])


@pytest.mark.parametrize("protocol", ["timeline", "last-n"])
def test_a_split_in_time_says_when_times_are_missing(protocol: str) -> None:
    events = grid(3, 5).with_columns(timestamp=pl.when(pl.col("item_id") != "i001").then("timestamp"))
    with pytest.raises(DataError, match=r"3 of 15 rows have no timestamp, and split 's' cuts by time"):
        split_events(events, LIKED, split_settings(protocol), 0)


def test_a_part_without_liked_events_is_an_error_that_says_what_to_do() -> None:
    events = table([("u", "a", 5.0, 0), ("u", "b", 5.0, 1)])
    with pytest.raises(DataError, match=r"split 's' \(timeline\): the validation part .* validation_share"):
        split_events(events, LIKED, split_settings("timeline", test_share=0.5), 0)


@pytest.mark.parametrize(("share", "users"), [(0.35, {"u2"}), (0.4, {"u2", "u3"}), (1.0, {"u1", "u2", "u3"})])
def test_a_window_holds_out_the_last_likes_of_users_of_whom_all_of_them_lie_in_it(
    share: float, users: set[str]
) -> None:
    """Of 30 likes the last ten are of day 91 on, and the twelfth from the end is of day 60: the last but one of u3."""
    times = {"u1": range(10), "u2": range(90, 100), "u3": (*range(20, 28), 60, 99)}
    rows = [(user, f"i{n}", 5.0, time) for user, at in times.items() for n, time in enumerate(at)]
    split = split_events(table(rows), LIKED, split_settings("last-n", n_last=2, window_share=share), 0)
    assert dict(split.test.group_by("user_id").len().iter_rows()) == dict.fromkeys(users, 2)
    assert (f"last {share:.0%} of liked events" in split.description) == (share < 1)


def test_a_window_below_a_single_like_holds_out_what_ends_the_data() -> None:
    rows = [("u", f"i{n}", 5.0, n) for n in range(10)]
    window = split_settings("last-n", n_last=1, window_share=0.001)
    assert split_events(table(rows), LIKED, window, 0).test["item_id"].to_list() == ["i9"]
