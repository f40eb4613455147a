"""Items that a domain's sample happens not to have: values at and around every bound, none at all, long past and far ahead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

LARGEST = 2**53
"""Beyond it not every whole number is a double, which is what Qdrant compares."""
ABSENT = "no item has this"
AWAY = (timedelta(microseconds=1), timedelta(days=1), timedelta(days=366), timedelta(days=36500))


def generate_items(
    items: pl.DataFrame,
    columns: Iterable[str],
    where: Sequence[Mapping[str, Any]],
    now: datetime,
    n: int,
    seed: int = 0,
) -> pl.DataFrame:
    """``n`` rows of ``items`` whose ``columns`` have other values, each drawn by itself; ids are new.

    The values are null, those of the table and those that the Qdrant filters ``where`` name, with what lies just beside them;
    zero and very large numbers of either sign; ``now``, a moment, a day, a year and a century before and after it; a text that
    no item has; of lists, none, an empty one, one value and two.
    """
    rng = np.random.default_rng(seed)
    rows = items.sample(n, with_replacement=True, seed=seed)
    constants = list(_constants(where))
    generated = [_column(items[name], [*constants, now], n, rng) for name in columns]
    ids = pl.Series("item_id", [f"generated-{i}" for i in range(n)])
    return rows.with_columns(*generated, ids)


def _column(column: pl.Series, constants: Sequence[Any], n: int, rng: np.random.Generator) -> pl.Series:
    is_list = isinstance(column.dtype, pl.List)
    cells = column.explode(empty_as_null=False) if is_list else column
    pool = _pool(cells.drop_nulls().unique().sort(), constants)
    one = [None if place < 0 else pool[place] for place in rng.integers(-1, len(pool), n).tolist()]
    values: list[Any] = one
    if is_list:
        other = [pool[place] for place in rng.integers(0, len(pool), n).tolist()]
        shape = rng.integers(0, 4, n).tolist()
        values = [(None, [], [a], [a, b])[k] for k, a, b in zip(shape, one, other, strict=True)]
    return pl.Series(column.name, values, dtype=column.dtype)


def _pool(values: pl.Series, constants: Sequence[Any]) -> list[Any]:
    dtype = values.dtype
    if dtype == pl.Boolean:
        return [True, False]
    if isinstance(dtype, pl.Datetime | pl.Date):
        moments = [_moment(value) for value in [*values.to_list(), *constants] if isinstance(value, date)]
        nearby = [moment + sign * step for moment in moments for step in AWAY for sign in (-1, 1)]
        zoned = pl.Series([*moments, *nearby], dtype=pl.Datetime("us", "UTC"))
        zone = dtype.time_zone if isinstance(dtype, pl.Datetime) else None
        local = zoned.dt.replace_time_zone(None) if zone is None else zoned.dt.convert_time_zone(zone)
        return local.cast(dtype).unique(maintain_order=True).to_list()
    if dtype.is_numeric():
        numbers = [v for v in [*values.to_list(), *constants] if isinstance(v, int | float) and not isinstance(v, bool)]
        beside = [number + step for number in numbers for step in (-1, -0.01, 0.01, 1)]
        every = pl.Series([0, *numbers, *beside, LARGEST, -LARGEST], dtype=pl.Float64, strict=False)
        return every.cast(dtype, strict=False).drop_nulls().unique(maintain_order=True).to_list()
    texts = [value for value in constants if isinstance(value, str)]
    return pl.Series([*values.to_list(), *texts, ABSENT]).cast(dtype, strict=False).drop_nulls().to_list()


def _constants(part: Any) -> Iterable[Any]:
    """What a filter compares with; texts that are moments as moments too."""
    if isinstance(part, Mapping):
        for key, inner in part.items():
            yield from () if key == "key" else _constants(inner)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        for inner in part:
            yield from _constants(inner)
    else:
        yield part
        if isinstance(part, str):
            try:
                yield datetime.fromisoformat(part)
            except ValueError:
                return


def _moment(moment: date) -> datetime:
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
