"""What people hold their tables in, as polars frames."""

from __future__ import annotations

from typing import Any

import polars as pl

from recsat.errors import DataError


def polars_frame(name: str, table: Any) -> pl.DataFrame:
    """``table``, a polars or pandas frame, as a polars frame; the named index of a pandas frame is among its columns.

    Raises DataError that names the table for anything else, and for a column that has no type of its own, such as numbers and texts mixed.
    """
    if isinstance(table, pl.DataFrame):
        _refuse_objects(name, table)
        return table
    if isinstance(table, pl.LazyFrame):
        raise DataError(f"{name} is a polars LazyFrame. Call .collect() on it.")
    if not _is_pandas(table):
        raise DataError(f"{name} is a {type(table).__name__}. Give a polars or pandas DataFrame.")
    return _from_pandas(name, table)


def _is_pandas(table: Any) -> bool:
    """Without an import of pandas, which need not be installed."""
    kind = type(table)
    return kind.__name__ == "DataFrame" and kind.__module__.partition(".")[0] == "pandas"


def _from_pandas(name: str, table: Any) -> pl.DataFrame:
    named = any(level is not None for level in table.index.names)
    flat = table.reset_index() if named else table
    columns = [str(column) for column in flat.columns]
    doubled = sorted({column for column in columns if columns.count(column) > 1})
    if doubled:
        raise DataError(f"{name} has the column {doubled[0]!r} twice. Rename or drop one.")
    converted = []
    for at, column in enumerate(columns):
        # Column by column, so that the one that cannot be converted is named.
        try:
            converted.append(pl.Series(column, pl.from_pandas(flat.iloc[:, at])))
        except Exception as error:  # pyarrow and polars each have errors of their own here
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise DataError(
                f"{name}: column {column!r} cannot be read ({reason}). Give its values one type, such as text."
            ) from error
    return pl.DataFrame(converted)


def _refuse_objects(name: str, table: pl.DataFrame) -> None:
    for column, dtype in table.schema.items():
        if dtype == pl.Object:
            raise DataError(
                f"{name}: column {column!r} has Python objects of no type. Give its values one type, such as text."
            )
