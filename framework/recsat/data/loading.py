"""A folder of tables as a dataset: what every domain that reads its operator's files does alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import polars as pl

from recsat.contract.dataset import Dataset, no_quarantine
from recsat.data.columns import UTC, Column
from recsat.data.faults import FILE, ROW, faults_at, with_origin
from recsat.data.reading import find_table, read_table
from recsat.errors import ConfigError

TableName: TypeAlias = Literal["items", "events", "users", "exposures", "ties"]
PUBLISHERS = "RECSAT_DATA"
"""The environment variable that names the folder of data too large, or not free enough, to bundle."""
ID, TIME = Column(), Column(kind="time")
USERS: Mapping[str, Column] = {"user_id": ID}
EVENTS: Mapping[str, Column] = {
    "user_id": ID,
    "item_id": ID,
    "event": ID,
    "value": Column(kind="number", required=False),
    "timestamp": TIME,
}
EXPOSURES: Mapping[str, Column] = {
    "user_id": ID,
    "item_id": ID,
    "position": Column(kind="integer"),
    "timestamp": TIME,
    "policy": ID,
    "propensity": Column(kind="number"),
    "click": Column(kind="boolean"),
}
TIES: Mapping[str, Column] = {"user_id": ID, "other_id": ID, "timestamp": Column(kind="time", required=False)}


def read_dataset(
    folder: Path,
    *,
    items: Mapping[str, Column],
    events: Mapping[str, Column] = EVENTS,
    users: Mapping[str, Column] = USERS,
    exposures: Mapping[str, Column] = EXPOSURES,
    ties: Mapping[str, Column] | None = None,
    time_format: str | None = None,
    source: str | None = None,
    simulated: bool = False,
) -> Dataset:
    """The tables ``items`` and ``events`` of ``folder``, with ``users``, ``exposures`` and ``ties`` where their files exist.

    Each argument says which columns its table has (:class:`~recsat.Column`; see :func:`~recsat.read_table` for the files). Ties
    are read where their columns are given. ``time_format`` is for all columns of kind ``time`` that name none of their own. Rows
    that cannot be read are in ``quarantine``; ``value`` of events and ``timestamp`` of ties are null where the file has none.
    ``source`` is the sentence of the report, which without one names the folder; ``simulated`` says that nothing was measured.

    Raises DataError where items or events are missing, a required column is, or a file cannot be read.
    """
    faults = [no_quarantine()]

    def read(name: str, columns: Mapping[str, Column]) -> pl.DataFrame:
        timed = {
            column: replace(how, time_format=how.time_format or time_format) if how.kind == "time" else how
            for column, how in columns.items()
        }
        table, bad = read_table((folder, name), timed)
        faults.append(bad)
        return table

    def read_where_it_exists(name: str, columns: Mapping[str, Column] | None) -> pl.DataFrame | None:
        return None if columns is None or find_table(folder, name) is None else read(name, columns)

    item_table, event_table = read("items", items), read("events", events)
    user_table = read_where_it_exists("users", users)
    tie_table = read_where_it_exists("ties", ties)
    return Dataset(
        items=item_table,
        events=_with_column(event_table, "value", pl.Float64()),
        users=pl.DataFrame(schema={"user_id": pl.String, FILE: pl.String, ROW: pl.Int64})
        if user_table is None
        else user_table,
        exposures=read_where_it_exists("exposures", exposures),
        ties=None if tie_table is None else _with_column(tie_table, "timestamp", UTC),
        quarantine=pl.concat(faults),
        source=f"Files in {folder}." if source is None else source,
        simulated=simulated,
    )


def set_aside(data: Dataset, table: TableName, bad: pl.Expr, *, column: str, reason: str, fix: str) -> Dataset:
    """``data`` without the rows of ``table`` for which ``bad`` is true; each is a fault in ``quarantine``.

    At the door the run then refuses them, all at once, or goes on without them, as ``data.on_bad_rows`` says. ``reason`` goes on
    where "events.csv, row 3: value '80'" stops, and ``fix`` is a sentence: "is not between 0 and 5 stars", "Rescale ratings.".
    What ``bad`` does not know (null) stays.

    >>> data = Dataset(items=pl.DataFrame({"item_id": ["a"]}), events=pl.DataFrame({"value": [4.0, 80.0]}))
    >>> data = set_aside(data, "events", pl.col("value") > 5, column="value", reason="is above 5 stars", fix="Rescale it.")
    >>> data.events["value"].to_list(), data.quarantine.select("file", "row", "value").rows()
    ([4.0], [('events', 2, '80.0')])
    """
    rows = with_origin(getattr(data, table), table)
    is_bad = bad.fill_null(value=False)
    faults = faults_at(rows.filter(is_bad), column, reason, fix)
    tables = {table: rows.filter(~is_bad), "quarantine": pl.concat([data.quarantine, faults])}
    return replace(data, **tables)  # type: ignore[arg-type]


def publisher_folder(folder: str | None, name: str, layout: str) -> Path:
    """``folder``, or ``$RECSAT_DATA/name``: where a publisher's files are that may not be bundled.

    Raises ConfigError where neither is set.
    """
    if folder is not None:
        return Path(folder)
    data = os.environ.get(PUBLISHERS)
    if not data:
        raise ConfigError(
            f"layout {layout!r} reads the publisher's files, which may not be bundled. Set domain_config.folder to the folder "
            f"that has them, or the environment variable {PUBLISHERS} to the folder above {name}/."
        )
    return Path(data) / name


def _with_column(table: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.DataFrame:
    return table if name in table.columns else table.with_columns(pl.lit(None, dtype=dtype).alias(name))
