"""Hashes of rows that add up: of a table in whatever order, without a sort, the same on every machine and with every version of polars.

A value is hashed from its plain little-endian form: a number from its 64 bits, a text or a list from its bytes or elements by Horner's rule modulo
2^64. A column's name is mixed in, a row's hash is the mixed sum of its values', and a table's the sum of its rows': an order changes nothing, a
row that comes twice counts twice. Two lanes of 64 bits with other multipliers are made at once.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
"""(n, 2): two lanes."""
MULTIPLIERS: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93))
"""Odd: that of the golden ratio (splitmix64; Steele, Lea and Flood, OOPSLA 2014), and another."""
BLOCK: Final = 2**18
"""Rows that are hashed at once."""
NULL: Final = np.uint64(0x6E756C6C)


def table_hash(table: pl.DataFrame) -> bytes:
    """16 bytes: the sum of the rows' hashes."""
    total = np.zeros(2, dtype=np.uint64)
    for start in range(0, table.height, BLOCK):
        part = table.slice(start, BLOCK)
        rows = np.zeros((part.height, 2), dtype=np.uint64)
        for column in part:
            rows += _mixed(_hashes(column) ^ _named(column.name))
        total += _mixed(rows).sum(axis=0, dtype=np.uint64)
    return total.astype("<u8").tobytes()


def _named(name: str) -> Hashes:
    return np.frombuffer(hashlib.sha256(name.encode()).digest()[:16], dtype="<u8").astype(np.uint64)


def _mixed(hashes: Hashes) -> Hashes:
    """The finaliser of splitmix64: every bit depends on every bit."""
    mixed = hashes.copy()
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)), dtype=np.uint64)


def _hashes(column: pl.Series) -> Hashes:
    dtype = column.dtype
    if isinstance(dtype, pl.Categorical | pl.Enum):
        column, dtype = column.cast(pl.String), pl.String()
    if isinstance(dtype, pl.Array):
        column, dtype = column.arr.to_list(), pl.List(dtype.inner)
    if isinstance(dtype, pl.Struct):
        hashes = np.zeros((len(column), 2), dtype=np.uint64)
        for field in column.struct.fields:
            hashes += _mixed(_hashes(column.struct.field(field)) ^ _named(field))
    elif isinstance(dtype, pl.List):
        lengths = column.list.len().fill_null(0).to_numpy()
        hashes = _in_sequence(_hashes(column.filter(column.list.len() > 0).explode()), lengths)
    elif dtype == pl.String:
        text = column.fill_null("")
        joined = text.str.join("")[0] or ""
        data = np.frombuffer(joined.encode(), dtype=np.uint8).astype(np.uint64)
        hashes = _in_sequence(np.stack([data, data], axis=1), text.str.len_bytes().to_numpy())
    else:
        numbers = _numbers(column)
        hashes = np.stack([numbers, numbers], axis=1)
    hashes = _mixed(hashes * np.array(MULTIPLIERS) + np.array(MULTIPLIERS))
    hashes[column.is_null().to_numpy()] = NULL
    return hashes


def _numbers(column: pl.Series) -> NDArray[np.uint64]:
    """(n,) the 64 bits of each."""
    dtype = column.dtype
    if dtype == pl.Null:
        return np.zeros(len(column), dtype=np.uint64)
    if dtype.is_float():
        # Adding 0.0 makes one zero of the two that floats have.
        values = column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0
        return np.where(np.isnan(values), np.float64("nan"), values).view(np.uint64)
    if dtype == pl.UInt64:
        return column.fill_null(0).to_numpy().astype(np.uint64)
    if isinstance(dtype, pl.Datetime | pl.Duration):
        column = column.dt.cast_time_unit("us")
    return column.to_physical().cast(pl.Int64).fill_null(0).to_numpy().view(np.uint64)


def _in_sequence(elements: Hashes, lengths: NDArray[np.integer]) -> Hashes:
    """(len(lengths), 2): of each run of ``lengths`` elements Σ (e_j + 1) m^j modulo 2^64, with its length."""
    lengths = lengths.astype(np.int64)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    most = int(lengths.max(initial=0))
    hashes = np.empty((len(lengths), 2), dtype=np.uint64)
    place = np.arange(len(elements)) - np.repeat(starts, lengths)
    for lane, multiplier in enumerate(MULTIPLIERS):
        powers = np.cumprod(np.full(max(1, most), multiplier, dtype=np.uint64), dtype=np.uint64)
        terms = _mixed(elements[:, lane] + np.uint64(1)) * powers[place]
        sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(terms, dtype=np.uint64)])
        hashes[:, lane] = sums[ends] - sums[starts] + lengths.view(np.uint64) * multiplier
    return hashes
