"""Your own games: ``items`` and ``events``, with ``users`` and ``exposures`` where they exist."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat import Column, DataError, Dataset, find_table, read_table
from recsat_game.catalogue import GAME, ITEM, NO_WORDS, PREFIX, everybody, person, with_games, with_people

ITEMS = {
    "item_id": Column(),
    "title": Column(),
    "kind": Column(required=False),
    "topics": Column(kind="list", source="genres", required=False),
    "tags": Column(kind="list", required=False),
    "description": Column(required=False),
    "developer": Column(required=False),
    "price": Column(kind="number", required=False),
    "platforms": Column(kind="list", required=False),
    "age_rating": Column(kind="integer", required=False),
    "game_id": Column(required=False),
    "consumable": Column(kind="boolean", required=False),
}
USERS = {
    "user_id": Column(),
    "name": Column(required=False),
    "interests": Column(kind="list", required=False),
    "bio": Column(required=False),
}
AMOUNTS = ("purchase", "play", "spend")


def read_tables(folder: Path, timestamp_format: str | None) -> Dataset:
    """CSV, Parquet or JSON lines of ``folder`` in the schema of the README.

    People become items where somebody was invited or shown. In-game items without a known game, amounts below nothing, and
    invitations to oneself are faults of their rows. Raises DataError where ids begin with ``user:`` or a kind is unknown.
    """
    time = Column(kind="time", time_format=timestamp_format)
    pair = {"user_id": Column(), "item_id": Column()}
    sold, item_faults = read_table((folder, "items"), ITEMS)
    columns = {**pair, "event": Column(), "value": Column(kind="number", required=False), "timestamp": time}
    events, event_faults = read_table((folder, "events"), columns)
    if "value" not in events.columns:
        events = events.with_columns(value=pl.lit(None, dtype=pl.Float64))
    faults = [item_faults, event_faults]
    users = pl.DataFrame(schema={"user_id": pl.String, "_file": pl.String, "_row": pl.Int64})
    if (path := find_table(folder, "users")) is not None:
        users, user_faults = read_table(path, USERS)
        faults.append(user_faults)
    exposures = None
    if (path := find_table(folder, "exposures")) is not None:
        logged = {"position": Column(kind="integer"), "timestamp": time, "policy": Column()}
        outcome = {"propensity": Column(kind="number"), "click": Column(kind="boolean")}
        exposures, exposure_faults = read_table(path, {**pair, **logged, **outcome})
        faults.append(exposure_faults)
    _require_own_ids(sold, "item_id")
    _require_own_ids(users, "user_id")
    sold, sold_faults = _sound_items(_complete(sold))
    events, amount_faults = _sound_events(_about_people(events))
    faults += [sold_faults, amount_faults]
    named = [events.select(person("item_id")).to_series()]
    named += [] if exposures is None else [exposures.select(person("item_id")).to_series()]
    meets = any(ids.is_not_null().any() for ids in named)
    people = everybody(users, events["user_id"], *named)
    # People whom no user table names have their place among the people of the events.
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int64)
    people = people.with_columns(_file=pl.col("_file").fill_null("people"), _row=pl.col("_row").fill_null(place))
    return Dataset(
        items=with_people(with_games(sold), people) if meets else with_games(sold),
        users=people,
        events=events,
        exposures=exposures,
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


def _complete(sold: pl.DataFrame) -> pl.DataFrame:
    kind = pl.col("kind").fill_null(GAME) if "kind" in sold.columns else pl.lit(GAME)
    topics = pl.col("topics").fill_null(NO_WORDS) if "topics" in sold.columns else NO_WORDS
    sold = sold.with_columns(kind=kind, topics=topics)
    strange = sold.filter(~pl.col("kind").is_in([GAME, ITEM]))
    if strange.height:
        file, row, kind_of = strange.select("_file", "_row", "kind").row(0)
        raise DataError(
            f"{file}, row {row}: kind {kind_of!r} is not {GAME!r} or {ITEM!r}. People are made from users and events."
        )
    return sold


def _sound_items(sold: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Items inside games that exist, and faults of the others."""
    games = sold.filter(pl.col("kind") == GAME)["item_id"]
    known = pl.col("game_id").is_in(games.implode()) if "game_id" in sold.columns else pl.lit(value=False)
    lost = (pl.col("kind") == ITEM) & ~known.fill_null(value=False)
    cell = pl.col("game_id") if "game_id" in sold.columns else pl.lit(None, dtype=pl.String)
    faults = _faults(sold.filter(lost), "game_id", cell, "is no game among the items", "Name the game it belongs to.")
    return sold.filter(~lost), faults


def _about_people(events: pl.DataFrame) -> pl.DataFrame:
    """Invitations name a person: their ``item_id`` may be the plain user id."""
    plain = (pl.col("event") == "invite") & ~pl.col("item_id").str.starts_with(PREFIX)
    whom = pl.when(plain).then(pl.concat_str(pl.lit(PREFIX), "item_id")).otherwise("item_id")
    return events.with_columns(item_id=whom)


def _sound_events(events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events with amounts of nothing or more and invitations to others, and faults of the rest."""
    below = (pl.col("event").is_in(AMOUNTS) & (pl.col("value") < 0)).fill_null(value=False)
    itself = (person("item_id") == pl.col("user_id")).fill_null(value=False)
    amount = pl.col("value").cast(pl.String)
    faults = [
        _faults(events.filter(below), "value", amount, "is less than nothing", "Net refunds out of what they undo."),
        _faults(events.filter(itself), "item_id", pl.col("item_id"), "is the user's own self", "Take the row out."),
    ]
    return events.filter(~below & ~itself), pl.concat(faults)


def _faults(bad: pl.DataFrame, column: str, cell: pl.Expr, reason: str, fix: str) -> pl.DataFrame:
    return bad.select(
        file="_file", row="_row", column=pl.lit(column), value=cell, reason=pl.lit(reason), fix=pl.lit(fix)
    )
