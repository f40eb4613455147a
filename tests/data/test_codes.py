"""Integers in the place of ids: their order is that of the texts."""

from __future__ import annotations

import numpy as np
import polars as pl

from recsat.data.codes import coded, codes_of, sorted_by

IDS = ["b", "", "ä", None, "B", "b", "a10", "a9", "z"]


def test_codes_order_as_the_texts_do() -> None:
    ids = pl.Series("id", IDS)
    codes = codes_of(ids)
    assert codes.name == "id"
    assert codes.null_count() == 1
    for i, one in enumerate(IDS):
        for j, other in enumerate(IDS):
            if one is not None and other is not None:
                assert (codes[i] < codes[j]) is (one.encode() < other.encode())


def test_a_table_is_sorted_as_by_its_texts_nulls_last() -> None:
    rng = np.random.default_rng(0)
    words = pl.Series(["x", "y", "w", None, "éa"])
    table = pl.DataFrame(
        {"user_id": words.gather(rng.integers(0, 5, 500)), "value": rng.integers(0, 4, 500), "event": words.gather(rng.integers(0, 5, 500))}
    ).with_row_index("row")  # fmt: skip
    keys = ["user_id", "event", "value"]
    assert sorted_by(table, keys).equals(table.sort(keys, nulls_last=True, maintain_order=True))


def test_what_is_no_text_stays() -> None:
    table = coded(pl.DataFrame({"user_id": ["b", "a"], "value": [0.5, None]}), ["value", "user_id"])
    assert table.rows() == [(0.5, 1), (None, 0)]
