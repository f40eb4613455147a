"""From event tables to dense integers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from recsat.contract.interactions import Catalogue, liked_events, paired, rejected_pairs, user_batch
from recsat.errors import UnknownItem

CATALOGUE = Catalogue(pl.DataFrame({"item_id": ["a", "b", "c"], "kind": ["x"] * 3}))


def events(*rows: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": [row[0] for row in rows],
            "item_id": [row[1] for row in rows],
            "timestamp": [datetime.fromtimestamp(row[2], UTC) for row in rows],
        },
        schema_overrides={"timestamp": pl.Datetime("us", "UTC"), "user_id": pl.String, "item_id": pl.String},
    )


def test_rows_follow_the_users_asked_for_and_repeats_count_once_at_their_last_time() -> None:
    batch = user_batch(
        events(("u", "a", 5), ("v", "c", 7), ("u", "a", 9), ("w", "b", 1)), ["v", "nobody", "u"], CATALOGUE
    )
    assert batch.history.toarray().tolist() == [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    assert batch.times is not None
    assert batch.times.toarray().tolist() == [[0, 0, 7], [0, 0, 0], [9, 0, 0]]
    assert batch.first_times is not None
    assert batch.first_times.toarray().tolist() == [[0, 0, 7], [0, 0, 0], [5, 0, 0]]
    assert np.shares_memory(batch.times.indices, batch.history.indices)  # the pattern is held once
    part = replace(batch, now=12.0).take(np.array([2, 0]))
    assert part.now == 12.0
    assert part.first_times is not None
    assert part.first_times.toarray().tolist() == [[5, 0, 0], [0, 0, 7]]


def test_histories_are_those_of_a_table_of_sets_whoever_is_asked_for() -> None:
    """Of many repeated pairs in no order, for everybody, for some, for one twice, and with items outside the catalogue that others had."""
    rng = np.random.default_rng(0)
    rows = [
        (f"u{user}", "abc"[item], int(second)) for user, item, second in rng.integers(0, [9, 3, 10**6], size=(200, 3))
    ]
    for ids in ([f"u{i}" for i in range(9)], ["u3", "nobody", "u1"], ["u4", "u2", "u4"]):
        others = [] if len(ids) == 9 else [("u8", "nowhere", 1)]
        batch = user_batch(events(*rows, *others), ids, CATALOGUE)
        assert batch.ids == ids
        assert batch.history.has_canonical_format
        for of_pairs, best in ((batch.times, max), (batch.first_times, min)):
            assert of_pairs is not None
            expected = np.zeros((len(ids), 3))
            for row, user in enumerate(ids):
                for column, item in enumerate("abc"):
                    seconds = [second for *pair, second in rows if pair == [user, item]]
                    expected[row, column] = best(seconds) if seconds else 0
            assert of_pairs.toarray().tolist() == expected.tolist()


def test_events_have_one_number_a_pair_in_their_order() -> None:
    table = events(("v", "c", 1), ("w", "nowhere", 2), ("u", "a", 3), ("v", "c", 4))
    pairs = paired(table, pl.Series(["u", "v"]), CATALOGUE, ["timestamp"])
    assert pairs["pair"].to_list() == [5, 0, 5]
    assert pairs["timestamp"].dt.epoch("s").to_list() == [1, 3, 4]


def test_no_events_give_empty_rows() -> None:
    batch = user_batch(events(), ["u"], CATALOGUE)
    assert batch.history.shape == (1, 3)
    assert batch.history.nnz == 0
    assert batch.times is None


def test_an_item_outside_the_catalogue_is_named() -> None:
    with pytest.raises(UnknownItem, match="item 'z' is not in the catalogue of 3 items"):
        user_batch(events(("u", "z", 1)), ["u"], CATALOGUE)


@pytest.mark.parametrize(("n_items", "n"), [(3, 1), (3, 5000), (1955, 630)])  # a join of the last is in two pieces
def test_positions_own_their_memory_whatever_they_were_asked_with(n_items: int, n: int) -> None:
    """SciPy does not take cells at places that lie in another's memory."""
    catalogue = Catalogue(pl.DataFrame({"item_id": [f"i{i}" for i in range(n_items)], "kind": ["x"] * n_items}))
    ids = [f"i{7 * i % n_items}" for i in range(n)]
    by_list = catalogue.positions(ids)
    for positions in (catalogue.positions(pl.Series(ids)), catalogue._positions_of(pl.Series(ids))):
        np.testing.assert_array_equal(positions, by_list)
        assert positions.dtype == by_list.dtype == np.int64
        assert positions.flags.owndata
        assert csr_array(np.eye(n_items))[positions, by_list].sum() == n


@pytest.mark.parametrize("n", [1, 4])
def test_an_item_that_is_not_in_the_catalogue_is_named_however_many_are_asked_for(n: int) -> None:
    with pytest.raises(UnknownItem, match="item 'zzz' is not in the catalogue of 3 items"):
        CATALOGUE.positions(pl.Series(["a"] * (n - 1) + ["zzz"]))


def test_positions_stand_for_times_that_no_event_has() -> None:
    timeless = events(("u", "a", 1), ("u", "b", 1)).with_columns(
        timestamp=pl.lit(None, dtype=pl.Datetime("us", "UTC")), position=pl.Series([7, 3])
    )
    times = user_batch(timeless, ["u"], CATALOGUE).times
    assert times is not None
    assert times.toarray().max(axis=0).tolist()[:2] == [7.0, 3.0]


def test_what_is_liked_is_narrowed_to_what_histories_read_whatever_else_says_that_it_is() -> None:
    table = events(("u", "a", 5), ("v", "c", 7), ("u", "b", 9)).with_columns(value=pl.Series([1.0, 0.0, 2.0]))
    liked = liked_events(table, pl.col("value") > 0)
    assert liked.columns == ["user_id", "item_id", "timestamp"]
    assert liked["item_id"].to_list() == ["a", "b"]
    assert liked_events(table.with_columns(position=1), pl.lit(value=True)).columns[-1] == "position"


def test_a_rejection_is_taken_back_by_a_later_event_of_the_same_pair_alone() -> None:
    table = events(("u", "a", 5), ("u", "a", 9), ("u", "b", 5), ("u", "c", 9), ("v", "b", 9), ("u", "b", 5))
    table = table.with_columns(event=pl.Series(["no", "like", "no", "like", "like", "like"]))
    assert rejected_pairs(table, ["no"]).rows() == [("u", "b")]
