"""From what a file holds to typed columns: whatever cannot be read is a fault with its place, never a silent null."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC as UTC_ZONE
from datetime import datetime
from typing import Literal

import polars as pl

from recsat.contract.dataset import no_quarantine
from recsat.data.faults import faults_at
from recsat.errors import DataError

UTC = pl.Datetime("us", "UTC")
UNIX = "unix"
LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z, beyond which Python has no dates
ISO_FORMATS = ("%+", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d")


@dataclass(frozen=True, kw_only=True)
class Column:
    """How one column of a file is read.

    ``kind``: ``text``, ``integer``, ``number``, ``boolean`` (true, false, yes, no, 1, 0), ``time`` (UTC, microseconds) or
    ``list`` (of texts, parted by ``separator``). ``source`` is its name in the file where that is another one. A column
    that is not ``required`` may be missing, and is then missing in the result. One with a ``default`` may be missing too:
    the default stands in for it, and for empty cells. ``time_format``: None for ISO 8601, where a time without an offset is
    UTC; ``"unix"`` for seconds since 1970; or a pattern such as ``%d/%m/%Y``.
    """

    kind: Literal["text", "integer", "number", "boolean", "time", "list"] = "text"
    source: str | None = None
    required: bool = True
    default: str | float | bool | datetime | tuple[str, ...] | None = None
    separator: str = "|"
    time_format: str | None = None


def typed(raw: pl.DataFrame, name: str, column: Column) -> tuple[pl.Series, pl.DataFrame]:
    """The column ``name`` of ``raw`` (its source column, with origin) in its type, and its faults; faulty cells are null."""
    source = column.source or name
    plain = raw.with_columns(_trimmed(source)) if raw.schema[source] == pl.String else raw
    value, reason, fix = _READERS[column.kind](plain, source, column)
    cells = plain.select(value.alias(name))
    bad = cells.to_series().is_null() & plain[source].is_not_null()
    if not bad.any():
        return cells.to_series(), no_quarantine()
    return cells.to_series(), faults_at(raw.filter(bad), source, reason, fix)


def _trimmed(source: str) -> pl.Expr:
    text = pl.col(source).str.strip_chars()
    return pl.when(text != "").then(text).alias(source)


Reader = tuple[pl.Expr, str, str]


def _text(raw: pl.DataFrame, source: str, column: Column) -> Reader:
    return pl.col(source).cast(pl.String, strict=False), "is not text", "Write it as text."


def _integer(raw: pl.DataFrame, source: str, column: Column) -> Reader:
    whole = pl.col(source).cast(pl.Int64, strict=False)
    if raw.schema[source].is_float():
        whole = pl.when(pl.col(source) == pl.col(source).round()).then(whole)
    return whole, "is not a whole number", "Write digits alone, without unit or thousands separator."


def _number(raw: pl.DataFrame, source: str, column: Column) -> Reader:
    fix = "Write digits with a decimal point, without unit or thousands separator."
    return pl.col(source).cast(pl.Float64, strict=False), "is not a number", fix


def _boolean(raw: pl.DataFrame, source: str, column: Column) -> Reader:
    word = pl.col(source).cast(pl.String, strict=False).str.to_lowercase()
    value = pl.when(word.is_in(["true", "yes", "1"])).then(True).when(word.is_in(["false", "no", "0"])).then(False)
    return value, "is neither true nor false", "Write true or false."


def _list(raw: pl.DataFrame, source: str, column: Column) -> Reader:
    dtype = raw.schema[source]
    if dtype == pl.String:
        parts = pl.col(source).str.split(column.separator).list.eval(pl.element().str.strip_chars())
        parts = parts.list.eval(pl.element().filter(pl.element() != ""))
    elif isinstance(dtype, pl.List | pl.Array):
        parts = pl.col(source).cast(pl.List(pl.String), strict=False)
    else:
        parts = pl.concat_list(pl.col(source).cast(pl.String, strict=False))
    return parts, "is not a list", f"Write the values with {column.separator!r} between them."


def _time(raw: pl.DataFrame, source: str, column: Column) -> Reader:
    dtype, cell, form = raw.schema[source], pl.col(source), column.time_format
    iso = "Use ISO 8601, or set timestamp_format."
    if isinstance(dtype, pl.Datetime):
        zoned = cell.dt.replace_time_zone("UTC") if dtype.time_zone is None else cell.dt.convert_time_zone("UTC")
        return zoned.cast(UTC), "is not a date", iso
    if dtype == pl.Date:
        return cell.cast(pl.Datetime("us")).dt.replace_time_zone("UTC"), "is not a date", iso
    if form == UNIX:
        seconds = cell.cast(pl.Float64, strict=False)
        micros = pl.when(seconds.abs() <= LAST_SECOND).then(seconds * 1_000_000)
        since = micros.round().cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return since, "is not a number of seconds since 1970", "Leave timestamp_format empty where times are ISO 8601."
    text = cell.cast(pl.String, strict=False)
    if form is not None:
        _require_pattern(form)
        return _by_pattern(text, form), f"is not a date of the form {form}", "Mend it, or change timestamp_format."
    stamp = text.str.replace(r"^(\d{4}-\d{2}-\d{2}) +", "${1}T")
    return pl.coalesce([_by_pattern(stamp, iso_form) for iso_form in ISO_FORMATS]), "is not a date", iso


def _by_pattern(text: pl.Expr, form: str) -> pl.Expr:
    return text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC")


def _require_pattern(form: str) -> None:
    """Writes a moment in this form and reads it back: polars takes any pattern, and would call every cell faulty."""
    moment = pl.lit(datetime(2024, 12, 31, tzinfo=UTC_ZONE)).dt.cast_time_unit("us")
    try:
        same = pl.select(_by_pattern(moment.dt.strftime(form), form) == moment).item()
    except pl.exceptions.PolarsError:
        same = None
    if not same:
        raise DataError(
            f"timestamp_format {form!r} is not a pattern for dates. Use one such as %d/%m/%Y %H:%M, unix for seconds, "
            "or leave it empty for ISO 8601."
        )


_TYPES: Mapping[str, pl.DataType] = {
    "text": pl.String(),
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "time": UTC,
    "list": pl.List(pl.String()),
}
_READERS = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "time": _time,
    "list": _list,
}


def with_defaults(table: pl.DataFrame, columns: Mapping[str, Column]) -> pl.DataFrame:
    """``table`` with the defaults of ``columns`` where it has no such column or no value."""
    complete = []
    for name, column in columns.items():
        if column.default is not None:
            value = list(column.default) if isinstance(column.default, tuple) else column.default
            default = pl.lit(value, dtype=_TYPES[column.kind])
            complete.append((pl.col(name).fill_null(default) if name in table.columns else default).alias(name))
    return table.with_columns(complete)


def typed_table(raw: pl.DataFrame, columns: dict[str, Column], keep: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All of ``columns``, beside ``keep`` as it is, for the rows that have no fault; and the faults."""
    read = {name: typed(raw, name, column) for name, column in columns.items()}
    faults = pl.concat([fault for _, fault in read.values()]) if read else no_quarantine()
    table = pl.DataFrame([series for series, _ in read.values()]).with_columns(raw.select(keep))
    if faults.is_empty():
        return table, faults
    sources = {name: column.source or name for name, column in columns.items()}
    bad = [table[name].is_null() & _has_value(raw[sources[name]]) for name in columns]
    return table.filter(~functools.reduce(operator.or_, bad)), faults


def _has_value(cells: pl.Series) -> pl.Series:
    return cells.str.strip_chars().fill_null("") != "" if cells.dtype == pl.String else cells.is_not_null()
