"""Payload tables as JSON: what Qdrant can store, filter and send over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
import polars.selectors as cs

from recsat.errors import StoreError

_REFUSED = (pl.Binary, pl.Object, pl.Duration, pl.Time, pl.Decimal)


def json_payload(payload: pl.DataFrame) -> pl.DataFrame:
    """The same table with only JSON's types: dates become RFC 3339 text (UTC), categories text; nulls stay null.

    A date without a zone counts as UTC. Raises StoreError for a float that JSON cannot say (NaN, infinite) and for types
    that have no one JSON form (binary, duration, decimal …).
    """
    for name, dtype in payload.schema.items():
        if isinstance(dtype, _REFUSED):
            raise StoreError(
                f"payload column {name!r}: {dtype} has no JSON form. Cast it to a number or to text first."
            )
    stamp = "%Y-%m-%dT%H:%M:%S%.6fZ"
    table = payload.with_columns(
        cs.datetime(time_zone="*").dt.convert_time_zone("UTC").dt.strftime(stamp),
        cs.datetime(time_zone=None).dt.strftime(stamp),
        cs.date().dt.strftime("%Y-%m-%dT00:00:00Z"),
        (cs.categorical() | cs.enum()).cast(pl.String),
    )
    for name in table.select(cs.float()).columns:
        bad = table[name].is_finite().not_().fill_null(False)
        if bad.any():
            row = int(bad.arg_max() or 0)
            raise StoreError(
                f"payload column {name!r}, row {row}: {table[name][row]} is not a JSON number. Use null where there is no value."
            )
    return table


def payload_batches(payload: pl.DataFrame, n: int, batch: int) -> Iterator[list[dict[str, Any]]]:
    """Rows as dicts, ``batch`` at a time; empty dicts where the table has no columns."""
    table = json_payload(payload)
    for start in range(0, n, batch):
        size = min(batch, n - start)
        yield table.slice(start, size).to_dicts() if table.width else [{} for _ in range(size)]
