"""polars and pandas frames, and everything else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from recsat import DataError
from recsat.api.frames import polars_frame


def test_a_polars_frame_is_itself() -> None:
    frame = pl.DataFrame({"item_id": ["a"]})
    assert polars_frame("items", frame) is frame


def test_pandas_columns_keep_what_they_say() -> None:
    frame = pd.DataFrame(
        {
            "item_id": pd.Categorical(["a", "b", None]),
            "price": pd.array([1, None, 3], dtype="Int64"),
            "value": [1.5, np.nan, 2.0],
            "timestamp": pd.to_datetime(["2024-01-01", None, "2024-01-03"]).tz_localize("Asia/Shanghai"),
        },
        index=[7, 8, 9],
    )
    converted = polars_frame("items", frame)
    assert converted["item_id"].cast(pl.String).to_list() == ["a", "b", None]
    assert converted["price"].to_list() == [1, None, 3]
    assert converted["value"].to_list() == [1.5, None, 2.0]
    assert converted["timestamp"].dt.convert_time_zone("UTC").dt.to_string("%F %T").to_list() == [
        "2023-12-31 16:00:00",
        None,
        "2024-01-02 16:00:00",
    ]


def test_the_named_index_of_a_pandas_frame_is_a_column() -> None:
    frame = pd.DataFrame({"title": ["A"]}, index=pd.Index(["a"], name="item_id"))
    assert polars_frame("items", frame).to_dicts() == [{"item_id": "a", "title": "A"}]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([1], "items is a list. Give a polars or pandas DataFrame."),
        (None, "items is a NoneType. Give"),
        (pl.LazyFrame({"a": [1]}), r"items is a polars LazyFrame. Call .collect\(\) on it."),
        (pl.DataFrame({"a": [object()]}, schema={"a": pl.Object}), "column 'a' has Python objects of no type"),
        (pd.DataFrame({"a": [1, "x", b"y"]}), "column 'a' cannot be read .* Give its values one type"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "has the column 'a' twice"),
    ],
)
def test_anything_else_is_refused_in_one_line(table: object, message: str) -> None:
    with pytest.raises(DataError, match=message) as refusal:
        polars_frame("items", table)
    assert "\n" not in str(refusal.value)
