"""Lists and held-out items that another program wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from recsat.data.columns import Column
from recsat.data.faults import ROW, sentences
from recsat.data.reading import read_table
from recsat.errors import DataError

PAIR: Final = ["user_id", "item_id"]
_PLACES: Mapping[str, Column] = {
    "rank": Column(kind="integer", required=False, unreadable="row"),
    "score": Column(kind="number", required=False, unreadable="row"),
}


@dataclass(frozen=True)
class RankedLists:
    """Lists with their places, and how sure the places are."""

    table: pl.DataFrame
    """(user_id, item_id, rank), rank 1 first."""
    tied_users: pl.Series
    """Ids of the users with two equal scores, whose places are the file's order."""


def read_truth(path: Path) -> pl.DataFrame:
    """(user_id, item_id) of a CSV, Parquet or JSON lines file.

    Raises DataError where a column or a cell is missing and where a user has an item twice.
    """
    return _pairs(path, {}).select(PAIR)


def read_lists(path: Path) -> RankedLists:
    """Lists of a CSV, Parquet or JSON lines file with user_id, item_id and rank, or score where there is no rank.

    By score, the highest comes first; equal scores keep the order of the file. Raises DataError as :func:`read_truth`, and where
    a user's ranks are not 1, 2, 3 … without a gap: libraries do not agree on what a gap means.
    """
    table = _pairs(path, _PLACES)
    place = next((name for name in _PLACES if name in table.columns), None)
    if place is None:
        raise _no_place(path)
    _require_cells(path, table, [place])
    if place == "rank":
        _require_ranks(path, table)
        return RankedLists(table.select(*PAIR, "rank"), table["user_id"].clear())
    tied = table.filter(pl.struct("user_id", "score").is_duplicated())["user_id"].unique(maintain_order=True)
    rank = pl.col("score").rank("ordinal", descending=True).over("user_id").cast(pl.Int64)
    return RankedLists(table.select(*PAIR, rank=rank), tied)


def _no_place(path: Path) -> DataError:
    try:
        read_table(path, {"rank": Column(kind="integer")})
    except DataError as error:
        return DataError(f"{error} A column 'score' does as well.")
    raise AssertionError("unreachable: the file has a column 'rank'")


def _pairs(path: Path, more: Mapping[str, Column]) -> pl.DataFrame:
    table, faults = read_table(path, {**{name: Column() for name in PAIR}, **more})
    if faults.height:
        raise DataError(sentences(faults)[0])
    if table.is_empty():
        raise DataError(f"{path.name}: there are no rows. Write one for each user and item.")
    _require_cells(path, table, PAIR)
    doubled = table.filter(pl.struct(PAIR).is_duplicated())
    if doubled.height:
        user, item, row = doubled.select(*PAIR, ROW).row(0)
        again = doubled.filter((pl.col("user_id") == user) & (pl.col("item_id") == item))[ROW][1]
        raise DataError(
            f"{path.name}, row {again}: user {user!r} has item {item!r} twice, first in row {row}. Keep one."
        )
    return table


def _require_cells(path: Path, table: pl.DataFrame, columns: list[str]) -> None:
    for name in columns:
        empty = pl.col(name).is_null()
        if table.schema[name].is_float():
            empty |= ~pl.col(name).is_finite()
        rows = table.filter(empty)
        if rows.height:
            raise DataError(f"{path.name}, row {rows[ROW][0]}: {name} is missing. Fill it in, or leave the row out.")


def _require_ranks(path: Path, table: pl.DataFrame) -> None:
    expected = pl.col("rank").rank("ordinal").over("user_id").cast(pl.Int64)
    wrong = table.filter(pl.col("rank") != expected)
    if wrong.height:
        user, rank, row = wrong.select("user_id", "rank", ROW).row(0)
        raise DataError(
            f"{path.name}, row {row}: rank {rank} of user {user!r} is out of line. Ranks of a user run 1, 2, 3 … without a gap."
        )
