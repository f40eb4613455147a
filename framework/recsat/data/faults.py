"""Faults in the input: one row a fault, in the shape of the quarantine table, and one sentence for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from recsat.contract.dataset import QUARANTINE_SCHEMA, Dataset, no_quarantine
from recsat.errors import DataError

FILE = "_file"
ROW = "_row"
"""Where a row comes from: columns that :func:`~recsat.data.reading.read_table` adds and validation takes off again."""
N_CAUSES = 20
N_EXAMPLES = 3
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


def without_rows(table: pl.DataFrame, faults: pl.DataFrame) -> pl.DataFrame:
    """``table`` (with origin) without the rows that ``faults`` name."""
    if faults.is_empty():  # as mostly: a join of all rows would be a copy of them
        return table
    places = faults.select(pl.col("file").alias(FILE), pl.col("row").alias(ROW)).unique()
    return table.join(places, on=[FILE, ROW], how="anti", maintain_order="left")


def faults_at(
    bad: pl.DataFrame, column: str, reason: str | pl.Expr, fix: str, *, value: pl.Expr | None = None
) -> pl.DataFrame:
    """One fault for each row of ``bad``; ``reason`` goes on where "column 'value'" stops."""
    if bad.is_empty():  # as mostly: the queries below cost more than a user's whole list
        return no_quarantine()
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


def places(rows: pl.DataFrame, column: str) -> str:
    """``(row 5 'soon', row 9 'never', row 12 '?')``: the first rows with their cells."""
    return _examples(
        rows[ROW].head(N_EXAMPLES).to_list(), rows[column].head(N_EXAMPLES).cast(pl.String, strict=False).to_list()
    )


def _examples(rows: list[int], values: list[str | None]) -> str:
    cells = ["" if value is None else f" '{value[:LONGEST_VALUE]}'" for value in values]
    return f"({', '.join(f'row {row}{cell}' for row, cell in zip(rows, cells, strict=True))})"


def causes(faults: pl.DataFrame) -> list[str]:
    """One sentence for each cause, with how many rows have it and the first of them; a fault that stands alone is its own sentence."""
    one_cause = ["file", "column", "_cause", "fix"]
    # "is a duplicate of row 7" is one cause, whichever row it was.
    groups = (
        faults.with_columns(_cause=pl.col("reason").str.replace(r"row \d+", "another row"))
        .group_by(one_cause, maintain_order=True)
        .agg(pl.len().alias("_n"), pl.col("reason").n_unique().alias("_n_reasons"), pl.all().head(N_EXAMPLES))
    )
    lines = []
    for group in groups.iter_rows(named=True):
        if group["_n"] == 1:
            alone = {name: group[name] if name in one_cause else group[name][0] for name in QUARANTINE_SCHEMA}
            lines += sentences(pl.DataFrame([alone], schema=QUARANTINE_SCHEMA))
            continue
        examples = _examples(group["row"], group["value"])
        cause = group["reason"][0] if group["_n_reasons"] == 1 else group["_cause"]
        lines.append(f"{group['file']}, {group['_n']:,} rows: {group['column']} {cause} {examples}. {group['fix']}")
    return lines


def refuse(faults: pl.DataFrame, oddities: Sequence[str] = ()) -> None:
    """Raises DataError with a line for each of ``oddities`` and for each cause of faults, the first :data:`N_CAUSES` of them; does nothing without any."""
    if faults.is_empty():
        if oddities:
            raise DataError("\n".join(oddities))
        return
    lines = [*oddities, *causes(faults)]
    if faults.height == 1 and not oddities:
        raise DataError(f"{lines[0]} Or set data.on_bad_rows to quarantine to go on without the row.")
    first = f", the first {N_CAUSES} of {len(lines):,} causes" if len(lines) > N_CAUSES else ""
    raise DataError(
        "\n  ".join([f"{faults.height:,} faults in the data{first}:", *lines[:N_CAUSES]])
        + "\nMend them, or set data.on_bad_rows to quarantine to go on without these rows."
    )
