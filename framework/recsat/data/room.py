"""What a table takes in memory, known before it is taken: a few kilobytes can say a billion cells.

The sizes that packed files name cannot be trusted, and bytes are not all: a run of one number is a few bytes of Parquet however long it is, and
a short line under a long header has as many cells as the header.
"""

from __future__ import annotations

from collections.abc import Iterable
from gzip import GzipFile
from pathlib import Path
from typing import IO, Final

import polars as pl

from recsat.errors import DataError

GIB: Final = 2**30
BYTES_OF_CELL: Final = 16
"""What polars keeps of a text beside its signs; numbers take half of it."""
PART: Final = 1 << 20


def require_room(name: str, n_bytes: int, size: int, most_gib: float) -> None:
    """Raises DataError where the table of a file of ``size`` bytes takes ``n_bytes``, and these are more than ``most_gib``."""
    if n_bytes > most_gib * GIB:
        raise DataError(
            f"{name}: of {size:,} bytes it unpacks to more than {most_gib:g} GiB. Raise max_unpacked_gib if it is meant to, and see that "
            "there is the memory."
        )


def require_room_of_parquet(name: str, parts: Iterable[Path], most_gib: float) -> None:
    """:func:`require_room` by what the parts say of themselves: values and bytes of every column. What is no Parquet is left to its reader."""
    import pyarrow as pa
    from pyarrow import parquet

    n_bytes = size = 0
    for part in parts:
        try:
            footer = parquet.read_metadata(part)
        except (pa.ArrowException, OSError, ValueError):  # a name of a column may be no UTF-8
            continue
        size += part.stat().st_size
        groups = [footer.row_group(i) for i in range(footer.num_row_groups)]
        columns = [group.column(j) for group in groups for j in range(footer.num_columns)]
        n_bytes += sum(max(column.total_uncompressed_size, column.num_values * BYTES_OF_CELL) for column in columns)
    require_room(name, n_bytes, size, most_gib)


def require_room_of_texts(name: str, table: pl.DataFrame, size: int, most_gib: float) -> None:
    """:func:`require_room` of texts that a file has once and the table in many rows, before anything copies them."""
    require_room(name, sum(_length(column) for column in table), size, most_gib)


def _length(cells: pl.Series) -> int:
    if cells.dtype == pl.String:
        return int(cells.str.len_bytes().sum())
    if isinstance(cells.dtype, pl.Categorical | pl.Enum):
        counts = cells.drop_nulls().value_counts(name="n")
        lengths = counts.get_column(cells.name).cast(pl.String).str.len_bytes()
        return int((lengths.cast(pl.Int64) * counts["n"].cast(pl.Int64)).sum())
    return 0


def require_room_of_lines(name: str, stream: IO[bytes] | GzipFile, n_columns: int, size: int, most_gib: float) -> None:
    """:func:`require_room` of ``n_columns`` cells a line, where most of them are not in the file: there are more cells than bytes."""
    n_lines, n_bytes = 1, 0
    while part := stream.read(PART):
        n_lines += part.count(b"\n")
        n_bytes += len(part)
    n_cells = n_columns * n_lines
    if n_cells > n_bytes:
        require_room(name, n_cells * BYTES_OF_CELL, size, most_gib)
