"""Faults in the input: one row a fault, in the shape of the quarantine table, and one sentence for each."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from recsat.contract.dataset import QUARANTINE_SCHEMA, Dataset
from recsat.errors import DataError

FILE = "_file"
ROW = "_row"
"""Where a row comes from: columns that :func:`~recsat.data.reading.read_table` adds and validation takes off again."""
N_SHOWN = 20
LONGEST_VALUE = 80


def with_origin(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """``table`` with :data:`FILE` and :data:`ROW`; a table made in memory is called ``name``, its first row 1."""
    if FILE in table.columns and ROW in table.columns:
        return table
    rows = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    return table.with_columns(pl.lit(name).alias(FILE), rows.alias(ROW))


def without_origin(table: pl.DataFrame) -> pl.DataFrame:
    """The table that the run goes on with."""
    return table.drop(FILE, ROW, strict=False)


def without_origins(dataset: Dataset) -> Dataset:
    """The same for every table of a dataset."""
    exposures, ties = dataset.exposures, dataset.ties
    return replace(
        dataset,
        items=without_origin(dataset.items),
        users=without_origin(dataset.users),
        events=without_origin(dataset.events),
        exposures=None if exposures is None else without_origin(exposures),
        ties=None if ties is None else without_origin(ties),
    )


def faults_at(
    bad: pl.DataFrame, column: str, reason: str | pl.Expr, fix: str, *, value: pl.Expr | None = None
) -> pl.DataFrame:
    """One fault for each row of ``bad``; ``reason`` goes on where "column 'value'" stops."""
    cells = (pl.col(column) if value is None else value).cast(pl.String, strict=False).str.slice(0, LONGEST_VALUE)
    return bad.select(
        file=pl.col(FILE),
        row=pl.col(ROW),
        column=pl.lit(column),
        value=cells,
        reason=pl.lit(reason) if isinstance(reason, str) else reason,
        fix=pl.lit(fix),
    ).cast(QUARANTINE_SCHEMA)


def sentences(faults: pl.DataFrame) -> list[str]:
    """``events.csv, row 41: timestamp '31/02/2024' is not a date. Use ISO 8601, or set timestamp_format.``"""
    place = pl.format("{}, row {}: {} ", "file", "row", "column")
    quoted = pl.format("'{}' ", pl.col("value")).fill_null("")
    return faults.select(pl.concat_str(place, quoted, pl.format("{}. {}", "reason", "fix"))).to_series().to_list()


def refuse(faults: pl.DataFrame) -> None:
    """Raises DataError that lists the first :data:`N_SHOWN` faults and says how many there are; does nothing without any."""
    if faults.is_empty():
        return
    lines = sentences(faults.head(N_SHOWN))
    if faults.height == 1:
        raise DataError(lines[0])
    first = f", the first {N_SHOWN} of which are" if faults.height > N_SHOWN else ""
    raise DataError(
        "\n  ".join([f"{faults.height} faults in the data{first}:", *lines])
        + "\nMend them, or set data.on_bad_rows to quarantine to go on without these rows."
    )
