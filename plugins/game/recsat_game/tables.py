"""Your own games: ``items`` and ``events``, with ``users`` and ``exposures`` where they exist."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from recsat import Column, DataError, Dataset, read_dataset, set_aside
from recsat.people import everybody, name_people, person, refuse_person_ids, with_people
from recsat_game.catalogue import GAME, ITEM, with_games
from recsat_game.config import GameConfig

ITEMS = {
    "item_id": Column(),
    "title": Column(required=False),
    "kind": Column(default=GAME),
    "topics": Column(kind="list", source="genres", default=()),
    "tags": Column(kind="list", required=False),
    "description": Column(required=False),
    "developer": Column(required=False),
    "price": Column(kind="number", required=False, least=0),
    "platforms": Column(kind="list", required=False),
    "age_rating": Column(kind="integer", required=False, least=0),
    "game_id": Column(required=False),
    "consumable": Column(kind="boolean", required=False),
}
USERS = {
    "user_id": Column(),
    "name": Column(required=False),
    "interests": Column(kind="list", required=False),
    "bio": Column(required=False),
}


def read_tables(config: GameConfig) -> Dataset:
    """CSV, Parquet or JSON lines of the folder in the schema of the README.

    People become items where somebody was invited or shown. In-game items without a known game and
    invitations to oneself are faults of their rows. Raises DataError where ids begin with ``user:`` or a kind is unknown.
    """
    assert config.folder is not None, "the config model sees to it"
    folder, form = Path(config.folder), config.timestamp_format
    data = read_dataset(folder, items=ITEMS, users=USERS, time_format=form, tables=config.tables, signed=())
    refuse_person_ids(data.items, "item_id")
    refuse_person_ids(data.users, "user_id")
    _refuse_other_kinds(data.items)
    data = _sound(replace(data, events=name_people(data.events, ["invite"])))
    exposures = [] if data.exposures is None else [data.exposures]
    met = [table.select(person("item_id")).to_series() for table in (data.events, *exposures)]
    people = everybody(data.users, data.events["user_id"], *met)
    sold = with_games(data.items)
    meets = any(ids.is_not_null().any() for ids in met)
    return replace(data, items=with_people(sold, people) if meets else sold, users=people)


def _refuse_other_kinds(sold: pl.DataFrame) -> None:
    unknown = sold.filter(~pl.col("kind").is_in([GAME, ITEM]))
    if unknown.height:
        file, row, kind_of = unknown.select("_file", "_row", "kind").row(0)
        raise DataError(
            f"{file}, row {row}: kind {kind_of!r} is not {GAME!r} or {ITEM!r}. People are made from users and events."
        )


def _sound(data: Dataset) -> Dataset:
    """Items inside games that exist, invitations to others; faults of the rest."""
    sold = data.items if "game_id" in data.items.columns else data.items.with_columns(game_id=pl.lit(None, pl.String))
    games = sold.filter(pl.col("kind") == GAME)["item_id"]
    data = set_aside(
        replace(data, items=sold),
        "items",
        (pl.col("kind") == ITEM) & ~pl.col("game_id").is_in(games.implode()).fill_null(value=False),
        column="game_id",
        reason="is no game among the items",
        fix="Name the game it belongs to.",
    )
    return set_aside(
        data,
        "events",
        person("item_id") == pl.col("user_id"),
        column="item_id",
        reason="is the user's own self",
        fix="Take the row out.",
    )
