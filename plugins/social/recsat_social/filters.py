"""Who must not be shown to whom. Three rules always run: nobody meets themselves, those who blocked them, or who opted out."""

from __future__ import annotations

import polars as pl

from recsat import CandidateFilter, FilterContext, field
from recsat.people import FRIEND, NOT_SELF, pairs_of, person, person_item
from recsat_social.network import known_network, within
from recsat_social.people import ties_of


def _people_pairs(pairs: pl.LazyFrame, users: pl.Series, context: FilterContext) -> pl.DataFrame:
    """``pairs`` (user_id, other_id) of ``users`` as (user_id, item_id), where the other is an item."""
    return pairs_of(pairs.select("user_id", item_id=person_item("other_id")), users, context)


def _blocked(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    # A person may have too few events to be a user of the run and still be an item of it: both tables know of blocks.
    by_users = _blocks(context.known.users, pl.col("user_id"))
    by_items = _blocks(context.known.items, person("item_id"))
    blocks = pl.concat([by_users, by_items])
    back = blocks.select(user_id="other_id", other_id="user_id")
    return _people_pairs(pl.concat([blocks, back]), users, context)


def _blocks(table: pl.DataFrame, who: pl.Expr) -> pl.LazyFrame:
    if "blocked" not in table.columns:
        return pl.LazyFrame(schema={"user_id": pl.String, "other_id": pl.String})
    pairs = table.lazy().select(user_id=who, other_id="blocked").explode("other_id").drop_nulls()
    return pairs.cast(pl.String)


def _friends(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    ever = context.known.events.filter(pl.col("event") != "unfollow")  # whom the user left is no news either
    ties = ties_of(ever).lazy().select("user_id", "other_id")
    if context.config.is_mutual:
        ties = pl.concat([ties, ties.select(user_id="other_id", other_id="user_id")])
    return _people_pairs(ties, users, context)


def _near(users: pl.Series, context: FilterContext) -> pl.DataFrame:
    network = known_network(context.known.events)
    return _people_pairs(within(network, users, context.config.max_distance).lazy(), users, context)


NOT_BLOCKED = CandidateFilter(
    name="not_blocked",
    description="Nobody whom the user blocked, or who blocked the user.",
    exclude=_blocked,
    kinds=(FRIEND,),
    always=True,
)
PRIVACY = CandidateFilter(
    name="privacy",
    description="Nobody who opted out of being recommended, or of whom it is not known.",
    rule=field("opted_out", required=False).equals(False),
    kinds=(FRIEND,),
    always=True,
)
NOT_YET_FRIENDS = CandidateFilter(
    name="not_yet_friends",
    description="People whom the user does not follow yet, or is not tied to yet where ties are mutual.",
    exclude=_friends,
    kinds=(FRIEND,),
)
SAME_NETWORK = CandidateFilter(
    name="same_network",
    description="People at most the chosen number of ties away.",
    allow=_near,
    kinds=(FRIEND,),
)
FILTERS = (NOT_SELF, NOT_BLOCKED, PRIVACY, NOT_YET_FRIENDS, SAME_NETWORK)
