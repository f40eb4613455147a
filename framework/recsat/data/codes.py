"""Dense integers in the place of ids, in the same order: what is sorted, grouped and joined by the million is numbers and not texts."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def codes_of(ids: pl.Series) -> pl.Series:
    """UInt32 in the order of the texts ``ids``: equal texts have equal codes, and of two texts the later one has the larger; null stays null.

    >>> codes_of(pl.Series(["b", "a", None, "b"])).to_list()
    [1, 0, None, 1]
    """
    distinct = ids.drop_nulls().unique().sort()
    codes = pl.DataFrame({"id": distinct, "code": pl.int_range(len(distinct), dtype=pl.UInt32, eager=True)})
    return ids.alias("id").to_frame().join(codes, on="id", how="left", maintain_order="left")["code"].rename(ids.name)


def coded(table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """``columns`` of ``table``, texts among them by their codes."""
    return pl.DataFrame([codes_of(table[name]) if table.schema[name] == pl.String else table[name] for name in columns])


def sorted_by(table: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """``table`` sorted by ``columns``, nulls last; of rows that are equal there the order of the input stays."""
    order = coded(table, columns).with_row_index("_row").sort(*columns, nulls_last=True, maintain_order=True)["_row"]
    return table[order]
