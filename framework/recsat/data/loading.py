"""A folder of tables as a dataset: what every domain that reads its operator's files does alike."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

import polars as pl

from recsat.config.tables import EventSettings, Tables, TableSettings
from recsat.contract.dataset import Dataset, no_quarantine
from recsat.data.columns import UTC, Column
from recsat.data.faults import FILE, ROW, faults_at, with_origin, without_rows
from recsat.data.notes import as_shares, events_left_out, rescaled, table_left_out, without_unit
from recsat.data.reading import find_table, read_table
from recsat.data.schema import SIGNED, amount_faults
from recsat.errors import ConfigError, DataError, did_you_mean

TableName: TypeAlias = Literal["items", "events", "users", "exposures", "ties"]
PUBLISHERS = "RECSAT_DATA"
"""The environment variable that names the folder of data too large, or not free enough, to bundle."""
WATCHED = "watched_percent"
ID, TIME = Column(), Column(kind="time")
KEYS: Mapping[str, str] = {"items": "item_id", "users": "user_id"}
USERS: Mapping[str, Column] = {"user_id": ID}
EVENTS: Mapping[str, Column] = {
    "user_id": ID,
    "item_id": ID,
    "event": ID,
    # What somebody rated or paid decides what they liked, and when they did it what is held out: neither is a trifle to go without.
    "value": Column(kind="number", required=False, unreadable="row"),
    "timestamp": Column(kind="time", required=False, unreadable="row"),
    "position": Column(kind="integer", required=False, unreadable="row"),
    # Kept beside the events, for metrics and for whoever reads the run's tables.
    "quantity": Column(kind="number", required=False),
    "order_id": Column(required=False),
    "session_id": Column(required=False),
    WATCHED: Column(kind="number", required=False),
}
EXPOSURES: Mapping[str, Column] = {
    "user_id": ID,
    "item_id": ID,
    "position": Column(kind="integer"),
    "timestamp": TIME,
    "policy": ID,
    "propensity": Column(kind="number"),
    "click": Column(kind="boolean"),
    "value": Column(kind="number", required=False),
    "surface": Column(required=False),
    "session_id": Column(required=False),
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
    tables: Tables | None = None,
    source: str | None = None,
    simulated: bool = False,
    signed: Collection[str] = SIGNED,
    highest_rating: float | None = None,
) -> Dataset:
    """The tables ``items`` and ``events`` of ``folder``, with ``users``, ``exposures`` and ``ties`` where their files exist.

    Each argument says which columns its table has (:class:`~recsat.Column`; see :func:`~recsat.read_table` for the files). Ties
    are read where their columns are given. ``time_format`` is for all columns of kind ``time`` that name none of their own. Rows
    that cannot be read are in ``quarantine``; ``value`` and ``timestamp`` of events and ``timestamp`` of ties are null where the file has none.
    ``tables`` says where files are and how they are written (:class:`recsat.config.tables.Tables`); ``position`` of events, the place of an
    event among its user's, stays where the file has it. ``source`` is the sentence of the report, which without one names the folder;
    ``simulated`` says that nothing was measured. A ``value`` below 0 is a fault of its row unless the event is one of ``signed``, and so are a
    ``quantity`` below 0 and a ``watched_percent`` outside of 0 to 100; one of which all lies between 0 and 1 is read as shares. Where values are written as ``4/10``, the 10 must be the ``highest_rating``. ``exposures`` and ``ties`` None: the domain has no such table, and settings of one are refused.

    Raises DataError with a line for each table that cannot be read: items or events are missing, a required column is, or a file is none.
    """
    written = Tables() if tables is None else tables
    if highest_rating is not None and "value" in events:
        events = {**events, "value": replace(events["value"], out_of=highest_rating)}
    columns_by_table = {"items": items, "events": events, "users": users, "exposures": exposures, "ties": ties}
    faults, notes, refused = [no_quarantine()], list[str](), list[str]()
    read: dict[str, pl.DataFrame] = {}
    for name, columns in columns_by_table.items():
        settings: TableSettings = getattr(written, name)
        try:
            if columns is None:
                _leave_out(folder, name, settings, notes)
                continue
            if not (name in ("items", "events") or settings.path or find_table(folder, name)):
                continue
            table, bad = read_table((folder, name), _timed(columns, time_format), settings, notes)
            if settings.distinct and name in KEYS:
                bad = bad.filter(pl.col("column") != settings.columns.get(KEYS[name], KEYS[name]))
                table = table.drop_nulls(KEYS[name]).unique(KEYS[name], keep="first", maintain_order=True)
            read[name] = table
            faults.append(bad)
        except DataError as error:
            refused += [
                line if tables is None else f"{line} (domain_config.tables.{name})" for line in str(error).splitlines()
            ]
        except OSError as error:
            raise DataError(
                f"{str(folder)[:200]!r}: it cannot be looked into ({error.strerror}). Check domain_config.folder."
            ) from error
    if refused:
        raise DataError("\n".join(dict.fromkeys(refused)))
    # A catalogue of ids alone is one without text, whose titles are missing.
    no_texts = [name for name, how in items.items() if name == "title" and how.kind == "text"]
    for name in no_texts:
        read["items"] = _with_column(read["items"], name, pl.String())
    nobody = pl.DataFrame(schema={"user_id": pl.String, FILE: pl.String, ROW: pl.Int64})
    event_table = _with_column(_with_column(read["events"], "value", pl.Float64()), "timestamp", UTC)
    event_table = _in_percent(_named_events(event_table, written.events, notes), written.events, notes)
    no_amounts = amount_faults(event_table, signed)
    event_table = without_rows(event_table, no_amounts)
    return Dataset(
        items=read["items"],
        events=event_table,
        users=read.get("users", nobody),
        exposures=read.get("exposures"),
        ties=None if "ties" not in read else _with_column(read["ties"], "timestamp", UTC),
        quarantine=pl.concat([*faults, no_amounts]),
        notes=tuple(notes),
        source=f"Files in {folder}." if source is None else source,
        simulated=simulated,
    )


def _leave_out(folder: Path, name: str, settings: TableSettings, notes: list[str]) -> None:
    """Notes a file of a table that the domain does not have. Raises DataError for settings of one."""
    if settings.model_fields_set and settings != TableSettings():
        raise DataError(f"{name}: the domain has no such table. Take its settings out.")
    path = find_table(folder, name)
    if path is not None:
        notes.append(table_left_out(path.name, name))


def _timed(columns: Mapping[str, Column], time_format: str | None) -> dict[str, Column]:
    if time_format is None:
        return dict(columns)
    return {
        name: replace(how, time_format=how.time_format or time_format) if how.kind == "time" else how
        for name, how in columns.items()
    }


def _named_events(events: pl.DataFrame, settings: EventSettings, notes: list[str]) -> pl.DataFrame:
    """``events`` by the domain's names. Raises DataError where no event has one of the file's names."""
    names, there = settings.event_names, events["event"].unique()
    # Where every row has a fault there is no event, and its faults are told.
    absent = [name for name in names if name not in there] if events.height else []
    if absent:
        listed = ", ".join(map(repr, there.drop_nulls().sort().head(20)))
        raise DataError(
            f"event_names: no event is called {absent[0]!r}; they are called {listed}.{did_you_mean(absent[0], there.drop_nulls())}"
        )
    if settings.only_named:
        others = events.filter(~pl.col("event").is_in(list(names)).fill_null(value=False))
        counts = others["event"].value_counts(sort=True)
        if others.height:
            listed = ", ".join(f"{name} {n:,}" for name, n in counts.head(5).iter_rows())
            notes.append(events_left_out(f"{others.height:,}", listed))
        events = events.filter(pl.col("event").is_in(list(names)))
    return events.with_columns(pl.col("event").replace(dict(names)))


def _in_percent(events: pl.DataFrame, settings: EventSettings, notes: list[str]) -> pl.DataFrame:
    """``events`` whose ``watched_percent`` goes to 100, where all of it lies between 0 and 1."""
    if WATCHED not in events.columns or events.schema[WATCHED] != pl.Float64:
        return events
    cells = events[WATCHED].drop_nulls()
    place = (str(events[FILE].first()), settings.columns.get(WATCHED, WATCHED))
    if not (cells.is_between(0, 1).all() and (cells > 0).any()) or without_unit(*place, "%") in notes:
        return events
    notes.append(as_shares(*place))
    return events.with_columns(pl.col(WATCHED) * 100)


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


def rescale_ratings(data: Dataset, scale: Sequence[float] | None, stars: int = 5) -> Dataset:
    """``data`` with ratings of ``scale`` (smallest, largest) as stars, half of the largest being half of the stars; others are faults of their rows.

    A scale that begins below 0 is moved to begin there. None: they are stars already.

    >>> events = pl.DataFrame({"event": ["rating", "rating"], "value": [7.0, 11.0]})
    >>> data = rescale_ratings(Dataset(items=pl.DataFrame({"item_id": ["a"]}), events=events), (1, 10))
    >>> data.events["value"].to_list(), data.quarantine["reason"].to_list()
    ([3.5], ['is not between 1 and 10'])
    """
    low, high = (0.0, float(stars)) if scale is None else scale
    is_rating = pl.col("event") == "rating"
    sound = pl.col("value").is_finite() & pl.col("value").is_between(low, high)
    reason = f"is not between {low:g} and {high:g}{' stars' if scale is None else ''}"
    fix = (
        f"Set rating_scale, or rescale ratings to {stars} stars."
        if scale is None
        else "Set missing of value: to it where it means no rating, or mend rating_scale."
    )
    is_bad = is_rating & (pl.col("value").is_finite() & ~sound)
    data = set_aside(data, "events", is_bad, column="value", reason=reason, fix=fix)
    if scale is None or (low >= 0 and high == stars):
        return data
    value = (pl.col("value") - min(low, 0.0)) * (stars / (high - min(low, 0.0)))
    events = data.events.with_columns(value=pl.when(is_rating).then(value).otherwise("value"))
    return replace(
        data,
        events=events,
        notes=(*data.notes, rescaled(f"{low:g}", f"{high:g}", str(stars))),
    )


def in_numbers_of_the_files(value: float, scale: Sequence[float] | None, stars: int = 5) -> float:
    """What a rating was before :func:`rescale_ratings`.

    >>> in_numbers_of_the_files(3.5, (1, 10)), in_numbers_of_the_files(3.5, None)
    (7.0, 3.5)
    """
    if scale is None:
        return value
    low = min(scale[0], 0.0)
    return value * (scale[1] - low) / stars + low


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
