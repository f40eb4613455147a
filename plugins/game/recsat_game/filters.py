"""Owned, invited, platform, age rating, compatible, free to play; and nobody ever meets themselves.

A game whose platforms, age rating or price are unknown is removed by the filter that asks for it.
"""

from __future__ import annotations

import polars as pl

from recsat import CandidateFilter, DataError, FilterContext, field
from recsat_game.catalogue import FRIEND, GAME, ITEM, PREFIX, owned_games

PAIR = ["user_id", "item_id"]


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
    if "game_id" not in items.columns:
        raise DataError(
            "items: filter compatible needs column 'game_id', and these items have none. "
            "Add the column, or take game.compatible out of rank.filters."
        )
    inside = items.lazy().filter(pl.col("kind") == ITEM).select("item_id", "game_id").drop_nulls()
    owned = owned_games(context.known.events, items).select("user_id", game_id="item_id")
    return _of(users, owned.join(inside, on="game_id").select(PAIR).unique(), context)


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
    rule=field("platforms").equals(lambda context: context.config.platform),
    kinds=(GAME, ITEM),
)
AGE_RATING = CandidateFilter(
    name="age_rating",
    description="Games, and items of games, rated for the chosen age or below.",
    rule=field("age_rating") <= (lambda context: context.config.max_age_rating),
    kinds=(GAME, ITEM),
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
    rule=field("price") <= (lambda context: 0 if context.config.free_to_play_only else None),
    kinds=(GAME,),
)
FILTERS = (NOT_SELF, OWNED, NOT_INVITED, PLATFORM, AGE_RATING, COMPATIBLE, FREE_TO_PLAY)
