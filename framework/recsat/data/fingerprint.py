"""A short name for the content of a dataset, the same on every machine."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from recsat.contract.dataset import Dataset

if TYPE_CHECKING:
    from hashlib import _Hash


def fingerprint(dataset: Dataset) -> str:
    """SHA-256 (hex, 64 signs) of the tables' content.

    The order of rows and of columns does not matter; names, types, values, nulls and how often a row occurs do. Bytes are
    hashed column by column from plain little-endian numbers and UTF-8, so the result does not depend on the version of
    polars. ``source`` and ``quarantine`` are left out: they are about the data, not the data.
    """
    digest = hashlib.sha256(f"recsat-1 simulated={dataset.simulated}".encode())
    for name in ("items", "users", "events", "exposures", "ties"):
        table: pl.DataFrame | None = getattr(dataset, name)
        if table is not None:
            digest.update(f"\ntable {name} {table.height}".encode())
            _hash_table(digest, table)
    return digest.hexdigest()


def _hash_table(digest: _Hash, table: pl.DataFrame) -> None:
    names = sorted(table.columns)
    plain = table.select(names).with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    rows = plain.sort([_sortable(name, plain.schema[name]) for name in names], nulls_last=True) if names else plain
    for name in names:
        digest.update(f"\ncolumn {name} ".encode())
        _hash_column(digest, rows[name])


def _sortable(name: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.List | pl.Array | pl.Struct):
        return pl.struct(name).struct.json_encode()
    return pl.col(name)


def _hash_column(digest: _Hash, column: pl.Series) -> None:
    dtype = column.dtype
    digest.update(f"{dtype.base_type().__name__} {len(column)} ".encode())
    digest.update(np.packbits(column.is_null().to_numpy()).tobytes())
    if isinstance(dtype, pl.Array):
        column, dtype = column.arr.to_list(), pl.List(dtype.inner)
    if isinstance(dtype, pl.Struct):
        for field in column.struct.fields:
            digest.update(f"\nfield {field} ".encode())
            _hash_column(digest, column.struct.field(field))
    elif isinstance(dtype, pl.List):
        digest.update(column.list.len().fill_null(0).cast(pl.Int64).to_numpy().astype("<i8").tobytes())
        _hash_column(digest, column.filter(column.list.len() > 0).explode())
    elif dtype == pl.String:
        digest.update(column.str.len_bytes().fill_null(0).cast(pl.Int64).to_numpy().astype("<i8").tobytes())
        digest.update("".join(column.drop_nulls()).encode())
    elif dtype.is_float():
        # Adding 0.0 makes one zero of the two that floats have.
        digest.update((column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0).astype("<f8").tobytes())
    elif dtype == pl.UInt64:
        digest.update(column.fill_null(0).to_numpy().astype("<u8").tobytes())
    elif dtype != pl.Null:
        if isinstance(dtype, pl.Datetime | pl.Duration):
            column = column.dt.cast_time_unit("us")
        digest.update(column.to_physical().cast(pl.Int64).fill_null(0).to_numpy().astype("<i8").tobytes())
