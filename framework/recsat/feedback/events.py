"""Events of the log as events of a domain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Literal

import polars as pl

from recsat.contract.dataset import no_quarantine
from recsat.data.columns import UNIX, Column, typed_table
from recsat.data.faults import FILE, ROW

SHARED: Final = ("user_id", "item_id", "event", "value", "timestamp")
"""What the events of every domain have."""
Kind = Literal["text", "integer", "number", "boolean", "time", "list"]


def as_events(feedback: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``feedback``, as the log gives it, as events of a domain with the columns of ``schema``; and the faults of those that are none.

    The domain's further columns come from the events' ``columns`` and are null where an event has none; others that an event has are left
    out. Faults are rows of the quarantine table, whose ``row`` is the event's ``sequence``.
    """
    further = [name for name in schema if name not in SHARED]
    if not further:
        return pl.DataFrame([feedback[name] for name in schema]), no_quarantine()
    cells = [json.loads(text) for text in feedback["columns"]]
    texts = {name: pl.Series([_text(row.get(name)) for row in cells], dtype=pl.String) for name in further}
    raw = feedback.select(*SHARED, pl.lit("feedback").alias(FILE), pl.col("sequence").alias(ROW)).with_columns(**texts)
    columns = {name: Column(kind=_kind(schema[name]), time_format=_time_format(texts[name])) for name in further}
    events, faults = typed_table(raw, columns, [*SHARED])
    return events.select(pl.col(name).cast(dtype) for name, dtype in schema.items()), faults


def _text(cell: str | float | bool | None) -> str | None:
    return cell if cell is None or isinstance(cell, str) else json.dumps(cell)


def _kind(dtype: pl.DataType) -> Kind:
    if dtype.is_integer():
        return "integer"
    if dtype.is_numeric():
        return "number"
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_temporal():
        return "time"
    return "list" if isinstance(dtype, pl.List) else "text"


def _time_format(texts: pl.Series) -> str | None:
    return UNIX if texts.cast(pl.Float64, strict=False).is_not_null().any() else None
