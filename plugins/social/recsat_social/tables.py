"""Your own network: ``items`` and ``events``, with ``users``, ``ties`` and ``exposures`` where they exist."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat import Column, DataError, Dataset, find_table, read_table
from recsat_social.people import NO_WORDS, PREFIX, everybody, follow_events, person, ties_of, with_people

WITH_PEOPLE = ("follow", "message")
ITEMS = {
    "item_id": Column(),
    "title": Column(),
    "topics": Column(kind="list", required=False),
    "description": Column(required=False),
}
USERS = {
    "user_id": Column(),
    "name": Column(required=False),
    "interests": Column(kind="list", required=False),
    "bio": Column(required=False),
    "opted_out": Column(kind="boolean", required=False),
    "blocked": Column(kind="list", required=False),
}
UTC = pl.Datetime("us", "UTC")


def read_tables(folder: Path, timestamp_format: str | None, *, mutual: bool) -> Dataset:
    """CSV, Parquet or JSON lines of ``folder`` in the schema of the README.

    Each tie is a follow event too, so that friendships can be held out and predicted; ``mutual`` makes it two, one each way.
    Following oneself is a fault of its row. Raises DataError where ids of users or content begin with ``user:``.
    """
    time = Column(kind="time", time_format=timestamp_format)
    maybe_time = Column(kind="time", time_format=timestamp_format, required=False)
    pair = {"user_id": Column(), "item_id": Column()}
    content, item_faults = read_table((folder, "items"), ITEMS)
    columns = {**pair, "event": Column(), "value": Column(kind="number", required=False), "timestamp": time}
    events, event_faults = read_table((folder, "events"), columns)
    if "value" not in events.columns:
        events = events.with_columns(value=pl.lit(None, dtype=pl.Float64))
    faults = [item_faults, event_faults]
    users = pl.DataFrame(schema={"user_id": pl.String, "_file": pl.String, "_row": pl.Int64})
    if (path := find_table(folder, "users")) is not None:
        users, user_faults = read_table(path, USERS)
        faults.append(user_faults)
    ties = exposures = None
    if (path := find_table(folder, "ties")) is not None:
        ties, tie_faults = read_table(path, {"user_id": Column(), "other_id": Column(), "timestamp": maybe_time})
        faults.append(tie_faults)
    if (path := find_table(folder, "exposures")) is not None:
        logged = {"position": Column(kind="integer"), "timestamp": time, "policy": Column()}
        outcome = {"propensity": Column(kind="number"), "click": Column(kind="boolean")}
        exposures, exposure_faults = read_table(path, {**pair, **logged, **outcome})
        faults.append(exposure_faults)
    _require_own_ids(content, "item_id")
    _require_own_ids(users, "user_id")
    events = _with_ties(_about_people(events), ties, mutual=mutual)
    itself = person("item_id") == pl.col("user_id")
    faults.append(_follows_itself(events.filter(itself)))
    events = events.filter(~itself.fill_null(value=False))
    shown = [] if exposures is None else [exposures.select(person("item_id")).to_series(), exposures["user_id"]]
    people = everybody(users, events["user_id"], events.select(person("item_id")).to_series(), *shown)
    # People whom no user table names have their place among the people of the events.
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    people = people.with_columns(_file=pl.col("_file").fill_null("people"), _row=pl.col("_row").fill_null(place))
    topics = pl.col("topics").fill_null(NO_WORDS) if "topics" in content.columns else NO_WORDS
    return Dataset(
        items=with_people(content.with_columns(topics=topics), people),
        users=people,
        events=events,
        exposures=exposures,
        ties=ties_of(events),
        quarantine=pl.concat(faults),
        source=f"Files in {folder}.",
    )


def _require_own_ids(table: pl.DataFrame, key: str) -> None:
    taken = table.filter(pl.col(key).str.starts_with(PREFIX))
    if taken.height:
        file, row, value = taken.select("_file", "_row", key).row(0)
        raise DataError(
            f"{file}, row {row}: {key} {value!r} begins with {PREFIX!r}, which marks people among the items. "
            f"Write ids without it ({taken.height} such rows)."
        )


def _about_people(events: pl.DataFrame) -> pl.DataFrame:
    """Follows and messages name a person: their ``item_id`` may be the plain user id."""
    plain = pl.col("event").is_in(WITH_PEOPLE) & ~pl.col("item_id").str.starts_with(PREFIX)
    whom = pl.when(plain).then(pl.concat_str(pl.lit(PREFIX), "item_id")).otherwise("item_id")
    return events.with_columns(item_id=whom)


def _with_ties(events: pl.DataFrame, ties: pl.DataFrame | None, *, mutual: bool) -> pl.DataFrame:
    """Ties that are no follow event yet become one; mutual ones each way."""
    follows = events.filter(pl.col("event") == "follow")
    told = follows.with_columns(other_id=person("item_id"))
    columns = ["user_id", "other_id", "timestamp", "_file", "_row"]
    if ties is not None:
        timed = ties if "timestamp" in ties.columns else ties.with_columns(timestamp=pl.lit(None, dtype=UTC))
        told = pl.concat([told.select(columns), timed.select(columns)])
    told = told.select(columns)
    if mutual:
        told = pl.concat(
            [
                told,
                told.select(user_id="other_id", other_id="user_id", timestamp="timestamp", _file="_file", _row="_row"),
            ]
        )
    more = told.unique(["user_id", "other_id"], keep="first", maintain_order=True)
    more = follow_events(more).join(follows, on=["user_id", "item_id"], how="anti", maintain_order="left")
    return pl.concat([events, more.select(events.columns)])


def _follows_itself(bad: pl.DataFrame) -> pl.DataFrame:
    return bad.select(
        file="_file",
        row="_row",
        column=pl.lit("item_id"),
        value=pl.col("item_id"),
        reason=pl.lit("is the user's own self"),
        fix=pl.lit("Take the row out."),
    )
