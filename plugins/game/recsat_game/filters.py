"""Owned, invited, platform, age rating, compatible, free to play; and nobody ever meets themselves.

A game whose platforms, age rating or price are unknown is removed by the filter that asks for it.
"""

from __future__ import annotations

import polars as pl

from recsat import CandidateFilter, DataError, FilterContext, field
from recsat.people import FRIEND, NOT_SELF, pairs_of
from recsat_game.catalogue import GAME, ITEM, owned_games

PAIR = ["user_id", "item_id"]


def _owned(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    events, items = context.known.events, context.known.items
    is_consumable = (
        pl.col("consumable").fill_null(value=False) if "consumable" in items.columns else pl.lit(value=False)
    )
    lasting = items.lazy().filter((pl.col("kind") == ITEM) & ~is_consumable).select("item_id")
    bought = events.lazy().filter(pl.col("event") == "spend").select(PAIR).join(lasting, on="item_id", how="semi")
    return pairs_of(pl.concat([owned_games(events, items), bought]), users, context)


def _invited(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    return pairs_of(context.known.events.lazy().filter(pl.col("event") == "invite"), users, context)


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
    return pairs_of(owned.join(inside, on="game_id"), users, context)


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
