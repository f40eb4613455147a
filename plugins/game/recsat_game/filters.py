"""Owned, invited, platform, age rating, compatible, free to play; and nobody ever meets themselves.

A game whose platforms, age rating or price are unknown is removed by the filter that asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from recsat import CandidateFilter, DataError, FilterContext
from recsat_game.catalogue import FRIEND, GAME, ITEM, PREFIX, owned_games

PAIR = ["user_id", "item_id"]


def _need(name: str, column: str, items: pl.DataFrame) -> None:
    if column not in items.columns:
        raise DataError(
            f"items: filter {name} needs column {column!r}, and these items have none. "
            f"Add the column, or take game.{name} out of rank.filters."
        )


def _all(items: pl.DataFrame) -> pl.Series:
    return pl.repeat(value=True, n=items.height, dtype=pl.Boolean, eager=True)


def _of(users: pl.Series, pairs: pl.LazyFrame, context: FilterContext) -> pl.DataFrame:
    """``pairs`` of ``users`` on items that there are."""
    asked = users.rename("user_id").to_frame().lazy()
    items = context.known.items.lazy().select("item_id")
    return pairs.join(asked, on="user_id", how="semi").join(items, on="item_id", how="semi").sort(PAIR).collect()


def _oneself(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    own = users.rename("user_id").to_frame().lazy()
    return _of(users, own.select("user_id", item_id=pl.concat_str(pl.lit(PREFIX), "user_id")), context)


def _owned(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    events, items = context.known.events, context.known.items
    again = pl.col("consumable").fill_null(value=False) if "consumable" in items.columns else pl.lit(value=False)
    kept = items.lazy().filter((pl.col("kind") == ITEM) & ~again).select("item_id")
    bought = events.lazy().filter(pl.col("event") == "spend").select(PAIR).unique().join(kept, on="item_id", how="semi")
    return _of(users, pl.concat([owned_games(events, items), bought]), context)


def _invited(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    return _of(users, context.known.events.lazy().filter(pl.col("event") == "invite").select(PAIR).unique(), context)


def _compatible(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    items = context.known.items
    if not (items["kind"] == ITEM).any():
        return pl.DataFrame(schema=dict.fromkeys(PAIR, pl.String))
    _need("compatible", "game_id", items)
    inside = items.lazy().filter(pl.col("kind") == ITEM).select("item_id", "game_id").drop_nulls()
    owned = owned_games(context.known.events, items).select("user_id", game_id="item_id")
    return _of(users, owned.join(inside, on="game_id").select(PAIR).unique(), context)


def _platform_where(context: FilterContext) -> Mapping[str, Any] | None:
    if context.config.platform is None:
        return None
    _need("platform", "platforms", context.known.items)
    return {"must": [{"key": "platforms", "match": {"value": context.config.platform}}]}


def _platform_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    if context.config.platform is None:
        return _all(items)
    _need("platform", "platforms", items)
    runs = pl.col("platforms").list.contains(context.config.platform)
    return items.select(runs.fill_null(value=False)).to_series()


def _age_where(context: FilterContext) -> Mapping[str, Any] | None:
    if context.config.max_age_rating is None:
        return None
    _need("age_rating", "age_rating", context.known.items)
    return {"must": [{"key": "age_rating", "range": {"lte": context.config.max_age_rating}}]}


def _age_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    if context.config.max_age_rating is None:
        return _all(items)
    _need("age_rating", "age_rating", items)
    return items.select((pl.col("age_rating") <= context.config.max_age_rating).fill_null(value=False)).to_series()


def _free_where(context: FilterContext) -> Mapping[str, Any] | None:
    if not context.config.free_to_play_only:
        return None
    _need("free_to_play", "price", context.known.items)
    return {"must": [{"key": "price", "range": {"lte": 0}}]}


def _free_keep(items: pl.DataFrame, context: FilterContext) -> pl.Series:
    if not context.config.free_to_play_only:
        return _all(items)
    _need("free_to_play", "price", items)
    return items.select((pl.col("price") <= 0).fill_null(value=False)).to_series()


NOT_SELF = CandidateFilter(
    name="not_self",
    description="Nobody is recommended to themselves.",
    exclude=_oneself,
    kinds=(FRIEND,),
    always=True,
)
OWNED = CandidateFilter(
    name="owned",
    description="Games that the user does not own yet, and in-game items not bought yet unless they are used up.",
    exclude=_owned,
    kinds=(GAME, ITEM),
)
NOT_INVITED = CandidateFilter(
    name="not_invited",
    description="People whom the user has not invited yet.",
    exclude=_invited,
    kinds=(FRIEND,),
)
PLATFORM = CandidateFilter(
    name="platform",
    description="Games, and items of games, that run on the chosen platform.",
    where=_platform_where,
    keep=_platform_keep,
    kinds=(GAME, ITEM),
    fields={"platforms": "keyword"},
)
AGE_RATING = CandidateFilter(
    name="age_rating",
    description="Games, and items of games, rated for the chosen age or below.",
    where=_age_where,
    keep=_age_keep,
    kinds=(GAME, ITEM),
    fields={"age_rating": "integer"},
)
COMPATIBLE = CandidateFilter(
    name="compatible",
    description="In-game items of games that the user owns.",
    allow=_compatible,
    kinds=(ITEM,),
)
FREE_TO_PLAY = CandidateFilter(
    name="free_to_play",
    description="Games that cost nothing.",
    where=_free_where,
    keep=_free_keep,
    kinds=(GAME,),
    fields={"price": "float"},
)
FILTERS = (NOT_SELF, OWNED, NOT_INVITED, PLATFORM, AGE_RATING, COMPATIBLE, FREE_TO_PLAY)
