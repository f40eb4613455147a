"""Steam-200k: what people bought and how long they played, with the Steam catalogue of 2018. Neither has a time."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recsat import Column, Dataset, find_table, read_table
from recsat_game.catalogue import GAME

NAME = "steam-200k"
CATALOGUE = "steam-catalog-2018"
SOURCE = (
    "Steam-200k (Tamber, Steam Video Games), generated from public Steam profiles, no licence stated; "
    "games described by the Steam catalogue of 2018."
)
GAMES = {
    "item_id": Column(source="game_id"),
    "title": Column(),
    "steam_app_id": Column(required=False),
    "topics": Column(kind="list", source="genres", default=()),
    "tags": Column(kind="list", default=()),
    "price": Column(kind="number", source="price_usd", required=False, least=0),
}
PLAY = {
    "user_id": Column(),
    "item_id": Column(source="game_id"),
    "value": Column(kind="number", source="hours", least=0),
}
PURCHASE = {"user_id": Column(), "item_id": Column(source="game_id")}
DETAILS = {
    "steam_app_id": Column(source="item_id"),
    "developer": Column(required=False),
    "_price": Column(kind="number", source="price_usd", required=False, least=0),
}


def read_steam(folder: Path, catalogue: Path | None) -> Dataset:
    """``games``, ``purchase`` and ``play`` of ``folder``; developers, and prices where there are none, from ``catalogue``.

    A purchase has no value: what was paid is not known, and the price of 2018 is not it. Rows that say the same twice count
    once; of hours that stand twice, their sum.
    """
    games, game_faults = read_table((folder, "games"), GAMES)
    purchases, purchase_faults = read_table((folder, "purchase"), PURCHASE)
    plays, play_faults = read_table((folder, "play"), PLAY)
    faults = [game_faults, purchase_faults, play_faults]
    if catalogue is not None:
        details, detail_faults = read_table((catalogue, "games"), DETAILS)
        faults.append(detail_faults)
        details = details.drop("_file", "_row").unique("steam_app_id", keep="first", maintain_order=True)
        games = games.join(details, on="steam_app_id", how="left", maintain_order="left")
        games = games.with_columns(price=pl.coalesce("price", "_price")).drop("_price")
    pair = ["user_id", "item_id"]
    bought = purchases.unique(pair, keep="first", maintain_order=True).with_columns(
        event=pl.lit("purchase"), value=pl.lit(None, dtype=pl.Float64)
    )
    origin = [pl.col("_file").first(), pl.col("_row").first()]
    played = plays.group_by(pair, maintain_order=True).agg(pl.col("value").sum(), *origin)
    columns = [*pair, "event", "value", "_file", "_row"]
    events = pl.concat([bought.select(columns), played.with_columns(event=pl.lit("play")).select(columns)])
    return Dataset(
        items=games.with_columns(kind=pl.lit(GAME)),
        events=events.with_columns(timestamp=pl.lit(None, dtype=pl.Datetime("us", "UTC"))),
        quarantine=pl.concat(faults),
        source=SOURCE,
    )


def catalogue_beside(folder: Path) -> Path | None:
    """The Steam catalogue next to ``folder``, where it is there."""
    beside = folder.parent / CATALOGUE
    return beside if beside.is_dir() and find_table(beside, "games") is not None else None
