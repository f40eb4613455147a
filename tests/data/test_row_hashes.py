"""Hashes of rows add up: blocks and order change nothing, whatever a cell says does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from recsat.data import row_hashes
from recsat.data.row_hashes import table_hash

TABLE = pl.DataFrame(
    {
        "id": ["a", "", None, "äöü", "abcdefgh" * 40],
        "n": [1, -1, None, 2**62, 0],
        "x": [0.5, -0.0, None, float("nan"), 1e300],
        "ok": [True, False, None, True, False],
        "when": [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(microseconds=i) for i in range(5)],
        "tags": [["a", "b"], [], None, ["ab"], ["", "a", ""]],
        "deep": [{"k": "a", "v": [1, 2]}, {"k": "a", "v": []}, None, {"k": None, "v": None}, {"k": "b", "v": [3]}],
    }
)


def test_blocks_and_order_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = table_hash(TABLE)
    monkeypatch.setattr(row_hashes, "BLOCK", 2)
    assert table_hash(TABLE) == whole
    assert table_hash(TABLE.sample(5, shuffle=True, seed=3).select(reversed(TABLE.columns))) == whole


def test_every_row_of_its_own_has_a_hash_of_its_own() -> None:
    hashes = {table_hash(TABLE.slice(i, 1)) for i in range(TABLE.height)}
    assert len(hashes) == TABLE.height


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["ab", "c"], ["a", "bc"]),
        (["a\x00"], ["a"]),
        (["0"], [None]),
        ([["a"], ["b"]], [["a", "b"], []]),
        ([["ab"]], [["a", "b"]]),
        ([[1, 2]], [[2, 1]]),
        ([[]], [None]),
        ([0], [None]),
        ([1.0], [2.0]),
        ([{"a": 1, "b": 2}], [{"a": 2, "b": 1}]),
    ],
)
def test_cells_that_differ_in_little_are_told_apart(one: list[object], other: list[object]) -> None:
    dtype = pl.Series(one).dtype
    first, second = (pl.DataFrame({"c": pl.Series(cells, dtype=dtype)}) for cells in (one, other))
    assert table_hash(first) != table_hash(second)


def test_twice_counts_twice_and_columns_are_not_exchanged() -> None:
    row = pl.DataFrame({"a": [1], "b": [2]})
    assert len({table_hash(pl.concat([row] * n)) for n in range(1, 9)}) == 8
    assert table_hash(row) != table_hash(row.rename({"a": "b", "b": "a"}))


def test_categories_are_their_texts_and_units_of_time_are_no_content() -> None:
    texts = TABLE.select("id", "when")
    other = texts.with_columns(pl.col("id").cast(pl.Categorical), pl.col("when").dt.cast_time_unit("ns"))
    assert table_hash(texts) == table_hash(other)


def test_no_two_of_many_rows_collide() -> None:
    n = 50_000
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"user_id": rng.integers(0, 300, n).astype(str), "n": np.arange(n)})
    with_mark = {table_hash(table.slice(i, 1)) for i in range(0, n, 50)}
    assert len(with_mark) == n // 50
